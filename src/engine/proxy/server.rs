//! A whole proxy: read, bound, published, served, reloaded, drained.

use super::admin_pages::ProxyPages;
use super::config::ProxyConfig;
use super::config::read::{ConfigErrors, ParsedConfig};
use super::config_builder::{ActiveConfigBuilder, Assembled};
use super::edge::Hosts;
use super::exchange::ProxyService;
use super::listen::identity::Identity;
use super::listen::publish::Publication;
use super::listen::sockets::Inherited;
use super::listen::{self, Change, Drained, Ending, Gate, Listeners, Listening, systemd};
use super::metrics::{Metrics, Side, TlsTrouble};
use super::options::ServeOptions;
use super::reload_status::ReloadStatus;
use super::source::{LoadContext, Loader, readings};
use super::upstream::Upstreams;
use crate::engine::address::Address;
use crate::engine::admin::{Admin, Announced};
use crate::engine::clock::Running;
use crate::engine::k8s::client::ClientContext;
use crate::engine::k8s::client::connector::TlsFailed;
use crate::engine::k8s::endpoint::Secret;
use crate::error::{ErrorKind, UserError};
use crate::model::proxy::Finding;
use crate::model::text::{Text, clean};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Longest wait for the first reading: longer than the waits for a hub and for a home cluster.
const FIRST_READING: Duration = Duration::from_secs(45);

/// Longest wait for the last lines of the audit log at the end.
const FLUSH: Duration = Duration::from_secs(5);

type Readings = BoxStream<'static, Result<ParsedConfig, ConfigErrors>>;

/// Everything a proxy needs at its start.
#[derive(Debug)]
pub struct ProxyServerConfig {
    /// Options of the command line.
    pub options: ServeOptions,
    /// Loader of the configuration.
    pub loader: Loader,
    /// Inventory and connections that the loader reads from.
    pub ground: LoadContext,
    /// Environment and credential plugins, shared by all connections to API servers.
    pub surroundings: ClientContext,
    /// Sockets that systemd passed.
    pub inherited: Inherited,
    /// The uid of this process, and its user's name.
    pub own: (u32, String),
    /// Clock for certificates, windows and logs.
    pub clock: Running,
}

/// A proxy that listens, and does not serve yet.
#[derive(Debug)]
pub struct ProxyServer {
    listeners: Listeners,
    shared: Arc<Shared>,
    admin: Option<(Admin, Secret)>,
    following: Following,
    state_dir: PathBuf,
    token: CancellationToken,
    notes: Vec<String>,
}

/// State that the parts of a running proxy share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) carry: Arc<ProxyService>,
    pub(super) assembly: ActiveConfigBuilder,
    pub(super) gate: Arc<Gate>,
    pub(super) publication: Publication,
    /// Additional host names that clients may call it by.
    pub(super) names: Vec<String>,
    pub(super) publish_dir: Text,
    pub(super) ending: Ending,
    pub(super) in_force: ReloadStatus,
    /// Triggers a reload.
    pub(super) nudge: Arc<Notify>,
    pub(super) clock: Running,
}

/// Future readings of the configuration.
struct Following(Readings);

impl std::fmt::Debug for Following {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Following")
    }
}

