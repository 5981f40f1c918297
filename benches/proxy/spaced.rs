//! Requests at equal distances, one each millisecond, whatever the answers do.
//!
//! `h2load --rps` starts its connections at one time and lets a timer of each send every 20 ms: at 1,000 requests a
//! second that is twenty at once and then nothing, which tells how long a queue of twenty takes to be worked off.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::Outcome;
use crate::live::proxy::wire::{Connection, Version};
use crate::peers::Peer;

const PER_SECOND: u32 = 1_000;
/// Each is served by a thread of its own, which sleeps until its next request is due.
const CONNECTIONS: u32 = 20;

/// How long each answer took, to its last byte, in microseconds.
pub(crate) fn spaced(peer: &Peer, path: &str, time: Duration) -> Outcome<Vec<f64>> {
    let ready = Arc::new(Barrier::new(usize::try_from(CONNECTIONS)?));
    let callers = (0..CONNECTIONS).map(|index| {
        let (target, ready, path) = (peer.target(Version::One)?, Arc::clone(&ready), path.to_owned());
        let caller = move || -> Outcome<Vec<f64>> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let get = |connection: &mut Connection| -> Outcome {
                let (status, body) = runtime.block_on(connection.get(&target, &path))?;
                if status == StatusCode::OK {
                    return Ok(());
                }
                Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)).into())
            };
            // All at once, so that a proxy makes all connections it will need before the time counts.
            let connection = runtime.block_on(target.connect());
            ready.wait();
            let connection = connection.and_then(|mut connection| get(&mut connection).map(|()| connection));
            // Also where that failed: the others wait here for everybody.
            ready.wait();
            let mut connection = connection?;
            let start = Instant::now() + Duration::from_secs(1) / PER_SECOND * index;
            let mut taken = Vec::new();
            for number in 0.. {
                let due = start + Duration::from_secs(1) * CONNECTIONS / PER_SECOND * number;
                if due > start + time {
                    break;
                }
                // A request that has to wait for the answer before it is late from when it was due.
                let wait = due.saturating_duration_since(Instant::now());
                thread::sleep(wait);
                let from = if wait.is_zero() { due } else { Instant::now() };
                get(&mut connection)?;
                taken.push(from.elapsed().as_secs_f64() * 1e6);
            }
            Ok(taken)
        };
        Ok(thread::spawn(caller))
    });
    let callers: Vec<_> = callers.collect::<Outcome<_>>()?;
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.join().map_err(|_| format!("{}: a caller panicked", peer.name))??);
    }
    Ok(all)
}
