//! `rules:`: which requests, and where they go.

use super::cluster::text_map;
use super::credential::texts;
use super::{At, Piece, RULES_MAX, Reader, window};
use crate::config::schema::word;
use crate::config::tree::Node;
use crate::config::yaml::nearest;
use crate::engine::proxy::config::{Action, Balance, ProxyConfig, Rule, UpstreamCluster, Window, schema};
use crate::model::text::clean;
use std::cmp::Reverse;
use std::sync::Arc;

const CONDITIONS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 128;

impl Reader<'_> {
    pub(super) fn rules(&mut self, pieces: &[Piece], config: &mut ProxyConfig) {
        for piece in pieces {
            for node in piece.root.get("rules").map(Node::items).unwrap_or_default() {
                if config.rules.len() == RULES_MAX {
                    self.flaw(&piece.at(node), format!("more than {RULES_MAX} rules"));
                    return;
                }
                if let Some(rule) = self.rule(piece, node, config) {
                    config.rules.push(rule);
                }
            }
        }
        // Stable: equal ones stay in the order of the files.
        config.rules.sort_by_key(|rule| Reverse(rule.priority));
    }

    fn rule(&mut self, piece: &Piece, node: &Node, config: &ProxyConfig) -> Option<Rule> {
        let at = piece.at(node.get("name")?);
        let name = node.get("name").and_then(Node::text)?;
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || clean(name) != name {
            self.flaw(&at, format!("`name`: expected 1 to {NAME_CHARS_MAX} plain characters"));
            return None;
        }
        if let Some(other) = config.rules.iter().find(|r| &*r.name == name) {
            self.flaw(&at, format!("rule `{name}` is given twice: here and at {}", other.place));
            return None;
        }
        self.origin(format!("rules.{name}"), &at);
        let written = node.get("conditions").map(Node::items).unwrap_or_default();
        if written.len() > CONDITIONS_MAX {
            self.flaw(&at, format!("rule `{name}` has more than {CONDITIONS_MAX} conditions"));
            return None;
        }
        let conditions: Vec<_> = written.iter().map(|condition| self.condition(piece, condition, name)).collect();
        let actions = node.get("actions")?;
        let action = self.action(piece, actions, name, config);
        let mirror = actions.get("mirror").and_then(|m| self.target(&piece.at(m), m.text()?, &config.clusters));
        let flag = |key: &str| node.get(key).and_then(Node::flag).unwrap_or(false);
        Some(Rule {
            name: Arc::from(name),
            priority: node.get("priority").and_then(Node::whole).unwrap_or(0),
            conditions: conditions.into_iter().collect::<Option<Vec<_>>>()?,
            action: action?,
            allow_impersonation: flag("allowImpersonation"),
            stateless: flag("stateless"),
            failover: flag("failover"),
            mirror,
            place: at.to_string(),
        })
    }

    fn action(&mut self, piece: &Piece, node: &Node, rule: &str, config: &ProxyConfig) -> Option<Action> {
        let at = piece.at(node);
        let kinds = ["targetCluster", "targetClusters", "targetLabels", "deny"];
        let given: Vec<&str> = kinds.into_iter().filter(|key| node.get(key).is_some()).collect();
        match given.as_slice() {
            [] => {
                self.flaw(&at, format!("rule `{rule}` does nothing: add `targetCluster`, `targetClusters` or `deny`"));
                return None;
            }
            [_] => {}
            [first, second, ..] => {
                self.flaw(&at, format!("rule `{rule}` has `{first}` and `{second}`: give one of them"));
                return None;
            }
        }
        if let Some(deny) = node.get("deny") {
            let message =
                deny.text().map_or_else(|| format!("rule {rule} denies this"), |text| clean(text).into_owned());
            return Some(Action::Deny { message });
        }
        let targets = self.targets(piece, node, rule, &config.clusters)?;
        let balance = self.balance(piece, node, &targets, &config.clusters)?;
        Some(Action::Route { targets, balance })
    }

    fn targets(&mut self, piece: &Piece, node: &Node, rule: &str, clusters: &[UpstreamCluster]) -> Option<Vec<usize>> {
        if let Some(labels) = node.get("targetLabels") {
            let wanted = text_map(labels);
            let fits = |c: &UpstreamCluster| wanted.iter().all(|(key, value)| c.labels.get(key) == Some(value));
            let targets: Vec<usize> = (0..).zip(clusters).filter(|(_, c)| fits(c)).map(|(place, _)| place).collect();
            if targets.is_empty() || wanted.is_empty() {
                self.flaw(&piece.at(labels), format!("rule `{rule}`: no cluster has these `targetLabels`"));
                return None;
            }
            return Some(targets);
        }
        let given = node.get("targetCluster").or_else(|| node.get("targetClusters"))?;
        let at = piece.at(given);
        let names = texts(Some(given));
        if names.is_empty() || (names.len() == 1 && names.iter().all(|n| n.trim().is_empty())) {
            self.flaw(&at, format!("rule `{rule}` has no target: name a cluster"));
            return None;
        }
        let mut targets = Vec::new();
        for name in names {
            let place = self.target(&at, &name, clusters)?;
            if targets.contains(&place) {
                self.flaw(&at, format!("rule `{rule}` names the target `{name}` twice: use `weight`"));
                return None;
            }
            targets.push(place);
        }
        Some(targets)
    }

    /// Returns the index of a cluster in the configuration.
    pub(super) fn target(&mut self, at: &At, name: &str, clusters: &[UpstreamCluster]) -> Option<usize> {
        let place = clusters.iter().position(|c| &*c.name == name);
        if place.is_none() {
            let known: Vec<&str> = clusters.iter().map(|c| &*c.name).collect();
            let shown = clean(name);
            let message = match nearest(name, &known) {
                Some(near) => format!("unknown cluster `{shown}`: did you mean `{near}`?"),
                None => format!("unknown cluster `{shown}`: known are {}", known.join(", ")),
            };
            self.flaw(at, message);
        }
        place
    }

    fn balance(
        &mut self,
        piece: &Piece,
        node: &Node,
        targets: &[usize],
        clusters: &[UpstreamCluster],
    ) -> Option<Balance> {
        let written = node.get("loadBalancing").and_then(Node::text).and_then(|t| word(t, schema::BALANCES));
        let windows = node.get("windows");
        if let (Some(windows), true) = (windows, written != Some("time-window")) {
            self.flaw(&piece.at(windows), "`windows` counts with `loadBalancing: time-window` only");
            return None;
        }
        Some(match written.unwrap_or("round-robin") {
            "weighted" => Balance::Weighted,
            "random" => Balance::Random,
            "least-loaded" => Balance::LeastLoaded,
            "nearest-region" => Balance::NearestRegion,
            "cheapest" => Balance::Cheapest,
            "most-free" => Balance::MostFree,
            "time-window" => Balance::TimeWindow(self.windows(piece, node, targets, clusters)?),
            _ => Balance::RoundRobin,
        })
    }

    fn windows(
        &mut self,
        piece: &Piece,
        node: &Node,
        targets: &[usize],
        clusters: &[UpstreamCluster],
    ) -> Option<Vec<(usize, Vec<Window>)>> {
        let mut all: Vec<(usize, Vec<Window>)> = targets.iter().map(|target| (*target, Vec::new())).collect();
        for written in node.get("windows").map(Node::items).unwrap_or_default() {
            let named = written.get("cluster")?;
            let place = self.target(&piece.at(named), named.text()?, clusters)?;
            let window = self.window(piece, written)?;
            if let Some((_, windows)) = all.iter_mut().find(|(target, _)| *target == place) {
                windows.push(window);
            } else {
                self.flaw(&piece.at(named), "the window's cluster is no target of the rule");
                return None;
            }
        }
        // One without a window always counts.
        for (_, windows) in all.iter_mut().filter(|(_, windows)| windows.is_empty()) {
            windows.push(window::ALWAYS);
        }
        Some(all)
    }
}
