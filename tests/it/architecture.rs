//! Who may import what: the table of `docs/architecture.md` as data, checked on every path in `src/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::Visit;

/// Crates that only some modules may name. All others (serde, jiff, text) are free.
const GOVERNED: &[&str] = &[
    "arc_swap",
    "clap",
    "clap_complete",
    "crossterm",
    "dirs",
    "h2",
    "http",
    "http_body_util",
    "hyper",
    "hyper_util",
    "json_patch",
    "k8s_openapi",
    "kube",
    "notify",
    "nucleo_matcher",
    "prometheus_client",
    "ratatui",
    "rcgen",
    "rustls",
    "subtle",
    "tokio",
    "tokio_rustls",
    "tokio_util",
    "tracing_appender",
    "tracing_subscriber",
    "tui_input",
    "x509_parser",
];

struct Rule {
    /// The module, without `crate::`; the longest that fits a file decides.
    module: &'static str,
    /// Modules of ours it may name; itself it always may.
    ours: &'static [&'static str],
    /// Governed crates it may name.
    crates: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { module: "", ours: &["*"], crates: &[] },
    Rule { module: "model", ours: &[], crates: &[] },
    Rule { module: "allocator", ours: &[], crates: &[] },
    Rule { module: "error", ours: &["model"], crates: &[] },
    Rule { module: "facts", ours: &["model"], crates: &[] },
    Rule {
        module: "capability",
        ours: &[
            "config",
            "engine::admin",
            "engine::metrics",
            "engine::proxy::admin_pages",
            "engine::proxy::config",
            "engine::proxy::metrics",
            "model",
            "views",
        ],
        crates: &[],
    },
    Rule { module: "protocol", ours: &["error", "model"], crates: &[] },
    Rule { module: "config", ours: &["error", "model"], crates: &["dirs"] },
    Rule { module: "engine", ours: &["protocol"], crates: &["tokio", "tokio_util"] },
    Rule {
        module: "engine::fleet",
        ours: &[
            "engine::change::part",
            "engine::cluster",
            "engine::index",
            "engine::observation",
            "engine::part",
            "engine::proxy_link::core",
            "engine::resilience",
            "model",
            "protocol",
        ],
        crates: &[],
    },
    Rule { module: "engine::index", ours: &["model"], crates: &[] },
    Rule {
        module: "engine::observation",
        ours: &["engine::change::core", "engine::cluster", "engine::proxy_link", "model", "protocol"],
        crates: &[],
    },
    Rule {
        module: "engine::part",
        ours: &["engine::observation", "engine::resilience", "error", "model", "protocol"],
        crates: &[],
    },
    Rule { module: "engine::ports", ours: &["engine::cluster", "engine::proxy_link", "model"], crates: &[] },
    Rule {
        module: "engine::proxy_link",
        ours: &[
            "engine::address",
            "engine::admin",
            "engine::k8s::endpoint",
            "engine::process",
            "engine::proxy::admin_client",
            "engine::proxy::admin_pages",
            "model",
            "protocol",
        ],
        crates: &["tokio", "tokio_util"],
    },
    Rule {
        module: "engine::proxy_link::core",
        ours: &["engine::observation", "engine::part", "engine::proxy_link", "model", "protocol"],
        crates: &[],
    },
    Rule {
        module: "engine::change",
        ours: &["engine::clock", "engine::cluster", "engine::journal", "error", "model"],
        crates: &["tokio", "tokio_util"],
    },
    Rule { module: "engine::change::core", ours: &["model"], crates: &[] },
    Rule {
        module: "engine::change::part",
        ours: &["engine::change::core", "engine::observation", "engine::part", "facts", "model", "protocol"],
        crates: &[],
    },
    Rule { module: "engine::journal", ours: &["engine::files", "error", "model"], crates: &[] },
    Rule {
        module: "engine::effects",
        ours: &[
            "engine::change",
            "engine::change::core",
            "engine::change::operation",
            "engine::change::planner",
            "engine::change::recheck",
            "engine::change::run",
            "engine::clock",
            "engine::cluster",
            "engine::journal",
            "engine::observation",
            "engine::ports",
            "engine::proxy_link",
            "error",
            "model",
            "protocol",
        ],
        crates: &["tokio", "tokio_util"],
    },
    Rule { module: "engine::files", ours: &["error"], crates: &["notify", "tokio"] },
    Rule { module: "engine::process", ours: &[], crates: &[] },
    Rule { module: "engine::resilience", ours: &["model"], crates: &["tokio"] },
    Rule { module: "engine::metrics", ours: &[], crates: &["prometheus_client"] },
    Rule {
        module: "engine::admin",
        ours: &["engine::address", "engine::files", "engine::k8s::endpoint", "error", "model"],
        crates: &["http_body_util", "hyper", "hyper_util", "rustls", "subtle", "tokio", "tokio_util"],
    },
    Rule { module: "engine::address", ours: &[], crates: &[] },
    Rule { module: "engine::clock", ours: &["model"], crates: &["tokio"] },
    Rule {
        module: "engine::record",
        ours: &["engine::fleet", "engine::observation", "model", "protocol"],
        crates: &[],
    },
    Rule { module: "engine::publish", ours: &["protocol"], crates: &["tokio"] },
    Rule { module: "engine::cluster", ours: &["model"], crates: &[] },
    Rule {
        module: "engine::k8s",
        ours: &[
            "config",
            "engine::clock",
            "engine::cluster",
            "engine::files",
            "engine::process",
            "engine::resilience",
            "model",
        ],
        crates: &[
            "http",
            "http_body_util",
            "hyper",
            "hyper_util",
            "k8s_openapi",
            "kube",
            "rustls",
            "tokio",
            "tokio_rustls",
            "tokio_util",
            "x509_parser",
        ],
    },
    Rule { module: "engine::k8s::projection", ours: &["model"], crates: &[] },
    Rule { module: "engine::k8s::render", ours: &["model"], crates: &[] },
    Rule {
        module: "engine::proxy",
        ours: &[
            "config",
            "engine::address",
            "engine::admin",
            "engine::clock",
            "engine::cluster",
            "engine::files",
            "engine::k8s::access",
            "engine::k8s::client",
            "engine::k8s::credentials",
            "engine::k8s::endpoint",
            "engine::k8s::errors",
            "engine::k8s::tls",
            "engine::metrics",
            "engine::resilience",
            "error",
            "model",
        ],
        crates: &[
            "arc_swap",
            "h2",
            "http",
            "http_body_util",
            "hyper",
            "hyper_util",
            "prometheus_client",
            "rcgen",
            "rustls",
            "subtle",
            "tokio",
            "tokio_rustls",
            "tokio_util",
            "x509_parser",
        ],
    },
    Rule { module: "engine::proxy::request", ours: &["engine::proxy::refusal"], crates: &[] },
    Rule {
        module: "engine::proxy::rules",
        ours: &["engine::proxy::caller", "engine::proxy::config", "engine::proxy::request"],
        crates: &[],
    },
    Rule {
        module: "engine::proxy::target",
        ours: &[
            "engine::k8s::endpoint",
            "engine::proxy::config",
            "engine::proxy::refusal",
            "engine::proxy::request",
            "model",
        ],
        crates: &[],
    },
    Rule {
        module: "engine::proxy::tester",
        ours: &[
            "config",
            "engine::k8s::access",
            "engine::k8s::endpoint",
            "engine::proxy::caller",
            "engine::proxy::config",
            "engine::proxy::request",
            "engine::proxy::rules",
            "engine::proxy::target",
            "model",
        ],
        crates: &[],
    },
    Rule {
        module: "engine::proxy::edge",
        ours: &["engine::proxy::caller", "engine::proxy::config", "engine::proxy::refusal", "engine::proxy::request"],
        crates: &["http"],
    },
    Rule {
        module: "engine::proxy::config",
        ours: &["config", "engine::k8s::access", "engine::k8s::endpoint", "engine::resilience", "model"],
        crates: &["http"],
    },
    Rule { module: "report", ours: &["engine::cluster", "model"], crates: &[] },
    Rule {
        module: "views",
        ours: &["error", "facts", "model", "protocol"],
        crates: &["nucleo_matcher", "ratatui", "tui_input"],
    },
    Rule {
        module: "tui",
        ours: &["engine::clock", "model", "protocol", "views"],
        crates: &["crossterm", "ratatui", "tokio"],
    },
    Rule {
        module: "demo",
        ours: &[],
        crates: &[
            "http",
            "http_body_util",
            "hyper",
            "hyper_util",
            "json_patch",
            "rcgen",
            "rustls",
            "tokio",
            "tokio_rustls",
            "tokio_util",
        ],
    },
    Rule {
        module: "cli",
        ours: &["*"],
        crates: &["clap", "clap_complete", "tokio", "tokio_util", "tracing_appender", "tracing_subscriber"],
    },
];

