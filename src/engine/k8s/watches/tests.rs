//! Watches against exact HTTP exchanges.

use super::Watches;
use crate::engine::cluster::{ClusterError, WatchItem, WatchSpec};
use crate::model::cluster::ClusterName;
use crate::model::kind::{Kind, KindId};
use crate::model::text::Text;
use futures::StreamExt as _;
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use std::pin::pin;
use std::time::Duration;

/// One exchange: what the request's path and query must contain, and the answer.
struct Exchange {
    expects: &'static [&'static str],
    status: u16,
    body: String,
}

/// The body of an answer.
struct Script(String);

impl From<Value> for Script {
    fn from(body: Value) -> Self {
        Self(body.to_string())
    }
}

impl From<String> for Script {
    fn from(body: String) -> Self {
        Self(body)
    }
}

fn ok(expects: &'static [&'static str], body: impl Into<Script>) -> Exchange {
    Exchange { expects, status: 200, body: body.into().0 }
}

/// A client whose server answers these requests in this order, and then is silent.
fn scripted(script: Vec<Exchange>) -> kube::Client {
    let (service, handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    tokio::spawn(async move {
        let mut handle = pin!(handle);
        for exchange in script {
            let (request, respond) = handle.next_request().await.expect("another request");
            let uri = request.uri().to_string();
            for part in exchange.expects {
                assert!(uri.contains(part), "{uri} has no {part}");
            }
            let answer = Response::builder().status(exchange.status).body(Body::from(exchange.body.into_bytes()));
            respond.send_response(answer.unwrap());
        }
        let _unanswered = handle.next_request().await;
        std::future::pending::<()>().await;
    });
    kube::Client::new(service, "default")
}

fn kind(group: &str, name: &str, plural: &str) -> Kind {
    Kind {
        id: KindId::new(group, name),
        version: Text::new("v1"),
        plural: Text::new(plural),
        singular: Text::new(plural),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        verbs: vec![Text::new("list"), Text::new("watch")],
    }
}

fn spec(kind: Kind) -> WatchSpec {
    WatchSpec { kind, selector: Text::default(), fields: Text::default(), namespaces: None }
}

fn map(name: &str, version: u32) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "n", "resourceVersion": version.to_string()}})
}

/// A line as an API server writes it: the type comes first.
fn event(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn list_end(version: u32) -> String {
    let metadata =
        json!({"resourceVersion": version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}});
    event("BOOKMARK", &json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}))
}

fn list(names: &[&str], version: &str, next: &str) -> Value {
    let items: Vec<Value> = names.iter().map(|name| map(name, 1)).collect();
    json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": version, "continue": next}, "items": items})
}

fn failure(status: u16) -> Exchange {
    let body =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "as scripted", "code": status});
    Exchange { expects: &[], status, body: body.to_string() }
}

fn word(item: Result<WatchItem, ClusterError>) -> String {
    let named = |namespace: Option<Text>| namespace.map(|n| format!("({n})")).unwrap_or_default();
    match item {
        Ok(WatchItem::Started { namespace, .. }) => format!("started{}", named(namespace)),
        Ok(WatchItem::Applied { row, .. }) => row.name.to_string(),
        Ok(WatchItem::Listed { namespace }) => format!("listed{}", named(namespace)),
        Ok(WatchItem::Deleted { name, .. }) => format!("-{name}"),
        Ok(WatchItem::Watching { denied: Some(_), .. }) => "unwatched".to_owned(),
        Ok(WatchItem::Watching { denied: None, .. }) => "watched".to_owned(),
        Err(error) => format!("! {error}"),
    }
}

/// The words of the first items of a watch.
async fn words(version: &str, spec: &WatchSpec, script: Vec<Exchange>, count: usize) -> String {
    let watches = Watches::new(scripted(script), ClusterName::new("c"), 7);
    watches.learn_version(version);
    let items = watches.watch(spec).take(count).map(word).collect::<Vec<String>>();
    tokio::time::timeout(Duration::from_secs(600), items).await.expect("as many items").join(" ")
}

const STREAM: &[&str] = &["/api/v1/configmaps?", "sendInitialEvents=true", "resourceVersionMatch=NotOlderThan"];
const FIRST_PAGE: &[&str] = &["limit=500"];
const CACHE: &[&str] = &["/api/v1/configmaps?resourceVersion=0&limit=500"];

fn maps() -> WatchSpec {
    spec(kind("", "ConfigMap", "configmaps"))
}

