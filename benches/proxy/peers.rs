//! The proxies that are compared, each started alike: alone on the first core, one thread, the same certificate, the same
//! cipher, the caller's `Authorization` replaced, a header added, the upstream's certificate verified, no access log.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::Outcome;
use crate::live::proxy::serving::{PROGRAM, Serving, entry};
use crate::live::proxy::wire::{Target, Version};
use crate::live::rig::{Process, Programs, until};
use crate::stage::{CORE, Stage, TOKEN};

const OURS: &str = "qd";
const PLAIN: &str = "qd, `cargo build --release`";

/// Until a program listens.
const LISTENING: Duration = Duration::from_secs(20);

/// A running proxy, or the upstream itself where that is what is asked.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// What its certificate is verified with; `None` where it speaks clear text.
    authority: Option<String>,
    pub(crate) token: String,
    running: Running,
}

#[derive(Debug)]
enum Running {
    /// No proxy at all.
    Direct,
    Program(Process),
    Ours(Box<Serving>),
}

impl Peer {
    /// Its process; `None` where there is no proxy.
    pub(crate) fn pid(&self) -> Outcome<Option<u32>> {
        match &self.running {
            Running::Direct => Ok(None),
            Running::Program(process) => process.pid().map(Some),
            Running::Ours(serving) => serving.process.pid().map(Some),
        }
    }

    /// Ours, as it is judged.
    pub(crate) fn is_ours(&self) -> bool {
        self.name == OURS
    }

