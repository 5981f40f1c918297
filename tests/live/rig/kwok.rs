//! kwok: the kubelets of all nodes, pretended.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::process::Process;
use super::programs::Programs;
use super::{ControlPlane, Outcome, ports};

/// What containers "write": lines as a container runtime keeps them, which is what kwok reads.
const LOG: &str = "container.log";
const PREVIOUS_LOG: &str = "container-previous.log";

pub(crate) fn start(programs: &Programs, folder: &Path, kubeconfig: &Path) -> Outcome<Process> {
    let port = ports::free()?;
    let config = folder.join("kwok.json");
    fs::write(&config, configuration(folder))?;
    fs::write(folder.join(LOG), log_line(0, "ready"))?;
    fs::write(folder.join(PREVIOUS_LOG), log_line(0, "the run before"))?;
    let flags = [
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--config={}", config.display()),
        "--manage-all-nodes".to_owned(),
        "--node-ip=127.0.0.1".to_owned(),
        format!("--node-port={port}"),
        // Without this it would listen on all addresses.
        format!("--server-address=127.0.0.1:{port}"),
        format!("--tls-cert-file={}", folder.join("server.crt").display()),
        format!("--tls-private-key-file={}", folder.join("server.key").display()),
        // Leases keep nodes ready for a write every 10 s instead of a status each.
        "--node-lease-duration-seconds=40".to_owned(),
    ];
    Process::start(programs, "kwok", folder, flags)
}

/// Logs come from two files, exec runs a local process, port-forward is an echo by `cat`.
fn configuration(folder: &Path) -> String {
    let rule = |kind: &str, spec: serde_json::Value| json!({ "apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": { "name": "all" }, "spec": spec });
    let (log, previous) = (folder.join(LOG), folder.join(PREVIOUS_LOG));
    let documents = [
        rule("ClusterLogs", json!({ "logs": [{ "logsFile": log, "previousLogsFile": previous }] })),
        rule("ClusterAttach", json!({ "attaches": [{ "logsFile": log }] })),
        rule("ClusterExec", json!({ "execs": [{ "local": { "workDir": folder } }] })),
        rule("ClusterPortForward", json!({ "forwards": [{ "command": ["cat"] }] })),
    ];
    documents.map(|document| document.to_string()).join("\n---\n")
}

/// A line as container runtimes write them; `second` moves its time stamp on from a fixed moment.
fn log_line(second: usize, text: &str) -> String {
    format!("2024-05-01T12:{:02}:{:02}.000000000Z stdout F {text}\n", second / 60 % 60, second % 60)
}

impl ControlPlane {
    /// What every container's log says from now on: these lines, a second apart.
    pub(crate) fn write_log(&self, lines: &[&str]) -> Outcome {
        let text: String = lines.iter().enumerate().map(|(second, line)| log_line(second, line)).collect();
        Ok(fs::write(self.log_path(), text)?)
    }

    /// The file that every container's log is read from, in the format of container runtimes; followers see appends.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.join(LOG)
    }
}