impl ProxyServer {
    /// Reads the configuration, opens every socket and publishes the files for clients.
    ///
    /// Fails if the configuration is refused or does not come in time, an address is in use, other machines can reach
    /// an address while callers show only a token, a key, certificate or token is unusable, or the publish folder
    /// holds files of another program.
    pub async fn start(start: ProxyServerConfig) -> Result<Self, UserError> {
        let ProxyServerConfig { options, loader, ground, surroundings, inherited, own, clock } = start;
        let token = CancellationToken::new();
        let origin = loader.origin();
        let nudge = Arc::clone(&ground.nudge);
        let mut following = readings(loader, ground);
        let reading = first(&mut following, &origin).await?;
        let identity = Arc::new(Identity::load(&options, clock.moment().wall)?);
        let metrics = Arc::new(Metrics::new());
        let around = (options.clone(), surroundings.clone());
        let counts = Arc::clone(&metrics);
        let tls_failed: TlsFailed = Arc::new(move |why| counts.tls_error(Side::Upstream, TlsTrouble::of(why)));
        let upstreams = Upstreams::new(surroundings, tls_failed, &token);
        let assembly =
            ActiveConfigBuilder::new(around, (own, identity.token().clone()), upstreams, Arc::clone(&metrics));
        let refused = |why: String| refused(&origin, &why);
        let config = assembly.config(&reading);
        let trust = ActiveConfigBuilder::trust(&config).map_err(refused)?;
        let publication = Publication::claim(&options)?;
        let clusters = names(&config);
        let listeners = Listeners::bind(&options, &identity, &trust, &clusters, inherited)?;
        let (gate, ending) = (listeners.gate(), listeners.ending());
        let hosts = hosts(&gate.open(&clusters)?, &options.names)?;
        let Assembled { scene, mut notes } = assembly.assemble(config, hosts).map_err(refused)?;
        notes.extend_from_slice(publication.notes());
        let admin = match options.admin {
            Some(address) => {
                let token = Announced::token()?;
                Some((Admin::bind(address, token.clone()).await?, token))
            }
            None => None,
        };
        let in_force = ReloadStatus::new(&reading, clock.moment().wall);
        let carry = Arc::new(ProxyService::new(scene, metrics, clock));
        let publish_dir = Text::new(clean(&options.publish_dir.display().to_string()));
        let names = options.names;
        let shared = Shared { carry, assembly, gate, publication, names, publish_dir, ending, in_force, nudge, clock };
        shared.settle()?;
        let following = Following(following);
        Ok(Self { listeners, shared: Arc::new(shared), admin, following, state_dir: options.state_dir, token, notes })
    }

    /// The addresses clients can connect to.
    pub fn listening(&self) -> Vec<Listening> {
        self.shared.gate.listening()
    }

    /// The address of the admin listener; `None` if there is none.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(admin, _)| admin.address())
    }

    /// The names of the clusters, and the name of the home cluster.
    pub fn clusters(&self) -> (Vec<Arc<str>>, Option<Arc<str>>) {
        let scene = self.shared.carry.scene();
        let names = names(&scene.config);
        let home = scene.config.home.and_then(|home| names.get(home)).map(Arc::clone);
        (names, home)
    }

    /// The number of rules.
    pub fn rules(&self) -> usize {
        self.shared.carry.scene().config.rules.len()
    }

    /// Messages for the user about this start, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The findings of `qd route lint` about the configuration in force.
    pub fn findings(&self) -> Vec<Finding> {
        self.shared.in_force.findings()
    }

    /// The tokens that end this proxy.
    pub fn ending(&self) -> Ending {
        self.shared.ending.clone()
    }

    /// Serves until the proxy is to end, then drains.
    ///
    /// Fails if the file that announces the admin listener cannot be written; nothing is served then.
    pub async fn run(self) -> Result<Drained, UserError> {
        let Self { listeners, shared, admin, following, state_dir, token, .. } = self;
        let (over, mut announced) = (CancellationToken::new(), None);
        let mut serving_admin = None;
        if let Some((admin, secret)) = admin {
            announced = Some(Announced::write(&state_dir, admin.address(), &secret)?);
            let pages = Arc::new(ProxyPages(Arc::clone(&shared) as _));
            serving_admin = Some(tokio::spawn(admin.run(pages, over.clone())));
        }
        let followed = AbortOnDropHandle::new(tokio::spawn(follow(following.0, Arc::clone(&shared))));
        systemd::ready(shared.carry.scene().config.clusters.len());
        let drained = listeners.run(Arc::clone(&shared.carry), shared.clock).await;
        drop(followed);
        // Nobody looks for it here any more.
        drop(announced);
        over.cancel();
        if let Some(serving) = serving_admin
            && let Err(why) = serving.await
        {
            tracing::error!(%why, "the admin listener failed");
        }
        if let Some(audit) = &shared.carry.scene().audit
            && timeout(FLUSH, audit.flush()).await.is_err()
        {
            tracing::warn!("the last events of the audit log could not be written in time");
        }
        token.cancel();
        Ok(drained)
    }
}

