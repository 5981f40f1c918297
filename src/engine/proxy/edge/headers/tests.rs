use super::*;
use crate::engine::proxy::caller::bearer::SUBPROTOCOL;
use crate::engine::proxy::edge::policy::OPTIONS_MAX;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn jane(means: Means) -> Caller {
    Caller {
        user: "jane".into(),
        groups: ["dev".into(), "system:authenticated".into()].into(),
        uid: Some("u-1".into()),
        extra: Arc::new(BTreeMap::from([
            ("Scopes/é".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
            ("authentication.kubernetes.io/pod-name".to_owned(), vec!["p".to_owned()]),
        ])),
        means,
    }
}

fn policy(caller: &Caller, mode: Mode) -> Policy<'_> {
    Policy { caller, mode, allow_impersonation: false, upgrade: None, audit_id: "id-1" }
}

fn sent(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn shown(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> =
        headers.iter().map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v.as_bytes()))).collect();
    lines.sort();
    lines
}

fn crossed(lines: &[(&str, &str)], policy: &Policy<'_>) -> Result<Vec<String>, (u16, &'static str)> {
    outgoing(&sent(lines), policy).map(|h| shown(&h)).map_err(|refusal| (refusal.code, refusal.label))
}

#[test]
fn a_request_keeps_what_it_says_and_loses_who_says_it() {
    let caller = jane(Means::Token);
    let lines = [
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("user-agent", "kubectl/v1.35"),
        ("kubectl-command", "kubectl get"),
        ("x-stream-protocol-version", "v4.channel.k8s.io"),
        ("x-stream-protocol-version", "v3.channel.k8s.io"),
        ("content-length", "3"),
        ("content-type", "application/json"),
        ("host", "127.0.0.1:6443"),
        ("authorization", "Bearer secret"),
        ("cookie", "a=b"),
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("x-remote-user", "admin"),
        ("X_Remote_Group", "system:masters"),
        ("x-remote_extra-a", "b"),
        ("proxy-authorization", "Basic x"),
        ("proxy-connection", "keep-alive"),
        ("connection", "keep-alive, X-One"),
        ("connection", " x-two,,"),
        ("x-one", "1"),
        ("x-two", "2"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAA"),
        ("expect", "100-continue"),
        ("origin", "https://console.example"),
        ("sec-websocket-key", "k"),
        ("audit-id", "another"),
    ];
    let expected = [
        "accept-encoding: gzip",
        "accept: application/json",
        "audit-id: id-1",
        "content-length: 3",
        "content-type: application/json",
        "kubectl-command: kubectl get",
        "user-agent: kubectl/v1.35",
        "x-stream-protocol-version: v3.channel.k8s.io",
        "x-stream-protocol-version: v4.channel.k8s.io",
    ];
    assert_eq!(crossed(&lines, &policy(&caller, Mode::Swap)).unwrap(), expected);
}

#[test]
fn repeated_lines_keep_their_order() {
    let caller = jane(Means::Token);
    let headers =
        outgoing(&sent(&[("x-a", "2"), ("x-b", "0"), ("x-a", "1"), ("x-a", "2, 3")]), &policy(&caller, Mode::Swap));
    let values: Vec<_> = headers.unwrap().get_all("x-a").iter().map(|v| v.to_str().unwrap().to_owned()).collect();
    assert_eq!(values, ["2", "1", "2, 3"]);
}

#[test]
fn the_caller_is_impersonated_in_full() {
    let caller = jane(Means::Certificate);
    let expected = [
        "audit-id: id-1",
        "impersonate-extra-scopes%2f%c3%a9: a",
        "impersonate-extra-scopes%2f%c3%a9: b",
        "impersonate-group: dev",
        "impersonate-uid: u-1",
        "impersonate-user: jane",
    ];
    assert_eq!(crossed(&[], &policy(&caller, Mode::Impersonate)).unwrap(), expected);
}

#[test]
fn who_cannot_be_written_is_not_impersonated() {
    for user in ["", " jane", "jane ", "ja\nne", "jane\u{a0}", "ja\0ne"] {
        let mut caller = jane(Means::Review);
        caller.user = user.into();
        assert_eq!(crossed(&[], &policy(&caller, Mode::Impersonate)), Err((403, "impersonation")), "{user:?}");
        let mut caller = jane(Means::Review);
        caller.groups = [user.into()].into();
        assert_eq!(crossed(&[], &policy(&caller, Mode::Impersonate)), Err((403, "impersonation")), "{user:?}");
    }
    let mut caller = jane(Means::Review);
    caller.user = "jané".into();
    assert!(crossed(&[], &policy(&caller, Mode::Impersonate)).unwrap().contains(&"impersonate-user: jané".to_owned()));
}

#[test]
fn impersonation_by_the_client_is_refused_not_dropped() {
    let caller = jane(Means::Token);
    for name in
        ["Impersonate-User", "impersonate-group", "impersonate-extra-a", "impersonate_user", "impersonate-anything"]
    {
        for mode in [Mode::Swap, Mode::Impersonate, Mode::Passthrough] {
            assert_eq!(crossed(&[(name, "x")], &policy(&caller, mode)), Err((403, "impersonation")), "{name}");
            let hidden = [("connection", name), (name, "x")];
            assert_eq!(crossed(&hidden, &policy(&caller, mode)), Err((403, "impersonation")), "{name}");
        }
    }
}

#[test]
fn impersonation_a_rule_allows_goes_on_as_it_is() {
    let caller = jane(Means::Token);
    let allowed = Policy { allow_impersonation: true, ..policy(&caller, Mode::Swap) };
    let lines = [
        ("impersonate-user", "bob"),
        ("impersonate-group", "b"),
        ("impersonate-group", "a"),
        ("impersonate-uid", "7"),
        ("impersonate-extra-a.example%2fb", "c"),
    ];
    let expected = [
        "audit-id: id-1",
        "impersonate-extra-a.example%2fb: c",
        "impersonate-group: a",
        "impersonate-group: b",
        "impersonate-uid: 7",
        "impersonate-user: bob",
    ];
    assert_eq!(crossed(&lines, &allowed).unwrap(), expected);
    let refused = |lines: &[(&str, &str)]| crossed(lines, &allowed).expect_err("a refusal");
    assert_eq!(refused(&[("impersonate-group", "system:masters")]), (403, "impersonation"));
    assert_eq!(refused(&[("impersonate-user", "a"), ("impersonate-user", "b")]), (403, "impersonation"));
    assert_eq!(refused(&[("impersonate-user", "")]), (403, "impersonation"));
    assert_eq!(refused(&[("impersonate_user", "a")]), (403, "impersonation"));
    assert_eq!(
        refused(&[("impersonate-user", "a"), ("connection", "impersonate-group"), ("impersonate-group", "g")]),
        (400, "connection")
    );
    for key in ["authentication.kubernetes.io%2fpod-name", "x.K8S.io%2Fa", "kubernetes.io%2fa", "%6b8s.io%2fa", "%zz"] {
        let name = format!("impersonate-extra-{key}");
        assert_eq!(refused(&[("impersonate-user", "a"), (&name, "x")]), (403, "impersonation"), "{key}");
    }
    let other = Policy { mode: Mode::Impersonate, ..allowed };
    assert_eq!(crossed(&lines, &other), Err((403, "impersonation")));
}

#[test]
fn the_callers_token_goes_on_only_where_it_is_wanted() {
    let protocol = format!("{SUBPROTOCOL}YWJj, v4.channel.k8s.io");
    let (reviewed, local) = (jane(Means::Review), jane(Means::Token));
    let passed = crossed(&[("authorization", "bearer  abc")], &policy(&reviewed, Mode::Passthrough));
    assert_eq!(passed.unwrap(), ["audit-id: id-1", "authorization: Bearer abc"]);
    let passed = crossed(&[("sec-websocket-protocol", &protocol)], &policy(&reviewed, Mode::Passthrough));
    let expected = ["audit-id: id-1", "authorization: Bearer abc", "sec-websocket-protocol: v4.channel.k8s.io"];
    assert_eq!(passed.unwrap(), expected);
    let passed = crossed(&[("sec-websocket-protocol", &protocol)], &policy(&local, Mode::Swap));
    assert_eq!(passed.unwrap(), ["audit-id: id-1", "sec-websocket-protocol: v4.channel.k8s.io"]);
    let own = crossed(&[("authorization", "Bearer abc")], &policy(&local, Mode::Passthrough));
    assert_eq!(own, Err((403, "passthrough")));
    assert_eq!(crossed(&[], &policy(&reviewed, Mode::Passthrough)), Err((403, "passthrough")));
}

#[test]
fn an_upgrade_keeps_what_it_needs() {
    let caller = jane(Means::Token);
    let lines = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-key", "k"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "v5.channel.k8s.io"),
        ("sec-websocket-protocol", "v4.channel.k8s.io"),
    ];
    let expected = [
        "audit-id: id-1",
        "connection: Upgrade",
        "sec-websocket-key: k",
        "sec-websocket-protocol: v4.channel.k8s.io",
        "sec-websocket-protocol: v5.channel.k8s.io",
        "sec-websocket-version: 13",
        "upgrade: websocket",
    ];
    let upgrade = Policy { upgrade: Some(Protocol::WebSocket), ..policy(&caller, Mode::Swap) };
    assert_eq!(crossed(&lines, &upgrade).unwrap(), expected);
}

