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

/// The fields that are plain texts, in the order in which they are looked at: what tells most rules apart comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Resource,
    Namespace,
    Verb,
    Class,
    Group,
    Subresource,
    Name,
    User,
    Region,
    CallerGroup,
}

impl Kind {
    /// `None` for labels.
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

/// What a layer finds in a text becomes a set of rules.
#[derive(Debug)]
pub struct Layer {
    kind: Kind,
    /// Rules with a condition here.
    rules: Bits,
    /// Those of them whose condition is negated.
    negated: Bits,
    index: TextIndex,
    resources: ResourceIndex,
}

impl Layer {
    /// Of conditions with the places of their rules, among `count` rules.
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

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn rules(&self) -> &Bits {
        &self.rules
    }

    /// Whether the request alone decides here.
    pub fn is_about_request(&self) -> bool {
        !matches!(self.kind, Kind::User | Kind::CallerGroup | Kind::Region)
    }

    /// What the layer looks at; of groups there may be several.
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

    /// The same without a caller: `None` where one is needed.
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

    /// Takes away the rules whose condition here does not hold.
    pub fn keep(&self, alive: &mut Bits, held: &Bits) {
        alive.keep(&self.rules, held, &self.negated);
    }

    /// Regular expressions looked for at once.
    pub fn patterns(&self) -> usize {
        self.index.patterns()
    }
}

/// Rules by the resource they name.
#[derive(Debug, Default)]
struct ResourceIndex {
    named: HashMap<Box<str>, Narrowed>,
    /// `*`.
    every: Narrowed,
}

/// Rules that ask for a group and a subresource, or for none.
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
