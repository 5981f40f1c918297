//! Who asks. Nothing is routed, and no credential added, before this is known.

use std::collections::BTreeMap;
use std::sync::Arc;

/// How a caller showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Means {
    /// The token this proxy made and published.
    Token,
    /// A client certificate of a configured CA.
    Certificate,
    /// The uid at the other end of a Unix socket.
    Socket,
    /// A ServiceAccount token, reviewed by the home cluster.
    Review,
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub user: Arc<str>,
    pub groups: Arc<[Arc<str>]>,
    pub uid: Option<Arc<str>>,
    pub extra: Arc<BTreeMap<String, Vec<String>>>,
    pub means: Means,
}
