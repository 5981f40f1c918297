//! Which addresses an endpoint may have: web servers over TLS, and nothing where a machine keeps its own secrets.

use crate::engine::k8s::endpoint::is_link_local;
use std::net::IpAddr;

/// Names of a cloud's metadata service, which answers with credentials.
const METADATA: &[&str] = &["metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"];

/// Returns the flaw of an endpoint's URL; `None` if it may be used.
pub(super) fn flaw_of(server: &str, allows_link_local: bool) -> Option<String> {
    let Ok(uri) = server.parse::<http::Uri>() else {
        return Some("is not a URL: write `https://host:port`".to_owned());
    };
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") => return Some("is not `https`: credentials would go in clear text".to_owned()),
        Some(_) | None => return Some("is not a URL: write `https://host:port`".to_owned()),
    }
    let Some(authority) = uri.authority() else {
        return Some("names no host".to_owned());
    };
    if authority.as_str().contains('@') {
        return Some("holds a user: credentials have keys of their own".to_owned());
    }
    if uri.query().is_some() {
        return Some("has a query: an endpoint is a host, a port, and at most a path".to_owned());
    }
    // A path with `..` would lead beside what is meant.
    if uri.path().split('/').any(|part| matches!(part, "." | "..")) || uri.path().contains('%') {
        return Some("has a path that can be read in two ways".to_owned());
    }
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Some("has a port that is none".to_owned());
    }
    flaw_of_host(authority.host(), allows_link_local)
}

/// Returns the flaw of a host, written as in a URL; `None` if it may be connected to.
pub(super) fn flaw_of_host(host: &str, allows_link_local: bool) -> Option<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
    if bare.is_empty() {
        return Some("names no host".to_owned());
    }
    let is_forbidden = match bare.parse::<IpAddr>() {
        Ok(address) => is_link_local(address),
        // The system reads `2852039166` and `0xa9.0xfea9fe` as addresses too.
        Err(_) if is_number(bare.rsplit('.').next().unwrap_or_default()) => {
            return Some("has a host that is no name and no plain address".to_owned());
        }
        Err(_) => METADATA.contains(&bare.as_str()),
    };
    (is_forbidden && !allows_link_local)
        .then(|| "is a link-local or metadata address (`allowLinkLocal: true` in a local file allows it)".to_owned())
}

fn is_number(part: &str) -> bool {
    let hex = part.strip_prefix("0x").is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    hex || (!part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_to_ordinary_hosts_passes() {
        for good in [
            "https://prod.k8s.example.com",
            "https://127.0.0.1:6443",
            "https://[::1]:6443",
            "https://10.0.0.1/k8s/clusters/c-1",
            "https://metadata.example.com",
            "https://1password.example.com:8443/",
        ] {
            assert_eq!(flaw_of(good, false), None, "{good}");
        }
        for bad in [
            "",
            "prod.example.com",
            "http://prod.example.com",
            "ftp://prod.example.com",
            "https://",
            "https://user:pass@prod.example.com",
            "https://prod.example.com?a=b",
            "https://prod.example.com/../x",
            "https://prod.example.com/%2e%2e/x",
            "https://prod.example.com:0",
            "https://prod.example.com:99999",
            "https://169.254.169.254",
            "https://[fe80::1]",
            "https://[::ffff:169.254.169.254]",
            "https://[fd00:ec2::254]",
            "https://metadata.google.internal",
            "https://METADATA.google.internal.",
            "https://2852039166",
            "https://0xa9fea9fe",
            "https://169.254.43518",
            "https://0.0.0.0:6443",
            "https://100.100.100.200",
        ] {
            assert!(flaw_of(bad, false).is_some(), "{bad}");
        }
        assert_eq!(flaw_of("https://169.254.169.254", true), None);
        assert!(flaw_of("http://169.254.169.254", true).is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            drop(flaw_of(&text, false));
            drop(flaw_of(&format!("https://{text}"), false));
        }
    }
}
