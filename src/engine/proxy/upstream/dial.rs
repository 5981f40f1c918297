//! Connections to one API server with one identity: the adapter's own dialler, with ALPN.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::client::connector::{Connector, Dialled, Observed};
use crate::engine::k8s::client::proxy::Proxy;
use crate::engine::k8s::client::service::Server;
use crate::engine::k8s::tls::{self, ALPN_H1, ALPN_H2, Trust};
use crate::model::text::Text;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use std::sync::Arc;

/// The address of an API server, in the parts that requests are built from.
pub(super) struct Place {
    pub(super) server: Server,
    pub(super) proxy: Option<Arc<Proxy>>,
    scheme: Scheme,
    authority: Authority,
    /// `Host` for HTTP/1.1.
    pub(super) host: HeaderValue,
    /// `Origin` for a WebSocket handshake: the server compares it with the host, or requires at least one.
    pub(super) origin: HeaderValue,
    /// Prefix of each path, from an endpoint `https://host/prefix`; mostly empty.
    prefix: String,
}

impl Place {
    pub(super) fn new(server: Server, proxy: Option<Arc<Proxy>>) -> Result<Self, ClusterError> {
        let unfit = || ClusterError::Failed(Text::new("the server's address is not one"));
        let parts = server.base.clone().into_parts();
        let authority = parts.authority.ok_or_else(unfit)?;
        let scheme = parts.scheme.ok_or_else(unfit)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| unfit())?;
        let origin = HeaderValue::try_from(format!("{scheme}://{authority}")).map_err(|_| unfit())?;
        let prefix = server.base.path().trim_end_matches('/').to_owned();
        Ok(Self { server, proxy, scheme, authority, host, origin, prefix })
    }

    /// Returns the address of a request in the form its protocol needs; `None` if prefix and path form no address.
    pub(super) fn target(&self, path: &PathAndQuery, h2: bool) -> Option<Uri> {
        let path = if self.prefix.is_empty() {
            path.clone()
        } else {
            PathAndQuery::try_from(format!("{}{}", self.prefix, path.as_str())).ok()?
        };
        if !h2 {
            return Some(Uri::from(path));
        }
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }
}

/// Dials one address with one trust.
pub(super) struct Dialler {
    place: Arc<Place>,
    /// Connector that offers both protocols.
    both: Connector,
    /// Connector that offers HTTP/1.1 alone: for upgrades, and for probes.
    one: Connector,
}

impl Dialler {
    pub(super) fn new(
        place: &Arc<Place>,
        trust: &Trust,
        observed: &Observed,
        guarded: bool,
    ) -> Result<Self, ClusterError> {
        let connector = |protocols: &[&[u8]]| {
            let tls = match &place.server.tls {
                Some(name) => {
                    let mut config = tls::configure(trust)?;
                    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
                    Some((Arc::new(config), name.clone()))
                }
                None => None,
            };
            Ok::<_, ClusterError>(
                Connector::new(&place.server.address, place.proxy.clone(), tls, observed, guarded).trusting(trust),
            )
        };
        Ok(Self { place: Arc::clone(place), both: connector(&[ALPN_H2, ALPN_H1])?, one: connector(&[ALPN_H1])? })
    }

    /// Dials a connection for a pool. Fails if no connection can be made.
    pub(super) async fn dial(&self) -> Result<Dialled, ClusterError> {
        self.both.clone().dial(self.place.server.base.clone()).await
    }

    /// Dials a connection that speaks HTTP/1.1. Fails if no connection can be made.
    pub(super) async fn dial_h1(&self) -> Result<Dialled, ClusterError> {
        self.one.clone().dial(self.place.server.base.clone()).await
    }
}
