//! Conditions: the requirement's words, and the Kubernetes verbs its HTTP methods mean.

use super::credential::texts;
use super::{At, Piece, Reader};
use crate::config::schema::word;
use crate::config::tree::Node;
use crate::config::yaml::nearest;
use crate::engine::proxy::config::{Condition, Field, Operator, schema};
use crate::model::text::clean;

/// Bounds on the values of one condition, and on the length of a value.
const VALUES_MAX: usize = 1000;
const VALUE_BYTES_MAX: usize = 1024;

/// Memory one compiled pattern may take; a larger one is a mistake or an attack.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The verbs of Kubernetes that rules know.
const VERBS: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// Kubernetes verbs of each HTTP method.
const METHODS: &[(&str, &[&str])] = &[
    ("GET", &["get", "list", "watch"]),
    ("HEAD", &["get", "list", "watch"]),
    ("POST", &["create"]),
    ("PUT", &["update"]),
    ("PATCH", &["patch"]),
    ("DELETE", &["delete", "deletecollection"]),
];

const CLASSES: &[&str] = &["read", "write", "connect"];

impl Reader<'_> {
    /// Reads a condition of a rule; `None` if it is wrong.
    pub(super) fn condition(&mut self, piece: &Piece, node: &Node, rule: &str) -> Option<Condition> {
        let at = piece.at(node);
        let kind = node.get("type")?;
        let field = field(word(kind.text()?, schema::TYPES)?)?;
        let written = node.get("operator").and_then(Node::text).and_then(|t| word(t, schema::OPERATORS));
        let (operator, negated) = operator(written.unwrap_or("equals"))?;
        let mut values = texts(node.get("value"));
        values.extend(texts(node.get("values")));
        if values.is_empty() && matches!(field, Field::Label { .. }) && node.get("key").is_some() {
            values.push(String::new());
        }
        let shown = kind.text().unwrap_or_default();
        if values.is_empty() {
            self.flaw(&at, format!("the condition on {shown} has no `value`"));
            return None;
        }
        if values.len() > 1 && operator != Operator::In {
            let message = format!("the condition on {shown} has several values: write `operator: in`");
            self.flaw(&at, message);
            return None;
        }
        let is_fit = |v: &String| v.len() <= VALUE_BYTES_MAX && !v.chars().any(char::is_control);
        if values.len() > VALUES_MAX || !values.iter().all(is_fit) {
            let message = format!("at most {VALUES_MAX} values of {VALUE_BYTES_MAX} bytes, without control characters");
            self.flaw(&at, message);
            return None;
        }
        let condition = Condition { field, operator, values, negated };
        let condition = match field {
            Field::Label { .. } => self.label(node, condition, &at)?,
            Field::Verb => self.verb(condition, &at, rule)?,
            Field::Class => self.class(condition, &at)?,
            Field::Namespace
            | Field::Resource
            | Field::Group
            | Field::Subresource
            | Field::Name
            | Field::User
            | Field::CallerGroup
            | Field::Region => condition,
        };
        self.pattern(&condition, &at)?;
        Some(condition)
    }

    /// Reads the key of a label condition: `key: team, value: a` is the same as `value: team=a`.
    fn label(&mut self, node: &Node, mut condition: Condition, at: &At) -> Option<Condition> {
        let key = node.get("key").and_then(Node::text);
        if let Some(key) = key {
            for value in &mut condition.values {
                *value = if value.is_empty() { key.to_owned() } else { format!("{key}={value}") };
            }
        }
        let keys: Vec<&str> =
            condition.values.iter().map(|v| v.split_once('=').map_or(v.as_str(), |(k, _)| k)).collect();
        let first = keys.first().copied().unwrap_or_default();
        if first.is_empty() || !first.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) {
            self.flaw(at, "a label has a key: write `key: team` and `value: a`, or `value: team=a`");
            return None;
        }
        if keys.iter().any(|key| *key != first) {
            self.flaw(at, "one condition looks at one label: write a condition for each");
            return None;
        }
        Some(condition)
    }

    /// Replaces HTTP methods by their verbs.
    fn verb(&mut self, mut condition: Condition, at: &At, rule: &str) -> Option<Condition> {
        if !matches!(condition.operator, Operator::Equals | Operator::In) {
            return Some(condition);
        }
        let mut verbs: Vec<String> = Vec::new();
        for value in &condition.values {
            let upper = value.to_uppercase();
            let method = METHODS.iter().find(|(method, _)| *method == upper);
            let known: Vec<&str> = if VERBS.contains(&value.as_str()) {
                vec![value.as_str()]
            } else if let Some((method, means)) = method {
                let text = format!("{method} is an HTTP method; here it means {}", means.join(", "));
                self.finding("http-verb", at, Some(rule), &text);
                means.to_vec()
            } else {
                let message = match nearest(value, VERBS) {
                    Some(near) => format!("unknown verb `{}`: did you mean `{near}`?", clean(value)),
                    None => format!("unknown verb `{}`: known are {}", clean(value), VERBS.join(", ")),
                };
                self.flaw(at, message);
                return None;
            };
            for verb in known {
                if !verbs.iter().any(|v| v == verb) {
                    verbs.push(verb.to_owned());
                }
            }
        }
        if verbs.len() > 1 {
            condition.operator = Operator::In;
        }
        Some(Condition { values: verbs, ..condition })
    }

    fn class(&mut self, condition: Condition, at: &At) -> Option<Condition> {
        let is_exact = matches!(condition.operator, Operator::Equals | Operator::In);
        if is_exact && condition.values.iter().all(|v| CLASSES.contains(&v.as_str())) {
            return Some(condition);
        }
        self.flaw(at, format!("a class is one of {}, with `equals` or `in`", CLASSES.join(", ")));
        None
    }

    fn pattern(&mut self, condition: &Condition, at: &At) -> Option<()> {
        if condition.operator != Operator::Regex {
            return Some(());
        }
        for value in &condition.values {
            let pattern = pattern_of(condition.field, value);
            let built =
                regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
            if let Err(error) = built {
                // The crate draws the pattern over several lines; its last line says what is wrong.
                let text = error.to_string();
                let last = clean(text.lines().last().unwrap_or_default().trim_start_matches("error: "));
                let is_large = matches!(error, regex::Error::CompiledTooBig(_));
                let why = if is_large { "is too large".to_owned() } else { format!("is not one: {last}") };
                self.flaw(at, format!("the regex {why}"));
                return None;
            }
        }
        Some(())
    }
}

