//! What is written down is current: README commands are commands, help is as it was reviewed.

use clap::{CommandFactory as _, Parser as _};
use quarterdeck::cli::Cli;
use std::fs;

/// The commands in fenced code blocks of a document.
fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(document).expect("the document can be read");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside && !line.trim().is_empty() {
            found.push(line.trim().to_owned());
        }
    }
    found
}

/// Splits a line as a shell does, as far as our documents need it: single quotes, and comments.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '#' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is a word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_qd_command_of_the_documents_is_one() {
    let mut checked = 0;
    for document in ["README.md", "docs/guide.md", "docs/changes.md", "docs/routing.md"] {
        for line in commands(document).iter().filter(|line| line.starts_with("qd")) {
            if let Err(refusal) = Cli::try_parse_from(words(line)) {
                assert!(!refusal.use_stderr(), "{document}: `{line}`: {refusal}");
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} commands were found");
}

#[test]
fn the_two_commands_of_the_readme_are_these() {
    let all = commands("README.md");
    for wanted in ["cargo run --release -- --demo", "cargo test"] {
        assert!(all.iter().any(|line| line == wanted), "README.md does not show `{wanted}`");
    }
}

#[test]
fn help_is_as_it_was_reviewed() {
    let mut help = String::new();
    let mut root = Cli::command().term_width(100);
    root.build();
    print(&mut root, &mut help);
    insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("help", help);
    });
}

fn print(command: &mut clap::Command, help: &mut String) {
    let name = command.get_bin_name().unwrap_or("qd").to_owned();
    // The version changes with every release; help does not.
    let text = command.render_long_help().to_string();
    help.extend(["$ ", name.as_str(), " --help\n", text.as_str(), "\n\n"]);
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        print(sub, help);
    }
}
