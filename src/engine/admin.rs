//! The admin listener: metrics, health and state, separate from proxied traffic. Plain HTTP on loopback; behind a
//! token, except for the pages a scraper and a kubelet need.

mod answer;
mod client;
mod pages;
mod place;

pub use client::{Client, Trouble};
pub use pages::{AdminApi, Answer, Page};
pub use place::{Announced, Found};

use crate::engine::k8s::endpoint::Secret;
use crate::error::{ErrorKind, UserError};
use answer::Guard;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Default address of the listener.
pub const ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 6480));

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// The whole of a connection: a scraper's next request may come on a new one.
const CONNECTION_LIFE: Duration = Duration::from_secs(300);

/// A bound listener.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
}

impl Admin {
    /// Binds `address`; port 0 lets the system choose. Fails if the address is in use, is not one of this machine, or
    /// needs a permission that the process does not have.
    pub async fn bind(address: SocketAddr, token: Secret) -> Result<Self, UserError> {
        let refused = |why: std::io::Error| {
            UserError::new(ErrorKind::Config, format!("cannot listen on {address} for the admin: {why}"))
                .hint("choose another address with --admin; 127.0.0.1:0 takes any free port")
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, guard: Guard::new(token, address) })
    }

    /// Returns the address with the port that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `ended`, and a moment longer for answers under way.
    pub async fn run(self, api: Arc<dyn AdminApi>, ended: CancellationToken) {
        let (guard, connections) = (Arc::new(self.guard), TaskTracker::new());
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (self.listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = ended.cancelled() => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let served = connection(stream, Arc::clone(&guard), Arc::clone(&api), ended.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
                // Out of descriptors: a moment later there may be some.
                Err(why) => {
                    tracing::warn!(%why, "the admin listener could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        connections.close();
        connections.wait().await;
    }
}

async fn connection(stream: TcpStream, guard: Arc<Guard>, api: Arc<dyn AdminApi>, ended: CancellationToken) {
    let service = service_fn(move |request| {
        let (guard, api) = (Arc::clone(&guard), Arc::clone(&api));
        async move { Ok::<_, Infallible>(answer::answer(request, &guard, &*api).await) }
    });
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WAIT)
            .max_headers(64)
            .max_buf_size(32 * 1_024)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        // A connection that broke has nobody to be told.
        _broken = serving.as_mut() => return,
        () = ended.cancelled() => {}
        () = tokio::time::sleep(CONNECTION_LIFE) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _late = tokio::time::timeout(HEAD_WAIT, serving).await;
}
