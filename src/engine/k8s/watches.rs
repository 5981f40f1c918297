//! List and watch, discovery, documents and logs.
