//! The inventory over files: what is read, what a bad file gets, what a change does.

mod hub;
mod scripted;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use quarterdeck::config::{Environment, Flags, load};
use quarterdeck::engine::cluster::{Inventory as _, Listing};
use quarterdeck::engine::k8s::endpoint::Endpoints;
use quarterdeck::engine::k8s::inventory::{FleetInventory, Kubeconfigs};
use quarterdeck::model::cluster::Source;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a busy machine; a test that waits this long has failed.
const DEADLINE: Duration = Duration::from_secs(30);

struct Home {
    root: tempfile::TempDir,
    environment: Environment,
}

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let home = Self { environment: Environment::under(root.path()), root };
        for (path, text) in files {
            home.write(path, text);
        }
        home
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    fn inventory(&self, flags: &Flags) -> (FleetInventory, Endpoints) {
        let config = load(flags, &self.environment).unwrap().config;
        let endpoints = Endpoints::default();
        (FleetInventory::new(Arc::new(config), Arc::new(self.environment.clone()), endpoints.clone()), endpoints)
    }

    fn listings(&self) -> BoxStream<'static, Listing> {
        self.inventory(&Flags::default()).0.entries(false)
    }

    async fn first(&self) -> Listing {
        next(&mut self.listings()).await
    }
}

async fn next(listings: &mut BoxStream<'static, Listing>) -> Listing {
    tokio::time::timeout(DEADLINE, listings.next()).await.expect("a listing in time").expect("a listing")
}

/// The first listing that is as wanted.
async fn until(listings: &mut BoxStream<'static, Listing>, wanted: impl Fn(&Listing) -> bool) -> Listing {
    loop {
        let listing = next(listings).await;
        if wanted(&listing) {
            return listing;
        }
    }
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.entries.iter().map(|e| e.name.as_str()).collect()
}

fn kubeconfig(contexts: &[&str]) -> String {
    let list = |f: fn(&str) -> String| contexts.iter().map(|c| f(c)).collect::<Vec<_>>().join(", ");
    format!(
        "current-context: {}\ncontexts: [{}]\nclusters: [{}]\nusers: [{}]\n",
        contexts.first().unwrap_or(&"none"),
        list(|c| format!("{{name: {c}, context: {{cluster: {c}, user: {c}}}}}")),
        list(|c| format!("{{name: {c}, cluster: {{server: 'https://{c}.example.com'}}}}")),
        list(|c| format!("{{name: {c}, user: {{token: token-of-{c}}}}}")),
    )
}

const USUAL: &str = ".kube/config";

#[tokio::test]
async fn without_a_kubeconfig_the_next_step_is_said() {
    let home = Home::new(&[]);
    let listing = home.first().await;
    assert!(listing.entries.is_empty() && listing.pending.is_empty());
    assert_eq!(
        listing.warnings,
        ["~/.kube/config: no such file; name another kubeconfig with --kubeconfig or KUBECONFIG, or try `qd --demo`"]
    );
}

#[tokio::test]
async fn a_bad_file_is_a_warning_and_the_others_work() {
    let mut home = Home::new(&[
        ("good", &kubeconfig(&["eu"])),
        ("empty", ""),
        ("malformed", "apiVersion: v1\ncontexts:\n- name: [\n"),
        ("binary", "\u{0}\u{1}\u{2}"),
    ]);
    std::fs::create_dir(home.path("folder")).unwrap();
    std::fs::write(home.path("latin"), [0xff, 0xfe, 0x00]).unwrap();
    let list = ["empty", "malformed", "binary", "missing", "folder", "latin", "good"].map(|n| home.path(n));
    home.environment.kubeconfig = Some(std::env::join_paths(list).unwrap());
    let listing = home.first().await;
    assert_eq!(names(&listing), ["eu"]);
    assert_eq!(listing.current.unwrap().as_str(), "eu");
    let starts = [
        "kubeconfig ~/empty: is empty",
        "kubeconfig ~/malformed:",
        "kubeconfig ~/binary:1: ",
        "~/missing: no such file",
        "kubeconfig ~/folder: cannot be read: is a directory",
        "kubeconfig ~/latin: is not text",
    ];
    assert_eq!(listing.warnings.len(), starts.len(), "{:#?}", listing.warnings);
    for (warning, start) in listing.warnings.iter().zip(starts) {
        assert!(warning.starts_with(start), "{warning}");
    }
}

#[tokio::test]
async fn an_unreadable_file_and_one_without_end_are_warnings() {
    let mut home = Home::new(&[("good", &kubeconfig(&["eu"])), ("secret", "")]);
    let huge = std::fs::File::create(home.path("huge")).unwrap();
    huge.set_len(17 << 20).unwrap();
    // A link to itself cannot be opened even by root.
    std::os::unix::fs::symlink(home.path("loop"), home.path("loop")).unwrap();
    let list = ["huge", "loop", "good"].map(|n| home.path(n));
    home.environment.kubeconfig = Some(std::env::join_paths(list).unwrap());
    let listing = home.first().await;
    assert_eq!(names(&listing), ["eu"]);
    assert_eq!(listing.warnings[0], "kubeconfig ~/huge: is larger than 16 MiB");
    assert!(listing.warnings[1].starts_with("kubeconfig ~/loop: cannot be read: "), "{:?}", listing.warnings);
}

