//! What a kubectl command line sends, as far as it can be known without asking a server: which requests, and where to.
//!
//! Discovery, which kubectl keeps on disk, is left out. What only a server knows (custom resources, the pods behind a
//! Deployment) is said in the notes, or refused with the request to test instead.

mod arguments;
mod connects;
mod objects;
mod reads;
mod writes;

use arguments::Arguments;
use std::collections::BTreeMap;

/// Bound on the requests of one command; a tester has no use for a command with more objects.
const REQUESTS_MAX: usize = 200;

/// The environment of a kubectl command.
#[derive(Clone, Copy)]
pub struct KubectlContext<'a> {
    /// Namespace if the command names none.
    pub namespace: &'a str,
    /// Reads a file that `-f` names; fails with the reason why it cannot.
    pub file: &'a dyn Fn(&str) -> Result<String, String>,
}

impl std::fmt::Debug for KubectlContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// A request that kubectl sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// HTTP method.
    pub method: &'static str,
    /// Path and query.
    pub url: String,
    /// Labels of the object sent; `None` if its file was not read.
    pub labels: Option<BTreeMap<String, String>>,
    /// Purpose of the request in one line; empty if it is plain.
    pub note: String,
}

/// All requests of a command, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Requests, in the order in which kubectl sends them.
    pub requests: Vec<Sent>,
    /// Facts that are unknown without a server, one line each.
    pub notes: Vec<String>,
    /// The command has `--as`.
    pub impersonates: bool,
}

impl Command {
    fn send(&mut self, method: &'static str, url: impl Into<String>) {
        self.requests.push(Sent { method, url: url.into(), ..Sent::default() });
    }

    fn send_for(&mut self, method: &'static str, url: impl Into<String>, note: &str) {
        self.requests.push(Sent { method, url: url.into(), note: note.to_owned(), ..Sent::default() });
    }

    /// Adds a note, unless it is there already.
    fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// Adds the requests of a verb with its arguments.
type Verb = fn(&Call<'_>, &mut Command) -> Result<(), String>;

/// A parsed command line.
struct Call<'a> {
    verb: &'a str,
    arguments: Arguments,
    surroundings: &'a KubectlContext<'a>,
}

const VERBS: &[(&str, Verb)] = &[
    ("annotate", writes::changed),
    ("api-resources", reads::what_is_served),
    ("api-versions", reads::what_is_served),
    ("apply", writes::apply),
    ("attach", connects::session),
    ("auth", reads::auth),
    ("autoscale", writes::autoscale),
    ("cluster-info", reads::cluster_info),
    ("cordon", writes::node),
    ("cp", connects::copy),
    ("create", writes::create),
    ("delete", writes::delete),
    ("describe", reads::describe),
    ("diff", writes::apply),
    ("drain", writes::node),
    ("edit", writes::changed),
    ("events", reads::events),
    ("exec", connects::session),
    ("explain", reads::explain),
    ("expose", writes::expose),
    ("get", reads::get),
    ("label", writes::changed),
    ("logs", reads::logs),
    ("patch", writes::changed),
    ("port-forward", connects::port_forward),
    ("replace", writes::apply),
    ("rollout", writes::rollout),
    ("run", writes::run),
    ("scale", writes::changed),
    ("set", writes::set),
    ("taint", writes::changed),
    ("top", reads::top),
    ("uncordon", writes::node),
    ("version", reads::what_is_served),
    ("wait", reads::wait),
];

/// Returns the requests for the arguments behind `kubectl`.
///
/// Fails if the arguments are malformed, the verb is unknown, the requests depend on facts that only a server knows,
/// or the command sends no request or more than 200.
pub fn requests(words: &[&str], surroundings: &KubectlContext<'_>) -> Result<Command, String> {
    let (verb, arguments) = Arguments::read(words)?;
    let Some((known, run)) = VERBS.iter().find(|(known, _)| *known == verb) else {
        let known: Vec<&str> = VERBS.iter().map(|(known, _)| *known).collect();
        return Err(format!("kubectl {verb} is not known here; known are {}", known.join(", ")));
    };
    let mut command = Command { impersonates: arguments.has("as"), ..Command::default() };
    let call = Call { verb: known, arguments, surroundings };
    run(&call, &mut command)?;
    if command.requests.is_empty() {
        return Err(format!("kubectl {verb} sends nothing here: name an object"));
    }
    if command.requests.len() > REQUESTS_MAX {
        return Err(format!("kubectl {verb} sends more than {REQUESTS_MAX} requests: name fewer objects"));
    }
    Ok(command)
}

/// Splits a line as a shell does, as far as it goes without variables: spaces, quotes and backslashes.
///
/// Fails if a quote is not closed.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    if quote.is_some() { Err("a quote is not closed".to_owned()) } else { Ok(words) }
}

/// Escapes a text for a part of a URL.
fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Returns a URL with a query of the pairs that have a value.
fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = pairs.map(|(key, value)| format!("{key}={}", escaped(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests;
