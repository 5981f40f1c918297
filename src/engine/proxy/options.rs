//! How a proxy is started: the flags of `qd --serve`, and what the console says instead.

use super::source::Source;
use crate::engine::address::Address;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Options of one proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    /// Source of the configuration.
    pub config: Source,
    /// Addresses to listen on, for all clusters.
    pub listen: Vec<Address>,
    /// The user chose `listen`; otherwise sockets that systemd passes replace it.
    pub listen_is_chosen: bool,
    /// First of the ports for one cluster each; 0 lets the system choose every port, and `None` opens none.
    pub per_cluster: Option<u16>,
    /// Additional names and addresses in the server certificate.
    pub names: Vec<String>,
    /// Folder with the authority's key and the token, mode 0700.
    pub state_dir: PathBuf,
    /// Folder where clients find `kubeconfig`, `ca.crt`, `token` and `namespace`.
    pub publish_dir: PathBuf,
    /// Mode of the published files; users that may read them may also enter the folder.
    pub publish_mode: u32,
    /// Authority shared by replicas: a folder with `ca.crt` and `ca.key`, or `tls.crt` and `tls.key`. `None` uses an
    /// authority of the state folder.
    pub ca_dir: Option<PathBuf>,
    /// File with the token that replicas share; `None` uses a token of the state folder.
    pub token_file: Option<PathBuf>,
    /// Makes a new token; the previous one becomes invalid.
    pub new_token: bool,
    /// PEM file with CAs whose client certificates authenticate callers.
    pub client_ca: Option<PathBuf>,
    /// The home cluster reviews ServiceAccount tokens.
    pub token_review: bool,
    /// Address of the admin listener for metrics, health and state; `None` opens none.
    pub admin: Option<SocketAddr>,
    /// Region of the proxy; empty uses the one of the configuration, if any.
    pub region: String,
    /// Longest time that requests and streams may take to end in a drain.
    pub drain: Duration,
}

impl ServeOptions {
    /// The defaults of `qd --serve`, with all its files below `state_dir`.
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