impl Shared {
    /// Applies the bound on connections and the published files of the configuration in force. Fails if the files
    /// cannot be written.
    fn settle(&self) -> Result<(), UserError> {
        let scene = self.carry.scene();
        self.gate.allow(usize::try_from(scene.config.limits.connections).unwrap_or(usize::MAX));
        let namespace_of = |cluster: Option<&str>| scene.config.namespace(cluster).to_owned();
        self.publication.write(self.gate.identity(), &self.gate.listening(), &namespace_of)
    }

    /// Puts a reading in force. Fails if it is refused; nothing has changed then.
    async fn reload(&self, read: Result<ParsedConfig, ConfigErrors>) -> Result<(), String> {
        let reading = read.map_err(|refused| refused.to_string())?;
        let config = self.assembly.config(&reading);
        let trust = ActiveConfigBuilder::trust(&config)?;
        for one in self.gate.listening() {
            listen::guard(&one.address, &trust).map_err(|why| why.message)?;
        }
        let prepared = self.gate.prepare(&trust).map_err(|why| why.message)?;
        let ports = self.gate.open(&names(&config)).map_err(in_one_line)?;
        let hosts = hosts(&ports, &self.names).map_err(|why| why.message)?;
        let Assembled { scene, notes } = self.assembly.assemble(config, hosts)?;
        self.gate.apply(prepared);
        for note in notes {
            tracing::warn!(note, "the configuration is in force, and");
        }
        self.carry.install(scene);
        self.gate.settle(ports).await;
        if let Err(why) = self.settle() {
            tracing::error!(why = why.message, "what clients find could not be written again");
        }
        // Last: who asked for it finds everything as it is now.
        self.in_force.installed(&reading, self.clock.moment().wall);
        Ok(())
    }
}

/// Puts each reading in force as it comes.
async fn follow(mut readings: Readings, shared: Arc<Shared>) {
    while let Some(read) = readings.next().await {
        systemd::reloading();
        let done = shared.reload(read).await;
        shared.carry.metrics().reloaded(done.is_ok());
        match &done {
            Ok(()) => tracing::info!(hash = shared.carry.scene().config.hash, "a configuration is in force"),
            Err(why) => {
                tracing::error!(why, "the configuration was refused; the one before stays in force");
                shared.in_force.refused(why, shared.clock.moment().wall);
            }
        }
        systemd::ready(shared.carry.scene().config.clusters.len());
    }
}

async fn first(following: &mut Readings, origin: &str) -> Result<ParsedConfig, UserError> {
    match timeout(FIRST_READING, following.next()).await {
        Ok(Some(Ok(reading))) => Ok(reading),
        Ok(Some(Err(why))) => Err(refused(origin, &why.to_string())),
        Ok(None) | Err(_) => {
            Err(UserError::new(ErrorKind::Config, format!("no configuration came from {origin} in {FIRST_READING:?}"))
                .hint("look at the home cluster with `qd doctor`"))
        }
    }
}

fn refused(origin: &str, why: &str) -> UserError {
    UserError::new(ErrorKind::Config, format!("the configuration of the proxy was refused: {origin}"))
        .cause(why.to_owned())
        .hint("check it with `qd route lint`")
}

fn in_one_line(why: UserError) -> String {
    why.causes.iter().fold(why.message, |line, cause| format!("{line}: {cause}"))
}

fn names(config: &ProxyConfig) -> Vec<Arc<str>> {
    config.clusters.iter().map(|cluster| Arc::clone(&cluster.name)).collect()
}

/// The host names that clients may call. Fails if one of `names` is neither a host name nor an IP address.
fn hosts(ports: &Change, names: &[String]) -> Result<Hosts, UserError> {
    let mut addresses = ports.given();
    let mut has_socket = false;
    for one in ports.listening() {
        match one.address {
            Address::Tcp(address) => addresses.push(address),
            Address::Unix(_) => has_socket = true,
        }
    }
    let mut hosts = Hosts::new(&addresses);
    for name in names {
        hosts = hosts.name(name).map_err(|why| {
            UserError::new(ErrorKind::Usage, format!("--san {name}: {why}")).hint("write a host name or an IP address")
        })?;
    }
    Ok(if has_socket { hosts.socket() } else { hosts })
}
