//! Conditions one by one, as they read. The compiled table must agree with this; the tester explains with it.

use super::{Asked, sends_object};
use crate::engine::proxy::config::{Condition, Field, Operator};
use crate::engine::proxy::request::RequestInfo;
use crate::engine::proxy::request::selector::{self, Relation, Requirement};
use regex::Regex;

/// Memory one compiled expression may take. A pattern of a few hundred characters needs far less.
pub const PATTERN_MAX: usize = 1 << 20;

/// A predicate on the value of a label.
pub type Wanted<'a> = &'a dyn Fn(&str) -> bool;

/// Returns true if the condition holds. Compiles a regular expression each time: not for use on the request path.
pub fn holds(condition: &Condition, asked: &Asked<'_>) -> bool {
    let info = asked.info;
    let of_resource = !matches!(condition.field, Field::User | Field::CallerGroup | Field::Region);
    if of_resource && !info.is_resource {
        return false;
    }
    let compare = |text: &str| condition.values.iter().any(|value| compares(condition.operator, value, text));
    let held = match condition.field {
        Field::Namespace => compare(&info.namespace),
        Field::Resource => match condition.operator {
            Operator::Equals | Operator::In => condition.values.iter().any(|v| ResourcePattern::read(v).holds(info)),
            Operator::Contains | Operator::Regex | Operator::Prefix => compare(&info.resource),
        },
        Field::Group => compare(&info.api_group),
        Field::Subresource => compare(&info.subresource),
        Field::Verb => compare(&info.verb),
        Field::Class => compare(info.class().as_str()),
        Field::Name => compare(&info.name),
        Field::User => compare(&asked.caller.user),
        Field::CallerGroup => asked.caller.groups.iter().any(|group| compare(group)),
        Field::Region => compare(asked.region),
        Field::Label { body: false } => by_label(condition, &|key, holds| implied(&info.label_selector, key, holds)),
        Field::Label { body: true } => asked.body_labels.filter(|_| sends_object(info)).is_some_and(|labels| {
            by_label(condition, &|key, holds| {
                labels.get(key).is_some_and(|value| holds.is_none_or(|holds| holds(value)))
            })
        }),
    };
    held != condition.negated
}

