//! The command line after `:`, as a value.
//!
//! `:pods -A` · `:deploy -n a,b @prod-* /api` · `:ns payments` · `:@prod-*` · `:clusters` · `:theme NAME`

use super::changes::line::USAGE;
use super::filter::Filter;
use super::place::Source;
use super::registry::{self, VIEWS};
use super::view::CommandSpec;
use crate::model::text::Text;

/// A command line, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Show another table, and change what is named.
    Show(Source, Change),
    /// Stay, and change what is named.
    Change(Change),
    /// Leave.
    Quit,
    /// Without a name: say which there are.
    Theme(Option<String>),
    /// Give the terminal to the shell for a while.
    Suspend,
    /// Open a view by one of its names, with the words after it.
    Open(Text, Vec<Text>),
    /// Show the keys and commands.
    Help,
    /// Take the mouse or leave it to the terminal.
    Mouse(bool),
    /// Change objects: the words of the change.
    ChangeObjects(Vec<Text>),
    /// Sort by a column; again turns it round.
    Sort(Text),
    /// Show a label as a column, or stop showing it.
    Label(Text),
    /// Connect clusters by name, glob or group.
    Connect(Vec<Text>),
    /// Disconnect them.
    Pause(Vec<Text>),
}

/// The parts of the place that a command changes; `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Empty for all.
    pub clusters: Option<Vec<Text>>,
    /// Empty for all.
    pub namespaces: Option<Vec<Text>>,
    /// The filter line.
    pub filter: Option<String>,
}

impl Change {
    /// Returns true if nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the mistake in its filter.
    pub fn filter_mistake(&self) -> Option<String> {
        let filter = self.filter.as_deref()?;
        Filter::parse(filter).err().map(|why| format!("filter: {why}"))
    }
}

/// The words a command may begin with, beside a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Clusters,
    Namespaces,
    Events,
    Quit,
    Theme,
    Help,
    Suspend,
    Mouse,
    ChangeObjects,
    Sort,
    Label,
    Connect,
    Pause,
}

/// A command of the screen itself.
#[derive(Debug, Clone, Copy)]
struct VerbSpec {
    verb: Verb,
    spec: CommandSpec,
}

const fn verb(verb: Verb, names: &'static [&'static str], usage: &'static str, help: &'static str) -> VerbSpec {
    VerbSpec { verb, spec: CommandSpec { names, usage, help } }
}

/// Commands of tables and of how they look: listed before those of views.
const OF_TABLES: &[VerbSpec] = &[
    verb(
        Verb::Clusters,
        &["clusters", "fleet", "ctx", "contexts", "cluster"],
        "clusters [@WHICH]",
        "Show the clusters",
    ),
    verb(Verb::Namespaces, &["ns", "namespaces", "namespace"], "ns [NAME,…]", "Show namespaces, or switch to some"),
    verb(Verb::Events, &["events", "ev", "event"], "events", "Show events of all clusters, warnings first"),
    verb(Verb::Theme, &["theme", "skin"], "theme [NAME]", "Change the theme"),
];

/// All other commands of the screen: listed after those of views.
const OF_SCREEN: &[VerbSpec] = &[
    verb(Verb::Help, &["help", "h", "?"], "help", "Show the keys and commands"),
    verb(
        Verb::ChangeObjects,
        &["change"],
        USAGE,
        "Change the row or the marked rows: delete, rollout restart, scale, cordon, label",
    ),
    verb(Verb::Sort, &["sort"], "sort COLUMN", "Sort by a column; again turns it round"),
    verb(Verb::Label, &["label"], "label KEY", "Show a label as a column, or hide it"),
    verb(Verb::Connect, &["connect"], "connect NAME|GLOB|GROUP…", "Connect clusters"),
    verb(Verb::Pause, &["disconnect", "pause"], "disconnect NAME|GLOB|GROUP…", "Disconnect clusters"),
    verb(Verb::Mouse, &["mouse"], "mouse on|off", "Take the mouse, or leave it to the terminal"),
    verb(Verb::Suspend, &["suspend", "sus"], "suspend", "Suspend to the shell; `fg` comes back"),
    verb(Verb::Quit, &["q", "quit", "q!", "exit"], "q", "Leave"),
];

/// All commands that are no kinds, in the order they are listed: those of the screen and those of views.
pub fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    let spec = |verb: &'static VerbSpec| &verb.spec;
    let of_views = VIEWS.iter().filter_map(|view| view.command.as_ref());
    OF_TABLES.iter().map(spec).chain(of_views).chain(OF_SCREEN.iter().map(spec))
}

