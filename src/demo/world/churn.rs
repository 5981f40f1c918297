//! What happens in a cluster while somebody looks: one small change after the other.

use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::api::ApiServer;
use super::super::json::{int, items, set, text};
use super::super::member::Reach;
use super::super::store::{self, Store};
use super::{PodEntry, PodState, World, ago, event, pod, rfc3339, suffix, uid};

/// How often changes are made: often enough to look steady, rarely enough to cost little.
const TICK: Duration = Duration::from_millis(20);
/// Changes made up for at most after a pause of the process.
const BURST: u64 = 2_000;
/// Events churn keeps per cluster; older ones are deleted, as by their TTL.
const EVENTS: usize = 200;
/// Lives in progress per cluster.
const PENDING: usize = 64;

/// A step in a life that has begun.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The containers of a new pod start.
    Start(CompactString),
    /// A pod that was asked to stop is gone.
    Gone(CompactString),
}

/// Changes the clusters, `rate` times a second in all, more often where there are more pods.
pub(in crate::demo) async fn churn(servers: Vec<Arc<ApiServer>>, mut worlds: Vec<World>, rate: u32, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let start = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let shares = shares(&servers, &worlds);
    let mut done = 0_u64;
    loop {
        let now = ticks.tick().await;
        let elapsed = u64::try_from((now - start).as_millis()).unwrap_or(u64::MAX);
        let due = elapsed.saturating_mul(u64::from(rate)) / 1_000;
        // A process that was stopped does not make up for all of it.
        done = done.max(due.saturating_sub(BURST));
        while done < due {
            let Some(number) = pick(&shares, &mut rng) else { return };
            let (Some(server), Some(world)) = (servers.get(number), worlds.get_mut(number)) else { return };
            let mut store = server.store.write();
            let before = store.revision();
            let is_busy = server.controllers.lock().next_due().is_some();
            world.change(&mut store, server.clock.now(), is_busy);
            // A step that found nothing to change counts too, or this would never end.
            done += (store.revision() - before).max(1);
        }
    }
}

/// Running totals of pods: where a random number falls is a cluster. Nobody sees what happens in clusters
/// that cannot be reached, so nothing does.
fn shares(servers: &[Arc<ApiServer>], worlds: &[World]) -> Vec<usize> {
    servers
        .iter()
        .zip(worlds)
        .scan(0, |sum, (server, world)| {
            if server.member.reach == Reach::Open {
                *sum += world.pods.len();
            }
            Some(*sum)
        })
        .collect()
}

fn pick(shares: &[usize], rng: &mut fastrand::Rng) -> Option<usize> {
    let total = shares.last().copied().filter(|total| *total > 0)?;
    let point = rng.usize(..total);
    Some(shares.partition_point(|share| *share <= point))
}

impl World {
    /// Makes the next change: of one object, or of a few that change together. While the controllers are busy with what
    /// somebody wrote, no pods come and go but those that have begun to.
    pub(in crate::demo) fn change(&mut self, store: &mut Store, now: Timestamp, is_busy: bool) {
        let roll = self.rng.u8(..100);
        match roll {
            0..12 if !self.pending.is_empty() => {
                if let Some(step) = self.pending.pop_front() {
                    self.step(store, step, now);
                }
            }
            0..18 | 38..40 if is_busy => self.touch_pod(store, now),
            0..18 => self.replace(store, now),
            18..30 => self.report(store, now),
            30..35 => self.renew_lease(store, now),
            35..38 => self.touch_deployment(store, now),
            38..40 => self.scale(store, now),
            _ => self.touch_pod(store, now),
        }
    }

    fn random_pod(&mut self) -> Option<usize> {
        let count = self.pods.len();
        (count > 0).then(|| self.rng.usize(..count))
    }

    /// A probe fails or recovers, a container restarts, a back-off goes on.
    fn touch_pod(&mut self, store: &mut Store, now: Timestamp) {
        let Some(number) = self.random_pod() else { return };
        let next = match self.pods.get(number).map(|pod| pod.state) {
            Some(PodState::Running) if self.rng.u8(..40) == 0 => PodState::NotReady,
            Some(PodState::NotReady) => PodState::Running,
            Some(PodState::CrashLoop(count)) => PodState::CrashLoop(count + 1),
            Some(PodState::OutOfMemory(count)) => PodState::OutOfMemory(count + 1),
            Some(PodState::InitCrashLoop(count)) => PodState::InitCrashLoop(count + 1),
            Some(state) => state,
            None => return,
        };
        let Some(entry) = self.pods.get_mut(number) else { return };
        entry.state = next;
        let key = entry.key.clone();
        edit(store, "", "pods", &key, |pod| {
            if next == PodState::Running && int(pod, "/status/containerStatuses/0/restartCount") > 0 {
                touch_condition(pod, now);
                return;
            }
            refresh_status(pod, next, now);
        });
    }