/// Returns true if `has` has the label of any of the values, with one of the values given for it.
fn by_label(condition: &Condition, has: &dyn Fn(&str, Option<Wanted<'_>>) -> bool) -> bool {
    condition.values.iter().map(|written| label(written)).any(|(key, value)| {
        if value.is_none() {
            return has(key, None);
        }
        let same = || condition.values.iter().map(|written| label(written)).filter(|(other, _)| *other == key);
        has(key, Some(&|text| same().any(|(_, v)| v.is_some_and(|v| compares(condition.operator, v, text)))))
    })
}

/// Splits a label condition into key and value; without a value the label need only be present.
pub fn label(written: &str) -> (&str, Option<&str>) {
    match written.split_once('=') {
        Some((key, value)) => (key.trim(), Some(value.trim())),
        None => (written.trim(), None),
    }
}

fn compares(operator: Operator, value: &str, text: &str) -> bool {
    match operator {
        Operator::Equals | Operator::In => text == value,
        Operator::Contains => text.contains(value),
        Operator::Prefix => text.starts_with(value),
        Operator::Regex => Regex::new(value).is_ok_and(|regex| regex.is_match(text)),
    }
}

/// Returns true if every object that the selector selects has the label, with a value that `holds`, if given. A
/// selector without a requirement on the label implies nothing, and so does a selector that can select no object.
pub fn implied(text: &str, key: &str, holds: Option<Wanted<'_>>) -> bool {
    // The first requirement that lists values, and whether any requires the label at all, or its absence.
    let (mut listed, mut there, mut absent): (Option<Requirement<'_>>, bool, bool) = (None, false, false);
    let readable = selector::labels(text, &mut |requirement| {
        if requirement.key == key {
            match requirement.relation {
                Relation::In if listed.is_none() => listed = Some(requirement),
                Relation::Exists | Relation::Greater | Relation::Less => there = true,
                Relation::Absent => absent = true,
                Relation::In | Relation::NotIn => {}
            }
        }
    });
    if !readable || absent {
        return false;
    }
    match listed {
        Some(listed) => {
            let mut values = listed.values().filter(|value| admitted(text, key, value)).peekable();
            values.peek().is_some() && values.all(|value| holds.is_none_or(|holds| holds(value)))
        }
        // It may have any value.
        None => there && holds.is_none(),
    }
}

/// Returns true if all of the selector's requirements on the label admit the value.
pub(super) fn admitted(text: &str, key: &str, value: &str) -> bool {
    let mut admits = true;
    selector::labels(text, &mut |other| admits &= other.key != key || admitted_by(&other, value));
    admits
}

fn admitted_by(requirement: &Requirement<'_>, value: &str) -> bool {
    let number = |text: &str| text.parse::<i64>().ok();
    let bound = || requirement.values().next().and_then(number);
    match requirement.relation {
        Relation::In => requirement.values().any(|v| v == value),
        Relation::NotIn => requirement.values().all(|v| v != value),
        Relation::Exists => true,
        Relation::Absent => false,
        Relation::Greater => number(value).zip(bound()).is_some_and(|(value, bound)| value > bound),
        Relation::Less => number(value).zip(bound()).is_some_and(|(value, bound)| value < bound),
    }
}

/// A pattern for resources: `pods`, `deployments.apps`, `pods/exec`, `*.apps`, `*/scale`, `*`. Without a group it
/// matches any group, without a subresource any subresource too: a subresource is where its object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourcePattern<'a> {
    /// Plural name; `None` matches every resource.
    pub resource: Option<&'a str>,
    /// API group; `None` matches every group.
    pub group: Option<&'a str>,
    /// Subresource; `None` matches every subresource, and none.
    pub subresource: Option<&'a str>,
}

impl<'a> ResourcePattern<'a> {
    /// Parses a pattern; every text is one.
    pub fn read(text: &'a str) -> Self {
        let (name, subresource) = match text.split_once('/') {
            Some((name, subresource)) => (name, Some(subresource)),
            None => (text, None),
        };
        let (resource, group) = match name.split_once('.') {
            Some((resource, group)) => (resource, Some(group)),
            None => (name, None),
        };
        let some = |text: &'a str| (text != "*").then_some(text);
        Self { resource: some(resource), group: group.and_then(some), subresource: subresource.and_then(some) }
    }

    /// Returns true if the request matches the pattern.
    pub fn holds(&self, info: &RequestInfo<'_>) -> bool {
        self.resource.is_none_or(|resource| info.resource == resource) && self.narrows(info)
    }

    /// Returns true if the group and the subresource of the request match.
    pub fn narrows(&self, info: &RequestInfo<'_>) -> bool {
        self.group.is_none_or(|group| info.api_group == group)
            && self.subresource.is_none_or(|subresource| info.subresource == subresource)
    }
}

/// Checks that the condition can be compiled.
///
/// Fails if its operator is `regex` and a value is no regular expression, or is too large once compiled.
pub fn check(condition: &Condition) -> Result<(), String> {
    if condition.operator != Operator::Regex {
        return Ok(());
    }
    for value in &condition.values {
        let is_label = matches!(condition.field, Field::Label { .. });
        let pattern = if is_label { label(value).1.unwrap_or_default() } else { value.as_str() };
        if let Err(error) = regex::RegexBuilder::new(pattern).size_limit(PATTERN_MAX).build() {
            return Err(if matches!(error, regex::Error::CompiledTooBig(_)) {
                format!("the regular expression `{pattern}` is too large")
            } else {
                format!("`{pattern}` is no regular expression: {error}")
            });
        }
    }
    Ok(())
}
