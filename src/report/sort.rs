//! `--sort-by`: a path into an object, and an order over the values found there.

use serde_json::Value;
use std::cmp::Ordering;

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    At(usize),
}

/// A path of fields and positions: `{.metadata.labels['a.b/c']}`, `.status.containerStatuses[0].restartCount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// Parses the part of JSONPath that selects one value. Fails if the path is empty or has anything but fields and
    /// positions, such as a filter or a wildcard.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inner = text.trim();
        let inner = inner.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(inner);
        let mut rest = inner.strip_prefix('$').unwrap_or(inner);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, tail) = step(rest).ok_or_else(|| {
                format!("`{text}` is not a path this understands at `{rest}`; use fields and positions, as in {{.status.containerStatuses[0].restartCount}}")
            })?;
            steps.push(step);
            rest = tail;
        }
        if steps.is_empty() { Err(format!("`{text}` names no field")) } else { Ok(Self(steps)) }
    }

    /// Returns the value at the path; `None` if the object has none.
    pub fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::At(at) => value.get(at),
        })
    }

    /// Orders two objects by their values at the path; objects without one come first.
    pub fn order(&self, a: Option<&Value>, b: Option<&Value>) -> Ordering {
        let (a, b) = (a.and_then(|v| self.find(v)), b.and_then(|v| self.find(v)));
        match (a, b) {
            (Some(a), Some(b)) => order(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }
}

fn step(rest: &str) -> Option<(Step, &str)> {
    if let Some(bracket) = rest.strip_prefix('[') {
        if let Some(quoted) = bracket.strip_prefix('\'') {
            let (name, tail) = quoted.split_once("']")?;
            return Some((Step::Field(name.to_owned()), tail));
        }
        let (number, tail) = bracket.split_once(']')?;
        return Some((Step::At(number.parse().ok()?), tail));
    }
    let field = rest.strip_prefix('.').unwrap_or(rest);
    let mut name = String::new();
    let mut chars = field.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            // kubectl's way to write a dot that belongs to a key.
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (!name.is_empty()).then(|| (Step::Field(name), field.split_at(at).1)),
            '*' | '?' | '(' | ')' | '{' | '}' | '@' => return None,
            c => name.push(c),
        }
    }
    (!name.is_empty()).then_some((Step::Field(name), ""))
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64().partial_cmp(&y.as_f64()).unwrap_or(Ordering::Equal),
        // Numbers that stand as text by their value, other text by bytes, as kubectl orders it.
        (Value::String(x), Value::String(y)) => match (x.parse::<f64>(), y.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => x.cmp(y),
        },
        (Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        (x, y) => x.to_string().cmp(&y.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_fields_positions_and_keys_with_dots() {
        let object = serde_json::json!({"metadata": {"labels": {"a.b/c": "x"}}, "s": [{"n": 3}]});
        for (path, value) in [
            ("{.metadata.labels['a.b/c']}", "\"x\""),
            (".metadata.labels.a\\.b/c", "\"x\""),
            ("s[0].n", "3"),
            ("$.s[0]", "{\"n\":3}"),
        ] {
            let found = Path::parse(path).unwrap();
            assert_eq!(found.find(&object).map(ToString::to_string).as_deref(), Some(value), "{path}");
        }
        for bad in ["", "{}", "{.a[*]}", ".a[?(@.x)]", ".a[x]", "{.a..b}"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_sort_as_numbers_and_nothing_comes_first() {
        let path = Path::parse(".n").unwrap();
        let (nine, ten, nothing) = (serde_json::json!({"n": 9}), serde_json::json!({"n": 10}), serde_json::json!({}));
        assert_eq!(path.order(Some(&nine), Some(&ten)), Ordering::Less);
        assert_eq!(path.order(Some(&nothing), Some(&nine)), Ordering::Less);
    }
}
