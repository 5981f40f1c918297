//! The inventory through hubs, against one that answers by script.

use super::scripted::{Hub, MANAGED, PROFILES, profile};
use super::{DEADLINE, Home, USUAL, names, next, until};
use futures::StreamExt as _;
use quarterdeck::config::Flags;
use quarterdeck::engine::cluster::{Inventory as _, Listing};
use quarterdeck::model::cluster::Source;
use serde_json::json;
use tokio::time::Instant;

/// A home with the hub and one ordinary cluster.
fn home(hub: &str) -> Home {
    let home = Home::new(&[]);
    home.write(USUAL, &kubeconfig(hub, "token-of-hub"));
    home
}

fn kubeconfig(hub: &str, token: &str) -> String {
    format!(
        "current-context: eu
contexts:
- {{name: admin@hub, context: {{cluster: hub, user: hub}}}}
- {{name: eu, context: {{cluster: eu, user: eu}}}}
clusters:
- {{name: hub, cluster: {{server: '{hub}'}}}}
- {{name: eu, cluster: {{server: 'https://eu.example.com'}}}}
users:
- {{name: hub, user: {{token: {token}}}}}
- {{name: eu, user: {{token: token-of-eu}}}}
"
    )
}

fn flags() -> Flags {
    Flags { hubs: vec!["admin@hub".to_owned()], ..Flags::default() }
}

/// The first listing in which every hub has answered.
async fn complete(home: &Home, flags: &Flags, refresh: bool) -> Listing {
    until(&mut home.inventory(flags).0.entries(refresh), |l| l.pending.is_empty()).await
}

/// As [`complete`], and nothing is asked of the hub any more once this returns.
async fn settled(home: &Home, hub: &Hub) -> Listing {
    let (inventory, _endpoints) = home.inventory(&flags());
    let mut listings = inventory.entries(false);
    let listing = until(&mut listings, |l| l.pending.is_empty()).await;
    let deadline = Instant::now() + DEADLINE;
    while !hub.is_watched() {
        assert!(Instant::now() < deadline, "the hub is watched after its list");
        tokio::task::yield_now().await;
    }
    listing
}

/// Lets every task that can go on do so, and what it sends over loopback arrive.
async fn until_quiet() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

async fn refused() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn members_are_listed_joined_and_followed() {
    let hub = Hub::start().await.serves(&[(
        PROFILES,
        vec![profile("eu-on-hub", "https://EU.example.com:443/"), profile("us", "https://us.example.com")],
    )]);
    let home = home(&hub.url);
    let (inventory, endpoints) = home.inventory(&flags());
    let mut listings = inventory.entries(false);
    let first = next(&mut listings).await;
    assert_eq!(names(&first), ["hub", "eu"], "files at once");
    assert_eq!(first.pending, ["hub admin@hub"]);
    let listing = until(&mut listings, |l| l.pending.is_empty()).await;
    assert_eq!(names(&listing), ["hub", "eu", "us"]);
    assert!(listing.warnings.is_empty(), "{:?}", listing.warnings);
    let eu = &listing.entries[1];
    assert_eq!((eu.context.as_deref(), eu.sources.len()), (Some("eu"), 2));
    assert_eq!((eu.region.as_str(), eu.claim.as_ref().unwrap().ready), ("eu-west-1", Some(true)));
    let us = &listing.entries[2];
    let (hub_name, kind) = ("admin@hub".into(), "ClusterProfile".into());
    assert_eq!(us.sources, [Source::Hub { hub: hub_name, kind, namespace: "fleet".into(), name: "us".into() }]);
    assert!(us.defect.as_deref().unwrap().contains("(google)"), "{:?}", us.defect);
    assert!(endpoints.get(&us.name).is_none());
    // Changes come by watch.
    let deadline = Instant::now() + DEADLINE;
    while !hub.is_watched() && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    hub.change(PROFILES, "ADDED", &profile("ap", "https://ap.example.com"));
    until(&mut listings, |l| names(l) == ["hub", "eu", "ap", "us"]).await;
    hub.change(PROFILES, "DELETED", &profile("us", "https://us.example.com"));
    until(&mut listings, |l| names(l) == ["hub", "eu", "ap"]).await;
}

