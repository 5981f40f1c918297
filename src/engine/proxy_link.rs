//! The port to a routing proxy: what the engine needs to find, start, watch and steer one.

pub(crate) mod core;
pub mod local;

use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::protocol::ProxyAt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

/// Why a proxy did not do as asked. Texts are one line and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ProxyError {
    /// None runs here.
    #[error("no proxy runs here")]
    NoProxy,
    /// It is not there any more, or does not answer.
    #[error("{0}")]
    Unreachable(Text),
    /// It answers, and does not do it: the token is not its, the cluster is unknown, the configuration is bad.
    #[error("{0}")]
    Refused(Text),
    /// It could not be started, or failed inside.
    #[error("{0}")]
    Failed(Text),
}

/// Which proxy is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxySource {
    /// The one that runs on this machine for this user, if any.
    Found,
    /// A new one.
    Own,
    /// The one whose admin listener is at `host:port`; the token is in a file.
    At { address: Text, token_file: Text },
}

/// Finds and starts proxies.
pub trait ProxyLauncher: Send + Sync + Debug {
    /// Attaches to a running proxy, or starts one. It answers when this returns.
    fn link(&self, source: ProxySource) -> BoxFuture<'_, Result<Arc<dyn ProxyHandle>, ProxyError>>;
}

/// A running proxy.
pub trait ProxyHandle: Send + Sync + Debug {
    fn at(&self) -> ProxyAt;

    fn picture(&self) -> BoxFuture<'_, Result<Routes, ProxyError>>;

    /// Drains, fences or opens a cluster.
    fn fence(&self, cluster: Text, fence: TrafficState) -> BoxFuture<'_, Result<(), ProxyError>>;

    /// Reads its configuration again; an error says why the new one was refused.
    fn reload(&self) -> BoxFuture<'_, Result<(), ProxyError>>;

    /// Which way a request would go: `GET /api/v1/pods`, or a kubectl command line.
    fn explain(&self, text: Text) -> BoxFuture<'_, Result<Explanation, ProxyError>>;

    /// Lets it outlive this program, or not; refused for one that others started. Gives what holds now.
    fn keep(&self, kept: bool) -> BoxFuture<'_, Result<bool, ProxyError>>;

    /// Ends it, when this program started it: it drains first. Returns when it is gone.
    fn stop(&self) -> BoxFuture<'_, Result<(), ProxyError>>;

    /// This program ends: so does a proxy of its own that is not to stay. Does not wait.
    fn leave(&self);
}

/// Where there is no proxy and none can be started: a headless run.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProxy;

impl ProxyLauncher for NoProxy {
    fn link(&self, source: ProxySource) -> BoxFuture<'_, Result<Arc<dyn ProxyHandle>, ProxyError>> {
        let why = match source {
            ProxySource::Found => ProxyError::NoProxy,
            ProxySource::Own | ProxySource::At { .. } => {
                ProxyError::Refused(Text::const_new("a proxy is started and attached by the console only"))
            }
        };
        Box::pin(std::future::ready(Err(why)))
    }
}
