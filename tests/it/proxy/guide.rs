//! `docs/routing.md` is right: its configurations are read, its requests go where it says, its tables are the schema's.

use crate::docs::words;
use crate::fleet::Home;
use quarterdeck::config::schema::{Entry, Shape};
use quarterdeck::engine::proxy::config::schema;
use std::fmt::Write as _;
use std::fs;

const GUIDE: &str = "docs/routing.md";

/// A blocked block of the guide.
#[derive(Debug)]
struct Block {
    kind: String,
    text: String,
}

fn guide() -> String {
    fs::read_to_string(GUIDE).expect("the guide can be read")
}

fn blocks() -> Vec<Block> {
    let mut all = Vec::new();
    let mut open: Option<Block> = None;
    for line in guide().lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), text: String::new() }),
            (Some(_), Some(block)) => all.push(block),
            (None, Some(mut block)) => {
                block.text.extend([line, "\n"]);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    all
}

/// A home whose inventory has the cluster the guide names.
fn home() -> Home {
    let home = Home::empty();
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: staging-eu\n\
                      clusters: [{name: c, cluster: {server: 'https://staging.example.com'}}]\n\
                      users: [{name: u, user: {token: hunter}}]\n\
                      contexts: [{name: staging-eu, context: {cluster: c, user: u}}]\n";
    home.write(".kube/config", kubeconfig);
    home
}

/// What `# → a, then b` or `# → a or b` expects of a command's output.
fn holds(expected: &str, printed: &str) -> bool {
    let line =
        |key: &str| printed.lines().find_map(|line| line.trim_start().strip_prefix(key)).unwrap_or_default().trim();
    let (first, second) = expected.split_once(", then ").map_or((expected, None), |(a, b)| (a, Some(b)));
    let cluster = line("cluster ");
    let is_first = match first {
        "refused" => cluster == "none: refused",
        first => first.split(" or ").any(|one| one == cluster),
    };
    is_first && second.is_none_or(|second| line("then ").contains(&format!(": {second} (")))
}

#[test]
fn every_example_does_what_the_guide_says() {
    let home = home();
    let blocks = blocks();
    let is_whole = |block: &Block| block.text.lines().any(|line| line == "clusters:" || line == "kind: ConfigMap");
    let base = blocks.iter().find(|b| b.text.contains("staging-eu")).expect("the first file of the patterns");
    let (mut read, mut tested) = (0, 0);
    for (place, block) in blocks.iter().enumerate() {
        let folder = format!("example-{place}");
        if block.kind == "yaml" {
            if !is_whole(block) {
                home.write(&format!("{folder}/clusters.yaml"), &base.text);
            }
            home.write(&format!("{folder}/routing.yaml"), &block.text);
            let lint = home.run(&["route", "lint", "--proxy-config", &folder]);
            assert_eq!(lint.code, Some(0), "{}\n{lint:#?}", block.text);
            read += 1;
            continue;
        }
        for line in block.text.lines() {
            let Some((command, expected)) = line.split_once("# → ") else { continue };
            let source = format!("example-{}", place - 1);
            let words = words(command);
            let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
            let ["qd", "route", "test", rest @ ..] = arguments.as_slice() else { panic!("{line}") };
            let printed = home.run(&[&["route", "test", "--proxy-config", &source], rest].concat());
            let stdout = &printed.stdout;
            assert!(holds(expected.trim(), stdout), "{line}\n{stdout}\n{}", printed.stderr);
            tested += 1;
        }
    }
    assert!(read >= 12 && tested >= 25, "{read} configurations and {tested} requests were found");
}

/// What may stand at a key, for people.
fn shape(shape: Shape) -> String {
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Secret => "text, never shown".to_owned(),
        Shape::Flag => "true or false".to_owned(),
        Shape::Whole(..) => "whole number".to_owned(),
        Shape::Number(_) => "number".to_owned(),
        Shape::Span => "time: `30s`, `5m`".to_owned(),
        Shape::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::Texts => "text, or a list".to_owned(),
        Shape::TextMap => "map of texts".to_owned(),
        Shape::Object(_) => "map".to_owned(),
        Shape::Objects(_) => "list of maps".to_owned(),
        Shape::Message => "text, or `true`".to_owned(),
    }
}

fn table(entries: &[Entry]) -> String {
    let mut out = "| key | value | without it | what it says |\n|---|---|---|---|\n".to_owned();
    for entry in entries {
        let default = if entry.required { "required".to_owned() } else { entry.default.to_owned() };
        writeln!(out, "| `{}` | {} | {default} | {} |", entry.name, shape(entry.shape), entry.about).expect("a text");
    }
    out
}

#[test]
fn the_tables_of_keys_are_the_schemas() {
    let guide = guide();
    let mut missing = String::new();
    for (name, entries) in [
        ("DOCUMENT", schema::DOCUMENT),
        ("CLUSTER", schema::CLUSTER),
        ("HEALTH", schema::HEALTH),
        ("RETRY", schema::RETRY),
        ("BREAKER", schema::BREAKER),
        ("EXEC", schema::EXEC),
        ("WINDOW", schema::WINDOW),
        ("RULE", schema::RULE),
        ("CONDITION", schema::CONDITION),
        ("ACTIONS", schema::ACTIONS),
        ("TARGET_WINDOW", schema::TARGET_WINDOW),
        ("CALLERS", schema::CALLERS),
        ("REVIEW", schema::REVIEW),
        ("LIMITS", schema::LIMITS),
        ("AUDIT", schema::AUDIT),
        ("CACHE", schema::CACHE),
    ] {
        let wanted = format!("<!-- keys {name} -->\n{}<!-- end -->", table(entries));
        if !guide.contains(&wanted) {
            missing.extend([&wanted, "\n"]);
        }
    }
    assert!(missing.is_empty(), "{GUIDE} should hold:\n{missing}");
}

/// The codes in the table of hazards are those that can be found.
#[test]
fn every_hazard_is_explained() {
    let guide = guide();
    let mut checked = 0;
    for file in
        ["lint/hazards.rs", "read.rs", "read/cluster.rs", "read/condition.rs", "read/credential.rs", "read/document.rs"]
    {
        let source = fs::read_to_string(format!("src/engine/proxy/config/{file}")).expect("a source");
        let calls = ["found.rule(", "found.place(", ".finding("];
        for call in calls.iter().flat_map(|call| source.split(call).skip(1)) {
            let code = call.split(['"', ';']).nth(1).unwrap_or_default();
            let is_code = code.contains('-') && code.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            if is_code {
                assert!(guide.contains(&format!("`{code}`")), "{GUIDE} does not explain `{code}` of {file}");
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "only {checked} codes were found");
}
