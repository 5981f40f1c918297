//! `qd serve` in front of real control planes, beside kubectl that asks them directly.
//!
//! Tests that only add things use the shared planes, a namespace each; those that kill an API server take turns with a
//! pair of their own.

use std::sync::OnceLock;

use parking_lot::{Mutex, MutexGuard};
use quarterdeck::engine::admin;
use quarterdeck::engine::proxy::admin_client::ProxyAdminClient;
use quarterdeck::model::proxy::Routes;

use crate::Test;
use crate::rig::{ControlPlane, Options, Outcome, User};

mod crowd;
mod failures;
mod goaway;
mod informer;
pub(crate) mod kubectl;
mod parsing;
mod reads;
mod rotation;
mod routes;
pub(crate) mod serving;
mod sessions;
mod single;
mod sockets;
mod storms;
mod streams;
pub(crate) mod wire;
mod work;

use serving::{Serving, cluster};

pub(crate) const TESTS: &[&[Test]] = &[
    parsing::TESTS,
    work::TESTS,
    reads::TESTS,
    sessions::TESTS,
    streams::TESTS,
    routes::TESTS,
    informer::TESTS,
    storms::TESTS,
    rotation::TESTS,
    failures::TESTS,
    single::TESTS,
    goaway::TESTS,
    sockets::TESTS,
    crowd::TESTS,
];

/// The rules of the requirement, word for word.
const REQUIRED_RULES: &str = include_str!("proxy/required-rules.yaml");

/// The routing file a new user would write for two API servers: the requirement's rules, and several of its clusters at
/// one endpoint. Production is east, staging and development are west; what nobody names goes to east.
fn required(east: &ControlPlane, west: &ControlPlane) -> Outcome<String> {
    let mut text = "home: prod-cluster\naudit:\n  path: audit.log\nclusters:\n".to_owned();
    text += &cluster("prod-cluster", east, "admin-token")?;
    for name in ["staging-cluster-1", "staging-cluster-2", "dev-cluster-1", "dev-cluster-2", "dev-cluster-3"] {
        text += &cluster(name, west, "admin-token")?;
    }
    Ok(text + REQUIRED_RULES)
}

/// Rules in short: each namespace goes to one cluster.
pub(crate) fn by_namespace(rules: &[(&str, &str)]) -> String {
    rules.iter().fold("rules:\n".to_owned(), |text, (namespace, cluster)| {
        text + &format!(
            "- name: of-{namespace}\n  priority: 10\n  conditions:\n  - {{ type: namespace, operator: equals, value: {namespace} }}\n  actions: {{ targetCluster: {cluster} }}\n"
        )
    })
}

/// The clusters `prod` and `dev`, with nothing but etcd and an API server each, and two masters more. Whoever holds them
/// may kill their API servers, and leaves them running.
fn pair() -> Outcome<MutexGuard<'static, [ControlPlane; 2]>> {
    static PLANES: OnceLock<Result<Mutex<[ControlPlane; 2]>, String>> = OnceLock::new();
    let planes = PLANES.get_or_init(|| {
        let start = |name| {
            let users = vec![User::master("one"), User::master("two")];
            ControlPlane::start(Options { users, ..Options::named(name) }).map_err(|error| error.to_string())
        };
        Ok(Mutex::new([start("prod")?, start("dev")?]))
    });
    let mut planes = planes.as_ref().map_err(Clone::clone)?.lock();
    for plane in planes.iter_mut() {
        // A test that failed may have left one stopped.
        plane.start_api_server()?;
    }
    Ok(planes)
}

/// What a proxy shows of itself.
fn routes(proxy: &Serving) -> Outcome<Routes> {
    let found = admin::Found::in_folder(&proxy.folder().join("state")).ok_or("no admin listener")?;
    let client = admin::Client::new(found.address, found.token).map(ProxyAdminClient)?;
    wait(async { client.routes().await.map_err(|error| format!("{error:?}").into()) })
}

/// The long form of the tests is wanted: `cargo test --test live -- --long`.
fn is_long() -> bool {
    std::env::args().any(|word| word == crate::LONG)
}

/// Runs async work on two threads.
fn wait<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}
