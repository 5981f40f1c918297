//! The port to a routing proxy: the engine finds, starts, watches and controls one through it.

pub(crate) mod core;
pub mod local;

use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::Text;
use crate::protocol::ProxyAt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

/// Error of a request to a proxy. Texts are one line and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ProxyError {
    /// No proxy runs here.
    #[error("no proxy runs here")]
    NoProxy,
    /// The proxy does not exist any more, or does not answer.
    #[error("{0}")]
    Unreachable(Text),
    /// The proxy answers, and refuses: the token is wrong, the cluster is unknown, or the configuration is not valid.
    #[error("{0}")]
    Refused(Text),
    /// The proxy could not be started, or failed inside.
    #[error("{0}")]
    Failed(Text),
}

/// The proxy to link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxySource {
    /// The proxy that runs on this machine for this user, if any.
    Found,
    /// A new proxy.
    Own,
    /// A proxy at a given address.
    At {
        /// `host:port` of its admin listener.
        address: Text,
        /// File with its admin token.
        token_file: Text,
    },
}

/// Finds and starts proxies.
pub trait ProxyLauncher: Send + Sync + Debug {
    /// Attaches to a running proxy, or starts one; the proxy answers by then. Fails if none runs, none can be started
    /// here, the proxy does not answer, or it refuses the token.
    fn link(&self, source: ProxySource) -> BoxFuture<'_, Result<Arc<dyn ProxyHandle>, ProxyError>>;
}

/// A running proxy.
pub trait ProxyHandle: Send + Sync + Debug {
    /// Returns its address and its owner.
    fn at(&self) -> ProxyAt;

    /// Returns its state. Fails if it does not answer, refuses the token, or is of another version.
    fn picture(&self) -> BoxFuture<'_, Result<Routes, ProxyError>>;

    /// Drains, blocks or opens a cluster. Fails if it does not answer, or has no such cluster.
    fn set_traffic(&self, cluster: Text, state: TrafficState) -> BoxFuture<'_, Result<(), ProxyError>>;

    /// Makes it read its configuration again. Fails if it does not answer, or with the reason why the new configuration
    /// was refused.
    fn reload(&self) -> BoxFuture<'_, Result<(), ProxyError>>;

    /// Returns the route of a request: `GET /api/v1/pods`, or a kubectl command line. Fails if it does not answer, or
    /// the text is not a request.
    fn explain(&self, text: Text) -> BoxFuture<'_, Result<Explanation, ProxyError>>;

    /// Lets it outlive this program, or takes that back; returns what holds now. Fails if this program did not start
    /// it.
    fn keep(&self, kept: bool) -> BoxFuture<'_, Result<bool, ProxyError>>;

    /// Drains it and ends it; returns when it is gone. Fails if this program did not start it, or if it cannot be
    /// signalled.
    fn stop(&self) -> BoxFuture<'_, Result<(), ProxyError>>;

    /// Ends a proxy that this program started, unless it is kept: called when this program exits. Does not wait.
    fn leave(&self);
}

/// Launcher for runs without a proxy: none is found and none can be started.
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
