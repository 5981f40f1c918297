//! The folder clients point at.

use super::{Rig, get};
use kube::config::{KubeConfigOptions, Kubeconfig};
use quarterdeck::engine::address::Address;
use quarterdeck::engine::proxy::listen::identity::Identity;
use quarterdeck::engine::proxy::listen::publish::Publication;
use quarterdeck::engine::proxy::options::ServeOptions;
use quarterdeck::error::{ErrorKind, UserError};
use quarterdeck::model::time::UnixSeconds;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn namespace(cluster: Option<&str>) -> String {
    cluster.map_or_else(|| "default".to_owned(), |cluster| format!("{cluster}-ns"))
}

fn options(rig: &Rig) -> ServeOptions {
    ServeOptions::under(rig.root.path().join("state"))
}

fn publish(options: &ServeOptions, rig: &Rig) -> Result<Publication, UserError> {
    let published = Publication::claim(options)?;
    published.write(&rig.identity, &rig.listening, &namespace)?;
    Ok(published)
}

/// Names and modes of what is in a folder, and its own.
fn modes(folder: &Path) -> BTreeMap<String, u32> {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let entries = fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), mode(&entry.path()))
    });
    entries.chain([(".".to_owned(), mode(folder))]).collect()
}

#[tokio::test]
async fn the_published_folder_is_what_pods_and_people_expect() {
    let rig = Rig::start(|options| options.per_cluster = Some(0));
    let options = options(&rig);
    let published = publish(&options, &rig).unwrap();
    assert!(published.notes().is_empty());
    let expected = [
        (".", 0o700),
        (".quarterdeck", 0o600),
        ("ca.crt", 0o600),
        ("kubeconfig", 0o600),
        ("namespace", 0o600),
        ("token", 0o600),
    ];
    let expected: BTreeMap<String, u32> = expected.into_iter().map(|(name, mode)| (name.to_owned(), mode)).collect();
    assert_eq!(modes(&options.publish_dir), expected);
    let read = |name: &str| fs::read_to_string(options.publish_dir.join(name)).unwrap();
    assert_eq!(read("namespace"), "default");
    assert_eq!(read("token").len(), 43);
    for name in expected.keys().filter(|name| *name != ".") {
        assert!(!read(name).contains("PRIVATE KEY"), "{name}");
    }
    // A second publication, as after a reload, replaces all and complains of nothing.
    published.write(&rig.identity, &rig.listening, &namespace).unwrap();
    drop(published);
    publish(&options, &rig).unwrap();
    assert_eq!(modes(&options.publish_dir), expected);
}

#[tokio::test]
async fn the_kubeconfig_reaches_each_listener() {
    let rig = Rig::start(|options| options.per_cluster = Some(0));
    let options = options(&rig);
    let _published = publish(&options, &rig).unwrap();
    let text = fs::read_to_string(options.publish_dir.join("kubeconfig")).unwrap();
    let kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
    for (context, says, at_home) in [
        (None, "cluster=None", "default"),
        (Some("alpha"), "cluster=Some(\"alpha\")", "alpha-ns"),
        (Some("beta"), "cluster=Some(\"beta\")", "beta-ns"),
    ] {
        let chosen = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &chosen).await.unwrap();
        assert_eq!(config.default_namespace, at_home);
        let client = kube::Client::try_from(config).unwrap();
        let said = client.request_text(http::Request::get("/version").body(Vec::new()).unwrap()).await.unwrap();
        assert!(said.contains(says), "{said}");
        assert!(said.contains("tcp=true"), "{said}");
    }
}

#[tokio::test]
async fn a_wider_mode_holds_for_files_and_folder() {
    let rig = Rig::start(|_| {});
    let options = ServeOptions { publish_mode: 0o644, ..options(&rig) };
    let _published = publish(&options, &rig).unwrap();
    let found = modes(&options.publish_dir);
    assert_eq!((found["."], found["token"], found["kubeconfig"]), (0o755, 0o644, 0o644));
    assert_eq!(modes(&options.state_dir)["authority.pem"], 0o600);
    assert_eq!(modes(&options.state_dir)["."], 0o700);
}

fn refused(outcome: Result<impl std::fmt::Debug, UserError>) -> String {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(!error.hints.is_empty());
    error.message
}

