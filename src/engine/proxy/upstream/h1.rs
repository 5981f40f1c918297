//! One HTTP/1.1 connection: one request at a time, kept for the next while the server keeps it.

use super::failure::{Cause, Failure};
use super::gate::{Gate, Gated};
use super::pool::Pool;
use crate::engine::k8s::client::connector::Socket;
use crate::engine::proxy::body::Outgoing;
use crate::model::text::Text;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Header lines of an answer: an API server sends some ten, and as many `Warning` as fit into 4 KiB.
pub(super) const HEADERS_MAX: usize = 256;
/// Longest head of an answer, as on HTTP/2.
const HEADER_BYTES_MAX: usize = super::h2::HEADER_BYTES_MAX as usize;
/// Longest time from the end of an answer until the connection is ready again; after it the connection is not reused.
const SETTLE: Duration = Duration::from_secs(1);

/// A slot for one connection of a pool.
pub(super) struct Seat(pub(super) Arc<Pool>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.h1.fetch_sub(1, Ordering::AcqRel);
        self.0.freed();
    }
}

/// A connection in use, or waiting for its next request.
pub(super) struct Single {
    pub(super) sender: http1::SendRequest<Outgoing>,
    gate: Arc<Gate>,
    seat: Seat,
    /// Time at which it became idle.
    pub(super) since: Instant,
}

impl Single {
    pub(super) async fn open(io: TokioIo<Socket>, seat: Seat, severed: &CancellationToken) -> Result<Self, Failure> {
        let (sender, connection) = builder().handshake(io).await.map_err(|e| Failure::of(&e, true))?;
        let (gated, gate) = Gated::new(connection);
        tokio::spawn(severed.clone().run_until_cancelled_owned(async move {
            if let Err(error) = gated.await {
                tracing::debug!(%error, "a connection to a cluster ended");
            }
        }));
        Ok(Self { sender, gate, seat, since: Instant::now() })
    }

    /// Sends one request. Fails with the cause, and with the request if none of it was written.
    pub(super) async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, (Failure, Option<Request<Outgoing>>)> {
        let Some(open) = self.gate.enter() else {
            return Err((lost(), Some(request)));
        };
        let sent = self.sender.try_send_request(request);
        drop(open);
        sent.await.map_err(|mut error| {
            let returned = error.take_message();
            (Failure::of(error.error(), returned.is_some()), returned)
        })
    }

    /// Keeps the connection if it can serve again; called when its answer has ended or is no longer needed.
    pub(super) fn settle(mut self) {
        let pool = Arc::clone(&self.seat.0);
        if self.sender.is_closed() {
            return;
        }
        if self.sender.is_ready() {
            return pool.keep(self);
        }
        // The connection's task may be about to notice the end; outside a runtime nothing is kept.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Ok(Ok(())) = tokio::time::timeout(SETTLE, self.sender.ready()).await {
                    pool.keep(self);
                }
            });
        }
    }
}

/// A builder with the limits on answers.
pub(super) fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_headers(HEADERS_MAX).max_header_size(HEADER_BYTES_MAX);
    builder
}

/// The failure of a server that speaks another protocol than agreed, or of a lost connection.
pub(super) fn lost() -> Failure {
    Failure::unsent(Cause::Broken(Text::new("the connection was closed before it was used")))
}
