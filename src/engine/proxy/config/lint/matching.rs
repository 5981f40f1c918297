//! Whether a rule may decide requests of a sort, as far as a rule alone tells; and whether one rule hides another.

use crate::engine::proxy::config::read::pattern_of;
use crate::engine::proxy::config::{Condition, Field, Operator, Rule};

/// A kind of request. Empty fields stand for any value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sort {
    pub(super) resource: &'static str,
    pub(super) group: &'static str,
    pub(super) subresource: &'static str,
    /// Kubernetes verb; empty is any verb.
    pub(super) verb: &'static str,
    pub(super) class: &'static str,
    /// The request has no namespace.
    pub(super) is_cluster_scoped: bool,
}

/// Any request with a verb, for any resource.
pub(super) fn of_verb(verb: &'static str, class: &'static str) -> Sort {
    Sort { verb, class, ..Sort::default() }
}

/// Returns true if the rule may match such a request.
pub(super) fn may(rule: &Rule, sort: &Sort) -> bool {
    rule.conditions.iter().all(|condition| may_hold(condition, sort))
}

fn may_hold(condition: &Condition, sort: &Sort) -> bool {
    let text = match condition.field {
        Field::Verb => sort.verb,
        Field::Class => sort.class,
        Field::Resource => return resource(condition, sort),
        // The core group and no subresource are the empty text, and known with the resource.
        Field::Group if !sort.resource.is_empty() => return holds(condition, sort.group),
        Field::Subresource if !sort.resource.is_empty() => return holds(condition, sort.subresource),
        Field::Namespace if sort.is_cluster_scoped => return holds(condition, ""),
        // A label selector stands in requests for many, a body in those that send one.
        Field::Label { body: false } => {
            return condition.negated || matches!(sort.verb, "" | "list" | "watch" | "deletecollection");
        }
        Field::Label { body: true } => {
            return condition.negated || matches!(sort.verb, "" | "create" | "update" | "patch");
        }
        Field::Namespace
        | Field::Group
        | Field::Subresource
        | Field::Name
        | Field::User
        | Field::CallerGroup
        | Field::Region => return true,
    };
    text.is_empty() || holds(condition, text)
}

fn resource(condition: &Condition, sort: &Sort) -> bool {
    if sort.resource.is_empty() {
        return true;
    }
    if !is_exact(condition) {
        return holds(condition, sort.resource);
    }
    condition.values.iter().any(|value| names(value, sort)) != condition.negated
}

/// Returns true if a pattern matches: `pods`, `deployments.apps`, `pods/exec`, `*.apps`. A missing part matches
/// everything.
fn names(value: &str, sort: &Sort) -> bool {
    let (name, subresource) = value.split_once('/').map_or((value, "*"), |(name, sub)| (name, sub));
    let (resource, group) = name.split_once('.').map_or((name, "*"), |(resource, group)| (resource, group));
    let fits = |wanted: &str, text: &str| wanted == "*" || wanted == text;
    fits(resource, sort.resource) && fits(group, sort.group) && fits(subresource, sort.subresource)
}

/// Returns true if the condition holds for a text.
pub(super) fn holds(condition: &Condition, text: &str) -> bool {
    let one = |value: &String| match condition.operator {
        Operator::Equals | Operator::In => value == text,
        Operator::Contains => text.contains(value.as_str()),
        Operator::Prefix => text.starts_with(value.as_str()),
        Operator::Regex => regex::Regex::new(pattern_of(condition.field, value)).is_ok_and(|r| r.is_match(text)),
    };
    condition.values.iter().any(one) != condition.negated
}

pub(super) fn is_exact(condition: &Condition) -> bool {
    matches!(condition.operator, Operator::Equals | Operator::In)
}

fn is_same(a: &Condition, b: &Condition) -> bool {
    let sorted = |c: &Condition| {
        let mut values = c.values.clone();
        values.sort_unstable();
        values
    };
    let same_operator = a.operator == b.operator || (is_exact(a) && is_exact(b));
    a.field == b.field && a.negated == b.negated && same_operator && sorted(a) == sorted(b)
}

/// Returns true if `outer` holds for every request for which `inner` holds; false if that cannot be decided.
fn implies(inner: &Condition, outer: &Condition) -> bool {
    if is_same(inner, outer) {
        return true;
    }
    // Patterns of resources say more than their text; labels hold by what a selector implies.
    let is_plain = !matches!(inner.field, Field::Label { .. } | Field::CallerGroup);
    if inner.field != outer.field || inner.negated || !is_exact(inner) || !is_plain {
        return false;
    }
    if inner.field == Field::Resource {
        let is_bare = |v: &String| !v.contains(['.', '/', '*']);
        // `pods` covers `pods/exec` and `pods.metrics.k8s.io`.
        let covers = |outer: &str, inner: &str| {
            outer == inner || outer == "*" || inner.split(['.', '/']).next().is_some_and(|first| first == outer)
        };
        return is_exact(outer)
            && !outer.negated
            && inner
                .values
                .iter()
                .all(|i| outer.values.iter().any(|o| covers(o, i) && (is_bare(o) || o == i || o == "*")));
    }
    inner.values.iter().all(|value| holds(outer, value))
}

/// Returns true if the earlier rule matches every request that the later rule matches.
pub(super) fn hides(earlier: &Rule, later: &Rule) -> bool {
    earlier.conditions.iter().all(|outer| later.conditions.iter().any(|inner| implies(inner, outer)))
}

/// Returns true if no request matches both rules; false if that cannot be decided.
pub(super) fn are_apart(a: &Rule, b: &Rule) -> bool {
    let apart = |a: &Condition, b: &Condition| {
        let is_plain = !matches!(a.field, Field::Label { .. } | Field::CallerGroup | Field::Resource);
        let none = |exact: &Condition, other: &Condition| {
            is_exact(exact) && !exact.negated && !exact.values.iter().any(|value| holds(other, value))
        };
        a.field == b.field && is_plain && (none(a, b) || none(b, a))
    };
    a.conditions.iter().any(|one| b.conditions.iter().any(|other| apart(one, other)))
}

/// Returns true if the rules differ only in their conditions on verbs and classes.
pub(super) fn same_but_verbs(a: &Rule, b: &Rule) -> bool {
    let others = |rule: &Rule| -> Vec<Condition> {
        rule.conditions.iter().filter(|c| !matches!(c.field, Field::Verb | Field::Class)).cloned().collect()
    };
    let (a, b) = (others(a), others(b));
    a.len() == b.len() && a.iter().all(|one| b.iter().any(|other| is_same(one, other)))
}
