//! The edge through a real socket: bytes as they come, hyper as it is, and what is left for us to refuse.

mod fuzz;
mod wire;

use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use quarterdeck::engine::proxy::edge::{self, Hosts};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// No answer by then is a failure.
const DEADLINE: Duration = Duration::from_secs(20);

/// Answers each request with what the edge says of it: 200 with method, target and body, or the refusal's code with
/// its label. Settings are the listener's.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, address));
        }
    });
    address
}

async fn serve(stream: TcpStream, address: SocketAddr) {
    let mut begin = [0; 3];
    let read = stream.peek(&mut begin).await.unwrap_or(0);
    let h2 = begin.get(..read) == Some(b"PRI");
    let service = service_fn(move |request| answer(request, address, h2));
    let io = TokioIo::new(stream);
    // Clients of these tests end in every way there is.
    if h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        drop(builder.max_header_list_size(512 * 1024).serve_connection(io, service).await);
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        drop(builder.max_headers(512).max_header_size(400 * 1024).serve_connection(io, service).await);
    }
}

async fn answer(
    request: Request<Incoming>,
    address: SocketAddr,
    h2: bool,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let hosts = Hosts::new(&[address]);
    let refused = edge::check(&parts, &hosts, h2).and_then(|()| edge::upgrade::upgrade(&parts)).err();
    let (code, text) = if let Some(refusal) = refused {
        (refusal.code, refusal.label.to_owned())
    } else {
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        (200, format!("{} {} {}", parts.method, parts.uri.path(), String::from_utf8_lossy(&body)))
    };
    let mut response = Response::builder().status(code);
    if parts.version < Version::HTTP_2 && edge::check::closes(&parts) {
        response = response.header("connection", "close");
    }
    Ok(response.body(Full::from(text)).expect("a fit answer"))
}

/// Sends bytes and reads until the server closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let all = async {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        // A server that refuses the head closes before it has read all of it.
        drop(stream.write_all(bytes).await);
        let mut read = Vec::new();
        drop(stream.read_to_end(&mut read).await);
        String::from_utf8_lossy(&read).into_owned()
    };
    tokio::time::timeout(DEADLINE, all).await.expect("an answer within the deadline")
}

/// Code and body of each answer.
fn answers(read: &str) -> Vec<(u16, String)> {
    let mut rest = read;
    let mut found = Vec::new();
    while let Some(at) = rest.find("HTTP/1.") {
        let answer = rest.get(at..).unwrap_or_default();
        let code = answer.get(9..12).and_then(|code| code.parse().ok()).expect("a code");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let body = body.get(..length.unwrap_or(0)).unwrap_or_default();
        found.push((code, body.to_owned()));
        rest = answer.get(head.len() + 4 + body.len()..).unwrap_or_default();
    }
    found
}

/// A request of HTTP/1.1 to this server, which ends its connection.
fn h1(address: SocketAddr, request_line: &str, lines: &[&str]) -> Vec<u8> {
    let mut text = format!("{request_line}\r\nHost: {address}\r\nConnection: close\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Code and body of one request over HTTP/2.
async fn h2(address: SocketAddr, uri: &str, headers: HeaderMap) -> Result<(u16, String), hyper::Error> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = builder.max_header_list_size(1024 * 1024).handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() = uri.parse().expect("a URI");
    *request.headers_mut() = headers;
    let all = async {
        let response = sender.send_request(request).await?;
        let code = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((code, String::from_utf8_lossy(&body).into_owned()))
    };
    let answer = tokio::time::timeout(DEADLINE, all).await.expect("an answer within the deadline");
    connection.abort();
    answer
}
