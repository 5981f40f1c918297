//! `qd`: parse, run, exit code.

use std::process::ExitCode;

/// A request of the proxy takes some sixty pieces of memory of up to 16 KiB; see ADR 11 for what this one saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    quarterdeck::cli::run::main(std::env::args_os())
}
