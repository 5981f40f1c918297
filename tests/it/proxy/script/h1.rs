//! HTTP/1.1.

use super::state::{About, Count, Inner, Plan};
use super::{Bodies, Reply};
use futures::StreamExt as _;
use futures::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) async fn serve(stream: TlsStream<TcpStream>, about: About, inner: Arc<Inner>) {
    let service = service_fn(|request: Request<Incoming>| exchange(request, about.clone(), Arc::clone(&inner)));
    let connection =
        hyper::server::conn::http1::Builder::new().max_headers(1000).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        () = inner.frozen() => std::future::pending().await,
        ended = connection => drop(ended),
    }
}

async fn exchange(request: Request<Incoming>, about: About, inner: Arc<Inner>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let (bodies, early) = {
        let knobs = inner.knobs.lock();
        (knobs.bodies, knobs.early.clone())
    };
    if bodies == Bodies::Last && !body.is_end_stream() {
        tokio::spawn(async move {
            // A request whose body breaks off is not carried out.
            if let Some(body) = read(body).await {
                inner.plan(about.asked(parts, body, HeaderMap::new()));
            }
        });
        return Ok(head(&early).map(|()| full(early.body)));
    }
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let plan = inner.plan(about.asked(parts, body, HeaderMap::new()));
    let slow = inner.knobs.lock().slow_head;
    if !slow.is_zero() {
        tokio::time::sleep(slow).await;
    }
    match plan {
        Plan::Refuse | Plan::Vanish => Err(io::Error::other("told to vanish")),
        Plan::Reply(reply) => Ok(head(&reply).map(|()| full(reply.body))),
        Plan::CutBody => {
            let frames =
                stream::iter([Ok(Frame::data(Bytes::from_static(b"{\"half\":")))]).chain(stream::once(async {
                    tokio::time::sleep(super::BEFORE_CUT).await;
                    Err(io::Error::other("told to break off"))
                }));
            let reply = Reply::new(200, "").header("content-length", "1000");
            Ok(head(&reply).map(|()| StreamBody::new(frames).boxed_unsync()))
        }
        Plan::Watch => Ok(head(&Reply::new(200, "")).map(|()| watch(inner))),
    }
}

/// A body as far as its length; beyond an answer hyper tells its end only with the next request.
async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut whole = Vec::new();
    while !body.is_end_stream() {
        match body.frame().await {
            Some(frame) => whole.extend_from_slice(frame.ok()?.data_ref().map_or(&[], |data| data)),
            None => break,
        }
    }
    Some(whole.into())
}

fn full(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// Notices that nobody reads any more.
struct Reader {
    inner: Arc<Inner>,
    ended: Arc<AtomicBool>,
    _held: Count,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.ended.load(Ordering::SeqCst) {
            self.inner.gone.fetch_add(1, Ordering::SeqCst);
            self.inner.changed();
        }
    }
}

fn watch(inner: Arc<Inner>) -> Body {
    let (events, end) = (inner.events.subscribe(), inner.end.subscribe());
    let held = Count::new(&inner, |i| &i.watching);
    let reader = Reader { inner, ended: Arc::default(), _held: held };
    let frames = stream::unfold((events, end, reader), |(mut events, mut end, reader)| async move {
        tokio::select! {
            event = events.recv() => event.ok().map(|frame| (Ok(Frame::data(frame)), (events, end, reader))),
            _ = end.changed() => {
                reader.ended.store(true, Ordering::SeqCst);
                None
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

fn head(reply: &Reply) -> Response<()> {
    let mut head = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        head = head.header(*name, value);
    }
    head.body(()).expect("a fit head")
}
