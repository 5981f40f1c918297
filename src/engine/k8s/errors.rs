//! All errors of calls to a cluster, in words that a user understands, with the next step where there is one.

#![expect(clippy::wildcard_enum_match_arm, reason = "foreign enums that grow; the rest has one common text")]

use crate::engine::clock;
use crate::engine::cluster::ClusterError;
use crate::model::text::{Text, clean};
use crate::model::time::{UnixSeconds, human};
use http::StatusCode;
use rustls::{AlertDescription, CertificateError};
use serde::Deserialize;
use std::error::Error;
use std::io;
use std::time::Duration;

/// The longest message quoted from a server, in characters.
const SENTENCE_CHARS_MAX: usize = 300;

/// The longest `Retry-After` that we obey.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// Maximum depth of a chain of causes.
const CAUSES_MAX: usize = 16;

/// The fields of `metav1.Status` that we use.
#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    retry_after_seconds: u64,
}

/// Translates an error of `kube` to an error of the port.
pub fn translate(error: &kube::Error) -> ClusterError {
    if let kube::Error::Api(status) = error {
        let pause = status.details.as_ref().map_or(0, |d| u64::from(d.retry_after_seconds));
        return of_code(status.code, &status.message, (pause > 0).then(|| Duration::from_secs(pause)));
    }
    translate_any(error)
}

/// Translates any error of the stack to an error of the port: the first cause with a known meaning decides.
pub fn translate_any(error: &(dyn Error + 'static)) -> ClusterError {
    let mut cause = Some(error);
    for _ in 0..CAUSES_MAX {
        let Some(error) = cause else { break };
        if let Some(known) = recognise(error) {
            return known;
        }
        cause = error.source();
    }
    ClusterError::Failed(sentence(&root(error).to_string()))
}

/// Returns true if one of the causes is an error of the port already.
pub(crate) fn is_told(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&e| e.source()).take(CAUSES_MAX).any(<dyn Error>::is::<ClusterError>)
}

fn recognise(error: &(dyn Error + 'static)) -> Option<ClusterError> {
    if let Some(known) = error.downcast_ref::<ClusterError>() {
        return Some(known.clone());
    }
    if let Some(kube::Error::Api(_)) = error.downcast_ref::<kube::Error>() {
        return error.downcast_ref().map(translate);
    }
    if let Some(e) = error.downcast_ref::<io::Error>() {
        // An io::Error often wraps the one that matters.
        let inner = e.get_ref().map(|inner| translate_any(inner)).filter(|e| !matches!(e, ClusterError::Failed(_)));
        return inner.or_else(|| of_io(e.kind()).map(|text| ClusterError::Unreachable(Text::new(text))));
    }
    if let Some(e) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(e, ""));
    }
    if let Some(e) = error.downcast_ref::<hyper::Error>() {
        return of_hyper(e);
    }
    if error.is::<http_body_util::LengthLimitError>() {
        return Some(ClusterError::Failed(Text::new("the answer is larger than anything Kubernetes sends")));
    }
    error.downcast_ref::<serde_json::Error>().map(|e| {
        ClusterError::Failed(Text::from(format!("the answer is not what Kubernetes sends: {}", clean(&e.to_string()))))
    })
}

fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut last = error;
    for _ in 0..CAUSES_MAX {
        match last.source() {
            Some(cause) => last = cause,
            None => break,
        }
    }
    last
}

fn of_hyper(error: &hyper::Error) -> Option<ClusterError> {
    let text = if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "the connection was closed before the answer came"
    } else if error.is_parse() {
        "the answer is not HTTP; is this the API server's port?"
    } else {
        return None;
    };
    Some(ClusterError::Unreachable(Text::new(text)))
}

/// The meaning of an IO error of a connection; `None` if its kind has none.
pub(crate) fn of_io(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            "no route"
        }
        io::ErrorKind::NetworkDown => "the network is down",
        io::ErrorKind::TimedOut => "timed out",
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => "the connection was closed before the answer came",
        io::ErrorKind::PermissionDenied => "this machine does not allow the connection",
        _ => return None,
    })
}

/// The meaning of a TLS error; `host` is the server, or empty if unknown.
pub(crate) fn of_tls(error: &rustls::Error, host: &str) -> ClusterError {
    let whose = if host.is_empty() { String::new() } else { format!(" ({host})") };
    let unreachable = |text: String| ClusterError::Unreachable(Text::from(text));
    match error {
        rustls::Error::InvalidCertificate(reason) => unreachable(of_certificate(reason, &whose)),
        rustls::Error::NoCertificatesPresented => unreachable(format!("the server showed no certificate{whose}")),
        rustls::Error::InvalidMessage(_) => unreachable(format!("no TLS on this port{whose}; is the server http://?")),
        rustls::Error::AlertReceived(alert) => of_alert(*alert, &whose),
        rustls::Error::PeerIncompatible(_) => unreachable(format!("the server offers only TLS older than 1.2{whose}")),
        other => unreachable(format!("TLS failed{whose}: {}", clean(&other.to_string()))),
    }
}

