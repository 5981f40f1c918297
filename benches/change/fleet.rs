//! Ten simulated clusters with a hundred pods that nothing owns, made anew for each run.

use std::process::{Command, Output, Stdio};

use quarterdeck::demo::{Clock, Fleet, Options, Requested};
use quarterdeck::engine::clock;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Outcome;

pub(crate) const CLUSTERS: usize = 10;
pub(crate) const PODS: usize = 100;
pub(crate) const NAMESPACE: &str = "bench";

pub(crate) struct Stage {
    pub(crate) fleet: Fleet,
    pub(crate) runtime: Runtime,
    home: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Outcome<Self> {
        let start = jiff::Timestamp::from_second(clock::now().0)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let fleet = runtime.block_on(Fleet::start(Options::uniform(CLUSTERS, 200, 0, 7, Clock::running(start))))?;
        for cluster in fleet.clusters() {
            for index in 0..PODS {
                let pod = json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {
                        "name": name(index), "namespace": NAMESPACE, "uid": format!("{cluster}-{index}"),
                        "creationTimestamp": "2026-01-01T00:00:00Z" },
                    "spec": { "containers": [{ "name": "main", "image": "registry.example/main:1" }] },
                    "status": { "phase": "Running" },
                });
                if !fleet.put(cluster, "", "pods", pod) {
                    return Err(format!("{cluster} takes no pod").into());
                }
            }
        }
        let home = tempfile::tempdir()?;
        std::fs::create_dir(home.path().join(".kube"))?;
        fleet.write_kubeconfig(&home.path().join(".kube/config"))?;
        Ok(Self { fleet, runtime, home })
    }

    /// Runs `qd delete` over all pods of the namespace in all clusters, all of them in one wave.
    pub(crate) fn delete(&self, last: &str) -> Outcome<Output> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qd"));
        command.env_clear().env("HOME", self.home.path()).stdin(Stdio::null());
        command.args(["delete", "pods", "--all", "-n", NAMESPACE, "--clusters", "*", "--grace-period", "0"]);
        Ok(command.args(["--wave", "10", "-o", "json", last]).output()?)
    }

    /// Every request that a cluster received, cluster by cluster.
    pub(crate) fn requests(&self) -> Vec<Vec<Requested>> {
        self.fleet.clusters().map(|cluster| self.fleet.requests(cluster)).collect()
    }

    /// Fails unless each pod was deleted, and exactly once.
    pub(crate) fn each_deleted_once(&self) -> Outcome {
        let is_delete = |r: &&Requested| r.method == "DELETE" && !r.uri.contains("dryRun");
        for requests in self.requests() {
            let mut deleted: Vec<&str> =
                requests.iter().filter(is_delete).filter_map(|r| r.uri.split('?').next()).collect();
            let all = deleted.len();
            deleted.sort_unstable();
            deleted.dedup();
            if (all, deleted.len()) != (PODS, PODS) {
                return Err(format!("{all} deletes of {} pods, and {PODS} were wanted", deleted.len()).into());
            }
        }
        Ok(())
    }
}

pub(crate) fn name(index: usize) -> String {
    format!("pod-{index}")
}
