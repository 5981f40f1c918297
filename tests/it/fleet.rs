//! Simulated fleets for tests that run the real binary, and the binary beside them.

use assert_cmd::Command;
use quarterdeck::demo::{Clock, Fleet, Member, Options, Reach};
use quarterdeck::engine::clock;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_qd");

/// A test that waits longer than this has failed; nothing takes long on an idle machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The runtime all simulated fleets of this process live on.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
    })
}

/// Starts a fleet that stands still.
pub(crate) fn start(clusters: Vec<Member>) -> Fleet {
    let start = jiff::Timestamp::from_second(clock::now().0).expect("a time");
    let options = Options { clusters, changes_per_second: 0, seed: 7, clock: Clock::running(start) };
    runtime().block_on(Fleet::start(options)).expect("a simulated fleet")
}

/// A fleet that every test may ask and none may change: `east` and `west` answer, `north` is older and lists its
/// resources the old way, `gone` refuses, `hole` is silent, `closed` wants a login.
pub(crate) fn shared() -> &'static Fleet {
    static FLEET: OnceLock<Fleet> = OnceLock::new();
    FLEET.get_or_init(|| {
        let reach = |name, reach| Member { reach, ..Member::new(name, 35, 5, 3) };
        let expired = Some("Unauthorized: run `corp login` first".to_owned());
        let fleet = start(vec![
            Member::new("east", 35, 40, 1),
            Member::new("west", 34, 40, 2),
            Member { aggregated: false, ..Member::new("north", 31, 10, 3) },
            reach("gone", Reach::Refused),
            reach("hole", Reach::BlackHole),
            Member { expired, ..Member::new("closed", 35, 5, 4) },
        ]);
        for (cluster, name, rank) in
            [("east", "settings", 10), ("west", "settings", 9), ("east", "only-east", 100), ("west", "only-west", 1)]
        {
            assert!(fleet.put(cluster, "", "configmaps", settings(name, rank)), "{cluster} takes a configmap");
        }
        fleet
    })
}

fn settings(name: &str, rank: u32) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": name, "namespace": "tests", "uid": format!("uid-{name}-{rank}"),
            "labels": { "team": "tests", "only": if name == "settings" { "no" } else { "yes" } },
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "data": { "rank": rank.to_string(), "multi": "a\nb\n" },
    })
}

/// What a run of the program printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Printed {
    /// The standard output of a run that went well and had nothing to say besides.
    pub(crate) fn clean(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "stdout:\n{}", self.stdout);
        self.stdout
    }

    /// The lines of the standard output, each as its words.
    pub(crate) fn words(&self) -> Vec<Vec<&str>> {
        self.stdout.lines().map(|line| line.split_whitespace().collect()).collect()
    }

    /// The standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why} in {self:#?}"))
    }
}

/// A home folder with a kubeconfig, and nothing else of whoever runs the test.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    /// One without a kubeconfig.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// One whose kubeconfig names the clusters of a fleet.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let home = Self::empty();
        home.write(".kube/config", fleet.kubeconfig());
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file under the home folder.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(&path, text).expect("a file is written");
        path
    }

    /// The program with arguments, ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.args(arguments).timeout(DEADLINE);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Printed {
        let output = self.command(arguments).output().expect("the program runs");
        Printed {
            stdout: String::from_utf8(output.stdout).expect("text on stdout"),
            stderr: String::from_utf8(output.stderr).expect("text on stderr"),
            code: output.status.code(),
        }
    }
}

/// Runs the program on some clusters of the shared fleet.
pub(crate) fn qd(clusters: &str, arguments: &[&str]) -> Printed {
    let globs = ["--clusters", clusters];
    Home::of(shared()).run(&[arguments, &globs].concat())
}
