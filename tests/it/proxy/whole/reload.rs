//! Configurations that come and go while requests do.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};

const ONE: &str = "
home: alpha
clusters:
- ALPHA
- BETA
rules:
- name: by-name
  priority: 10
  conditions: [{type: namespace, operator: equals, value: production}]
  actions: {targetCluster: beta}
";

#[tokio::test]
async fn a_bad_configuration_is_refused_whole_and_the_one_before_stays() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(ONE, &[&alpha, &beta]).await;
    let mut caller = whole.connect().await;
    write(whole.folder.path(), &filled(&ONE.replace("targetCluster: beta", "targetCluster: gamma"), &[&alpha, &beta]));
    let refused = format!("{:?}", whole.admin.reload().await.expect_err("it is refused"));
    assert!(refused.contains("gamma"), "{refused}");
    assert_eq!(caller.server("/api/v1/namespaces/production/pods").await, "beta");
    let reload = whole.admin.routes().await.expect("a picture").reload;
    assert!(reload.refused.is_some_and(|why| why.contains("routing.yaml:10")), "file and line");
    write(whole.folder.path(), &filled(&ONE.replace("targetCluster: beta", "targetCluster: alpha"), &[&alpha, &beta]));
    whole.admin.reload().await.expect("it is in force");
    assert_eq!(caller.server("/api/v1/namespaces/production/pods").await, "alpha");
    assert_eq!(whole.admin.routes().await.expect("a picture").reload.refused, None);
}

#[tokio::test]
async fn each_client_of_a_caller_is_told_of_a_move() {
    const LIST: &str = "/api/v1/namespaces/production/pods";
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(ONE, &[&alpha, &beta]).await;
    let mut informers = [whole.connect().await, whole.connect().await];
    for informer in &mut informers {
        assert_eq!(informer.server(LIST).await, "beta");
        assert_eq!(informer.server(&format!("{LIST}?resourceVersion=7")).await, "beta");
    }
    write(whole.folder.path(), &filled(&ONE.replace("targetCluster: beta", "targetCluster: alpha"), &[&alpha, &beta]));
    whole.admin.reload().await.expect("it is in force");
    for informer in &mut informers {
        let (code, body) = informer.read(&format!("{LIST}?resourceVersion=7")).await;
        assert!(code == 410 && body.contains("Expired"), "{code} {body}");
        // It lists anew, and goes on from there.
        assert_eq!(informer.server(LIST).await, "alpha");
        assert_eq!(informer.server(&format!("{LIST}?resourceVersion=9")).await, "alpha");
    }
    assert!(!alpha.asked().iter().any(|asked| asked.uri.ends_with("=7")), "no version went to another world");
}

#[tokio::test]
async fn a_configuration_refused_at_its_last_step_lets_no_connection_go() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(ONE, &[&alpha, &beta]).await;
    let mut caller = whole.connect().await;
    assert_eq!(caller.server("/api/v1/namespaces/production/pods").await, "beta");
    fs::write(whole.folder.path().join("ca.pem"), "no certificate").expect("written");
    let without_beta = "
home: alpha
clusters:
- ALPHA
callers: {clientCAFile: ca.pem}
";
    write(whole.folder.path(), &filled(without_beta, &[&alpha]));
    let refused = format!("{:?}", whole.admin.reload().await.expect_err("it is refused"));
    assert!(refused.contains("the authority of client certificates is unusable"), "{refused}");
    assert_eq!(caller.server("/api/v1/namespaces/production/pods").await, "beta");
    let came_on: Vec<u32> = beta.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(came_on.first(), came_on.last(), "over the connection it had");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_no_request() {
    const RELOADS: usize = 20;
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(ONE, &[&alpha, &beta]).await;
    let ended = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for number in 0..4 {
        let (mut caller, ended) = (whole.connect().await, Arc::clone(&ended));
        clients.push(tokio::spawn(async move {
            let mut sent = 0_usize;
            while !ended.load(Ordering::Relaxed) {
                let namespace = if sent.is_multiple_of(2) { "production" } else { "other" };
                caller.server(&format!("/api/v1/namespaces/{namespace}/pods?limit={number}")).await;
                sent += 1;
            }
            sent
        }));
    }
    for round in 0..RELOADS {
        let target = if round % 2 == 0 { "alpha" } else { "beta" };
        let routing = ONE.replace("targetCluster: beta", &format!("targetCluster: {target}"));
        write(whole.folder.path(), &filled(&routing, &[&alpha, &beta]));
        whole.admin.reload().await.expect("it is in force");
    }
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        // Each answer was looked at by the client itself.
        assert!(client.await.expect("every request was answered") > 0);
    }
}

/// P3: the setting that the refusal names.
#[tokio::test]
async fn an_origin_is_allowed_by_the_configuration() {
    const PATH: &str = "/api/v1/namespaces/production/pods";
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::start(ONE, &[&alpha, &beta]).await;
    let mut caller = whole.connect().await;
    for (more, expected) in [("", 403), ("callers: {allowedOrigins: [https://console.example]}\n", 200), ("", 403)] {
        write(whole.folder.path(), &filled(&format!("{ONE}{more}"), &[&alpha, &beta]));
        whole.admin.reload().await.expect("it is in force");
        let request = caller.request("GET", PATH).header("origin", "https://console.example").body(Full::default());
        let answer = caller.send(request.expect("a request")).await;
        assert_eq!(answer.status(), expected, "{more}");
        text(answer.into_body()).await;
    }
    let own = format!("https://{}", whole.address);
    let request = caller.request("GET", PATH).header("origin", own).body(Full::default());
    assert_eq!(caller.send(request.expect("a request")).await.status(), 200);
    assert_eq!(beta.asked().len(), 2);
    assert!(beta.asked().iter().all(|asked| asked.header("origin").is_empty()), "it ends here");
}
