//! Tunnels through the whole proxy, over real sockets.

use super::*;
use crate::proxy::upstream::SWITCHED;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const TIMES: usize = 200;

/// P1: the cluster's output and exit status, though it closed with input unread and more of it on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_ends_before_its_input_loses_no_output() {
    let mut output = vec![b'x'; 20_000];
    output.extend_from_slice(b"EXIT 7");
    let alpha = Script::with("alpha", |k| {
        (k.raw, k.h1_only) = (Some(Bytes::from_static(SWITCHED)), true);
        k.leaves = Some(output.clone().into());
    })
    .await;
    let whole = Whole::start("home: alpha\nclusters: [ALPHA]\n", &[&alpha]).await;
    let head = format!(
        "POST /api/v1/namespaces/n/pods/p/exec?command=sh HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
        whole.address, whole.token
    );
    for round in 0..TIMES {
        let mut stream = whole.client.tls(whole.address, b"http/1.1").await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("written");
        let (mut reading, mut writing) = tokio::io::split(stream);
        let flood = tokio::spawn(async move { while writing.write_all(&[b'i'; 16 * 1024]).await.is_ok() {} });
        let mut heard = Vec::new();
        let ended = timeout(PATIENCE, reading.read_to_end(&mut heard)).await.expect("it ends");
        flood.abort();
        let told = heard.windows(4).position(|four| four == b"\r\n\r\n").map(|at| heard.split_off(at + 4));
        let told = told.expect("a head");
        assert!(told.starts_with(b"early"), "round {round}: {}", String::from_utf8_lossy(&heard));
        assert_eq!(told.len() - 5, output.len(), "round {round}: {ended:?}");
        assert!(told.ends_with(&output));
    }
}
