//! Opening the console: on the user's fleet, or on the simulated one.

use super::context::{Access, Settings, access};
use super::inventory_filter::Selected;
use super::temporary_folder::TemporaryFolder;
use super::{Cli, DemoServeArgs, ScreenArgs, log, proxy_launcher};
use crate::config::{Config, Match, Origin, Rule, Setting, yaml};
use crate::engine::fleet::options::{Connect, FleetOptions};
use crate::engine::k8s::credentials::plugin::Terminal;
use crate::engine::k8s::inventory::Kubeconfigs;
use crate::engine::ports::ChangeStore;
use crate::engine::proxy_link::ProxyLauncher;
use crate::engine::proxy_link::local::LocalProxyLauncher;
use crate::engine::{Engine, EngineOptions, clock};
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::Access as Level;
use crate::model::text::{Text, clean};
use crate::{demo, tui};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// Maximum time for the engine to close its connections; the terminal is restored before.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);
/// The same while changes run here: what is under way has 10 s to end.
const SHUTDOWN_WITH_CHANGES_MAX: Duration = Duration::from_secs(12);

/// The fleet that the console shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FleetChoice {
    /// The fleet of the user's kubeconfigs.
    Own,
    /// The simulated fleet.
    Demo,
}

impl FleetChoice {
    /// The fleet that the flags choose.
    pub fn of(args: &ScreenArgs) -> Self {
        if args.demo { Self::Demo } else { Self::Own }
    }
}

/// `qd demo serve`: runs until SIGINT or SIGTERM. The exit code is 0. Fails if the kubeconfig cannot be written or is a
/// file of another program, if no port is free, or if certificates cannot be made.
pub async fn serve_demo(args: &DemoServeArgs) -> Result<u8, UserError> {
    let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let mut options =
        demo::Options::uniform(count(args.count), count(args.pods), count(args.dead), args.seed, running());
    options.changes_per_second = args.changes_per_second;
    let told = |lines: &[String]| {
        for line in lines {
            drop(writeln!(std::io::stdout(), "{line}"));
        }
    };
    demo::serve(options, Some(&args.write_kubeconfig), told).await.map_err(|e| refused(&e))?;
    Ok(0)
}

fn running() -> demo::Clock {
    let start = jiff::Timestamp::from_second(clock::now().0).unwrap_or_default();
    demo::Clock::running(start)
}

fn refused(error: &demo::DemoError) -> UserError {
    UserError::new(ErrorKind::Refused, error.to_string())
}

/// Opens the console and runs it until the user leaves. Fails if the theme is unknown, if there is no terminal, or if
/// the engine or the terminal fails.
pub(super) async fn run(cli: &Cli, settings: &Settings, stage: FleetChoice) -> Result<u8, UserError> {
    check_theme(settings)?;
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(UserError::new(ErrorKind::Usage, "the console needs a terminal")
            .hint("print instead: `qd get pods -A`, `qd clusters`; `qd --help` lists the commands"));
    }
    let demo_settings = (stage == FleetChoice::Demo).then(|| with_demo_levels(settings));
    let settings = demo_settings.as_ref().unwrap_or(settings);
    let Access { inventory, connector, .. } = access(settings, Terminal::Taken);
    // Kept until the console ends: dropping the fleet ends its servers.
    let mut fleet = None;
    let (inventory, title, state) = match stage {
        FleetChoice::Own => (inventory, "", None),
        FleetChoice::Demo => {
            let started = demo::Fleet::start(demo::showcase(running())).await.map_err(|e| refused(&e))?;
            let text = started.kubeconfig().to_owned();
            fleet = Some(started);
            (inventory.with(Kubeconfigs::Memory { label: "demo".to_owned(), text }), "demo", Some("demo"))
        }
    };
    let folder =
        settings.environment.state_folder.clone().map(|folder| state.map_or(folder.clone(), |s| folder.join(s)));
    let router = folder.and_then(|folder| match &fleet {
        None => Some(proxy_launcher::of_fleet(&folder, &cli.fleet)),
        // Without a folder that can be written to the console goes on without a proxy.
        Some(fleet) => proxy_launcher::of_demo(&folder, fleet.kubeconfig(), &cli.fleet).ok(),
    });
    // Changes of the simulated fleet are not in the user's journal.
    let journal_of_demo = fleet.as_ref().and_then(|_| TemporaryFolder::make(clock::seed()).ok());
    let state_folder = match stage {
        FleetChoice::Own => settings.environment.state_folder.clone(),
        FleetChoice::Demo => journal_of_demo.as_ref().map(|folder| folder.path().to_path_buf()),
    };
    let changes = state_folder.map(|state_folder| ChangeStore { state_folder, actor: settings.actor() });
    let options = EngineOptions { changes, ..engine_options(fleet_options(cli, settings, title), router) };
    let inventory = Selected::new(inventory, &cli.fleet);
    let engine = Engine::start(options, Arc::new(inventory), connector);
    let screen = screen_options(cli, settings, state);
    // A log that cannot be written costs the log, not the console.
    let log = log::start(&settings.environment, cli.fleet.verbose);
    let followed = tokio::spawn(log::follow(engine.snapshots.clone()));
    let ended = tui::run(engine.snapshots.clone(), engine.requests.clone(), screen).await;
    let changes_run = engine.snapshots.borrow().changes.operations.iter().any(|operation| operation.own);
    let _ = engine.shutdown(if changes_run { SHUTDOWN_WITH_CHANGES_MAX } else { SHUTDOWN_MAX }).await;
    drop(journal_of_demo);
    drop(fleet);
    followed.abort();
    if let Err(why) = log {
        super::print::write(&mut std::io::stderr(), &format!("warning: {why}\n"))?;
    }
    match ended {
        Ok(tui::ExitReason::EngineEnded) => Err(UserError::new(ErrorKind::Internal, "the engine ended by itself")
            .hint("the log says why: qd.log in the state folder (~/.local/state/quarterdeck)")),
        Ok(tui::ExitReason::Quit | tui::ExitReason::Signal | tui::ExitReason::InputClosed) => Ok(0),
        Err(why) => Err(UserError::new(ErrorKind::Internal, format!("the terminal failed: {why}"))),
    }
}

