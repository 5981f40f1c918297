//! Credentials: tokens, certificates and exec plugins, run once for all who ask.
