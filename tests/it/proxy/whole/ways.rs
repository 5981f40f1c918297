//! Which way requests go, and what of them arrives.

use super::*;
use crate::proxy::script::Reply;
use http::header::{CONNECTION, ETAG, IF_NONE_MATCH, TRANSFER_ENCODING, WARNING};

const TWO: &str = "
home: alpha
clusters:
- ALPHA
- BETA
rules:
- name: production
  priority: 10
  conditions: [{type: namespace, operator: equals, value: production}]
  actions: {targetCluster: beta}
- name: no-deletes
  priority: 20
  conditions: [{type: verb, operator: equals, value: delete}]
  actions: {deny: nothing is deleted here}
- name: copied
  priority: 5
  conditions: [{type: namespace, operator: equals, value: copied}]
  actions: {targetCluster: alpha, mirror: beta}
";

async fn two() -> (Script, Script, Whole) {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(TWO, &[&alpha, &beta]).await;
    (alpha, beta, whole)
}

#[tokio::test]
async fn a_request_goes_by_rule_and_with_the_clusters_own_credential() {
    let (alpha, beta, whole) = two().await;
    let mut caller = whole.connect().await;
    assert_eq!(caller.server("/api/v1/namespaces/production/pods?limit=1").await, "beta");
    assert_eq!(caller.server("/api/v1/namespaces/other/pods").await, "alpha");
    let asked = beta.asked().pop().expect("it was asked");
    assert_eq!(asked.uri, "/api/v1/namespaces/production/pods?limit=1");
    assert_eq!(asked.header("authorization"), "Bearer beta-token");
    assert!(!asked.header("audit-id").is_empty());
    assert_eq!(alpha.asked().len(), 1);
    let (status, body) = {
        let request = caller.request("DELETE", "/api/v1/namespaces/production/pods/p").body(Full::default());
        let answer = caller.send(request.expect("a request")).await;
        (answer.status(), text(answer.into_body()).await)
    };
    assert_eq!(status, 403);
    assert!(body.contains("nothing is deleted here"), "{body}");
    assert_eq!((alpha.asked().len(), beta.asked().len()), (1, 1), "a denied request goes nowhere");
    let routes = whole.admin.routes().await.expect("a picture");
    let tail: Vec<(&str, &str, u16)> = routes.tail.iter().map(|e| (&*e.rule, &*e.cluster, e.code)).collect();
    assert_eq!(tail, [("production", "beta", 200), ("", "alpha", 200), ("no-deletes", "", 403)]);
    assert_eq!(routes.rules.iter().map(|rule| rule.hits).collect::<Vec<_>>(), [1, 1, 0]);
}

#[tokio::test]
async fn who_is_not_known_is_turned_away_before_anything_else() {
    let (alpha, beta, whole) = two().await;
    let mut stranger = whole.connect().await;
    stranger.token = "wrong".to_owned();
    assert_eq!(stranger.read("/api/v1/namespaces/production/pods").await.0, 401);
    assert!(alpha.asked().is_empty() && beta.asked().is_empty());
}

#[tokio::test]
async fn a_list_over_all_namespaces_says_that_one_cluster_answered() {
    let (_alpha, _beta, whole) = two().await;
    let mut caller = whole.connect().await;
    let whole_list = caller.get("/api/v1/pods").await;
    let warning = whole_list.headers()[WARNING].to_str().expect("text").to_owned();
    assert!(warning.contains("cluster alpha alone answered"), "{warning}");
    text(whole_list.into_body()).await;
    let nodes = caller.get("/api/v1/nodes").await;
    assert!(!nodes.headers().contains_key(WARNING), "nodes are not in namespaces");
}

#[tokio::test]
async fn without_a_home_what_no_rule_names_is_refused_but_for_discovery() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(&TWO.replace("home: alpha", ""), &[&alpha, &beta]).await;
    let mut caller = whole.connect().await;
    assert_eq!(caller.server("/version").await, "alpha");
    let (status, body) = caller.read("/api/v1/namespaces/other/pods").await;
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("there is no home cluster"), "{body}");
}

