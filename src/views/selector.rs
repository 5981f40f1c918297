//! Label selectors, judged here: a workload's pods are found among rows that are already held.

/// A parsed label selector (`app=web,tier in (a,b),!canary`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selector {
    /// Parses a selector as kubectl prints and takes it. Fails if it is not one: the error says where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let requirements: Result<Vec<_>, _> = split(text).map(requirement).collect();
        requirements.map(Self)
    }

    /// Says whether nothing is asked, which selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges a row's labels (`Row::label`).
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|v| values.iter().all(|w| w != v)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Missing(key) => label(key).is_none(),
        })
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth <= 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

fn requirement(part: &str) -> Result<Requirement, String> {
    if let Some((key, values)) = part.split_once(" notin ") {
        return Ok(Requirement::NotIn(key_of(key)?, values_of(values)?));
    }
    if let Some((key, values)) = part.split_once(" in ") {
        return Ok(Requirement::In(key_of(key)?, values_of(values)?));
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key_of(key)?, vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = part.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Ok(Requirement::In(key_of(key)?, vec![value.trim().to_owned()]));
    }
    match part.strip_prefix('!') {
        Some(key) => key_of(key).map(Requirement::Missing),
        None => key_of(part).map(Requirement::Exists),
    }
}

fn key_of(text: &str) -> Result<String, String> {
    let key = text.trim();
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_');
    if key.is_empty() || !key.chars().all(is_key) {
        return Err(format!("`{key}` is no label key"));
    }
    Ok(key.to_owned())
}

fn values_of(text: &str) -> Result<Vec<String>, String> {
    let inner = text.trim().strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    let inner = inner.ok_or_else(|| format!("`{}` should be a list like (a,b)", text.trim()))?;
    Ok(inner.split(',').map(|v| v.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &'static str)]) -> bool {
        let selector = Selector::parse(selector).unwrap();
        selector.matches(|key| labels.iter().find(|(k, _)| *k == key).map(|(_, v)| *v))
    }

    #[test]
    fn judges_as_the_server_does() {
        let labels = [("app", "web"), ("tier", "a")];
        assert!(selects("app=web,tier in (a, b)", &labels));
        assert!(selects("app==web,!canary,tier", &labels));
        assert!(selects("canary!=yes,tier notin (b,c)", &labels));
        assert!(!selects("app=web,canary", &labels));
        assert!(!selects("tier notin (a)", &labels));
        assert!(selects("", &labels));
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(Selector::parse("a b").unwrap_err(), "`a b` is no label key");
        assert_eq!(Selector::parse("a in b").unwrap_err(), "`b` should be a list like (a,b)");
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}") {
            let _parsed = Selector::parse(&text);
        }
    }
}
