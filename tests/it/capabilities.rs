//! The table of capabilities has no hole, and the reference is written from it.

use clap::CommandFactory as _;
use quarterdeck::capability::{ALL, Capability};
use quarterdeck::cli::Cli;
use quarterdeck::config::schema::{Entry, Shape};
use quarterdeck::model::change::verb::{Kinds, VERBS};
use quarterdeck::views::keymap::Keymap;
use quarterdeck::views::registry::VIEWS;
use quarterdeck::views::view::Layer;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Set to write the reference instead of comparing it.
const WRITE: &str = "QD_WRITE_DOCS";

const REFERENCE: &str = "docs/reference.md";

/// The commands of the program that do something, as they are typed after `qd`.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let mut children = command.get_subcommands().filter(|child| child.get_name() != "help").peekable();
    // `route test kubectl` and `demo` work alone as well: what is below them belongs to them.
    if children.peek().is_none() || path == "route test" {
        found.push(path.to_owned());
        return;
    }
    for child in children {
        let path = format!("{path} {}", child.get_name());
        leaves(child, path.trim(), found);
    }
}

fn all_commands() -> Vec<String> {
    let mut found = Vec::new();
    leaves(&Cli::command(), "", &mut found);
    found.sort();
    found
}

#[test]
fn every_command_belongs_to_one_capability() {
    let mut listed: Vec<String> = ALL.iter().flat_map(|c| c.commands).map(|name| (*name).to_owned()).collect();
    listed.sort();
    assert_eq!(listed, all_commands());
}

#[test]
fn every_view_belongs_to_one_capability_and_a_page_has_a_twin() {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for capability in ALL {
        for view in capability.views {
            owners.entry(view.name).or_default().push(capability.name);
            let alone = view.layer == Layer::Page && capability.commands.is_empty();
            assert!(!alone, "`{}` has a full-screen view and no command", capability.name);
        }
    }
    for view in VIEWS {
        let found = owners.get(view.name).cloned().unwrap_or_default();
        assert_eq!(found.len(), 1, "the view `{}` belongs to {found:?}", view.name);
    }
    assert_eq!(owners.len(), VIEWS.len());
}

#[test]
fn names_are_unique_and_documents_exist() {
    let mut names: Vec<&str> = ALL.iter().map(|capability| capability.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    for capability in ALL {
        let document = Path::new("docs").join(capability.document);
        assert!(document.is_file(), "{} names {}", capability.name, document.display());
        assert!(!capability.about.is_empty());
    }
}

#[test]
fn every_verb_has_a_command_and_is_tried_in_read_only_mode() {
    let verbs: Vec<&str> = ALL.iter().flat_map(|c| c.verbs).map(|spec| spec.name).collect();
    assert_eq!(verbs, VERBS.iter().map(|spec| spec.name).collect::<Vec<_>>());
    let tried = fs::read_to_string("tests/live/read_only.rs").expect("the test can be read");
    for verb in verbs {
        assert!(all_commands().iter().any(|command| command == verb), "`qd {verb}`");
        let first = verb.split(' ').next().expect("a word");
        assert!(tried.contains(&format!("\"{first}")), "`qd {verb}` is not tried in read-only mode");
    }
}

fn keys_table(out: &mut String, keymap: &Keymap) {
    for context in keymap.contexts() {
        let _ = writeln!(out, "\n### Keys: {}\n\n| key | action | what it does |\n|---|---|---|", context.title);
        for spec in keymap.actions_in(context.context) {
            let keys = keymap.keys_of(context.context, spec.action);
            if keys.is_empty() {
                continue;
            }
            let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
            let _ = writeln!(out, "| {} | `{}` | {} |", keys.join(" "), spec.action.name(), spec.help);
        }
    }
}

fn settings_table(out: &mut String, entries: &[Entry], prefix: &str) {
    for entry in entries {
        let path = format!("{prefix}{}", entry.name);
        let default = if entry.default.is_empty() { String::new() } else { format!("`{}`", entry.default) };
        let _ = writeln!(out, "| `{path}` | {default} | {} |", entry.about.replace('|', "\\|"));
        match entry.shape {
            Shape::Object(inner) => settings_table(out, inner, &format!("{path}.")),
            Shape::Objects(inner) => settings_table(out, inner, &format!("{path}[].")),
            Shape::Text
            | Shape::Secret
            | Shape::Flag
            | Shape::Whole(..)
            | Shape::Number(_)
            | Shape::Span
            | Shape::Word(_)
            | Shape::Texts
            | Shape::TextMap
            | Shape::Message => {}
        }
    }
}

fn section(out: &mut String, capability: &Capability) {
    let Capability { name, about, document, .. } = capability;
    let _ = writeln!(out, "\n## {name}\n\n{about}. More: [{document}]({document}).");
    if !capability.commands.is_empty() {
        let commands: Vec<String> = capability.commands.iter().map(|command| format!("`qd {command}`")).collect();
        let _ = writeln!(out, "\nOn the command line: {}.", commands.join(", "));
    }
    let commands: Vec<_> = capability.views.iter().filter_map(|view| view.command).collect();
    if !commands.is_empty() {
        let _ = writeln!(out, "\n| in the console | what it does |\n|---|---|");
        for command in commands {
            let _ = writeln!(out, "| `:{}` | {} |", command.usage, command.help);
        }
    }
    if !capability.verbs.is_empty() {
        let _ = writeln!(out, "\n| verb | kinds |\n|---|---|");
        for verb in capability.verbs {
            let kinds = match verb.kinds {
                Kinds::All => "every kind".to_owned(),
                Kinds::Only(kinds) => kinds.iter().map(|(_, kind)| *kind).collect::<Vec<_>>().join(", "),
            };
            let _ = writeln!(out, "| `{}` | {kinds} |", verb.name);
        }
    }
    if !capability.pages.is_empty() {
        let _ = writeln!(out, "\n| page of the admin listener | token | what it is for |\n|---|---|---|");
        for page in capability.pages {
            let token = if page.open { "none" } else { "needed" };
            let _ = writeln!(out, "| `{} {}` | {token} | {} |", page.method, page.path, page.about);
        }
    }
    if !capability.settings.is_empty() {
        let _ = writeln!(out, "\n| setting | default | what it is for |\n|---|---|---|");
        settings_table(out, capability.settings, "");
    }
    if let Some(table) = capability.metrics {
        let _ = write!(out, "\n{}", table.markdown());
    }
}

/// The whole reference, as the tables have it.
fn reference() -> String {
    let mut out = String::from(
        "# Reference\n\nThis page is written from the tables of the program (`src/capability.rs`), and a test compares it.\n",
    );
    for capability in ALL {
        section(&mut out, capability);
    }
    keys_table(&mut out, &Keymap::default());
    out
}

#[test]
fn the_reference_is_what_the_tables_say() {
    let wanted = reference();
    if std::env::var_os(WRITE).is_some() {
        fs::write(REFERENCE, &wanted).expect("the reference can be written");
    }
    let written = fs::read_to_string(REFERENCE).unwrap_or_default();
    assert!(written == wanted, "{REFERENCE} is not what the tables say: write it with {WRITE}=1");
}
