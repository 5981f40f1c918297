use super::*;
use std::collections::BTreeMap;

const FILE: &str = r#"{"providers": [
  {"name": "google", "execConfig": {"apiVersion": "client.authentication.k8s.io/v1beta1",
     "command": "gke-gcloud-auth-plugin", "args": null, "env": [{"name": "A", "value": "own"}],
     "provideClusterInfo": true, "interactiveMode": "Never"},
   "profileSourcedCLIArgsPolicy": "Append", "profileSourcedEnvVarsPolicy": "AppendIfNotExists"},
  {"name": "local", "execConfig": {"command": "./login", "args": ["x"]}, "profileSourcedEnvVarsPolicy": ""},
  {"name": "replacing", "execConfig": {"command": "r", "env": [{"name": "A", "value": "own"}]},
   "profileSourcedEnvVarsPolicy": "Replace"}
]}"#;

fn providers() -> Providers {
    Providers::parse(FILE, Path::new("/p/providers.json"), "providers.json").unwrap()
}

fn trust() -> Trust {
    Trust { providers: providers(), allow_exec: vec!["aws".to_owned()] }
}

pub(in crate::engine::k8s::inventory) fn hub() -> HubAt {
    let user = User { token: Some(Material::Inline(Secret("hub-token".to_owned()))), ..User::default() };
    let endpoint = Endpoint { user, ..Endpoint::plain("https://hub:6443", "hub") };
    HubAt { name: "admin@hub".to_owned(), short: "hub".to_owned(), endpoint }
}

fn way(provider: &str) -> Way {
    Way {
        provider: provider.to_owned(),
        server: format!("https://{provider}.example.com"),
        ca: Some("Q0E=".to_owned()),
        args: vec!["--extra".to_owned()],
        env: BTreeMap::from([("A".to_owned(), "hub".to_owned()), ("B".to_owned(), "hub".to_owned())]),
        config: Some("{\"k\":1}".to_owned()),
        ..Way::default()
    }
}

fn member(ways: Vec<Way>) -> Member {
    Member { kind: "ClusterProfile".to_owned(), name: "eu".to_owned(), ways, ..Member::default() }
}

fn login(ways: Vec<Way>) -> Result<ExecPlugin, String> {
    endpoint(&member(ways), &hub(), &trust()).map(|e| e.user.exec.unwrap())
}

fn env(plugin: &ExecPlugin) -> Vec<(&str, &str)> {
    plugin.env.iter().map(|(name, value)| (name.as_str(), value.0.as_str())).collect()
}

#[test]
fn the_first_of_our_providers_that_the_member_offers_is_used() {
    let endpoint = endpoint(&member(vec![way("local"), way("google")]), &hub(), &trust()).unwrap();
    assert_eq!(endpoint.server, "https://google.example.com");
    assert_eq!(endpoint.ca, Some(Material::Inline(Secret("CA".to_owned()))));
    assert_eq!(endpoint.user.token, None, "the hub's credentials stay with the hub");
    let plugin = endpoint.user.exec.unwrap();
    assert_eq!(plugin.command, "gke-gcloud-auth-plugin");
    assert_eq!(plugin.cluster_config.as_deref(), Some("{\"k\":1}"));
}

#[test]
fn policies_say_what_the_hub_may_add() {
    let google = login(vec![way("google")]).unwrap();
    assert_eq!(google.args, ["--extra"]);
    assert_eq!(env(&google), [("A", "own"), ("B", "hub")]);
    let local = login(vec![way("local")]).unwrap();
    assert_eq!((local.command.as_str(), local.args.as_slice()), ("/p/./login", &["x".to_owned()][..]));
    assert!(local.env.is_empty());
    assert_eq!(local.api_version, EXEC_VERSION);
    let replacing = login(vec![way("replacing")]).unwrap();
    assert_eq!(env(&replacing), [("A", "hub"), ("B", "hub")]);
    assert!(replacing.args.is_empty());
}

