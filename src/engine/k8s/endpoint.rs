//! The address of a cluster and the identity we use there: data from the inventory to the connector. Stays inside
//! `engine/k8s`: nothing of it enters a snapshot, a log or a `Debug`.

use super::access::AccessGate;
use crate::model::cluster::ClusterName;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// A secret value; its `Debug` prints `[redacted]`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Credential material, in the kubeconfig itself or in a file beside it. Files are read when needed, so that a rotation
/// is seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Material {
    /// The content itself.
    Inline(Secret),
    /// Absolute path of a file.
    File(PathBuf),
}

/// Use of the terminal by a credential plugin: `interactiveMode` of the kubeconfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Interactive {
    /// The plugin never uses the terminal.
    Never,
    /// The plugin uses the terminal if there is one.
    #[default]
    IfAvailable,
    /// The plugin cannot run without a terminal.
    Always,
}

/// An exec credential plugin (`client.authentication.k8s.io`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecPlugin {
    /// Version of the protocol: `client.authentication.k8s.io/v1` or `…/v1beta1`.
    pub api_version: String,
    /// Absolute path of the program, or its name, looked up in `PATH`.
    pub command: String,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Variables added to the environment of the program.
    pub env: Vec<(String, Secret)>,
    /// Use of the terminal.
    pub interactive: Interactive,
    /// The plugin receives the server, its CA and [`cluster_config`](Self::cluster_config) in `KUBERNETES_EXEC_INFO`.
    pub provide_cluster_info: bool,
    /// Text for the user if the program is not installed.
    pub install_hint: Option<String>,
    /// JSON for `spec.cluster.config`, from the cluster's extension `client.authentication.k8s.io/exec`.
    pub cluster_config: Option<String>,
}

/// User, groups and extra fields of the `Impersonate-*` headers. Empty where requests act as the user itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Impersonate {
    /// `Impersonate-User`.
    pub user: Option<String>,
    /// `Impersonate-Group`, once for each group.
    pub groups: Vec<String>,
    /// `Impersonate-Uid`.
    pub uid: Option<String>,
    /// `Impersonate-Extra-KEY`, once for each value.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The credentials of a user. Anonymous if all are empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct User {
    /// Bearer token; wins over [`basic`](Self::basic) and the token of a plugin.
    pub token: Option<Material>,
    /// PEM; needs [`client_key`](Self::client_key).
    pub client_certificate: Option<Material>,
    /// PEM of the private key.
    pub client_key: Option<Material>,
    /// User name and password of basic authentication.
    pub basic: Option<(String, Secret)>,
    /// Plugin that provides a token or a client certificate.
    pub exec: Option<ExecPlugin>,
    /// Identity that requests act as.
    pub impersonate: Impersonate,
}

/// An API server, and the identity we use there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// URL of the API server: `https://host:port[/path]`.
    pub server: String,
    /// Name that the server's certificate must carry; `None` is the host of [`server`](Self::server).
    pub tls_server_name: Option<String>,
    /// The server's certificate is not verified.
    pub insecure: bool,
    /// PEM of the authority of the server's certificate; `None` is the system's roots.
    pub ca: Option<Material>,
    /// `http://`, `https://` or `socks5://`, as the source names it; the environment's proxy is applied by the client.
    pub proxy_url: Option<String>,
    /// Responses are requested without compression.
    pub disable_compression: bool,
    /// Credentials for the server.
    pub user: User,
    /// Deadline of one request, in seconds.
    pub timeout_s: u32,
    /// Name of the endpoint in messages: the context, or the object of the hub.
    pub label: String,
    /// The URL may come from another person than the user: no name in it may lead to a link-local or metadata address.
    pub guarded: bool,
    /// Gate that each request passes before it leaves.
    pub access: AccessGate,
}

impl Endpoint {
    /// A server that is reached directly, verified by the system's roots, with anonymous requests and without a
    /// deadline of its own.
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

    /// Returns true if requests go over TLS.
    pub(crate) fn has_tls(&self) -> bool {
        let server = self.server.trim().parse::<http::Uri>();
        server.is_ok_and(|server| server.scheme() == Some(&http::uri::Scheme::HTTPS))
    }

    /// Returns true if the endpoint has credentials that are not sent, because the server is on plain http.
    pub(crate) fn withholds_credentials(&self) -> bool {
        let user = &self.user;
        let has_any =
            user.token.is_some() || user.basic.is_some() || user.exec.is_some() || user.client_certificate.is_some();
        has_any && !self.has_tls()
    }

    /// The endpoint as requests see it. As with kubectl, no secret goes out over plain http and no plugin runs for it;
    /// impersonation is no secret.
    pub(crate) fn without_secrets_in_the_clear(self: Arc<Self>) -> Arc<Self> {
        if self.has_tls() {
            return self;
        }
        let user = User { impersonate: self.user.impersonate.clone(), ..User::default() };
        Arc::new(Self { user, ca: None, ..Self::clone(&self) })
    }

    /// Returns true if any of its certificates and credentials is a file, which may change.
    pub(crate) fn has_files(&self) -> bool {
        let user = &self.user;
        let materials = [&self.ca, &user.token, &user.client_certificate, &user.client_key];
        materials.into_iter().flatten().any(|material| matches!(material, Material::File(_)))
    }
}

/// Returns true if an address is link-local or that of a metadata service: a connection there on behalf of another
/// person would give the machine's own credentials away.
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

/// The endpoints of the present inventory, by cluster. The inventory writes them, the connector reads them.
#[derive(Debug, Clone, Default)]
pub struct Endpoints(Arc<RwLock<BTreeMap<ClusterName, Arc<Endpoint>>>>);

impl Endpoints {
    /// Replaces all endpoints at once.
    pub fn replace(&self, endpoints: BTreeMap<ClusterName, Arc<Endpoint>>) {
        *self.0.write() = endpoints;
    }

    /// Returns the endpoint of a cluster; `None` if the inventory no longer has it, or cannot connect it.
    pub fn get(&self, cluster: &ClusterName) -> Option<Arc<Endpoint>> {
        self.0.read().get(cluster).map(Arc::clone)
    }
}