#[tokio::test]
async fn a_provider_file_makes_members_reachable() {
    let hub = Hub::start().await.serves(&[(PROFILES, vec![profile("us", "https://us.example.com")])]);
    let home = home(&hub.url);
    home.write(
        "providers.json",
        r#"{"providers": [{"name": "google", "execConfig": {"command": "gke-gcloud-auth-plugin"}}]}"#,
    );
    let flags = Flags { provider_file: Some("providers.json".into()), ..flags() };
    let (inventory, endpoints) = home.inventory(&flags);
    let listing = until(&mut inventory.entries(false), |l| l.pending.is_empty()).await;
    let us = &listing.entries[2];
    assert_eq!(us.defect, None);
    let endpoint = endpoints.get(&us.name).unwrap();
    assert_eq!(endpoint.server, "https://us.example.com");
    assert_eq!(endpoint.user.exec.as_ref().unwrap().command, "gke-gcloud-auth-plugin");
    assert!(endpoint.user.token.is_none());
}

#[tokio::test]
async fn one_forbidden_kind_is_a_warning() {
    let managed = json!({"metadata": {"name": "ap", "resourceVersion": "3"}, "spec": {
        "managedClusterClientConfigs": [{"url": "https://ap.example.com"}]}});
    let hub = Hub::start().await.serves(&[(PROFILES, vec![]), (MANAGED, vec![managed])]);
    hub.forbid(PROFILES);
    let listing = complete(&home(&hub.url), &flags(), false).await;
    assert_eq!(names(&listing), ["hub", "eu", "ap"]);
    assert_eq!(listing.warnings.len(), 1, "{:?}", listing.warnings);
    let start = "hub admin@hub: clusterprofiles.multicluster.x-k8s.io: ";
    assert!(
        listing.warnings[0].starts_with(start) && listing.warnings[0].contains("forbidden"),
        "{:?}",
        listing.warnings
    );
}

#[tokio::test]
async fn a_hub_that_cannot_be_asked_is_a_warning() {
    let listing = complete(&home(&refused().await), &flags(), false).await;
    assert_eq!(names(&listing), ["hub", "eu"]);
    assert!(listing.warnings[0].starts_with("hub admin@hub: "), "{:?}", listing.warnings);
    let nobody = Flags { hubs: vec!["nobody".to_owned()], ..Flags::default() };
    let listing = complete(&home("http://127.0.0.1:9"), &nobody, false).await;
    assert!(listing.warnings[0].starts_with("hub nobody: no kubeconfig has this context"), "{:?}", listing.warnings);
    let hub = Hub::start().await.serves(&[]);
    let listing = complete(&home(&hub.url), &flags(), false).await;
    assert!(listing.warnings[0].contains("serves no inventory of clusters"), "{:?}", listing.warnings);
    let html = Hub::start().await;
    html.answer("/apis", 200, json!("<html>"));
    let listing = complete(&home(&html.url), &flags(), false).await;
    assert_eq!(listing.warnings.len(), 1, "{:?}", listing.warnings);
}

#[tokio::test]
async fn the_cache_answers_until_it_is_old_or_another_kubeconfig_asks() {
    let hub = Hub::start().await.serves(&[(PROFILES, vec![profile("us", "https://us.example.com")])]);
    let home = home(&hub.url);
    settled(&home, &hub).await;
    let requests = hub.requests().len();
    let mut listings = home.inventory(&flags()).0.entries(false);
    let first = next(&mut listings).await;
    assert_eq!((names(&first), first.pending.len()), (vec!["hub", "eu", "us"], 0));
    until_quiet().await;
    assert_eq!(hub.requests().len(), requests, "a fresh cache leaves the hub alone");
    drop(listings);
    let asked = hub.asked();
    complete(&home, &flags(), true).await;
    assert!(hub.asked() > asked, "--refresh asks");
    let asked = hub.asked();
    home.write(USUAL, &kubeconfig(&hub.url, "another-token"));
    complete(&home, &flags(), false).await;
    assert!(hub.asked() > asked, "another user asks for themselves");
    let folder = home.environment.cache_folder.clone().unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("token"), "{text}");
        files += 1;
    }
    assert_eq!(files, 1);
}

#[tokio::test]
async fn a_dead_hubs_members_stay_with_their_age() {
    let hub = Hub::start().await.serves(&[(PROFILES, vec![profile("us", "https://us.example.com")])]);
    let home = home(&hub.url);
    complete(&home, &flags(), false).await;
    drop(hub);
    let mut listings = home.inventory(&flags()).0.entries(true);
    let listing = until(&mut listings, |l| !l.warnings.is_empty()).await;
    assert_eq!(names(&listing), ["hub", "eu", "us"]);
    assert!(listing.warnings[0].contains("its clusters are shown as of"), "{:?}", listing.warnings);
}

