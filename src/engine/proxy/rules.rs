//! The rules, compiled: which one decides a request.
//!
//! Each field of a request is looked at once, for all rules together. A layer holds at most one condition of each rule on
//! one field; what it finds is a set of rules, and the sets of all layers are intersected. The first rule left decides.
//! Nothing is allocated on the way of a request: the sets of a thread are made once and used again.
//!
//! A request that is for no resource (discovery, `/version`, health) has no namespace, resource, verb, class, name or
//! label: a rule that looks at any of these does not decide it, not even by a negated condition. It goes home, or where
//! a rule about its caller alone sends it.

pub mod bits;
pub mod fallback;
pub mod label;
pub mod layer;
pub mod reference;

use super::caller::Caller;
use super::config::{Condition, Field, ProxyConfig};
use super::request::RequestInfo;
use crate::engine::proxy::rules::reference as plain;
use bits::Bits;
use label::{LabelLayer, Values};
use layer::index::Found;
use layer::{Kind, Layer};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A request and its caller, for the rules to decide.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Attributes of the request.
    pub info: &'a RequestInfo<'a>,
    /// Authenticated caller.
    pub caller: &'a Caller,
    /// Labels of the object sent; `None` if no rule needs the body or it could not be read.
    pub body_labels: Option<&'a BTreeMap<String, String>>,
    /// Region of the proxy.
    pub region: &'a str,
}

/// All rules in their order, compiled.
#[derive(Debug, Default)]
pub struct RuleTable {
    count: usize,
    layers: Vec<Layer>,
    by_selector: Vec<LabelLayer>,
    by_body: Vec<LabelLayer>,
    /// Rules with a condition that only requests for resources can meet.
    about_resources: Bits,
    /// Rules that read the labels of the object sent.
    about_bodies: Bits,
    /// The largest number of regular expressions in one search.
    patterns: usize,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Sets that are reused for each request.
#[derive(Debug, Default)]
struct Scratch {
    /// Rules that still may decide.
    alive: Bits,
    /// Rules whose condition in the current layer holds.
    held: Bits,
    values: Values,
    found: Found,
}

impl Scratch {
    fn ready(&mut self, table: &RuleTable) {
        self.alive.fill(table.count);
        self.held.resize(table.count);
        if !table.by_selector.is_empty() {
            self.values.resize(table.count);
        }
        self.found.reserve(table.patterns);
    }
}

impl RuleTable {
    /// Compiles the rules of a configuration.
    ///
    /// Fails if a regular expression is invalid or too large; the error names the rule and its place. Fails as well if
    /// the expressions of all rules on one field are too large together.
    pub fn compile(config: &ProxyConfig) -> Result<Self, String> {
        let mut table = Self { count: config.rules.len(), ..Self::default() };
        table.about_resources = Bits::of(table.count);
        table.about_bodies = Bits::of(table.count);
        let mut pending: Pending<'_, Kind> = Vec::new();
        let mut labels: Pending<'_, bool> = Vec::new();
        for (place, rule) in config.rules.iter().enumerate() {
            // The second condition on the same field goes into the second layer of that field.
            let mut seen: Vec<(Field, usize)> = Vec::new();
            for condition in &rule.conditions {
                plain::check(condition).map_err(|why| format!("{}: rule {}: {why}", rule.place, rule.name))?;
                let depth = seen.iter().filter(|(field, _)| *field == condition.field).count();
                seen.push((condition.field, depth));
                match (Kind::of(condition.field), condition.field) {
                    (Some(kind), _) => push(&mut pending, kind, depth, (place, condition)),
                    (None, Field::Label { body }) => push(&mut labels, body, depth, (place, condition)),
                    (None, _) => {}
                }
                if !matches!(condition.field, Field::User | Field::CallerGroup | Field::Region) {
                    table.about_resources.set(place);
                }
                if condition.field == (Field::Label { body: true }) {
                    table.about_bodies.set(place);
                }
            }
        }
        for (kind, _, conditions) in pending {
            table.layers.push(Layer::compile(kind, table.count, &conditions)?);
        }
        // The cheapest and most telling first.
        table.layers.sort_by_key(Layer::kind);
        for (body, _, conditions) in labels {
            let layers = if body { &mut table.by_body } else { &mut table.by_selector };
            layers.push(LabelLayer::compile(table.count, &conditions)?);
        }
        let texts = table.layers.iter().map(Layer::patterns);
        let labels = table.by_selector.iter().chain(&table.by_body).map(LabelLayer::patterns);
        table.patterns = texts.chain(labels).max().unwrap_or_default();
        Ok(table)
    }

