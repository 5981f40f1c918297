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

/// The longest response body read into memory at once.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// State that all clients share.
#[derive(Debug, Clone)]
pub struct ClientContext {
    /// The environment of the process: proxies and folders.
    pub environment: Arc<Environment>,
    /// The credential plugins, each run once for all clusters that need the same credentials.
    pub plugins: Arc<Plugins>,
}

/// A client of one API server with one identity.
#[derive(Clone)]
pub struct Connection {
    /// The `kube` client, for requests that [`Connection`] has no method for.
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

/// Makes the client of an endpoint, without a request. Call it within a tokio runtime. Fails if the server is not an
/// http or https URL, if the proxy address is malformed, or if an impersonated name cannot be a header value.
pub fn build(endpoint: &Arc<Endpoint>, surroundings: &ClientContext) -> Result<Connection, ClusterError> {
    let credentials = Arc::new(Credentials::new(Arc::clone(endpoint), Arc::clone(&surroundings.plugins)));
    let observed = connector::Observed::default();
    let service = service::Service::new(&credentials, &surroundings.environment, &observed)?;
    let deadline = Duration::from_secs(u64::from(endpoint.timeout_s.max(1)));
    let address = service.address();
    Ok(Connection { client: kube::Client::new(service, "default"), credentials, observed, deadline, address })
}

impl Connection {
    /// Prepares the credentials: reads files, runs a plugin. The first request would do so too. Fails if a file cannot
    /// be read, if the plugin fails, or if the user has a client certificate without its key, or an unusable token.
    pub async fn log_in(&self) -> Result<(), ClusterError> {
        self.credentials.grant().await.map(drop)
    }

    /// Returns the whole body of a GET, within the endpoint's deadline. Fails as [`Connection::get_within`].
    pub async fn get(&self, path: &str, accept: &'static str) -> Result<Bytes, ClusterError> {
        self.get_within(path, accept, self.deadline).await
    }

    /// As [`Connection::get`], with its own deadline. Preparing the credentials has a deadline of its own, which is not
    /// part of it. Fails if the credentials cannot be prepared, if the server cannot be reached or does not answer in
    /// time, if the answer's status is not a success, or if its body exceeds [`ANSWER_BYTES_MAX`].
    pub async fn get_within(
        &self,
        path: &str,
        accept: &'static str,
        deadline: Duration,
    ) -> Result<Bytes, ClusterError> {
        let (status, bytes) = self.exchange(path, accept, deadline).await?;
        if status.is_success() { Ok(bytes) } else { Err(errors::of_status(status, &bytes)) }
    }

    /// Returns the status and the body of a GET, whatever the status. Fails as [`Connection::get_within`], but for the
    /// status.
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

    /// Returns the body of a GET as it arrives, for one without an end, such as a log. Fails if the request gets no
    /// answer, or one whose status is not a success.
    pub(crate) async fn stream(&self, path: &str) -> Result<kube::client::Body, ClusterError> {
        let answer = self.client.send(request(path, "*/*")?).await.map_err(|e| errors::translate(&e))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        let body = answer.into_body().collect().await.map_err(|e| errors::translate_any(&e))?;
        Err(errors::of_status(status, &body.to_bytes()))
    }

    /// Returns the JSON body of a GET. Fails as [`Connection::get_within`], or if the body is not JSON of type `T`.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ClusterError> {
        let bytes = self.get(path, "application/json").await?;
        serde_json::from_slice(&bytes).map_err(|e| errors::not_json(&bytes, &e))
    }

    /// Measurements of the connections to the server: round trip and end of the certificate.
    pub(crate) fn observed(&self) -> connector::Observed {
        self.observed.clone()
    }

    /// When the first credential or certificate expires, and which of them it is; `None` if none is known to expire.
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