    /// A pod of a replica set is replaced: first it is asked to stop, and its successor is created.
    fn replace(&mut self, store: &mut Store, now: Timestamp) {
        if self.pending.len() >= PENDING {
            return self.touch_pod(store, now);
        }
        let Some(number) = self.random_pod() else { return };
        let Some(old) = self.pods.get(number).cloned() else { return };
        let Some(index) = store.find("", "pods") else { return };
        let Some(mut document) = store.document(index, &old.key) else { return };
        let replaceable = text(&document, "/metadata/ownerReferences/0/kind") == "ReplicaSet";
        if old.state != PodState::Running || !replaceable {
            return self.touch_pod(store, now);
        }
        let template = document.clone();
        set(&mut document, "/metadata", "deletionTimestamp", rfc3339(now).into());
        set(&mut document, "/metadata", "deletionGracePeriodSeconds", 30.into());
        store.put(index, document);
        let key = self.create_like(store, index, template, now);
        if let Some(entry) = self.pods.get_mut(number) {
            *entry = PodEntry { key: key.clone(), state: PodState::Creating };
        }
        self.pending.push_back(Step::Start(key));
        self.pending.push_back(Step::Gone(old.key));
    }

    fn step(&mut self, store: &mut Store, step: Step, now: Timestamp) {
        match step {
            Step::Start(key) => {
                if let Some(entry) = self.pods.iter_mut().find(|pod| pod.key == key) {
                    entry.state = PodState::Running;
                }
                let ip = format!("10.{}.{}.{}", self.rng.u8(64..128), self.rng.u8(..), self.rng.u8(1..255));
                edit(store, "", "pods", &key, |pod| {
                    let host = text(pod, "/status/hostIP").to_owned();
                    pod::set_status(pod, PodState::Running, now, (&host, &ip));
                });
            }
            Step::Gone(key) => {
                if let Some(index) = store.find("", "pods") {
                    store.remove(index, &key);
                }
            }
        }
    }

    /// An event about some pod, a warning if the pod gives cause.
    fn report(&mut self, store: &mut Store, now: Timestamp) {
        let Some(index) = store.find("", "events") else { return };
        if self.events.len() >= EVENTS
            && let Some(oldest) = self.events.pop_front()
        {
            store.remove(index, &oldest);
            return;
        }
        let Some(entry) = self.random_pod().and_then(|number| self.pods.get(number).cloned()) else {
            return;
        };
        let Some(about) = store.find("", "pods").and_then(|pods| store.document(pods, &entry.key)) else {
            return;
        };
        let said = event::about_pod(&about, entry.state).into_iter().next();
        let container = items(&about, "/spec/containers").first().map_or("", |container| text(container, "/name"));
        let mut said = said.unwrap_or_else(|| event::Said {
            warning: false,
            reason: "Started",
            message: format!("Started container {container}"),
            component: "kubelet",
            count: 1,
            age: 0,
        });
        said.age = 0;
        let name = event::name(text(&about, "/metadata/name"), &mut self.rng);
        let document = event::document(&about, "Pod", (&name, &uid(&mut self.rng)), &said, now);
        self.events.push_back(store::key(text(&about, "/metadata/namespace"), &name));
        store.put(index, document);
    }

    fn renew_lease(&mut self, store: &mut Store, now: Timestamp) {
        let Some(key) = self.random_key(store, "coordination.k8s.io", "leases") else { return };
        let time = format!("{}.{:06}Z", rfc3339(now).trim_end_matches('Z'), self.rng.u32(..1_000_000));
        edit(store, "coordination.k8s.io", "leases", &key, |lease| {
            set(lease, "/spec", "renewTime", time.into());
        });
    }

    fn touch_deployment(&mut self, store: &mut Store, now: Timestamp) {
        let Some(key) = self.random_key(store, "apps", "deployments") else { return };
        edit(store, "apps", "deployments", &key, |deployment| {
            let since = rfc3339(now);
            if let Some(condition) = deployment.pointer_mut("/status/conditions/1") {
                set(condition, "", "lastUpdateTime", since.into());
            }
        });
    }