/// The access levels of the simulated fleet, so that each can be seen; rules of the user come first.
const DEMO_LEVELS: [(&str, Level); 2] = [("eu-west", Level::Protected), ("edge-lab", Level::ReadOnly)];

fn with_demo_levels(settings: &Settings) -> Settings {
    let mut config = Config::clone(&settings.config);
    config.clusters.extend(DEMO_LEVELS.map(|(name, level)| {
        let matches = Match { names: vec![name.to_owned()], ..Match::default() };
        Setting::new(Rule { matches, access: Some(level), ..Rule::default() }, Origin::Flag("--demo"))
    }));
    Settings { config: Arc::new(config), environment: Arc::clone(&settings.environment) }
}

/// Fails if the theme is unknown, as a mistake of the flag, variable or file that names it.
fn check_theme(settings: &Settings) -> Result<(), UserError> {
    let theme = &settings.config.ui.theme;
    let (known, problems) = tui::theme_names(settings.environment.config_folder.as_deref());
    if known.contains(&theme.value) {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let (kind, named) = match &theme.origin {
        Origin::Flag(_) | Origin::Default => (ErrorKind::Usage, String::new()),
        Origin::Environment(variable) => (ErrorKind::Usage, format!("{variable}: ")),
        Origin::File { file, line } => (ErrorKind::Config, format!("{file}:{line}: ")),
    };
    let mut error = UserError::new(kind, format!("{named}unknown theme `{}`", clean(&theme.value)));
    if let Some(near) = yaml::nearest(&theme.value, &known) {
        error = error.hint(format!("did you mean `{near}`?"));
    }
    error = error.hint(format!("known are {}", known.join(", ")));
    // The theme may be one whose file is wrong.
    Err(problems.into_iter().fold(error, UserError::cause))
}

fn engine_options(mut fleet: FleetOptions, launcher: Option<LocalProxyLauncher>) -> EngineOptions {
    fleet.starts_proxies = launcher.is_some();
    let defaults = EngineOptions::default();
    let proxies = launcher.map_or(defaults.proxies, |launcher| Arc::new(launcher) as Arc<dyn ProxyLauncher>);
    EngineOptions { fleet, proxies, ..defaults }
}

fn fleet_options(cli: &Cli, settings: &Settings, title: &str) -> FleetOptions {
    let limit = usize::try_from(settings.config.connect_at_start.value).unwrap_or(usize::MAX);
    // Whoever names clusters means all of them.
    let connect =
        if cli.fleet.clusters.is_empty() && cli.fleet.group.is_none() { Connect::AtMost(limit) } else { Connect::All };
    FleetOptions {
        title: Text::new(title),
        seed: clock::seed(),
        connect,
        bulk_limit: settings.config.changes.bulk_limit.value,
        ..FleetOptions::default()
    }
}

fn screen_options(cli: &Cli, settings: &Settings, state: Option<&str>) -> tui::Options {
    let environment = &settings.environment;
    let ui = &settings.config.ui;
    let folder = environment.state_folder.clone();
    tui::Options {
        command: cli.screen.start.clone(),
        theme: Some(ui.theme.value.clone()).filter(|theme| theme != "auto"),
        no_color: !ui.color.value,
        colorterm: environment.colorterm.clone(),
        term: environment.term.clone(),
        in_tmux: environment.in_tmux,
        mouse: ui.mouse.value,
        fresh: cli.screen.fresh,
        keymap: ui.keymap.value.clone(),
        config_dir: environment.config_folder.clone(),
        // The simulated fleet has a session of its own.
        state_dir: match state {
            Some(state) => folder.map(|folder| folder.join(state)),
            None => folder,
        },
    }
}
