//! The last requests, for the Routes view. Writing one takes no allocation once its place has been used.

use crate::engine::proxy::edge::redact::redact;
use crate::model::proxy::{Exchange, TAIL_MAX};
use crate::model::text::{Text, clean};
use crate::model::time::UnixSeconds;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Longest part of an address, and of every other text, that is kept, in bytes.
const TEXT_MAX: usize = 512;

/// A ring of the newest [`TAIL_MAX`] requests.
#[derive(Debug)]
pub struct Tail {
    places: Box<[Mutex<Exchange>]>,
    /// Number of the last request; the first one is 1.
    number: AtomicU64,
}

/// The shown attributes of a request; the texts are copied.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Time of the request.
    pub at: UnixSeconds,
    /// Verb of the request.
    pub verb: &'a str,
    /// Path and query as received; the log removes tokens.
    pub uri: &'a str,
    /// User name of the caller.
    pub user: &'a str,
    /// Rule that decided; empty if no rule matched.
    pub rule: &'a str,
    /// Cluster that answered; empty if the proxy answered itself.
    pub cluster: &'a str,
    /// HTTP status of the answer; 0 if there was none.
    pub code: u16,
    /// Duration, in microseconds.
    pub micros: u64,
    /// Number of times the request was sent.
    pub attempts: u32,
    /// The request has no time limit: watch, log, exec, …
    pub long_running: bool,
}

impl Default for Tail {
    fn default() -> Self {
        let places = (0..TAIL_MAX).map(|_| Mutex::default()).collect();
        Self { places, number: AtomicU64::new(0) }
    }
}

impl Tail {
    /// Adds a request. It is lost if a reader is copying the same slot: no request waits for a screen.
    pub fn push(&self, shown: &Shown<'_>) {
        let number = self.number.fetch_add(1, Relaxed) + 1;
        let place = usize::try_from(number).unwrap_or(0) % TAIL_MAX;
        let Some(mut exchange) = self.places.get(place).and_then(Mutex::try_lock) else { return };
        let uri = redact(shown.uri);
        put(&mut exchange.verb, shown.verb);
        put(&mut exchange.uri, &uri);
        put(&mut exchange.user, shown.user);
        put(&mut exchange.rule, shown.rule);
        put(&mut exchange.cluster, shown.cluster);
        exchange.number = number;
        exchange.at = shown.at;
        exchange.code = shown.code;
        exchange.micros = shown.micros;
        exchange.attempts = shown.attempts;
        exchange.long_running = shown.long_running;
    }

    /// Returns all kept requests, the newest last.
    pub fn read(&self) -> Vec<Exchange> {
        let copies = self.places.iter().map(|place| fit(place.lock().clone()));
        let mut all: Vec<Exchange> = copies.filter(|exchange| exchange.number > 0).collect();
        all.sort_unstable_by_key(|exchange| exchange.number);
        all
    }
}

/// Returns the beginning of a text, at most `max` bytes.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

fn fit(mut exchange: Exchange) -> Exchange {
    let Exchange { verb, uri, user, rule, cluster, .. } = &mut exchange;
    for text in [verb, uri, user, rule, cluster] {
        if let Cow::Owned(fit) = clean(text) {
            *text = Text::from(fit);
        }
    }
    exchange
}

/// Replaces a text in its own memory; characters that a screen must not show are removed when it is
/// read.
fn put(text: &mut Text, value: &str) {
    text.clear();
    text.push_str(cut(value, TEXT_MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(uri: &str) -> Shown<'_> {
        Shown {
            at: UnixSeconds(7),
            verb: "get",
            uri,
            user: "jo",
            rule: "production",
            cluster: "prod",
            code: 200,
            micros: 900,
            attempts: 1,
            long_running: false,
        }
    }

    #[test]
    fn the_newest_are_kept_in_order() {
        let tail = Tail::default();
        assert_eq!(tail.read(), []);
        for number in 0..TAIL_MAX + 20 {
            tail.push(&shown(&format!("/api/v1/pods/{number}")));
        }
        let all = tail.read();
        assert_eq!(all.len(), TAIL_MAX);
        assert_eq!(all[0].uri, "/api/v1/pods/20");
        assert_eq!(all[TAIL_MAX - 1].number, TAIL_MAX as u64 + 20);
    }

    #[test]
    fn a_cut_is_between_characters() {
        assert_eq!((cut("a\u{fc}", 2), cut("a\u{fc}", 3), cut("", 9)), ("a", "a\u{fc}", ""));
    }

    #[test]
    fn no_token_and_no_escape_is_shown() {
        let tail = Tail::default();
        tail.push(&Shown { user: "jo\u{1b}[31m", ..shown("/api/v1/pods?token=secret&watch=1") });
        let all = tail.read();
        assert_eq!(all[0].uri, "/api/v1/pods?token=[redacted]&watch=1");
        assert_eq!(all[0].user, "jo[31m");
    }
}
