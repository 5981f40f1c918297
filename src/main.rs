//! `qd`: parse, run, exit code; and the memory that all of it takes.

mod allocator;

use std::ffi::c_long;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// A console stays open for hours with what its first seconds needed: pages go back at once.
const CONSOLE: c_long = 0;

/// The next request of a proxy needs what the last one did.
const PROXY: c_long = 1_000;

fn main() -> ExitCode {
    allocator::keep_for(CONSOLE);
    quarterdeck::cli::run::main(std::env::args_os(), || allocator::keep_for(PROXY))
}
