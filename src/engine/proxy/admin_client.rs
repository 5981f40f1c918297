//! The other end of a proxy's admin pages: what a console asks a running proxy.

use super::admin_pages::TrafficOrder;
use crate::engine::admin::{Client, Trouble};
use crate::model::proxy::{Explanation, Routes, TrafficState};
use hyper::Method;
use std::net::SocketAddr;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(5);
/// A reload may read the configuration from the home cluster, and log in there.
const RELOAD_WAIT: Duration = Duration::from_secs(40);

/// A client of one proxy's admin pages. Every call fails if the proxy does not answer in time or refuses.
#[derive(Debug, Clone)]
pub struct ProxyAdminClient(pub Client);

impl ProxyAdminClient {
    /// Returns the address of the admin listener.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Returns the state of the proxy, as the Routes view shows it.
    ///
    /// Fails if the proxy cannot be reached, does not know the token or answers with something else.
    pub async fn routes(&self) -> Result<Routes, Trouble> {
        self.0.read(&self.0.ask((Method::GET, "/routes"), String::new(), WAIT).await?)
    }

    /// Returns the effective configuration as text, secrets masked.
    ///
    /// Fails if the proxy cannot be reached or does not know the token.
    pub async fn config(&self) -> Result<String, Trouble> {
        let body = self.0.ask((Method::GET, "/config"), String::new(), WAIT).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Explains the route of a request: `GET /api/v1/pods`, or a kubectl command line.
    ///
    /// Fails if the proxy cannot be reached, does not know the token or cannot read the text.
    pub async fn explain(&self, text: &str) -> Result<Explanation, Trouble> {
        self.0.read(&self.0.ask((Method::POST, "/explain"), text.to_owned(), WAIT).await?)
    }

    /// Opens, drains or blocks the cluster of that name.
    ///
    /// Fails if the proxy cannot be reached, does not know the token or has no such cluster.
    pub async fn set_traffic(&self, cluster: &str, state: TrafficState) -> Result<(), Trouble> {
        let order = TrafficOrder { cluster: cluster.to_owned(), state };
        let order = serde_json::to_string(&order).map_err(|why| Trouble::Refused(why.to_string()))?;
        self.0.ask((Method::POST, "/traffic"), order, WAIT).await.map(drop)
    }

    /// Makes the proxy read its configuration again, and waits until the reload has ended.
    ///
    /// Fails if the proxy cannot be reached, does not know the token or refuses the new configuration.
    pub async fn reload(&self) -> Result<(), Trouble> {
        self.0.ask((Method::POST, "/reload"), String::new(), RELOAD_WAIT).await.map(drop)
    }
}