fn of_alert(alert: AlertDescription, whose: &str) -> ClusterError {
    let refused = match alert {
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => "the server does not accept our client certificate",
        AlertDescription::CertificateExpired => "our client certificate has expired",
        AlertDescription::CertificateRevoked => "our client certificate is revoked",
        AlertDescription::CertificateRequired => "the server asks for a client certificate",
        other => return ClusterError::Unreachable(Text::from(format!("the server ended TLS: {other:?}{whose}"))),
    };
    ClusterError::AuthNeeded(Text::from(format!("{refused}{whose}; renew the user's client-certificate")))
}

fn of_certificate(reason: &CertificateError, whose: &str) -> String {
    let ago = |at: UnixSeconds| human(clock::now().since(at).abs());
    let seconds = |t: &rustls::pki_types::UnixTime| UnixSeconds(i64::try_from(t.as_secs()).unwrap_or(i64::MAX));
    match reason {
        CertificateError::UnknownIssuer => format!(
            "certificate signed by unknown authority{whose}; check certificate-authority (it must be the CA, not the server's own certificate)"
        ),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the server's certificate expired {} ago{whose}", ago(seconds(not_after)))
        }
        CertificateError::Expired => format!("the server's certificate has expired{whose}"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!(
                "the server's certificate is valid only in {}{whose}; is the clock right?",
                ago(seconds(not_before))
            )
        }
        CertificateError::NotValidYet => {
            format!("the server's certificate is not valid yet{whose}; is the clock right?")
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!(
                "certificate is for {}, not {}; set tls-server-name",
                clean(&names(presented)),
                clean(&expected.to_str())
            )
        }
        CertificateError::NotValidForName => format!("certificate is for another name{whose}; set tls-server-name"),
        CertificateError::Revoked => format!("the server's certificate is revoked{whose}"),
        CertificateError::BadSignature => format!(
            "certificate signed by unknown authority{whose}: the CA has the right name and another key; was the cluster made anew?"
        ),
        CertificateError::Other(other) => {
            let text = other.to_string();
            if text.contains("CaUsedAsEndEntity") {
                format!("the server shows a CA certificate as its own{whose}; it needs one issued for servers")
            } else if text.contains("UnsupportedCertVersion") {
                format!("the server's certificate is X.509 version 1{whose}, which is not accepted; it needs version 3")
            } else {
                format!("the server's certificate is not acceptable{whose}: {}", clean(&text))
            }
        }
        other => format!("the server's certificate is not acceptable{whose}: {}", clean(&other.to_string())),
    }
}

/// Formats `a, b and 3 more`, without the wrapping that the verifier prints around each name.
fn names(presented: &[String]) -> String {
    const SHOWN: usize = 3;
    let bare = |name: &String| {
        let name = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        name.trim_matches('"').to_owned()
    };
    let shown = presented.iter().take(SHOWN).map(bare).collect::<Vec<_>>().join(", ");
    match presented.len() {
        0 => "no name at all".to_owned(),
        n if n > SHOWN => format!("{shown} and {} more", n - SHOWN),
        _ => shown,
    }
}

/// The error of a response with an error status, from its body.
pub fn of_status(status: StatusCode, body: &[u8]) -> ClusterError {
    let (message, pause) = match serde_json::from_slice::<Status>(body) {
        Ok(s) if s.kind == "Status" => (s.message, s.details.map_or(0, |d| d.retry_after_seconds)),
        _ => (String::from_utf8_lossy(body).into_owned(), 0),
    };
    of_code(status.as_u16(), &message, (pause > 0).then(|| Duration::from_secs(pause)))
}

fn of_code(code: u16, message: &str, pause: Option<Duration>) -> ClusterError {
    let said = |fallback: &str| if message.trim().is_empty() { Text::new(fallback) } else { sentence(message) };
    if looks_like_html(message) {
        return html(code, "");
    }
    match code {
        401 => ClusterError::AuthNeeded(said("the server does not know who we are (401)")),
        403 => ClusterError::Denied(said("forbidden (403)")),
        404 => ClusterError::NotFound(said("not found (404)")),
        410 => ClusterError::Expired,
        429 => ClusterError::Throttled { what: said("too many requests (429)"), retry_after: pause.map(bounded) },
        503 => {
            ClusterError::Throttled { what: said("the server is not available (503)"), retry_after: pause.map(bounded) }
        }
        code => ClusterError::Failed(said(&format!("the server answered {code}"))),
    }
}

/// Limits a pause to [`RETRY_AFTER_MAX`].
pub(crate) fn bounded(pause: Duration) -> Duration {
    pause.min(RETRY_AFTER_MAX)
}

