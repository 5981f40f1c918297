//! From objects that were read to the targets of a plan.

use super::intent::outcome;
use super::step::Earlier;
use crate::model::change::{Change, Finding, FindingKind, Plan, Target, TargetKey};
use crate::model::cluster::{Access, ClusterName};
use crate::model::kind::{Kind, KindId};
use crate::model::text::{Text, clean};
use serde_json::Value;
use std::collections::BTreeMap;

/// Returns the URL of an API server as a plan may hold it: without a user and a password in it.
pub fn server_in_plan(server: &str) -> Text {
    let Some((scheme, rest)) = server.split_once("://") else { return Text::from(clean(server)) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end).and_then(|authority| authority.rfind('@')).map_or(0, |at| at + 1);
    Text::from(clean(&format!("{scheme}://{}", rest.get(host..).unwrap_or_default())))
}

/// Targets of one plan. More are refused: nobody reads such a list before they agree to it.
pub const TARGETS_MAX: usize = 10_000;

/// Returns the target that an object is; `None` for what has no name or uid.
pub fn target(change: &Change, cluster: &ClusterName, kind: &Kind, object: &Value) -> Option<Target> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(|s| Text::from(clean(s)));
    let (name, uid) = (text("/metadata/name")?, text("/metadata/uid").filter(|uid| !uid.is_empty())?);
    let namespace = text("/metadata/namespace").unwrap_or_default();
    let outcome = outcome(change, &kind.id, object);
    Some(Target {
        key: TargetKey { cluster: cluster.clone(), kind: kind.id.clone(), namespace, name, uid },
        generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
        fields: outcome.fields,
        owners: owners(object),
        finalizers: list(object, "/metadata/finalizers").map(|f| Text::from(clean(f))).collect(),
        managed_by: managed_by(object),
        findings: outcome.finding.into_iter().collect(),
    })
}

fn list<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn owners(object: &Value) -> Vec<Text> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let word = |owner: &Value| {
        let text = |key: &str| owner.get(key).and_then(Value::as_str);
        let group = text("apiVersion").and_then(|v| v.split_once('/')).map_or("", |(group, _)| group);
        let dot = if group.is_empty() { "" } else { "." };
        let word = format!("{}{dot}{group}/{}", text("kind")?.to_lowercase(), text("name")?);
        Some(Text::from(clean(&word)))
    };
    owners.into_iter().flatten().filter_map(word).collect()
}

/// Marks that tools leave: (label or annotation, its value or any, the tool). The first that fits counts.
const TOOLS: &[(&str, &str, Option<&str>, &str)] = &[
    ("labels", "kustomize.toolkit.fluxcd.io/name", None, "Flux"),
    ("labels", "helm.toolkit.fluxcd.io/name", None, "Flux"),
    ("annotations", "argocd.argoproj.io/tracking-id", None, "Argo CD"),
    ("labels", "argocd.argoproj.io/instance", None, "Argo CD"),
    ("annotations", "meta.helm.sh/release-name", None, "Helm"),
    ("labels", "app.kubernetes.io/managed-by", Some("Helm"), "Helm"),
];

fn managed_by(object: &Value) -> Option<Text> {
    let metadata = object.get("metadata")?;
    let mark = |section: &str, key: &str| metadata.get(section)?.get(key)?.as_str();
    let found = TOOLS.iter().find(|(section, key, value, _)| {
        mark(section, key).is_some_and(|present| value.is_none_or(|value| value == present))
    });
    found.map(|(.., tool)| Text::const_new(tool))
}

/// A question to RBAC: may the verb be used on this kind in this namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// Kind of the objects.
    pub kind: KindId,
    /// Empty for objects that are in no namespace.
    pub namespace: Text,
}

/// Returns the questions of one cluster, each with the targets that it is about: one a kind and namespace.
pub fn questions(targets: &[Target]) -> BTreeMap<Question, Vec<usize>> {
    let mut questions: BTreeMap<Question, Vec<usize>> = BTreeMap::new();
    for (at, target) in targets.iter().enumerate().filter(|(_, target)| target.is_changed()) {
        let question = Question { kind: target.key.kind.clone(), namespace: target.key.namespace.clone() };
        questions.entry(question).or_default().push(at);
    }
    questions
}

/// Puts a finding on a target, in the place of an older one of the same sort.
pub fn note(target: &mut Target, kind: FindingKind, text: &str) {
    target.findings.retain(|finding| finding.kind != kind);
    target.findings.push(Finding { kind, text: Text::from(clean(text)) });
}