/// All paths a file names, each from its first segment, test modules left out.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.flatten(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if names.len() > 1 {
            self.0.push(names);
        }
        syn::visit::visit_path(self, path);
    }
}

impl Paths {
    fn flatten(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.flatten(&path.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.flatten(tree, prefix)),
            syn::UseTree::Name(name) => self.leaf(prefix, &name.ident),
            syn::UseTree::Rename(rename) => self.leaf(prefix, &rename.ident),
            syn::UseTree::Glob(_) => self.0.push(prefix.clone()),
        }
    }

    fn leaf(&mut self, prefix: &[String], name: &syn::Ident) {
        let mut path = prefix.to_vec();
        path.push(name.to_string());
        self.0.push(path);
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Ident>().is_ok_and(|i| i == "test"))
}

/// `src/engine/k8s.rs` is `engine::k8s`.
fn module_of(file: &Path) -> Vec<String> {
    let relative = file.strip_prefix("src").unwrap_or(file).with_extension("");
    let names: Vec<String> = relative.iter().map(|n| n.to_string_lossy().into_owned()).collect();
    if names == ["main"] || names == ["lib"] { Vec::new() } else { names }
}

/// The path from the crate's root, if it stays in the crate.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" | "quarterdeck" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return None,
    };
    let mut rest = path.get(1..)?;
    while let Some(("super", tail)) = rest.split_first().map(|(head, tail)| (head.as_str(), tail)) {
        base.pop();
        rest = tail;
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

fn within(path: &str, module: &str) -> bool {
    module == "*" || path == module || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

/// The rule of a module: the one that names the most of its path.
fn rule_of(module: &str) -> &'static Rule {
    RULES
        .iter()
        .filter(|rule| rule.module.is_empty() || within(module, rule.module))
        .max_by_key(|rule| rule.module.len())
        .expect("the empty module fits every file")
}

/// What is wrong with the paths of one file.
fn complaints(file: &Path, source: &str) -> Vec<String> {
    let module = module_of(file);
    let name = module.join("::");
    let rule = rule_of(&name);
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(source).expect("a file of ours parses"));
    let mut wrong = Vec::new();
    for path in &paths.0 {
        let first = path.first().map_or("", String::as_str);
        if GOVERNED.contains(&first) && !rule.crates.contains(&first) {
            wrong.push(format!("{}: `{name}` may not name the crate `{first}`", file.display()));
        }
        let Some(target) = absolute(path, &module).map(|p| p.join("::")) else { continue };
        let own = rule.module.is_empty() || within(&target, rule.module);
        // A module file may name its own children and the items beside them.
        let known = target.is_empty() || own || rule.ours.iter().any(|allowed| within(&target, allowed));
        if !known {
            wrong.push(format!("{}: `{name}` may not name `crate::{target}`", file.display()));
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

pub(super) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_module_names_only_what_the_table_allows() {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let wrong: Vec<String> = files
        .iter()
        .flat_map(|file| complaints(file, &fs::read_to_string(file).expect("a source can be read")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the files of each rule name, `crate::` cut off.
fn named_by_rule() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut named: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for file in &files {
        let module = module_of(file);
        let mut paths = Paths::default();
        let source = fs::read_to_string(file).expect("a source can be read");
        paths.visit_file(&syn::parse_file(&source).expect("a file of ours parses"));
        let all = named.entry(rule_of(&module.join("::")).module).or_default();
        for path in &paths.0 {
            let ours = absolute(path, &module).map(|path| path.join("::"));
            all.extend(ours.or_else(|| path.first().cloned()));
        }
    }
    named
}

#[test]
fn no_permission_is_unused() {
    let named = named_by_rule();
    let nothing = BTreeSet::new();
    let mut unused = Vec::new();
    for rule in RULES {
        let named = named.get(rule.module).unwrap_or(&nothing);
        for allowed in rule.ours.iter().filter(|allowed| **allowed != "*") {
            if !named.iter().any(|path| within(path, allowed)) {
                unused.push(format!("`{}` may name `crate::{allowed}`, and does not", rule.module));
            }
        }
        let idle = rule.crates.iter().filter(|name| !named.contains(**name));
        unused.extend(idle.map(|name| format!("`{}` may name the crate `{name}`, and does not", rule.module)));
    }
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

#[test]
fn a_forbidden_import_is_seen_wherever_it_hides() {
    let seen = |file: &str, source: &str| complaints(Path::new(file), source).len();
    assert_eq!(seen("src/views/fleet.rs", "fn f() { let _ = kube::Client::try_default; }"), 1);
    assert_eq!(seen("src/engine/fleet.rs", "use tokio::time::{self, Instant};"), 1);
    assert_eq!(seen("src/model/row.rs", "use super::super::protocol::Snapshot;"), 1);
    assert_eq!(seen("src/model/row.rs", "use super::cell::Cell;"), 0);
    assert_eq!(seen("src/model/row.rs", "#[cfg(test)] mod tests { use tokio::time; }"), 0);
    assert_eq!(seen("src/report/table.rs", "type T = crate::engine::fleet::Fleet;"), 1);
    assert_eq!(seen("src/report/table.rs", "type T = crate::engine::cluster::Table;"), 0);
}
