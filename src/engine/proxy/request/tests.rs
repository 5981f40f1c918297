use super::*;
use proptest::prelude::*;

/// Method, URL; then verb, group, version, namespace, resource, subresource and name.
type Row = (&'static str, &'static str, [&'static str; 7]);

/// The facts of the server's own tests (k8s.io/apiserver v0.35.4), and what follows from its source beyond them.
const ROWS: &[Row] = &[
    ("GET", "/api/v1/namespaces", ["list", "", "v1", "", "namespaces", "", ""]),
    ("GET", "/api/v1/namespaces/other", ["get", "", "v1", "other", "namespaces", "", "other"]),
    ("GET", "/api/v1/namespaces/other/pods", ["list", "", "v1", "other", "pods", "", ""]),
    ("GET", "/api/v1/namespaces/other/pods/foo", ["get", "", "v1", "other", "pods", "", "foo"]),
    ("HEAD", "/api/v1/namespaces/other/pods/foo", ["get", "", "v1", "other", "pods", "", "foo"]),
    ("GET", "/api/v1/pods", ["list", "", "v1", "", "pods", "", ""]),
    ("HEAD", "/api/v1/pods", ["list", "", "v1", "", "pods", "", ""]),
    // Deprecated prefixes.
    ("GET", "/api/v1/proxy/namespaces/other/pods/foo", ["proxy", "", "v1", "other", "pods", "", "foo"]),
    ("GET", "/api/v1/proxy/namespaces/other/pods/foo/a/b/c", ["proxy", "", "v1", "other", "pods", "", "foo"]),
    ("GET", "/api/v1/watch/pods", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/watch/namespaces/other/pods", ["watch", "", "v1", "other", "pods", "", ""]),
    ("GET", "/apis/g/v1/watch/things", ["watch", "g", "v1", "", "things", "", ""]),
    ("GET", "/apis/g/v1/watch/things/a", ["watch", "g", "v1", "", "things", "", "a"]),
    ("DELETE", "/apis/g/v1/watch/things", ["watch", "g", "v1", "", "things", "", ""]),
    // Watches.
    ("GET", "/api/v1/pods?watch=true", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=false", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=FALSE", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=no", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=1", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=0", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=&", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?%77atch", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?Watch=true", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=false&watch=true", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=true&watch=false", ["watch", "", "v1", "", "pods", "", ""]),
    // A parameter that cannot be decoded is not there.
    ("GET", "/api/v1/pods?watch=%zz", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=%zz&watch=1", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?a=b;watch=true", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?watch=true;a", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/namespaces/a/pods/b?watch=true", ["get", "", "v1", "a", "pods", "", "b"]),
    // Options that cannot be read leave list and watch, but no name.
    ("GET", "/api/v1/pods?limit=x&watch=1&fieldSelector=metadata.name%3Da", ["watch", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?limit=", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/pods?timeoutSeconds=1.5&fieldSelector=metadata.name=a", ["list", "", "v1", "", "pods", "", ""]),
    (
        "GET",
        "/api/v1/pods?labelSelector=a%3D%3D%3Db&fieldSelector=metadata.name=a",
        ["list", "", "v1", "", "pods", "", ""],
    ),
    ("GET", "/api/v1/pods?labelSelector=!a=b&fieldSelector=metadata.name=a", ["list", "", "v1", "", "pods", "", ""]),
    (
        "GET",
        "/api/v1/pods?labelSelector=a+in+(b,)&fieldSelector=metadata.name=a",
        ["list", "", "v1", "", "pods", "", "a"],
    ),
    // Subresources.
    ("GET", "/api/v1/namespaces/other/pods/foo/status", ["get", "", "v1", "other", "pods", "status", "foo"]),
    ("GET", "/api/v1/namespaces/other/pods/foo/proxy/subpath", ["get", "", "v1", "other", "pods", "proxy", "foo"]),
    ("PUT", "/api/v1/namespaces/other/finalize", ["update", "", "v1", "other", "namespaces", "finalize", "other"]),
    ("PUT", "/api/v1/namespaces/other/status", ["update", "", "v1", "other", "namespaces", "status", "other"]),
    ("GET", "/api/v1/namespaces/other/finalize/x", ["get", "", "v1", "other", "namespaces", "finalize", "other"]),
    // Verbs.
    ("PATCH", "/api/v1/namespaces/other/pods/foo", ["patch", "", "v1", "other", "pods", "", "foo"]),
    ("DELETE", "/api/v1/namespaces/other/pods/foo", ["delete", "", "v1", "other", "pods", "", "foo"]),
    ("POST", "/api/v1/namespaces/other/pods", ["create", "", "v1", "other", "pods", "", ""]),
    ("OPTIONS", "/api/v1/namespaces/other/pods", ["", "", "v1", "other", "pods", "", ""]),
    ("TRACE", "/api/v1/namespaces/other/pods", ["", "", "v1", "other", "pods", "", ""]),
    ("get", "/api/v1/namespaces/other/pods", ["", "", "v1", "other", "pods", "", ""]),
    ("DELETE", "/api/v1/nodes", ["deletecollection", "", "v1", "", "nodes", "", ""]),
    ("DELETE", "/api/v1/namespaces", ["deletecollection", "", "v1", "", "namespaces", "", ""]),
    ("DELETE", "/api/v1/namespaces/other/pods", ["deletecollection", "", "v1", "other", "pods", "", ""]),
    // Groups and versions.
    ("DELETE", "/apis/extensions/v1/namespaces/o/pods", ["deletecollection", "extensions", "v1", "o", "pods", "", ""]),
    ("POST", "/apis/extensions/v1/namespaces/other/pods", ["create", "extensions", "v1", "other", "pods", "", ""]),
    ("POST", "/apis/extensions/v1beta3/namespaces/o/pods", ["create", "extensions", "v1beta3", "o", "pods", "", ""]),
    ("GET", "/api/v1/pods/", ["list", "", "v1", "", "pods", "", ""]),
    ("GET", "/api/v1/namespaces/a/", ["get", "", "v1", "a", "namespaces", "", "a"]),
    ("GET", "/api/v1/n%61mespaces/%61/pods", ["list", "", "v1", "a", "pods", "", ""]),
    (
        "GET",
        "/api/v1/namespaces/a/services/https:web:443/proxy/x%2Fy//z",
        ["get", "", "v1", "a", "services", "proxy", "https:web:443"],
    ),
    // Names from field selectors.
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=one", ["list", "g", "v", "", "r", "", "one"]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name==one", ["list", "g", "v", "", "r", "", "one"]),
    ("GET", "/apis/g/v/r?watch=true&fieldSelector=metadata.name=one", ["watch", "g", "v", "", "r", "", "one"]),
    ("GET", "/apis/g/v/r?fieldSelector=foo=bar&labelSelector=baz=qux", ["list", "g", "v", "", "r", "", ""]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=one,foo", ["list", "g", "v", "", "r", "", ""]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=one,foo&watch=true", ["watch", "g", "v", "", "r", "", ""]),
    (
        "GET",
        "/apis/g/v/r?fieldSelector=metadata.name=foo&fieldSelector=metadata.name=bar",
        ["list", "g", "v", "", "r", "", "foo"],
    ),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=b,metadata.name=a", ["list", "g", "v", "", "r", "", "a"]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=a,metadata.name==z", ["list", "g", "v", "", "r", "", "z"]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name!=a", ["list", "g", "v", "", "r", "", ""]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=..", ["list", "g", "v", "", "r", "", ""]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=a%2Fb", ["list", "g", "v", "", "r", "", ""]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=a%255c", ["list", "g", "v", "", "r", "", ""]),
    ("GET", r"/apis/g/v/r?fieldSelector=metadata.name=a\,b", ["list", "g", "v", "", "r", "", "a,b"]),
    ("GET", r"/apis/g/v/r?fieldSelector=metadata.name=a\b", ["list", "g", "v", "", "r", "", ""]),
    ("GET", "/apis/g/v/r?fieldSelector=metadata.name=a+b", ["list", "g", "v", "", "r", "", "a b"]),
    ("DELETE", "/apis/g/v/r?fieldSelector=metadata.name=a", ["deletecollection", "g", "v", "", "r", "", ""]),
    ("GET", "/apis/g/v/r/name?fieldSelector=foo=bar", ["get", "g", "v", "", "r", "", "name"]),
    ("GET", "/apis/g/v/watch/r?fieldSelector=metadata.name=foo", ["watch", "g", "v", "", "r", "", ""]),
];

#[test]
fn resources_are_read_as_the_server_reads_them() {
    for (method, url, expected) in ROWS {
        let info = parse(method, url).unwrap_or_else(|e| panic!("{method} {url}: {e}"));
        assert!(info.is_resource, "{method} {url}");
        let found = [
            &*info.verb,
            &*info.api_group,
            &*info.api_version,
            &*info.namespace,
            &*info.resource,
            &*info.subresource,
            &*info.name,
        ];
        assert_eq!(found, *expected, "{method} {url}");
        assert_eq!(info.api_prefix, if info.api_group.is_empty() { "api" } else { "apis" }, "{method} {url}");
    }
}

#[test]
fn what_is_no_resource_keeps_its_method() {
    for url in [
        "/",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/apis",
        "/apis/apps",
        "/apis/apps/v1",
        "/apis/apps/v1/",
        "/apis/version/resource",
        "/badprefix/version/resource",
        "/not-api/version/resource",
        "/version",
        "/healthz",
        "/openapi/v3/apis/apps/v1?hash=1",
        "/readyz/etcd",
        "/apis?watch=true",
        "/API/v1/pods",
    ] {
        let info = parse("GET", url).unwrap();
        assert!(!info.is_resource, "{url}");
        assert_eq!((&*info.verb, info.class()), ("get", Class::Read), "{url}");
    }
    assert_eq!(parse("PURGE", "/").unwrap().verb, "purge");
    assert_eq!(parse("POST", "/version").unwrap().class(), Class::Write);
}

#[test]
fn selectors_are_those_of_many_objects_only() {
    let read = |method, url| {
        let info = parse(method, url).unwrap();
        (info.field_selector.into_owned(), info.label_selector.into_owned())
    };
    let both = ("foo=bar".to_owned(), "baz=qux".to_owned());
    let none = (String::new(), String::new());
    assert_eq!(read("GET", "/apis/g/v/r?fieldSelector=foo=bar&labelSelector=baz=qux"), both);
    assert_eq!(read("GET", "/apis/g/v/r?watch&fieldSelector=foo=bar&labelSelector=baz=qux"), both);
    assert_eq!(read("DELETE", "/apis/g/v/r?fieldSelector=foo=bar&labelSelector=baz=qux"), both);
    assert_eq!(
        read("GET", "/apis/g/v/r?fieldSelector=foo=bar&fieldSelector=x=y&labelSelector=baz=qux&labelSelector=a"),
        both
    );
    assert_eq!(read("GET", "/apis/g/v/r/n?fieldSelector=foo=bar&labelSelector=baz=qux"), none);
    assert_eq!(read("POST", "/apis/g/v/r?fieldSelector=foo=bar&labelSelector=baz=qux"), none);
    assert_eq!(read("GET", "/apis/g/v/watch/r?fieldSelector=foo=bar&labelSelector=baz=qux"), none);
    // Kept even where the options cannot be read.
    assert_eq!(read("GET", "/apis/g/v/r?fieldSelector=a,b&limit=z").0, "a,b");
}

#[test]
fn versions_and_tokens_are_seen() {
    let info = parse("GET", "/api/v1/pods?resourceVersion=0&continue=abc").unwrap();
    assert_eq!((&*info.resource_version, info.continues), ("0", true));
    let info = parse("GET", "/api/v1/pods?continue=").unwrap();
    assert_eq!((&*info.resource_version, info.continues), ("", false));
    // What is behind a service has its own queries.
    let info = parse("GET", "/api/v1/namespaces/a/services/s/proxy/?resourceVersion=7&continue=a").unwrap();
    assert_eq!((&*info.resource_version, info.continues), ("", false));
}

#[test]
fn ways_into_pods_are_no_reads() {
    for (url, class, long_running) in [
        ("/api/v1/namespaces/a/pods/b/exec?command=sh", Class::Connect, true),
        ("/api/v1/namespaces/a/pods/b/attach", Class::Connect, true),
        ("/api/v1/namespaces/a/pods/b/portforward", Class::Connect, true),
        ("/api/v1/namespaces/a/services/b/proxy/", Class::Connect, true),
        ("/api/v1/proxy/nodes/n", Class::Connect, true),
        ("/api/v1/namespaces/a/pods/b/log?follow=true", Class::Read, true),
        ("/api/v1/namespaces/a/pods/b/logs", Class::Read, false),
        ("/api/v1/namespaces/a/pods?watch", Class::Read, true),
        ("/api/v1/namespaces/a/pods", Class::Read, false),
        ("/debug/pprof/heap", Class::Read, true),
    ] {
        let info = parse("GET", url).unwrap();
        assert_eq!((info.class(), info.is_long_running()), (class, long_running), "{url}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FROB"] {
        assert_eq!(parse(method, "/api/v1/namespaces/a/pods/b").unwrap().class(), Class::Write, "{method}");
    }
}

#[test]
fn what_has_two_meanings_is_refused() {
    use Unreadable as U;
    for (url, expected) in [
        ("/api/v1//pods", U::EmptySegment),
        ("//api/v1/pods", U::EmptySegment),
        ("/api/v1/pods//", U::EmptySegment),
        ("/api/v1/namespaces/a%2Fb/pods", U::EncodedSlash),
        ("/api/v1/namespaces/a%2fb/pods", U::EncodedSlash),
        ("/api/v1/namespaces/a%5Cb/pods", U::EncodedSlash),
        (r"/api/v1/namespaces/a\b/pods", U::EncodedSlash),
        ("/api/v1/namespaces/a/pods/..%2F..", U::EncodedSlash),
        ("/api/v1/namespaces/a/pods%2Fp/proxy/x%2Fy%2Fz%2Fw%2Fv", U::EncodedSlash),
        ("/api/v1/proxy/nodes%2Fn/x%2Fy%2Fz%2Fw%2Fv", U::EncodedSlash),
        ("/api/v1/namespaces/a/../b/pods", U::DotSegment),
        ("/api/v1/namespaces/a/./pods", U::DotSegment),
        ("/api/v1/namespaces/%2e%2E/pods", U::DotSegment),
        ("/api/v1/namespaces/a/pods/..", U::DotSegment),
        ("/api/v1/namespaces/a/services/b/proxy/..", U::DotSegment),
        ("/api/v1/namespaces/a/services/b/proxy/x%2F..%2F..", U::DotSegment),
        ("/api/v1/namespaces/a/pods/%00", U::Control),
        ("/api/v1/namespaces/a/services/b/proxy/%0d%0aX:y", U::Control),
        ("/api/v1/watch", U::NothingBehindPrefix),
        ("/apis/g/v1/proxy/", U::NothingBehindPrefix),
    ] {
        assert_eq!(parse("GET", url), Err(expected), "{url}");
        // The server reads it all the same, and what it sees can be shown.
        assert_eq!(seen("GET", url).unwrap().flaw, Some(expected), "{url}");
    }
    for (url, expected) in [
        ("", U::NoPath),
        ("*", U::NoPath),
        ("https://elsewhere/api", U::NoPath),
        ("?watch", U::NoPath),
        ("/api/v1/pods#x", U::Character),
        ("/api/v1/pods\u{1}", U::Character),
        ("/api/v1/pods/ü", U::Character),
        ("/api/v1/pods/%zz", U::Escape),
        ("/api/v1/pods/%4", U::Escape),
        ("/api/v1/pods/%", U::Escape),
        ("/api/v1/pods/%ff", U::NotText),
        ("/api/v1/pods?fieldSelector=%ff", U::NotText),
    ] {
        assert_eq!(parse("GET", url), Err(expected), "{url}");
        assert_eq!(seen("GET", url), Err(expected), "{url}");
    }
    let many = format!("/api/v1/pods?{}watch", "a&".repeat(10_000));
    assert_eq!(parse("GET", &many), Err(U::Parameters));
    for fine in ["/api/v1/namespaces/a/pods/..b", "/api/v1/namespaces/a/pods/...", "/api/v1/namespaces/a.b/pods"] {
        assert!(parse("GET", fine).is_ok(), "{fine}");
    }
}

#[test]
fn what_a_server_sees_in_a_refused_path_is_told() {
    let info = seen("GET", "/api/v1/namespaces/a%2Fb/pods").unwrap().info;
    assert_eq!((&*info.namespace, &*info.resource, &*info.name), ("a", "b", "pods"));
    // A proxy of nothing: the server lists.
    let info = seen("GET", "/api/v1/pods//proxy?watch").unwrap().info;
    assert_eq!((&*info.verb, &*info.subresource, &*info.name), ("watch", "proxy", ""));
    let info = seen("GET", "/api/v1//pods").unwrap().info;
    assert_eq!((&*info.resource, &*info.name, &*info.verb), ("", "pods", "get"));
    let info = seen("GET", "/api/v1/watch").unwrap().info;
    assert_eq!((&*info.verb, info.is_resource, &*info.resource), ("get", true, ""));
}

#[test]
fn label_selectors_are_read_by_the_servers_grammar() {
    for good in [
        "",
        " ",
        "a",
        "!a",
        "a=b",
        "a==b",
        "a!=b",
        "a=",
        "a,b",
        "a in (b)",
        "a in(b,c)",
        "a notin ( b , c )",
        "a in ()",
        "a in (,)",
        "a in (,b,,c,)",
        "in=notin",
        "in in (in)",
        "x.io/a=b",
        "a>1",
        "a<99",
        "! a",
        "a = b , c",
        "a.b_c-d=E.f_g-h",
        "\u{0}zzz",
    ] {
        assert!(selector::labels_hold(good), "{good:?}");
    }
    for bad in [
        ",",
        "a,",
        ",a",
        "a,,b",
        "a b",
        "!a=b",
        "!!a",
        "=b",
        "a=b=c",
        "a===b",
        "a in b",
        "a in (b c)",
        "a in (b",
        "a()",
        "a>",
        "a>x",
        "a>1.5",
        "a in (b),",
        "-a",
        "a-",
        "a=-b",
        "x/y/z",
        "/a",
        "X.io/a",
        "a=b/c",
        "a in (=)",
        "a=!b",
        "(",
        "a\0b",
    ] {
        assert!(!selector::labels_hold(bad), "{bad:?}");
    }
    assert!(!selector::labels_hold(&"a".repeat(64)));
    assert!(!selector::labels_hold(&format!("a={}", "b".repeat(64))));
    assert!(selector::labels_hold(&format!("{}/a", "b".repeat(253))));
    assert!(!selector::labels_hold(&format!("{}/a", "b".repeat(254))));
}

#[test]
fn requirements_carry_their_values() {
    let mut found = Vec::new();
    let holds = selector::labels("a in (x,, y ),b!=z,!c,d=", &mut |r| {
        found.push((r.key.to_owned(), r.relation, r.values().map(str::to_owned).collect::<Vec<_>>()));
    });
    assert!(holds);
    let text = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            ("a".to_owned(), selector::Relation::In, text(&["x", "", "y"])),
            ("b".to_owned(), selector::Relation::NotIn, text(&["z"])),
            ("c".to_owned(), selector::Relation::Absent, text(&[""])),
            ("d".to_owned(), selector::Relation::In, text(&[""])),
        ]
    );
}

#[test]
fn lines_become_json_that_others_can_compare() {
    let printed = line::json("GET /api/v1/namespaces/a/pods/b/exec?command=sh").unwrap();
    assert_eq!(
        printed,
        r#"{"is_resource":true,"path":"/api/v1/namespaces/a/pods/b/exec","verb":"get","api_prefix":"api","api_group":"","api_version":"v1","namespace":"a","resource":"pods","subresource":"exec","name":"b","field_selector":"","label_selector":"","long_running":true,"class":"connect"}"#
    );
    let refused = line::json("GET /api/v1//pods").unwrap();
    assert!(refused.ends_with(r#""refused":"the path holds an empty segment"}"#), "{refused}");
    for bad in ["", "GET", "GET  /a", " /a", "G(T /a", "GET a", "GET /%zz"] {
        let (printed, _) = line::json(bad).unwrap_err();
        assert!(printed.starts_with(r#"{"error":"#), "{bad}: {printed}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_stumble(method in "[A-Za-z]{0,8}", url in "/?[a-z0-9/%.?&=;,!()\\\\+ -]{0,80}|\\PC{0,60}") {
        if let Ok(info) = parse(&method, &url) {
            prop_assert!(info.is_resource || info.resource.is_empty());
            prop_assert_eq!(info.clone().into_owned(), info);
        }
    }

    #[test]
    fn what_is_plain_is_borrowed(namespace in "[a-z][a-z0-9-]{0,10}", name in "[a-z][a-z0-9.-]{0,10}") {
        let url = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}?resourceVersion=12");
        let info = parse("GET", &url).unwrap();
        for text in [&info.path, &info.verb, &info.namespace, &info.resource, &info.name, &info.resource_version] {
            prop_assert!(matches!(text, Cow::Borrowed(_)));
        }
        prop_assert_eq!((&*info.namespace, &*info.name), (&*namespace, &*name));
    }
}
