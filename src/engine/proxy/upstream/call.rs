//! A request as its upstream sees it.

use crate::engine::proxy::request::Class;
use tokio::time::Instant;

/// The properties of a request that decide how it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Class of the request; decides which failures may be retried.
    pub class: Class,
    /// watch, log, exec, …: no deadline, and none of the streams reserved for short requests.
    pub long_running: bool,
    /// A pod, service or node behind the API server answers (subresource `proxy`): its errors are not the API server's.
    pub proxied: bool,
    /// Time by which the head of the answer must be there; `None` for no limit.
    pub deadline: Option<Instant>,
}