/// Returns the pattern in a value: for a label the part behind its key.
pub(in super::super) fn pattern_of(field: Field, value: &str) -> &str {
    match field {
        Field::Label { .. } => value.split_once('=').map_or("", |(_, pattern)| pattern),
        Field::Namespace
        | Field::Resource
        | Field::Group
        | Field::Subresource
        | Field::Verb
        | Field::Class
        | Field::Name
        | Field::User
        | Field::CallerGroup
        | Field::Region => value,
    }
}

fn field(word: &str) -> Option<Field> {
    Some(match word {
        "namespace" => Field::Namespace,
        "resource" => Field::Resource,
        "apiGroup" => Field::Group,
        "subresource" => Field::Subresource,
        "verb" => Field::Verb,
        "class" => Field::Class,
        "name" => Field::Name,
        "user" => Field::User,
        "userGroup" => Field::CallerGroup,
        "label" => Field::Label { body: false },
        "bodyLabel" => Field::Label { body: true },
        "region" => Field::Region,
        _ => return None,
    })
}

fn operator(word: &str) -> Option<(Operator, bool)> {
    let (word, negated) = match word.strip_prefix("not-") {
        Some(rest) => (rest, true),
        None => (word, false),
    };
    let operator = match word {
        "equals" => Operator::Equals,
        "in" => Operator::In,
        "contains" => Operator::Contains,
        "regex" => Operator::Regex,
        "prefix" => Operator::Prefix,
        _ => return None,
    };
    Some((operator, negated))
}
