//! Discovery and OpenAPI answers, kept for seconds: a client that starts asks for all of them at once. Resources never.
//!
//! kube-apiserver marks these answers `no-cache, private`. This cache is private to one identity, and what it keeps
//! longer than [`DISCOVERY_LIFE`] is asked for again by its ETag; it can be switched off in the configuration.

use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::config::Mode;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use hyper::body::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Life of a discovery answer without revalidation: none, since the client that has just created a kind asks for it
/// next.
pub const DISCOVERY_LIFE: Duration = Duration::ZERO;
/// Life of an OpenAPI document whose address holds the hash of its content: the content does not change.
pub const HASHED_LIFE: Duration = Duration::from_secs(3_600);
/// Longest answer that is kept; `/openapi/v2` of a cluster with many CRDs has some 5 MB.
pub const BODY_MAX: usize = 8 * 1_024 * 1_024;
/// Size of all answers together. At the bound the least recently used answers are dropped.
const BYTES_MAX: usize = 64 * 1_024 * 1_024;
const ANSWERS_MAX: usize = 4_096;

/// Key of a kept answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    cluster: Arc<str>,
    /// Identity of the caller; `None` if the proxy's own credential asks, and all callers get the same answer.
    identity: Option<Arc<str>>,
    /// Path and query as received.
    uri: Box<str>,
    accept: Box<[u8]>,
    encoding: Box<[u8]>,
    life: Duration,
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Headers of the answer.
    pub headers: HeaderMap,
    /// Body of the answer, encoded as the cluster sent it.
    pub body: Bytes,
}

/// Result of a look-up.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    /// No usable answer is kept: ask the cluster.
    Miss,
    /// The kept answer is fresh: answer with it.
    Fresh(Arc<Kept>),
    /// The kept answer is too old: ask the cluster with its `ETag` as `If-None-Match`. After a 304 answer with it, and
    /// call [`Cache::renew`].
    Stale(Arc<Kept>),
}

/// The kept answers of all clusters.
#[derive(Debug, Default)]
pub struct Cache {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    answers: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts look-ups, so that the least recently used answer is known.
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    kept: Arc<Kept>,
    until: Instant,
    used: u64,
}

/// Returns how long the answer to a path may be kept; `None` for everything that is neither discovery nor OpenAPI.
pub fn life(method: &Method, uri: &str) -> Option<Duration> {
    if method != Method::GET {
        return None;
    }
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if parts.iter().any(|part| part.is_empty() || part.contains('%')) {
        return None;
    }
    let hashed = query.split('&').any(|pair| pair.starts_with("hash=") && pair.len() > "hash=".len());
    match parts.as_slice() {
        ["api" | "apis"] | ["api", "v1"] | ["apis", _] | ["apis", _, _] | ["openapi", "v2" | "v3"] => {
            Some(DISCOVERY_LIFE)
        }
        ["openapi", "v3", ..] => Some(if hashed { HASHED_LIFE } else { DISCOVERY_LIFE }),
        _ => None,
    }
}

impl Key {
    /// The key of a request to `cluster`; `None` if its answer must not be kept: the request is no discovery, passes
    /// the caller's own token on, impersonates, or has `Range` or `Cache-Control`.
    pub fn of(
        cluster: (&Arc<str>, Mode),
        caller: &Caller,
        method: &Method,
        uri: &str,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let life = life(method, uri)?;
        let special = |name: &header::HeaderName| {
            name == header::RANGE || name == header::CACHE_CONTROL || name.as_str().starts_with("impersonate-")
        };
        if headers.keys().any(special) {
            return None;
        }
        let identity = match cluster.1 {
            Mode::Swap => None,
            Mode::Impersonate => Some(Arc::from(identity(caller))),
            Mode::Passthrough => return None,
        };
        let joined = |name: header::HeaderName| {
            let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            values.join(&b", "[..]).into_boxed_slice()
        };
        Some(Self {
            cluster: Arc::clone(cluster.0),
            identity,
            uri: Box::from(uri),
            accept: joined(header::ACCEPT),
            encoding: joined(header::ACCEPT_ENCODING),
            life,
        })
    }
}

/// All attributes of a caller that an API server sees; the debug form quotes, so that no two callers share one text.
fn identity(caller: &Caller) -> String {
    format!("{:?}", (&caller.user, &caller.groups, &caller.uid, &caller.extra))
}

