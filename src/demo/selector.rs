//! Label and field selectors, with the grammar of the real server.

use compact_str::CompactString;

use super::store::Facts;

/// A parsed `labelSelector` and `fieldSelector`; empty matches everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldTerm>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: CompactString,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<CompactString>),
    /// Also true when the label is absent.
    NotIn(Vec<CompactString>),
    Exists,
    Absent,
    Greater(i64),
    Less(i64),
}

#[derive(Debug, Clone)]
struct FieldTerm {
    field: &'static str,
    equal: bool,
    value: CompactString,
}

impl Selector {
    /// Parses both selectors. `known` lists the field labels of the resource. Fails if a selector is malformed, or if a
    /// field label is unknown; the error is the part of the server's message after the selector that it quotes.
    pub(super) fn parse(labels: &str, fields: &str, known: &[&'static str]) -> Result<Self, SelectorError> {
        Ok(Self { labels: parse_labels(labels).map_err(SelectorError::Label)?, fields: parse_fields(fields, known)? })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(super) fn matches(&self, facts: &Facts) -> bool {
        self.labels.iter().all(|term| term.matches(facts))
            && self.fields.iter().all(|term| (facts.field(term.field) == term.value) == term.equal)
    }
}

/// The malformed selector, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SelectorError {
    Label(String),
    FieldSyntax(String),
    /// The resource has no such field label.
    FieldUnknown(String),
}

impl Requirement {
    fn matches(&self, facts: &Facts) -> bool {
        let value = facts.label(&self.key);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.test {
            Test::In(wanted) => value.is_some_and(|value| wanted.iter().any(|w| w == value)),
            Test::NotIn(unwanted) => value.is_none_or(|value| unwanted.iter().all(|w| w != value)),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::Greater(bound) => number().is_some_and(|number| number > *bound),
            Test::Less(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

fn parse_fields(text: &str, known: &[&'static str]) -> Result<Vec<FieldTerm>, SelectorError> {
    let mut terms = Vec::new();
    for term in text.split(',').filter(|term| !term.is_empty()) {
        let (field, equal, value) = if let Some((field, value)) = term.split_once("!=") {
            (field, false, value)
        } else if let Some((field, value)) = term.split_once("==") {
            (field, true, value)
        } else if let Some((field, value)) = term.split_once('=') {
            (field, true, value)
        } else {
            return Err(SelectorError::FieldSyntax(format!("invalid selector: '{text}'; can't understand '{term}'")));
        };
        let Some(field) = known.iter().find(|known| **known == field) else {
            return Err(SelectorError::FieldUnknown(field.to_owned()));
        };
        terms.push(FieldTerm { field, equal, value: value.into() });
    }
    Ok(terms)
}

/// Splits at commas outside parentheses, then parses a requirement from each piece. Fails if one is malformed.
fn parse_labels(text: &str) -> Result<Vec<Requirement>, String> {
    let mut depth = 0_u32;
    let pieces = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    pieces.map(|piece| requirement(piece.trim())).collect()
}

fn requirement(piece: &str) -> Result<Requirement, String> {
    let (key, test) = if let Some(key) = piece.strip_prefix('!') {
        (key, Test::Absent)
    } else if let Some((key, value)) = piece.split_once("!=") {
        (key, Test::NotIn(vec![value.trim().into()]))
    } else if let Some((key, value)) = piece.split_once("==") {
        (key, Test::In(vec![value.trim().into()]))
    } else if let Some((key, value)) = piece.split_once('=') {
        (key, Test::In(vec![value.trim().into()]))
    } else if let Some((key, value)) = piece.split_once('>') {
        (key, Test::Greater(number(value)?))
    } else if let Some((key, value)) = piece.split_once('<') {
        (key, Test::Less(number(value)?))
    } else if let Some((head, values)) = piece.split_once('(') {
        let Some(values) = values.trim_end().strip_suffix(')') else {
            return Err("unable to parse requirement: found '', expected: ',' or ')'".to_owned());
        };
        let values = values.split(',').map(|value| value.trim().into()).collect();
        match head.split_whitespace().collect::<Vec<_>>().as_slice() {
            [key, "in"] => (*key, Test::In(values)),
            [key, "notin"] => (*key, Test::NotIn(values)),
            [_, word, ..] => {
                return Err(format!(
                    "unable to parse requirement: found '{word}', expected: in, notin, =, ==, !=, gt, lt"
                ));
            }
            _ => return Err(unexpected(piece)),
        }
    } else {
        (piece, Test::Exists)
    };
    let key = key.trim();
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if key.is_empty() || !key.chars().all(legal) {
        return Err(unexpected(piece));
    }
    Ok(Requirement { key: key.into(), test })
}

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| {
        "unable to parse requirement: values[0][]: for 'Gt', 'Lt' operators, the value must be an integer".to_owned()
    })
}

fn unexpected(piece: &str) -> String {
    format!("unable to parse requirement: found '{piece}', expected: !, identifier, or 'end of string'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts::for_test(&[("app", "api"), ("tier", "front"), ("shard", "12")], &[("status.phase", "Running")])
    }

    #[test]
    fn label_grammar() {
        let cases = [
            ("app=api", true),
            ("app==web", false),
            ("app!=web,tier", true),
            ("missing!=x", true),
            ("app in (web, api),tier notin (back)", true),
            ("!app", false),
            ("!nothing", true),
            ("shard>9", true),
            ("shard<9", false),
            ("", true),
        ];
        for (text, expected) in cases {
            let selector = Selector::parse(text, "", &[]).unwrap();
            assert_eq!(selector.matches(&facts()), expected, "{text}");
        }
        for text in ["app in api)", "app in (api", "=x", "a b", "app near (x)"] {
            assert!(Selector::parse(text, "", &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn field_grammar() {
        let known = ["status.phase", "metadata.name"];
        for (text, expected) in
            [("status.phase=Running", true), ("status.phase!=Running", false), ("status.phase==Pending", false)]
        {
            let selector = Selector::parse("", text, &known).unwrap();
            assert_eq!(selector.matches(&facts()), expected, "{text}");
        }
        assert_eq!(
            Selector::parse("", "spec.color=red", &known).unwrap_err(),
            SelectorError::FieldUnknown("spec.color".to_owned())
        );
    }
}
