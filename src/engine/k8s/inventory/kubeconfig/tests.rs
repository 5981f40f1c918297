use super::{Kubeconfig, Resolved, resolve};
use crate::engine::k8s::endpoint::{Endpoint, Interactive, Material, Secret};
use crate::engine::k8s::inventory::found::Found;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn parse(path: &str, text: &str) -> Arc<Kubeconfig> {
    Arc::new(Kubeconfig::parse(text, Path::new(path), path).unwrap())
}

fn read(text: &str) -> Resolved {
    resolve(&[parse("/k/config", text)])
}

fn only(text: &str) -> Endpoint {
    read(text).found.remove(0).endpoint.unwrap()
}

fn defect(text: &str) -> String {
    read(text).found.remove(0).endpoint.unwrap_err().to_string()
}

fn inline(text: &str) -> Material {
    Material::Inline(Secret(text.to_owned()))
}

fn file(path: &str) -> Material {
    Material::File(PathBuf::from(path))
}

const FULL: &str = r#"
apiVersion: v1
kind: Config
preferences: {}
current-context: ann@eu
contexts:
- name: ann@eu
  context: {cluster: eu, user: ann, namespace: payments}
clusters:
- name: eu
  cluster:
    server: https://eu.example.com:6443/
    certificate-authority: pki/ca.crt
    certificate-authority-data: Q0E=
    tls-server-name: kube
    proxy-url: socks5://localhost:1080
    disable-compression: true
    extensions:
    - name: client.authentication.k8s.io/exec
      extension: {audience: eu, n: 1}
users:
- name: ann
  user:
    token: abc
    tokenFile: run/token
    client-certificate: /pki/ann.crt
    client-key-data: S0VZ
    username: ann
    password: hunter2
    as: boss
    as-uid: "7"
    as-groups: [admins]
    as-user-extra: {scopes: [a, b], none: null}
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/login
      args: [get, token]
      env: [{name: PROFILE, value: prod}]
      installHint: |
        brew install login
        login setup
      provideClusterInfo: true
      interactiveMode: Never
"#;