/// Returns the mistake in the filter of a command line, where it has one.
pub fn filter_mistake(line: &str) -> Option<String> {
    let Ok(Command::Show(_, change) | Command::Change(change)) = parse(line) else { return None };
    change.filter_mistake()
}

/// Parses a command line, with or without its colon. The error says what to type.
pub fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim().trim_start_matches(':').trim();
    let (head, filter) = split_filter(line);
    let mut words: Vec<&str> = head.split_whitespace().collect();
    if words.first().is_none_or(|w| w.starts_with(['@', '-', '/'])) {
        let change = change(&words, filter, Positional::None)?;
        return if change.is_empty() {
            Err("type a kind or a command: pods, clusters, q".to_owned())
        } else {
            Ok(Command::Change(change))
        };
    }
    let first = words.remove(0).to_lowercase();
    if registry::find_command(&first).is_some() {
        // All words are the view's, also those that begin as a filter does.
        let words = line.split_whitespace().skip(1).map(Text::new).collect();
        return Ok(Command::Open(Text::new(&first), words));
    }
    match OF_TABLES.iter().chain(OF_SCREEN).find(|verb| verb.spec.names.contains(&first.as_str())) {
        Some(verb) => with_verb(verb, &words, filter),
        None => {
            Ok(Command::Show(Source::Resources(Text::new(&first)), change(&words, filter, Positional::Namespaces)?))
        }
    }
}

fn with_verb(command: &VerbSpec, words: &[&str], filter: Option<String>) -> Result<Command, String> {
    let usage = || format!("type :{}", command.spec.usage);
    let rest: Vec<Text> = words.iter().flat_map(|w| list(w)).collect();
    let one = || rest.first().cloned().ok_or_else(usage);
    Ok(match command.verb {
        Verb::Clusters => Command::Show(Source::Fleet, change(words, filter, Positional::Clusters)?),
        Verb::Events => Command::Show(Source::Events, change(words, filter, Positional::Namespaces)?),
        Verb::Namespaces => {
            let change = change(words, filter, Positional::Namespaces)?;
            if change.namespaces.is_some() {
                Command::Change(change)
            } else {
                Command::Show(Source::Resources(Text::const_new("namespaces")), change)
            }
        }
        Verb::Quit => Command::Quit,
        Verb::Suspend => Command::Suspend,
        Verb::Help => Command::Help,
        Verb::Theme => Command::Theme(words.first().map(|w| (*w).to_owned())),
        Verb::Mouse => Command::Mouse(match words.first() {
            Some(&"on") => true,
            Some(&"off") => false,
            _ => return Err(usage()),
        }),
        Verb::ChangeObjects if filter.is_some() => return Err(usage()),
        Verb::ChangeObjects => Command::ChangeObjects(words.iter().map(|word| Text::new(word)).collect()),
        Verb::Sort => Command::Sort(Text::new(words.join(" "))).checked(usage)?,
        Verb::Label => Command::Label(one()?),
        Verb::Connect | Verb::Pause if rest.is_empty() => return Err(usage()),
        Verb::Connect => Command::Connect(rest),
        Verb::Pause => Command::Pause(rest),
    })
}

impl Command {
    fn checked(self, usage: impl Fn() -> String) -> Result<Self, String> {
        if matches!(&self, Self::Sort(column) if column.is_empty()) { Err(usage()) } else { Ok(self) }
    }
}

/// Everything from a word that starts with `/` on is the filter, spaces and all.
fn split_filter(line: &str) -> (&str, Option<String>) {
    if let Some(filter) = line.strip_prefix('/') {
        return ("", Some(filter.to_owned()));
    }
    match line.split_once(" /") {
        Some((head, filter)) => (head, Some(filter.to_owned())),
        None => (line, None),
    }
}

/// The meaning of a word without a sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Positional {
    None,
    Namespaces,
    Clusters,
}

fn change(words: &[&str], filter: Option<String>, positional: Positional) -> Result<Change, String> {
    let mut change = Change { filter, ..Change::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(clusters) = word.strip_prefix('@') {
            let all = matches!(clusters, "" | "all" | "*");
            let named = if all { Vec::new() } else { some(clusters, "no cluster is named: @prod-*, or @all for all")? };
            change.clusters.get_or_insert_default().extend(named);
            continue;
        }
        match *word {
            "-A" | "--all-namespaces" => change.namespaces = Some(Vec::new()),
            "-n" | "--namespace" => {
                let names = words.next().ok_or(NO_NAMESPACE)?;
                change.namespaces.get_or_insert_default().extend(namespaces(names)?);
            }
            "-l" | "--selector" => {
                let selector = words.next().ok_or("-l needs a selector: -l app=web")?;
                let filter = change.filter.take().unwrap_or_default();
                change.filter = Some(format!("-l {selector} {filter}").trim().to_owned());
            }
            flag if flag.starts_with('-') => {
                return Err(format!("{flag} is not known here: -n NAMESPACES, -A, -l SELECTOR, @CLUSTERS, /FILTER"));
            }
            name => match positional {
                Positional::Namespaces => change.namespaces.get_or_insert_default().extend(namespaces(name)?),
                Positional::Clusters => {
                    change.clusters.get_or_insert_default().extend(some(name, "no cluster is named")?);
                }
                Positional::None => return Err(format!("{name} is not expected here")),
            },
        }
    }
    Ok(change)
}

