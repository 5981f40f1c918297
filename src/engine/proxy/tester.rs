//! Which way a request would go, and why. Pure: nothing is sent, and nothing is remembered.
//!
//! The compiled rules decide, as they do for requests; the conditions one by one say why.

pub mod kubectl;
mod words;

use super::caller::Caller;
use super::config::{Action, Mode, ProxyConfig, Rule, lines};
use super::request::{self, RequestInfo};
use super::rules::fallback::{fallback, lets_impersonate, lists_all_namespaces, splits_namespaces};
use super::rules::{Asked, RuleTable, reference};
use super::target::{Clusters, Key, Targets};
use crate::model::proxy::{Candidate, Explanation, NEXT_MAX, PASSED_MAX, Passed};
use crate::model::text::{Text, clean};
use std::collections::{BTreeMap, BTreeSet};

/// The state a request is tested against.
#[derive(Debug, Clone, Copy)]
pub struct RoutingState<'a> {
    /// Compiled rules.
    pub table: &'a RuleTable,
    /// Choices of clusters made so far.
    pub targets: &'a Targets,
    /// State of the clusters.
    pub clusters: Clusters<'a>,
}

/// A request to explain.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path and query.
    pub url: &'a str,
    /// Caller of the request.
    pub caller: &'a Caller,
    /// Labels of the object that would be sent; `None` if they are unknown.
    pub body_labels: Option<&'a BTreeMap<String, String>>,
    /// The request has `Impersonate-User`, as with `kubectl --as`.
    pub impersonates: bool,
}

/// Explains one line: `GET /api/v1/pods`, or a kubectl command line.
///
/// Fails if the line is neither, or if the requests of the command cannot be known without a server or a file.
pub fn explain_line(ground: &RoutingState<'_>, line: &str, caller: &Caller) -> Result<Explanation, String> {
    let words = kubectl::split(line)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["kubectl" | "k", arguments @ ..] => {
            let file = |_: &str| Err("files are not read here: name the objects, or use `qd route test`".to_owned());
            let surroundings =
                kubectl::KubectlContext { namespace: ground.clusters.config.namespace(None), file: &file };
            explain_all(ground, &kubectl::requests(arguments, &surroundings)?, caller)
        }
        [method, url] => {
            let question = Question { method, url, caller, body_labels: None, impersonates: false };
            Ok(explain(ground, &question))
        }
        _ => Err("expected METHOD PATH, or kubectl and its arguments".to_owned()),
    }
}

/// Explains all requests of a kubectl command: the first one, with the others behind it.
///
/// Fails if the command sends nothing.
pub fn explain_all(
    ground: &RoutingState<'_>,
    command: &kubectl::Command,
    caller: &Caller,
) -> Result<Explanation, String> {
    let one = |sent: &kubectl::Sent| {
        let question = Question {
            method: sent.method,
            url: &sent.url,
            caller,
            body_labels: sent.labels.as_ref(),
            impersonates: command.impersonates,
        };
        let mut explained = explain(ground, &question);
        if !sent.note.is_empty() && !explained.read.is_empty() {
            explained.read = Text::from(format!("{}: {}", explained.read, sent.note));
        }
        explained
    };
    let mut all = command.requests.iter().map(one);
    let mut first = all.next().ok_or("the command sends nothing")?;
    first.further = all.collect();
    let everywhere = first.further.iter().chain([&first]).filter_map(|one| one.cluster.clone());
    let clusters: BTreeSet<Text> = everywhere.collect();
    if clusters.len() > 1 {
        let names: Vec<&str> = clusters.iter().map(Text::as_str).collect();
        let text = format!("the requests of this command go to several clusters: {}", names.join(", "));
        first.warnings.push(Text::from(clean(&text)));
    }
    first.warnings.extend(command.notes.iter().map(|note| Text::from(clean(note))));
    Ok(first)
}

