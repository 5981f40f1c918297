//! Addresses to listen on, as a user writes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Default port, that of an API server.
pub const PORT: u16 = 6443;

/// Address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// Path of a Unix socket; absolute.
    Unix(PathBuf),
}

impl Default for Address {
    fn default() -> Self {
        Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))
    }
}

impl Address {
    /// Returns true if only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => is_loopback(address.ip()),
            Self::Unix(_) => true,
        }
    }
}

/// Parses `127.0.0.1:6443`, `[::1]:6443` or `localhost:6443`; `None` for any other name.
pub fn tcp(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse().ok(),
        None => text.parse().ok(),
    }
}

/// Returns true for a loopback address, also an IPv4 one mapped to IPv6.
pub fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

impl FromStr for Address {
    type Err = String;

    /// Reads `127.0.0.1:6443`, `[::1]:6443`, `127.0.0.1`, `localhost:6443`, `6443` or `unix:/run/qd.sock`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(format!("`{text}`: a socket needs an absolute path, as in unix:/run/user/1000/qd.sock"))
            };
        }
        if let Ok(port) = text.parse::<u16>() {
            return Ok(Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Tcp(SocketAddr::from((ip, PORT))));
        }
        tcp(text).map(Self::Tcp).ok_or_else(|| {
            format!("`{text}` is no address to listen on; write 127.0.0.1:6443, [::1]:6443 or unix:/path/to/socket")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "https://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_every_common_spelling() {
        let tcp = |text: &str| Address::Tcp(text.parse().unwrap());
        assert_eq!("127.0.0.1:7000".parse(), Ok(tcp("127.0.0.1:7000")));
        assert_eq!("[::1]:7000".parse(), Ok(tcp("[::1]:7000")));
        assert_eq!("::1".parse(), Ok(tcp("[::1]:6443")));
        assert_eq!("7000".parse(), Ok(tcp("127.0.0.1:7000")));
        assert_eq!("localhost:0".parse(), Ok(tcp("127.0.0.1:0")));
        assert_eq!("unix:/run/qd.sock".parse(), Ok(Address::Unix(PathBuf::from("/run/qd.sock"))));
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for wrong in ["unix:qd.sock", ":6443", "example.com:6443", "127.0.0.1:99999", ""] {
            let refused = wrong.parse::<Address>().unwrap_err();
            assert!(refused.contains("unix:/"), "{refused}");
        }
    }

    #[test]
    fn only_loopback_and_sockets_are_local() {
        let is_local = |text: &str| text.parse::<Address>().unwrap().is_local();
        assert!(is_local("127.0.0.1") && is_local("127.9.9.9:1") && is_local("::1") && is_local("unix:/a"));
        assert!(is_local("[::ffff:127.0.0.1]:1"));
        assert!(!is_local("0.0.0.0:6443") && !is_local("[::]:6443") && !is_local("10.0.0.1:6443"));
        assert!(!is_local("[::ffff:10.0.0.1]:1"));
    }
}