#[test]
fn connection_options_are_bounded() {
    let caller = jane(Means::Token);
    let many = vec!["x"; OPTIONS_MAX + 1].join(",");
    assert_eq!(crossed(&[("connection", &many)], &policy(&caller, Mode::Swap)), Err((400, "connection")));
}

fn is_identity(name: &str) -> bool {
    let name = name.replace('_', "-");
    ["impersonate-", "x-remote-", "x-forwarded-", "proxy-"].iter().any(|prefix| name.starts_with(prefix))
        || ["authorization", "cookie", "forwarded"].contains(&name.as_str())
}

fn any_name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Authorization",
        "authorization",
        "Cookie",
        "Connection",
        "Impersonate-User",
        "impersonate_user",
        "IMPERSONATE-GROUP",
        "Impersonate-Uid",
        "impersonate-extra-scopes",
        "X-Remote-User",
        "x_remote_group",
        "X-Remote-Extra-A",
        "X-Forwarded-For",
        "x_forwarded-proto",
        "Forwarded",
        "Proxy-Authorization",
        "Audit-ID",
        "Upgrade",
        "Sec-WebSocket-Protocol",
        "Accept",
        "Host",
        "Transfer-Encoding",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "[a-zA-Z_-]{1,20}"]
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "admin",
        "system:masters",
        "Bearer abc",
        "keep-alive, impersonate-user",
        "impersonate-group, audit-id, x-remote-user",
        "Upgrade",
        "websocket",
        "base64url.bearer.authorization.k8s.io.YWJj, v4.channel.k8s.io",
        "",
    ]);
    prop_oneof![3 => known.prop_map(|v| v.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..30)]
}