/// Explains one request.
pub fn explain(ground: &RoutingState<'_>, question: &Question<'_>) -> Explanation {
    let request = Text::from(clean(&format!("{} {}", question.method, question.url)));
    let config = ground.clusters.config;
    let info = match request::parse(question.method, question.url) {
        Ok(info) => info,
        Err(unreadable) => {
            let why = Text::from(format!("refused with 400: {unreadable}"));
            return Explanation { request, why, ..Explanation::default() };
        }
    };
    let asked =
        Asked { info: &info, caller: question.caller, body_labels: question.body_labels, region: &config.region };
    let place = ground.table.decide(&asked);
    let rule = place.and_then(|place| config.rules.get(place));
    let tested = Tested { ground, asked: &asked, question };
    let (cluster, why) = tested.outcome(place, rule);
    let before = config.rules.get(..place.unwrap_or(config.rules.len())).unwrap_or_default();
    let mut out = Explanation {
        request,
        read: Text::from(clean(&words::read(&info))),
        rule: rule.map(|rule| Text::new(&rule.name)),
        place: rule.map(|rule| Text::from(clean(&rule.place))).unwrap_or_default(),
        cluster: cluster.map(|cluster| name(config, cluster)),
        why: Text::from(clean(&why)),
        health: Text::default(),
        next: tested.next(place, rule),
        conditions: rule.iter().flat_map(|rule| &rule.conditions).map(|c| words::checked(c, &asked)).collect(),
        passed: before.iter().take(PASSED_MAX).filter_map(|rule| passed(rule, &asked)).collect(),
        passed_count: u64::try_from(before.len()).unwrap_or(u64::MAX),
        warnings: Vec::new(),
        further: Vec::new(),
    };
    out.warnings = tested.warnings(rule, cluster);
    out
}

fn name(config: &ProxyConfig, cluster: usize) -> Text {
    config.clusters.get(cluster).map(|cluster| Text::new(&cluster.name)).unwrap_or_default()
}

fn passed(rule: &Rule, asked: &Asked<'_>) -> Option<Passed> {
    let failed = rule.conditions.iter().find(|condition| !reference::holds(condition, asked))?;
    Some(Passed {
        rule: Text::new(&rule.name),
        place: Text::from(clean(&rule.place)),
        failed: words::checked(failed, asked),
    })
}

/// A request with its parsed attributes.
struct Tested<'a> {
    ground: &'a RoutingState<'a>,
    asked: &'a Asked<'a>,
    question: &'a Question<'a>,
}

