//! A cluster as one source describes it, before sources are joined and settings applied.

use crate::engine::k8s::endpoint::Endpoint;
use crate::model::cluster::{Claim, Source};
use crate::model::text::{Text, clean};
use std::collections::BTreeMap;

/// A cluster as one source describes it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Origin of the description: a context, an object of a hub, the mapping, the pod.
    pub source: Source,
    /// Candidates for its name, by preference; the first is used unless another cluster claims it.
    pub names: Vec<String>,
    /// Name of the context, for `kubectl --context`; `None` if it has none.
    pub context: Option<Text>,
    /// Address and identity, or the reason why it cannot be connected.
    pub endpoint: Result<Endpoint, Text>,
    /// URL of the API server; empty if unknown.
    pub server: Text,
    /// Addresses of its API server: two sources with a common one describe the same cluster.
    pub addresses: Vec<Address>,
    /// Namespace that the source sets; empty if it sets none.
    pub namespace: Text,
    /// Labels that the source gives the cluster; a context has none.
    pub labels: BTreeMap<Text, Text>,
    /// Cloud or distribution; empty if unknown.
    pub provider: Text,
    /// Region; empty if unknown.
    pub region: Text,
    /// Readiness as the hub claims it; `None` for a source that is no hub.
    pub claim: Option<Claim>,
}

impl Found {
    /// Makes a description with a source and names alone: no address, no way to connect.
    pub fn new(source: Source, names: Vec<String>) -> Self {
        Self {
            source,
            names,
            context: None,
            endpoint: Err(Text::const_new("no source names an API server for it")),
            server: Text::default(),
            addresses: Vec::new(),
            namespace: Text::default(),
            labels: BTreeMap::new(),
            provider: Text::default(),
            region: Text::default(),
            claim: None,
        }
    }
}

/// The address of an API server, as two sources are compared by. Gateways serve many clusters from one host, so the
/// path counts; a proxy or another TLS name leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// URL in [`canonical`] form.
    pub server: String,
    /// Proxy of the source; `None` if it names none.
    pub proxy_url: Option<String>,
    /// Name that the server's certificate must carry, if the source sets one.
    pub tls_server_name: Option<String>,
}

impl Address {
    /// The address of an endpoint; `None` if its server is not a URL.
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        Some(Self {
            server: canonical(&endpoint.server)?,
            proxy_url: endpoint.proxy_url.clone(),
            tls_server_name: endpoint.tls_server_name.clone(),
        })
    }
}

/// Cleans a text of control characters, for an entry.
pub fn plain(text: &str) -> Text {
    Text::from(clean(text))
}

/// Normalizes a URL for comparison: scheme and host in lower case, the port always there, no slash at the end. `None`
/// for a text that is not an http or https URL, or that has a login.
pub fn canonical(url: &str) -> Option<String> {
    let uri: http::Uri = url.trim().parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(default);
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return None;
    }
    Some(format!("{scheme}://{host}:{port}{}", uri.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_compare_by_scheme_host_port_and_path() {
        for (a, b, same) in [
            ("https://api.example.com", "https://API.example.com:443/", true),
            ("https://api.example.com", "http://api.example.com", false),
            ("https://api.example.com", "https://api.example.com:6443", false),
            ("https://r.example.com/k8s/clusters/a", "https://r.example.com/k8s/clusters/b", false),
            ("https://r.example.com/k8s/clusters/a/", "https://r.example.com/k8s/clusters/a", true),
            ("https://[::1]:6443", "https://[::1]:6443/", true),
        ] {
            assert_eq!(canonical(a) == canonical(b), same, "{a} {b}");
        }
        for bad in ["", "api.example.com", "file:///etc/passwd", "https://u:p@h", "https://"] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_canonical_url_is_its_own_canonical_form(host in "[a-zA-Z0-9.-]{1,20}", port in 1_u16.., path in "(/[a-z0-9]{1,5}){0,3}/?") {
            if let Some(once) = canonical(&format!("https://{host}:{port}{path}")) {
                assert_eq!(canonical(&once), Some(once.clone()));
            }
        }
    }
}
