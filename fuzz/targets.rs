//! What must hold for any bytes at all. The fuzzer's targets and the tests' seeded loops both run these.

use http::header::{CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};
use quarterdeck::config::Environment;
use quarterdeck::engine::proxy::caller::{Caller, Means};
use quarterdeck::engine::proxy::config::read::{Context, Document, ParsedConfig, read};
use quarterdeck::engine::proxy::config::{Action, Mode, effective, lint};
use quarterdeck::engine::proxy::edge::upgrade::{Protocol, upgrade};
use quarterdeck::engine::proxy::edge::{self, Hosts, Policy};
use quarterdeck::engine::proxy::request;
use quarterdeck::engine::proxy::rules::{Asked, RuleTable, reference};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Pieces that random bytes would not find soon.
pub(crate) const WORDS: &[&str] = &[
    "Connection",
    "Upgrade",
    "Host",
    "Origin",
    "Authorization",
    "Cookie",
    "Content-Length",
    "Transfer-Encoding",
    "Impersonate-User",
    "impersonate_group",
    "Impersonate-Extra-a%2fb",
    "X-Remote-User",
    "x_remote_group",
    "X-Forwarded-For",
    "Forwarded",
    "Proxy-Authorization",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Key",
    "Audit-ID",
    "Location",
    "Set-Cookie",
    "Keep-Alive",
    "TE",
    "Expect",
    "websocket",
    "SPDY/3.1",
    "h2c",
    "upgrade, keep-alive",
    "chunked",
    "0",
    "6",
    "Bearer abc",
    "base64url.bearer.authorization.k8s.io.YWJj",
    "v4.channel.k8s.io",
    "system:masters",
    "127.0.0.1:6443",
    "evil.example",
    "null",
    "GET",
    "POST",
    "HEAD",
    "DELETE",
    "PATCH",
    "/api/v1",
    "/apis/apps/v1",
    "/namespaces",
    "/pods",
    "/a",
    "/proxy",
    "/watch",
    "/status",
    "/finalize",
    "/..",
    "/.",
    "//",
    "%2F",
    "%2e",
    "%5c",
    "%00",
    "%zz",
    "%",
    "?",
    "&",
    "=",
    ";",
    "watch",
    "watch=true",
    "token=x",
    "limit=1",
    "fieldSelector=metadata.name%3Dx",
    "labelSelector=a%3Db",
    "resourceVersion=1",
    "continue=x",
    "dryRun=All",
];

/// Bytes taken apart: each piece begins with one that says what it is.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of the words, or raw bytes; empty at the end.
    fn piece(&mut self) -> &'a [u8] {
        let kind = usize::from(self.byte());
        if let Some(word) = WORDS.get(kind) {
            return word.as_bytes();
        }
        let (piece, rest) = self.0.split_at((kind % 24).min(self.0.len()));
        self.0 = rest;
        piece
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        of.get(usize::from(self.byte()) % of.len().max(1)).cloned()
    }

    fn text(&mut self, pieces: u8) -> Vec<u8> {
        let count = self.byte() % (pieces + 1);
        (0..count).flat_map(|_| self.piece()).copied().collect()
    }

    fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        while !self.0.is_empty() && headers.len() < 64 {
            let name = HeaderName::from_bytes(self.piece());
            let value = HeaderValue::from_bytes(&self.text(3));
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        headers
    }
}

fn says_who(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    ["impersonate-", "x-remote-", "x-forwarded-", "proxy-"].iter().any(|prefix| name.starts_with(prefix))
        || ["authorization", "cookie", "forwarded", "host", "transfer-encoding", "keep-alive"].contains(&&*name)
}

fn who(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let lines = headers.iter().filter(|(name, _)| says_who(name));
    let mut lines: Vec<_> = lines.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    lines.sort();
    lines
}

