//! One line of the log: an `audit.k8s.io/v1` Event, its fields in the order in which kube-apiserver writes them.

use super::policy::Stage;
use super::{Finished, Received};
use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::edge::impersonation::Impersonated;
use crate::engine::proxy::edge::redact::redact;
use crate::engine::proxy::request::RequestInfo;
use crate::engine::proxy::request_log::cut;
use std::io::Write as _;

/// Longest address or user agent, in bytes; longer ones are cut. No API server's own log reaches it.
const URI_MAX: usize = 16 * 1_024;
const AGENT_MAX: usize = 1_024;

/// Appends the part that every line of a request shares: from its address to the object it names. Returns the offset
/// where [`impersonated`] belongs.
pub(super) fn middle(out: &mut Vec<u8>, received: &Received<'_>) -> usize {
    key(out, "requestURI");
    text(out, cut(&redact(received.uri), URI_MAX));
    key(out, "verb");
    text(out, &received.info.verb);
    out.extend_from_slice(b",\"user\":{");
    if let Some(caller) = received.caller {
        user(out, caller);
    }
    out.push(b'}');
    let user_ends = out.len();
    if let Some(address) = received.source {
        drop(write!(out, ",\"sourceIPs\":[\"{}\"]", address.to_canonical()));
    }
    optional(out, "userAgent", cut(received.user_agent, AGENT_MAX));
    if received.info.is_resource {
        object(out, received.info);
    }
    user_ends
}

/// Appends the impersonated user.
pub(super) fn impersonated(out: &mut Vec<u8>, whom: &Impersonated) {
    out.extend_from_slice(b",\"impersonatedUser\":{\"username\":");
    text(out, &whom.user);
    optional(out, "uid", &whom.uid);
    list(out, "groups", whom.groups.iter().map(String::as_str));
    extras(out, whom.extra.iter());
    out.push(b'}');
}

fn user(out: &mut Vec<u8>, caller: &Caller) {
    out.extend_from_slice(b"\"username\":");
    text(out, &caller.user);
    optional(out, "uid", caller.uid.as_deref().unwrap_or_default());
    list(out, "groups", caller.groups.iter().map(|group| &**group));
    extras(out, caller.extra.iter());
}

fn extras<'a>(out: &mut Vec<u8>, extra: impl Iterator<Item = (&'a String, &'a Vec<String>)>) {
    let mut first = true;
    for (name, values) in extra {
        out.extend_from_slice(if first { b",\"extra\":{" } else { b"," });
        first = false;
        text(out, name);
        out.push(b':');
        array(out, values.iter().map(String::as_str));
    }
    if !first {
        out.push(b'}');
    }
}

fn object(out: &mut Vec<u8>, info: &RequestInfo<'_>) {
    out.extend_from_slice(b",\"objectRef\":{");
    let start = out.len();
    for (name, value) in [
        ("resource", &info.resource),
        ("namespace", &info.namespace),
        ("name", &info.name),
        ("apiGroup", &info.api_group),
        ("apiVersion", &info.api_version),
        ("subresource", &info.subresource),
    ] {
        optional(out, name, value);
    }
    // The first has no comma before it.
    if out.get(start) == Some(&b',') {
        out.remove(start);
    }
    out.push(b'}');
}

/// Time of the request and of the line, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) received: i64,
    pub(super) now: i64,
}

/// Appends one complete line.
pub(super) fn line(out: &mut Vec<u8>, id: &str, stage: Stage, of: (&[u8], Moments), finished: Option<&Finished<'_>>) {
    let (middle, moments) = of;
    out.extend_from_slice(
        b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":",
    );
    text(out, id);
    drop(write!(out, ",\"stage\":\"{stage:?}\""));
    out.extend_from_slice(middle);
    if let Some(finished) = finished {
        status(out, finished);
    }
    timestamp(out, "requestReceivedTimestamp", moments.received);
    timestamp(out, "stageTimestamp", moments.now);
    if let Some(finished) = finished {
        annotations(out, finished);
    }
    out.extend_from_slice(b"}\n");
}

fn status(out: &mut Vec<u8>, finished: &Finished<'_>) {
    out.extend_from_slice(b",\"responseStatus\":{\"metadata\":{}");
    if finished.code >= 400 || finished.code == 0 {
        optional(out, "status", "Failure");
    }
    optional(out, "message", finished.message);
    optional(out, "reason", finished.reason);
    drop(write!(out, ",\"code\":{}}}", finished.code));
}

/// Appends the annotations sorted by name, as Go writes a map.
fn annotations(out: &mut Vec<u8>, finished: &Finished<'_>) {
    let start = out.len();
    let number = |out: &mut Vec<u8>, name: &str, value: u64| {
        drop(write!(out, ",\"quarterdeck.dev/{name}\":\"{value}\""));
    };
    let word = |out: &mut Vec<u8>, name: &str, value: &str| {
        if !value.is_empty() {
            drop(write!(out, ",\"quarterdeck.dev/{name}\":"));
            text(out, value);
        }
    };
    number(out, "attempts", u64::from(finished.attempts));
    if let Some((received, sent)) = finished.bytes {
        number(out, "bytes-received", received);
        number(out, "bytes-sent", sent);
    }
    word(out, "cluster", finished.cluster);
    if let Some(epoch) = finished.epoch {
        number(out, "epoch", epoch);
    }
    word(out, "retry-reason", finished.retried.unwrap_or_default());
    word(out, "rule", finished.rule);
    let opening = b",\"annotations\":{";
    // The first annotation's comma becomes the opening.
    if let Some(comma) = out.get_mut(start) {
        *comma = b'{';
        out.splice(start..start, opening.iter().copied().take(opening.len() - 1));
        out.push(b'}');
    }
}

/// Appends a timestamp as RFC 3339 with microseconds, UTC.
fn timestamp(out: &mut Vec<u8>, name: &str, micros: i64) {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, date) = civil(day);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    key(out, name);
    drop(write!(out, "\"{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z\""));
}

/// Year, month and day of a number of days since 1970, by the Gregorian calendar counted from March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, date)
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn optional(out: &mut Vec<u8>, name: &str, value: &str) {
    if !value.is_empty() {
        key(out, name);
        text(out, value);
    }
}

fn list<'a>(out: &mut Vec<u8>, name: &str, mut values: impl Iterator<Item = &'a str>) {
    if let Some(first) = values.next() {
        key(out, name);
        array(out, std::iter::once(first).chain(values));
    }
}

fn array<'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (place, value) in values.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        text(out, value);
    }
    out.push(b']');
}

/// Appends a JSON string. Most need no escape; the library escapes the others.
fn text(out: &mut Vec<u8>, value: &str) {
    if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        // Writing a string into a Vec does not fail.
        drop(serde_json::to_writer(out, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, date) = civil(days);
            let expected = jiff::Timestamp::from_second(days * 86_400).unwrap().to_string();
            if (0..=9_999).contains(&year) {
                assert_eq!(format!("{year:04}-{month:02}-{date:02}"), expected[..10], "{days}");
            }
        }
    }

    #[test]
    fn a_moment_has_six_digits() {
        let mut out = Vec::new();
        timestamp(&mut out, "stageTimestamp", 1_795_262_400_000_042);
        assert_eq!(String::from_utf8(out).unwrap(), ",\"stageTimestamp\":\"2026-11-21T12:00:00.000042Z\"");
    }

    #[test]
    fn text_is_always_json() {
        for value in ["plain", "quo\"te", "back\\slash", "line\nbreak", "\u{1b}[31m", "ünï"] {
            let mut out = Vec::new();
            text(&mut out, value);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), value);
        }
    }
}
