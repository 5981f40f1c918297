//! Where clients come in: sockets, TLS, HTTP/1.1 and HTTP/2, limits, and the way to end in good order.
//!
//! Everything before a request is known here; what it means is the service's.

pub mod authority;
mod connection;
mod connections;
pub mod identity;
mod port_assignments;
mod ports;
pub mod publish;
pub mod sockets;
pub mod systemd;
mod tls;

pub use super::listen::connections::{Drained, Ending, Load, Tunnel};
use crate::engine::proxy::listen::connections as ledger;
pub use ports::Change;

use super::listen::connections::{ConnectionSlot, ConnectionTable};
use super::metrics::TlsTrouble;
use super::options::ServeOptions;
use super::target::Held;
use crate::engine::address::Address;
use crate::engine::clock::Running;
use crate::error::{ErrorKind, UserError};
use arc_swap::ArcSwap;
use connection::Protocols;
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, Response};
use identity::Identity;
use ports::{Listener, Ports};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use sockets::{Inherited, Socket};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// A client that does not finish its TLS handshake by then is dropped.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Handshakes at once; more clients wait in the system's queue. Each costs a signature, some 170 µs.
const HANDSHAKES_MAX: usize = 256;

/// Pause after an accept error such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The client at the other end of a connection, as far as the connection identifies it.
#[derive(Debug)]
pub struct Peer {
    /// Address of a TCP client; `None` on a Unix socket.
    pub address: Option<SocketAddr>,
    /// Uid of a client on a Unix socket; `None` on TCP.
    pub uid: Option<u32>,
    /// Verified leaf certificate of the client, DER; `None` without one.
    pub certificate: Option<Arc<CertificateDer<'static>>>,
    /// The only cluster this listener stands for, by name, since indexes change with the configuration; `None` for all
    /// clusters.
    pub cluster: Option<Arc<str>>,
    /// The connection speaks HTTP/2; otherwise HTTP/1.1.
    pub h2: bool,
    /// The clusters whose resource versions the client holds.
    pub held: Held,
    draining: CancellationToken,
    place: Weak<ConnectionSlot>,
}

impl Peer {
    /// A peer without a listener: no address, uid or certificate.
    pub fn nobody() -> Self {
        Self {
            address: None,
            uid: None,
            certificate: None,
            cluster: None,
            h2: false,
            held: Held::default(),
            draining: CancellationToken::new(),
            place: Weak::new(),
        }
    }

    /// Returns a guard that an upgraded stream holds as long as it lives; take it before its request is answered.
    pub fn tunnel(&self) -> Tunnel {
        Tunnel::begin(self.place.upgrade())
    }

    /// Cancelled when the proxy, or the port of one cluster, begins to drain: a watch can end then, since its client
    /// resumes it elsewhere.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }
}

/// A service that answers requests.
pub trait Serve: Send + Sync + 'static {
    /// Body of the answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin + Send + 'static;

    /// Answers one request of a client.
    fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Returns the answer to a request whose handler panicked.
    fn broken(&self) -> Response<Self::Body>;

    /// Called when a client's TLS handshake has failed: there will be no request.
    fn unserved(&self, _why: TlsTrouble) {}
}

/// Means of authentication besides the published token, from flags and configuration together.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// CA certificates for client certificates, PEM; `None` accepts no client certificate.
    pub client_ca: Option<Vec<u8>>,
    /// The home cluster reviews ServiceAccount tokens.
    pub token_review: bool,
}

/// TLS settings for new connections, ready to be put in force.
#[derive(Debug)]
pub struct Prepared(Arc<ServerConfig>);

/// State that all listeners share and that a reload may change.
#[derive(Debug)]
pub struct Gate {
    identity: Arc<Identity>,
    tls: ArcSwap<ServerConfig>,
    ledger: Arc<ConnectionTable>,
    protocols: Protocols,
    handshakes: Arc<Semaphore>,
    ports: Ports,
    /// Longest time that connections of a closed port may take to end.
    drain: Duration,
}

impl Gate {
    /// Builds the TLS settings for new connections; changes nothing yet.
    ///
    /// Fails if the client CA holds no usable certificate or TLS cannot be set up.
    pub fn prepare(&self, trust: &Trust) -> Result<Prepared, UserError> {
        tls::settings(&self.identity, trust.client_ca.as_deref()).map(Prepared)
    }

    /// Uses the settings for new connections; open connections keep theirs.
    pub fn apply(&self, prepared: Prepared) {
        self.tls.store(prepared.0);
    }

    /// The addresses clients can connect to now: first the listeners for all clusters.
    pub fn listening(&self) -> Vec<Listening> {
        self.ports.listening()
    }

