use super::{Flags, Loaded, load};
use crate::config::{Access, Config, Environment, Origin, effective};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A home folder with these files in it.
fn home(files: &[(&str, &str)]) -> (tempfile::TempDir, Environment) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let environment = Environment::under(root.path());
    (root, environment)
}

const OWN: &str = ".config/quarterdeck/config.yaml";

fn loaded(files: &[(&str, &str)]) -> (Config, Vec<String>) {
    let (_root, environment) = home(files);
    let Loaded { config, warnings } = load(&Flags::default(), &environment).unwrap();
    (config, warnings)
}

fn refused(text: &str) -> String {
    let (_root, environment) = home(&[(OWN, text)]);
    load(&Flags::default(), &environment).unwrap_err().message
}

#[test]
fn each_layer_wins_over_those_below_it() {
    let below = "discovery: {cacheTTL: 10m}\nexecution: {maxConcurrency: 4, timeout: 5s, continueOnError: true}\n";
    let own = "cacheTTL: 1m\ntimeout: 7s\nhub: ours\nui: {theme: a}\n";
    let (_root, mut environment) = home(&[
        (".kube/kubectl-mc-config.yaml", below),
        (".kube/kubectl-mc-clusters.yaml", "hubContext: theirs\nclusters: []\n"),
        (OWN, own),
    ]);
    environment.theme = Some("b".to_owned());
    environment.hub = Some("env".to_owned());
    let flags = Flags { hubs: vec!["flag".to_owned()], ..Flags::default() };
    let Loaded { config, warnings } = load(&flags, &environment).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let own = |line| Origin::File { file: format!("~/{OWN}"), line };
    assert_eq!((*config.cache_ttl, &config.cache_ttl.origin), (Duration::from_secs(60), &own(1)));
    assert_eq!((*config.timeout, &config.timeout.origin), (Duration::from_secs(7), &own(2)));
    let theirs = Origin::File { file: "~/.kube/kubectl-mc-config.yaml".to_owned(), line: 2 };
    assert_eq!((*config.concurrency, &config.concurrency.origin), (4, &theirs));
    assert_eq!((config.ui.theme.as_str(), &config.ui.theme.origin), ("b", &Origin::Environment("QD_THEME")));
    assert_eq!((config.hubs.as_slice(), &config.hubs.origin), (&["flag".to_owned()][..], &Origin::Flag("--hub")));
    assert_eq!((*config.connect_at_start, &config.connect_at_start.origin), (20, &Origin::Default));
    assert!(config.timeout.origin < config.ui.theme.origin && config.ui.theme.origin < config.hubs.origin);
}

#[test]
fn the_mappings_hub_is_the_hub_unless_ours_says_otherwise() {
    let mapping = (".kube/kubectl-mc-clusters.yaml", "kind: ClusterMapping\nhubContext: theirs\n");
    let (config, _) = loaded(&[mapping]);
    assert_eq!(config.hubs.value, ["theirs"]);
    assert_eq!(config.hubs.origin.to_string(), "~/.kube/kubectl-mc-clusters.yaml:2");
    let (config, _) = loaded(&[mapping, (OWN, "hub: [a, b]\n")]);
    assert_eq!(config.hubs.value, ["a", "b"]);
}

#[test]
fn a_mistake_names_file_line_and_the_likely_word() {
    for (text, message) in [
        ("timeout: 5s\nconcurency: 3\n", ":2: unknown key `concurency`: did you mean `concurrency`?"),
        ("clusters:\n- names: a\n  acess: guarded\n", ":3: unknown key `acess`: did you mean `access`?"),
        ("clusters:\n- names: a\n  access: readonly\n", ":3: unknown value `readonly`: did you mean `read-only`?"),
        ("timeout: soon\n", ":1: expected a length of time such as 30s or 5m"),
        ("timeout: 0s\n", ":1: `timeout` must be more than nothing"),
        ("\nconcurrency: 0\n", ":2: `concurrency` must be more than nothing"),
        ("clusters:\n- access: guarded\n", ":2: a rule of `clusters` needs `names`, `labels` or `folders`"),
        ("groups:\n  prod: {}\n", ":2: group `prod` needs `names`, `labels` or `folders`"),
        ("clusters:\n- {names: a, color: bleu}\n", ":2: unknown color `bleu`: did you mean `blue`? (or #rrggbb)"),
        ("ui:\n  mouse: 3\n", ":2: expected"),
        ("hub: {a: b}\n", ":1: expected a text or a list of texts"),
        ("timeout: 1s\ntimeout: 2s\n", ":2: `timeout` is given twice"),
    ] {
        let refused = refused(text);
        let expected = format!("~/{OWN}{message}");
        assert!(refused.starts_with(&expected), "{refused}\n{expected}");
    }
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let (root, environment) = home(&[]);
    let flags = Flags { config: Some(PathBuf::from("mine.yaml")), ..Flags::default() };
    let error = load(&flags, &environment).unwrap_err();
    assert_eq!(error.message, "~/mine.yaml: there is no such file");
    std::fs::write(root.path().join("mine.yaml"), "# nothing\n").unwrap();
    assert!(load(&flags, &environment).is_ok());
}

