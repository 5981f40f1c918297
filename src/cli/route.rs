//! `qd route`: what the proxy would do with a request, without one being sent.

pub mod parse;

use super::RouteCommand;
use crate::error::UserError;

/// Runs the command; the exit code.
pub fn run(command: &RouteCommand) -> Result<u8, UserError> {
    match command {
        RouteCommand::Parse => parse::run(&mut std::io::stdin().lock(), &mut std::io::stdout().lock()),
    }
}