    /// Opens the ports that these clusters need, if each cluster has a port of its own. No connection is accepted yet.
    ///
    /// Fails if a port cannot be opened; nothing has changed then.
    pub fn open(&self, clusters: &[Arc<str>]) -> Result<Change, UserError> {
        self.ports.open(clusters)
    }

    /// Accepts connections on the new ports, and closes the ports of removed clusters. Their connections may end by
    /// themselves, as in a drain of the proxy.
    pub async fn settle(&self, change: Change) {
        self.ports.settle(change).await;
    }

    /// Sets the bound on open connections.
    pub fn allow(&self, connections: usize) {
        self.ledger.allow(connections);
    }

    /// Returns the number of connections and requests now.
    pub fn load(&self) -> Load {
        self.ledger.load()
    }

    /// The certificate, the authority and the token of this proxy.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }
}

/// The address of a listener, and the only cluster it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Address the listener is bound to.
    pub address: Address,
    /// Name of the only cluster the listener stands for; `None` for all clusters.
    pub cluster: Option<Arc<str>>,
}

/// Bound sockets, not yet served.
#[derive(Debug)]
pub struct Listeners {
    gate: Arc<Gate>,
}

impl Listeners {
    /// Opens every socket the options ask for, and one for each of `clusters` if the options ask for that. The bound
    /// on connections comes later, by [`Gate::allow`].
    ///
    /// Fails if the client CA is unusable, an address can be reached from other machines while callers show only a
    /// token, or a socket cannot be opened.
    pub fn bind(
        options: &ServeOptions,
        identity: &Arc<Identity>,
        trust: &Trust,
        clusters: &[Arc<str>],
        inherited: Inherited,
    ) -> Result<Self, UserError> {
        let tls = tls::settings(identity, trust.client_ca.as_deref())?;
        let own = if inherited.is_empty() || options.listen_is_chosen { options.listen.as_slice() } else { &[] };
        // Refused before anything is opened; passed sockets are looked at below.
        for address in own {
            guard(address, trust)?;
        }
        let mut sockets = inherited.open()?;
        for address in own {
            sockets.push(Socket::bind(address)?);
        }
        let mut bound = Vec::new();
        for socket in sockets {
            let address = socket.address().map_err(|why| unknown(&why))?;
            guard(&address, trust)?;
            bound.push((socket, address));
        }
        let ledger = Arc::new(ConnectionTable::new(CONNECTIONS, Ending::default()));
        let each = options.per_cluster.map(|first| (first, options.state_dir.as_path()));
        let ports = Ports::new(bound, each, ledger.ending().clone(), ledger.over().clone())?;
        let change = ports.open(clusters)?;
        ports.remember(&change)?;
        ports.put(change);
        let gate = Gate {
            identity: Arc::clone(identity),
            tls: ArcSwap::new(tls),
            ledger,
            protocols: Protocols::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            ports,
            drain: options.drain,
        };
        Ok(Self { gate: Arc::new(gate) })
    }

    /// The listeners in the order of the options: first those for all clusters.
    pub fn listening(&self) -> Vec<Listening> {
        self.gate.listening()
    }

    /// The state that all listeners share.
    pub fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    /// The tokens that end this proxy.
    pub fn ending(&self) -> Ending {
        self.gate.ledger.ending().clone()
    }

    /// Accepts and serves until the proxy is to end; then waits for requests under way, at most as long as the options
    /// allow.
    pub async fn run<S: Serve>(self, service: Arc<S>, clock: Running) -> Drained {
        let ending = self.ending();
        let names = self.gate.listening().into_iter().filter_map(|listening| match listening.address {
            Address::Tcp(address) => Some(address.ip().to_string()),
            Address::Unix(_) => None,
        });
        if let Err(why) = self.gate.identity.rename(names, clock.moment().wall) {
            tracing::error!(why, "the server certificate lacks the addresses listened on");
        }
        let mut tasks = JoinSet::new();
        let gate = Arc::clone(&self.gate);
        tasks.spawn(async move {
            tokio::join!(gate.ledger.sweep(), gate.identity.rotate(&clock, gate.ledger.over()));
        });
        loop {
            for (socket, listener) in self.gate.ports.take() {
                tasks.spawn(accept(socket, listener, Arc::clone(&self.gate), Arc::clone(&service)));
            }
            tokio::select! {
                () = ending.drain.cancelled() => break,
                () = ending.cut.cancelled() => break ending.drain.cancel(),
                () = self.gate.ports.arrived() => {}
                // A listener was closed; there are always others.
                _closed = tasks.join_next() => {}
            }
        }
        let drained = self.gate.ledger.drain(self.gate.drain).await;
        // The sweeper ends with the cut, the listeners have ended with the drain.
        while tasks.join_next().await.is_some() {}
        drained
    }
}

