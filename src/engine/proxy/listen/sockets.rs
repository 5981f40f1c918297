//! Sockets: TCP and Unix, our own and those that systemd passes.

use crate::engine::address::Address;
use crate::error::{ErrorKind, UserError};
use listenfd::ListenFd;
use socket2::{SockRef, TcpKeepalive};
use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

const BACKLOG: u32 = 1_024;

/// The first bytes of HTTP/2.
const PREFACE: &[u8; 3] = b"PRI";

/// Idle time before keepalive probes: a vanished peer is detected after about a minute, also within a tunnel.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 3;

/// Sockets that systemd passed to this process.
#[derive(Debug, Default)]
pub struct Inherited {
    tcp: Vec<std::net::TcpListener>,
    unix: Vec<std::os::unix::net::UnixListener>,
}

impl Inherited {
    /// Takes the sockets that systemd passed (`LISTEN_FDS`). Call it once, before any thread is started: it removes
    /// the variables from the environment, so that no child process uses them.
    ///
    /// Fails if a passed socket is neither a TCP nor a Unix listener.
    pub fn take() -> Result<Self, UserError> {
        let mut passed = ListenFd::from_env();
        let mut inherited = Self::default();
        for place in 0..passed.len() {
            if let Ok(Some(listener)) = passed.take_tcp_listener(place) {
                inherited.tcp.push(listener);
                continue;
            }
            match passed.take_unix_listener(place) {
                Ok(Some(listener)) => inherited.unix.push(listener),
                Ok(None) => {}
                Err(why) => {
                    return Err(UserError::new(ErrorKind::Config, "a socket that systemd passed is not to be used")
                        .cause(why.to_string())
                        .hint("the socket unit may have ListenStream= only"));
                }
            }
        }
        Ok(inherited)
    }

    /// Returns true if systemd passed no socket.
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.unix.is_empty()
    }

    pub(super) fn open(self) -> Result<Vec<Socket>, UserError> {
        let failed = |why: io::Error| {
            UserError::new(ErrorKind::Internal, "a socket that systemd passed cannot be used").cause(why.to_string())
        };
        let mut sockets = Vec::new();
        for listener in self.tcp {
            listener.set_nonblocking(true).map_err(failed)?;
            sockets.push(Socket::Tcp(TcpListener::from_std(listener).map_err(failed)?));
        }
        for listener in self.unix {
            listener.set_nonblocking(true).map_err(failed)?;
            sockets.push(Socket::Unix(UnixListener::from_std(listener).map_err(failed)?, None));
        }
        Ok(sockets)
    }
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    /// A Unix socket, with the file to remove on drop if the proxy made it.
    Unix(UnixListener, #[expect(dead_code, reason = "dropping it is its purpose")] Option<SocketFile>),
}

/// The file of a Unix socket, removed with it.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it; nobody is left to be told.
        let _gone = fs::remove_file(&self.0);
    }
}

impl Socket {
    /// Binds a socket of the proxy's own. Fails if the address is in use or cannot be bound.
    pub(super) fn bind(address: &Address) -> Result<Self, UserError> {
        let failed = |why: io::Error| {
            let error = UserError::new(ErrorKind::Config, format!("cannot listen on {address}")).cause(why.to_string());
            if why.kind() == io::ErrorKind::AddrInUse {
                return error.hint("another program listens there, perhaps another qd; choose another with --listen");
            }
            error.hint("choose another address with --listen")
        };
        match address {
            Address::Tcp(address) => tcp(*address).map(Self::Tcp).map_err(failed),
            Address::Unix(path) => {
                let listener = unix(path).map_err(failed)?;
                Ok(Self::Unix(listener, Some(SocketFile(path.clone()))))
            }
        }
    }

    /// The address it listens on, with the port the system chose.
    pub(super) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Self::Unix(listener, _) => {
                let address = listener.local_addr()?;
                Ok(Address::Unix(address.as_pathname().map(Path::to_owned).unwrap_or_default()))
            }
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a proxy that just ended linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Binds a Unix socket. A socket file that a killed proxy left behind is replaced; a socket that answers is not.
fn unix(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if StdUnixStream::connect(path).is_ok() {
                return Err(io::Error::from(io::ErrorKind::AddrInUse));
            }
            fs::remove_file(path)?;
        }
        Ok(_) => return Err(io::Error::other("a file that is no socket is there")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    // Callers are known by their uid as well: who slips in before this line is turned away later.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Reads the first bytes of a connection without TLS, which has no other means to agree on a protocol: HTTP/2 by prior
/// knowledge begins with a word that is no method of HTTP/1.1. Returns true for HTTP/2, and the whole stream.
pub(super) async fn by_prior_knowledge(
    mut stream: UnixStream,
) -> io::Result<(bool, impl AsyncRead + AsyncWrite + Unpin + Send + 'static)> {
    let (mut first, mut read) = ([0; PREFACE.len()], 0);
    while let Some(room) = first.get_mut(read..).filter(|room| !room.is_empty()) {
        let more = stream.read(room).await?;
        read += more;
        if more == 0 || first.get(..read) != PREFACE.get(..read) {
            break;
        }
    }
    let h2 = first == *PREFACE;
    let begun = io::Cursor::new(first).take(u64::try_from(read).unwrap_or(0));
    let (rest, write) = stream.into_split();
    Ok((h2, tokio::io::join(begun.chain(rest), write)))
}

/// Sends small frames at once, and detects vanished peers.
pub(super) fn tune(stream: &TcpStream) {
    let _best_effort = stream.set_nodelay(true);
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY).with_retries(KEEPALIVE_TRIES);
    let _best_effort = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}
