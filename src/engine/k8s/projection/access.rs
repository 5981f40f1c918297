//! Access control and configuration of workloads: roles, bindings, accounts, config maps, secrets.

use super::Projected;
use super::cluster::created_at;
use super::wire::{Entries, Maybe, Meta, Object, Seq, Str, join};
use crate::model::cell::Cell;
use crate::model::health::Health;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Roles: only their time of creation.
pub(super) fn role(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let role: Object<'_, IgnoredAny> = serde_json::from_str(raw)?;
    Ok(Projected { cells: Box::new([created_at(&role.metadata)]), health: Health::Unknown, meta: role.metadata })
}

/// Service accounts: only their age.
pub(super) fn service_account(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let account: Object<'_, IgnoredAny> = serde_json::from_str(raw)?;
    Ok(Projected { cells: Box::new([account.metadata.age()]), health: Health::Unknown, meta: account.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Binding<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(borrow)]
    role_ref: Maybe<Reference<'a>>,
    #[serde(borrow)]
    subjects: Seq<Reference<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Reference<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    namespace: Str<'a>,
    name: Str<'a>,
}

/// Role bindings of either scope.
pub(super) fn binding(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let binding: Binding<'_> = serde_json::from_str(raw)?;
    let names = |kind: &'static str| binding.subjects.iter().filter(move |s| *s.kind == *kind);
    let accounts: Vec<String> = names("ServiceAccount").map(|s| format!("{}/{}", &*s.namespace, &*s.name)).collect();
    let cells = Box::new([
        Cell::text(&format!("{}/{}", &*binding.role_ref.kind, &*binding.role_ref.name)),
        binding.metadata.age(),
        join(names("User").map(|s| &*s.name), ", "),
        join(names("Group").map(|s| &*s.name), ", "),
        join(accounts.iter().map(String::as_str), ", "),
    ]);
    Ok(Projected { cells, health: Health::Unknown, meta: binding.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Contents<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(rename = "type")]
    kind: Str<'a>,
    data: Entries,
    binary_data: Entries,
}

pub(super) fn config_map(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let map: Contents<'_> = serde_json::from_str(raw)?;
    let cells = Box::new([Cell::Int(map.data.0 + map.binary_data.0), map.metadata.age()]);
    Ok(Projected { cells, health: Health::Unknown, meta: map.metadata })
}

/// Secrets: the number of values, never a value.
pub(super) fn secret(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let secret: Contents<'_> = serde_json::from_str(raw)?;
    let cells = Box::new([Cell::text(&secret.kind), Cell::Int(secret.data.0), secret.metadata.age()]);
    Ok(Projected { cells, health: Health::Unknown, meta: secret.metadata })
}

#[cfg(test)]
mod tests {
    use crate::engine::k8s::projection::testing::{cells, made, project};
    use serde_json::json;

    #[test]
    fn a_secret_row_holds_no_value() {
        let secret = made(json!({"type": "Opaque", "data": {"password": "aHVudGVyMg==", "user": "YQ=="}}));
        let row = project("", "Secret", &secret);
        assert_eq!(cells(&row), ["Opaque", "2", "2m"]);
        assert!(!format!("{row:?}").contains("aHVudGVyMg"));
        let map = made(json!({"data": {"a": "1"}, "binaryData": {"b": "MQ=="}}));
        assert_eq!(cells(&project("", "ConfigMap", &map)), ["2", "2m"]);
        assert_eq!(cells(&project("", "ConfigMap", &made(json!({"data": null})))), ["0", "2m"]);
    }

    #[test]
    fn roles_and_bindings() {
        let binding = made(json!({"roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": [
            {"kind": "User", "name": "eve"}, {"kind": "ServiceAccount", "namespace": "n", "name": "sa"},
            {"kind": "Group", "name": "ops"}, {"kind": "User", "name": "bob"}]}));
        let expected = ["ClusterRole/admin", "2m", "eve, bob", "ops", "n/sa"];
        for kind in ["RoleBinding", "ClusterRoleBinding"] {
            assert_eq!(cells(&project("rbac.authorization.k8s.io", kind, &binding)), expected);
        }
        assert_eq!(cells(&project("rbac.authorization.k8s.io", "Role", &made(json!({})))), ["2026-01-01T00:00:00Z"]);
        assert_eq!(cells(&project("", "ServiceAccount", &made(json!({})))), ["2m"]);
    }
}