    pub(crate) fn serving(&mut self) -> Option<&mut Serving> {
        match &mut self.running {
            Running::Ours(serving) => Some(serving),
            Running::Direct | Running::Program(_) => None,
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.authority.is_none()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.is_plain() { "http" } else { "https" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// For our own client.
    pub(crate) fn target(&self, version: Version) -> Outcome<Target> {
        match &self.authority {
            None => Ok(Target::plain(self.address)),
            Some(authority) => Target::new(self.address, authority, &self.token, version),
        }
    }

    pub(crate) fn direct(stage: &Stage, upstream: SocketAddr) -> Self {
        Self {
            name: "no proxy",
            address: upstream,
            authority: Some(stage.authority.clone()),
            token: TOKEN.to_owned(),
            running: Running::Direct,
        }
    }

    fn program(name: &'static str, stage: &Stage, address: SocketAddr, words: Vec<String>) -> Outcome<Self> {
        let process = stage.start(name, Some(CORE), words)?;
        let mut peer = Self {
            name,
            address,
            authority: Some(stage.authority.clone()),
            token: "the-callers-own".to_owned(),
            running: Running::Program(process),
        };
        peer.listens()?;
        Ok(peer)
    }

    fn listens(&mut self) -> Outcome {
        let (name, address) = (self.name, self.address);
        until(&format!("{name} to listen"), LISTENING, || {
            if let Running::Program(process) = &mut self.running {
                process.check()?;
            }
            Ok(TcpStream::connect(address).map(drop)?)
        })
    }
}

/// A port that was free a moment ago.
pub(crate) fn free() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Which HTTP a proxy speaks to the upstream is the upstream's choice, by ALPN.
pub(crate) fn ours(stage: &Stage, upstream: SocketAddr) -> Outcome<Peer> {
    own(OURS, &stage.program, stage, upstream)
}

/// Beside the released program, the one that cargo built.
pub(crate) fn plain(stage: &Stage, upstream: SocketAddr) -> Option<(&'static str, Outcome<Peer>)> {
    stage.is_released().then(|| (PLAIN, own(PLAIN, Path::new(PROGRAM), stage, upstream)))
}

fn own(name: &'static str, program: &Path, stage: &Stage, upstream: SocketAddr) -> Outcome<Peer> {
    let clusters = entry("upstream", &upstream.to_string(), &stage.authority, &format!("token: {TOKEN}"))?;
    let serving = Serving::start_program(program, &routing(&clusters, 0), &[], Some(CORE))?;
    Ok(Peer {
        name,
        address: serving.address(),
        authority: Some(serving.authority()?),
        token: serving.token().to_owned(),
        running: Running::Ours(Box::new(serving)),
    })
}

/// Fifty rules, one of which matches; the last one tells one configuration from another.
pub(crate) fn routing(clusters: &str, number: usize) -> String {
    let rule = |name: String, namespace: &str, action: &str| {
        format!(
            "- name: {name}\n  priority: 10\n  conditions:\n  - {{ type: namespace, operator: regex, value: \"^{namespace}$\" }}\n  - {{ type: class, operator: in, values: [read, write] }}\n  actions: {action}\n"
        )
    };
    let mut text = format!("home: upstream\nclusters:\n{clusters}rules:\n");
    for index in 0..48 {
        text += &rule(format!("team-{index}"), &format!("team-{index}-.*"), "{ targetCluster: upstream }");
    }
    text += &rule("bench".to_owned(), "bench", "{ targetCluster: upstream }");
    text + &rule("number".to_owned(), &format!("number-{number}"), &format!("{{ deny: number {number} }}"))
}

/// HAProxy, with HTTP/2 or HTTP/1.1 to the upstream.
pub(crate) fn haproxy(stage: &Stage, upstream: SocketAddr, version: Version) -> Outcome<Peer> {
    let program = stage.programs.path("usr/sbin/haproxy").ok_or("there is no HAProxy")?;
    let address = free()?;
    let protocol = match version {
        Version::One => "http/1.1",
        Version::Two => "h2",
    };
    let folder = stage.folder.display();
    let config = format!(
        "global
  nbthread 1
  maxconn 4000
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend callers
  bind {address} ssl crt {folder}/both.pem alpn h2,http/1.1
  http-request set-header Authorization \"Bearer {TOKEN}\"
  http-request set-header X-Carried-By haproxy
  default_backend upstream
backend upstream
  server one {upstream} ssl verify required verifyhost localhost ca-file {folder}/ca.crt alpn {protocol}
"
    );
    let file = stage.folder.join(format!("haproxy-{}.cfg", address.port()));
    fs::write(&file, config)?;
    let words = [program, "-db".to_owned(), "-q".to_owned(), "-f".to_owned(), file.to_string_lossy().into_owned()];
    Peer::program("HAProxy", stage, address, words.to_vec())
}

/// nginx, which has only HTTP/1.1 to the upstream.
pub(crate) fn nginx(stage: &Stage, upstream: SocketAddr) -> Outcome<Peer> {
    let address = free()?;
    let folder = stage.folder.display();
    let server = format!(
        "  upstream one {{ server {upstream}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen {address} ssl http2;
    keepalive_requests 100000000;
    http2_max_concurrent_streams 250;
    location / {{
      proxy_pass https://one;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
      proxy_set_header Authorization \"Bearer {TOKEN}\";
      proxy_set_header X-Carried-By nginx;
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
      proxy_ssl_trusted_certificate {folder}/ca.crt;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    }}
  }}
"
    );
    let words = stage.nginx(&server, address)?;
    Peer::program("nginx", stage, address, words)
}

/// `kubectl proxy`: clear text from its callers, HTTP/2 with TLS to the upstream.
pub(crate) fn kubectl(stage: &Stage, upstream: SocketAddr) -> Outcome<Peer> {
    let program = Programs::find()?.path("kubectl");
    let address = free()?;
    let kubeconfig = stage.folder.join("kubectl.kubeconfig");
    let folder = stage.folder.display();
    let config = format!(
        "apiVersion: v1
kind: Config
current-context: one
clusters: [{{ name: one, cluster: {{ server: \"https://{upstream}\", certificate-authority: {folder}/ca.crt }} }}]
contexts: [{{ name: one, context: {{ cluster: one, user: one }} }}]
users: [{{ name: one, user: {{ token: {TOKEN} }} }}]
"
    );
    fs::write(&kubeconfig, config)?;
    let words = [
        // One thread for Go's own, as for the others.
        "GOMAXPROCS=1".to_owned(),
        program.to_string_lossy().into_owned(),
        "proxy".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--port={}", address.port()),
    ];
    let mut peer = Peer::program("kubectl proxy", stage, address, words.to_vec())?;
    peer.authority = None;
    Ok(peer)
}

/// As many as there are; who is missing is named, and why.
pub(crate) fn present<'a>(all: impl IntoIterator<Item = (&'a str, Outcome<Peer>)>) -> Vec<Peer> {
    let mut found = Vec::new();
    for (name, peer) in all {
        match peer {
            Ok(peer) => found.push(peer),
            Err(error) => crate::say(&format!("  without {name}: {error}")),
        }
    }
    found
}

/// Whether a path names a program.
pub(crate) fn is_program(path: &Path) -> bool {
    path.is_file()
}
