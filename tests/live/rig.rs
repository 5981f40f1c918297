//! Real control planes for the live tests: etcd and kube-apiserver, an etcd each, on loopback, and on request the
//! controllers, the scheduler, and kwok, which plays the kubelets. All of it ends with this process, however that ends.
//!
//! ```text
//! let plane = ControlPlane::start(Options { controllers: true, scheduler: true, nodes: 2, ..Options::named("east") })?;
//! plane.kubectl(&["create", "deployment", "web", "--image=web", "--replicas=3"])?;
//! plane.wait_for_running("default", 3)?;
//! ```

use std::error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

mod certificates;
mod etcd;
mod kubeconfig;
mod kubectl;
mod kwok;
mod objects;
mod ports;
mod process;
mod programs;
mod shared;
mod streams;
mod wait;

pub(crate) use certificates::{Authority, Pair};
pub(crate) use kubeconfig::{User, merged};
pub(crate) use kubectl::Printed;
pub(crate) use process::Process;
pub(crate) use programs::Programs;
pub(crate) use shared::shared;
pub(crate) use wait::until;

/// What a rig or a test says when something did not work.
pub(crate) type Error = Box<dyn error::Error + Send + Sync>;
pub(crate) type Outcome<T = ()> = Result<T, Error>;

/// A pair answers after 4 s on two idle cores; tests share them with other tests and with compilers.
const READY: Duration = Duration::from_secs(120);

/// What to start, and for whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Names the cluster and its context in the kubeconfig.
    pub(crate) name: String,
    /// Starts kube-controller-manager. Without it there are no default service accounts, and pods do not need them.
    pub(crate) controllers: bool,
    /// Starts kube-scheduler. Without it only pods that name their node run.
    pub(crate) scheduler: bool,
    /// How many nodes kwok plays; 0 starts no kwok.
    pub(crate) nodes: usize,
    /// Users with a token, besides `admin`. RBAC decides what they may do, which is nothing at first.
    pub(crate) users: Vec<User>,
    /// Further flags for kube-apiserver; they win over ours.
    pub(crate) api_server_flags: Vec<String>,
}

impl Options {
    /// etcd and kube-apiserver, nothing else.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Everything: Deployments become running pods on two nodes.
    pub(crate) fn complete(name: &str) -> Self {
        Self { controllers: true, scheduler: true, nodes: 2, ..Self::named(name) }
    }
}

/// A running control plane. Dropping it kills its programs and removes its folder.
///
/// The programs stand before the removal of their folder: fields are dropped in this order.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    options: Options,
    programs: Programs,
    authority: Authority,
    folder: PathBuf,
    etcd_port: u16,
    port: u16,
    users: Vec<User>,
    kwok: Option<Process>,
    beside: Vec<Process>,
    api_server: Option<Process>,
    _etcd: Process,
    _removal: Process,
}

impl ControlPlane {
    /// Starts it and returns when `/readyz` answers and, with kwok, the nodes are ready.
    pub(crate) fn start(options: Options) -> Outcome<Self> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("control-plane-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?.keep();
        let removal = Process::start_removal(&programs, &folder)?;
        let authority = Authority::new(&options.name)?;
        authority.write(&folder)?;
        fs::write(folder.join("audit-policy.json"), audit_policy().to_string())?;

        let (etcd_port, port) = (ports::free()?, ports::free()?);
        let etcd = etcd::start(&programs, &folder, etcd_port)?;
        let mut users = vec![User::master("admin"), User::master("controllers"), User::master("kwok")];
        users.extend(options.users.iter().cloned());
        let mut plane = Self {
            options,
            programs,
            authority,
            folder,
            etcd_port,
            port,
            users,
            kwok: None,
            beside: Vec::new(),
            api_server: None,
            _etcd: etcd,
            _removal: removal,
        };
        for user in ["admin", "controllers", "kwok"] {
            fs::write(plane.kubeconfig_path(user), plane.kubeconfig_for(user)?)?;
        }
        plane.start_api_server()?;
        plane.start_beside()?;
        Ok(plane)
    }

    /// Starts the API server, unless it runs, on its port, which is the same every time, and returns when it is ready.
    pub(crate) fn start_api_server(&mut self) -> Outcome {
        if self.api_server.is_some() {
            return Ok(());
        }
        fs::write(self.folder.join("tokens.csv"), self.users.iter().map(User::line).collect::<String>())?;
        let flags = self.api_server_flags();
        let mut server = Process::start(&self.programs, "kube-apiserver", &self.folder, flags)?;
        let ready =
            until("/readyz", READY, || server.check().map_or_else(|gone| Ok(Err(gone)), |()| self.ready().map(Ok)));
        ready.map_err(|error| server.explain(&error.to_string())).flatten()?;
        self.api_server = Some(server);
        Ok(())
    }

    /// Kills the API server: connections are reset, new ones refused. (Asked politely it would drain for a minute.)
    pub(crate) fn stop_api_server(&mut self) -> Outcome {
        self.api_server.take().map_or(Ok(()), |mut server| server.end())
    }