    /// Returns the index in `config.rules` of the rule that decides; `None` if no rule matches.
    pub fn decide(&self, asked: &Asked<'_>) -> Option<usize> {
        self.with_scratch(|scratch| {
            self.narrow(scratch, asked.info, |layer| layer.texts(asked));
            self.by_selector(scratch, asked.info);
            for layer in &self.by_body {
                if scratch.alive.is_disjoint(layer.rules()) {
                    continue;
                }
                scratch.held.clear();
                if let Some(labels) = asked.body_labels.filter(|_| sends_object(asked.info)) {
                    layer.mark_labels(labels, &mut scratch.held, &mut scratch.found);
                }
                layer.keep(&mut scratch.alive, &scratch.held);
            }
            scratch.alive.first()
        })
    }

    /// Returns true if the labels of the object sent may decide: a rule that reads them comes before the first rule
    /// that matches without them. Conditions on callers and the region are not evaluated here; they may hold.
    pub fn wants_body(&self, info: &RequestInfo<'_>) -> bool {
        if self.by_body.is_empty() || !sends_object(info) {
            return false;
        }
        self.with_scratch(|scratch| {
            self.narrow(scratch, info, |layer| layer.texts_of_request(info));
            self.by_selector(scratch, info);
            // A rule about the caller may or may not hold, so it hides nothing behind it.
            let caller = |layer: &Layer| !layer.is_about_request();
            let certain = |place: &usize| {
                !self.about_bodies.has(*place)
                    && !self.layers.iter().any(|layer| caller(layer) && layer.rules().has(*place))
            };
            let certain = scratch.alive.iter().find(certain).unwrap_or(self.count);
            scratch.alive.iter().take_while(|place| *place < certain).any(|place| self.about_bodies.has(place))
        })
    }

    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        SCRATCH.with(|scratch| {
            // Nothing in here calls itself; were it so, it would only allocate.
            let (mut own, mut shared);
            let scratch = if let Ok(scratch) = scratch.try_borrow_mut() {
                shared = scratch;
                &mut *shared
            } else {
                own = Scratch::default();
                &mut own
            };
            scratch.ready(self);
            work(scratch)
        })
    }

    /// Keeps the rules alive whose conditions on plain fields hold; layers without texts are skipped.
    fn narrow<'a, T: Iterator<Item = &'a str>>(
        &self,
        scratch: &mut Scratch,
        info: &RequestInfo<'_>,
        texts: impl Fn(&Layer) -> Option<T>,
    ) {
        if !info.is_resource {
            scratch.alive.remove(&self.about_resources);
        }
        for layer in &self.layers {
            if scratch.alive.is_disjoint(layer.rules()) {
                continue;
            }
            let Some(texts) = texts(layer) else { continue };
            scratch.held.clear();
            for text in texts {
                layer.mark(text, info, &mut scratch.held, &mut scratch.found);
            }
            layer.keep(&mut scratch.alive, &scratch.held);
        }
    }

    fn by_selector(&self, scratch: &mut Scratch, info: &RequestInfo<'_>) {
        for layer in &self.by_selector {
            if scratch.alive.is_disjoint(layer.rules()) {
                continue;
            }
            scratch.held.clear();
            layer.mark_selector(&info.label_selector, &mut scratch.held, &mut scratch.values, &mut scratch.found);
            layer.keep(&mut scratch.alive, &scratch.held);
        }
    }
}

/// Returns true if the request's body is an object with labels, or a part of one.
pub fn sends_object(info: &RequestInfo<'_>) -> bool {
    info.is_resource && matches!(&*info.verb, "create" | "update" | "patch")
}

/// Layers under construction: field, number of earlier conditions of the same rule on it, and the rules with their
/// conditions.
type Pending<'c, K> = Vec<(K, usize, Vec<(usize, &'c Condition)>)>;

fn push<'c, K: PartialEq + Copy>(
    layers: &mut Pending<'c, K>,
    kind: K,
    depth: usize,
    condition: (usize, &'c Condition),
) {
    match layers.iter_mut().find(|(k, d, _)| *k == kind && *d == depth) {
        Some((_, _, conditions)) => conditions.push(condition),
        None => layers.push((kind, depth, vec![condition])),
    }
}

#[cfg(test)]
mod tests;
