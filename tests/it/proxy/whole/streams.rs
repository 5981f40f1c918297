//! Streams of HTTP/2 through the proxy, on both sides: bodies, trailers, resets.

use super::*;
use crate::proxy::script::{Bodies, Knobs, Reply};
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;
use quarterdeck::model::proxy::BreakerState;
use std::future::poll_fn;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ONE: &str = "home: alpha\nclusters: [ALPHA]\n";
const PODS: &str = "/api/v1/namespaces/n/pods";

/// More than all windows on the way together.
const MUCH: usize = 24 * 1024 * 1024;
const PIECE: usize = 64 * 1024;

/// How long it is watched that something does not happen.
const A_WHILE: Duration = Duration::from_millis(300);

async fn one(turn: impl FnOnce(&mut Knobs)) -> (Script, Whole) {
    let alpha = Script::with("alpha", turn).await;
    let whole = Whole::start(ONE, &[&alpha]).await;
    (alpha, whole)
}

/// A client that sees its streams.
struct Streams {
    sender: h2::client::SendRequest<Bytes>,
    address: SocketAddr,
    token: String,
}

impl Streams {
    async fn connect(whole: &Whole) -> Self {
        let stream = whole.client.tls(whole.address, b"h2").await.expect("a connection");
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(1 << 18).initial_connection_window_size(1 << 20);
        let (sender, connection) = builder.handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        Self { sender, address: whole.address, token: format!("Bearer {}", whole.token) }
    }

    async fn open(&mut self, method: &str, path: &str) -> (ResponseFuture, SendStream<Bytes>) {
        let request = Request::builder()
            .method(method)
            .uri(format!("https://{}{path}", self.address))
            .header(AUTHORIZATION, &self.token)
            .body(())
            .expect("a request");
        poll_fn(|cx| self.sender.poll_ready(cx)).await.expect("room for a stream");
        self.sender.send_request(request, method == "GET").expect("a stream")
    }

    async fn get(&mut self, path: &str) -> Response<RecvStream> {
        let (answer, _) = self.open("GET", path).await;
        timeout(PATIENCE, answer).await.expect("in time").expect("an answer")
    }
}

/// Sends so many bytes as they are taken.
async fn push(stream: &mut SendStream<Bytes>, length: usize) {
    let mut left = length;
    while left > 0 {
        stream.reserve_capacity(left.min(PIECE));
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await.expect("it is open").expect("no error");
        let piece = room.min(left);
        stream.send_data(Bytes::from(vec![b'x'; piece]), false).expect("it is open");
        left -= piece;
    }
}

/// P5: what has been sent in part cannot be sent again; the server is none the worse for that.
#[tokio::test]
async fn a_large_body_below_a_goaway_fails_and_counts_against_nobody() {
    let (alpha, whole) = one(|knobs| knobs.goaway_below = 1000).await;
    let mut streams = Streams::connect(&whole).await;
    for _ in 0..8 {
        let (answer, mut stream) = streams.open("POST", PODS).await;
        stream.send_data(Bytes::from(vec![b'x'; MUCH / 8]), false).expect("it is open");
        let answer = timeout(PATIENCE, answer).await.expect("in time").expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true));
    }
    let routes = whole.admin.routes().await.expect("a picture");
    assert_eq!(routes.clusters[0].endpoints[0].breaker, BreakerState::Closed);
    alpha.turn(|knobs| knobs.goaway_below = 0);
    assert_eq!(streams.get(PODS).await.status(), 200);
}

/// All of a body, and its trailers.
async fn pull(body: &mut RecvStream) -> Result<(Bytes, HeaderMap), h2::Error> {
    let mut whole = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok((whole.into(), body.trailers().await?.unwrap_or_default()))
}

async fn pulled(body: &mut RecvStream) -> (Bytes, HeaderMap) {
    timeout(PATIENCE, pull(body)).await.expect("in time").expect("no error")
}

fn trailers(value: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", value.parse().expect("a value"));
    trailers
}

