//! `qd`: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    quarterdeck::cli::run::main(std::env::args_os())
}