/// What says who asks is ours alone, whatever was sent; an answer never leads elsewhere.
pub(crate) fn header_policy(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = input.byte();
    let status = StatusCode::from_u16(100 + u16::from(input.byte()) * 2).unwrap_or(StatusCode::OK);
    let mode = if choice & 1 == 0 { Mode::Swap } else { Mode::Impersonate };
    let upgrade = input.pick(&[None, Some(Protocol::WebSocket), Some(Protocol::Spdy)]).flatten();
    let allow_impersonation = choice & 0x80 != 0;
    let caller = Caller {
        user: "jane".into(),
        groups: ["dev".into()].into(),
        uid: Some("7".into()),
        extra: Arc::new(BTreeMap::from([("scopes".to_owned(), vec!["a".to_owned()])])),
        means: Means::Token,
    };
    let headers = input.headers();
    let policy = Policy { caller: &caller, mode, allow_impersonation, upgrade, audit_id: "id" };
    let ours = edge::outgoing(&HeaderMap::new(), &policy).expect("nothing was sent, so nothing can be wrong");
    if let Ok(crossed) = edge::outgoing(&headers, &policy) {
        if !allow_impersonation {
            assert_eq!(who(&crossed), who(&ours));
        }
        for (name, _) in crossed.iter().filter(|(name, _)| says_who(name)) {
            assert!(name.as_str().starts_with("impersonate-"), "{name} crossed");
            assert!(ours.contains_key(name) || mode == Mode::Swap, "{name} crossed");
        }
        assert_eq!(crossed.get_all("audit-id").iter().count(), 1);
        assert_eq!(crossed.get("audit-id").map(HeaderValue::as_bytes), Some(&b"id"[..]));
        assert_eq!(crossed.contains_key("upgrade"), upgrade.is_some());
        assert_eq!(crossed.contains_key("connection"), upgrade.is_some());
    }
    let mut answer = headers;
    let redirect = status.is_redirection() && answer.contains_key(LOCATION);
    assert_eq!(edge::answered(&mut answer, status).is_err(), redirect);
    if !redirect {
        assert!(!answer.contains_key(LOCATION) && !answer.contains_key("set-cookie"));
        assert!(!answer.contains_key(TRANSFER_ENCODING));
        assert!(status == StatusCode::SWITCHING_PROTOCOLS || !answer.contains_key("connection"));
    }
}

/// A tunnel is only ever asked for by a request that cannot be read in two ways, and confirmed by the same protocol.
pub(crate) fn upgrade_handshake(bytes: &[u8]) {
    let mut input = Input(bytes);
    let method = input.pick(&[Method::GET, Method::POST, Method::PUT, Method::CONNECT]).unwrap_or_default();
    let version = input.pick(&[Version::HTTP_11, Version::HTTP_10, Version::HTTP_2]).unwrap_or_default();
    let h2 = version == Version::HTTP_2;
    let path = input.text(6);
    let Ok(request) = Request::builder().method(method).version(version).uri(path.as_slice()).body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    parts.headers = input.headers();
    let hosts = Hosts::new(&["127.0.0.1:6443".parse().expect("an address")]);
    let fit = edge::check(&parts, &hosts, h2).is_ok();
    if let Ok(Some(protocol)) = upgrade(&parts) {
        assert_eq!(parts.version, Version::HTTP_11);
        assert!(parts.method == Method::GET || parts.method == Method::POST);
        assert!(!parts.headers.contains_key(TRANSFER_ENCODING));
        assert!(parts.headers.get_all(CONTENT_LENGTH).iter().all(|length| length == "0"));
        assert!(protocol.confirmed(StatusCode::SWITCHING_PROTOCOLS, &parts.headers));
        assert!(!protocol.confirmed(StatusCode::OK, &parts.headers));
    }
    if fit {
        let path = parts.uri.path();
        assert!(parts.method != Method::CONNECT && path.starts_with('/') && !path.starts_with("//"));
        assert!(path.split('/').all(|segment| segment != ".."));
        assert!(parts.headers.get_all("host").iter().all(|host| host == "127.0.0.1:6443"));
    }
}

/// Rules of every kind, over names that requests of the words hit.
const RULES: &str = "
home: a
clusters: [{name: a, endpoint: 'https://a', token: x}, {name: b, endpoint: 'https://b', token: x}]
rules:
- {name: r1, priority: 9, conditions: [{type: resource, value: pods/status}], actions: {targetCluster: b}}
- {name: r2, priority: 8, conditions: [{type: verb, value: GET}, {type: namespace, operator: regex, value: '^p'}], actions: {deny: true}}
- {name: r3, priority: 7, conditions: [{type: class, value: connect}], actions: {targetCluster: a}}
- {name: r4, priority: 6, conditions: [{type: label, value: a=b}], actions: {targetClusters: [a, b]}}
- {name: r5, priority: 5, conditions: [{type: name, operator: not-contains, value: a}, {type: verb, value: watch}], actions: {deny: never}}
- {name: r6, priority: 4, conditions: [{type: apiGroup, operator: in, value: [apps, '']}, {type: user, value: jane}], actions: {deny: never}}
- {name: r7, priority: 3, conditions: [{type: subresource, operator: prefix, value: s}], actions: {targetCluster: b}}
";

fn reading(text: &str) -> Option<ParsedConfig> {
    let environment = Environment::default();
    let context = Context { inventory: &[], home: None, environment: &environment, origin: "a.yaml" };
    read(&[Document::file("a.yaml", text, Path::new("/"))], &context).ok()
}

