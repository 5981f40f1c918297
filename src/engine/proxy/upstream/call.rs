//! One request as its upstream sees it.

use crate::engine::proxy::request::Class;
use tokio::time::Instant;

/// The properties of a request that decide how it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub class: Class,
    /// watch, log, exec, ...: no deadline, and no part of the streams kept for short ones.
    pub long_running: bool,
    /// A pod, service or node behind the API server answers (subresource `proxy`): its errors are not the API server's.
    pub proxied: bool,
    /// By then the head of the answer must be there.
    pub deadline: Option<Instant>,
}
