//! Choice of the proxy to a server: the source's own, else the environment's, unless `NO_PROXY` names the **server**
//! (not the proxy).

use super::socks;
use crate::config::environment::Environment;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::Endpoint;
use crate::model::text::Text;
use http::Uri;
use std::net::IpAddr;

/// Source of a proxy that stands with the endpoint, in the kubeconfig or in the hub.
pub const PROXY_URL: &str = "proxy-url";

/// A forward proxy on the way to an API server.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Protocol to the proxy.
    pub scheme: Scheme,
    /// Address of the proxy, always with a port, without user and password.
    pub uri: Uri,
    /// User and password, percent-decoded; `None` for a proxy without a login.
    pub login: Option<(String, String)>,
    /// Setting that names the proxy: [`PROXY_URL`], `HTTPS_PROXY`.
    pub source: &'static str,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("uri", &self.uri).field("source", &self.source).finish_non_exhaustive()
    }
}

/// Protocols to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http://`, also without a scheme; port 80 if none is given.
    Http,
    /// `https://`: TLS to the proxy itself; port 443 if none is given.
    Https,
    /// `socks5://` and `socks5h://`: the proxy resolves names; port 1080 if none is given.
    Socks5,
}

impl Proxy {
    /// The address as `host:port`.
    pub fn address(&self) -> String {
        self.uri.authority().map(ToString::to_string).unwrap_or_default()
    }
}

/// Returns the proxy for an endpoint; `None` if it is reached directly. An explicit `proxy-url` always wins, as with
/// kubectl; the environment's proxy is not used for a server on this machine. Fails if the address of the proxy is not
/// http, https or socks5, or if its SOCKS5 user or password is too long.
pub fn choose(endpoint: &Endpoint, environment: &Environment) -> Result<Option<Proxy>, ClusterError> {
    if let Some(url) = endpoint.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        return parse(url, PROXY_URL).map(Some);
    }
    let Ok(server) = endpoint.server.parse::<Uri>() else {
        return Ok(None);
    };
    if is_loopback(&server) {
        return Ok(None);
    }
    let own = if server.scheme_str() == Some("http") {
        environment.http_proxy.as_deref().map(|url| (url, "HTTP_PROXY"))
    } else {
        environment.https_proxy.as_deref().map(|url| (url, "HTTPS_PROXY"))
    };
    let Some((url, source)) = own.or_else(|| environment.all_proxy.as_deref().map(|url| (url, "ALL_PROXY"))) else {
        return Ok(None);
    };
    if bypasses(environment.no_proxy.as_deref().unwrap_or_default(), &server) {
        return Ok(None);
    }
    parse(url, source).map(Some)
}

/// Parses the address of a proxy. Without a scheme it is `http://`, as in curl and Go.
fn parse(url: &str, source: &'static str) -> Result<Proxy, ClusterError> {
    let unfit = || ClusterError::Failed(Text::from(format!("{source} is not a proxy address (http, https or socks5)")));
    let (scheme, rest) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
    let (scheme, port) = match scheme.to_lowercase().as_str() {
        "http" => (Scheme::Http, 80),
        "https" => (Scheme::Https, 443),
        "socks5" | "socks5h" => (Scheme::Socks5, 1080),
        _ => return Err(unfit()),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (login, address) = match authority.rsplit_once('@') {
        Some((login, address)) => (Some(login), address),
        None => (None, authority),
    };
    let whole = match scheme {
        Scheme::Https => format!("https://{address}"),
        Scheme::Http | Scheme::Socks5 => format!("http://{address}"),
    };
    let uri = whole.parse::<Uri>().map_err(|_| unfit())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(unfit)?;
    let authority = format!("{host}:{}", uri.port_u16().unwrap_or(port));
    let uri = Uri::builder()
        .scheme(if scheme == Scheme::Https { "https" } else { "http" })
        .authority(authority)
        .path_and_query("/")
        .build()
        .map_err(|_| unfit())?;
    let login = login.map(|login| {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        (decode(user), decode(password))
    });
    if scheme == Scheme::Socks5 && login.iter().any(|(user, password)| !socks::fits(user) || !socks::fits(password)) {
        return Err(ClusterError::Failed(Text::from(format!(
            "{source}: SOCKS5 takes at most 255 bytes of user or password"
        ))));
    }
    Ok(Proxy { scheme, uri, login, source })
}

/// Decodes `%xx`; anything else stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex =
            (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().filter(|h| h.iter().all(u8::is_ascii_hexdigit));
        let decoded = hex.and_then(|h| u8::from_str_radix(&String::from_utf8_lossy(h), 16).ok());
        out.push(decoded.unwrap_or(byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The host of a server in the form that names and addresses are compared in.
fn host(server: &Uri) -> Option<String> {
    let host = server.host()?.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    Some(host.to_lowercase())
}

/// Returns true if a server is on this machine: as in Go, the environment's proxy, which is on another machine, is not
/// used for it, whatever `NO_PROXY` says.
fn is_loopback(server: &Uri) -> bool {
    host(server).is_some_and(|host| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    })
}

/// Returns true if `NO_PROXY` exempts the server. An entry is `*`, an address, a range (`10.0.0.0/8`), or a domain
/// (with or without a leading dot, and its subdomains), any of them with `:port`. Empty entries (a trailing comma) mean
/// nothing.
fn bypasses(no_proxy: &str, server: &Uri) -> bool {
    let Some(host) = host(server) else {
        return false;
    };
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let address = host.parse::<IpAddr>().ok();
    no_proxy.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let (name, wanted) = split_port(entry);
        wanted.is_none_or(|wanted| wanted == port) && names(&name.to_lowercase(), &host, address)
    })
}

/// Splits `host:port` and `[v6]:port`; the port is `None` where there is none.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((name, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (name, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.rsplit_once(':') {
        // A second colon means an IPv6 address without a port.
        Some((name, port)) if !name.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn names(entry: &str, host: &str, address: Option<IpAddr>) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some(address) = address {
        return match entry.split_once('/') {
            Some((network, bits)) => contains(network, bits, address),
            None => entry.parse::<IpAddr>() == Ok(address),
        };
    }
    let domain = entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.'));
    match domain {
        // A leading dot is subdomains only.
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => host == entry || host.strip_suffix(entry).is_some_and(|rest| rest.ends_with('.')),
    }
}

