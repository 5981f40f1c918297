//! The demo fleet: simulated Kubernetes API servers on loopback, with real TLS and an invented, seeded world.
//!
//! `qd --demo` shows one, `qd demo serve` runs one as a process of its own, and the tests of the engine use
//! them as API servers that fail on demand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

mod api;
mod certificate;
mod fault;
mod json;
mod kubeconfig;
mod member;
mod patch;
mod resource;
mod selector;
mod server;
mod status;
mod store;
mod table;
mod world;
mod write;

pub use fault::Fault;
pub use member::{Member, Reach, Story, Version};

use api::ApiServer;
use fault::Faults;
use world::{Controllers, World};

/// Options of a simulated fleet.
#[derive(Debug, Clone)]
pub struct Options {
    /// The clusters, in kubeconfig order.
    pub clusters: Vec<Member>,
    /// Changes per second over all reachable clusters; 0 for none.
    pub changes_per_second: u32,
    /// Seed of the order of changes.
    pub seed: u64,
    /// Time in the fleet.
    pub clock: Clock,
}

impl Options {
    /// `count` similar clusters `demo-001` and on with `pods` pods each; the last `dead` cannot be reached: half of
    /// them refuse connections, half never answer.
    pub fn uniform(count: usize, pods: usize, dead: usize, seed: u64, clock: Clock) -> Self {
        Self { clusters: member::uniform(count, pods, dead, seed), changes_per_second: 0, seed, clock }
    }

    /// A small reachable cluster called `name` without changes: enough for most tests.
    pub fn single(name: &str, pods: usize, clock: Clock) -> Self {
        Self { clusters: vec![Member::new(name, 35, pods, 1)], changes_per_second: 0, seed: 1, clock }
    }
}

/// The six clusters of `qd --demo`: one unreachable, one slow, one with an expired session, one that lags in version; a
/// bad rollout in two regions, crash loops, drift, pending volumes; a few changes a second.
pub fn showcase(clock: Clock) -> Options {
    const SEED: u64 = 42;
    Options { clusters: member::showcase(SEED), changes_per_second: 6, seed: SEED, clock }
}

/// The time of a simulated fleet. The caller reads the wall clock; nothing in this module does.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// Time runs on from `start`, the time at `origin`.
    Running {
        /// Time in the fleet at `origin`.
        start: Timestamp,
        /// Instant at which the clock was started.
        origin: Instant,
    },
    /// Time stands still: for pictures and byte-for-byte comparisons.
    Fixed(Timestamp),
}

impl Clock {
    /// A clock that shows `start` now and runs on.
    pub fn running(start: Timestamp) -> Self {
        Self::Running { start, origin: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match *self {
            Self::Running { start, origin } => start + SignedDuration::try_from(origin.elapsed()).unwrap_or_default(),
            Self::Fixed(time) => time,
        }
    }
}

/// A request that a cluster has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// HTTP method: `GET` and so on.
    pub method: String,
    /// Path and query as sent.
    pub uri: String,
    /// The `Accept` header; empty if there was none.
    pub accept: String,
}

/// Failure to start a simulated fleet, or to write its kubeconfig.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The keys or certificates cannot be made.
    #[error("cannot make certificates for the demo fleet: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS rejects its configuration.
    #[error("cannot set up TLS for the demo fleet: {0}")]
    Tls(#[from] rustls::Error),
    /// No port on loopback can be opened.
    #[error("cannot open a port on 127.0.0.1 for the demo fleet: {0}")]
    Listen(std::io::Error),
    /// The kubeconfig path holds a file of another program.
    #[error("{0} exists and was not written by `qd demo serve`: choose another path or remove it")]
    Foreign(PathBuf),
    /// The kubeconfig cannot be written, or the file at its path cannot be read.
    #[error("cannot write the kubeconfig {path}: {cause}")]
    Write {
        /// Path of the kubeconfig.
        path: PathBuf,
        /// Error of the system.
        cause: std::io::Error,
    },
    /// Signal handlers cannot be installed.
    #[error("cannot wait for signals: {0}")]
    Signal(std::io::Error),
}

/// A running simulated fleet. Dropping it closes every port and ends every task.
#[derive(Debug)]
pub struct Fleet {
    servers: Vec<Arc<ApiServer>>,
    kubeconfig: String,
    _cancel: DropGuard,
}

impl Fleet {
    /// Builds the world of every cluster and starts to serve them. Call it within a tokio runtime. Fails if
    /// certificates cannot be made, if TLS rejects them, or if no port on loopback can be opened.
    ///
    /// Clusters that cannot be reached have a world too: it shows once their fault is lifted.
    pub async fn start(options: Options) -> Result<Self, DemoError> {
        let certificates = certificate::generate()?;
        let cancel = CancellationToken::new();
        let guard = cancel.clone().drop_guard();
        let clock = options.clock;
        let mut building = Vec::with_capacity(options.clusters.len());
        let mut sockets = Vec::with_capacity(options.clusters.len());
        for member in options.clusters {
            let (socket, port) = server::reserve().map_err(DemoError::Listen)?;
            sockets.push(socket);
            // A task each, so that big fleets are built on all cores.
            building.push(tokio::spawn(async move { build(member, port, clock) }));
        }
        let mut servers = Vec::with_capacity(building.len());
        let mut worlds = Vec::with_capacity(building.len());
        let acceptor = TlsAcceptor::from(Arc::clone(&certificates.tls));
        for (task, socket) in building.into_iter().zip(sockets) {
            let Ok((server, world)) = task.await else {
                continue;
            };
            let port = server::open(socket, &server).map_err(DemoError::Listen)?;
            let serving = server::serve(Arc::clone(&server), port, acceptor.clone(), cancel.clone());
            tokio::spawn(serving);
            spawn_until(&cancel, world::run(Arc::clone(&server)));
            servers.push(server);
            worlds.push(world);
        }
        if options.changes_per_second > 0 {
            let churn = world::churn(servers.clone(), worlds, options.changes_per_second, options.seed);
            spawn_until(&cancel, churn);
        }
        let kubeconfig = kubeconfig::render(&servers, &certificates.authority_pem);
        Ok(Self { servers, kubeconfig, _cancel: guard })
    }

