//! Runs the inventory: files and hubs in, listings out.

use super::cache::Cache;
use super::entries::{self, Joined};
use super::found::plain;
use super::hub::state::{Hub, Update};
use super::hub::{Updates, follow};
use super::local::{Local, Reader};
use super::member::Member;
use super::provider::{HubAt, Trust};
use super::{FleetInventory, Kubeconfigs, alias, merge};
use crate::config::Origin;
use crate::engine::clock;
use crate::engine::cluster::Listing;
use crate::engine::files::watch::PathWatch;
use crate::engine::k8s::access::AccessGate;
use crate::engine::k8s::client::ClientContext;
use crate::engine::k8s::endpoint::Endpoint;
use crate::model::text::Text;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Maximum number of queued updates of hubs; beyond it, the hubs wait.
const UPDATES_MAX: usize = 256;

/// Delay before a hub is contacted if its cached members are fresh: a command that the cache is enough for has ended by
/// then.
const FRESH_DELAY: Duration = Duration::from_secs(2);

/// Minimum time between two writes of a hub's cache: claims change with every heartbeat.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// A hub that is followed.
struct Followed {
    number: usize,
    at: HubAt,
    state: Hub,
    written: Option<(Instant, Vec<Member>)>,
    _task: AbortOnDropHandle<()>,
}

/// A stream of listings.
pub(super) struct Running {
    inventory: FleetInventory,
    /// Cached members that are fresh are used without asking the hub.
    is_cache_enough: bool,
    cache: Option<Cache>,
    local: Local,
    hubs: Vec<Followed>,
    /// Configured hubs that cannot be contacted, each with the reason.
    misnamed: Vec<Text>,
    updates: Updates,
    numbers: usize,
}

/// Sends a listing at the start and after each change, until the receiver is closed.
pub(super) async fn run(inventory: FleetInventory, refresh: bool, tx: mpsc::Sender<Listing>) {
    let is_memory = matches!(inventory.kubeconfigs, Kubeconfigs::Memory { .. });
    let reader = Reader::new(inventory.kubeconfigs.clone(), (*inventory.environment).clone());
    // A fleet in memory is not the one that the user's mapping means.
    let reader = if is_memory { reader } else { reader.with_files_of(&inventory.config) };
    let mut watch = PathWatch::new(reader.files());
    let (mut reader, local) = read(reader).await;
    let (updates, mut news) = mpsc::channel(UPDATES_MAX);
    let cache = inventory.environment.cache_folder.clone().filter(|_| !is_memory).map(Cache::new);
    let mut running = Running {
        inventory,
        is_cache_enough: !refresh,
        cache,
        local,
        hubs: Vec::new(),
        misnamed: Vec::new(),
        updates,
        numbers: 0,
    };
    running.follow_hubs();
    let mut sent: Option<Listing> = None;
    loop {
        running.keep();
        let listing = running.compose();
        if sent.as_ref() != Some(&listing) {
            if tx.send(listing.clone()).await.is_err() {
                return;
            }
            sent = Some(listing);
        }
        tokio::select! {
            () = watch.changed() => {
                (reader, running.local) = read(reader).await;
                running.follow_hubs();
            }
            Some(update) = news.recv() => {
                running.on(update);
                for _ in 0..UPDATES_MAX {
                    let Ok(update) = news.try_recv() else { break };
                    running.on(update);
                }
            }
            () = tx.closed() => return,
        }
    }
}

/// Reads on a blocking thread: a home folder may be on a network.
async fn read(mut reader: Reader) -> (Reader, Local) {
    let spare = reader.clone();
    #[expect(clippy::disallowed_methods, reason = "reading files is what an adapter is for")]
    let task = tokio::task::spawn_blocking(move || {
        let local = reader.read();
        (reader, local)
    });
    // A join fails only when the runtime ends.
    task.await.unwrap_or_else(|_| (spare, Local::default()))
}

impl Running {
    fn on(&mut self, (number, update): (usize, Update)) {
        // What a hub said that is followed no more comes too late.
        if let Some(hub) = self.hubs.iter_mut().find(|h| h.number == number) {
            hub.state.on(update);
        }
    }

    /// Follows the configured hubs as they are in the kubeconfig now; hubs that did not change continue.
    fn follow_hubs(&mut self) {
        let config = Arc::clone(&self.inventory.config);
        let is_memory = matches!(self.inventory.kubeconfigs, Kubeconfigs::Memory { .. });
        // Nor is a hub of the user's files a part of it.
        let is_meant = !is_memory || matches!(config.hubs.origin, Origin::Flag(_));
        let mut before = std::mem::take(&mut self.hubs);
        self.misnamed.clear();
        for name in config.hubs.iter().filter(|_| is_meant) {
            let at = match self.hub_at(name) {
                Ok(at) => at,
                Err(why) => {
                    self.misnamed.push(plain(&format!("hub {name}: {why}")));
                    continue;
                }
            };
            let same = before.iter().position(|h| h.at.name == at.name && h.at.endpoint == at.endpoint);
            let followed = match same {
                Some(same) => before.swap_remove(same),
                None => self.follow(at),
            };
            self.hubs.push(followed);
        }
    }

