//! Control planes to try things on by hand: they run until standard input ends or this process is killed.
//!
//! ```text
//! cargo test --test live -- --hold-control-planes east west north
//! ```
//!
//! prints a line `NAME PORT FOLDER` for each and then the path of a kubeconfig that names them all. After that it obeys
//! lines `stop NAME`, `start NAME`, `freeze NAME`, `thaw NAME`, which are about the API server.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program that talks to whoever started it")]

use std::io::stdin;
use std::process::ExitCode;

use crate::rig::{ControlPlane, Options, Outcome, merged};

/// The argument that makes this program hold control planes instead of running tests.
pub(crate) const HOLD: &str = "--hold-control-planes";

pub(crate) fn hold(names: &[String]) -> ExitCode {
    match start(names).and_then(obey) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start(names: &[String]) -> Outcome<Vec<ControlPlane>> {
    let mut planes = Vec::new();
    for name in names {
        let plane = ControlPlane::start(Options::complete(name))?;
        println!("{name} {} {}", plane.port(), plane.folder().display());
        planes.push(plane);
    }
    let first = planes.first().ok_or("name the control planes to hold")?;
    println!("{}", first.write_kubeconfig("fleet.kubeconfig", &merged(&planes))?.display());
    Ok(planes)
}

fn obey(mut planes: Vec<ControlPlane>) -> Outcome {
    for line in stdin().lines() {
        let line = line?;
        let (order, name) = line.split_once(' ').unwrap_or((&line, ""));
        match planes.iter_mut().find(|plane| plane.name() == name) {
            None => eprintln!("no control plane {name:?}"),
            Some(plane) => match order {
                "stop" => plane.stop_api_server()?,
                "start" => plane.start_api_server()?,
                "freeze" => plane.freeze_api_server()?,
                "thaw" => plane.thaw_api_server()?,
                _ => eprintln!("no order {order:?}; there are stop, start, freeze and thaw"),
            },
        }
    }
    Ok(())
}
