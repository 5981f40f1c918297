//! The table of the document names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all functions in Rust files below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let names = text.lines().filter_map(|line| line.trim().split_once("fn ")?.1.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_line_of_the_checklist_names_tests_that_exist() {
    let mut known = BTreeSet::new();
    for folder in ["src", "tests/it"] {
        functions(Path::new(folder), &mut known);
    }
    let text = fs::read_to_string("docs/routing-security.md").expect("the document");
    let (_, checklist) = text.split_once("## The checklist").expect("the checklist");
    let checklist = checklist.split("\n## ").next().expect("its text");
    let rows: Vec<&str> = checklist.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "the table was not found");
    let mut missing = Vec::new();
    for row in rows {
        let tests: Vec<&str> = row.rsplit('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test is named: {row}");
        missing.extend(tests.into_iter().filter(|test| !known.contains(*test)));
    }
    assert_eq!(missing, Vec::<&str>::new(), "named in docs/routing-security.md and nowhere else");
}
