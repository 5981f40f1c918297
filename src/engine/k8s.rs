//! The adapter for real API servers: the only place that names `kube`.

pub mod access;
pub mod client;
pub mod connector;
pub mod credentials;
pub(crate) mod discovery;
pub(crate) mod documents;
pub mod endpoint;
pub mod errors;
pub mod inventory;
pub(crate) mod logs;
pub(crate) mod probe;
pub mod projection;
pub mod query;
pub mod render;
pub(crate) mod tls;
pub mod watches;
pub(crate) mod write;