#[tokio::test]
async fn a_large_answer_waits_for_its_reader_and_keeps_no_other_waiting() {
    let (_alpha, whole) = one(|knobs| {
        let much = Bytes::from(vec![b'x'; MUCH]);
        knobs.answer = Some(Arc::new(move |asked| {
            asked.uri.ends_with("/much").then(|| Reply { trailers: trailers("down"), ..Reply::new(200, much.clone()) })
        }));
    })
    .await;
    let mut client = Streams::connect(&whole).await;
    let mut unread = Vec::new();
    // Each holds a stream's window on the way.
    for _ in 0..24 {
        unread.push(Streams::connect(&whole).await.get(&format!("{PODS}/much")).await);
    }
    for _ in 0..10 {
        let mut small = client.get(PODS).await;
        assert_eq!(small.status(), 200);
        pulled(small.body_mut()).await;
    }
    let mut last = unread.pop().expect("many");
    drop(unread);
    let (body, end) = pulled(last.body_mut()).await;
    assert_eq!((body.len(), end), (MUCH, trailers("down")));
}

#[tokio::test]
async fn a_large_body_waits_for_its_server_and_comes_whole() {
    let (alpha, whole) = one(|knobs| knobs.bodies = Bodies::Held).await;
    let mut client = Streams::connect(&whole).await;
    let (answer, mut stream) = client.open("POST", PODS).await;
    let mut sending = Box::pin(push(&mut stream, MUCH));
    assert!(timeout(A_WHILE, &mut sending).await.is_err(), "nobody takes it, and nobody keeps it");
    alpha.turn(|knobs| knobs.bodies = Bodies::First);
    timeout(PATIENCE, sending).await.expect("in time");
    stream.send_trailers(trailers("up")).expect("it is open");
    let answer = timeout(PATIENCE, answer).await.expect("in time").expect("an answer");
    assert_eq!(answer.status(), 200);
    let asked = alpha.asked().remove(0);
    assert_eq!((asked.body.len(), asked.trailers), (MUCH, trailers("up")));
}

#[tokio::test]
async fn a_client_that_gives_up_is_heard_of_at_once() {
    let (alpha, whole) = one(|knobs| knobs.slow_head = Duration::from_secs(3600)).await;
    let mut client = Streams::connect(&whole).await;
    // Before the answer's head.
    let (answer, mut stream) = client.open("GET", PODS).await;
    alpha.until("it is asked", |a| a.asked().len() == 1).await;
    stream.send_reset(Reason::CANCEL);
    drop(answer);
    alpha.until("the stream is reset", |a| a.resets() == [Reason::CANCEL]).await;
    // In the middle of its own body, with another reason.
    let (answer, mut stream) = client.open("POST", PODS).await;
    push(&mut stream, PIECE).await;
    alpha.until("the body is on its way", |a| a.begun() == 1).await;
    stream.send_reset(Reason::INTERNAL_ERROR);
    drop(answer);
    alpha.until("the body breaks off", |a| a.resets().len() == 2).await;
    // With its whole connection.
    let (answer, mut stream) = client.open("POST", PODS).await;
    push(&mut stream, PIECE).await;
    alpha.until("the body is on its way", |a| a.begun() == 2).await;
    drop((client, stream, answer));
    alpha.until("the body breaks off", |a| a.resets().len() == 3).await;
    assert_eq!(alpha.asked().len(), 1, "what broke off was not carried out");
}

/// With NO_ERROR, which says between a server and its client that all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_its_caller_cuts_never_looks_whole() {
    let (alpha, whole) = one(|_| {}).await;
    let mut client = Streams::connect(&whole).await;
    for round in 1..=20_u32 {
        let (answer, mut stream) = client.open("POST", PODS).await;
        push(&mut stream, PIECE).await;
        alpha.until("the body is on its way", |a| a.begun() == round).await;
        stream.send_reset(Reason::NO_ERROR);
        drop(answer);
        alpha.until("it breaks off, or seems to end", |a| a.resets().len() + a.asked().len() == round as usize).await;
    }
    assert_eq!((alpha.asked().len(), alpha.resets().len()), (0, 20));
}

#[tokio::test]
async fn an_answer_may_come_before_the_body_has_ended() {
    for bodies in [Bodies::Left, Bodies::Last] {
        let (alpha, whole) = one(|knobs| knobs.bodies = bodies).await;
        let mut client = Streams::connect(&whole).await;
        let (answer, mut stream) = client.open("POST", PODS).await;
        push(&mut stream, PIECE).await;
        let mut answer = timeout(PATIENCE, answer).await.expect("in time").expect("an answer");
        assert_eq!(pulled(answer.body_mut()).await.0, "early");
        if bodies == Bodies::Last {
            push(&mut stream, MUCH).await;
            stream.send_data(Bytes::new(), true).expect("it is open");
            alpha.until("the rest came", |a| a.asked().iter().any(|asked| asked.body.len() == PIECE + MUCH)).await;
        } else {
            let reset = timeout(PATIENCE, poll_fn(|cx| stream.poll_reset(cx))).await.expect("in time");
            assert_eq!(reset.expect("the stream alone"), Reason::NO_ERROR, "nobody wants the rest");
        }
    }
}

