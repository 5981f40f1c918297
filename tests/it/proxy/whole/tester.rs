//! What the tester says is what happens.

use super::*;
use crate::fleet::Home;
use http::header::WARNING;
use quarterdeck::model::proxy::TrafficState;

const RULES: &str = "
home: alpha
clusters:
- ALPHA
- BETA
rules:
- name: no-deletes
  priority: 30
  conditions: [{type: verb, value: delete}]
  actions: {deny: nothing is deleted here}
- name: production
  priority: 20
  conditions: [{type: namespace, value: production}]
  actions: {targetCluster: beta}
- name: anns
  priority: 10
  conditions: [{type: user, value: ann}, {type: name, operator: prefix, value: a-}]
  actions: {targetClusters: [alpha, beta], loadBalancing: round-robin}
";

const REQUESTS: &[(&str, &str)] = &[
    ("GET", "/api/v1/namespaces/production/pods"),
    ("GET", "/api/v1/namespaces/production/pods/a-1/log"),
    ("GET", "/api/v1/namespaces/other/pods"),
    ("GET", "/api/v1/pods"),
    ("GET", "/api/v1/nodes"),
    ("GET", "/version"),
    ("GET", "/api/v1/namespaces/one/pods/a-1"),
    ("GET", "/api/v1/namespaces/two/pods/a-1"),
    ("GET", "/api/v1/namespaces/one/pods/a-2"),
    ("DELETE", "/api/v1/namespaces/production/pods/a"),
    ("DELETE", "/api/v1/namespaces/production/pods"),
    ("PUT", "/api/v1/namespaces/production/pods/a"),
    ("GET", "/api/v1/namespaces/a%2Fb/pods"),
    ("GET", "/api/v1/namespaces//pods"),
];

#[tokio::test]
async fn what_the_tester_says_happens() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(RULES, &[&alpha, &beta]).await;
    let mut caller = whole.connect().await;
    for (method, path) in REQUESTS {
        let explained = whole.admin.explain(&format!("{method} {path}")).await.expect("an explanation");
        let request = caller.request(method, path).body(Full::default()).expect("a request");
        let answer = caller.send(request).await;
        let (status, warned) = (answer.status().as_u16(), answer.headers().contains_key(WARNING));
        let body = text(answer.into_body()).await;
        let answered: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let server = (status == 200).then(|| answered["server"].as_str().expect("a name"));
        assert_eq!(server, explained.cluster.as_deref(), "{method} {path}: {status} {body}\n{explained:#?}");
        assert_eq!(warned, !explained.warnings.is_empty(), "{method} {path}: {explained:#?}");
        if status == 400 {
            // Nothing was understood of it, so nothing is shown.
            continue;
        }
        let rule = whole.admin.routes().await.expect("a picture").tail.last().expect("it is there").rule.clone();
        assert_eq!(rule, explained.rule.unwrap_or_default(), "{method} {path}");
    }
    let command = whole.admin.explain("kubectl apply -f x.yaml").await.expect_err("no files are read");
    assert!(format!("{command:?}").contains("qd route test"), "{command:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_takes_the_word_of_the_proxy_that_runs() {
    const EITHER: &str = "
home: alpha
clusters:
- ALPHA
- BETA
rules:
- name: either
  conditions: [{type: namespace, value: web}]
  actions: {targetClusters: [alpha, beta], loadBalancing: weighted}
";
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(EITHER, &[&alpha, &beta]).await;
    let home = Home::empty();
    let path = |name: &str| whole.folder.path().join(name).display().to_string();
    let tested = |state: &str, more: &[&str]| {
        let (routing, state) = (path("routing.yaml"), path(state));
        let words = ["route", "test", "--proxy-config", &routing, "--state-dir", &state, "-o", "json"];
        home.run(&[&words, more, &["GET", "/api/v1/namespaces/web/pods"]].concat()).json()
    };
    let alone = tested("elsewhere", &[]);
    assert_eq!(alone["health"], "no proxy runs here: every cluster is taken to be well");
    let chosen = alone["cluster"].as_str().expect("one of them").to_owned();
    assert_eq!(tested("state", &[])["cluster"], *chosen);
    whole.admin.set_traffic(&chosen, TrafficState::Blocked).await.expect("it is blocked");
    let told = tested("state", &[]);
    let at = format!("of the proxy that runs here ({}, pid {})", whole.admin.address(), std::process::id());
    assert_eq!((&told["health"], told["cluster"] == *chosen), (&at.into(), false), "{told:#}");
    assert_eq!(tested("elsewhere", &[])["cluster"], *chosen);
    let then = tested("state", &["--at", "2030-01-01T00:00:00Z"]);
    assert_eq!(then["health"], "at another time: every cluster is taken to be well");
}