/// A URL that is forwarded reads one way only, and the compiled rules decide it as they read one by one.
pub(crate) fn request_info(bytes: &[u8]) {
    static COMPILED: OnceLock<(ParsedConfig, RuleTable)> = OnceLock::new();
    let (reading, table) = COMPILED.get_or_init(|| {
        let reading = reading(RULES).expect("the rules can be read");
        let table = RuleTable::compile(&reading.config).expect("the rules can be compiled");
        (reading, table)
    });
    let mut input = Input(bytes);
    let method =
        input.pick(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", ""]).unwrap_or_default();
    let url = input.text(10);
    let Ok(url) = std::str::from_utf8(&url) else { return };
    let seen = request::seen(method, url);
    let Ok(info) = request::parse(method, url) else {
        assert!(seen.is_err() || seen.is_ok_and(|seen| seen.flaw.is_some()), "{method} {url}");
        return;
    };
    let seen = seen.expect("what is read is seen");
    assert_eq!((&seen.info, seen.flaw), (&info, None), "{method} {url}");
    assert!(url.starts_with('/') && url.is_ascii(), "{url}");
    for part in [&info.namespace, &info.resource, &info.subresource, &info.api_group, &info.api_version] {
        assert!(!part.contains(['/', '\\']) && !matches!(&**part, "." | ".."), "{method} {url}: {part}");
    }
    assert!(!info.is_resource || !info.resource.is_empty(), "{method} {url}");
    let caller = Caller::plain("jane", Means::Token);
    let asked = Asked { info: &info, caller: &caller, body_labels: None, region: "" };
    let one_by_one =
        reading.config.rules.iter().position(|rule| rule.conditions.iter().all(|one| reference::holds(one, &asked)));
    assert_eq!(table.decide(&asked), one_by_one, "{method} {url}");
}

/// Lines and parts of lines of a configuration.
const LINES: &[&str] = &[
    "home: a",
    "region: r",
    "  conditions:",
    "  - {type: namespace, value: production}",
    "  - {type: label, operator: regex, value: 'a=('}",
    "  - {type: resource, operator: regex, value: '^p.*$'}",
    "  - {type: verb, operator: in, value: [GET, watch]}",
    "  - {type: bodyLabel, key: a}",
    "  - {type: user, operator: not-prefix, value: ''}",
    "  actions: {targetCluster: a}",
    "  actions: {targetClusters: [a, b], loadBalancing: weighted}",
    "  actions: {targetClusters: [a, b], loadBalancing: time-window, windows: [{cluster: a, from: '1:00', to: '2:00'}]}",
    "  actions: {deny: true}",
    "  actions: {targetLabels: {x: y}, mirror: b}",
    "  stateless: true",
    "  failover: yes",
    "  priority: -7",
    "  weight: 0",
    "  labels: {x: y}",
    "  maintenance: [{days: [sat-mon], from: '22:00', to: '04:00'}]",
    "  retry: {maxRetries: 3, maxDelay: 5m}",
    "  healthCheck: {interval: 0s}",
    "  mode: impersonate",
    "  keyData: hunter2",
    "callers: {groups: [g], uids: {'7': jane}}",
    "limits: {perCaller: 1}",
    "audit: {path: '-', maxBytes: 1}",
    "---",
    "kind: ConfigMap",
    "data: {clusters.yaml: 'clusters: []'}",
    "? [a]",
    "&a [*a]",
    "<<: {a: b}",
    "\t",
];

/// Whatever is read as a configuration holds together, can be compiled, and is shown without its secrets.
pub(crate) fn config(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut text = String::new();
    let line = |text: &mut String, line: &str| text.extend([line, "\n"]);
    let some = |input: &mut Input<'_>, text: &mut String, most: u8| {
        for _ in 0..input.byte() % (most + 1) {
            if let Some(one) = input.pick(LINES) {
                line(text, one);
            }
        }
    };
    line(&mut text, "clusters:");
    for name in ["a", "b"] {
        line(&mut text, &format!("- name: {name}\n  endpoint: https://{name}.example.com\n  token: hunter2"));
        some(&mut input, &mut text, 1);
    }
    line(&mut text, "rules:");
    for place in 0..input.byte() % 4 {
        line(&mut text, &format!("- name: r{place}"));
        some(&mut input, &mut text, 4);
    }
    some(&mut input, &mut text, 2);
    let Some(reading) = reading(&text) else { return };
    let config = &reading.config;
    assert!(config.rules.iter().map(|rule| std::cmp::Reverse(rule.priority)).is_sorted(), "{text}");
    let places = config.rules.iter().flat_map(|rule| match &rule.action {
        Action::Route { targets, .. } => targets.iter().chain(&rule.mirror).copied().collect(),
        Action::Deny { .. } => Vec::new(),
    });
    assert!(places.chain(config.home).all(|place| place < config.clusters.len()), "{text}");
    RuleTable::compile(config).expect("what was read can be compiled");
    drop(lint::lint(config));
    let shown = effective::yaml(config, &reading.origins);
    assert!(!shown.contains("hunter") && !format!("{config:?}").contains("hunter"), "{text}");
}
