//! Where a cluster is and who we are there: what the inventory hands to the connector.
//! Stays inside `engine/k8s`: nothing of it enters a snapshot, a log or a `Debug`.

use super::access::AccessGate;
use crate::model::cluster::ClusterName;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// A value that never shows itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Material that stands in the kubeconfig itself or in a file beside it. Files are read when
/// needed, so that a rotated one is seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Material {
    Inline(Secret),
    /// An absolute path.
    File(PathBuf),
}

/// How a credential plugin may use the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Interactive {
    Never,
    #[default]
    IfAvailable,
    Always,
}

/// An exec credential plugin (`client.authentication.k8s.io`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecPlugin {
    pub api_version: String,
    pub command: String,
    pub args: Vec<String>,
    pub env: Vec<(String, Secret)>,
    pub interactive: Interactive,
    pub provide_cluster_info: bool,
    pub install_hint: Option<String>,
    /// JSON for `spec.cluster.config`, from the cluster's extension `client.authentication.k8s.io/exec`.
    pub cluster_config: Option<String>,
}

/// Who to act as, when not oneself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Impersonate {
    pub user: Option<String>,
    pub groups: Vec<String>,
    pub uid: Option<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct User {
    pub token: Option<Material>,
    /// PEM.
    pub client_certificate: Option<Material>,
    /// PEM.
    pub client_key: Option<Material>,
    pub basic: Option<(String, Secret)>,
    pub exec: Option<ExecPlugin>,
    pub impersonate: Impersonate,
}

/// One API server and one identity at it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// `https://host:port[/path]`.
    pub server: String,
    pub tls_server_name: Option<String>,
    pub insecure: bool,
    /// PEM; `None` is the system's roots.
    pub ca: Option<Material>,
    /// `http://`, `https://` or `socks5://`, as the source names it; the environment's proxy is applied by the client.
    pub proxy_url: Option<String>,
    pub disable_compression: bool,
    pub user: User,
    /// Deadline of one request, seconds.
    pub timeout_s: u32,
    /// `as` we speak of it: the context, or the hub object.
    pub label: String,
    /// Somebody else may have written it: no name in it may lead to a link-local or metadata address.
    pub guarded: bool,
    /// Which requests may leave for it.
    pub access: AccessGate,
}

impl Endpoint {
    /// Reached directly, by the system's roots, as nobody, without a deadline of its own.
    pub fn plain(server: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            tls_server_name: None,
            insecure: false,
            ca: None,
            proxy_url: None,
            disable_compression: false,
            user: User::default(),
            timeout_s: 0,
            label: label.into(),
            guarded: false,
            access: AccessGate::default(),
        }
    }

    /// Whether requests go over TLS.
    pub(crate) fn has_tls(&self) -> bool {
        let server = self.server.trim().parse::<http::Uri>();
        server.is_ok_and(|server| server.scheme() == Some(&http::uri::Scheme::HTTPS))
    }

    /// Whether it has credentials that are not sent, because the server is on plain http.
    pub(crate) fn withholds_credentials(&self) -> bool {
        let user = &self.user;
        let has_any =
            user.token.is_some() || user.basic.is_some() || user.exec.is_some() || user.client_certificate.is_some();
        has_any && !self.has_tls()
    }

    /// The endpoint as requests see it. As with kubectl, nothing secret goes out over plain http and no plugin runs
    /// for it; whom to act as is no secret.
    pub(crate) fn without_secrets_in_the_clear(self: Arc<Self>) -> Arc<Self> {
        if self.has_tls() {
            return self;
        }
        let user = User { impersonate: self.user.impersonate.clone(), ..User::default() };
        Arc::new(Self { user, ca: None, ..Self::clone(&self) })
    }

    /// Whether any of its certificates and credentials is a file, which may change.
    pub(crate) fn has_files(&self) -> bool {
        let user = &self.user;
        let materials = [&self.ca, &user.token, &user.client_certificate, &user.client_key];
        materials.into_iter().flatten().any(|material| matches!(material, Material::File(_)))
    }
}

/// Says whether an address is link-local or a metadata service's: whoever connects there for somebody else gives the
/// machine's own credentials away.
pub(crate) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_link_local_v4(address),
        IpAddr::V6(address) => is_link_local_v6(address),
    }
}

fn is_link_local_v4(address: Ipv4Addr) -> bool {
    // 100.100.100.200 is Alibaba's metadata service, 168.63.129.16 Azure's.
    address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address == Ipv4Addr::new(100, 100, 100, 200)
        || address == Ipv4Addr::new(168, 63, 129, 16)
}

fn is_link_local_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_link_local_v4(inner);
    }
    let is_aws = address == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast() || is_aws
}

/// The endpoints of the present inventory, by cluster. Written by the inventory, read by the connector.
#[derive(Debug, Clone, Default)]
pub struct Endpoints(Arc<RwLock<BTreeMap<ClusterName, Arc<Endpoint>>>>);

impl Endpoints {
    pub fn replace(&self, endpoints: BTreeMap<ClusterName, Arc<Endpoint>>) {
        *self.0.write() = endpoints;
    }

    pub fn get(&self, cluster: &ClusterName) -> Option<Arc<Endpoint>> {
        self.0.read().get(cluster).map(Arc::clone)
    }
}