/// The error for a web page in place of an API response; `at` is the address, or empty.
pub(crate) fn html(code: u16, at: &str) -> ClusterError {
    let status = if (200..300).contains(&code) { String::new() } else { format!(" ({code})") };
    let at = if at.is_empty() { String::new() } else { format!("{at} ") };
    ClusterError::Failed(Text::from(format!(
        "{at}answered with HTML{status}, not Kubernetes; a proxy or a login page?"
    )))
}

fn looks_like_html(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(64).collect::<String>().to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head")
}

/// The error for a response that should have been JSON.
pub(crate) fn not_json(body: &[u8], error: &serde_json::Error) -> ClusterError {
    let start = String::from_utf8_lossy(body.get(..64).unwrap_or(body));
    if looks_like_html(&start) {
        return html(200, "");
    }
    ClusterError::Failed(Text::from(format!("the answer is not what Kubernetes sends: {}", clean(&error.to_string()))))
}

/// The error for a passed deadline.
pub(crate) fn timed_out(after: Duration, address: &str) -> ClusterError {
    ClusterError::Unreachable(Text::from(format!("timed out after {} ({address})", seconds(after))))
}

/// Formats a duration as `5s` or `1.5s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}

/// A server's message in one line, cleaned and limited in length.
pub(crate) fn sentence(text: &str) -> Text {
    let line = clean(text.trim());
    let mut words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = words.char_indices().nth(SENTENCE_CHARS_MAX) {
        words.truncate(at);
        words.push('…');
    }
    Text::from(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expect: &ClusterError) {
        assert_eq!(of_status(StatusCode::from_u16(status).unwrap(), body.as_bytes()), *expect, "{status} {body}");
    }

    #[test]
    fn each_status_has_its_error_and_the_servers_sentence() {
        let status = |message: &str| format!(r#"{{"kind":"Status","message":"{message}"}}"#);
        check(403, &status("pods is forbidden"), &ClusterError::Denied("pods is forbidden".into()));
        check(404, &status("gone"), &ClusterError::NotFound("gone".into()));
        check(410, &status("too old"), &ClusterError::Expired);
        check(401, &status("Unauthorized"), &ClusterError::AuthNeeded("Unauthorized".into()));
        check(500, "", &ClusterError::Failed("the server answered 500".into()));
        check(
            429,
            r#"{"kind":"Status","message":"slow down","details":{"retryAfterSeconds":7200}}"#,
            &ClusterError::Throttled { what: "slow down".into(), retry_after: Some(RETRY_AFTER_MAX) },
        );
    }

    #[test]
    fn pages_and_escapes_never_get_through() {
        let page = "<!DOCTYPE html>\u{1b}[2J<html>login</html>";
        let error = of_status(StatusCode::BAD_GATEWAY, page.as_bytes()).to_string();
        assert_eq!(error, "answered with HTML (502), not Kubernetes; a proxy or a login page?");
        let long = format!("\u{1b}]0;x\u{7}{}\nsecond", "y".repeat(5000));
        let error = of_status(StatusCode::BAD_GATEWAY, long.as_bytes()).to_string();
        assert!(error.chars().count() <= SENTENCE_CHARS_MAX + 1 && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn the_cause_that_means_something_is_found_below_any_wrapping() {
        let inner = io::Error::from(io::ErrorKind::ConnectionRefused);
        let outer = kube::Error::Service(Box::new(io::Error::other(inner)));
        assert_eq!(translate(&outer), ClusterError::Unreachable("connection refused".into()));
        let ours = ClusterError::AuthNeeded("run x".into());
        assert_eq!(translate(&kube::Error::Service(Box::new(ours.clone()))), ours);
    }

    #[test]
    fn a_certificate_error_says_what_is_wrong_and_what_to_do() {
        let say = |e: CertificateError| of_tls(&rustls::Error::InvalidCertificate(e), "api:6443").to_string();
        let name = rustls::pki_types::ServerName::try_from("api").unwrap();
        let presented = vec!["DnsName(\"kubernetes\")".to_owned(), "IpAddress(10.0.0.1)".to_owned()];
        assert_eq!(
            say(CertificateError::NotValidForNameContext { expected: name, presented }),
            "certificate is for kubernetes, 10.0.0.1, not api; set tls-server-name"
        );
        assert!(say(CertificateError::UnknownIssuer).starts_with("certificate signed by unknown authority (api:6443)"));
        let at = |s: i64| rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(s.unsigned_abs()));
        let not_after = at(clock::now().0 - 3 * 86_400 - 60);
        let expired = CertificateError::ExpiredContext { time: at(clock::now().0), not_after };
        assert_eq!(say(expired), "the server's certificate expired 3d ago (api:6443)");
    }
}