#[tokio::test]
async fn a_port_of_a_cluster_is_that_cluster() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::with(TWO, &[&alpha, &beta], |options| options.per_cluster = Some(0)).await;
    let mut caller = whole.connect_to(whole.each[1]).await;
    assert_eq!(caller.server("/api/v1/namespaces/other/pods").await, "beta");
}

#[tokio::test]
async fn a_copy_of_a_read_is_compared_and_dropped() {
    let (_alpha, beta, whole) = two().await;
    let mut caller = whole.connect().await;
    assert_eq!(caller.server("/api/v1/namespaces/copied/pods").await, "alpha");
    beta.until("the copy came", |b| b.asked().len() == 1).await;
    assert_eq!(beta.asked()[0].header("authorization"), "Bearer beta-token");
}

#[tokio::test]
async fn discovery_is_kept_and_asked_about_each_time() {
    let alpha = Script::with("alpha", |knobs| {
        knobs.answer = Some(Arc::new(|asked| {
            let is_known = asked.header(IF_NONE_MATCH.as_str()) == "\"one\"";
            let reply = if is_known { Reply::new(304, "") } else { Reply::new(200, "{\"groups\":[]}") };
            (asked.uri == "/apis").then(|| reply.header("etag", "\"one\""))
        }));
    })
    .await;
    let whole = Whole::start("home: alpha\nclusters: [ALPHA]\n", &[&alpha]).await;
    let mut caller = whole.connect().await;
    for _ in 0..3 {
        assert_eq!(caller.read("/apis").await, (200, "{\"groups\":[]}".to_owned()));
    }
    let known: Vec<String> = alpha.asked().iter().map(|a| a.header(IF_NONE_MATCH.as_str()).to_owned()).collect();
    assert_eq!(known, ["", "\"one\"", "\"one\""]);
    let request = caller.request("GET", "/apis").header(IF_NONE_MATCH, "\"one\"").body(Full::default());
    let answer = caller.send(request.expect("a request")).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()[ETAG]), (304, &"\"one\"".parse().expect("a value")));
}

#[tokio::test]
async fn a_client_of_another_world_lists_anew() {
    let (alpha, beta, whole) = two().await;
    let mut caller = whole.connect().await;
    let path = "/api/v1/namespaces/other/pods";
    assert_eq!(caller.server(path).await, "alpha");
    // The namespace moves to the other cluster.
    write(whole.folder.path(), &filled(&TWO.replace("value: production", "value: other"), &[&alpha, &beta]));
    whole.admin.reload().await.expect("it is in force");
    let (status, body) = caller.read(&format!("{path}?resourceVersion=7&watch=true")).await;
    assert_eq!(status, 200, "as an API server says it to a watch: {body}");
    assert!(body.contains("\"type\":\"ERROR\"") && body.contains("\"reason\":\"Expired\""), "{body}");
    assert_eq!(caller.server(path).await, "beta");
    let watch = caller.get(&format!("{path}?resourceVersion=7&watch=true")).await;
    assert_eq!(watch.status(), 200, "it has listed there");
}

#[tokio::test]
async fn a_connection_with_a_body_of_chunks_ends_with_its_answer() {
    let (alpha, _beta, whole) = two().await;
    let mut caller = whole.connect().await;
    let request = caller
        .request("POST", "/api/v1/namespaces/other/pods")
        .header(TRANSFER_ENCODING, "chunked")
        .body(Full::from("{}"));
    let answer = caller.send(request.expect("a request")).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()[CONNECTION]), (200, &"close".parse().expect("a value")));
    assert_eq!(alpha.asked()[0].body, "{}");
}

#[tokio::test]
async fn a_drain_lets_watches_go_at_once_and_says_so() {
    let (alpha, _beta, mut whole) = two().await;
    let mut caller = whole.connect().await;
    let mut watch = caller.get("/api/v1/namespaces/other/pods?watch=true").await;
    alpha.emit("{\"type\":\"ADDED\"}\n");
    let frame = timeout(PATIENCE, watch.body_mut().frame()).await.expect("in time").expect("a frame");
    assert_eq!(frame.expect("whole").into_data().expect("data"), "{\"type\":\"ADDED\"}\n");
    whole.ending.drain.cancel();
    assert_eq!(text(watch.into_body()).await, "", "it ends in good order");
    alpha.until("the cluster sees it, too", |a| a.gone() == 1).await;
    let drained = whole.drain().await;
    assert_eq!((drained.requests_cut, drained.streams_cut), (0, 0));
}

