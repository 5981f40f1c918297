//! `qd`: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = quarterdeck::engine::k8s::credentials::plugin::detach::become_plugin(std::env::args_os()) {
        return code;
    }
    ExitCode::SUCCESS
}
