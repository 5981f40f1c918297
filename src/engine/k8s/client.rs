//! Connections: proxies, TLS, deadlines, and errors in the words of [`crate::engine::cluster`].
