//! The words of the schema for what a configuration holds: the reader knows them, and what is shown is written with them.

use super::{Balance, Condition, Field, Operator, Window};
use crate::engine::k8s::endpoint::Material;

/// Names of the days; the first one is bit 0 of a window's days.
pub(super) const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Returns the field and the operator of a condition as the schema spells them.
pub(super) fn condition_words(condition: &Condition) -> (&'static str, &'static str) {
    (word_of(condition.field), operator_word(condition))
}

/// Returns a field as the schema spells it.
pub(super) fn word_of(field: Field) -> &'static str {
    match field {
        Field::Namespace => "namespace",
        Field::Resource => "resource",
        Field::Group => "apiGroup",
        Field::Subresource => "subresource",
        Field::Verb => "verb",
        Field::Class => "class",
        Field::Name => "name",
        Field::User => "user",
        Field::CallerGroup => "userGroup",
        Field::Label { body: false } => "label",
        Field::Label { body: true } => "bodyLabel",
        Field::Region => "region",
    }
}

/// Returns an operator as the schema spells it.
pub(super) fn operator_word(condition: &Condition) -> &'static str {
    match (condition.operator, condition.negated) {
        (Operator::Equals, false) => "equals",
        (Operator::Equals, true) => "not-equals",
        (Operator::In, false) => "in",
        (Operator::In, true) => "not-in",
        (Operator::Contains, false) => "contains",
        (Operator::Contains, true) => "not-contains",
        (Operator::Regex, false) => "regex",
        (Operator::Regex, true) => "not-regex",
        (Operator::Prefix, false) => "prefix",
        (Operator::Prefix, true) => "not-prefix",
    }
}

/// Returns a window as the schema spells it: `mon, sat 22:00-04:00`.
pub(super) fn window_words(window: &Window) -> (Vec<&'static str>, String, String) {
    let days =
        DAYS.iter().enumerate().filter(|(place, _)| window.days >> place & 1 == 1).map(|(_, day)| *day).collect();
    let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    (days, time(window.from), time(window.to))
}

pub(super) fn balance_word(balance: &Balance) -> &'static str {
    match balance {
        Balance::RoundRobin => "round-robin",
        Balance::Weighted => "weighted",
        Balance::Random => "random",
        Balance::LeastLoaded => "least-loaded",
        Balance::NearestRegion => "nearest-region",
        Balance::Cheapest => "cheapest",
        Balance::MostFree => "most-free",
        Balance::TimeWindow(_) => "time-window",
    }
}

/// Returns the location of a CA or a credential, for display, without its content.
pub(super) fn masked(material: Option<&Material>) -> Option<String> {
    material.map(|material| match material {
        Material::Inline(_) => "[redacted]".to_owned(),
        Material::File(path) => path.display().to_string(),
    })
}