    /// A kubeconfig for all clusters, as YAML, with the authority and bearer tokens inside.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Writes the kubeconfig, readable by its owner only. Fails if the path holds a file that `qd demo serve` did not
    /// write, or if the file cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<(), DemoError> {
        kubeconfig::write(path, &self.kubeconfig)
    }

    /// The names of the clusters, in kubeconfig order.
    pub fn clusters(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|server| server.member.name.as_str())
    }

    /// `https://127.0.0.1:<port>` of a cluster; `None` for an unknown name.
    pub fn url(&self, cluster: &str) -> Option<String> {
        self.server(cluster).map(|server| format!("https://127.0.0.1:{}", server.port))
    }

    /// Makes a cluster fail from now on, or work again with [`Fault::None`]; returns false for an unknown name.
    pub fn fault(&self, cluster: &str, fault: Fault) -> bool {
        self.server(cluster).map(|server| server.fault(fault)).is_some()
    }

    /// Drops the history of a cluster: watches that resume get 410.
    pub fn compact(&self, cluster: &str) {
        if let Some(server) = self.server(cluster) {
            server.store.write().compact_all();
        }
    }

    /// Number of requests that a cluster has received; 0 for an unknown name.
    pub fn request_count(&self, cluster: &str) -> u64 {
        self.server(cluster).map_or(0, |server| server.requests.lock().count)
    }

    /// The last requests a cluster has received, oldest first, at most 4,096.
    pub fn requests(&self, cluster: &str) -> Vec<Requested> {
        self.server(cluster).map(|server| server.requests.lock().last.iter().cloned().collect()).unwrap_or_default()
    }

    /// Creates or replaces an object (`metadata` as given, `resourceVersion` set here); returns false if there is no
    /// such cluster or resource type. A custom resource definition is served from then on.
    pub fn put(&self, cluster: &str, group: &str, plural: &str, object: serde_json::Value) -> bool {
        let Some(server) = self.server(cluster) else {
            return false;
        };
        let mut store = server.store.write();
        let Some(index) = store.find(group, plural) else {
            return false;
        };
        if plural == "customresourcedefinitions"
            && let Some(resource) = world::resource_of(&object)
            && store.find(&resource.group, &resource.plural).is_none()
        {
            store.serve(resource);
        }
        store.put(index, object);
        true
    }

    /// Deletes an object; returns false if there is none.
    pub fn delete(&self, cluster: &str, (group, plural): (&str, &str), namespace: &str, name: &str) -> bool {
        self.server(cluster).is_some_and(|server| {
            let mut store = server.store.write();
            let index = store.find(group, plural);
            index.is_some_and(|index| store.remove(index, &store::key(namespace, name)))
        })
    }

    fn server(&self, cluster: &str) -> Option<&Arc<ApiServer>> {
        self.servers.iter().find(|server| server.member.name == cluster)
    }
}

/// Runs a task until the fleet is dropped.
fn spawn_until(cancel: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
    let cancel = cancel.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = task => {}
        }
    });
}

fn build(member: Member, port: u16, clock: Clock) -> (Arc<ApiServer>, World) {
    let (store, world) = World::build(&member, clock.now());
    let current = match member.reach {
        Reach::Open => Fault::None,
        Reach::Refused => Fault::Refuse,
        Reach::BlackHole => Fault::BlackHole,
    };
    let server = ApiServer {
        token: format!("demo-{:016x}", member.seed.rotate_left(17)),
        port,
        clock,
        store: RwLock::new(store),
        faults: watch::Sender::new(Faults { current, cuts: 0 }),
        requests: parking_lot::Mutex::default(),
        controllers: parking_lot::Mutex::new(Controllers::new(member.seed)),
        written: tokio::sync::Notify::new(),
        started: Instant::now(),
        member,
    };
    (Arc::new(server), world)
}

/// Runs a fleet until SIGINT or SIGTERM, and writes its kubeconfig to `path`. Calls `started` with the lines to print
/// once all clusters are served. Fails if the path holds a file of another program or cannot be written, if signal
/// handlers cannot be installed, or as [`Fleet::start`].
pub async fn serve(options: Options, path: Option<&Path>, started: impl FnOnce(&[String])) -> Result<(), DemoError> {
    use tokio::signal::unix::{SignalKind, signal};
    // Refused before the work of building a hundred clusters.
    if let Some(path) = path {
        kubeconfig::claim(path)?;
    }
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::Signal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::Signal)?;
    let rate = options.changes_per_second;
    let fleet = Fleet::start(options).await?;
    let pods: usize = fleet.servers.iter().map(|server| server.member.pods).sum();
    let mut lines = vec![format!("{} clusters with {pods} pods, {rate} changes a second", fleet.servers.len())];
    if let Some(path) = path {
        fleet.write_kubeconfig(path)?;
        lines.push(format!("kubeconfig: {}", path.display()));
    }
    started(&lines);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
