//! What is listened on: sockets for all clusters, which stay, and ports of single clusters, which come and go with them.

use super::port_assignments::{Given, Kept};
use super::sockets::Socket;
use super::{Ending, Listening};
use crate::engine::address::Address;
use crate::error::{ErrorKind, UserError};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longest wait for a socket to close; its task has nothing else to do.
const CLOSING: Duration = Duration::from_secs(1);

/// A listener, alive while it is open and as long as its connections are.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) listening: Listening,
    /// Stops new connections; requests under way may end by themselves. Cancelled by the drain of the proxy, too.
    pub(super) closing: CancellationToken,
    /// Ends the connections of the listener now. Cancelled by the end of the proxy, too.
    pub(super) cut: CancellationToken,
    /// Cancelled once the socket is closed.
    pub(super) closed: CancellationToken,
}

/// All listeners of one proxy.
#[derive(Debug)]
pub(super) struct Ports {
    each: Option<Each>,
    ending: Ending,
    over: CancellationToken,
    state: Mutex<State>,
    arrived: Notify,
}

/// Ports for single clusters.
#[derive(Debug)]
struct Each {
    ip: IpAddr,
    /// First port; 0 lets the system choose each.
    first: u16,
    kept: Kept,
}

#[derive(Debug, Default)]
struct State {
    /// Listeners for all clusters first, then those of single clusters in the order of the configuration.
    open: Vec<Arc<Listener>>,
    /// Listeners that are open and not served yet. No more than there are clusters.
    unserved: Vec<(Socket, Arc<Listener>)>,
    given: Given,
}

/// The open listeners that a configuration needs. They accept no connection until it is in force; dropping the change
/// closes the new ones.
#[derive(Debug)]
pub struct Change {
    open: Vec<Arc<Listener>>,
    fresh: Vec<(Socket, Arc<Listener>)>,
    given: Given,
    ip: Option<IpAddr>,
}

impl Change {
    /// The addresses clients can connect to once the change is in force.
    pub fn listening(&self) -> Vec<Listening> {
        self.open.iter().map(|listener| listener.listening.clone()).collect()
    }

    /// Ports of single clusters, closed ones included: their connections may still be open.
    pub fn given(&self) -> Vec<SocketAddr> {
        self.ip.map_or_else(Vec::new, |ip| self.given.values().map(|&port| SocketAddr::new(ip, port)).collect())
    }
}

impl Ports {
    /// Takes the open sockets, and plans a port for each cluster from port `each` on, if given; the assignments are
    /// kept in the folder beside it. Fails if there is no TCP socket to take the address from, or the assignments
    /// cannot be read.
    pub(super) fn new(
        sockets: Vec<(Socket, Address)>,
        each: Option<(u16, &Path)>,
        ending: Ending,
        over: CancellationToken,
    ) -> Result<Self, UserError> {
        let beside = sockets.iter().find_map(|(_, address)| match address {
            Address::Tcp(address) => Some(address.ip()),
            Address::Unix(_) => None,
        });
        let each = match (each, beside) {
            (None, _) => None,
            (Some((first, state)), Some(ip)) => Some(Each { ip, first, kept: Kept::new(state, first) }),
            (Some(_), None) => {
                return Err(UserError::new(
                    ErrorKind::Usage,
                    "a listener for each cluster needs a TCP listener to stand beside",
                )
                .hint("add --listen 127.0.0.1:6443"));
            }
        };
        let ports = Self { each, ending, over, state: Mutex::default(), arrived: Notify::new() };
        let unserved: Vec<_> = sockets
            .into_iter()
            .map(|(socket, address)| (socket, ports.listener(Listening { address, cluster: None })))
            .collect();
        let open = unserved.iter().map(|(_, listener)| Arc::clone(listener)).collect();
        let given = ports.each.as_ref().map(|each| each.kept.read()).transpose()?.unwrap_or_default();
        *ports.state.lock() = State { open, unserved, given };
        Ok(ports)
    }

    fn listener(&self, listening: Listening) -> Arc<Listener> {
        let (closing, cut) = (self.ending.drain.child_token(), self.over.child_token());
        Arc::new(Listener { listening, closing, cut, closed: CancellationToken::new() })
    }

    pub(super) fn listening(&self) -> Vec<Listening> {
        self.state.lock().open.iter().map(|listener| listener.listening.clone()).collect()
    }

    /// Opens the ports that these clusters lack. A cluster keeps its port, and gets it again when it returns. Fails if
    /// a port cannot be opened.
    pub(super) fn open(&self, clusters: &[Arc<str>]) -> Result<Change, UserError> {
        let state = self.state.lock();
        let (of_one, for_all): (Vec<_>, Vec<_>) =
            state.open.iter().map(Arc::clone).partition(|listener| listener.listening.cluster.is_some());
        let of_one: BTreeMap<Option<Arc<str>>, Arc<Listener>> =
            of_one.into_iter().map(|listener| (listener.listening.cluster.clone(), listener)).collect();
        let (ip, given) = (self.each.as_ref().map(|each| each.ip), state.given.clone());
        let mut change = Change { open: for_all, fresh: Vec::new(), given, ip };
        let Some(&Each { ip, first, .. }) = self.each.as_ref() else { return Ok(change) };
        for cluster in clusters {
            if let Some(kept) = of_one.get(&Some(Arc::clone(cluster))) {
                change.open.push(Arc::clone(kept));
                continue;
            }
            let socket = bind(cluster, (ip, first), &change.given)?;
            let address = socket.address().map_err(|why| super::unknown(&why))?;
            if let Address::Tcp(address) = &address {
                change.given.insert(Arc::clone(cluster), address.port());
            }
            let listener = self.listener(Listening { address, cluster: Some(Arc::clone(cluster)) });
            change.open.push(Arc::clone(&listener));
            change.fresh.push((socket, listener));
        }
        Ok(change)
    }