#[test]
fn what_another_tools_files_say_wrong_is_a_warning() {
    let (config, warnings) = loaded(&[(
        ".kube/kubectl-mc-config.yaml",
        "kind: Config\ndiscovery: {cacheTTL: soon, api: clusterprofile, cahceTTL: 1m}\nexectuion: {}\n",
    )]);
    assert_eq!(config.cache_ttl.origin, Origin::Default);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().any(|w| w.contains("did you mean `cacheTTL`?")), "{warnings:?}");
    let (_, warnings) = loaded(&[(".kube/kubectl-mc-config.yaml", "[")]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let (_, warnings) = loaded(&[(".kube/kubectl-mc-config.yaml", "")]);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn kubeconfigs_come_from_the_flag_the_variable_or_home() {
    let (_root, mut environment) = home(&[]);
    let under = |names: &[&str]| -> Vec<PathBuf> { names.iter().map(|n| environment.working_folder.join(n)).collect() };
    let (usual, both, flag) = (under(&[".kube/config"]), under(&["a", "b"]), under(&["c"]));
    assert_eq!(load(&Flags::default(), &environment).unwrap().config.kubeconfig.value, usual);
    environment.kubeconfig = Some("a:b::a".into());
    assert_eq!(load(&Flags::default(), &environment).unwrap().config.kubeconfig.value, both);
    let flags = Flags { kubeconfig: Some(PathBuf::from("c")), ..Flags::default() };
    assert_eq!(load(&flags, &environment).unwrap().config.kubeconfig.value, flag);
}

const EVERYTHING: &str = "\
kubeconfig: [~/.kube/a, /etc/b]
context: ann@eu
hub: [hub, '*odd']
providerFile: providers.json
allowExec: [aws, gke-gcloud-auth-plugin]
cacheTTL: 90s
connectAtStart: 5
concurrency: 3
timeout: 1500ms
readOnly: true
ui: {theme: light, keymap: keys.yaml, mouse: false, color: false}
groups:
  prod: {names: ['prod-*', 'eu'], labels: {env: 'p*'}, folders: [~/.kube/prod]}
clusters:
- {names: 'prod-*', access: protected, namespace: pay, namespaces: [a, b], alias: 'true', color: '#ff0000', timeout: 2m, groups: [x]}
- {labels: {env: dev}, access: read-only}
";

#[test]
fn every_key_is_read() {
    let (config, _) = loaded(&[(OWN, EVERYTHING)]);
    assert_eq!(config.kubeconfig.len(), 2);
    let provider_file = config.provider_file.value.clone().unwrap();
    assert!(provider_file.ends_with(".config/quarterdeck/providers.json"), "{provider_file:?}");
    assert_eq!(*config.timeout, Duration::from_millis(1500));
    let rule = &config.clusters[0];
    assert_eq!(rule.access, Some(Access::Protected));
    assert_eq!(rule.alias.as_deref(), Some("true"));
    assert_eq!(rule.origin.to_string(), format!("~/{OWN}:15"));
    assert!(config.groups["prod"].matches.folders[0].ends_with(".kube/prod"));
}

/// The values without their layers.
fn bare(mut config: Config, environment: &Environment) -> Vec<String> {
    config.mapping_file = None;
    let lines = effective(&config, environment);
    lines.iter().map(|l| l.split(" # ").next().unwrap().trim_end().to_owned()).collect()
}

#[test]
fn what_is_in_force_is_a_configuration_file_of_the_same_meaning() {
    let (root, environment) = home(&[(OWN, EVERYTHING)]);
    let config = load(&Flags::default(), &environment).unwrap().config;
    let lines = effective(&config, &environment);
    assert!(lines.contains(&format!("{:<34} # ~/{OWN}:6", "cacheTTL: 1m30s")), "{lines:#?}");
    std::fs::write(root.path().join(OWN), lines.join("\n")).unwrap();
    let again = load(&Flags::default(), &environment).unwrap().config;
    assert_eq!(bare(config, &environment), bare(again, &environment));
}

#[test]
fn the_defaults_are_printed_with_their_layer() {
    let (_root, environment) = home(&[]);
    let config = load(&Flags::default(), &environment).unwrap().config;
    let expected = [
        ("kubeconfig: [~/.kube/config]", "default"),
        ("# context: not set", "default"),
        ("hub: []", "default"),
        ("# providerFile: not set", "default"),
        ("allowExec: []", "default"),
        ("cacheTTL: 5m", "default"),
        ("connectAtStart: 20", "default"),
        ("concurrency: 10", "default"),
        ("timeout: 30s", "default"),
        ("readOnly: false", "default"),
        ("changes:", ""),
        ("  bulkLimit: 20", "default"),
        ("ui:", ""),
        ("  theme: auto", "default"),
        ("  # keymap: not set", "default"),
        ("  mouse: true", "default"),
        ("  color: true", "default"),
    ];
    let lines = effective(&config, &environment);
    let lines: Vec<_> = lines.iter().map(|l| l.rsplit_once(" # ").unwrap_or((l, ""))).collect();
    let lines: Vec<_> = lines.iter().map(|(text, layer)| (text.trim_end(), *layer)).collect();
    assert_eq!(lines, expected);
    assert_eq!(environment.shorten(Path::new("/etc/x")), "/etc/x");
}
