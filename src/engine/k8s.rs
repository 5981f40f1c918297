//! The adapter for real API servers: the only place that names `kube`.

pub mod client;
pub mod credentials;
pub mod endpoint;
pub mod inventory;
pub mod projection;
pub mod query;
pub mod render;
pub mod watches;
