//! Credential plugins: one run for however many ask, its answer kept until it ends.

pub(crate) mod hint;
pub(crate) mod run;
pub(crate) mod wire;

use crate::engine::clock;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::{Endpoint, ExecPlugin, Interactive, Secret};
use crate::engine::k8s::tls::Identity;
use crate::engine::process::detach::Launcher;
use crate::model::text::{Text, clean};
use crate::model::time::UnixSeconds;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Plugins running at once; a fleet of a hundred clusters may have a hundred of them.
const RUNNING_MAX: usize = 8;

/// An answer counts as expired this long before its expiry, so that a request does not carry one that expires on its
/// way; for short-lived answers, a tenth of their life.
const MARGIN_S: i64 = 60;

/// An answer is used for at least this long, whatever its expiry: on a machine with a wrong clock every answer looks
/// expired, and the plugin must not run for each request.
const KEPT_AT_LEAST_S: i64 = 10;

/// After a failure the plugin does not run again for this long: all requests in that time fail for the same reason.
const FAILURE_KEPT: Duration = Duration::from_secs(3);

/// A 401 makes a plugin run again at most this often; a server that never accepts it must not make it
/// run for each request.
const REJECTION_PAUSE: Duration = Duration::from_secs(30);

/// Maximum number of cached answers. Beyond it, answers that no request waits for are dropped.
const KEPT_MAX: usize = 1024;

/// Use of the terminal by credential plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// The console owns the terminal: no plugin sees it.
    Taken,
    /// A command runs on the terminal: a plugin that must prompt the user may use it, one plugin at a time.
    Free,
}

/// The credentials that a plugin returned.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// Number of the answer, unique in the process: tells an old answer from a new one.
    pub(crate) number: u64,
    pub(crate) token: Option<Secret>,
    pub(crate) identity: Option<Identity>,
    pub(crate) expires: Option<UnixSeconds>,
    obtained: UnixSeconds,
}

impl Answered {
    fn is_current(&self, now: UnixSeconds) -> bool {
        let fresh = (0..KEPT_AT_LEAST_S).contains(&now.since(self.obtained));
        fresh
            || self.expires.is_none_or(|end| {
                let margin = (end.since(self.obtained) / 10).clamp(0, MARGIN_S);
                end.since(now) > margin
            })
    }
}

type Outcome = Result<Arc<Answered>, ClusterError>;

/// State of one plugin with one set of arguments.
#[derive(Default)]
struct Flight {
    answer: Option<Arc<Answered>>,
    running: Option<Shared<BoxFuture<'static, Outcome>>>,
    failed: Option<(Instant, ClusterError)>,
    rejected: Option<Instant>,
}

/// Identity of a run: two clusters share one where the plugin cannot tell them apart.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    exec: ExecPlugin,
    /// Empty unless the plugin is told of the cluster.
    cluster: String,
}

/// All plugins of the process.
pub struct Plugins {
    launcher: Launcher,
    terminal: Terminal,
    timeout: Duration,
    flights: Mutex<HashMap<Key, Flight>>,
    running: Arc<Semaphore>,
    /// Held by the one plugin that has the terminal.
    asking: Arc<tokio::sync::Mutex<()>>,
    numbers: std::sync::atomic::AtomicU64,
    now: fn() -> UnixSeconds,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

impl Plugins {
    /// Makes the plugins of a process. `launcher` starts a plugin without access to the terminal: [`Launcher::own`].
    pub fn new(launcher: Launcher, terminal: Terminal) -> Arc<Self> {
        Self::with_timeout(launcher, terminal, run::QUIET_TIMEOUT)
    }

