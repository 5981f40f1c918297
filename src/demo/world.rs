//! The invented inside of a cluster: what there is, and what happens to it.
//!
//! Everything follows from the seed of the cluster and the time given: the same seed at the same time gives
//! the same bytes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::member::{Member, Story};
use super::resource;
use super::store::Store;

mod churn;
mod controllers;
mod custom;
mod event;
mod hostile;
mod network;
mod plan;
mod platform;
mod pod;
mod storage;
mod workload;

pub(super) use churn::churn;
pub(super) use controllers::{Controllers, run};
pub(super) use custom::resource_of;
use pod::PodState;

/// What the churn of one cluster remembers between changes.
#[derive(Debug)]
pub(super) struct World {
    rng: fastrand::Rng,
    pods: Vec<PodEntry>,
    /// Keys of the events churn has made, oldest first.
    events: std::collections::VecDeque<compact_str::CompactString>,
    /// Steps of lives in progress: a new pod starts, an old one goes.
    pending: std::collections::VecDeque<churn::Step>,
    /// Whether the last scaling added a replica.
    scaled_up: bool,
}

/// A pod that churn may touch.
#[derive(Debug, Clone)]
struct PodEntry {
    key: compact_str::CompactString,
    state: PodState,
}

impl World {
    /// Builds all objects of a cluster.
    pub(super) fn build(member: &Member, now: Timestamp) -> (Store, Self) {
        let mut rng = fastrand::Rng::with_seed(member.seed);
        let first_revision = rng.u64(100_000..9_000_000);
        let mut builder = Builder {
            store: Store::new(first_revision, resource::built_in()),
            rng,
            now,
            member,
            nodes: Vec::new(),
            pods: Vec::new(),
        };
        platform::build(&mut builder);
        storage::build(&mut builder);
        workload::build(&mut builder);
        network::build(&mut builder);
        custom::build(&mut builder);
        if member.story == Story::Hostile {
            hostile::build(&mut builder);
        }
        let Builder { mut store, rng, pods, .. } = builder;
        store.compact_all();
        let world = Self {
            rng,
            pods,
            events: std::collections::VecDeque::new(),
            pending: std::collections::VecDeque::new(),
            scaled_up: false,
        };
        (store, world)
    }
}

/// A cluster being built.
struct Builder<'a> {
    store: Store,
    rng: fastrand::Rng,
    now: Timestamp,
    member: &'a Member,
    /// Names of the nodes pods may run on.
    nodes: Vec<String>,
    pods: Vec<PodEntry>,
}

impl Builder<'_> {
    fn put(&mut self, group: &str, plural: &str, object: Value) {
        if let Some(index) = self.store.find(group, plural) {
            self.store.put(index, object);
        }
    }

    fn uid(&mut self) -> String {
        uid(&mut self.rng)
    }

    /// Metadata of an object of this age in seconds.
    fn metadata(&mut self, namespace: &str, name: &str, age: i64) -> Value {
        let mut metadata = json!({"name": name, "uid": self.uid(), "creationTimestamp": ago(self.now, age)});
        if !namespace.is_empty() {
            super::json::set(&mut metadata, "", "namespace", namespace.into());
        }
        metadata
    }

    fn pod_ip(&mut self) -> String {
        format!("10.{}.{}.{}", self.rng.u8(64..128), self.rng.u8(..), self.rng.u8(1..255))
    }

    fn node_ip(&self, node: &str) -> String {
        let number = self.nodes.iter().position(|name| name == node).unwrap_or(0);
        node_ip(number)
    }

    /// Some node that is not of the control plane, unless there is no other.
    fn node(&mut self) -> Option<String> {
        let first = usize::from(self.nodes.len() > 1);
        let number = self.rng.usize(first..self.nodes.len().max(first + 1));
        self.nodes.get(number).cloned()
    }

    /// The cluster's age in seconds: nothing in it is older.
    fn cluster_age(&self) -> i64 {
        86_400 * (120 + i64::try_from(self.member.seed % 400).unwrap_or(0))
    }
}

fn node_ip(number: usize) -> String {
    format!("10.0.{}.{}", number / 200, number % 200 + 10)
}

pub(super) fn uid(rng: &mut fastrand::Rng) -> String {
    let (a, b) = (rng.u64(..), rng.u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        0x8000 | ((b >> 48) & 0x3fff),
        b & 0xffff_ffff_ffff
    )
}

/// The letters generated names are made of: no vowels, so no words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

pub(super) fn suffix(rng: &mut fastrand::Rng, length: usize) -> String {
    (0..length).filter_map(|_| LETTERS.get(rng.usize(..LETTERS.len())).map(|letter| char::from(*letter))).collect()
}

pub(super) fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The time `seconds` before `now`.
fn ago(now: Timestamp, seconds: i64) -> String {
    rfc3339(now - SignedDuration::from_secs(seconds))
}

/// An owner reference to a controller.
fn owner(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}
