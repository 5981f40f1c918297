//! What an edge that anybody may reach bears.

use super::client::{get, get_all};
use super::{Rig, client};
use http_body_util::Empty;
use hyper::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn as_many_headers_as_groups_need_and_no_more() {
    let rig = Rig::start(|_| {});
    let asked = |count: usize| {
        let mut request = Request::get("https://localhost/").header("host", "localhost");
        for number in 1..count {
            request = request.header(format!("x-{number}"), "v");
        }
        request.body(Empty::new()).unwrap()
    };
    let mut h1 = rig.client().h1(rig.address()).await;
    let answer = h1.send_request(asked(256)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(client::text(answer.into_body()).await.ends_with("headers=256"));
    // A few more are the edge's to refuse; here is where nobody reads on.
    let mut h1 = rig.client().h1(rig.address()).await;
    assert_eq!(h1.send_request(asked(400)).await.unwrap().status(), 431);
}

#[tokio::test]
async fn heads_of_200_kilobytes_pass_and_of_400_do_not() {
    let rig = Rig::start(|_| {});
    let asked = |size: usize| {
        let request = Request::get("https://localhost/").header("host", "localhost");
        request.header("x-groups", "g".repeat(size)).body(Empty::new()).unwrap()
    };
    for (size, status) in [(200 * 1024, 200), (400 * 1024, 431)] {
        let mut h1 = rig.client().h1(rig.address()).await;
        assert_eq!(h1.send_request(asked(size)).await.unwrap().status(), status, "HTTP/1.1 with {size}");
        let mut h2 = rig.client().h2(rig.address()).await;
        // hyper's client is told the limit, and does not even send what is beyond it.
        match h2.send_request(asked(size)).await {
            Ok(answer) => assert_eq!(answer.status(), status, "HTTP/2 with {size}"),
            Err(refused) => assert_eq!(status, 431, "HTTP/2 with {size}: {refused}"),
        }
        assert_eq!(get_all(&mut rig.client().h2(rig.address()).await, "/").await.0, 200);
    }
}

#[tokio::test]
async fn closing_a_hundred_watches_at_once_leaves_the_connection() {
    let rig = Rig::start(|_| {});
    let mut h2 = rig.client().h2(rig.address()).await;
    for _ in 0..3 {
        let mut open = Vec::new();
        for _ in 0..100 {
            let request = Request::get("https://localhost/open").body(Empty::new()).unwrap();
            open.push(h2.send_request(request).await.unwrap());
        }
        assert_eq!(rig.gate.load().requests, 100);
        drop(open);
        assert_eq!(get_all(&mut h2, "/").await.0, 200);
    }
    // Asked and let go before any answer.
    let hanging: Vec<_> =
        (0..100).map(|_| h2.send_request(Request::get("https://localhost/hang").body(Empty::new()).unwrap())).collect();
    drop(hanging);
    assert_eq!(get_all(&mut h2, "/").await.0, 200);
}

/// Reads until the other side closes, under a clock that tests pause and that moves when nothing else does.
async fn closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> tokio::time::Duration {
    let begun = tokio::time::Instant::now();
    let mut rest = Vec::new();
    // A reset is as good as an end.
    let _ended = stream.read_to_end(&mut rest).await;
    begun.elapsed()
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_is_dropped() {
    let rig = Rig::start(|_| {});
    let mut silent = TcpStream::connect(rig.address()).await.unwrap();
    wait_for(|| rig.gate.load().connections == 1).await;
    tokio::time::pause();
    let waited = closed(&mut silent).await;
    assert!((4..=7).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_cut_and_an_idle_connection_is_not() {
    let rig = Rig::start(|_| {});
    let mut slow = rig.client().tls(rig.address(), b"http/1.1").await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    let mut idle = rig.client().h1(rig.address()).await;
    assert!(get(&mut idle, "/").await.contains("h2=false"));
    tokio::time::pause();
    let waited = closed(&mut slow).await;
    assert!((9..=13).contains(&waited.as_secs()), "{waited:?}");
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    assert!(get(&mut idle, "/").await.contains("h2=false"), "an idle connection outlives Go's own 90 s");
    let left = || rig.gate.load().connections;
    assert_eq!(left(), 1);
    for _ in 0..200 {
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        if left() == 0 {
            return;
        }
    }
    panic!("an idle connection was kept for ever");
}

#[tokio::test]
async fn at_the_bound_the_longest_idle_makes_room_and_the_busy_stay() {
    let rig = Rig::start(|_| {});
    rig.gate.allow(2);
    let mut busy = rig.client().h1(rig.address()).await;
    let held = busy.send_request(client::request("/open")).await.unwrap();
    let mut idle = rig.client().h1(rig.address()).await;
    assert!(get(&mut idle, "/").await.contains("h2=false"));
    let mut third = rig.client().h1(rig.address()).await;
    assert!(get(&mut third, "/").await.contains("h2=false"));
    wait_for(|| idle.is_closed()).await;
    let also_held = third.send_request(client::request("/open")).await.unwrap();
    // Nobody is idle now.
    assert!(rig.client().tls(rig.address(), b"http/1.1").await.is_err());
    assert_eq!(rig.gate.load().refused, 1);
    drop((held, also_held));
}

/// Waits for a condition, at most ten seconds.
pub(super) async fn wait_for(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.expect("the condition came true");
}