/// The clusters in which a run of the plan has something to do, each with its safety level and the number of targets.
/// Targets that an earlier run ended with are left out; those it asked for are looked at again, whatever stands against them now.
pub fn touched(
    plan: &Plan,
    earlier: &BTreeMap<usize, Earlier>,
    level: impl Fn(&ClusterName) -> Access,
) -> Vec<Touched> {
    let mut touched: Vec<Touched> = Vec::new();
    let is_open = |at: usize, target: &Target| match earlier.get(&at) {
        Some(known) => known.state.is_resumed() && (known.was_asked || target.is_changed()),
        None => target.is_changed(),
    };
    for (_, target) in plan.targets.iter().enumerate().filter(|(at, target)| is_open(*at, target)) {
        let cluster = &target.key.cluster;
        match touched.iter_mut().find(|touched| touched.cluster == *cluster) {
            Some(touched) => touched.targets += 1,
            None => touched.push(Touched { cluster: cluster.clone(), access: level(cluster), targets: 1 }),
        }
    }
    touched
}

/// A cluster that a run changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Name of the cluster.
    pub cluster: ClusterName,
    /// Its access level.
    pub access: Access,
    /// Number of its targets that the run changes.
    pub targets: usize,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    pub(crate) use crate::model::change::file::tests::{kind, plan};
    use serde_json::json;

    /// The target of an object that needs no more than its uid.
    pub(crate) fn target(change: &Change, object: &Value) -> Target {
        let mut object = object.clone();
        object["metadata"].as_object_mut().unwrap().entry("name").or_insert(json!("api"));
        super::target(change, &ClusterName::new("east"), &kind(), &object).unwrap()
    }

    pub(crate) fn object(cluster: &str, n: usize) -> Value {
        json!({"metadata": {"name": format!("api-{n}"), "namespace": "shop", "uid": format!("{cluster}-{n}"),
                            "generation": 1, "resourceVersion": "1"},
               "spec": {"replicas": 1}})
    }

    #[test]
    fn no_password_of_a_server_reaches_a_plan() {
        for (server, shown) in [
            ("https://admin:s3cret@10.0.0.1:6443", "https://10.0.0.1:6443"),
            ("https://a@b:c@host/prefix@x", "https://host/prefix@x"),
            ("https://host:6443", "https://host:6443"),
            ("", ""),
        ] {
            assert_eq!(server_in_plan(server), shown);
        }
    }

    #[test]
    fn the_objects_of_the_tests_are_the_targets_of_their_plan() {
        let plan = plan(&[("east", 2)]);
        let made = |n| super::target(&plan.change, &ClusterName::new("east"), &kind(), &object("east", n)).unwrap();
        assert_eq!(plan.targets, [made(0), made(1)]);
    }

    #[test]
    fn owners_finalizers_and_managers_are_said() {
        let managed = |metadata: Value| target(&Change::Cordon {}, &json!({"metadata": metadata})).managed_by;
        let tool = |tool: &'static str| Some(Text::const_new(tool));
        assert_eq!(managed(json!({"uid": "u", "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}})), tool("Flux"));
        assert_eq!(
            managed(json!({"uid": "u", "annotations": {"argocd.argoproj.io/tracking-id": "x"}})),
            tool("Argo CD")
        );
        assert_eq!(managed(json!({"uid": "u", "labels": {"app.kubernetes.io/managed-by": "Helm"}})), tool("Helm"));
        assert_eq!(managed(json!({"uid": "u", "labels": {"app.kubernetes.io/managed-by": "hand"}})), None);
        let owned = target(
            &Change::Cordon {},
            &json!({"metadata": {"uid": "u", "finalizers": ["a/b"],
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-1"},
                                {"apiVersion": "v1", "kind": "Node", "name": "n1"}]}}),
        );
        assert_eq!(owned.owners, ["replicaset.apps/api-1", "node/n1"]);
        assert_eq!(owned.finalizers, ["a/b"]);
    }

    #[test]
    fn rights_are_asked_once_a_kind_and_namespace() {
        let mut plan = plan(&[("east", 5)]);
        plan.targets[1].key.namespace = "pay".into();
        note(&mut plan.targets[2], FindingKind::AlreadySo, "so");
        let questions = questions(&plan.targets);
        let about: Vec<_> = questions.iter().map(|(q, targets)| (q.namespace.as_str(), targets.len())).collect();
        assert_eq!(about, [("pay", 1), ("shop", 3)]);
    }

    #[test]
    fn an_object_without_uid_is_no_target() {
        let cluster = ClusterName::new("east");
        assert_eq!(super::target(&Change::Cordon {}, &cluster, &kind(), &json!({"metadata": {"name": "a"}})), None);
    }
}
