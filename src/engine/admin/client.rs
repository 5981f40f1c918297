//! Client of the admin listener.

use crate::engine::address::is_loopback;
use crate::engine::k8s::endpoint::Secret;
use crate::model::text::clean;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest answer, in bytes: the state of some hundred clusters and a full tail.
const ANSWER_MAX: usize = 16 * 1_024 * 1_024;

/// Error of an admin request. One line each, without a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The proxy is not there, or does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The proxy answers, and does not do the request.
    #[error("{0}")]
    Refused(String),
}

/// Client of one proxy; each request has its own connection.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    token: Secret,
}

impl Client {
    /// Returns a client for the proxy at `address`. Fails if that is not a loopback address: the token is sent over
    /// plain HTTP.
    pub fn new(address: SocketAddr, token: Secret) -> Result<Self, Trouble> {
        if is_loopback(address.ip()) {
            return Ok(Self { address, token });
        }
        let why = format!("{address} is not on this machine, and the admin token would cross the network in the clear");
        Err(Trouble::Refused(why))
    }

    /// Returns the address of the admin listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Parses an answer as JSON. Fails if another version of the program wrote it.
    pub(crate) fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Trouble> {
        let told = |why| format!("the proxy at {} answers what this version cannot read: {why}", self.address);
        serde_json::from_slice(body).map_err(|why| Trouble::Refused(told(why)))
    }

    /// Requests a page and returns its body. Fails if there is no answer within `wait`, or its status is not 200.
    pub(crate) async fn ask(
        &self,
        what: (Method, &'static str),
        body: String,
        wait: Duration,
    ) -> Result<Bytes, Trouble> {
        let path = what.1;
        let asked = tokio::time::timeout(wait, self.exchange(what, body)).await;
        let late = |_| format!("the proxy at {} did not answer {path} within {} s", self.address, wait.as_secs());
        let (status, body) = asked.map_err(|elapsed| Trouble::Unreachable(late(elapsed)))??;
        if status == StatusCode::OK {
            return Ok(body);
        }
        if status == StatusCode::UNAUTHORIZED {
            return Err(Trouble::Refused(format!("the proxy at {} does not know this token", self.address)));
        }
        Err(Trouble::Refused(clean(String::from_utf8_lossy(&body).trim()).into_owned()))
    }

    async fn exchange(&self, (method, path): (Method, &str), body: String) -> Result<(StatusCode, Bytes), Trouble> {
        let away = |why: &dyn std::fmt::Display| Trouble::Unreachable(format!("no proxy at {}: {why}", self.address));
        let stream = TcpStream::connect(self.address).await.map_err(|why| away(&why))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|why| away(&why))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.0))
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            // hyper's words would show the token.
            .map_err(|_| Trouble::Refused("the admin token holds characters no token has".to_owned()))?;
        let answered = async {
            let answer = sender.send_request(request).await.map_err(|why| away(&why))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await.map_err(|why| away(&why))?;
            Ok((status, body.to_bytes()))
        };
        tokio::pin!(answered, connection);
        tokio::select! {
            answer = &mut answered => answer,
            // It drives the answer; when it ends first, the rest of the answer is there already.
            _ended = &mut connection => answered.await,
        }
    }
}