#[test]
fn every_field_that_kubectl_knows_is_read() {
    let resolved = read(FULL);
    assert_eq!(resolved.current, Some(0));
    let found = &resolved.found[0];
    assert_eq!((found.namespace.as_str(), found.server.as_str()), ("payments", "https://eu.example.com:6443"));
    let endpoint = found.endpoint.clone().unwrap();
    assert_eq!(endpoint.ca, Some(inline("CA")));
    assert_eq!(endpoint.tls_server_name.as_deref(), Some("kube"));
    assert_eq!(endpoint.proxy_url.as_deref(), Some("socks5://localhost:1080"));
    assert!(endpoint.disable_compression && !endpoint.insecure);
    assert_eq!(endpoint.label, "ann@eu");
    let user = endpoint.user;
    assert_eq!(user.token, Some(file("/k/run/token")));
    assert_eq!(user.client_certificate, Some(file("/pki/ann.crt")));
    assert_eq!(user.client_key, Some(inline("KEY")));
    assert_eq!(user.basic, Some(("ann".to_owned(), Secret("hunter2".to_owned()))));
    assert_eq!(user.impersonate.user.as_deref(), Some("boss"));
    assert_eq!(user.impersonate.uid.as_deref(), Some("7"));
    assert_eq!(user.impersonate.groups, ["admins"]);
    assert_eq!(user.impersonate.extra["scopes"], ["a", "b"]);
    assert!(user.impersonate.extra["none"].is_empty());
    let exec = user.exec.unwrap();
    assert_eq!(exec.command, "/k/./bin/login");
    assert_eq!(exec.args, ["get", "token"]);
    assert_eq!(exec.env, [("PROFILE".to_owned(), Secret("prod".to_owned()))]);
    assert_eq!(exec.interactive, Interactive::Never);
    assert!(exec.provide_cluster_info);
    assert_eq!(exec.install_hint.as_deref(), Some("brew install login\nlogin setup\n"));
    assert_eq!(exec.cluster_config.as_deref(), Some(r#"{"audience":"eu","n":1}"#));
}

#[test]
fn nothing_of_a_secret_shows() {
    let shown = format!("{:?} {:?}", parse("/k/config", FULL), read(FULL));
    for secret in ["hunter2", "abc", "KEY", "S0VZ"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn what_kubectl_itself_writes_for_nothing_is_nothing() {
    for text in [
        "apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {}\nusers: null\n",
        "{}",
        "contexts: []",
        "contexts: [null]",
        "---\n",
    ] {
        let resolved = read(text);
        assert!(resolved.found.is_empty() && resolved.current.is_none(), "{text}");
    }
}

#[test]
fn relative_paths_belong_to_the_file_they_stand_in() {
    let clusters =
        parse("/a/one", "clusters: [{name: c, cluster: {server: 'https://c', certificate-authority: ca.crt}}]");
    let users = parse("/b/two", "users: [{name: u, user: {client-certificate: u.crt, client-key: ../u.key}}]");
    let contexts = parse("/c/three", "contexts: [{name: x, context: {cluster: c, user: u}}]");
    let endpoint = resolve(&[contexts, users, clusters]).found.remove(0).endpoint.unwrap();
    assert_eq!(endpoint.ca, Some(file("/a/ca.crt")));
    assert_eq!(endpoint.user.client_certificate, Some(file("/b/u.crt")));
    assert_eq!(endpoint.user.client_key, Some(file("/b/../u.key")));
}

fn admin(path: &str, server: &str) -> Arc<Kubeconfig> {
    parse(
        path,
        &format!(
            "current-context: admin@kubernetes
contexts: [{{name: admin@kubernetes, context: {{cluster: kubernetes, user: admin}}}}]
clusters: [{{name: kubernetes, cluster: {{server: 'https://{server}'}}}}]
users: [{{name: admin, user: {{token: {server}}}}}]"
        ),
    )
}

#[test]
fn the_same_context_in_two_files_is_two_clusters_each_with_its_own_credentials() {
    let resolved = resolve(&[admin("/k/eu", "eu"), admin("/k/us", "us")]);
    let seen: Vec<_> = resolved.found.iter().map(|f| f.endpoint.clone().unwrap()).collect();
    assert_eq!(seen[0].server, "https://eu");
    assert_eq!(seen[0].user.token, Some(inline("eu")));
    assert_eq!(seen[1].server, "https://us");
    assert_eq!(seen[1].user.token, Some(inline("us")));
    assert_eq!(resolved.current, Some(0));
    assert!(resolved.warnings.is_empty());
}

#[test]
fn the_first_current_context_counts_and_must_exist() {
    let first = parse("/k/a", "current-context: ''");
    let second = parse("/k/b", "current-context: gone");
    let resolved = resolve(&[first, second, admin("/k/c", "c")]);
    assert_eq!(resolved.current, None);
    assert_eq!(resolved.warnings, ["/k/b: the current context gone is in no kubeconfig file"]);
}

#[test]
fn a_context_that_cannot_work_says_why_and_where() {
    for (text, why) in [
        ("contexts:\n- name: x\n", "the context names no cluster: add `cluster:` to it (/k/config:2)"),
        (
            "contexts:\n\n- name: x\n  context: {user: u}\n",
            "the context names no cluster: add `cluster:` to it (/k/config:3)",
        ),
        (
            "contexts: [{name: x, context: {cluster: c}}]",
            "the context names cluster c, which is in no kubeconfig file (/k/config:1)",
        ),
        (
            "contexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://c'}}]",
            "the context names user u, which is in no kubeconfig file (/k/config:1)",
        ),
        (
            "contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
            "the cluster names no server: add `server: https://…` to it (/k/config:1)",
        ),
        (
            "contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'ftp://c'}}]",
            "the server's scheme is ftp: only http and https are known (/k/config:1)",
        ),
        (
            "contexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://c', certificate-authority-data: '%%'}}]",
            "certificate-authority-data is not base64 (/k/config:1)",
        ),
    ] {
        assert_eq!(defect(text), why);
    }
}

fn with_user(user: &str) -> String {
    format!(
        "contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: 'https://c'}}}}]
users: [{{name: u, user: {user}}}]"
    )
}

#[test]
fn outdated_users_say_what_to_do() {
    let old = "{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: aws}}";
    assert!(defect(&with_user(old)).contains("aws eks update-kubeconfig"));
    assert!(defect(&with_user("{auth-provider: {name: gcp}}")).contains("gcloud container clusters get-credentials"));
    let oidc = only(&with_user("{auth-provider: {name: oidc, config: {id-token: t}}}"));
    assert_eq!(oidc.user.token, Some(inline("t")));
}

#[test]
fn a_user_may_be_missing_or_empty() {
    for user in ["{}", "null"] {
        assert_eq!(only(&with_user(user)).user.token, None, "{user}");
    }
    let anonymous = "contexts: [{name: x, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: 'localhost:8001'}}]";
    assert_eq!(only(anonymous).server, "http://localhost:8001");
}

/// K1: an address without a scheme is http, whatever stands beside it, as kubectl reads it.
#[test]
fn an_address_without_a_scheme_is_http() {
    for beside in ["", ", insecure-skip-tls-verify: true", ", certificate-authority: ca.crt"] {
        let text = with_user("{token: t}").replace("'https://c'", &format!("'c:6443'{beside}"));
        let endpoint = only(&text);
        assert_eq!(endpoint.server, "http://c:6443", "{beside}");
        assert!(endpoint.withholds_credentials(), "{beside}");
    }
    assert!(!only(&with_user("{token: t}")).withholds_credentials());
    assert!(!only(&with_user("{}").replace("'https://c'", "'c:6443'")).withholds_credentials(), "there are none");
}

#[test]
fn a_malformed_file_says_the_line() {
    for (text, line) in [
        ("", "f: is empty: it names no cluster"),
        (" \n\n", "f: is empty: it names no cluster"),
        ("contexts: {}\n", "f:1: "),
        ("apiVersion: v1\ncontexts:\n- name: [\n", "f:"),
        ("hello", "f:1: "),
        ("\u{0}\u{1}", "f:1: "),
    ] {
        let flaw = Kubeconfig::parse(text, Path::new("f"), "f").unwrap_err().to_string();
        assert!(flaw.starts_with(line), "{text:?}: {flaw}");
    }
}

#[test]
fn a_duplicate_in_one_file_is_left_out_aloud() {
    let text = "contexts:\n- {name: x, context: {cluster: c}}\n- {name: x, context: {cluster: d}}\n- {name: ''}\n";
    let resolved = read(text);
    assert_eq!(resolved.found.len(), 1);
    assert_eq!(
        resolved.warnings,
        ["/k/config:3: a second context x is left out", "/k/config: a context without a name is left out"]
    );
}

#[test]
fn hostile_names_become_harmless() {
    let resolved = read("contexts: [{name: \"a\\e[31m\\u202eb\", context: {cluster: c}}]");
    let found: &Found = &resolved.found[0];
    assert_eq!(found.context.as_deref(), Some("a[31mb"));
    assert!(!found.endpoint.clone().unwrap_err().contains('\u{1b}'));
}

#[test]
fn ten_megabytes_are_read() {
    let count = 1000;
    let contexts = |i| format!("- {{name: c{i}, context: {{cluster: c{i}, user: u{i}}}}}\n");
    let contexts: String = (0..count).map(contexts).collect();
    let data = "QUFB".repeat(2500);
    let cluster =
        |i| format!("- {{name: c{i}, cluster: {{server: 'https://c', certificate-authority-data: {data}}}}}\n");
    let clusters: String = (0..count).map(cluster).collect();
    let text = format!("contexts:\n{contexts}clusters:\n{clusters}");
    assert!(text.len() > 10_000_000);
    let resolved = read(&text);
    assert_eq!(resolved.found.len(), count);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "((contexts|clusters|users|name|context|cluster|user|server|exec|token): ?|[-\\[\\]{},]|[a-c]|\n( ){0,3}){0,40}") {
        if let Ok(parsed) = Kubeconfig::parse(&text, Path::new("/k/c"), "c") {
            drop(resolve(&[Arc::new(parsed)]));
        }
    }
}
