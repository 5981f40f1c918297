//! What the tester says is what happens.

use super::*;
use http::header::WARNING;

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
