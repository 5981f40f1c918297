//! Ports of single clusters, which come and go with them.

use super::*;
use quarterdeck::engine::proxy::listen::identity::Identity;
use quarterdeck::engine::proxy::listen::{Listeners, Trust};
use tokio::net::TcpStream;

const ALPHA: &str = "home: alpha\nclusters: [ALPHA]\n";
const BOTH: &str = "home: alpha\nclusters: [ALPHA, BETA]\n";

async fn put(whole: &Whole, routing: &str, servers: &[&Script]) -> Result<(), admin::Trouble> {
    write(whole.folder.path(), &filled(routing, servers));
    whole.admin.reload().await
}

/// Where a cluster's port is, as the proxy shows it.
async fn port_of(whole: &Whole, cluster: &str) -> Option<SocketAddr> {
    let (routes, only) = (whole.admin.routes().await.expect("a picture"), format!(" ({cluster} only)"));
    let found = routes.listeners.iter().find_map(|listener| listener.strip_suffix(&only)?.strip_prefix("https://"));
    found.map(|address| address.parse().expect("an address"))
}

fn kubeconfig(whole: &Whole) -> String {
    fs::read_to_string(whole.folder.path().join("state/published/kubeconfig")).expect("it is published")
}

/// The first of two neighbours that are free, below the ports that the system gives to others.
fn two_free() -> u16 {
    let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(20_000..30_000))
        .find(|&port| is_free(port) && is_free(port + 1))
        .expect("two are free")
}

#[tokio::test]
async fn a_cluster_that_a_reload_adds_gets_a_port() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::with(ALPHA, &[&alpha], |options| options.per_cluster = Some(0)).await;
    assert_eq!(port_of(&whole, "beta").await, None);
    put(&whole, BOTH, &[&alpha, &beta]).await.expect("it is in force");
    let at = port_of(&whole, "beta").await.expect("it has a port");
    assert_eq!(port_of(&whole, "alpha").await, whole.each.first().copied(), "the others keep theirs");
    assert_eq!(whole.connect_to(at).await.server("/api/v1/namespaces/other/pods").await, "beta");
    let published = kubeconfig(&whole);
    assert!(published.contains(&format!("- name: \"beta\"\n  cluster:\n    server: \"https://{at}\"")), "{published}");
}

#[tokio::test]
async fn the_port_of_a_removed_cluster_is_closed_and_what_runs_there_ends_in_good_order() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::with(BOTH, &[&alpha, &beta], |options| options.per_cluster = Some(0)).await;
    let at = whole.each[1];
    let (mut watching, mut working) = (whole.connect_to(at).await, whole.connect_to(at).await);
    let watch = watching.get("/api/v1/namespaces/other/pods?watch=true").await;
    beta.turn(|knobs| knobs.slow_head = Duration::from_millis(300));
    let work = tokio::spawn(async move { working.server("/api/v1/namespaces/other/pods").await });
    beta.until("it is asked", |b| b.asked().len() == 2).await;
    put(&whole, ALPHA, &[&alpha]).await.expect("it is in force");
    assert!(TcpStream::connect(at).await.is_err(), "nobody is let in any more");
    assert_eq!(port_of(&whole, "beta").await, None);
    assert!(!kubeconfig(&whole).contains("beta"));
    assert_eq!(work.await.expect("no panic"), "beta", "what was asked is answered");
    assert_eq!(text(watch.into_body()).await, "", "the watch ends, and its client lists elsewhere");
    put(&whole, BOTH, &[&alpha, &beta]).await.expect("it is in force");
    assert_eq!(port_of(&whole, "beta").await, Some(at), "it finds its port again");
    assert_eq!(whole.connect_to(at).await.server("/api/v1/namespaces/other/pods").await, "beta");
}

#[tokio::test]
async fn what_does_not_end_in_time_at_a_removed_port_is_cut() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let whole = Whole::with(BOTH, &[&alpha, &beta], |options| {
        (options.per_cluster, options.drain) = (Some(0), Duration::from_millis(100));
    })
    .await;
    let mut working = whole.connect_to(whole.each[1]).await;
    beta.turn(|knobs| knobs.slow_head = 2 * PATIENCE);
    let request = working.request("GET", "/api/v1/namespaces/other/pods").body(Full::default()).expect("a request");
    let work = tokio::spawn(async move { working.connection.send_request(request).await.is_err() });
    beta.until("it is asked", |b| b.asked().len() == 1).await;
    put(&whole, ALPHA, &[&alpha]).await.expect("it is in force");
    assert!(timeout(PATIENCE, work).await.expect("in time").expect("no panic"), "its connection is cut");
    assert_eq!(whole.connect().await.server("/api/v1/namespaces/other/pods").await, "alpha", "others are not");
}

