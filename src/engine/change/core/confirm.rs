//! The consent that a plan needs, by the safety levels of its clusters.

use super::plan::Touched;
use crate::model::change::{Change, Consent, Given, Plan, Prompt};
use crate::model::cluster::Access;

/// Kinds whose deletion takes more with it than the object: (group, kind).
const NAMED_TO_DELETE: &[(&str, &str)] =
    &[("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "PersistentVolume")];

/// Decides by the clusters that are changed and the consent that was given.
pub fn consent(plan: &Plan, touched: &[Touched], given: &Given) -> Consent {
    let mut left = given.names.clone();
    let mut take = |name: &str| left.iter().position(|given| given == name).map(|at| left.remove(at)).is_some();
    let is = |access: Access| touched.iter().filter(move |touched| touched.access == access);
    if let Some(closed) = is(Access::ReadOnly).next() {
        let why = format!("{} is read-only", closed.cluster);
        return Consent::Refused { why, hint: "leave it out with --exclude, or change its level".to_owned() };
    }
    let mut prompts = Vec::new();
    for protected in is(Access::Protected) {
        if !take(protected.cluster.as_str()) {
            prompts.push(Prompt::Cluster(protected.cluster.clone()));
        }
    }
    let has_protected = is(Access::Protected).next().is_some();
    if let (true, Some(Prompt::Cluster(first))) = (given.yes, prompts.first()) {
        let why = format!("--yes does not serve for {first}, which is protected");
        return Consent::Refused { why, hint: format!("use --confirm {first}") };
    }
    for (kind, name) in named_to_delete(plan) {
        if !take(&name) {
            prompts.push(Prompt::Object(kind, name));
        }
    }
    let guarded: Vec<bool> = is(Access::Guarded).map(|guarded| take(guarded.cluster.as_str())).collect();
    if let Some(wrong) = left.first() {
        let why = format!("--confirm {wrong:?} names nothing that this plan asks to be confirmed");
        return Consent::Refused { why, hint: expected(touched, plan) };
    }
    let is_agreed = given.yes || has_protected || guarded.iter().all(|named| *named);
    // Whoever types the name of a protected cluster consents to the guarded rest.
    if !is_agreed {
        prompts.push(Prompt::Agree);
    }
    if prompts.is_empty() { Consent::Given } else { Consent::Ask(prompts) }
}

fn named_to_delete(plan: &Plan) -> Vec<(String, String)> {
    if !matches!(plan.change, Change::Delete { .. }) {
        return Vec::new();
    }
    let is_named = |group: &str, kind: &str| NAMED_TO_DELETE.contains(&(group, kind));
    let named = plan.changed().map(|target| &target.key).filter(|key| is_named(&key.kind.group, &key.kind.kind));
    let mut names: Vec<(String, String)> =
        named.map(|key| (key.kind.kind.to_lowercase().to_string(), key.name.to_string())).collect();
    names.sort();
    names.dedup();
    names
}

fn expected(touched: &[Touched], plan: &Plan) -> String {
    let protected = touched.iter().filter(|touched| touched.access == Access::Protected);
    let clusters = protected.map(|touched| touched.cluster.to_string());
    let names: Vec<String> = clusters.chain(named_to_delete(plan).into_iter().map(|(_, name)| name)).collect();
    if names.is_empty() {
        return "no name is needed here: use --yes".to_owned();
    }
    format!("names to confirm are {}", names.join(", "))
}

/// Says which protected cluster has more targets than may be changed at once.
pub fn over_limit(touched: &[Touched], limit: u32) -> Option<&Touched> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    touched.iter().find(|touched| touched.access == Access::Protected && touched.targets > limit)
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan;
    use super::super::plan::touched;
    use super::*;
    use crate::model::change::Cascade;
    use crate::model::cluster::ClusterName;
    use crate::model::kind::KindId;
    use std::collections::BTreeMap;

    fn given(yes: bool, names: &[&str]) -> Given {
        Given { yes, names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn level(name: &ClusterName) -> Access {
        match name.as_str() {
            name if name.starts_with("prod") => Access::Protected,
            name if name.starts_with("ro") => Access::ReadOnly,
            _ => Access::Guarded,
        }
    }

    fn of(clusters: &[&str], given: &Given) -> Consent {
        let plan = plan(&clusters.iter().map(|name| (*name, 1)).collect::<Vec<_>>());
        consent(&plan, &touched(&plan, &BTreeMap::new(), level), given)
    }

    fn cluster(name: &str) -> Prompt {
        Prompt::Cluster(ClusterName::new(name))
    }

    #[test]
    fn consent_goes_by_the_safety_levels() {
        let refused = |consent: &Consent| matches!(consent, Consent::Refused { .. });
        for (clusters, given, expected) in [
            (&["lab"][..], given(false, &[]), Consent::Ask(vec![Prompt::Agree])),
            (&["lab"], given(true, &[]), Consent::Given),
            (&["lab"], given(false, &["lab"]), Consent::Given),
            (&["lab", "dev"], given(false, &["lab"]), Consent::Ask(vec![Prompt::Agree])),
            (&["prod-1"], given(false, &[]), Consent::Ask(vec![cluster("prod-1")])),
            (&["prod-1"], given(false, &["prod-1"]), Consent::Given),
            (&["prod-1"], given(true, &["prod-1"]), Consent::Given),
            (&["prod-1", "lab"], given(false, &["prod-1"]), Consent::Given),
            (&["prod-1", "prod-2"], given(false, &["prod-1"]), Consent::Ask(vec![cluster("prod-2")])),
            (&["prod-1", "prod-2"], given(false, &["prod-2", "prod-1"]), Consent::Given),
        ] {
            assert_eq!(of(clusters, &given), expected, "{clusters:?} {given:?}");
        }
        for (clusters, given) in [
            (&["prod-1"][..], given(true, &[])),
            (&["lab", "prod-1"], given(true, &[])),
            (&["prod-1", "prod-2"], given(true, &["prod-1"])),
            (&["prod-1"], given(false, &["prod-2"])),
            (&["prod-1"], given(false, &["PROD-1"])),
            (&["prod-1"], given(false, &["prod-1", "prod-1"])),
            (&["lab"], given(true, &["other"])),
            (&["ro-1"], given(true, &["ro-1"])),
            (&["lab", "ro-1"], given(true, &[])),
        ] {
            let consent = of(clusters, &given);
            assert!(refused(&consent), "{clusters:?} {given:?}: {consent:?}");
        }
    }

    #[test]
    fn what_takes_others_with_it_is_deleted_by_name_only() {
        for (group, kind) in NAMED_TO_DELETE {
            let mut plan = plan(&[("lab", 1), ("dev", 1)]);
            plan.change = Change::Delete { cascade: Cascade::Background, grace_period_s: None };
            for target in &mut plan.targets {
                target.key.kind = KindId::new(group, kind);
            }
            let touched = touched(&plan, &BTreeMap::new(), level);
            let named = Prompt::Object(kind.to_lowercase(), "api-0".to_owned());
            assert_eq!(consent(&plan, &touched, &given(true, &[])), Consent::Ask(vec![named.clone()]), "{kind}");
            assert_eq!(consent(&plan, &touched, &given(true, &["api-0"])), Consent::Given);
            let both = Consent::Ask(vec![named, Prompt::Agree]);
            assert_eq!(consent(&plan, &touched, &given(false, &[])), both);
        }
    }

    #[test]
    fn a_name_is_typed_exactly() {
        assert!(cluster("prod-1").is_answered_by("prod-1\n"));
        for wrong in ["", "y", "prod", "prod-11", "Prod-1"] {
            assert!(!cluster("prod-1").is_answered_by(wrong), "{wrong}");
        }
        assert!(Prompt::Agree.is_answered_by("y\n") && !Prompt::Agree.is_answered_by("\n"));
    }

    #[test]
    fn a_protected_cluster_takes_no_more_than_the_limit() {
        let plan = plan(&[("lab", 30), ("prod-1", 21), ("prod-2", 20)]);
        let touched = touched(&plan, &BTreeMap::new(), level);
        assert_eq!(over_limit(&touched, 20).map(|t| t.cluster.as_str()), Some("prod-1"));
        assert_eq!(over_limit(&touched, 21), None);
    }
}