#[tokio::test]
async fn folders_of_others_are_left_alone() {
    let rig = Rig::start(|_| {});
    let folder = rig.root.path().join("home");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("thesis.tex"), "years").unwrap();
    let there = ServeOptions { publish_dir: folder.clone(), ..options(&rig) };
    let why = refused(publish(&there, &rig));
    assert!(why.contains("did not write"), "{why}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let around = ServeOptions { publish_dir: rig.root.path().to_owned(), ..options(&rig) };
    let why = refused(publish(&around, &rig));
    assert!(why.contains("authority's key"), "{why}");
    // Two proxies do not write over each other.
    let options = options(&rig);
    let _first = publish(&options, &rig).unwrap();
    let why = refused(publish(&options, &rig));
    assert!(why.contains("another proxy"), "{why}");
}

#[tokio::test]
async fn a_socket_alone_has_no_kubeconfig() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qd.sock");
    let rig = Rig::start(|options| options.listen = vec![Address::Unix(path)]);
    let options = options(&rig);
    let _published = publish(&options, &rig).unwrap();
    assert!(!options.publish_dir.join("kubeconfig").exists());
    assert!(options.publish_dir.join("token").exists());
}

#[test]
fn authority_and_token_stay_over_restarts_until_a_new_one_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let options = ServeOptions::under(root.path().join("state"));
    let first = Identity::load(&options, NOW).unwrap();
    let second = Identity::load(&options, NOW).unwrap();
    assert_eq!(first.ca(), second.ca());
    assert_eq!(first.token(), second.token());
    assert_eq!(format!("{:?}", first.token()), "[redacted]");
    assert!(!format!("{first:?}").contains(&first.token().0));
    let renewed = Identity::load(&ServeOptions { new_token: true, ..options.clone() }, NOW).unwrap();
    assert_eq!(renewed.ca(), first.ca());
    assert_ne!(renewed.token(), first.token());
    assert_eq!(Identity::load(&options, NOW).unwrap().token(), renewed.token());
    // Close to its end the authority is made anew.
    let much_later = UnixSeconds(NOW.0 + 10 * 365 * 86_400 - 86_400);
    assert_ne!(Identity::load(&options, much_later).unwrap().ca(), first.ca());
}

#[tokio::test]
async fn replicas_share_an_authority_and_a_token() {
    let shared = tempfile::tempdir().unwrap();
    let (certificate, key) = super::identity::authority("CN=platform,O=example");
    fs::write(shared.path().join("ca.crt"), &certificate).unwrap();
    fs::write(shared.path().join("ca.key"), key).unwrap();
    fs::write(shared.path().join("token"), format!("{}\n", "t".repeat(40))).unwrap();
    let replica = || {
        Rig::start(|options| {
            options.ca_dir = Some(shared.path().to_owned());
            options.token_file = Some(shared.path().join("token"));
        })
    };
    let (one, other) = (replica(), replica());
    assert_eq!(one.identity.token(), other.identity.token());
    for to in [one.address(), other.address()] {
        let mut client = super::Client::new(&certificate).h1(to).await;
        assert!(get(&mut client, "/").await.contains("tcp=true"));
    }
    assert!(!one.root.path().join("state/authority.pem").exists());
}

#[test]
fn what_is_shared_must_be_usable() {
    let shared = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let options = ServeOptions { ca_dir: Some(shared.path().to_owned()), ..ServeOptions::under(root.path().into()) };
    let why = |options: &ServeOptions| Identity::load(options, NOW).unwrap_err().to_string();
    assert!(why(&options).contains("no certificate with a key"), "{}", why(&options));
    let (certificate, _) = super::identity::authority("CN=a");
    let (_, key) = super::identity::authority("CN=b");
    fs::write(shared.path().join("tls.crt"), certificate).unwrap();
    fs::write(shared.path().join("tls.key"), key).unwrap();
    assert!(why(&options).contains("not that of the certificate"), "{}", why(&options));
    let short = ServeOptions { ca_dir: None, token_file: Some(root.path().join("short")), ..options };
    fs::write(root.path().join("short"), "hunter2").unwrap();
    assert!(why(&short).contains("shorter than"), "{}", why(&short));
    assert!(!why(&short).contains("hunter2"));
}
