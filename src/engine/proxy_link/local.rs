//! The routing proxies of this machine. A running proxy is found by the file in its state folder, and controlled over
//! its admin listener. A proxy of our own is a child process in its own session: its end does not end us, and our end
//! ends it only if it is not kept.

pub(crate) mod child;

pub use super::local::child::{KEEP, LEAVE, Starter};

use super::local::child::Child;
use crate::engine::address::tcp;
use crate::engine::admin::{Client, Found, Trouble};
use crate::engine::k8s::endpoint::Secret;
use crate::engine::proxy::admin_client::ProxyAdminClient;
use crate::engine::proxy_link::{ProxyError, ProxyHandle, ProxyLauncher, ProxySource};
use crate::model::proxy::{Explanation, Routes, TrafficState};
use crate::model::text::{Text, clean};
use crate::protocol::ProxyAt;
use compact_str::format_compact;
use futures::future::BoxFuture;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest token file that is read, in bytes: a token has some dozen letters.
const TOKEN_BYTES_MAX: u64 = 64 * 1_024;

/// Finds, attaches and starts proxies on this machine.
#[derive(Debug)]
pub struct LocalProxyLauncher {
    /// Folder in which a proxy of this user writes its address.
    state_dir: PathBuf,
    starter: Option<Starter>,
}

impl LocalProxyLauncher {
    /// Returns a launcher that looks in `state_dir`, and starts proxies with `starter`, if given.
    pub fn new(state_dir: PathBuf, starter: Option<Starter>) -> Self {
        Self { state_dir, starter }
    }

    async fn find(&self) -> Result<Linked, ProxyError> {
        let found = Found::in_folder(&self.state_dir).ok_or(ProxyError::NoProxy)?;
        let client = Client::new(found.address, found.token).map(ProxyAdminClient).map_err(told)?;
        match client.routes().await {
            Ok(_) => Ok(Linked { client, pid: Some(found.pid), child: None }),
            // What it wrote stays when a proxy is killed.
            Err(Trouble::Unreachable(_)) => Err(ProxyError::NoProxy),
            Err(refused @ Trouble::Refused(_)) => Err(told(refused)),
        }
    }

    async fn start(&self) -> Result<Linked, ProxyError> {
        let none = || ProxyError::Refused(Text::const_new("no proxy can be started here; `qd serve` starts one"));
        let starter = self.starter.as_ref().ok_or_else(none)?;
        let child = starter.start(&self.state_dir)?;
        let (client, pid) = child.ready(&self.state_dir).await?;
        Ok(Linked { client, pid: Some(pid), child: Some(child) })
    }
}

impl ProxyLauncher for LocalProxyLauncher {
    fn link(&self, source: ProxySource) -> BoxFuture<'_, Result<Arc<dyn ProxyHandle>, ProxyError>> {
        Box::pin(async move {
            let linked = match source {
                ProxySource::Found => self.find().await?,
                ProxySource::Own => self.start().await?,
                ProxySource::At { address, token_file } => attach(&address, &token_file).await?,
            };
            Ok(Arc::new(linked) as Arc<dyn ProxyHandle>)
        })
    }
}

async fn attach(address: &str, token_file: &str) -> Result<Linked, ProxyError> {
    let wrong = || ProxyError::Refused(format_compact!("{address} is no HOST:PORT; write 127.0.0.1:6480"));
    let client = Client::new(tcp(address).ok_or_else(wrong)?, token_in(Path::new(token_file))?)
        .map(ProxyAdminClient)
        .map_err(told)?;
    client.routes().await.map_err(told)?;
    Ok(Linked { client, pid: None, child: None })
}

/// Returns the token of a file: alone in it, or in the file that a proxy writes to its state folder. Fails if the file
/// cannot be read or holds no token.
fn token_in(path: &Path) -> Result<Secret, ProxyError> {
    #[derive(serde::Deserialize)]
    struct Written {
        token: String,
    }
    let refused = |why: &dyn std::fmt::Display| ProxyError::Refused(format_compact!("{}: {why}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|why| refused(&why))?;
    file.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(|why| refused(&why))?;
    let token = match serde_json::from_str::<Written>(&text) {
        Ok(written) => written.token,
        // Not an error to show: it would quote the token.
        Err(_) => text.trim().to_owned(),
    };
    if token.is_empty() { Err(refused(&"it holds no token")) } else { Ok(Secret(token)) }
}

pub(crate) fn told(trouble: Trouble) -> ProxyError {
    match trouble {
        Trouble::Unreachable(why) => ProxyError::Unreachable(Text::new(clean(&why))),
        Trouble::Refused(why) => ProxyError::Refused(Text::new(clean(&why))),
    }
}

/// A proxy that answers.
#[derive(Debug)]
struct Linked {
    client: ProxyAdminClient,
    pid: Option<u32>,
    /// The process of a proxy of our own.
    child: Option<Child>,
}

impl Linked {
    fn elsewhere() -> ProxyError {
        ProxyError::Refused(Text::const_new("this proxy was started elsewhere: end it there"))
    }

    /// Returns the error to show: for a proxy of our own that ended, its exit explains more than its silence.
    fn explained(&self, trouble: Trouble) -> ProxyError {
        let ended = self.child.as_ref().and_then(Child::ended);
        match (trouble, ended) {
            (Trouble::Unreachable(_), Some(how)) => ProxyError::Failed(how),
            (trouble, _) => told(trouble),
        }
    }
}

impl ProxyHandle for Linked {
    fn at(&self) -> ProxyAt {
        let address = format_compact!("{}", self.client.address());
        let kept = self.child.as_ref().is_some_and(Child::is_kept);
        ProxyAt { address, pid: self.pid, own: self.child.is_some(), kept }
    }

    fn picture(&self) -> BoxFuture<'_, Result<Routes, ProxyError>> {
        Box::pin(async { self.client.routes().await.map_err(|why| self.explained(why)) })
    }

    fn set_traffic(&self, cluster: Text, state: TrafficState) -> BoxFuture<'_, Result<(), ProxyError>> {
        Box::pin(async move { self.client.set_traffic(&cluster, state).await.map_err(|why| self.explained(why)) })
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), ProxyError>> {
        Box::pin(async { self.client.reload().await.map_err(|why| self.explained(why)) })
    }

    fn explain(&self, text: Text) -> BoxFuture<'_, Result<Explanation, ProxyError>> {
        Box::pin(async move { self.client.explain(&text).await.map_err(|why| self.explained(why)) })
    }

    fn keep(&self, kept: bool) -> BoxFuture<'_, Result<bool, ProxyError>> {
        let child = self.child.as_ref().ok_or_else(Self::elsewhere);
        Box::pin(std::future::ready(child.map(|child| child.keep(kept))))
    }

    fn stop(&self) -> BoxFuture<'_, Result<(), ProxyError>> {
        Box::pin(async { self.child.as_ref().ok_or_else(Self::elsewhere)?.stop().await })
    }

    fn leave(&self) {
        if let Some(child) = &self.child {
            child.leave();
        }
    }
}

#[cfg(test)]
mod tests;
