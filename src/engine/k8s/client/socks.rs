//! SOCKS5 (RFC 1928, login by RFC 1929): opens a connection through a proxy. The proxy gets names unresolved: often
//! only the network behind it can resolve them.

use std::io;
use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_FITS: u8 = 255;
/// Version of the login's own protocol.
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;

/// Reasons why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocksError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Refused(&'static str),
}

/// Returns true if the text fits a field whose length is one byte.
pub(super) fn fits(text: &str) -> bool {
    u8::try_from(text.len()).is_ok()
}

/// Runs the whole exchange; afterwards the stream leads to the host. Fails if the proxy refuses the login or the
/// connection, or breaks the protocol.
pub(super) async fn connect(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    login: Option<&(String, String)>,
    (host, port): (&str, u16),
) -> Result<(), SocksError> {
    // With a login both are offered: a proxy may not ask for it.
    let offered: &[u8] =
        if login.is_some() { &[VERSION, 2, NO_LOGIN, USER_AND_PASSWORD] } else { &[VERSION, 1, NO_LOGIN] };
    stream.write_all(offered).await?;
    let [version, method] = read(stream).await?;
    if version != VERSION {
        return Err(SocksError::Refused("it does not speak SOCKS5"));
    }
    match (method, login) {
        (NO_LOGIN, _) => {}
        (USER_AND_PASSWORD, Some(login)) => log_in(stream, login).await?,
        (NONE_FITS, None) => return Err(SocksError::Refused("it asks for a user and password")),
        _ => return Err(SocksError::Refused("it asks for another kind of login")),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(3);
            push(&mut request, host)?;
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request).await?;
    answered(stream).await
}

async fn log_in(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    (user, password): &(String, String),
) -> Result<(), SocksError> {
    let mut request = vec![LOGIN_VERSION];
    push(&mut request, user)?;
    push(&mut request, password)?;
    stream.write_all(&request).await?;
    match read(stream).await? {
        [_, 0] => Ok(()),
        [..] => Err(SocksError::Refused("it does not accept the user and password")),
    }
}

/// Reads the reply to its end, and no further: the next byte is from the server.
async fn answered(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), SocksError> {
    let [_, status, _, kind] = read(stream).await?;
    if let Some(why) = refusal(status) {
        return Err(SocksError::Refused(why));
    }
    let address = match kind {
        1 => 4,
        3 => usize::from(stream.read_u8().await?),
        4 => 16,
        _ => return Err(SocksError::Refused("it does not speak SOCKS5")),
    };
    // What the proxy connected from is of no use, and its port follows.
    let mut bound = vec![0; address + 2];
    stream.read_exact(&mut bound).await?;
    Ok(())
}

fn refusal(status: u8) -> Option<&'static str> {
    Some(match status {
        0 => return None,
        2 => "it refused to connect us",
        3 => "it finds no way to the server's network",
        4 => "it finds no way to the server",
        5 => "the server refused its connection",
        6 => "the server did not answer it",
        7 | 8 => "it cannot connect to such an address",
        _ => "it could not connect us",
    })
}

fn push(request: &mut Vec<u8>, text: &str) -> Result<(), SocksError> {
    let length = u8::try_from(text.len()).map_err(|_| SocksError::Refused("a name or login is too long for it"))?;
    request.push(length);
    request.extend(text.bytes());
    Ok(())
}

async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> Result<[u8; N], SocksError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an exchange in which the proxy says these bytes, and what it was told.
    async fn with(says: &[u8], login: Option<(String, String)>, host: &str) -> (Result<(), String>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(2_048);
        theirs.write_all(says).await.unwrap();
        let ended = connect(&mut ours, login.as_ref(), (host, 6443)).await.map_err(|why| why.to_string());
        drop(ours);
        let mut told = Vec::new();
        theirs.read_to_end(&mut told).await.unwrap();
        (ended, told)
    }

    fn login() -> (String, String) {
        ("me".to_owned(), "p".repeat(255))
    }

    #[tokio::test]
    async fn an_address_goes_as_one_and_a_name_as_a_name() {
        let fine = [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let (ended, told) = with(&fine, None, "10.0.0.1").await;
        assert_eq!((ended, told), (Ok(()), vec![5, 1, 0, 5, 1, 0, 1, 10, 0, 0, 1, 0x19, 0x2b]));
        let (_, told) = with(&fine, None, "[::1]").await;
        assert_eq!((told[6], told.len()), (4, 3 + 4 + 16 + 2));
        let (_, told) = with(&fine, None, "api.corp").await;
        assert_eq!(told[6..16], [&[3, 8][..], b"api.corp"].concat());
        let bound_by_name = [5, 0, 5, 0, 0, 3, 2, b'a', b'b', 0, 1];
        assert_eq!(with(&bound_by_name, None, "a").await.0, Ok(()));
    }

    #[tokio::test]
    async fn a_login_is_given_where_it_is_asked_for_however_long() {
        let asks = [5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let (ended, told) = with(&asks, Some(login()), &"h".repeat(255)).await;
        assert_eq!(ended, Ok(()));
        assert_eq!(told[..8], [5, 2, 0, 2, 1, 2, b'm', b'e']);
        let (ended, told) = with(&[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0], Some(login()), "a").await;
        assert_eq!(ended, Ok(()));
        assert!(!told.contains(&b'p'), "it was not asked for");
        let (ended, told) = with(&[5, 2, 1, 1], Some(login()), "a").await;
        assert_eq!((ended, told.len()), (Err("it does not accept the user and password".to_owned()), 4 + 1 + 3 + 256));
        assert_eq!(with(&[5, 255], None, "a").await.0, Err("it asks for a user and password".to_owned()));
        assert_eq!(with(&[5, 1], Some(login()), "a").await.0, Err("it asks for another kind of login".to_owned()));
    }

    #[tokio::test]
    async fn every_refusal_has_words_and_nonsense_is_none_of_it() {
        for status in 1..=9 {
            assert!(with(&[5, 0, 5, status, 0, 1], None, "a").await.0.unwrap_err().contains("it"), "{status}");
        }
        assert_eq!(with(b"HTTP/1.1 400", None, "a").await.0, Err("it does not speak SOCKS5".to_owned()));
        assert_eq!(with(&[5, 0, 5, 0, 0, 9], None, "a").await.0, Err("it does not speak SOCKS5".to_owned()));
        assert!(with(&[5, 0, 5, 0, 0, 1], None, &"h".repeat(256)).await.0.unwrap_err().contains("too long"));
    }
}
