//! From arguments to an exit code: which command, on which clusters, with which settings.

use super::fan_out::{FanOut, Limits};
use super::get::{self, Streams, write};
use super::wanted::Wanted;
use super::{
    Cli, Command, ConfigCommand, DemoCommand, FanOutArgs, FleetArgs, Output, change, describe, events, inspect, route,
    screen, serve,
};
use crate::config::{self, Config, Environment, Flags, Loaded, Selection};
use crate::engine::clock;
use crate::engine::cluster::{Connector, Inventory as _, Listing};
use crate::engine::k8s::client::{ClientContext, sockets};
use crate::engine::k8s::connector::K8sConnector;
use crate::engine::k8s::credentials::plugin::{Plugins, Terminal};
use crate::engine::k8s::endpoint::Endpoints;
use crate::engine::k8s::inventory::FleetInventory;
use crate::engine::process::detach::{self, Launcher};
use crate::engine::proxy::listen::sockets::Inherited;
use crate::error::{ErrorKind, UserError};
use clap::{CommandFactory as _, Parser as _};
use futures::StreamExt as _;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Longer than any hub takes (its own deadline is the request's); a listing that never comes is an error.
const LISTING_MAX: Duration = Duration::from_secs(60);

/// Runs the program. `serves` is called before a second thread is there, where it is going to serve as a proxy.
pub fn main(arguments: impl IntoIterator<Item = OsString>, serves: impl FnOnce()) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(code) = detach::become_plugin(arguments.iter().cloned()) {
        return code;
    }
    let cli = match Cli::try_parse_from(serve::as_command(arguments)) {
        Ok(cli) => cli,
        Err(refusal) => {
            // Help and version are answers; all else is a mistake in the command line.
            let code = if refusal.use_stderr() { 2 } else { 0 };
            drop(refusal.print());
            return ExitCode::from(code);
        }
    };
    // What the system refuses stays as it was: connects then fail one by one, and say why.
    sockets::raise_limit();
    // Before there is a second thread: the environment is changed.
    let is_proxy = matches!(cli.command, Some(Command::Serve(_)));
    let inherited = if is_proxy {
        serves();
        Inherited::take()
    } else {
        Ok(Inherited::default())
    };
    let result =
        inherited.and_then(|inherited| Ok((runtime(is_proxy)?, inherited))).and_then(|(runtime, inherited)| {
            let result = runtime.block_on(run(&cli, inherited));
            // Reads of terminal or files that block cannot be cancelled; nothing they do matters now.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// The threads that all work runs on. A proxy that has one processor, as a sidecar does, gets one thread: that spares
/// each request what several would need to share their work.
fn runtime(is_proxy: bool) -> Result<Runtime, UserError> {
    let has_one = std::thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
    let mut builder = if is_proxy && has_one { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder
        .enable_all()
        .build()
        .map_err(|e| UserError::new(ErrorKind::Internal, format!("the runtime did not start: {e}")))
}

/// Settings in force, and where they came from.
pub(super) struct Settings {
    pub environment: Arc<Environment>,
    pub config: Arc<Config>,
}

impl Settings {
    fn load(cli: &Cli) -> Result<Self, UserError> {
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

/// The inventory and the way to its clusters.
pub(super) struct Access {
    pub inventory: FleetInventory,
    /// Filled by the inventory.
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

async fn run(cli: &Cli, inherited: Inherited) -> Result<u8, UserError> {
    let settings = Settings::load(cli)?;
    match &cli.command {
        None => screen::run(cli, &settings, screen::FleetChoice::of(&cli.screen)).await,
        Some(Command::Demo { command: None }) => screen::run(cli, &settings, screen::FleetChoice::Demo).await,
        Some(Command::Demo { command: Some(DemoCommand::Serve(args)) }) => screen::serve_demo(args).await,
        Some(Command::Completion { shell }) => {
            clap_complete::generate(*shell, &mut Cli::command(), "qd", &mut std::io::stdout());
            Ok(0)
        }
        Some(Command::Route(args)) => route::run(&args.command, cli, &settings).await,
        Some(Command::Change(command)) => change::run(command, cli, &settings).await,
        Some(Command::Serve(args)) => serve::run(cli, args, &settings, inherited).await,
        Some(Command::Config { command: ConfigCommand::Effective }) => {
            let mut text = config::effective(&settings.config, &settings.environment).join("\n");
            text.push('\n');
            write(&mut std::io::stdout(), &text)?;
            Ok(0)
        }
        Some(command) => ask(cli, &settings, command).await,
    }
}

/// The commands that ask clusters.
async fn ask(cli: &Cli, settings: &Settings, command: &Command) -> Result<u8, UserError> {
    check(command)?;
    let fleet = open(cli, settings).await?;
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let mut streams = Streams { out: &mut out, err: &mut err, verbose: cli.fleet.verbose > 0 };
    match command {
        Command::Clusters(args) => inspect::clusters(args, &fleet, &mut streams).await,
        Command::Doctor(args) => inspect::doctor(args, &fleet, &mut streams).await,
        Command::Get(args) => get::run(args, &fleet, &mut streams).await,
        Command::Describe(args) => describe::run(args, &fleet, &mut streams).await,
        Command::Events(args) => events::run(args, &fleet, &mut streams).await,
        Command::Change(_)
        | Command::Config { .. }
        | Command::Completion { .. }
        | Command::Demo { .. }
        | Command::Route(_)
        | Command::Serve(_) => Ok(0),
    }
}

/// Says what is wrong with the command line before anybody is asked, a hub included.
fn check(command: &Command) -> Result<(), UserError> {
    match command {
        Command::Get(args) => get::check(args),
        Command::Describe(args) => Wanted::parse(&args.objects).map(drop),
        Command::Events(args) => events::check(args),
        Command::Clusters(_)
        | Command::Doctor(_)
        | Command::Change(_)
        | Command::Config { .. }
        | Command::Completion { .. }
        | Command::Demo { .. }
        | Command::Route(_)
        | Command::Serve(_) => Ok(()),
    }
}

/// Whether the command prints while answers come in, where the progress on stderr would be in its way.
fn streams(command: Option<&Command>) -> bool {
    let Some(Command::Get(args)) = command else { return false };
    args.stream || (!matches!(args.output, Output::Table | Output::Wide) && std::io::stdout().is_terminal())
}

/// Finds the clusters that are meant.
async fn open(cli: &Cli, settings: &Settings) -> Result<FanOut, UserError> {
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
    let config = &settings.config;
    Ok(FanOut {
        entries: selection(&cli.fleet).choose(&listing.entries)?,
        connector: access.connector,
        limits: Limits {
            concurrency: usize::try_from(config.concurrency.value).unwrap_or(usize::MAX),
            deadline: fan_out(cli.command.as_ref()).and_then(|f| f.timeout).map(|s| Duration::from_secs(u64::from(s))),
        },
        now: clock::now(),
        shows_progress: std::io::stderr().is_terminal() && !streams(cli.command.as_ref()),
    })
}

pub(super) fn selection(fleet: &FleetArgs) -> Selection {
    Selection {
        context: fleet.context.clone(),
        clusters: fleet.clusters.clone(),
        exclude: fleet.exclude.clone(),
        groups: fleet.group.iter().cloned().collect(),
    }
}

/// The first complete listing: sources that are still being asked are waited for.
pub(super) async fn listing(inventory: &FleetInventory, refresh: bool) -> Result<Listing, UserError> {
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
