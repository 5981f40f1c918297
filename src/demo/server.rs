//! Listeners and connections: TCP, TLS, HTTP/1.1 and HTTP/2, and the faults below HTTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::api::ApiServer;
use super::fault::{Fault, Faults};

/// Connections open at once per cluster; more wait to be accepted.
const CONNECTIONS: usize = 1_024;
/// Deadline of a TLS handshake; a slower client is dropped.
const HANDSHAKE: Duration = Duration::from_secs(10);
const BACKLOG: u32 = 1_024;
/// Pause after an accept error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Attempts to get a port back before its cluster stays closed: 10 s.
const RECLAIMS: usize = 200;

/// Reserves a port on loopback, without listening on it. Fails if the system refuses a socket.
pub(super) fn reserve() -> io::Result<(TcpSocket, u16)> {
    let socket = TcpSocket::new_v4()?;
    // Connections inherit it; without it the port could not be opened again while they linger.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = socket.local_addr()?.port();
    Ok((socket, port))
}

/// State of the port of a cluster.
pub(super) enum Port {
    /// Bound and closed: connections are refused and no other program can take the port.
    Closed(TcpSocket),
    Open(TcpListener),
    /// Listening, never accepting.
    Silent(TcpListener),
}

/// Opens a reserved port as far as the fault of the cluster allows: connections from now on are not refused. Fails if
/// the system refuses to listen.
pub(super) fn open(socket: TcpSocket, server: &ApiServer) -> io::Result<Port> {
    let fault = server.faults.borrow().current.clone();
    turn(Port::Closed(socket), &fault, server.port)
}

/// Serves one cluster until cancelled.
pub(super) async fn serve(server: Arc<ApiServer>, port: Port, acceptor: TlsAcceptor, cancel: CancellationToken) {
    let mut faults = server.faults.subscribe();
    let mut port = Some(port);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while !cancel.is_cancelled() {
        let fault = faults.borrow_and_update().current.clone();
        let Some(current) = port.take() else { return };
        let current = match turn(current, &fault, server.port) {
            Ok(current) => current,
            Err(error) => {
                tracing::warn!(cluster = server.member.name, %error, "demo: the port cannot be opened again");
                // Had again, it is not yet what the fault asks for: once more round.
                port = reclaim(server.port).await.map(Port::Closed);
                continue;
            }
        };
        if let Port::Open(listener) = &current {
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = faults.changed() => if changed.is_err() { return },
                accepted = accept(listener, &slots) => {
                    if let Some((stream, slot)) = accepted {
                        let connection = connection(Arc::clone(&server), stream, acceptor.clone());
                        let cancel = cancel.clone();
                        tokio::spawn(async move {
                            tokio::select! {
                                () = cancel.cancelled() => {}
                                () = connection => {}
                            }
                            drop(slot);
                        });
                    }
                }
            }
        } else {
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = faults.changed() => if changed.is_err() { return },
            }
        }
        port = Some(current);
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    if let Ok((stream, _)) = listener.accept().await {
        // Events are small and late enough already.
        let _best_effort = stream.set_nodelay(true);
        return Some((stream, slot));
    }
    sleep(ACCEPT_PAUSE).await;
    None
}

/// Brings the port into the state for a fault. Fails if the system refuses to listen.
fn turn(port: Port, fault: &Fault, number: u16) -> io::Result<Port> {
    Ok(match (fault, port) {
        (Fault::Refuse, Port::Closed(socket)) => Port::Closed(socket),
        (Fault::Refuse, listening) => {
            drop(listening);
            Port::Closed(reopen(number)?)
        }
        // A short backlog, so that a client sees its connection time out and not only its request.
        (Fault::BlackHole, Port::Closed(socket)) => Port::Silent(socket.listen(1)?),
        (Fault::BlackHole, Port::Open(listener) | Port::Silent(listener)) => Port::Silent(listener),
        (_, Port::Closed(socket)) => Port::Open(socket.listen(BACKLOG)?),
        (_, Port::Open(listener)) => Port::Open(listener),
        (_, Port::Silent(listener)) => {
            drop(listener);
            Port::Open(reopen(number)?.listen(BACKLOG)?)
        }
    })
}

/// Binds the port again, with retries for a while; `None` if another program has it.
async fn reclaim(port: u16) -> Option<TcpSocket> {
    for _ in 0..RECLAIMS {
        sleep(ACCEPT_PAUSE).await;
        if let Ok(socket) = reopen(port) {
            return Some(socket);
        }
    }
    None
}

fn reopen(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections of the past may still be in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// Serves one connection until it ends or a fault ends it.
async fn connection(server: Arc<ApiServer>, stream: TcpStream, acceptor: TlsAcceptor) {
    let mut faults = server.faults.subscribe();
    let fault = faults.borrow_and_update().current.clone();
    if fault == Fault::BrokenTls {
        return plain_answer(stream).await;
    }
    let Ok(Ok(mut tls)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        return;
    };
    if fault == Fault::EndlessHead {
        return endless_head(&mut tls, &mut faults).await;
    }
    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let mut builder = Builder::new(TokioExecutor::new());
    if http2 {
        builder = builder.http2_only();
    } else {
        builder = builder.http1_only();
    }
    let service = service_fn(move |request| Arc::clone(&server).answer(request));
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(tls), service);
    tokio::pin!(serving);
    loop {
        tokio::select! {
            // Clients go away in every way there is; none of them is news here.
            _ended = serving.as_mut() => return,
            changed = faults.changed() => if changed.is_err() { return },
        }
        let fault = faults.borrow_and_update().current.clone();
        if fault == Fault::BlackHole {
            // The connection is not polled: it stays open and silent, and goes on afterwards.
            if faults.wait_for(|faults| faults.current != Fault::BlackHole).await.is_err() {
                return;
            }
        } else if fault.is_of_connection() {
            return;
        }
    }
}

/// Answers a TLS client as a plain HTTP port does.
async fn plain_answer(mut stream: TcpStream) {
    let mut hello = [0; 512];
    let _ignored = timeout(HANDSHAKE, stream.read(&mut hello)).await;
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _gone = stream.write_all(answer.as_bytes()).await;
}

/// Sends header lines until the fault or the client ends it.
async fn endless_head<S>(stream: &mut S, faults: &mut watch::Receiver<Faults>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut request = [0; 4_096];
    if !matches!(stream.read(&mut request).await, Ok(1..)) {
        return;
    }
    let mut line = "HTTP/1.1 200 OK\r\n";
    loop {
        if stream.write_all(line.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        line = "X-Padding: more follows\r\n";
        tokio::select! {
            _changed = faults.changed() => return,
            () = sleep(Duration::from_secs(1)) => {}
        }
    }
}
