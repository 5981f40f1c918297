//! `audit.k8s.io/v1` Policy: which requests leave a line. The first rule that matches decides, as in kube-apiserver.

use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::request::RequestInfo;
use serde::Deserialize;

/// Stages of a request that an event may be written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Stage {
    /// The request was read and authenticated or refused.
    RequestReceived,
    /// Long-running requests only: the head of the answer was sent.
    ResponseStarted,
    /// The answer has ended.
    ResponseComplete,
    /// The request panicked, or its handler was dropped.
    Panic,
}

/// Amount that is written. This proxy reads no bodies: a level above `Metadata` is written as `Metadata`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Deserialize)]
enum Level {
    None,
    Metadata,
    Request,
    RequestResponse,
}

/// A set of stages, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stages(u8);

/// A parsed audit policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    rules: Vec<PolicyRule>,
    omitted: Stages,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyFile {
    api_version: String,
    kind: String,
    #[serde(default)]
    metadata: serde_json::Value,
    rules: Vec<PolicyRule>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyRule {
    level: Level,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    user_groups: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    resources: Vec<GroupResources>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default, rename = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupResources {
    #[serde(default)]
    group: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

impl Stages {
    fn of(stages: &[Stage]) -> Self {
        Self(stages.iter().fold(0, |bits, stage| bits | 1 << *stage as u8))
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, stage: Stage) -> bool {
        self.0 & 1 << stage as u8 != 0
    }
}

impl Default for Policy {
    /// The policy without a policy file: one line for each request when it has ended, and one more when a stream
    /// begins.
    fn default() -> Self {
        Self { rules: vec![PolicyRule::all(Level::Metadata)], omitted: Stages::of(&[Stage::RequestReceived]) }
    }
}

impl Policy {
    /// Reads a policy file. Returns with it one line for each point in which this proxy deviates from it.
    ///
    /// Fails if the text is no `audit.k8s.io/v1` Policy, has no rules, or has a malformed rule.
    pub fn read(text: &str) -> Result<(Self, Vec<String>), String> {
        let file: PolicyFile = serde_saphyr::from_str(text).map_err(|why| why.to_string())?;
        if file.api_version != "audit.k8s.io/v1" || file.kind != "Policy" {
            return Err(format!("expected audit.k8s.io/v1 Policy, found {} {}", file.api_version, file.kind));
        }
        if file.rules.is_empty() {
            return Err("it has no rules, and nothing would be written; set no policy for the default".to_owned());
        }
        let mut findings = Vec::new();
        for (place, rule) in file.rules.iter().enumerate() {
            rule.check().map_err(|why| format!("rule {}: {why}", place + 1))?;
            if rule.level > Level::Metadata {
                findings.push(format!(
                    "audit policy rule {}: level {:?} is written as Metadata, since the proxy does not read bodies",
                    place + 1,
                    rule.level
                ));
            }
        }
        Ok((Self { rules: file.rules, omitted: Stages::of(&file.omit_stages) }, findings))
    }

    /// The stages to omit for this request; `None` if no line is to be written.
    pub(super) fn decide(&self, info: &RequestInfo<'_>, caller: Option<&Caller>) -> Option<Stages> {
        let rule = self.rules.iter().find(|rule| rule.matches(info, caller))?;
        (rule.level != Level::None).then(|| self.omitted.and(Stages::of(&rule.omit_stages)))
    }
}

impl PolicyRule {
    fn all(level: Level) -> Self {
        Self {
            level,
            users: Vec::new(),
            user_groups: Vec::new(),
            verbs: Vec::new(),
            resources: Vec::new(),
            namespaces: Vec::new(),
            non_resource_urls: Vec::new(),
            omit_stages: Vec::new(),
            omit_managed_fields: None,
        }
    }

    fn check(&self) -> Result<(), String> {
        let of_resources = !self.resources.is_empty() || !self.namespaces.is_empty();
        if of_resources && !self.non_resource_urls.is_empty() {
            return Err("it cannot match resources and nonResourceURLs at once; make two rules".to_owned());
        }
        match self.non_resource_urls.iter().find(|url| !url.starts_with(['/', '*'])) {
            Some(url) => Err(format!("nonResourceURLs: `{url}` must begin with / or *")),
            None => Ok(()),
        }
    }

    fn matches(&self, info: &RequestInfo<'_>, caller: Option<&Caller>) -> bool {
        let one_of = |list: &[String], text: &str| list.iter().any(|entry| entry == text);
        let user = self.users.is_empty() || caller.is_some_and(|caller| one_of(&self.users, &caller.user));
        let in_group = |caller: &Caller| caller.groups.iter().any(|group| one_of(&self.user_groups, group));
        let group = self.user_groups.is_empty() || caller.is_some_and(in_group);
        if !user || !group || !(self.verbs.is_empty() || one_of(&self.verbs, &info.verb)) {
            return false;
        }
        if !self.resources.is_empty() || !self.namespaces.is_empty() {
            let namespace = self.namespaces.is_empty() || one_of(&self.namespaces, &info.namespace);
            let resource = self.resources.is_empty() || self.resources.iter().any(|entry| entry.matches(info));
            return info.is_resource && namespace && resource;
        }
        let url = |url: &String| match url.strip_suffix('*') {
            Some(prefix) => info.path.starts_with(prefix),
            None => *url == info.path,
        };
        self.non_resource_urls.is_empty() || !info.is_resource && self.non_resource_urls.iter().any(url)
    }
}

impl GroupResources {
    fn matches(&self, info: &RequestInfo<'_>) -> bool {
        if self.group != info.api_group {
            return false;
        }
        let name = || self.resource_names.is_empty() || self.resource_names.iter().any(|name| *name == info.name);
        self.resources.is_empty() || name() && self.resources.iter().any(|pattern| is_resource(pattern, info))
    }
}

/// Returns true if the request matches the pattern: `pods`, `pods/log`, `pods/*`, `*/scale`, `*`.
fn is_resource(pattern: &str, info: &RequestInfo<'_>) -> bool {
    match pattern.split_once('/') {
        None => pattern == "*" || info.subresource.is_empty() && pattern == info.resource,
        Some((resource, "*")) => resource == info.resource,
        Some(("*", subresource)) => !subresource.is_empty() && subresource == info.subresource,
        Some((resource, subresource)) => resource == info.resource && subresource == info.subresource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:kube-proxy"]
  verbs: ["watch"]
  resources: [{group: "", resources: ["endpoints", "services"]}]
- level: None
  nonResourceURLs: ["/healthz*", "/version"]
- level: Metadata
  resources: [{group: "", resources: ["secrets", "configmaps"]}]
  omitStages: [ResponseStarted]
- level: RequestResponse
  resources: [{group: apps, resources: ["*/scale", "deployments"]}]
- level: None
  userGroups: ["quiet"]
- level: Metadata
  namespaces: ["", "production"]
"#;

    fn asked(
        verb: &'static str,
        group: &'static str,
        resource: &'static str,
        sub: &'static str,
    ) -> RequestInfo<'static> {
        RequestInfo {
            is_resource: true,
            verb: verb.into(),
            api_group: group.into(),
            resource: resource.into(),
            subresource: sub.into(),
            ..RequestInfo::default()
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let (policy, findings) = Policy::read(POLICY).unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        let (proxy, loud) = (Caller::in_groups("system:kube-proxy", &["a"]), Caller::in_groups("jo", &["b"]));
        assert_eq!(policy.decide(&asked("watch", "", "services", ""), Some(&proxy)), None);
        assert!(policy.decide(&asked("list", "", "services", ""), Some(&proxy)).is_some());
        let secrets = policy.decide(&asked("watch", "", "secrets", ""), Some(&loud)).unwrap();
        assert!(secrets.has(Stage::ResponseStarted) && secrets.has(Stage::RequestReceived));
        let scale = policy.decide(&asked("get", "apps", "statefulsets", "scale"), Some(&loud)).unwrap();
        assert!(!scale.has(Stage::ResponseStarted));
        assert_eq!(policy.decide(&asked("list", "", "pods", ""), Some(&Caller::in_groups("jo", &["quiet"]))), None);
        let pods = RequestInfo { namespace: "staging".into(), ..asked("list", "", "pods", "") };
        assert_eq!(policy.decide(&pods, Some(&loud)), None, "no rule is no line");
    }

    #[test]
    fn paths_match_by_prefix_and_never_a_resource() {
        let (policy, _) = Policy::read(POLICY).unwrap();
        let path = |path: &'static str| RequestInfo { path: path.into(), verb: "get".into(), ..RequestInfo::default() };
        assert_eq!(policy.decide(&path("/healthz/etcd"), None), None);
        assert_eq!(policy.decide(&path("/versions"), None), None, "no rule is no line");
        let all = Policy::default();
        assert!(all.decide(&path("/version"), None).is_some_and(|omitted| omitted.has(Stage::RequestReceived)));
    }

    #[test]
    fn resources_are_written_as_kubernetes_writes_them() {
        let log = asked("get", "", "pods", "log");
        for (pattern, expected) in
            [("pods", false), ("pods/log", true), ("pods/*", true), ("*/log", true), ("*", true), ("*/exec", false)]
        {
            assert_eq!(is_resource(pattern, &log), expected, "{pattern}");
        }
    }

    #[test]
    fn a_policy_that_cannot_hold_says_why() {
        for (text, why) in [
            ("apiVersion: v1\nkind: Policy\nrules: [{level: None}]", "audit.k8s.io/v1"),
            ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []", "no rules"),
            ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Nothing}]", "Nothing"),
            ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None, user: a}]", "user"),
            ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None, nonResourceURLs: [a]}]", "begin with"),
            (
                "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None, namespaces: [a], nonResourceURLs: [/a]}]",
                "two rules",
            ),
        ] {
            let refused = Policy::read(text).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
