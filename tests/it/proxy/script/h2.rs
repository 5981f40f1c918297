//! HTTP/2, frame by frame where a knob needs it.

use super::state::{About, Count, Inner, Plan};
use super::{Bodies, Reply};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use hyper::body::Bytes;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// How long a closed connection is still read.
const LINGER: Duration = Duration::from_secs(1);

pub(super) async fn serve(mut stream: TlsStream<TcpStream>, about: About, inner: Arc<Inner>) {
    speak(&mut stream, about, inner).await;
    // With bytes left unread the client might never see the GOAWAY; Go's server waits as long.
    drop(timeout(LINGER, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await);
}

async fn speak(stream: &mut TlsStream<TcpStream>, about: About, inner: Arc<Inner>) {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 24).max_header_list_size(1 << 20);
    let (streams, goaway_after) = {
        let knobs = inner.knobs.lock();
        (knobs.streams, knobs.goaway_after)
    };
    if let Some(streams) = streams {
        builder.max_concurrent_streams(streams);
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    let mut goaway = inner.goaway.subscribe();
    let mut served = 0;
    loop {
        tokio::select! {
            biased;
            () = inner.frozen() => std::future::pending().await,
            changed = goaway.changed() => {
                if changed.is_ok() {
                    connection.graceful_shutdown();
                }
            }
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    served += 1;
                    tokio::spawn(exchange(request, respond, about.clone(), Arc::clone(&inner)));
                    if goaway_after == Some(served) {
                        connection.graceful_shutdown();
                    }
                }
                Some(Err(_)) | None => return,
            },
        }
    }
}

async fn exchange(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, about: About, inner: Arc<Inner>) {
    let (parts, body) = request.into_parts();
    let (bodies, reply) = {
        let knobs = inner.knobs.lock();
        (knobs.bodies, knobs.early.clone())
    };
    let early = matches!(bodies, Bodies::Left | Bodies::Last) && !body.is_end_stream();
    if early {
        let Ok(mut stream) = respond.send_response(head(&reply), false) else { return };
        // An answer that tells its length is whole without the end of its stream, which comes when watches end.
        let is_told = bodies == Bodies::Last && reply.headers.iter().any(|(name, _)| *name == "content-length");
        drop(stream.send_data(reply.body, !is_told));
        if is_told {
            let mut end = inner.end.subscribe();
            tokio::spawn(async move {
                if end.changed().await.is_ok() {
                    drop(stream.send_data(Bytes::new(), true));
                }
            });
        }
        if bodies == Bodies::Left {
            return;
        }
    }
    // A request whose body breaks off is not carried out.
    let Some((body, trailers)) = read(body, &inner).await else { return };
    let plan = inner.plan(about.asked(parts, body, trailers));
    if early {
        return;
    }
    let slow = inner.knobs.lock().slow_head;
    if !slow.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(slow) => {}
            reset = poll_fn(|cx| respond.poll_reset(cx)) => {
                if let Ok(reason) = reset {
                    inner.reset(reason);
                }
                return;
            }
        }
    }
    match plan {
        Plan::Refuse => respond.send_reset(Reason::REFUSED_STREAM),
        Plan::Vanish => respond.send_reset(Reason::INTERNAL_ERROR),
        Plan::Reply(reply) => {
            let (body, trailers) = (reply.body.clone(), reply.trailers.clone());
            let is_over = body.is_empty() && trailers.is_empty();
            let Ok(mut stream) = respond.send_response(head(&reply), is_over) else { return };
            if !body.is_empty() {
                drop(stream.send_data(body, trailers.is_empty()));
            }
            if !trailers.is_empty() {
                drop(stream.send_trailers(trailers));
            }
        }
        Plan::CutBody => {
            let reply = Reply::new(200, "").header("content-length", "1000");
            if let Ok(mut stream) = respond.send_response(head(&reply), false) {
                drop(stream.send_data(Bytes::from_static(b"{\"half\":"), false));
                // A reset takes with it what has not gone out.
                tokio::time::sleep(super::BEFORE_CUT).await;
                stream.send_reset(inner.knobs.lock().cut_for);
            }
        }
        Plan::Watch => {
            if let Ok(stream) = respond.send_response(head(&Reply::new(200, "")), false) {
                watch(stream, inner).await;
            }
        }
    }
}

/// A body as far as it comes, and its trailers.
async fn read(mut body: RecvStream, inner: &Inner) -> Option<(Bytes, HeaderMap)> {
    while !body.is_end_stream() && inner.knobs.lock().bodies == Bodies::Held {
        let changed = inner.changed.notified();
        drop(timeout(super::AGAIN, changed).await);
    }
    let mut whole = Vec::new();
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                drop(body.flow_control().release_capacity(data.len()));
                if whole.is_empty() && !data.is_empty() {
                    inner.begun.fetch_add(1, Ordering::SeqCst);
                    inner.changed();
                }
                whole.extend_from_slice(&data);
            }
            Err(broke) => {
                broke.reason().into_iter().for_each(|reason| inner.reset(reason));
                return None;
            }
        }
    }
    let trailers = body.trailers().await.ok()?.unwrap_or_default();
    Some((whole.into(), trailers))
}

async fn watch(mut stream: SendStream<Bytes>, inner: Arc<Inner>) {
    let (mut events, mut end) = (inner.events.subscribe(), inner.end.subscribe());
    let _held = Count::new(&inner, |i| &i.watching);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(frame) => drop(stream.send_data(frame, false)),
                Err(_) => return,
            },
            _ = end.changed() => {
                drop(stream.send_data(Bytes::new(), true));
                return;
            }
            _ = poll_fn(|cx| stream.poll_reset(cx)) => {
                inner.gone.fetch_add(1, Ordering::SeqCst);
                inner.changed();
                return;
            }
        }
    }
}

fn head(reply: &Reply) -> Response<()> {
    let mut head = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        head = head.header(*name, value);
    }
    head.body(()).expect("a fit head")
}
