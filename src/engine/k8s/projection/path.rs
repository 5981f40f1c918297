//! The part of JSONPath that printer columns use, evaluated on raw text: fields, `['field']`,
//! `[n]`, `[*]` and filters such as `[?(@.type=="Ready")]`.

use super::wire::{Str, entry, items, values};
use serde_json::value::RawValue;
use std::cmp::Ordering;

/// Steps of one path; a longer one is not a column anybody reads.
const STEPS_MAX: usize = 32;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// From the end when negative.
    Index(i64),
    All,
    Filter(Filter),
}

/// `[?(@.path OP literal)]`; without an operator, that the path is there.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    path: Path,
    test: Option<(Comparison, Literal)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The longer signs first, so that `<=` is not read as `<`.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Number(f64),
    Bool(bool),
}

impl Path {
    /// Reads a path; `None` for what is not of the part we know.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
        let text = text.strip_prefix(['$', '@']).unwrap_or(text);
        let mut rest = text;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if steps.len() == STEPS_MAX {
                return None;
            }
            let (step, after) = step(rest)?;
            steps.extend(step);
            rest = after;
        }
        Some(Self(steps))
    }

    /// The first value at the path.
    pub(super) fn first<'v>(&self, value: &'v RawValue) -> Option<&'v RawValue> {
        first(&self.0, value)
    }
}

/// One step off the front; none for a lone dot, which is the value itself.
fn step(text: &str) -> Option<(Option<Step>, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (inside, rest) = bracket(inner)?;
        return Some((Some(subscript(inside.trim())?), rest));
    }
    let name = text.strip_prefix('.').unwrap_or(text);
    let (field, rest) = field(name);
    match field.as_str() {
        "" if rest.starts_with('[') || rest.is_empty() => Some((None, rest)),
        "" => None,
        "*" => Some((Some(Step::All), rest)),
        _ => Some((Some(Step::Field(field)), rest)),
    }
}

/// A field's name up to the next dot or bracket; a backslash takes the next character as it is.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '.' | '[' => return (name, text.split_at(at).1),
            '\\' => name.extend(characters.next().map(|(_, c)| c)),
            c => name.push(c),
        }
    }
    (name, "")
}

/// What stands before the bracket that closes, quotes and inner brackets aside; and what follows it.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1)?,
            (None, ']') if depth == 0 => {
                let (inside, rest) = text.split_at(at);
                return Some((inside, rest.strip_prefix(']')?));
            }
            (None, ']') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}

fn subscript(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|f| f.strip_suffix(')')) {
        return filter_of(filter).map(Step::Filter);
    }
    match quoted(inside) {
        Some(name) => Some(Step::Field(name.to_owned())),
        None => inside.parse().ok().map(Step::Index),
    }
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|q| text.strip_prefix(q)?.strip_suffix(q))
}

fn filter_of(text: &str) -> Option<Filter> {
    let found = COMPARISONS.iter().find_map(|(sign, comparison)| {
        let (left, right) = split_outside_quotes(text, sign)?;
        Some((left, right, *comparison))
    });
    let Some((left, right, comparison)) = found else {
        return Some(Filter { path: Path::parse(text.trim().strip_prefix('@')?)?, test: None });
    };
    let path = Path::parse(left.trim().strip_prefix('@')?)?;
    let right = right.trim();
    let literal = match quoted(right) {
        Some(text) => Literal::Text(text.to_owned()),
        None => match right {
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            number => Literal::Number(number.parse().ok()?),
        },
    };
    Some(Filter { path, test: Some((comparison, literal)) })
}

fn split_outside_quotes<'t>(text: &'t str, sign: &str) -> Option<(&'t str, &'t str)> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, _) => {
                let (left, rest) = text.split_at(at);
                if let Some(right) = rest.strip_prefix(sign) {
                    return Some((left, right));
                }
            }
        }
    }
    None
}

