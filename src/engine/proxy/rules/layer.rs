//! At most one condition of each rule on one field, for all rules together.

pub mod index;

use super::Asked;
use super::bits::{Bits, Members};
use super::reference::ResourcePattern;
use crate::engine::proxy::config::{Condition, Field, Operator};
use crate::engine::proxy::request::RequestInfo;
use index::{Builder, Found, TextIndex};
use std::collections::HashMap;
use std::sync::Arc;

/// Text fields of a request, in the order of evaluation: the fields that separate most rules come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Resource, with group and subresource in the pattern of `equals` and `in`.
    Resource,
    /// Namespace of the request.
    Namespace,
    /// Kubernetes verb.
    Verb,
    /// Class of the request.
    Class,
    /// API group.
    Group,
    /// Subresource.
    Subresource,
    /// Name of the object.
    Name,
    /// User name of the caller.
    User,
    /// Region of the proxy.
    Region,
    /// Groups of the caller.
    CallerGroup,
}

impl Kind {
    /// Returns the text field of a condition; `None` for labels.
    pub fn of(field: Field) -> Option<Self> {
        Some(match field {
            Field::Namespace => Self::Namespace,
            Field::Resource => Self::Resource,
            Field::Group => Self::Group,
            Field::Subresource => Self::Subresource,
            Field::Verb => Self::Verb,
            Field::Class => Self::Class,
            Field::Name => Self::Name,
            Field::User => Self::User,
            Field::CallerGroup => Self::CallerGroup,
            Field::Region => Self::Region,
            Field::Label { .. } => return None,
        })
    }
}

/// The conditions of all rules on one field, at most one of each rule: maps a text to the rules whose condition holds.
#[derive(Debug)]
pub struct Layer {
    kind: Kind,
    /// Rules with a condition in this layer.
    rules: Bits,
    /// Rules whose condition is negated.
    negated: Bits,
    index: TextIndex,
    resources: ResourceIndex,
}

impl Layer {
    /// Compiles conditions with the indexes of their rules, among `count` rules.
    ///
    /// Fails if the texts or the regular expressions of the field are too large together.
    pub fn compile(kind: Kind, count: usize, conditions: &[(usize, &Condition)]) -> Result<Self, String> {
        let (mut rules, mut negated) = (Bits::of(count), Bits::of(count));
        let mut texts = Builder::new(count);
        let mut resources = ResourceIndex::default();
        for (rule, condition) in conditions {
            rules.set(*rule);
            if condition.negated {
                negated.set(*rule);
            }
            for value in &condition.values {
                if kind == Kind::Resource && matches!(condition.operator, Operator::Equals | Operator::In) {
                    resources.add(value, *rule);
                } else {
                    texts.add(condition.operator, value, *rule);
                }
            }
        }
        resources.finish(count);
        Ok(Self { kind, rules, negated, index: texts.finish()?, resources })
    }

    /// The field of the layer.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The rules with a condition in this layer.
    pub fn rules(&self) -> &Bits {
        &self.rules
    }

    /// Returns true if the field is one of the request alone, not of its caller or the proxy.
    pub fn is_about_request(&self) -> bool {
        !matches!(self.kind, Kind::User | Kind::CallerGroup | Kind::Region)
    }

    /// The texts of the field; several for groups.
    pub fn texts<'a>(&self, asked: &Asked<'a>) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        let (one, groups): (Option<&'a str>, &'a [Arc<str>]) = match self.kind {
            Kind::User => (Some(&asked.caller.user), &[]),
            Kind::Region => (Some(asked.region), &[]),
            Kind::CallerGroup => (None, &asked.caller.groups),
            Kind::Resource
            | Kind::Namespace
            | Kind::Verb
            | Kind::Class
            | Kind::Group
            | Kind::Subresource
            | Kind::Name => (self.text_of_request(asked.info), &[]),
        };
        Some(one.into_iter().chain(groups.iter().map(|group| &**group)))
    }

    /// The texts of the field without a caller; `None` if the field is not one of the request.
    pub fn texts_of_request<'a>(&self, info: &'a RequestInfo<'_>) -> Option<std::option::IntoIter<&'a str>> {
        self.is_about_request().then(|| self.text_of_request(info).into_iter())
    }

    fn text_of_request<'a>(&self, info: &'a RequestInfo<'_>) -> Option<&'a str> {
        Some(match self.kind {
            Kind::Resource => &info.resource,
            Kind::Namespace => &info.namespace,
            Kind::Verb => &info.verb,
            Kind::Class => info.class().as_str(),
            Kind::Group => &info.api_group,
            Kind::Subresource => &info.subresource,
            Kind::Name => &info.name,
            Kind::User | Kind::Region | Kind::CallerGroup => return None,
        })
    }

    /// Adds the rules whose operator holds for the text.
    pub fn mark(&self, text: &str, info: &RequestInfo<'_>, held: &mut Bits, found: &mut Found) {
        self.index.mark(text, held, found);
        if self.kind == Kind::Resource {
            self.resources.mark(info, held);
        }
    }

    /// Removes the rules whose condition in this layer does not hold.
    pub fn keep(&self, alive: &mut Bits, held: &Bits) {
        alive.keep(&self.rules, held, &self.negated);
    }

    /// The number of regular expressions in one search.
    pub fn patterns(&self) -> usize {
        self.index.patterns()
    }
}

/// Rules by the resource of their pattern.
#[derive(Debug, Default)]
struct ResourceIndex {
    named: HashMap<Box<str>, Narrowed>,
    /// Rules with the pattern `*`.
    every: Narrowed,
}

/// Rules of one resource, by the group and subresource of their pattern.
#[derive(Debug, Default)]
struct Narrowed {
    groups: Vec<Narrow>,
}

#[derive(Debug)]
struct Narrow {
    group: Option<Box<str>>,
    subresource: Option<Box<str>>,
    rules: Vec<usize>,
    members: Members,
}

impl ResourceIndex {
    fn add(&mut self, value: &str, rule: usize) {
        let pattern = ResourcePattern::read(value);
        let place = match pattern.resource {
            Some(resource) => self.named.entry(Box::from(resource)).or_default(),
            None => &mut self.every,
        };
        let same = |narrow: &&mut Narrow| {
            narrow.group.as_deref() == pattern.group && narrow.subresource.as_deref() == pattern.subresource
        };
        match place.groups.iter_mut().find(same) {
            Some(narrow) => narrow.rules.push(rule),
            None => place.groups.push(Narrow {
                group: pattern.group.map(Box::from),
                subresource: pattern.subresource.map(Box::from),
                rules: vec![rule],
                members: Members::Few(Vec::new()),
            }),
        }
    }

    fn finish(&mut self, count: usize) {
        for narrowed in self.named.values_mut().chain([&mut self.every]) {
            for narrow in &mut narrowed.groups {
                narrow.members = Members::of(count, &narrow.rules);
                narrow.rules = Vec::new();
            }
        }
    }

    fn mark(&self, info: &RequestInfo<'_>, held: &mut Bits) {
        let named = self.named.get(&*info.resource);
        for narrow in named.into_iter().chain([&self.every]).flat_map(|narrowed| &narrowed.groups) {
            let pattern = ResourcePattern {
                resource: None,
                group: narrow.group.as_deref(),
                subresource: narrow.subresource.as_deref(),
            };
            if pattern.narrows(info) {
                narrow.members.mark(held);
            }
        }
    }
}