    /// Writes the assignments for the next start. Fails if the file cannot be written.
    pub(super) fn remember(&self, change: &Change) -> Result<(), UserError> {
        match &self.each {
            Some(each) if self.state.lock().given != change.given => each.kept.write(&change.given),
            Some(_) | None => Ok(()),
        }
    }

    /// Puts the change in force, and returns the listeners that are no longer needed.
    pub(super) fn put(&self, change: Change) -> Vec<Arc<Listener>> {
        let Change { open, fresh, given, .. } = change;
        let mut state = self.state.lock();
        let stays: HashSet<*const Listener> = open.iter().map(Arc::as_ptr).collect();
        let stays = |one: &Arc<Listener>| stays.contains(&Arc::as_ptr(one));
        let gone = state.open.iter().filter(|one| !stays(one)).map(Arc::clone).collect();
        // What was never served has no task that would close it.
        state.unserved.retain(|(_, one)| stays(one));
        state.unserved.extend(fresh);
        (state.open, state.given) = (open, given);
        drop(state);
        self.arrived.notify_one();
        gone
    }

    /// Puts the change in force like [`Self::put`], and closes the other listeners. Waits until they are closed; their
    /// connections may take longer.
    pub(super) async fn settle(&self, change: Change) {
        for (_, listener) in &change.fresh {
            let cluster = listener.listening.cluster.as_deref();
            tracing::info!(cluster, address = %listener.listening.address, "a cluster has a port of its own");
        }
        if let Err(why) = self.remember(&change) {
            tracing::error!(why = why.message, "the next start may give other ports to clusters");
        }
        let gone = self.put(change);
        for listener in &gone {
            listener.closing.cancel();
        }
        for listener in gone {
            let _late = timeout(CLOSING, listener.closed.cancelled()).await;
            let cluster = listener.listening.cluster.as_deref();
            tracing::info!(cluster, address = %listener.listening.address, "the port of a removed cluster is closed");
        }
    }

    /// Waits until there may be sockets to serve.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes the sockets to serve from now on.
    pub(super) fn take(&self) -> Vec<(Socket, Arc<Listener>)> {
        std::mem::take(&mut self.state.lock().unserved)
    }
}

/// Binds the port a cluster had; a new cluster gets the port after the highest one ever assigned. Fails if the port
/// cannot be opened.
fn bind(cluster: &str, (ip, first): (IpAddr, u16), given: &Given) -> Result<Socket, UserError> {
    let open = |port: u16| Socket::bind(&Address::Tcp(SocketAddr::new(ip, port)));
    let port = match (given.get(cluster), given.values().max()) {
        (Some(&port), _) => Some(port),
        (None, _) if first == 0 => Some(0),
        (None, None) => Some(first),
        (None, Some(last)) => last.checked_add(1),
    };
    let Some(port) = port else {
        return Err(UserError::new(ErrorKind::Usage, format!("cluster {cluster}: no port is left above {first}"))
            .hint("start lower with --listen-per-cluster PORT: all are then given anew"));
    };
    let opened = match port {
        0 => unlike(given, || open(0)),
        // Somebody else may have been given it meanwhile by the system, which then chooses another.
        port if first == 0 => open(port).or_else(|_| unlike(given, || open(0))),
        port => open(port),
    };
    opened.map_err(|why| of(cluster, why))
}

/// Binds a port that the system chooses and no cluster ever had: unsuitable ports are held until a suitable one comes.
fn unlike(given: &Given, open: impl Fn() -> Result<Socket, UserError>) -> Result<Socket, UserError> {
    let mut held = Vec::new();
    loop {
        let socket = open()?;
        let address = socket.address().map_err(|why| super::unknown(&why))?;
        let is_given = matches!(address, Address::Tcp(address) if given.values().any(|&port| port == address.port()));
        if !is_given {
            return Ok(socket);
        }
        held.push(socket);
    }
}

fn of(cluster: &str, why: UserError) -> UserError {
    UserError { message: format!("cluster {cluster}: {}", why.message), ..why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn free() -> (Socket, u16) {
        let socket = Socket::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        match socket.address().unwrap() {
            Address::Tcp(address) => (socket, address.port()),
            Address::Unix(_) => panic!("a port was asked for"),
        }
    }

    #[tokio::test]
    async fn a_port_that_another_cluster_had_is_not_taken_though_the_system_offers_it() {
        let ((had, port), (other, fresh)) = (free(), free());
        let given = Given::from([(Arc::from("gone"), port)]);
        let offered = RefCell::new(vec![other, had]);
        let taken = unlike(&given, || Ok(offered.borrow_mut().pop().unwrap())).unwrap();
        assert_eq!(taken.address().unwrap().to_string(), format!("https://127.0.0.1:{fresh}"));
    }
}