#[tokio::test]
async fn who_goes_away_ends_the_watch_at_the_cluster() {
    let (alpha, _beta, whole) = two().await;
    let mut caller = whole.connect().await;
    let watch = caller.get("/api/v1/namespaces/other/pods?watch=true").await;
    alpha.until("it is watched", |a| a.watching() == 1).await;
    drop((watch, caller));
    alpha.until("the watch has ended", |a| a.gone() == 1).await;
}

#[tokio::test]
async fn the_audit_says_who_goes_on_as_whom_and_not_what_the_proxy_makes_of_a_caller() {
    const AS: &str = "
home: alpha
clusters:
- ALPHA
- {name: beta, endpoint: 'https://BETA-ADDRESS', certificateData: BETA-CA, token: beta-token, mode: impersonate}
rules:
- name: as-others
  conditions: [{type: namespace, operator: equals, value: others}]
  actions: {targetCluster: alpha}
  allowImpersonation: true
- name: as-themselves
  conditions: [{type: namespace, operator: equals, value: themselves}]
  actions: {targetCluster: beta}
audit: {path: audit.log}
";
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let ca = serde_json::to_string(&beta.ca()).expect("a text");
    let routing = AS.replace("BETA-ADDRESS", &beta.address.to_string()).replace("BETA-CA", &ca);
    let mut whole = Whole::start(&routing, &[&alpha]).await;
    let mut caller = whole.connect().await;
    for namespace in ["others", "elsewhere"] {
        let request = caller.request("GET", &format!("/api/v1/namespaces/{namespace}/pods"));
        let request =
            request.header("impersonate-user", "amy").header("impersonate-group", "dev").body(Full::default());
        text(caller.send(request.expect("a request")).await.into_body()).await;
    }
    assert_eq!(caller.server("/api/v1/namespaces/themselves/pods").await, "beta");
    assert_eq!(beta.asked()[0].header("impersonate-user"), "ann");
    let log = whole.folder.path().join("audit.log");
    drop(caller);
    whole.drain().await;
    let lines = fs::read_to_string(log).expect("it is written");
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line["stage"] == "ResponseComplete")
        .map(|line| {
            (
                &line["objectRef"]["namespace"],
                &line["user"]["username"],
                &line["impersonatedUser"],
                &line["responseStatus"]["code"],
            )
        })
        .collect();
    let amy = serde_json::json!({"username": "amy", "groups": ["dev", "system:authenticated"]});
    let (none, ann) = (serde_json::Value::Null, serde_json::Value::from("ann"));
    let expected = [
        (&"others".into(), &ann, &amy, &200.into()),
        (&"elsewhere".into(), &ann, &none, &403.into()),
        (&"themselves".into(), &ann, &none, &200.into()),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_unix_socket_carries_both_protocols_without_a_token() {
    let (alpha, folder) = (Script::start("alpha").await, tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("qd.sock");
    let own = rustix::process::getuid().as_raw();
    let routing = format!("home: alpha\nclusters: [ALPHA]\ncallers: {{uids: {{'{own}': ann}}}}\n");
    let socket = Address::Unix(path.clone());
    let _whole = Whole::with(&routing, &[&alpha], |options| options.listen.push(socket)).await;
    let stream = tokio::net::UnixStream::connect(&path).await.expect("it listens");
    let (mut h2, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    let asked = Request::get("http://localhost/api/v1/namespaces/a/pods").body(Full::<Bytes>::default());
    let answer = h2.send_request(asked.expect("a request")).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), alpha.asked().len()), (200, 1));
    let stream = tokio::net::UnixStream::connect(&path).await.expect("it listens");
    let (mut h1, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    let asked = Request::get("/api/v1/namespaces/a/pods").header("host", "localhost").body(Full::<Bytes>::default());
    let answer = h1.send_request(asked.expect("a request")).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), alpha.asked().len()), (200, 2));
}