impl Tested<'_> {
    fn config(&self) -> &ProxyConfig {
        self.ground.clusters.config
    }

    fn key<'k>(&'k self, rule: &'k str) -> Key<'k> {
        Key::of(&self.asked.caller.user, rule, self.asked.info)
    }

    /// Returns the cluster, if any, and the reason in one line.
    fn outcome(&self, place: Option<usize>, rule: Option<&Rule>) -> (Option<usize>, String) {
        let Some((place, rule)) = place.zip(rule) else { return self.without_rule() };
        let targets = match &rule.action {
            Action::Route { targets, .. } => targets,
            Action::Deny { message } => return (None, format!("{}, and denies: {message}", lines::when(rule))),
        };
        let order = self.ground.targets.candidates(&self.ground.clusters, place, &self.key(&rule.name));
        let Some(cluster) = order.first().copied() else {
            let text = format!("{}, and none of its clusters takes this request now: 503", lines::when(rule));
            return (None, text);
        };
        let may_impersonate = lets_impersonate(self.config(), Some(rule), self.asked.info);
        if let Some(refusal) = self.impersonation(may_impersonate, cluster).or_else(|| self.withheld(cluster)) {
            return (None, refusal);
        }
        let key = self.key(&rule.name);
        let chosen = match targets.len() {
            1 => String::new(),
            _ if rule.stateless && key.stateless => {
                format!("; chosen for this request: {}", lines::then(rule, self.config()))
            }
            _ => format!("; {}, kept for this user, namespace and rule", lines::then(rule, self.config())),
        };
        (Some(cluster), format!("{}{chosen}{}", lines::when(rule), self.standing(cluster)))
    }

    fn without_rule(&self) -> (Option<usize>, String) {
        let config = self.config();
        let Some(cluster) = fallback(config, self.asked.info) else {
            return (None, "no rule matches this request, and there is no home cluster: 403".to_owned());
        };
        // Whoever acts as somebody first asks what there is, also as that one.
        let may_impersonate = lets_impersonate(config, None, self.asked.info);
        if let Some(refusal) = self.impersonation(may_impersonate, cluster).or_else(|| self.withheld(cluster)) {
            return (None, refusal);
        }
        let why = if config.home.is_some() {
            "no rule holds: it goes home"
        } else {
            "no rule holds, and there is no home: the first cluster of the file answers what it serves, and its health"
        };
        (Some(cluster), format!("{why}{}", self.standing(cluster)))
    }

    fn standing(&self, cluster: usize) -> &'static str {
        if (self.ground.clusters.standing)(cluster).routable { "" } else { "; it cannot be reached now: 503" }
    }

    fn impersonation(&self, is_allowed: bool, cluster: usize) -> Option<String> {
        if !self.question.impersonates {
            return None;
        }
        let is_swapped = self.config().clusters.get(cluster).is_some_and(|cluster| cluster.mode == Mode::Swap);
        match (is_allowed, is_swapped) {
            (true, true) => None,
            (false, _) => {
                Some("refused with 403: it impersonates, and no rule allows it (allowImpersonation)".to_owned())
            }
            (true, false) => Some("refused with 403: it impersonates, and the cluster's mode is not swap".to_owned()),
        }
    }

    /// Returns the reason why the cluster's access level refuses the request; `None` if it does not.
    fn withheld(&self, cluster: usize) -> Option<String> {
        let cluster = self.config().clusters.get(cluster)?;
        let (method, url) = (self.question.method.parse().ok()?, self.question.url.parse().ok()?);
        let why = cluster.access().check(&method, &url, false).err()?;
        Some(format!("refused with 403: cluster {} is {why}", cluster.name))
    }

    /// Returns the alternatives: the other clusters of the rule, then the rules that would match without it, then
    /// home.
    fn next(&self, place: Option<usize>, rule: Option<&Rule>) -> Vec<Candidate> {
        let config = self.config();
        let mut next = Vec::new();
        if let Some((place, rule)) = place.zip(rule) {
            let order = self.ground.targets.candidates(&self.ground.clusters, place, &self.key(&rule.name));
            let first = order.first().map(|cluster| name(config, *cluster)).unwrap_or_default();
            let why = if rule.failover {
                format!("takes over when {first} fails before it took a byte")
            } else {
                format!("the next for this key were {first} not a target, or drained")
            };
            let others = order.iter().skip(1).map(|cluster| Candidate {
                rule: Text::new(&rule.name),
                cluster: Some(name(config, *cluster)),
                why: Text::from(clean(&why)),
            });
            next.extend(others.take(NEXT_MAX));
            let behind = config.rules.iter().enumerate().skip(place + 1);
            for (place, rule) in
                behind.filter(|(_, rule)| rule.conditions.iter().all(|c| reference::holds(c, self.asked)))
            {
                if next.len() >= NEXT_MAX {
                    return next;
                }
                next.push(self.behind(place, rule));
                if rule.conditions.is_empty() {
                    return next;
                }
            }
        }
        if rule.is_some() && next.len() < NEXT_MAX {
            next.push(self.at_last());
        }
        next
    }

    /// Returns a later rule that matches too.
    fn behind(&self, place: usize, rule: &Rule) -> Candidate {
        let order = self.ground.targets.candidates(&self.ground.clusters, place, &self.key(&rule.name));
        let why = match &rule.action {
            Action::Deny { message } => format!("{}, and denies: {message}", lines::when(rule)),
            Action::Route { .. } => lines::when(rule),
        };
        let cluster = order.first().map(|cluster| name(self.config(), *cluster));
        Candidate { rule: Text::new(&rule.name), cluster, why: Text::from(clean(&why)) }
    }

    fn at_last(&self) -> Candidate {
        let config = self.config();
        let cluster = fallback(config, self.asked.info).map(|cluster| name(config, cluster));
        let why = match (&cluster, config.home) {
            (Some(_), Some(_)) => "no other rule holds",
            (Some(_), None) => "no other rule holds; the first cluster of the file",
            (None, _) => "no other rule holds, and there is no home: 403",
        };
        Candidate { rule: Text::const_new("home"), cluster, why: Text::const_new(why) }
    }

    fn warnings(&self, rule: Option<&Rule>, cluster: Option<usize>) -> Vec<Text> {
        let (config, info) = (self.config(), self.asked.info);
        let mut out = Vec::new();
        let mut warn = |text: String| out.push(Text::from(clean(&text)));
        if let Some(cluster) = cluster.filter(|_| splits_namespaces(config) && lists_all_namespaces(info)) {
            let name = name(config, cluster);
            warn(format!(
                "rules by namespace lead to several clusters, and one answers: only what {name} has is listed"
            ));
        }
        if self.question.body_labels.is_none() && self.ground.table.wants_body(info) {
            warn("a rule looks at the labels of the object that is sent: say them with --label".to_owned());
        }
        if is_review(info) {
            warn("the namespace that is asked about stands in the body: rules by namespace do not see it".to_owned());
        }
        let several =
            rule.is_some_and(|rule| matches!(&rule.action, Action::Route { targets, .. } if targets.len() > 1));
        if several && info.carries_version() {
            warn(
                "it carries a resourceVersion or a continue token: after a change of cluster it is answered 410"
                    .to_owned(),
            );
        }
        out
    }
}

/// Returns true for the reviews that `kubectl auth can-i` sends.
fn is_review(info: &RequestInfo<'_>) -> bool {
    info.api_group == "authorization.k8s.io" && info.verb == "create" && info.namespace.is_empty()
}

#[cfg(test)]
mod tests;
