//! Name resolution: a guarded endpoint gets no address at which machines keep their own secrets.

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

/// A name that gave no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unresolved {
    /// The resolver knows that there is no such name.
    #[error("name not found: {0}")]
    NotFound(String),
    /// The resolver is away, or failed: a laptop without network. The name may well exist.
    #[error("cannot resolve {name}: {why}")]
    Failed { name: String, why: String },
}

impl Unresolved {
    /// Reads the system's sentence: `getaddrinfo` gives its code in words only (EAI_NONAME and EAI_NODATA on Linux and
    /// macOS).
    fn new(name: &str, sentence: &str) -> Self {
        let why = sentence.rsplit(": ").next().unwrap_or(sentence).trim();
        let absent = ["not known", "No address associated with hostname", "nodename nor servname"];
        if absent.iter().any(|words| why.contains(words)) {
            Self::NotFound(name.to_owned())
        } else {
            Self::Failed { name: name.to_owned(), why: why.to_owned() }
        }
    }
}

/// The system's resolver. Guarded, it refuses a name if any of its addresses is link-local: another answer for the same
/// name might be the address that is dialled.
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
            let found = asked.await.map_err(|why| Unresolved::new(&text, &why.to_string()))?;
            let found: Vec<SocketAddr> = found.collect();
            match found.iter().map(SocketAddr::ip).find(|&address| guarded && is_link_local(address)) {
                Some(address) => Err(Forbidden { name: text, address }.into()),
                None => Ok(found.into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_there_and_a_resolver_that_is_away_are_told_apart() {
        let of = |sentence: &str| {
            Unresolved::new("api.example", &format!("failed to lookup address information: {sentence}")).to_string()
        };
        for absent in [
            "Name or service not known",
            "No address associated with hostname",
            "nodename nor servname provided, or not known",
        ] {
            assert_eq!(of(absent), "name not found: api.example");
        }
        assert_eq!(
            of("Temporary failure in name resolution"),
            "cannot resolve api.example: Temporary failure in name resolution"
        );
    }
}