/// Returns true if an answer may be kept.
pub fn may_keep(status: StatusCode, headers: &HeaderMap, length: usize) -> bool {
    let has = |name: header::HeaderName, word: &str| {
        let values = headers.get_all(name);
        values.iter().any(|value| value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains(word)))
    };
    let varies = |value: &HeaderValue| {
        let known = |name: &str| matches!(name.trim().to_ascii_lowercase().as_str(), "accept" | "accept-encoding");
        !value.to_str().is_ok_and(|names| names.split(',').all(known))
    };
    status == StatusCode::OK
        && length <= BODY_MAX
        && !has(header::CACHE_CONTROL, "no-store")
        && !headers.contains_key(header::SET_COOKIE)
        && !headers.get_all(header::VARY).iter().any(varies)
}

/// Returns true if the caller has this very answer already: the proxy then answers 304 without a body.
pub fn is_known(asked: &HeaderMap, kept: &Kept) -> bool {
    let Some(etag) = kept.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()) else { return false };
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = plain(etag);
    let any = |value: &HeaderValue| value.to_str().is_ok_and(|tags| tags.split(',').any(|tag| plain(tag) == own));
    asked.get_all(header::IF_NONE_MATCH).iter().any(any)
}

impl Cache {
    /// Looks a key up, and marks its answer as used.
    pub fn look(&self, key: &Key, now: Instant) -> Look {
        let mut held = self.held.lock();
        held.turn += 1;
        let turn = held.turn;
        let Some(entry) = held.answers.get_mut(key) else { return Look::Miss };
        entry.used = turn;
        if now < entry.until {
            return Look::Fresh(Arc::clone(&entry.kept));
        }
        if entry.kept.headers.contains_key(header::ETAG) { Look::Stale(Arc::clone(&entry.kept)) } else { Look::Miss }
    }

    /// Keeps an answer for which [`may_keep`] holds.
    pub fn keep(&self, key: Key, kept: Kept, now: Instant) {
        let size = kept.size();
        let mut held = self.held.lock();
        held.forget(&key);
        while held.bytes + size > BYTES_MAX || held.answers.len() >= ANSWERS_MAX {
            let oldest = held.answers.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            held.forget(&oldest);
        }
        held.turn += 1;
        held.bytes += size;
        let entry = Entry { kept: Arc::new(kept), until: now + key.life, used: held.turn };
        held.answers.insert(key, entry);
    }

    /// Extends the life of a kept answer, after the cluster answered 304.
    pub fn renew(&self, key: &Key, now: Instant) {
        if let Some(entry) = self.held.lock().answers.get_mut(key) {
            entry.until = now + key.life;
        }
    }

    /// Drops all answers. Call it when a configuration comes into force: a cluster's name may now mean another one.
    pub fn clear(&self) {
        *self.held.lock() = Held::default();
    }
}

impl Held {
    fn forget(&mut self, key: &Key) {
        if let Some(entry) = self.answers.remove(key) {
            self.bytes -= entry.kept.size();
        }
    }
}

