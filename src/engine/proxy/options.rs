//! How a proxy is started: the flags of `qd --serve`, and what the console says instead.

use super::source::Source;
use crate::engine::address::Address;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What one proxy is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    pub config: Source,
    pub listen: Vec<Address>,
    /// `listen` was chosen by the user; sockets that systemd passes replace what was not.
    pub listen_is_chosen: bool,
    /// One more port for each cluster, from this one on; 0 lets the system choose each.
    pub per_cluster: Option<u16>,
    /// Names and addresses the server certificate holds besides its own.
    pub names: Vec<String>,
    /// Holds the authority's key and the token. 0700.
    pub state_dir: PathBuf,
    /// Where clients find `kubeconfig`, `ca.crt`, `token` and `namespace`.
    pub publish_dir: PathBuf,
    /// Of the files there; the folder may be entered by whoever may read them.
    pub publish_mode: u32,
    /// Authority shared by replicas: a folder with `ca.crt` and `ca.key`, or `tls.crt` and `tls.key`.
    pub ca_dir: Option<PathBuf>,
    /// Token shared by replicas.
    pub token_file: Option<PathBuf>,
    /// Makes a new token; the one before ends.
    pub new_token: bool,
    /// PEM: client certificates of these authorities are callers.
    pub client_ca: Option<PathBuf>,
    /// The home cluster reviews ServiceAccount tokens.
    pub token_review: bool,
    /// Where metrics, health and state are served; none serves none.
    pub admin: Option<SocketAddr>,
    /// Where the proxy runs; empty is told by the configuration, or by nobody.
    pub region: String,
    /// How long requests and streams may take to end once the proxy is told to.
    pub drain: Duration,
}

impl ServeOptions {
    /// The defaults of `qd --serve`, with everything it keeps below `state_dir`.
    pub fn under(state_dir: PathBuf) -> Self {
        Self {
            config: Source::Inventory,
            listen: vec![Address::default()],
            listen_is_chosen: false,
            per_cluster: None,
            names: Vec::new(),
            publish_dir: state_dir.join("published"),
            state_dir,
            publish_mode: 0o600,
            ca_dir: None,
            token_file: None,
            new_token: false,
            client_ca: None,
            token_review: false,
            admin: None,
            region: String::new(),
            drain: Duration::from_secs(30),
        }
    }
}