#[tokio::test]
async fn a_lying_hub_is_harmless() {
    let mut escapes = profile("\u{1b}]0;owned\u{7}\u{202e}us", "https://us.example.com");
    escapes["metadata"]["name"] = json!("\u{1b}]0;owned\u{7}\u{202e}us");
    escapes["status"]["conditions"][0]["reason"] = json!("\u{1b}[2J");
    let mut path = profile("path", "https://path.example.com");
    path["status"]["accessProviders"][0]["cluster"]["certificate-authority"] = json!("/etc/passwd");
    let mut exec = profile("exec", "https://exec.example.com");
    exec["status"]["accessProviders"][0]["name"] = json!("kubeconfig");
    exec["status"]["properties"] = json!([
        {"name": "auth.exec.command", "value": "/bin/sh"}, {"name": "auth.exec.args", "value": "-c,touch owned"},
        {"name": "big", "value": "x".repeat(1 << 20)}
    ]);
    let file = profile("file", "file:///etc/shadow");
    let null =
        json!({"metadata": {"name": "null", "namespace": "fleet"}, "spec": null, "status": {"conditions": null}});
    let odd =
        json!({"metadata": {"name": "odd", "namespace": "fleet"}, "status": {"accessProviders": [{"cluster": {}}]}});
    let hub = Hub::start().await.serves(&[(PROFILES, vec![escapes, path, exec, file, null, odd])]);
    let home = home(&hub.url);
    home.write("providers.json", r#"{"providers": [{"name": "google", "execConfig": {"command": "p"}}]}"#);
    let flags = Flags { provider_file: Some("providers.json".into()), ..flags() };
    let (inventory, endpoints) = home.inventory(&flags);
    let listing = until(&mut inventory.entries(false), |l| l.pending.is_empty()).await;
    assert_eq!(listing.entries.len(), 8, "{:?}", names(&listing));
    for entry in &listing.entries {
        let shown = format!("{entry:?}");
        assert!(!shown.chars().any(char::is_control) && !shown.contains("\\u{1b}") && !shown.contains('\u{202e}'));
        assert!(shown.len() < 10_000, "{}", entry.name);
    }
    let defect = |name: &str| {
        let entry = listing.entries.iter().find(|e| e.name.as_str() == name).unwrap();
        assert!(endpoints.get(&entry.name).is_none(), "{name}");
        entry.defect.clone().unwrap()
    };
    assert!(defect("path").contains("never opened"));
    assert!(defect("exec").contains("allowExec"));
    assert!(defect("file").contains("not a URL"));
    assert!(defect("null").contains("names no address"));
    defect("odd");
}

/// How long it takes is measured (`cargo bench --bench console -- inventory`); here it is counted what it takes.
#[tokio::test]
async fn fifty_profiles_take_three_requests_and_from_the_cache_none() {
    let profiles = (0..50).map(|i| profile(&format!("c{i}"), &format!("https://c{i}.example.com"))).collect();
    let hub = Hub::start().await.serves(&[(PROFILES, profiles)]);
    let home = home(&hub.url);
    assert_eq!(settled(&home, &hub).await.entries.len(), 52);
    assert_eq!(hub.requests(), ["/apis", PROFILES, PROFILES], "discovery, one page, the watch");
    let (inventory, _endpoints) = home.inventory(&flags());
    let mut listings = inventory.entries(false);
    let cached = next(&mut listings).await;
    assert_eq!((cached.entries.len(), cached.pending.len()), (52, 0));
    until_quiet().await;
    assert_eq!(hub.requests().len(), 3, "{:?}", hub.requests());
}

#[tokio::test]
async fn karmada_members_go_through_the_hub_as_the_user() {
    let member = json!({"metadata": {"name": "m1"}, "spec": {"apiEndpoint": "https://10.0.0.1:6443"},
                        "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let hub = Hub::start().await.serves(&[("/apis/cluster.karmada.io/v1alpha1/clusters", vec![member])]);
    let home = home(&hub.url);
    let (inventory, endpoints) = home.inventory(&flags());
    let listing = until(&mut inventory.entries(false), |l| l.pending.is_empty()).await;
    let endpoint = endpoints.get(&listing.entries[2].name).unwrap();
    assert_eq!(endpoint.server, format!("{}/apis/cluster.karmada.io/v1alpha1/clusters/m1/proxy", hub.url));
    assert!(endpoint.user.token.is_some());
    drop(inventory.entries(false).next());
}