fn list(names: &str) -> Vec<Text> {
    // There is no shell here that takes quotes away.
    names.split(',').filter(|n| !matches!(*n, "" | "\"\"" | "''")).map(Text::new).collect()
}

/// At least one name: none at all would stand for all.
fn some(names: &str, otherwise: &str) -> Result<Vec<Text>, String> {
    let named = list(names);
    if named.is_empty() { Err(otherwise.to_owned()) } else { Ok(named) }
}

const NO_NAMESPACE: &str = "-n needs a namespace: -n payments,default";

/// `all` is every namespace.
fn namespaces(names: &str) -> Result<Vec<Text>, String> {
    if matches!(names, "all" | "*") { Ok(Vec::new()) } else { some(names, NO_NAMESPACE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<Text> {
        names.iter().map(|n| Text::new(n)).collect()
    }

    #[test]
    fn the_whole_grammar_in_one_line() {
        let command = parse(":deploy -n a,b @prod-* /api !canary").unwrap();
        let change = Change {
            clusters: Some(texts(&["prod-*"])),
            namespaces: Some(texts(&["a", "b"])),
            filter: Some("api !canary".to_owned()),
        };
        assert_eq!(command, Command::Show(Source::Resources("deploy".into()), change));
    }

    #[test]
    fn each_part_works_alone() {
        let pods = |change| Command::Show(Source::Resources("pods".into()), change);
        assert_eq!(parse("pods").unwrap(), pods(Change::default()));
        assert_eq!(parse("pods -A").unwrap(), pods(Change { namespaces: Some(texts(&[])), ..Change::default() }));
        assert_eq!(
            parse("pods payments").unwrap(),
            pods(Change { namespaces: Some(texts(&["payments"])), ..Change::default() })
        );
        let selected = Change { filter: Some("-l app=web x".to_owned()), ..Change::default() };
        assert_eq!(parse("pods -l app=web /x").unwrap(), pods(selected));
        let scope = Change { clusters: Some(texts(&["lab"])), ..Change::default() };
        assert_eq!(parse("@lab").unwrap(), Command::Change(scope));
        let all = Change { clusters: Some(texts(&[])), ..Change::default() };
        assert_eq!(parse("@all").unwrap(), Command::Change(all));
        let ns = Change { namespaces: Some(texts(&["a"])), ..Change::default() };
        assert_eq!(parse("ns a").unwrap(), Command::Change(ns));
        assert_eq!(parse("ctx").unwrap(), Command::Show(Source::Fleet, Change::default()));
        assert_eq!(parse("q").unwrap(), Command::Quit);
        assert_eq!(parse("theme sixteen").unwrap(), Command::Theme(Some("sixteen".to_owned())));
    }

    #[test]
    fn a_command_of_a_view_has_all_words() {
        let words = texts(&["attach", "127.0.0.1:9443", "/run/qd/admin.token"]);
        let line = "Proxy attach 127.0.0.1:9443 /run/qd/admin.token";
        assert_eq!(parse(line).unwrap(), Command::Open("proxy".into(), words));
    }

    #[test]
    fn mistakes_name_the_next_step() {
        assert_eq!(parse("pods -n").unwrap_err(), "-n needs a namespace: -n payments,default");
        assert_eq!(parse("connect").unwrap_err(), "type :connect NAME|GLOB|GROUP…");
        assert!(parse("pods -x").unwrap_err().starts_with("-x is not known here"));
        assert!(parse("").is_err());
    }

    /// K2: an empty name never means all.
    #[test]
    fn an_empty_name_is_a_mistake() {
        for line in
            ["pods -n \"\"", "pods -n ''", "pods -n ,", "pods \"\"", "ns ,", "pods @,", "pods @\"\"", "clusters ,"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn no_name_means_two_commands() {
        let names: Vec<&str> = commands().flat_map(|c| c.names).copied().collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names.iter().skip(at + 1).any(|n| n == name), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(line in "\\PC{0,40}") {
            let _parsed = parse(&line);
        }
    }
}
