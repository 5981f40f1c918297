//! Opening the console: on the user's fleet, or on the simulated one.

use super::{DemoServeArgs, ScreenArgs};
use crate::demo;
use crate::engine::clock;
use crate::error::{ErrorKind, UserError};
use std::io::Write as _;

/// Which fleet the console opens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Own,
    Demo,
}

impl Stage {
    pub fn of(args: &ScreenArgs) -> Self {
        if args.demo { Self::Demo } else { Self::Own }
    }
}

/// `qd demo serve`: runs until it is interrupted.
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