/// Bound on open connections until the configuration sets one.
const CONNECTIONS: usize = 5_000;

/// Refuses an address that other machines can reach while callers show only a token from a file.
///
/// Fails if the address is not local and `trust` has neither a client CA nor token reviews.
pub fn guard(address: &Address, trust: &Trust) -> Result<(), UserError> {
    if address.is_local() || trust.client_ca.is_some() || trust.token_review {
        return Ok(());
    }
    Err(UserError::new(
        ErrorKind::Refused,
        format!("{address} can be reached from other machines, and callers would show only a token"),
    )
    .hint("add --client-ca FILE (callers show certificates) or --token-review (callers show ServiceAccount tokens)")
    .hint("or listen on 127.0.0.1"))
}

fn unknown(why: &std::io::Error) -> UserError {
    UserError::new(ErrorKind::Internal, "a socket does not say where it listens").cause(why.to_string())
}

/// Accepts until the listener is to be closed; then waits for its connections, unless the whole proxy ends.
async fn accept<S: Serve>(socket: Socket, listener: Arc<Listener>, gate: Arc<Gate>, service: Arc<S>) {
    tokio::select! {
        () = listener.closing.cancelled() => {}
        () = accept_all(&socket, &listener, &gate, &service) => {}
    }
    drop(socket);
    listener.closed.cancel();
    if !gate.ledger.ending().drain.is_cancelled() {
        gate.ledger.finish(&listener, gate.drain).await;
    }
}

async fn accept_all<S: Serve>(socket: &Socket, listener: &Arc<Listener>, gate: &Arc<Gate>, service: &Arc<S>) {
    loop {
        let Ok(handshake) = Arc::clone(&gate.handshakes).acquire_owned().await else { return };
        match next(socket).await {
            Ok(client) => {
                // At the bound, with nobody idle: the client sees its connection closed.
                let Some(place) = gate.ledger.admit(listener) else { continue };
                let arrival = Arrival { place, handshake };
                tokio::spawn(serve(client, arrival, Arc::clone(gate), Arc::clone(service)));
            }
            Err(why) => {
                tracing::warn!(%why, "no connection could be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

enum Client {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

async fn next(socket: &Socket) -> std::io::Result<Client> {
    match socket {
        Socket::Tcp(listener) => listener.accept().await.map(|(stream, from)| Client::Tcp(stream, from)),
        Socket::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Client::Unix(stream)),
    }
}

/// Resources of a new connection.
struct Arrival {
    place: Arc<ConnectionSlot>,
    handshake: OwnedSemaphorePermit,
}

/// Serves one connection, from its handshake to its end.
async fn serve<S: Serve>(client: Client, arrival: Arrival, gate: Arc<Gate>, service: Arc<S>) {
    let Arrival { place, handshake } = arrival;
    let listener = place.listener();
    let (cluster, draining) = (listener.listening.cluster.clone(), listener.closing.clone());
    let mut peer = Peer { cluster, draining, place: Arc::downgrade(&place), ..Peer::nobody() };
    match client {
        Client::Unix(stream) => {
            // Without a uid nobody can be let in; the service turns such a caller away.
            peer.uid = stream.peer_cred().ok().map(|cred| cred.uid());
            drop(handshake);
            let begun = tokio::select! {
                // A drain does not wait for who has said nothing yet.
                _asked = place.line().asked() => return,
                begun = timeout(ledger::HEAD, sockets::by_prior_knowledge(stream)) => begun,
            };
            let Ok(Ok((h2, stream))) = begun else { return };
            peer.h2 = h2;
            gate.protocols.serve(stream, service, Arc::new(peer), place).await;
        }
        Client::Tcp(stream, from) => {
            sockets::tune(&stream);
            let accepting = TlsAcceptor::from(gate.tls.load_full()).accept(stream);
            let accepted = timeout(HANDSHAKE, accepting).await;
            drop(handshake);
            let stream = match accepted {
                Ok(Ok(stream)) => stream,
                Ok(Err(why)) => return service.unserved(TlsTrouble::of(&why)),
                Err(_late) => return service.unserved(TlsTrouble::Timeout),
            };
            let (_, session) = stream.get_ref();
            peer.address = Some(from);
            peer.h2 = session.alpn_protocol() == Some(b"h2");
            let shown = session.peer_certificates().and_then(<[_]>::first);
            peer.certificate = shown.map(|leaf| Arc::new(leaf.clone().into_owned()));
            gate.protocols.serve(stream, service, Arc::new(peer), place).await;
        }
    }
}