impl Kept {
    fn size(&self) -> usize {
        self.body.len() + self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    fn key(mode: Mode, who: &Caller, uri: &str, asked: &[(&'static str, &'static str)]) -> Option<Key> {
        Key::of((&Arc::from("prod"), mode), who, &Method::GET, uri, &headers(asked))
    }

    fn kept(body: &str) -> Kept {
        Kept { headers: headers(&[("etag", "\"abc\"")]), body: Bytes::from(body.to_owned()) }
    }

    #[test]
    fn discovery_is_kept_and_resources_never() {
        for uri in ["/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1", "/openapi/v2", "/openapi/v3?x=1"] {
            assert_eq!(life(&Method::GET, uri), Some(DISCOVERY_LIFE), "{uri}");
        }
        assert_eq!(life(&Method::GET, "/openapi/v3/apis/apps/v1?hash=AB"), Some(HASHED_LIFE));
        assert_eq!(life(&Method::GET, "/openapi/v3/apis/apps/v1?hash="), Some(DISCOVERY_LIFE));
        for uri in [
            "/api/v1/pods",
            "/apis/apps/v1/deployments",
            "/api/v1/namespaces/a/secrets/b",
            "/version",
            "/",
            "/apis/",
            "/apis/a%2Fb",
            "/api/v2",
            "/openapi",
        ] {
            assert_eq!(life(&Method::GET, uri), None, "{uri}");
        }
        assert_eq!(life(&Method::HEAD, "/api"), None);
        assert_eq!(life(&Method::POST, "/api"), None);
    }

    #[test]
    fn no_answer_is_shared_between_identities() {
        let (jo, eve, other) =
            (Caller::in_groups("jo", &["dev"]), Caller::in_groups("eve", &["dev"]), Caller::in_groups("jo", &["ops"]));
        let of = |mode, who| key(mode, who, "/apis", &[]);
        assert_eq!(of(Mode::Swap, &jo), of(Mode::Swap, &eve), "one credential asks for both");
        assert_ne!(of(Mode::Impersonate, &jo), of(Mode::Impersonate, &eve));
        assert_ne!(of(Mode::Impersonate, &jo), of(Mode::Impersonate, &other));
        assert_ne!(of(Mode::Impersonate, &jo), of(Mode::Swap, &jo));
        assert_eq!(of(Mode::Passthrough, &jo), None);
        assert_eq!(key(Mode::Swap, &jo, "/apis", &[("impersonate-user", "eve")]), None);
        assert_eq!(key(Mode::Swap, &jo, "/apis", &[("cache-control", "no-cache")]), None);
    }

    #[test]
    fn the_same_path_in_another_form_is_another_answer() {
        let jo = Caller::in_groups("jo", &["dev"]);
        let plain = key(Mode::Swap, &jo, "/apis", &[("accept", "application/json")]);
        assert_ne!(plain, key(Mode::Swap, &jo, "/apis", &[("accept", "application/json;as=APIGroupDiscoveryList")]));
        assert_ne!(
            plain,
            key(Mode::Swap, &jo, "/apis", &[("accept", "application/json"), ("accept-encoding", "gzip")])
        );
        assert_ne!(plain, key(Mode::Swap, &jo, "/apis?timeout=32s", &[("accept", "application/json")]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_is_asked_for_again_by_its_etag() {
        let (cache, jo) = (Cache::default(), Caller::in_groups("jo", &["dev"]));
        let hashed = key(Mode::Swap, &jo, "/openapi/v3/apis/apps/v1?hash=AB", &[]).unwrap();
        let (fresh, stale) = (Look::Fresh(Arc::new(kept("{}"))), Look::Stale(Arc::new(kept("{}"))));
        assert_eq!(cache.look(&hashed, Instant::now()), Look::Miss);
        cache.keep(hashed.clone(), kept("{}"), Instant::now());
        assert_eq!(cache.look(&hashed, Instant::now()), fresh);
        tokio::time::advance(HASHED_LIFE).await;
        assert_eq!(cache.look(&hashed, Instant::now()), stale);
        cache.renew(&hashed, Instant::now());
        assert_eq!(cache.look(&hashed, Instant::now()), fresh);
        let discovery = key(Mode::Swap, &jo, "/apis", &[]).unwrap();
        cache.keep(discovery.clone(), kept("{}"), Instant::now());
        assert_eq!(cache.look(&discovery, Instant::now()), stale, "a kind that was just made is seen");
        cache.clear();
        assert_eq!(cache.look(&discovery, Instant::now()), Look::Miss);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_asked_for_goes_first() {
        let (cache, jo) = (Cache::default(), Caller::in_groups("jo", &["dev"]));
        let key = |n: usize| key(Mode::Swap, &jo, &format!("/openapi/v3/apis/g{n}/v1"), &[]).unwrap();
        let large = "x".repeat(BODY_MAX);
        let fits = BYTES_MAX / (BODY_MAX + 10);
        for n in 0..fits {
            cache.keep(key(n), kept(&large), Instant::now());
        }
        cache.look(&key(0), Instant::now());
        cache.keep(key(fits), kept(&large), Instant::now());
        assert_ne!(cache.look(&key(0), Instant::now()), Look::Miss);
        assert_eq!(cache.look(&key(1), Instant::now()), Look::Miss);
        assert!(cache.held.lock().bytes <= BYTES_MAX);
    }

    #[test]
    fn only_whole_plain_answers_are_kept() {
        let ok = |pairs: &[(&'static str, &'static str)]| may_keep(StatusCode::OK, &headers(pairs), 10);
        assert!(ok(&[("vary", "Accept, Accept-Encoding"), ("cache-control", "no-cache, private")]));
        assert!(!ok(&[("vary", "Authorization")]));
        assert!(!ok(&[("cache-control", "No-Store")]));
        assert!(!ok(&[("set-cookie", "a=b")]));
        assert!(!may_keep(StatusCode::FORBIDDEN, &HeaderMap::new(), 10));
        assert!(!may_keep(StatusCode::OK, &HeaderMap::new(), BODY_MAX + 1));
    }

    #[test]
    fn who_has_it_already_is_told_so() {
        assert!(is_known(&headers(&[("if-none-match", "\"x\", W/\"abc\"")]), &kept("")));
        assert!(!is_known(&headers(&[("if-none-match", "\"x\"")]), &kept("")));
        assert!(!is_known(&HeaderMap::new(), &kept("")));
    }
}