    /// Freezes the API server: connections open and nothing answers, as behind a dead link.
    pub(crate) fn freeze_api_server(&mut self) -> Outcome {
        self.api_server.as_mut().ok_or("the API server is stopped")?.freeze()
    }

    /// Lets a frozen API server go on.
    pub(crate) fn thaw_api_server(&mut self) -> Outcome {
        self.api_server.as_mut().ok_or("the API server is stopped")?.thaw()
    }

    /// Makes a user's token invalid. The API server reads its tokens at start only, so it is started anew.
    pub(crate) fn revoke_token(&mut self, user: &str) -> Outcome {
        self.stop_api_server()?;
        self.users.retain(|known| known.name != user);
        self.start_api_server()
    }

    /// The cluster's name, which is also its context's.
    pub(crate) fn name(&self) -> &str {
        &self.options.name
    }

    /// The port of the API server on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The API server's host and port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where everything of this control plane is: logs, certificates, etcd's files. Gone when it ends.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A certificate for a user who logs in with it instead of a token.
    pub(crate) fn client_certificate(&self, user: &str, group: &str) -> Outcome<Pair> {
        self.authority.client(user, group)
    }

    /// Puts another serving certificate, of the same authority, in the place of the API server's. It is read at its start,
    /// and within a minute while it runs.
    pub(crate) fn renew_serving_certificate(&self) -> Outcome {
        let Pair { certificate, key } = self.authority.server()?;
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let beside = self.folder.join(format!("{name}.new"));
            fs::write(&beside, text)?;
            fs::rename(&beside, self.folder.join(name))?;
        }
        Ok(())
    }

    /// What the API server was asked so far, oldest first: `audit.k8s.io/v1` events of requests that were answered.
    pub(crate) fn audit(&self) -> Outcome<Vec<Value>> {
        let log = fs::read_to_string(self.folder.join("audit.log"))?;
        // The last line may be half written, and is then read next time.
        Ok(log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Makes etcd forget old revisions: what was listed or watched before can no longer be continued (410). An API server
    /// that caches (without `--watch-cache=false`) goes on serving from its own memory what etcd has forgotten.
    pub(crate) fn compact(&self) -> Outcome {
        etcd::compact(self.etcd_port)
    }

    fn start_beside(&mut self) -> Outcome {
        if self.options.controllers {
            let flags = self.controller_flags();
            self.beside.push(Process::start(&self.programs, "kube-controller-manager", &self.folder, flags)?);
        }
        if self.options.scheduler {
            let flags = self.scheduler_flags();
            self.beside.push(Process::start(&self.programs, "kube-scheduler", &self.folder, flags)?);
        }
        if self.options.nodes > 0 {
            self.kwok = Some(kwok::start(&self.programs, &self.folder, &self.kubeconfig_path("kwok"))?);
            self.create_nodes()?;
        }
        if self.options.controllers {
            self.wait_for_service_account("default")?;
        }
        Ok(())
    }

    fn api_server_flags(&self) -> Vec<String> {
        let folder = self.folder.display();
        let mut flags = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            format!("--secure-port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            // An address on loopback may not be an endpoint of the `kubernetes` service; nobody here needs it.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--cert-dir={folder}"),
            format!("--tls-cert-file={folder}/server.crt"),
            format!("--tls-private-key-file={folder}/server.key"),
            format!("--client-ca-file={folder}/ca.crt"),
            format!("--token-auth-file={folder}/tokens.csv"),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={folder}/service-account.pub"),
            format!("--service-account-signing-key-file={folder}/service-account.key"),
            "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            "--allow-privileged".to_owned(),
            format!("--audit-policy-file={folder}/audit-policy.json"),
            format!("--audit-log-path={folder}/audit.log"),
        ];
        if !self.options.controllers {
            // Nobody makes default service accounts, so pods must be accepted without.
            flags.push("--disable-admission-plugins=ServiceAccount".to_owned());
        }
        flags.extend(self.options.api_server_flags.iter().cloned());
        flags
    }

    fn controller_flags(&self) -> Vec<String> {
        let folder = self.folder.display();
        let mut flags = self.scheduler_flags();
        flags.extend([
            format!("--service-account-private-key-file={folder}/service-account.key"),
            format!("--root-ca-file={folder}/ca.crt"),
            format!("--cluster-signing-cert-file={folder}/ca.crt"),
            format!("--cluster-signing-key-file={folder}/ca.key"),
        ]);
        flags
    }

    fn scheduler_flags(&self) -> Vec<String> {
        vec![
            format!("--kubeconfig={}", self.kubeconfig_path("controllers").display()),
            // One of each, so nothing to elect, which saves a dozen seconds; and nobody asks their own ports.
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ]
    }
}

/// Who did what, without bodies. The stage of the request's arrival would only double the lines.
fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{ "level": "Metadata" }],
    })
}
