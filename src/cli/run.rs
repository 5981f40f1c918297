//! From arguments to an exit code: chooses the command, its clusters and its settings.

use super::context::{Settings, open};
use super::print::{Streams, write};
use super::wanted::Wanted;
use super::{Cli, Command, ConfigCommand, DemoCommand, change, describe, events, get, inspect, route, screen, serve};
use crate::config;
use crate::engine::k8s::client::sockets;
use crate::engine::process::detach;
use crate::engine::proxy::listen::sockets::Inherited;
use crate::error::{ErrorKind, UserError};
use clap::{CommandFactory as _, Parser as _};
use std::ffi::OsString;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// Runs the program. `serves` is called if it is going to serve as a proxy, before a second thread is started.
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
            let result = guarded(|| runtime.block_on(run(&cli, inherited)));
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

/// Runs the program to its end or to its panic, which the panic hook has printed by then: that is a fault of ours, with an
/// exit code of its own. Fails with what `work` fails with, or with an internal error.
fn guarded(work: impl FnOnce() -> Result<u8, UserError>) -> Result<u8, UserError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(UserError::new(ErrorKind::Internal, concat!("qd ", env!("CARGO_PKG_VERSION"), " failed inside (a panic)"))
            .hint("run it again with RUST_BACKTRACE=1, and report what it prints; no change goes on by itself (`qd plan list`)"))
    })
}

/// The threads that run all work. On one processor, as in a sidecar, a proxy gets one thread: that saves each request
/// the cost of sharing work between several. Fails if the system refuses a thread.
fn runtime(is_proxy: bool) -> Result<Runtime, UserError> {
    let has_one = std::thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
    let mut builder = if is_proxy && has_one { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder
        .enable_all()
        .build()
        .map_err(|e| UserError::new(ErrorKind::Internal, format!("the runtime did not start: {e}")))
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

/// Runs a command that queries clusters. Fails as the command does.
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

/// Fails if the arguments are invalid, before any cluster or hub is contacted.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error_with_a_next_step() {
        let error = guarded(|| panic!("a fault")).unwrap_err();
        assert_eq!(error.exit_code(), 70);
        assert!(error.to_string().contains("RUST_BACKTRACE=1"), "{error}");
        assert_eq!(guarded(|| Ok(3)).unwrap(), 3);
    }
}
