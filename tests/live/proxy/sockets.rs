//! WebSockets as other clients than kubectl open them: with an `Origin`, and for a watch.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::Test;
use crate::rig::{Outcome, shared};

use super::required;
use super::serving::Serving;
use super::wait;
use super::wire::{ANSWER, Target, Version};

pub(crate) const TESTS: &[Test] = &[
    ("proxy_carries_a_watch_over_websocket", watches),
    ("proxy_takes_its_own_origin_and_no_other", takes_its_own_origin),
    ("proxy_passes_the_exit_status_while_input_is_on_its_way", passes_the_exit_status),
];

/// How often what is a race is tried.
const TIMES: usize = 100;

/// The opcode that ends a WebSocket.
const CLOSE: u8 = 8;

/// P4: the first frame is the one that the API server sends by itself; it demands an `Origin`, which ours need not know.
fn watches() -> Outcome {
    let [east, west] = shared()?;
    let namespace = west.new_namespace("staging")?;
    west.kubectl(&["create", "configmap", "watched", "-n", &namespace])?;
    let proxy = Serving::start(&required(east, west)?, &[])?;
    let path = format!("/api/v1/namespaces/{namespace}/configmaps?watch=true");
    let ca = std::fs::read_to_string(west.folder().join("ca.crt"))?;
    let direct = Target::new(west.address().parse()?, &ca, "admin-token", Version::One)?;
    let ours = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::One)?;
    wait(async {
        let own = |target: &Target| format!("Origin: https://{}\r\n", target.address);
        for (target, line) in [(&direct, own(&direct)), (&ours, own(&ours)), (&ours, String::new())] {
            let (head, mut stream) = open(target, &path, &line).await?;
            assert!(head.starts_with("HTTP/1.1 101 "), "{line:?}: {head}");
            let first = frame(&mut stream).await?;
            assert!(first.starts_with(br#"{"type":"ADDED""#), "{}", String::from_utf8_lossy(&first));
        }
        Ok(())
    })
}

/// P3: clients that are no browser name the server's own origin, as the Python client does for exec.
fn takes_its_own_origin() -> Outcome {
    let [east, west] = shared()?;
    let namespace = west.new_namespace("staging")?;
    west.create_pods(&namespace, 1, 0)?;
    west.wait_for_running(&namespace, 1)?;
    let proxy = Serving::start(&required(east, west)?, &[])?;
    let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::One)?;
    let path =
        format!("/api/v1/namespaces/{namespace}/pods/pod-0/exec?command=echo&command=hi&stdout=true&stderr=true");
    let protocol = "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n";
    wait(async {
        let own = format!("Origin: https://{}\r\n{protocol}", target.address);
        let (head, mut stream) = open(&target, &path, &own).await?;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        loop {
            // Empty ones open the channels; 1 is standard output.
            match frame(&mut stream).await?.as_slice() {
                [1, text @ ..] if !text.is_empty() => break assert_eq!(text, b"hi\n"),
                _ => {}
            }
        }
        let (head, _) = open(&target, &path, &format!("Origin: https://page.example\r\n{protocol}")).await?;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
        Ok(())
    })
}

/// P1: of a program that ends before its input, all output, and then the status that the API server sends.
fn passes_the_exit_status() -> Outcome {
    let [east, west] = shared()?;
    let namespace = west.new_namespace("staging")?;
    west.create_pods(&namespace, 1, 0)?;
    west.wait_for_running(&namespace, 1)?;
    let proxy = Serving::start(&required(east, west)?, &[])?;
    let target = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), Version::One)?;
    let ca = std::fs::read_to_string(west.folder().join("ca.crt"))?;
    let direct = Target::new(west.address().parse()?, &ca, "admin-token", Version::One)?;
    let script = "command=sh&command=-c&command=head%20-c%2020000%3Bexit%207";
    let path = format!("/api/v1/namespaces/{namespace}/pods/pod-0/exec?stdin=true&stdout=true&{script}");
    wait(async {
        let theirs = flooded(&direct, &path).await?;
        assert_eq!(theirs, (20_000, Some("Failure".to_owned())));
        for round in 0..TIMES {
            assert_eq!(flooded(&target, &path).await?, theirs, "round {round}");
        }
        Ok(())
    })
}

/// How many bytes of output came, and the status, while the input goes on.
async fn flooded(target: &Target, path: &str) -> Outcome<(usize, Option<String>)> {
    let (head, stream) = open(target, path, "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n").await?;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let (mut reading, mut writing) = tokio::io::split(stream);
    let flood = tokio::spawn(async move {
        // Binary, final, 4,097 bytes masked with zeroes, of channel 0.
        let mut frame = vec![0x82, 0xfe, 0x10, 0x01, 0, 0, 0, 0, 0];
        frame.extend(b"yes\n".repeat(1024));
        while writing.write_all(&frame).await.is_ok() {}
    });
    let (mut output, mut status) = (0, None);
    while let Ok(payload) = frame(&mut reading).await {
        match payload.as_slice() {
            [1, text @ ..] => output += text.len(),
            [3, text @ ..] if !text.is_empty() => {
                let said: serde_json::Value = serde_json::from_slice(text)?;
                status = said["status"].as_str().map(str::to_owned);
            }
            _ => {}
        }
    }
    flood.abort();
    Ok((output, status))
}

/// Asks for a WebSocket with these lines more, and reads the head of the answer.
async fn open(target: &Target, path: &str, lines: &str) -> Outcome<(String, TlsStream<TcpStream>)> {
    let mut stream = target.stream().await?;
    let asked = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n",
        target.address, target.token
    );
    stream.write_all(asked.as_bytes()).await?;
    let mut head = Vec::new();
    let read = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        Outcome::Ok(())
    };
    timeout(ANSWER, read).await??;
    Ok((String::from_utf8(head)?, stream))
}

/// The payload of the next frame of a server, which masks nothing; an error for its last one.
async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Outcome<Vec<u8>> {
    let read = async {
        if stream.read_u8().await? & 0xf == CLOSE {
            return Err("it is closed".into());
        }
        let length = match stream.read_u8().await? & 0x7f {
            126 => u64::from(stream.read_u16().await?),
            127 => stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length)?];
        stream.read_exact(&mut payload).await?;
        Outcome::Ok(payload)
    };
    timeout(ANSWER, read).await?
}