    /// A deployment gets one replica more, the next one less, so that the number of pods stays.
    fn scale(&mut self, store: &mut Store, now: Timestamp) {
        let Some(number) = self.random_pod() else { return };
        let Some(entry) = self.pods.get(number).cloned() else { return };
        let Some(index) = store.find("", "pods") else { return };
        let Some(pod) = store.document(index, &entry.key) else { return };
        let owner = text(&pod, "/metadata/ownerReferences/0/name").to_owned();
        let replicated = text(&pod, "/metadata/ownerReferences/0/kind") == "ReplicaSet";
        let Some((deployment, _)) = owner.rsplit_once('-').filter(|_| replicated && entry.state == PodState::Running)
        else {
            return self.touch_pod(store, now);
        };
        let namespace = text(&pod, "/metadata/namespace").to_owned();
        let more = !self.scaled_up;
        self.scaled_up = more;
        let step = if more { 1 } else { -1 };
        let changed = [("deployments", deployment), ("replicasets", &owner)];
        for (plural, name) in changed {
            edit(store, "apps", plural, &store::key(&namespace, name), |workload| {
                for (part, field) in [("/spec", "replicas"), ("/status", "replicas"), ("/status", "readyReplicas")] {
                    let replicas = int(workload, &format!("{part}/{field}"));
                    set(workload, part, field, (replicas + step).max(0).into());
                }
                let generation = int(workload, "/metadata/generation") + 1;
                set(workload, "/metadata", "generation", generation.into());
                set(workload, "/status", "observedGeneration", generation.into());
            });
        }
        if more {
            let key = self.create_like(store, index, pod, now);
            self.pods.push(PodEntry { key: key.clone(), state: PodState::Creating });
            self.pending.push_back(Step::Start(key));
        } else {
            self.pods.swap_remove(number);
            store.remove(index, &entry.key);
        }
    }

    /// Creates a pod of the same template and returns its key.
    fn create_like(&mut self, store: &mut Store, index: usize, mut pod: Value, now: Timestamp) -> CompactString {
        let name = format!("{}{}", text(&pod, "/metadata/generateName"), suffix(&mut self.rng, 5));
        let key = store::key(text(&pod, "/metadata/namespace"), &name);
        set(&mut pod, "/metadata", "name", name.into());
        set(&mut pod, "/metadata", "uid", uid(&mut self.rng).into());
        set(&mut pod, "/metadata", "creationTimestamp", rfc3339(now).into());
        refresh_status(&mut pod, PodState::Creating, now);
        store.put(index, pod);
        key
    }

    fn random_key(&mut self, store: &Store, group: &str, plural: &str) -> Option<CompactString> {
        let collection = store.collection_of(group, plural)?;
        let count = collection.len();
        let number = (count > 0).then(|| self.rng.usize(..count))?;
        collection.key_at(number)
    }
}

/// Reads, changes and writes one object.
fn edit(store: &mut Store, group: &str, plural: &str, key: &str, change: impl FnOnce(&mut Value)) {
    let Some(index) = store.find(group, plural) else { return };
    let Some(mut document) = store.document(index, key) else { return };
    change(&mut document);
    store.put(index, document);
}

fn refresh_status(pod: &mut Value, state: PodState, now: Timestamp) {
    let (host, ip) = (text(pod, "/status/hostIP").to_owned(), text(pod, "/status/podIP").to_owned());
    pod::set_status(pod, state, now, (&host, &ip));
}

/// A change that keeps everything but a time: real pods have many of those.
fn touch_condition(pod: &mut Value, now: Timestamp) {
    if let Some(condition) = pod.pointer_mut("/status/conditions/1") {
        set(condition, "", "lastProbeTime", ago(now, 0).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::member::Member;

    #[test]
    fn the_same_seed_makes_the_same_changes() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let bytes = || {
            let (mut store, mut world) = World::build(&Member::new("one", 35, 80, 11), now);
            for _ in 0..600 {
                world.change(&mut store, now, false);
            }
            let pods = store.collection_of("", "pods").unwrap().objects("");
            assert!((78..=90).contains(&pods.len()), "the number of pods stays near its start: {}", pods.len());
            let all: Vec<_> = ["pods", "events"]
                .iter()
                .flat_map(|plural| store.collection_of("", plural).unwrap().objects(""))
                .map(|object| object.json.clone())
                .collect();
            (store.revision(), all)
        };
        assert_eq!(bytes(), bytes());
    }
}
