//! The command line after `:`, as a value.
//!
//! `:pods -A` · `:deploy -n a,b @prod-* /api` · `:ns payments` · `:@prod-*` · `:clusters` · `:theme NAME`

use super::filter::Filter;
use super::place::Source;
use crate::model::text::Text;

/// A command line, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Show another table, and change what is named.
    Show(Source, Change),
    /// Stay, and change what is named.
    Change(Change),
    Quit,
    /// Without a name: say which there are.
    Theme(Option<String>),
    Suspend,
    /// What each cluster costs and how it answers.
    Doctor,
    /// The routing proxy; attached first where an admin address and a token's file are named.
    Routes(Option<(Text, Text)>),
    Help,
    /// Take the mouse or leave it to the terminal.
    Mouse(bool),
    /// Sort by a column; again turns it round.
    Sort(Text),
    /// Show a label as a column, or stop showing it.
    Label(Text),
    /// Connect clusters by name, glob or group.
    Connect(Vec<Text>),
    /// Disconnect them.
    Pause(Vec<Text>),
}

/// What of the place a command changes; `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Empty for all.
    pub clusters: Option<Vec<Text>>,
    /// Empty for all.
    pub namespaces: Option<Vec<Text>>,
    pub filter: Option<String>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with its filter.
    pub fn filter_mistake(&self) -> Option<String> {
        let filter = self.filter.as_deref()?;
        Filter::parse(filter).err().map(|why| format!("filter: {why}"))
    }
}

/// What the first word may be, beside a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Clusters,
    Namespaces,
    Events,
    Quit,
    Theme,
    Doctor,
    Routes,
    Help,
    Suspend,
    Mouse,
    Sort,
    Label,
    Connect,
    Pause,
}

/// A command as completion and help list it.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// The first is the one completion offers.
    pub names: &'static [&'static str],
    pub usage: &'static str,
    pub help: &'static str,
    verb: Verb,
}

const fn described(verb: Verb, names: &'static [&'static str], usage: &'static str, help: &'static str) -> Described {
    Described { names, usage, help, verb }
}

/// All commands that are no kinds.
pub const COMMANDS: &[Described] = &[
    described(
        Verb::Clusters,
        &["clusters", "fleet", "ctx", "contexts", "cluster"],
        "clusters [@WHICH]",
        "Show the clusters",
    ),
    described(
        Verb::Namespaces,
        &["ns", "namespaces", "namespace"],
        "ns [NAME,…]",
        "Show namespaces, or switch to some",
    ),
    described(Verb::Events, &["events", "ev", "event"], "events", "Show events of all clusters, warnings first"),
    described(Verb::Theme, &["theme", "skin"], "theme [NAME]", "Change the theme"),
    described(Verb::Doctor, &["doctor", "info"], "doctor", "Show what each cluster costs and how it answers"),
    described(
        Verb::Routes,
        &["routes", "route", "proxy"],
        "routes [attach HOST:PORT TOKEN-FILE]",
        "Show the routing proxy, or attach to one",
    ),
    described(Verb::Help, &["help", "h", "?"], "help", "Show the keys and commands"),
    described(Verb::Sort, &["sort"], "sort COLUMN", "Sort by a column; again turns it round"),
    described(Verb::Label, &["label"], "label KEY", "Show a label as a column, or hide it"),
    described(Verb::Connect, &["connect"], "connect NAME|GLOB|GROUP…", "Connect clusters"),
    described(Verb::Pause, &["disconnect", "pause"], "disconnect NAME|GLOB|GROUP…", "Disconnect clusters"),
    described(Verb::Mouse, &["mouse"], "mouse on|off", "Take the mouse, or leave it to the terminal"),
    described(Verb::Suspend, &["suspend", "sus"], "suspend", "Suspend to the shell; `fg` comes back"),
    described(Verb::Quit, &["q", "quit", "q!", "exit"], "q", "Leave"),
];

/// What is wrong with the filter of a command line, where it has one.
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
    let verb = COMMANDS.iter().find(|c| c.names.contains(&first.as_str()));
    match verb {
        Some(command) => with_verb(command, &words, filter),
        None => {
            Ok(Command::Show(Source::Resources(Text::new(&first)), change(&words, filter, Positional::Namespaces)?))
        }
    }
}

fn with_verb(command: &Described, words: &[&str], filter: Option<String>) -> Result<Command, String> {
    let usage = || format!("type :{}", command.usage);
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
        Verb::Doctor => Command::Doctor,
        Verb::Routes => Command::Routes(attached(words, filter).map_err(|()| usage())?),
        Verb::Help => Command::Help,
        Verb::Theme => Command::Theme(words.first().map(|w| (*w).to_owned())),
        Verb::Mouse => Command::Mouse(match words.first() {
            Some(&"on") => true,
            Some(&"off") => false,
            _ => return Err(usage()),
        }),
        Verb::Sort => Command::Sort(Text::new(words.join(" "))).checked(usage)?,
        Verb::Label => Command::Label(one()?),
        Verb::Connect | Verb::Pause if rest.is_empty() => return Err(usage()),
        Verb::Connect => Command::Connect(rest),
        Verb::Pause => Command::Pause(rest),
    })
}

/// `attach HOST:PORT /path/of/token`; the path begins as a filter does.
fn attached(words: &[&str], filter: Option<String>) -> Result<Option<(Text, Text)>, ()> {
    match (words, filter) {
        ([], None) => Ok(None),
        (["attach", address, file], None) => Ok(Some((Text::new(address), Text::new(file)))),
        (["attach", address], Some(path)) => Ok(Some((Text::new(address), Text::from(format!("/{path}"))))),
        _ => Err(()),
    }
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

/// What a word without a sign means.
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
        let names: Vec<&str> = COMMANDS.iter().flat_map(|c| c.names).copied().collect();
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