#[tokio::test]
async fn a_port_is_never_given_to_another_cluster() {
    let (alpha, beta, gamma) =
        (Script::start("alpha").await, Script::start("beta").await, Script::start("gamma").await);
    let first = two_free();
    let whole = Whole::with(BOTH, &[&alpha, &beta], |options| options.per_cluster = Some(first)).await;
    put(&whole, "home: alpha\nclusters: [GAMMA, ALPHA]\n", &[&alpha, &gamma]).await.expect("it is in force");
    assert_eq!(port_of(&whole, "alpha").await.map(|at| at.port()), Some(first));
    assert_eq!(port_of(&whole, "gamma").await.map(|at| at.port()), Some(first + 2), "the next was beta's");
}

#[tokio::test]
async fn a_port_is_not_given_to_another_cluster_by_a_restart() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let first = two_free();
    let each = |options: &mut ServeOptions| options.per_cluster = Some(first);
    let mut whole = Whole::with(BOTH, &[&alpha, &beta], each).await;
    whole.drain().await;
    let turned = "home: alpha\nclusters: [BETA, ALPHA]\n";
    let mut whole = Whole::over(whole.folder, turned, &[&alpha, &beta], each).await;
    assert_eq!(port_of(&whole, "alpha").await.map(|at| at.port()), Some(first));
    assert_eq!(port_of(&whole, "beta").await.map(|at| at.port()), Some(first + 1));
    let at = port_of(&whole, "beta").await.expect("it has a port");
    assert_eq!(whole.connect_to(at).await.server("/api/v1/namespaces/other/pods").await, "beta");
    whole.drain().await;
    // Ports from elsewhere on are other ports.
    let elsewhere = |options: &mut ServeOptions| options.per_cluster = Some(0);
    let whole = Whole::over(whole.folder, turned, &[&alpha, &beta], elsewhere).await;
    let ports: Vec<u16> = whole.each.iter().map(SocketAddr::port).collect();
    assert!(!ports.contains(&first) && !ports.contains(&(first + 1)), "{ports:?}");
}

#[tokio::test]
async fn ports_that_were_kept_and_cannot_be_read_are_no_empty_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = ServeOptions::under(folder.path().join("state"));
    options.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    options.per_cluster = Some(0);
    let identity = Arc::new(Identity::load(&options, Clock::Wall.start().moment().wall).expect("made"));
    let bind = || Listeners::bind(&options, &identity, &Trust::default(), &[Arc::from("alpha")], Inherited::default());
    drop(bind().expect("it listens"));
    let file = options.state_dir.join("ports.json");
    let kept = fs::read_to_string(&file).expect("kept");
    for damaged in ["", "{", &kept.replace("\"version\":1", "\"version\":2")] {
        fs::write(&file, damaged).expect("written");
        let refused = format!("{:?}", bind().expect_err("it is refused"));
        assert!(refused.contains("ports.json") && refused.contains("ports are given anew"), "{refused}");
    }
}

#[tokio::test]
async fn a_port_that_cannot_be_had_refuses_the_reload() {
    let (alpha, beta) = (Script::start("alpha").await, Script::start("beta").await);
    let first = two_free();
    let whole = Whole::with(ALPHA, &[&alpha], |options| options.per_cluster = Some(first)).await;
    let other = std::net::TcpListener::bind(("127.0.0.1", first + 1)).expect("it is free");
    let refused = format!("{:?}", put(&whole, BOTH, &[&alpha, &beta]).await.expect_err("it is refused"));
    assert!(refused.contains(&format!("cluster beta: cannot listen on https://127.0.0.1:{}", first + 1)), "{refused}");
    let routes = whole.admin.routes().await.expect("a picture");
    assert_eq!(routes.clusters.len(), 1, "the configuration before stays whole");
    drop(other);
    whole.admin.reload().await.expect("it is in force");
    assert_eq!(port_of(&whole, "beta").await.map(|at| at.port()), Some(first + 1));
}
