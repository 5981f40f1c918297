//! What one source says of one cluster, before sources are joined and settings applied.

use crate::engine::k8s::endpoint::Endpoint;
use crate::model::cluster::{Claim, Source};
use crate::model::text::{Text, clean};
use std::collections::BTreeMap;

/// One cluster as one source tells of it.
#[derive(Debug, Clone)]
pub struct Found {
    pub source: Source,
    /// What a user may call it, the best first; the first is shown when no other cluster claims it.
    pub names: Vec<String>,
    /// The context, for `kubectl --context`.
    pub context: Option<Text>,
    /// Where it is and who we are there, or why it cannot be connected.
    pub endpoint: Result<Endpoint, Text>,
    /// The API server's URL, if known.
    pub server: Text,
    /// What tells that two sources mean the same cluster.
    pub addresses: Vec<Address>,
    pub namespace: Text,
    pub labels: BTreeMap<Text, Text>,
    pub provider: Text,
    pub region: Text,
    pub claim: Option<Claim>,
}

impl Found {
    /// Nothing known yet but where it stands.
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

/// The way to an API server, as two sources are compared by. Gateways serve many clusters from one host, so the
/// path counts; a proxy or another TLS name leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// In [`canonical`] form.
    pub server: String,
    pub proxy_url: Option<String>,
    pub tls_server_name: Option<String>,
}

impl Address {
    /// `None` where the server is not a URL.
    pub fn of(endpoint: &Endpoint) -> Option<Self> {
        Some(Self {
            server: canonical(&endpoint.server)?,
            proxy_url: endpoint.proxy_url.clone(),
            tls_server_name: endpoint.tls_server_name.clone(),
        })
    }
}

/// Harmless text for an entry.
pub fn plain(text: &str) -> Text {
    Text::from(clean(text))
}

/// A URL in the form in which two are compared: scheme and host in lower case, the port always there, no slash
/// at the end. `None` for what is not a URL of a web server.
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