fn first<'v>(steps: &[Step], value: &'v RawValue) -> Option<&'v RawValue> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    match step {
        Step::Field(name) => first(rest, entry(value, name)?),
        Step::Index(n) => {
            let items = items(value);
            let at = if *n < 0 {
                items.len().checked_sub(usize::try_from(n.unsigned_abs()).ok()?)?
            } else {
                usize::try_from(*n).ok()?
            };
            first(rest, items.get(at)?)
        }
        Step::All => values(value).into_iter().find_map(|v| first(rest, v)),
        Step::Filter(filter) => items(value).into_iter().filter(|v| filter.holds(v)).find_map(|v| first(rest, v)),
    }
}

impl Filter {
    fn holds(&self, value: &RawValue) -> bool {
        match (self.path.first(value), &self.test) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(found), Some((comparison, literal))) => {
                literal.order(found).is_some_and(|order| comparison.holds(order))
            }
        }
    }
}

impl Literal {
    /// How the value stands to the literal; `None` when they are of different kinds.
    fn order(&self, value: &RawValue) -> Option<Ordering> {
        match self {
            Self::Text(text) if value.get().starts_with('"') => {
                let value: Str<'_> = serde_json::from_str(value.get()).ok()?;
                Some((*value).cmp(text.as_str()))
            }
            Self::Text(_) => None,
            Self::Number(number) => serde_json::from_str::<f64>(value.get()).ok()?.partial_cmp(number),
            Self::Bool(flag) => Some(serde_json::from_str::<bool>(value.get()).ok()?.cmp(flag)),
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"{"metadata":{"name":"x","annotations":{"a.b/c":"dotted"}},
        "spec":{"replicas":3,"list":[{"n":1},{"n":2,"m":"two"}],"on":true},
        "status":{"conditions":[{"type":"Synced","status":"False"},{"type":"Ready","status":"True","reason":"All == good]"}]}}"#;

    fn at(path: &str) -> Option<String> {
        let object: &RawValue = serde_json::from_str(OBJECT).unwrap();
        Path::parse(path)?.first(object).map(|v| v.get().to_owned())
    }

    #[test]
    fn paths_of_printer_columns() {
        for (path, expected) in [
            (".metadata.name", "\"x\""),
            ("{.metadata.name}", "\"x\""),
            (r".metadata.annotations.a\.b/c", "\"dotted\""),
            (".metadata.annotations['a.b/c']", "\"dotted\""),
            (".spec.replicas", "3"),
            (".spec.list[1].n", "2"),
            (".spec.list[-1].m", "\"two\""),
            (".spec.list[*].m", "\"two\""),
            (".spec.list.*.n", "1"),
            (r#".status.conditions[?(@.type=="Ready")].status"#, "\"True\""),
            (".status.conditions[?(@.type == 'Ready')].reason", "\"All == good]\""),
            (r#".status.conditions[?(@.reason=="All == good]")].type"#, "\"Ready\""),
            (".spec.list[?(@.n>1)].m", "\"two\""),
            (".spec.list[?(@.n>=1)].n", "1"),
            (".spec.list[?(@.m)].n", "2"),
            (".spec.list[?(@.m!='one')].n", "2"),
        ] {
            assert_eq!(at(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_missing_or_not_understood_is_nothing() {
        for path in [
            ".a.b",
            ".spec.list[7]",
            ".spec.replicas.x",
            ".spec.list.n",
            ".status.conditions[?(@.type=='No')].x",
            "..name",
            ".spec.list[0:1]",
            ".x[",
            ".[?(1)]",
        ] {
            assert_eq!(at(path), None, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(path in "[.\\[\\]?()@a*'\"=\\\\ <0-9-]{0,24}") {
            let object: &RawValue = serde_json::from_str(OBJECT).unwrap();
            let _found = Path::parse(&path).map(|p| p.first(object).map(RawValue::get));
        }
    }
}