/// A list of `a` and `b` that breaks off within `b`.
fn broken() -> String {
    let whole = list(&["a", "b"], "1", "").to_string();
    whole[..whole.find(r#""b""#).unwrap()].to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_first_list_comes_from_the_cache_and_goes_on_as_a_watch() {
    let body = [event("MODIFIED", &map("a", 4)), event("DELETED", &map("b", 5))];
    let script = vec![
        ok(CACHE, list(&["a", "b"], "3", "")),
        ok(&["watch=true", "allowWatchBookmarks=true", "resourceVersion=3"], body.concat()),
        ok(&["watch=true", "resourceVersion=5"], event("ADDED", &map("c", 6))),
    ];
    assert_eq!(words("v1.35.0", &maps(), script, 7).await, "started a b listed a -b c");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_cache_keeps_to_the_limit() {
    let script = vec![
        ok(CACHE, list(&["a"], "5", "more")),
        ok(&["limit=500&continue=more"], list(&["b"], "5", "")),
        ok(&["watch=true", "resourceVersion=5"], event("ADDED", &map("c", 6))),
    ];
    assert_eq!(words("v1.30.0", &maps(), script, 5).await, "started a b listed c");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_is_streamed_the_next_time() {
    let body =
        [event("ADDED", &map("a", 1)), event("ADDED", &map("b", 2)), list_end(3), event("DELETED", &map("b", 5))];
    let script = vec![ok(CACHE, broken()), ok(STREAM, body.concat())];
    let said = words("v1.35.0", &maps(), script, 8).await;
    assert_eq!(said, "started a ! the list broke off after 1 objects started a b listed -b");
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_becomes_pages_and_stays_so() {
    let script = vec![
        ok(CACHE, broken()),
        failure(422),
        ok(FIRST_PAGE, list(&["a"], "5", "more")),
        ok(&["limit=500", "continue=more"], list(&["b"], "5", "")),
        failure(410),
        ok(FIRST_PAGE, list(&["a"], "9", "")),
    ];
    let said = words("v1.35.0", &maps(), script, 10).await;
    assert_eq!(said, "started a ! the list broke off after 1 objects started a b listed started a listed");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_says_its_list_is_complete_becomes_pages() {
    let stream = || ok(STREAM, event("ADDED", &map("a", 1)));
    let script = vec![ok(CACHE, broken()), stream(), stream(), ok(FIRST_PAGE, list(&["a", "b"], "5", ""))];
    let said = words("v1.35.0", &maps(), script, 12).await;
    let twice = "started a ! the list broke off started a";
    assert_eq!(said, format!("started a ! the list broke off after 1 objects {twice} started a b listed"));
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_shows_that_a_list_can_be_followed() {
    let bookmark = event("BOOKMARK", &map("", 8));
    let script = vec![
        ok(CACHE, list(&[], "3", "")),
        failure(410),
        ok(FIRST_PAGE, list(&[], "7", "")),
        ok(&["resourceVersion=7"], bookmark),
        failure(410),
        ok(FIRST_PAGE, list(&["a"], "9", "")),
    ];
    let said = words("v1.30.0", &maps(), script, 7).await;
    assert_eq!(said, "started listed started listed started a listed");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_before_its_list_is_complete_is_tried_again() {
    let status =
        json!({"kind": "Status", "code": 500, "status": "Failure", "reason": "Internal", "message": "no etcd"});
    let script = vec![
        ok(CACHE, broken()),
        ok(STREAM, [event("ADDED", &map("a", 1)), event("ERROR", &status)].concat()),
        ok(STREAM, [event("ADDED", &map("a", 1)), list_end(3)].concat()),
    ];
    let said = words("v1.35.0", &maps(), script, 9).await;
    assert_eq!(said, "started a ! the list broke off after 1 objects started a ! no etcd started a listed");
}

#[tokio::test(start_paused = true)]
async fn an_expired_watch_lists_again_without_an_error() {
    let gone = json!({"kind": "Status", "code": 410, "status": "Failure", "reason": "Expired", "message": "too old"});
    let script = vec![
        ok(CACHE, list(&[], "3", "")),
        ok(&["resourceVersion=3"], event("ERROR", &gone)),
        ok(STREAM, [list_end(9), event("ADDED", &map("a", 9))].concat()),
        // The other way to be told: no stream at all.
        failure(410),
        ok(STREAM, [list_end(12), event("ADDED", &map("b", 13))].concat()),
    ];
    assert_eq!(words("v1.35.0", &maps(), script, 8).await, "started listed started listed a started listed b");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_only_ever_expires_says_so() {
    let page = || ok(FIRST_PAGE, list(&[], "5", ""));
    let script = vec![page(), failure(410), page(), failure(410), page()];
    let said = words("v1.30.0", &maps(), script, 7).await;
    assert_eq!(said, "started listed started listed ! resource version expired started listed");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_is_not_asked_for_in_a_circle() {
    let script = vec![
        ok(CACHE, list(&["a"], "3", "")),
        ok(&["watch=true"], String::new()),
        ok(&["watch=true", "resourceVersion=3"], event("ADDED", &map("b", 4))),
    ];
    let said = words("v1.35.0", &maps(), script, 5).await;
    assert_eq!(said, "started a listed ! the server ended a watch at once b");
}

#[tokio::test(start_paused = true)]
async fn errors_are_items_and_the_watch_goes_on() {
    let odd = json!({"metadata": {"resourceVersion": "1"}, "data": 7});
    let script = vec![
        failure(403),
        failure(500),
        ok(CACHE, json!({"kind": "ConfigMapList", "metadata": {"resourceVersion": "3"}, "items": [odd]})),
        ok(
            &["resourceVersion=3"],
            ["{\"type\":\"ODD\",\"object\":{}}\n".to_owned(), event("ADDED", &map("b", 4))].concat(),
        ),
    ];
    let said = words("v1.35.0", &maps(), script, 7).await;
    assert!(said.starts_with("! as scripted ! as scripted started  listed ! "), "{said}");
    assert!(said.ends_with(" b"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_list_says_so() {
    let script = vec![ok(CACHE, json!({"kind": "Status"})), ok(FIRST_PAGE, list(&["a"], "3", ""))];
    let said = words("v1.30.0", &maps(), script, 4).await;
    assert_eq!(said, "! the answer is not a list of objects started a listed");
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_lists_of_their_own() {
    let some = WatchSpec { namespaces: Some([Text::new("x")].into()), ..maps() };
    let script = vec![ok(&["/api/v1/namespaces/x/configmaps?"], list(&[], "3", ""))];
    assert_eq!(words("v1.35.0", &some, script, 2).await, "started(x) listed(x)");
    let none = WatchSpec { namespaces: Some([].into()), ..maps() };
    assert_eq!(words("v1.35.0", &none, Vec::new(), 2).await, "started listed");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_version_is_asked_for_where_it_matters() {
    let script = vec![
        ok(CACHE, list(&[], "3", "")),
        failure(410),
        ok(&["/version"], json!({"gitVersion": "v1.30.1"})),
        ok(FIRST_PAGE, list(&["a"], "5", "")),
    ];
    let watches = Watches::new(scripted(script), ClusterName::new("c"), 7);
    let items: Vec<String> = watches.watch(&maps()).take(5).map(word).collect().await;
    assert_eq!(items.join(" "), "started listed started a listed");
}

fn table(name: &str, version: &str) -> Value {
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
        "columnDefinitions": [{"name": "Name", "format": "name", "type": "string"}, {"name": "Size", "type": "integer"}],
        "rows": [{"cells": [name, 7], "object": {"metadata": {"name": name, "resourceVersion": version}}}]})
}

#[tokio::test(start_paused = true)]
async fn a_kind_of_an_aggregated_api_comes_as_tables() {
    let script = vec![
        failure(404),
        ok(&["/apis/metrics.example.org/v1/gauges?", "limit=500"], table("a", "4")),
        ok(
            &["watch=true", "resourceVersion=4"],
            [event("ADDED", &table("b", "5")), event("DELETED", &table("a", "6"))].concat(),
        ),
        failure(410),
        ok(&["limit=500"], table("b", "8")),
    ];
    let gauges = spec(kind("metrics.example.org", "Gauge", "gauges"));
    assert_eq!(words("v1.35.0", &gauges, script, 8).await, "started a listed b -a started b listed");
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_cannot_be_watched_is_listed_again_after_a_while() {
    let mut gauge = kind("", "Gauge", "gauges");
    gauge.verbs.pop();
    let script = vec![ok(FIRST_PAGE, table("a", "4")), ok(FIRST_PAGE, table("b", "5"))];
    assert_eq!(words("v1.35.0", &spec(gauge), script, 6).await, "started a listed started b listed");
}

/// K5: a list that may not be watched comes again every 30 s, in pages, and each time the watch is tried.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_watched_is_listed_again_until_it_may() {
    let script = vec![
        ok(CACHE, list(&["a"], "1", "")),
        failure(403),
        ok(FIRST_PAGE, list(&["a", "b"], "2", "")),
        failure(403),
        ok(FIRST_PAGE, list(&["b"], "3", "")),
        ok(&["watch=true", "resourceVersion=3"], event("ADDED", &map("c", 4))),
    ];
    let began = tokio::time::Instant::now();
    let all = words("v1.35.0", &maps(), script, 13).await;
    assert_eq!(all, "started a listed unwatched started a b listed started b listed watched c");
    assert_eq!(began.elapsed().as_secs(), 60, "half a minute between two lists");
}

/// K5: a streamed list is a watch to the server; where that is denied, the list comes in pages.
#[tokio::test(start_paused = true)]
async fn a_streamed_list_that_is_denied_becomes_pages() {
    let script = vec![
        ok(CACHE, broken()),
        Exchange { expects: STREAM, ..failure(403) },
        ok(FIRST_PAGE, list(&["a"], "2", "")),
        failure(403),
    ];
    let all = words("v1.35.0", &maps(), script, 7).await;
    assert!(all.starts_with("started a ! ") && all.ends_with("started a listed unwatched"), "{all}");
}

/// K5: the same where the server makes the rows.
#[tokio::test(start_paused = true)]
async fn tables_that_may_not_be_watched_are_listed_again_until_they_may() {
    let script = vec![
        failure(404),
        ok(FIRST_PAGE, table("a", "4")),
        failure(403),
        ok(FIRST_PAGE, table("b", "5")),
        failure(403),
        ok(FIRST_PAGE, table("c", "6")),
        ok(&["watch=true", "resourceVersion=6"], event("ADDED", &table("d", "7"))),
    ];
    let gauges = spec(kind("metrics.example.org", "Gauge", "gauges"));
    let all = words("v1.35.0", &gauges, script, 12).await;
    assert_eq!(all, "started a listed unwatched started b listed started c listed watched d");
}