fn contains(network: &str, bits: &str, address: IpAddr) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (a, b, width) = match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)), u128::from(u32::from(b)), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
        _ => return false,
    };
    bits <= width && (bits == 0 || (a ^ b) >> (width - bits) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(no_proxy: &str, server: &str, expect: bool) {
        assert_eq!(bypasses(no_proxy, &server.parse().unwrap()), expect, "{no_proxy} {server}");
    }

    #[test]
    fn no_proxy_is_matched_against_the_server() {
        check("127.0.0.1", "https://127.0.0.1:6443", true);
        check("127.0.0.1,", "https://127.0.0.1:6443", true);
        check(",,", "https://127.0.0.1:6443", false);
        check("10.0.0.0/8", "https://10.20.30.40", true);
        check("10.0.0.0/8", "https://11.20.30.40", false);
        check("example.com", "https://api.example.com:6443", true);
        check("example.com", "https://example.com", true);
        check("example.com", "https://notexample.com", false);
        check(".example.com", "https://api.example.com", true);
        check(".example.com", "https://example.com", false);
        check("*.example.com", "https://api.example.com", true);
        check("example.com:6443", "https://api.example.com:6443", true);
        check("example.com:443", "https://api.example.com:6443", false);
        check("*", "https://anything", true);
        check("fd00::/8", "https://[fd12::1]:6443", true);
        check("[fd12::1]:6443", "https://[fd12::1]:6443", true);
        check("LOCALHOST, other", "https://localhost:1", true);
        check("garbage/x/y:z", "https://a", false);
        check("0.0.0.0/0", "https://1.2.3.4", true);
    }

    fn endpoint(server: &str, proxy: Option<&str>) -> Endpoint {
        Endpoint {
            server: server.into(),
            proxy_url: proxy.map(Into::into),
            ..crate::engine::k8s::client::tests::bare()
        }
    }

    #[test]
    fn an_explicit_proxy_wins_over_no_proxy_and_the_environment_comes_second() {
        let environment = Environment {
            https_proxy: Some("http://corp:3128".into()),
            no_proxy: Some("10.0.0.0/8".into()),
            ..Environment::default()
        };
        let of = |e: &Endpoint| choose(e, &environment).unwrap().map(|p| (p.address(), p.source));
        assert_eq!(of(&endpoint("https://10.1.1.1", None)), None);
        assert_eq!(of(&endpoint("https://1.1.1.1", None)), Some(("corp:3128".into(), "HTTPS_PROXY")));
        assert_eq!(of(&endpoint("https://10.1.1.1", Some("socks5://jump"))), Some(("jump:1080".into(), "proxy-url")));
        assert_eq!(of(&endpoint("http://1.1.1.1", None)), None);
    }

    /// K4: a server on this machine is never asked by way of the environment's proxy, only of its own.
    #[test]
    fn the_environments_proxy_is_not_used_for_this_machine() {
        let corp = || Some("http://corp:3128".to_owned());
        for environment in [
            Environment { https_proxy: corp(), http_proxy: corp(), ..Environment::default() },
            Environment { all_proxy: corp(), ..Environment::default() },
        ] {
            let of = |e: &Endpoint| choose(e, &environment).unwrap().map(|p| p.address());
            for host in
                ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]"]
            {
                for scheme in ["http", "https"] {
                    assert_eq!(of(&endpoint(&format!("{scheme}://{host}:6443"), None)), None, "{scheme} {host}");
                }
                let own = endpoint(&format!("https://{host}:6443"), Some("http://jump:1"));
                assert_eq!(of(&own), Some("jump:1".to_owned()), "{host}");
            }
            for host in ["localhost.corp", "128.0.0.1", "[::2]", "10.0.0.1"] {
                assert_eq!(of(&endpoint(&format!("https://{host}"), None)), corp().map(|_| "corp:3128".to_owned()));
            }
        }
    }

    #[test]
    fn logins_are_decoded_and_never_shown() {
        let proxy = parse("http://user:p%40ss%2@proxy.corp", "proxy-url").unwrap();
        assert_eq!(proxy.login, Some(("user".into(), "p@ss%2".into())));
        assert_eq!(proxy.address(), "proxy.corp:80");
        assert!(!format!("{proxy:?}").contains("ss"));
    }

    #[test]
    fn what_is_no_proxy_is_said_without_its_secret() {
        let long = format!("socks5://user:hush{}@x", "h".repeat(255));
        for bad in ["ftp://user:hush@x", "http://", "socks5://user:hush@", &long] {
            let error = parse(bad, "HTTPS_PROXY").unwrap_err().to_string();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("hush"), "{error}");
        }
    }
}
