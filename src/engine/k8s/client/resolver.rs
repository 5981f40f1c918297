//! Names become addresses: of a guarded endpoint none where a machine keeps its own secrets.

use crate::engine::k8s::endpoint::is_link_local;
use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use tower::Service;

/// A name led where a guarded endpoint may not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} leads to {address}, a link-local or metadata address (`allowLinkLocal: true` in a local file allows it)"
)]
pub(crate) struct Forbidden {
    name: String,
    address: IpAddr,
}

/// The system's resolver. Guarded, it refuses a name as soon as one of its addresses is link-local: another answer of
/// the same name might be the one that is dialled.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    guarded: bool,
}

impl Resolver {
    pub(crate) fn new(guarded: bool) -> Self {
        Self { system: GaiResolver::new(), guarded }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Name>::poll_ready(&mut self.system, cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (guarded, text) = (self.guarded, name.as_str().to_owned());
        let asked = self.system.call(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = asked.await?.collect();
            match found.iter().map(SocketAddr::ip).find(|&address| guarded && is_link_local(address)) {
                Some(address) => Err(Forbidden { name: text, address }.into()),
                None => Ok(found.into_iter()),
            }
        })
    }
}