#[test]
fn arguments_of_one_cluster_do_not_reach_another() {
    let trust = trust();
    for _ in 0..3 {
        let endpoint = endpoint(&member(vec![way("google")]), &hub(), &trust).unwrap();
        assert_eq!(endpoint.user.exec.unwrap().args, ["--extra"]);
    }
}

#[test]
fn a_hub_cannot_change_which_program_runs() {
    for name in ["PATH", "LD_PRELOAD", "dyld_insert_libraries", "HOME"] {
        let mut bad = way("google");
        bad.env.insert(name.to_owned(), "/tmp".to_owned());
        assert!(login(vec![bad]).unwrap_err().contains("refused"), "{name}");
    }
}

#[test]
fn a_command_that_the_hub_names_runs_only_when_allowed() {
    let named = |command: &str| {
        let exec = NamedExec { api_version: EXEC_VERSION.to_owned(), command: command.to_owned(), args: vec![] };
        Member { exec: Some(exec), ..member(vec![way("kubeconfig")]) }
    };
    let plugin = endpoint(&named("aws"), &hub(), &trust()).unwrap().user.exec.unwrap();
    assert_eq!(plugin.command, "aws");
    assert!(plugin.env.is_empty());
    for command in ["/bin/sh", "aws ", "./aws", "AWS", ""] {
        let refused = endpoint(&named(command), &hub(), &trust()).unwrap_err();
        assert!(refused.contains("allowExec"), "{refused}");
    }
    let nobody = Trust::default();
    assert!(endpoint(&named("aws"), &hub(), &nobody).is_err());
}

#[test]
fn lies_about_the_address_are_refused() {
    for (server, why) in [
        ("http://eu.example.com", "in the clear"),
        ("file:///etc/passwd", "not a URL"),
        ("", "not a URL"),
        ("https://user:pass@eu", "not a URL"),
    ] {
        let refused = login(vec![Way { server: server.to_owned(), ..way("google") }]).unwrap_err();
        assert!(refused.contains(why), "{server}: {refused}");
    }
    let file = login(vec![Way { names_file: true, ca: None, ..way("google") }]).unwrap_err();
    assert!(file.contains("never opened"), "{file}");
    let odd = login(vec![Way { ca: Some("%%%".to_owned()), ..way("google") }]).unwrap_err();
    assert!(odd.contains("CA"), "{odd}");
}

#[test]
fn without_credentials_the_next_step_is_said() {
    let refused = login(vec![way("azure"), way("x")]).unwrap_err();
    assert!(refused.contains("(azure, x)") && refused.contains("provider file"), "{refused}");
    let refused = login(vec![]).unwrap_err();
    assert!(refused.contains("kubectl-mc-clusters.yaml"), "{refused}");
}

#[test]
fn the_hubs_own_proxy_is_used_as_the_user() {
    let member = Member { proxy_path: Some("/apis/x/eu/proxy".to_owned()), ..member(vec![way("")]) };
    let endpoint = endpoint(&member, &hub(), &trust()).unwrap();
    assert_eq!(endpoint.server, "https://hub:6443/apis/x/eu/proxy");
    assert_eq!(endpoint.user, hub().endpoint.user);
    let found = found(&member, &hub(), &trust());
    assert_eq!(found.addresses.len(), 1, "its own address joins a context");
    assert_eq!(found.names[..2], ["eu".to_owned(), "eu@hub".to_owned()]);
}

#[test]
fn a_broken_provider_file_says_the_line() {
    let flaw = Providers::parse("{\"providers\": [\n {\"name\": 3}]}", Path::new("p"), "p").unwrap_err();
    assert!(flaw.to_string().starts_with("p:2"), "{flaw}");
    let odd =
        r#"{"providers": [{"name": "x", "execConfig": {"command": "c"}, "profileSourcedCLIArgsPolicy": "append"}]}"#;
    let flaw = Providers::parse(odd, Path::new("p"), "p").unwrap_err();
    assert_eq!(flaw.message, "unknown value `append`: did you mean `Append`?");
    assert!(Providers::parse("{}", Path::new("p"), "p").unwrap().0.is_empty());
}
