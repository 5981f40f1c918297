//! A plan as a file: written whole, read back only when nothing about it is doubtful.

use super::plan::{Plan, SCHEMA};
use crate::model::text::{Text, clean};
use serde_json::Value;

/// `apiVersion` of a plan.
pub const API_VERSION: &str = "quarterdeck.dev/v1alpha1";
/// `kind` of a plan.
pub const KIND: &str = "ChangePlan";
/// The largest file that is read as a plan.
pub const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why a text is not a plan that may be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not JSON, or not a plan.
    #[error("it is not a plan: {0}")]
    NotAPlan(String),
    /// Written by a later version of the program.
    #[error("it has schema {0}, and this version of qd reads up to {SCHEMA}")]
    Newer(u64),
    /// Something in it was changed after it was made.
    #[error("its digest does not match: it was changed after it was made")]
    Changed,
}

/// Writes the digest of a plan into it.
#[must_use]
pub fn seal(plan: Plan) -> Plan {
    let digest = digest(&plan);
    Plan { digest, ..plan }
}

/// Returns a hash of all of the plan but its digest.
pub fn digest(plan: &Plan) -> Text {
    let bare = Plan { digest: Text::default(), ..plan.clone() };
    // What is written here is read back by the same types, so it cannot fail; and if it did, no plan would match.
    let text = serde_json::to_vec(&bare).unwrap_or_default();
    Text::from(hash(&text))
}

/// Returns the text of the file.
pub fn text(plan: &Plan) -> String {
    let mut text = serde_json::to_string_pretty(plan).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads a plan. Fails for what is none, for a newer form, and where the digest does not match.
pub fn read(text: &str) -> Result<Plan, PlanError> {
    let not_a_plan = |why: &str| PlanError::NotAPlan(clean(why).into_owned());
    let value: Value = serde_json::from_str(text).map_err(|why| not_a_plan(&why.to_string()))?;
    if value.get("kind").and_then(Value::as_str) != Some(KIND) {
        return Err(not_a_plan(&format!("its kind is not {KIND}")));
    }
    // Before its fields are read: a newer form may have others.
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema > u64::from(SCHEMA) => return Err(PlanError::Newer(schema)),
        Some(_) => {}
        None => return Err(not_a_plan("it names no schema")),
    }
    let plan: Plan = serde_json::from_value(value).map_err(|why| not_a_plan(&why.to_string()))?;
    if plan.api_version != API_VERSION {
        return Err(not_a_plan(&format!("its apiVersion is not {API_VERSION}")));
    }
    if digest(&plan) != plan.digest {
        return Err(PlanError::Changed);
    }
    Ok(plan)
}

/// FNV-1a of 128 bits, as text: the same in every version of the program.
pub fn hash(bytes: &[u8]) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    format!("{hash:032x}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::{Change, FieldChange, OperationId, Options, PlanCluster, Target, TargetKey};
    use super::*;
    use crate::model::cluster::{Access, ClusterName};
    use crate::model::kind::{Kind, KindId};
    use crate::model::time::UnixSeconds;

    pub(crate) fn kind() -> Kind {
        Kind {
            id: KindId::new("apps", "Deployment"),
            version: "v1".into(),
            plural: "deployments".into(),
            singular: "deployment".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            verbs: vec!["delete".into(), "patch".into()],
        }
    }

    /// A plan that scales so many Deployments in each cluster from 1 to 5.
    pub(crate) fn plan(clusters: &[(&str, usize)]) -> Plan {
        let cluster = |name: &str| PlanCluster {
            name: ClusterName::new(name),
            server: format!("https://{name}").into(),
            uid: format!("system-{name}").into(),
            access: Access::Guarded,
            kinds: vec![kind()],
            problem: None,
        };
        seal(Plan {
            api_version: API_VERSION.into(),
            kind: KIND.into(),
            schema: SCHEMA,
            id: OperationId::new(UnixSeconds(1_800_000_000), 7),
            made_at: UnixSeconds(1_800_000_000),
            change: Change::Scale { replicas: 5 },
            options: Options::default(),
            hidden_marks: 0,
            clusters: clusters.iter().map(|(name, _)| cluster(name)).collect(),
            targets: clusters.iter().flat_map(|(cluster, count)| (0..*count).map(|n| target(cluster, n))).collect(),
            digest: Text::default(),
        })
    }

    fn target(cluster: &str, n: usize) -> Target {
        let text = |text: String| Text::from(text);
        Target {
            key: TargetKey {
                cluster: ClusterName::new(cluster),
                kind: kind().id,
                namespace: "shop".into(),
                name: text(format!("api-{n}")),
                uid: text(format!("{cluster}-{n}")),
            },
            generation: Some(1),
            fields: vec![FieldChange { path: "/spec/replicas".into(), old: Some("1".into()), new: Some("5".into()) }],
            owners: Vec::new(),
            finalizers: Vec::new(),
            managed_by: None,
            findings: Vec::new(),
        }
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() {
        let plan = plan(&[("east", 2)]);
        assert_eq!(read(&text(&plan)), Ok(plan));
    }

    #[test]
    fn an_edited_plan_is_refused_wherever_it_was_edited() {
        let plan = plan(&[("east", 2), ("west", 1)]);
        let text = text(&plan);
        for (from, to) in [
            ("\"east\"", "\"west\""),
            ("\"replicas\": 5", "\"replicas\": 0"),
            ("\"maxFailures\": 0", "\"maxFailures\": 9"),
            ("\"guarded\"", "\"protected\""),
        ] {
            assert!(text.contains(from), "{from} in {text}");
            assert_eq!(read(&text.replacen(from, to, 1)), Err(PlanError::Changed), "{from}");
        }
        // Blanks are no change of the plan.
        assert_eq!(read(&text.replace('\n', "\n ")), Ok(plan));
    }

    #[test]
    fn a_newer_form_is_named_even_where_it_has_other_fields() {
        let text = text(&plan(&[("east", 1)])).replacen("\"schema\": 1", "\"schema\": 2, \"later\": true", 1);
        assert_eq!(read(&text), Err(PlanError::Newer(2)));
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        for text in ["", "{", "[]", "{}", "{\"kind\": \"Pod\"}", "{\"kind\": \"ChangePlan\"}"] {
            assert!(matches!(read(text), Err(PlanError::NotAPlan(_))), "{text}");
        }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash(b""), "6c62272e07bb014262b821756295c58d");
        assert_eq!(hash(b"a"), "d228cb696f1a8caf78912b704e4a8964");
    }

    proptest::proptest! {
        #[test]
        fn no_cut_plan_is_read(at in 0_usize..2000) {
            let text = text(&plan(&[("east", 2)]));
            let cut = text.get(..at.min(text.len() - 2)).unwrap();
            assert!(read(cut).is_err());
        }
    }
}
