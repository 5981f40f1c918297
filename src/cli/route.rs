//! `qd route`: explains the decisions of the proxy, without sending a request.

mod availability;
pub mod config;
pub mod lint;
pub mod parse;
pub mod source;
pub mod test;

use super::context::Settings;
use super::{Cli, RouteCommand};
use crate::error::UserError;
use std::io::{stdin, stdout};

/// Runs the subcommand and returns its exit code. Fails as the subcommand does.
pub(super) async fn run(command: &RouteCommand, cli: &Cli, settings: &Settings) -> Result<u8, UserError> {
    match command {
        RouteCommand::Parse => parse::run(&mut stdin().lock(), &mut stdout().lock()),
        RouteCommand::Test(args) => test::run(args, cli, settings).await,
        RouteCommand::Lint(args) => lint::run(args, cli, settings).await,
        RouteCommand::Config(args) => config::run(args, cli, settings).await,
    }
}