proptest! {
    /// Whatever is sent, what says who asks is exactly ours, or the request is refused.
    #[test]
    fn identity_is_ours_alone(
        lines in prop::collection::vec((any_name(), any_value()), 0..24),
        mode in prop::sample::select(vec![Mode::Swap, Mode::Impersonate]),
        upgrade in prop::sample::select(vec![None, Some(Protocol::WebSocket), Some(Protocol::Spdy)]),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in &lines {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        let caller = jane(Means::Token);
        let policy = Policy { upgrade, ..policy(&caller, mode) };
        let ours: Vec<String> =
            shown(&outgoing(&HeaderMap::new(), &policy).unwrap()).into_iter().filter(|l| is_identity(l)).collect();
        if let Ok(crossed) = outgoing(&headers, &policy) {
            let lines = shown(&crossed);
            prop_assert_eq!(lines.iter().filter(|l| is_identity(l)).cloned().collect::<Vec<_>>(), ours);
            prop_assert_eq!(crossed.get_all(AUDIT_ID).iter().collect::<Vec<_>>(), ["id-1"]);
            prop_assert!(!crossed.get_all(bearer::PROTOCOLS).iter().any(|line| line.as_bytes().starts_with(SUBPROTOCOL.as_bytes())));
            prop_assert_eq!(crossed.contains_key("upgrade"), upgrade.is_some());
            prop_assert!(!crossed.contains_key("host") && !crossed.contains_key("transfer-encoding"));
            prop_assert!(!headers.keys().any(|name| fate(name) == Fate::Impersonation));
        }
    }
}
