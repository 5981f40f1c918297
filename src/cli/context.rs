//! The context of every command: settings, the inventory, the way to clusters, the clusters that are meant.

use super::fan_out::{FanOut, Limits};
use super::print::write;
use super::{Cli, Command, FanOutArgs, FleetArgs, Output};
use crate::config::{self, Config, Environment, Flags, Loaded, Selection};
use crate::engine::clock;
use crate::engine::cluster::{Connector, Inventory as _, Listing};
use crate::engine::k8s::client::ClientContext;
use crate::engine::k8s::connector::K8sConnector;
use crate::engine::k8s::credentials::plugin::{Plugins, Terminal};
use crate::engine::k8s::endpoint::Endpoints;
use crate::engine::k8s::inventory::FleetInventory;
use crate::engine::process::detach::Launcher;
use crate::error::{ErrorKind, UserError};
use crate::model::change::journal::Actor;
use crate::model::cluster::ClusterEntry;
use crate::model::text::Text;
use futures::StreamExt as _;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

/// Deadline of the first listing, longer than that of any request to a hub; without a listing by then, the command
/// fails.
const LISTING_MAX: Duration = Duration::from_secs(60);

/// The settings in force, with their origins.
pub(super) struct Settings {
    pub environment: Arc<Environment>,
    pub config: Arc<Config>,
}

impl Settings {
    /// Returns the user and the process that the journal of changes names.
    pub(super) fn actor(&self) -> Actor {
        let user = self.environment.user.as_deref().map(Text::new).unwrap_or_default();
        Actor { user, process: std::process::id() }
    }

    /// Returns how many clusters are contacted at the same time.
    pub(super) fn concurrency(&self) -> usize {
        usize::try_from(self.config.concurrency.value).unwrap_or(usize::MAX)
    }

    /// Reads all layers of the configuration. Fails where a file of it is wrong.
    pub(super) fn load(cli: &Cli) -> Result<Self, UserError> {
        let environment = Environment::read();
        let fan_out = fan_out(cli.command.as_ref());
        let flags = flags(&cli.fleet, cli.screen.theme.as_ref(), fan_out);
        let Loaded { config, warnings } = config::load(&flags, &environment)?;
        for warning in warnings {
            write(&mut std::io::stderr(), &format!("warning: {warning}\n"))?;
        }
        Ok(Self { environment: Arc::new(environment), config: Arc::new(config) })
    }
}

/// Returns the fan-out arguments of a command that has them.
fn fan_out(command: Option<&Command>) -> Option<&FanOutArgs> {
    match command? {
        Command::Get(args) => Some(&args.fan_out),
        Command::Describe(args) => Some(&args.fan_out),
        Command::Events(args) => Some(&args.fan_out),
        Command::Clusters(args) => Some(&args.fan_out),
        Command::Doctor(args) => Some(&args.fan_out),
        Command::Change(_)
        | Command::Config { .. }
        | Command::Completion { .. }
        | Command::Demo { .. }
        | Command::Route(_)
        | Command::Serve(_) => None,
    }
}

fn flags(fleet: &FleetArgs, theme: Option<&String>, fan_out: Option<&FanOutArgs>) -> Flags {
    Flags {
        kubeconfig: fleet.kubeconfig.clone(),
        context: fleet.context.clone(),
        config: fleet.config.clone(),
        hubs: fleet.hub.clone(),
        provider_file: fleet.clusterprofile_provider_file.clone(),
        concurrency: fan_out.and_then(|f| f.concurrency),
        timeout: fan_out.and_then(|f| f.timeout).map(|seconds| Duration::from_secs(u64::from(seconds))),
        theme: theme.cloned(),
        read_only: fleet.read_only,
    }
}

/// The inventory, and the connections to its clusters.
pub(super) struct Access {
    pub inventory: FleetInventory,
    /// Endpoints of the clusters, written by the inventory.
    pub endpoints: Endpoints,
    pub surroundings: ClientContext,
    pub connector: Arc<dyn Connector>,
}

pub(super) fn access(settings: &Settings, terminal: Terminal) -> Access {
    let endpoints = Endpoints::default();
    let surroundings = ClientContext {
        environment: Arc::clone(&settings.environment),
        plugins: Plugins::new(Launcher::own(), terminal),
    };
    let inventory =
        FleetInventory::new(Arc::clone(&settings.config), Arc::clone(&settings.environment), endpoints.clone())
            .with_plugins(Arc::clone(&surroundings.plugins));
    let connector = Arc::new(K8sConnector::new(endpoints.clone(), surroundings.clone()));
    Access { inventory, endpoints, surroundings, connector }
}

/// Returns true if the command prints while answers arrive, so that progress on stderr would disturb the output.
fn streams(command: Option<&Command>) -> bool {
    let Some(Command::Get(args)) = command else { return false };
    args.stream || (!matches!(args.output, Output::Table | Output::Wide) && std::io::stdout().is_terminal())
}

/// Finds the clusters that are meant. Fails where there are none, or the inventory does not come in time.
pub(super) async fn open(cli: &Cli, settings: &Settings) -> Result<FanOut, UserError> {
    let (entries, connector) = inventory(cli, settings).await?;
    Ok(FanOut {
        entries: selection(&cli.fleet).choose(&entries)?,
        connector,
        limits: Limits {
            concurrency: settings.concurrency(),
            deadline: fan_out(cli.command.as_ref()).and_then(|f| f.timeout).map(|s| Duration::from_secs(u64::from(s))),
        },
        now: clock::now(),
        shows_progress: std::io::stderr().is_terminal() && !streams(cli.command.as_ref()),
    })
}

/// Lists all clusters, with the way to them; warnings go to stderr. Fails where there are none, or the inventory does not
/// come in time.
pub(super) async fn inventory(
    cli: &Cli,
    settings: &Settings,
) -> Result<(Vec<Arc<ClusterEntry>>, Arc<dyn Connector>), UserError> {
    // A plugin that must ask somebody can, when somebody is there.
    let terminal = if std::io::stdin().is_terminal() { Terminal::Free } else { Terminal::Taken };
    let access = access(settings, terminal);
    let listing = listing(&access.inventory, cli.fleet.refresh).await?;
    if listing.entries.is_empty() {
        return Err(UserError::no_clusters(&listing.warnings));
    }
    for warning in &listing.warnings {
        write(&mut std::io::stderr(), &format!("warning: {warning}\n"))?;
    }
    Ok((listing.entries, access.connector))
}

pub(super) fn selection(fleet: &FleetArgs) -> Selection {
    Selection {
        context: fleet.context.clone(),
        clusters: fleet.clusters.clone(),
        exclude: fleet.exclude.clone(),
        groups: fleet.group.iter().cloned().collect(),
    }
}

/// The first complete listing: waits for sources that have not answered yet. Fails if there is none within
/// [`LISTING_MAX`].
async fn listing(inventory: &FleetInventory, refresh: bool) -> Result<Listing, UserError> {
    let complete = async {
        let mut listings = inventory.entries(refresh);
        let mut last = Listing::default();
        while let Some(listing) = listings.next().await {
            last = listing;
            if last.pending.is_empty() {
                break;
            }
        }
        last
    };
    tokio::time::timeout(LISTING_MAX, complete).await.map_err(|_| {
        UserError::new(ErrorKind::Config, format!("the inventory was not complete within {}s", LISTING_MAX.as_secs()))
            .hint("a hub may not answer: leave it out, or look at it with `qd doctor --context HUB`")
    })
}
