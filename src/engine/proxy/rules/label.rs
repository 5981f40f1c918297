//! Conditions on labels: those every object of a selector must have, or those of the object sent.

use super::bits::{Bits, Members};
use super::layer::index::{Builder, Found, TextIndex};
use super::reference::{admitted, label};
use crate::engine::proxy::config::Condition;
use crate::engine::proxy::request::selector::{self, Relation};
use std::collections::{BTreeMap, HashMap};

/// Label conditions of the rules: at most one of each rule.
#[derive(Debug)]
pub struct LabelLayer {
    rules: Bits,
    negated: Bits,
    keys: HashMap<Box<str>, KeyIndex>,
}

#[derive(Debug)]
struct KeyIndex {
    /// Rules that accept any value.
    any: Members,
    values: TextIndex,
}

/// Sets for the values of one label; reused for each request.
#[derive(Debug, Default)]
pub struct Values {
    /// Rules that hold for all values so far.
    all: Bits,
    /// Rules that hold for the current value.
    one: Bits,
}

impl Values {
    /// Empties the sets, for `count` rules.
    pub fn resize(&mut self, count: usize) {
        self.all.resize(count);
        self.one.resize(count);
    }
}

impl LabelLayer {
    /// Compiles conditions with the indexes of their rules, among `count` rules.
    ///
    /// Fails if the texts or the regular expressions of one label are too large together.
    pub fn compile(count: usize, conditions: &[(usize, &Condition)]) -> Result<Self, String> {
        let (mut rules, mut negated) = (Bits::of(count), Bits::of(count));
        let mut keys: BTreeMap<&str, (Vec<usize>, Builder)> = BTreeMap::new();
        for (rule, condition) in conditions {
            rules.set(*rule);
            if condition.negated {
                negated.set(*rule);
            }
            for (key, value) in condition.values.iter().map(|written| label(written)) {
                let (any, values) = keys.entry(key).or_insert_with(|| (Vec::new(), Builder::new(count)));
                match value {
                    Some(value) => values.add(condition.operator, value, *rule),
                    None => any.push(*rule),
                }
            }
        }
        let finish = |(key, (any, values)): (&str, (Vec<usize>, Builder))| {
            Ok((Box::from(key), KeyIndex { any: Members::of(count, &any), values: values.finish()? }))
        };
        Ok(Self { rules, negated, keys: keys.into_iter().map(finish).collect::<Result<_, String>>()? })
    }

    /// The rules with a condition in this layer.
    pub fn rules(&self) -> &Bits {
        &self.rules
    }

    /// Removes the rules whose condition in this layer does not hold.
    pub fn keep(&self, alive: &mut Bits, held: &Bits) {
        alive.keep(&self.rules, held, &self.negated);
    }

    /// The number of regular expressions in one search.
    pub fn patterns(&self) -> usize {
        self.keys.values().map(|key| key.values.patterns()).max().unwrap_or_default()
    }

    /// Adds the rules whose label every object has that the selector selects.
    pub fn mark_selector(&self, text: &str, held: &mut Bits, values: &mut Values, found: &mut Found) {
        if text.is_empty() || !selector::labels_hold(text) {
            return;
        }
        selector::labels(text, &mut |requirement| {
            let Some(index) = self.keys.get(requirement.key) else { return };
            match requirement.relation {
                Relation::In => {
                    let mut first = true;
                    for value in requirement.values().filter(|value| admitted(text, requirement.key, value)) {
                        values.one.clear();
                        index.mark(value, &mut values.one, found);
                        if first {
                            values.all.clone_from(&values.one);
                        } else {
                            values.all.intersect(&values.one);
                        }
                        first = false;
                    }
                    if !first {
                        held.add(&values.all);
                    }
                }
                Relation::Exists | Relation::Greater | Relation::Less => {
                    if is_satisfiable(text, requirement.key) {
                        index.any.mark(held);
                    }
                }
                Relation::NotIn | Relation::Absent => {}
            }
        });
    }

    /// Adds the rules whose label the object has.
    pub fn mark_labels(&self, labels: &BTreeMap<String, String>, held: &mut Bits, found: &mut Found) {
        for (key, value) in labels {
            if let Some(index) = self.keys.get(key.as_str()) {
                index.mark(value, held, found);
            }
        }
    }
}

impl KeyIndex {
    fn mark(&self, value: &str, held: &mut Bits, found: &mut Found) {
        self.any.mark(held);
        self.values.mark(value, held, found);
    }
}

/// Returns true if a label that must be present can be, as far as can be seen: not `a,!a`, and not `a,a in (b),a!=b`.
fn is_satisfiable(text: &str, key: &str) -> bool {
    let mut satisfiable = true;
    selector::labels(text, &mut |other| {
        satisfiable &= other.key != key
            || match other.relation {
                Relation::Absent => false,
                Relation::In => other.values().any(|value| admitted(text, key, value)),
                Relation::NotIn | Relation::Exists | Relation::Greater | Relation::Less => true,
            };
    });
    satisfiable
}
