//! A node whose pods exec for real: exit codes and the end of input, which kwok does not tell. Its pods do not "run" by
//! themselves: nobody writes their status.

use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::process::Process;
use super::{ControlPlane, Outcome, ports, until};

/// What takes milliseconds, on a machine that has other things to do.
const LISTENING: Duration = Duration::from_secs(30);

/// The node's name.
pub(crate) const NODE: &str = "streams";

impl ControlPlane {
    /// Starts the node's server and makes the node, and a pod on it.
    pub(crate) fn start_streams(&mut self, namespace: &str, pod: &str) -> Outcome {
        let port = ports::free()?;
        let address = format!("127.0.0.1:{port}");
        let [certificate, key] = ["server.crt", "server.key"].map(|file| self.folder.join(file));
        let words = [address.into(), certificate.into_os_string(), key.into_os_string()];
        self.beside.push(Process::start(&self.programs, "streams", &self.folder, words)?);
        until("the node's server", LISTENING, || Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop)?))?;

        let status = json!({
            "addresses": [{ "type": "InternalIP", "address": "127.0.0.1" }],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": port } },
        });
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE } });
        let body = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": pod, "namespace": namespace },
            "spec": { "nodeName": NODE, "containers": [{ "name": "main", "image": "registry.example/main:1" }] },
        });
        for object in [node, body] {
            let file = self.write_kubeconfig("object.json", &object.to_string())?;
            self.kubectl(&["create", "-f", &file.to_string_lossy()])?;
        }
        let status = json!({ "status": status }).to_string();
        self.kubectl(&["patch", "node", NODE, "--subresource=status", "--type=merge", "--patch", &status])?;
        let running = json!({ "status": { "phase": "Running" } }).to_string();
        let patch = ["patch", "pod", pod, "--namespace", namespace, "--subresource=status", "--type=merge", "--patch"];
        self.kubectl(&[&patch[..], &[&running]].concat())?;
        Ok(())
    }
}