    fn hub_at(&self, name: &str) -> Result<HubAt, String> {
        let all = || self.local.found.iter().filter(|f| f.context.is_some());
        let by_context = all().find(|f| f.context.as_deref() == Some(name));
        let found = by_context.or_else(|| all().find(|f| f.names.first().is_some_and(|short| short == name)));
        let Some(found) = found else {
            return Err("no kubeconfig has this context: see `kubectl config get-contexts`".to_owned());
        };
        let endpoint = found.endpoint.clone().map_err(|defect| defect.to_string())?;
        let seconds = self.inventory.config.timeout.as_secs();
        let timeout_s = u32::try_from(seconds).unwrap_or(u32::MAX).max(1);
        let short = alias::tidy(found.names.first().map_or(name, String::as_str));
        let config = &self.inventory.config;
        let (level, origin) = config.access(|matches| entries::is_meant(matches, &Joined::alone(found.clone())));
        let access = AccessGate::of(level, origin);
        Ok(HubAt { name: name.to_owned(), short, endpoint: Endpoint { timeout_s, access, ..endpoint } })
    }

    fn follow(&mut self, at: HubAt) -> Followed {
        self.numbers += 1;
        let number = self.numbers;
        let kept = self.cache.as_ref().and_then(|cache| cache.read(&at.name, self.local.content));
        let is_fresh = self.is_cache_enough
            && kept.as_ref().is_some_and(|kept| kept.is_fresh(clock::now(), *self.inventory.config.cache_ttl));
        let state = kept.map_or_else(Hub::default, |kept| Hub::remembering(kept.members, kept.written, is_fresh));
        let surroundings = ClientContext {
            environment: Arc::clone(&self.inventory.environment),
            plugins: Arc::clone(&self.inventory.plugins),
        };
        let (hub, updates) = (at.clone(), self.updates.clone());
        let task = tokio::spawn(async move {
            if is_fresh {
                tokio::time::sleep(FRESH_DELAY).await;
            }
            follow(number, hub, surroundings, updates).await;
        });
        Followed { number, at, state, written: None, _task: AbortOnDropHandle::new(task) }
    }

    /// Writes hubs without missing members to the cache.
    fn keep(&mut self) {
        let Some(cache) = &self.cache else { return };
        for hub in &mut self.hubs {
            let Some(members) = hub.state.whole() else { continue };
            let is_due = hub.written.as_ref().is_none_or(|(at, last)| at.elapsed() >= WRITE_EVERY && *last != members);
            if !is_due {
                continue;
            }
            if let Err(error) = cache.write(&hub.at.name, self.local.content, members.clone(), clock::now()) {
                // The inventory is right without it; the next command asks the hub again.
                tracing::debug!(%error, "the inventory was not kept");
            }
            hub.written = Some((Instant::now(), members));
        }
    }

    fn compose(&self) -> Listing {
        let config = &self.inventory.config;
        let trust = Trust { providers: self.local.providers.clone(), allow_exec: config.allow_exec.value.clone() };
        let of_hubs = self.hubs.iter().flat_map(|hub| hub.state.clusters(&hub.at, &trust)).collect();
        let joined = merge::join(self.local.found.clone(), of_hubs, self.local.mapping.as_ref());
        let joined = mark_current(joined, self.local.current, config.context.as_deref());
        let built = entries::build(joined, config, &self.inventory.seed);
        self.inventory.endpoints.replace(built.endpoints);
        let now = clock::now();
        let mut warnings = self.local.warnings.clone();
        warnings.extend(self.misnamed.iter().cloned());
        warnings.extend(self.hubs.iter().flat_map(|hub| hub.state.warnings(&hub.at.name, now)));
        let pending = self.hubs.iter().filter(|hub| hub.state.is_pending());
        let pending = pending.map(|hub| plain(&format!("hub {}", hub.at.name))).collect();
        Listing { entries: built.entries, warnings, current: built.current, pending }
    }
}

/// Marks the current cluster: that of `wanted`, else that of the kubeconfig.
fn mark_current(mut joined: Vec<Joined>, own: Option<usize>, wanted: Option<&str>) -> Vec<Joined> {
    let current = match wanted {
        Some(wanted) => joined.iter().position(|j| j.first.context.as_deref() == Some(wanted)),
        None => own,
    };
    if let Some(current) = current.and_then(|i| joined.get_mut(i)) {
        current.current = true;
    }
    joined
}