    /// As [`Plugins::new`], with `timeout` instead of 30 s for plugins that do not prompt the user.
    pub fn with_timeout(launcher: Launcher, terminal: Terminal, timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            launcher,
            terminal,
            timeout,
            flights: Mutex::new(HashMap::new()),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            asking: Arc::new(tokio::sync::Mutex::new(())),
            numbers: std::sync::atomic::AtomicU64::new(1),
            now: clock::now,
        })
    }

    /// Returns the answer of the plugin: the cached one, that of a run in progress, or that of a new run. The run
    /// continues when its callers give up, so that the next caller finds its answer. Fails if the plugin cannot be
    /// started, exits with an error, takes too long or prints no usable credentials; the failure is cached for
    /// [`FAILURE_KEPT`].
    pub(crate) async fn answer(self: &Arc<Self>, exec: &ExecPlugin, endpoint: &Endpoint, ca: Option<&[u8]>) -> Outcome {
        let key = key(exec, endpoint);
        let running = {
            let mut flights = self.flights.lock();
            self.prune(&mut flights);
            let flight = flights.entry(key.clone()).or_default();
            if let Some(answer) = flight.answer.as_ref().filter(|a| a.is_current((self.now)())) {
                return Ok(Arc::clone(answer));
            }
            if let Some(running) = &flight.running {
                running.clone()
            } else if let Some((_, error)) = flight.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILURE_KEPT) {
                return Err(error.clone());
            } else {
                let running = Arc::clone(self).start(key, endpoint, ca);
                flight.running = Some(running.clone());
                running
            }
        };
        running.await
    }

    /// Marks an answer as refused by the server: the next call of [`Plugins::answer`] gets a new one.
    pub(crate) fn reject(&self, exec: &ExecPlugin, endpoint: &Endpoint, number: u64) {
        let mut flights = self.flights.lock();
        let Some(flight) = flights.get_mut(&key(exec, endpoint)) else {
            return;
        };
        let is_the_one = flight.answer.as_ref().is_some_and(|a| a.number == number);
        let lately = flight.rejected.is_some_and(|at| at.elapsed() < REJECTION_PAUSE);
        if is_the_one && !lately {
            flight.answer = None;
            flight.rejected = Some(Instant::now());
        }
    }

    fn start(self: Arc<Self>, key: Key, endpoint: &Endpoint, ca: Option<&[u8]>) -> Shared<BoxFuture<'static, Outcome>> {
        let about = key.exec.provide_cluster_info.then(|| wire::ClusterInfo::new(endpoint, ca, &key.exec));
        let label = endpoint.label.clone();
        let task = tokio::spawn(async move {
            let outcome = self.attempt(&key.exec, about.as_ref(), &label).await;
            let mut flights = self.flights.lock();
            if let Some(flight) = flights.get_mut(&key) {
                flight.running = None;
                match &outcome {
                    Ok(answer) => {
                        flight.answer = Some(Arc::clone(answer));
                        flight.failed = None;
                    }
                    Err(error) => flight.failed = Some((Instant::now(), error.clone())),
                }
            }
            outcome
        });
        let joined = task.map(|joined| joined.unwrap_or_else(|_| Err(needed("the credential plugin's run was lost"))));
        joined.boxed().shared()
    }

    /// Runs the plugin without the terminal; if that fails, or the plugin must prompt the user, runs it once more with
    /// the terminal where that is free.
    async fn attempt(&self, exec: &ExecPlugin, about: Option<&wire::ClusterInfo>, label: &str) -> Outcome {
        wire::check_version(exec).map_err(|why| needed(&why))?;
        let may_ask = self.terminal == Terminal::Free && exec.interactive != Interactive::Never;
        if exec.interactive == Interactive::Always && !may_ask {
            let text = format!(
                "`{}` needs a terminal to ask; run `qd get namespaces --context {label}` once",
                clean(&exec.command)
            );
            return Err(needed(&text));
        }
        let quiet = if exec.interactive == Interactive::Always {
            None
        } else {
            let Ok(_slot) = self.running.acquire().await else {
                return Err(needed("the program is ending"));
            };
            Some(run::quietly(exec, about, &self.launcher, self.timeout).await)
        };
        let printed = match quiet {
            Some(Ok(printed)) => printed,
            Some(Err(failure)) if !may_ask || failure.is_final() => return Err(hint::of(exec, &failure)),
            Some(Err(_)) | None => {
                let _asking = self.asking.lock().await;
                run::asking(exec, about).await.map_err(|failure| hint::of(exec, &failure))?
            }
        };
        let answer = wire::parse(&printed, &exec.api_version).map_err(|why| {
            needed(&format!("`{}` did not answer as a credential plugin: {why}", clean(&exec.command)))
        })?;
        let number = self.numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let obtained = (self.now)();
        Ok(Arc::new(Answered {
            number,
            token: answer.token,
            identity: answer.identity,
            expires: answer.expires,
            obtained,
        }))
    }

    fn prune(&self, flights: &mut HashMap<Key, Flight>) {
        if flights.len() >= KEPT_MAX {
            let now = (self.now)();
            flights.retain(|_, f| f.running.is_some() || f.answer.as_ref().is_some_and(|a| a.is_current(now)));
        }
        if flights.len() >= KEPT_MAX {
            flights.retain(|_, f| f.running.is_some());
        }
    }
}

fn key(exec: &ExecPlugin, endpoint: &Endpoint) -> Key {
    let cluster = if exec.provide_cluster_info { endpoint.server.clone() } else { String::new() };
    Key { exec: exec.clone(), cluster }
}

fn needed(text: &str) -> ClusterError {
    ClusterError::AuthNeeded(Text::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_replaced_shortly_before_it_ends_and_not_for_each_request() {
        let check = |expires: Option<i64>, now: i64, expect: bool| {
            let expires = expires.map(UnixSeconds);
            let answer = Answered { number: 1, token: None, identity: None, expires, obtained: UnixSeconds(1000) };
            assert_eq!(answer.is_current(UnixSeconds(now)), expect, "{expires:?} at {now}");
        };
        check(None, 1_000_000, true);
        // An hour: a minute before.
        check(Some(4600), 4539, true);
        check(Some(4600), 4540, false);
        // A minute: six seconds before.
        check(Some(1060), 1053, true);
        check(Some(1060), 1054, false);
        // Ended before it came: the clock is wrong, or the plugin is.
        check(Some(0), 1009, true);
        check(Some(0), 1010, false);
        // The clock was set back meanwhile.
        check(Some(0), 900, false);
    }
}