/// A caller of HTTP/1.1, both ways on, lengths that are told and that are not.
#[tokio::test]
async fn a_caller_that_has_its_answer_may_go_on_uploading() {
    let (told, untold) = (Reply::new(200, "early").header("content-length", "5"), Reply::new(200, "early"));
    // The last says that the stream of the answer ends only after the server has read all.
    for (h1_only, early, chunked, late) in [
        (false, &untold, false, false),
        (false, &told, false, false),
        (false, &told, true, false),
        (false, &told, false, true),
        (false, &told, true, true),
        (true, &told, false, false),
        (true, &told, true, false),
    ] {
        let turn =
            |knobs: &mut Knobs| (knobs.bodies, knobs.h1_only, knobs.early) = (Bodies::Last, h1_only, early.clone());
        let (alpha, whole) = one(turn).await;
        let mut stream = whole.client.tls(whole.address, b"http/1.1").await.expect("a connection");
        let length =
            if chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {}", PIECE + MUCH) };
        let head = format!(
            "POST {PODS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{length}\r\n\r\n",
            whole.address, whole.token
        );
        stream.write_all(head.as_bytes()).await.expect("it is taken");
        stream.write_all(&piece(PIECE, chunked)).await.expect("it is taken");
        let mut answer = Vec::new();
        // Whole: as long as was told, or with its last chunk.
        while !(answer.ends_with(b"\r\n\r\nearly") || answer.ends_with(b"\r\n5\r\nearly\r\n0\r\n\r\n")) {
            let byte = timeout(PATIENCE, stream.read_u8()).await.expect("in time");
            answer.push(byte.unwrap_or_else(|why| panic!("{why} after {}", String::from_utf8_lossy(&answer))));
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(alpha.asked().is_empty(), "the server has not seen the end");
        if !late {
            alpha.end_watches();
        }
        let rest = [piece(MUCH, chunked), if chunked { b"0\r\n\r\n".to_vec() } else { Vec::new() }].concat();
        timeout(PATIENCE, stream.write_all(&rest)).await.expect("in time").expect("it is taken");
        timeout(PATIENCE, stream.flush()).await.expect("in time").expect("it is taken");
        alpha.until("the rest came", |a| a.asked().iter().any(|asked| asked.body.len() == PIECE + MUCH)).await;
        alpha.end_watches();
        assert_eq!((alpha.asked().remove(0).h2, alpha.resets()), (!h1_only, Vec::new()));
    }
}

/// So much of a body of HTTP/1.1, as it is on the wire.
fn piece(length: usize, chunked: bool) -> Vec<u8> {
    let data = vec![b'x'; length];
    if chunked { [format!("{length:x}\r\n").as_bytes(), &data, b"\r\n"].concat() } else { data }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_reset_and_no_end() {
    // Passed on, the second would tell the caller that all is well.
    for reason in [Reason::INTERNAL_ERROR, Reason::NO_ERROR] {
        let (alpha, whole) = one(|knobs| (knobs.cut_body, knobs.cut_for) = (1, reason)).await;
        let mut client = Streams::connect(&whole).await;
        let mut answer = client.get(PODS).await;
        let broke = timeout(PATIENCE, pull(answer.body_mut())).await.expect("in time").expect_err("it breaks off");
        assert_eq!(broke.reason(), Some(Reason::INTERNAL_ERROR));
        assert_eq!(client.get(PODS).await.status(), 200, "the others go on");
        assert_eq!(alpha.asked().len(), 2);
    }
}

/// A caller may end its body with what no stream may carry; the server must hear of the end all the same.
#[tokio::test]
async fn trailers_that_no_stream_may_carry_are_left_out() {
    let (alpha, whole) = one(|_| {}).await;
    let mut stream = whole.client.tls(whole.address, b"http/1.1").await.expect("a connection");
    let head = format!(
        "POST {PODS} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        whole.address, whole.token
    );
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    stream.write_all(b"5\r\nhello\r\n").await.expect("it is taken");
    alpha.until("the body is on its way", |a| a.begun() == 1).await;
    stream.write_all(b"0\r\nConnection: close\r\n\r\n").await.expect("it is taken");
    let mut answer = [0; 15];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("in time").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert_eq!(alpha.asked().remove(0).body, "hello");
}
