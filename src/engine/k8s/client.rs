//! The way to one API server: a `kube` client over a transport of our own.
//!
//! `kube`'s stack stays in charge of requests and answers. Below it lies ours, because of what its
//! default does (`docs/adr/0004`): plugins run three times and block, NO_PROXY asks the wrong host, retries
//! have no bound, idle connections neither, a rotated certificate is never seen.

pub mod connector;
pub(crate) mod headers;
pub mod proxy;
mod resolver;
pub mod review;
pub(crate) mod sending;
pub(crate) mod service;
pub mod sockets;
mod socks;

use crate::config::environment::Environment;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::credentials::{Credentials, plugin::Plugins};
use crate::engine::k8s::endpoint::Endpoint;
use crate::engine::k8s::errors;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take to come up: name, TCP, proxy and TLS together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer read into memory at once.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What every client shares.
#[derive(Debug, Clone)]
pub struct ClientContext {
    pub environment: Arc<Environment>,
    pub plugins: Arc<Plugins>,
}

/// One API server, reachable as one identity.
#[derive(Clone)]
pub struct Connection {
    pub client: kube::Client,
    credentials: Arc<Credentials>,
    observed: connector::Observed,
    deadline: Duration,
    /// `host:port`, for messages.
    address: Arc<str>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("label", &self.credentials.endpoint().label).finish_non_exhaustive()
    }
}

/// Makes the client of an endpoint; to be called within a runtime. Contacts nobody; says what is wrong with the endpoint as written.
pub fn build(endpoint: &Arc<Endpoint>, surroundings: &ClientContext) -> Result<Connection, ClusterError> {
    let credentials = Arc::new(Credentials::new(Arc::clone(endpoint), Arc::clone(&surroundings.plugins)));
    let observed = connector::Observed::default();
    let service = service::Service::new(&credentials, &surroundings.environment, &observed)?;
    let deadline = Duration::from_secs(u64::from(endpoint.timeout_s.max(1)));
    let address = service.address();
    Ok(Connection { client: kube::Client::new(service, "default"), credentials, observed, deadline, address })
}

impl Connection {
    /// Gets the credentials ready: runs a plugin, reads files. The first request would do it as well.
    pub async fn log_in(&self) -> Result<(), ClusterError> {
        self.credentials.grant().await.map(drop)
    }

    /// The whole answer of a GET, within the endpoint's deadline.
    pub async fn get(&self, path: &str, accept: &'static str) -> Result<Bytes, ClusterError> {
        self.get_within(path, accept, self.deadline).await
    }

    /// As [`Connection::get`], with a deadline of its own. Getting the credentials has its own as well
    /// and does not count.
    pub async fn get_within(
        &self,
        path: &str,
        accept: &'static str,
        deadline: Duration,
    ) -> Result<Bytes, ClusterError> {
        let (status, bytes) = self.exchange(path, accept, deadline).await?;
        if status.is_success() { Ok(bytes) } else { Err(errors::of_status(status, &bytes)) }
    }

    /// The status and the body of a GET, whatever the status says.
    pub(crate) async fn status_of(&self, path: &str, deadline: Duration) -> Result<(StatusCode, Bytes), ClusterError> {
        self.exchange(path, "*/*", deadline).await
    }

    async fn exchange(
        &self,
        path: &str,
        accept: &'static str,
        deadline: Duration,
    ) -> Result<(StatusCode, Bytes), ClusterError> {
        self.log_in().await?;
        let request = request(path, accept)?;
        let all = async {
            let answer = self.client.send(request).await.map_err(|e| errors::translate(&e))?;
            let status = answer.status();
            let body = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
            let bytes = body.collect().await.map_err(|e| errors::translate_any(&*e))?.to_bytes();
            Ok((status, bytes))
        };
        match tokio::time::timeout(deadline, all).await {
            Ok(result) => result,
            Err(_) => Err(errors::timed_out(deadline, &self.address)),
        }
    }

    /// The body of a GET as it comes, for what has no end of its own.
    pub(crate) async fn stream(&self, path: &str) -> Result<kube::client::Body, ClusterError> {
        let answer = self.client.send(request(path, "*/*")?).await.map_err(|e| errors::translate(&e))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let body = answer.into_body().collect().await.map_err(|e| errors::translate_any(&e))?;
        Err(errors::of_status(status, &body.to_bytes()))
    }

    /// Reads a JSON answer.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ClusterError> {
        let bytes = self.get(path, "application/json").await?;
        serde_json::from_slice(&bytes).map_err(|e| errors::not_json(&bytes, &e))
    }

    /// What its connections learn of the server.
    pub(crate) fn observed(&self) -> connector::Observed {
        self.observed.clone()
    }

    /// The first credential or certificate known to end, and which one it is.
    pub fn expiry(&self) -> Option<(UnixSeconds, Text)> {
        let server = self.observed.not_after().map(|at| (at, Text::new("server certificate")));
        [self.credentials.expiry(), server].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

fn request(path: &str, accept: &'static str) -> Result<Request<kube::client::Body>, ClusterError> {
    Request::get(path)
        .header(http::header::ACCEPT, accept)
        .body(kube::client::Body::empty())
        .map_err(|_| ClusterError::Failed(Text::new("the path is not one")))
}

#[cfg(test)]
pub(crate) mod tests;