#[tokio::test]
async fn clusters_come_and_go_with_the_file_which_is_never_written() {
    let text = kubeconfig(&["eu"]);
    let home = Home::new(&[(USUAL, &text)]);
    let mut listings = home.listings();
    assert_eq!(names(&next(&mut listings).await), ["eu"]);
    assert_eq!(std::fs::read_to_string(home.path(USUAL)).unwrap(), text);
    home.write(USUAL, &kubeconfig(&["eu", "us"]));
    let listing = until(&mut listings, |l| l.entries.len() == 2).await;
    assert_eq!(names(&listing), ["eu", "us"]);
    // Broken by an edit: nothing is lost.
    home.write(USUAL, "contexts: [");
    let listing = until(&mut listings, |l| !l.warnings.is_empty()).await;
    assert_eq!(names(&listing), ["eu", "us"]);
    assert!(listing.warnings[0].contains("kept as they were"), "{:?}", listing.warnings);
    // Replaced, as editors do.
    home.write("new", &kubeconfig(&["us"]));
    std::fs::rename(home.path("new"), home.path(USUAL)).unwrap();
    let listing = until(&mut listings, |l| l.warnings.is_empty()).await;
    assert_eq!(names(&listing), ["us"]);
    std::fs::remove_file(home.path(USUAL)).unwrap();
    let listing = until(&mut listings, |l| l.entries.is_empty()).await;
    assert_eq!(listing.current, None);
}

#[tokio::test]
async fn a_changed_credential_changes_the_fingerprint_and_nothing_else() {
    let home = Home::new(&[(USUAL, &kubeconfig(&["eu"]))]);
    let mut listings = home.listings();
    let before = next(&mut listings).await;
    home.write(USUAL, &kubeconfig(&["eu"]).replace("token-of-eu", "another"));
    let after = next(&mut listings).await;
    assert_ne!(before.entries[0].endpoint, after.entries[0].endpoint);
    assert_eq!(before.entries[0].name, after.entries[0].name);
}

#[tokio::test]
async fn the_mapping_and_the_configuration_shape_the_entries() {
    let home = Home::new(&[
        (USUAL, &kubeconfig(&["eks-us-west", "lab"])),
        (
            ".kube/kubectl-mc-clusters.yaml",
            "apiVersion: kubectl-mc.k8s.io/v1alpha1
kind: ClusterMapping
clusters:
- {name: prod-us-west-1, context: eks-us-west, cloudProvider: aws, region: us-west-2, namespace: pay}
- {name: on-prem, context: gone}
",
        ),
        (
            ".config/quarterdeck/config.yaml",
            "timeout: 9s
groups:
  home: {folders: ~/.kube}
clusters:
- {names: 'prod-*', groups: prod}
- {names: lab, alias: sandbox, access: read-only, timeout: 2s}
",
        ),
    ]);
    let (inventory, endpoints) = home.inventory(&Flags::default());
    let listing = next(&mut inventory.entries(false)).await;
    assert_eq!(names(&listing), ["prod-us-west-1", "sandbox", "on-prem"]);
    let prod = &listing.entries[0];
    assert_eq!((prod.provider.as_str(), prod.region.as_str(), prod.namespace.as_str()), ("aws", "us-west-2", "pay"));
    assert_eq!(prod.context.as_deref(), Some("eks-us-west"));
    assert_eq!(prod.groups, ["home", "prod"]);
    assert_eq!(prod.sources.len(), 2);
    assert_eq!((prod.timeout_s, listing.entries[1].timeout_s), (9, 2));
    assert_eq!(endpoints.get(&prod.name).unwrap().server, "https://eks-us-west.example.com");
    assert!(endpoints.get(&listing.entries[2].name).is_none());
    let defect = listing.entries[2].defect.as_deref().unwrap();
    assert_eq!(defect, "~/.kube/kubectl-mc-clusters.yaml:5: context gone is in no kubeconfig file");
}

#[tokio::test]
async fn a_pod_finds_its_own_cluster() {
    let mut home = Home::new(&[("serviceaccount/token", "t"), ("serviceaccount/namespace", "pay\n")]);
    home.environment.service_host = Some("fd00::1".to_owned());
    home.environment.service_port = Some("443".to_owned());
    let (inventory, endpoints) = home.inventory(&Flags::default());
    let listing = next(&mut inventory.entries(false)).await;
    let own = &listing.entries[0];
    assert_eq!((own.name.as_str(), own.namespace.as_str()), ("in-cluster", "pay"));
    assert_eq!(own.sources, [Source::InCluster]);
    assert!(own.current);
    assert_eq!(endpoints.get(&own.name).unwrap().server, "https://[fd00::1]:443");
    // A kubeconfig goes first.
    home.write(USUAL, &kubeconfig(&["eu"]));
    assert_eq!(names(&home.first().await), ["eu"]);
}

#[tokio::test]
async fn a_kubeconfig_in_memory_needs_no_disk() {
    let home = Home::new(&[(USUAL, &kubeconfig(&["real"]))]);
    let (inventory, _) = home.inventory(&Flags::default());
    let memory = Kubeconfigs::Memory { label: "demo".to_owned(), text: kubeconfig(&["a", "b"]) };
    assert!(!format!("{memory:?}").contains("token-of"));
    let listing = next(&mut inventory.with(memory).entries(false)).await;
    assert_eq!(names(&listing), ["a", "b"]);
    assert_eq!(listing.current.unwrap().as_str(), "a");
}

#[tokio::test]
async fn a_kubeconfig_on_the_command_line_is_the_only_one() {
    let home = Home::new(&[(USUAL, &kubeconfig(&["usual"])), ("other", &kubeconfig(&["x", "y"]))]);
    let flags = Flags {
        kubeconfig: Some(Path::new("other").to_path_buf()),
        context: Some("y".to_owned()),
        read_only: true,
        ..Flags::default()
    };
    let listing = next(&mut home.inventory(&flags).0.entries(false)).await;
    assert_eq!(names(&listing), ["x", "y"]);
    assert_eq!(listing.current.unwrap().as_str(), "y");
    assert!(listing.entries.iter().all(|e| e.access == quarterdeck::model::cluster::Access::ReadOnly));
}
