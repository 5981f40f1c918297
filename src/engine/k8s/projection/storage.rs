//! Claims, volumes and storage classes.

use super::wire::{Maybe, Meta, Object, Seq, Str};
use super::{Projected, health};
use crate::model::cell::Cell;
use crate::model::health::Health;
use crate::model::text::Text;
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Capacity<'a> {
    #[serde(borrow)]
    storage: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(borrow)]
    namespace: Str<'a>,
    name: Str<'a>,
}

/// The spec of a claim or of a volume.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    volume_name: Str<'a>,
    storage_class_name: Str<'a>,
    #[serde(borrow)]
    volume_attributes_class_name: Option<Str<'a>>,
    #[serde(borrow)]
    volume_mode: Option<Str<'a>>,
    #[serde(borrow)]
    access_modes: Seq<Str<'a>>,
    #[serde(borrow)]
    capacity: Maybe<Capacity<'a>>,
    #[serde(borrow)]
    claim_ref: Option<Reference<'a>>,
    persistent_volume_reclaim_policy: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    phase: Str<'a>,
    reason: Str<'a>,
    #[serde(borrow)]
    access_modes: Seq<Str<'a>>,
    #[serde(borrow)]
    capacity: Maybe<Capacity<'a>>,
}

/// Access modes by their short names, in the order in which they are always written.
const ACCESS_MODES: [(&str, &str); 4] =
    [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];

fn access_modes(modes: &[Str<'_>]) -> Cell {
    let short = ACCESS_MODES.iter().filter(|(mode, _)| modes.iter().any(|m| **m == **mode)).map(|(_, short)| *short);
    super::wire::join(short, ",")
}

/// The class: an old annotation's, or else the field's.
fn class(meta: &Meta<'_>, spec: &Spec<'_>) -> Cell {
    Cell::text(meta.annotations.storage_class.as_ref().unwrap_or(&spec.storage_class_name))
}

fn or_unset(text: Option<&Str<'_>>) -> Cell {
    text.map_or_else(|| Cell::text("<unset>"), |t| Cell::text(t))
}

fn phase(meta: &Meta<'_>, status: &Status<'_>) -> Cell {
    Cell::text(if meta.is_terminating() { "Terminating" } else { &status.phase })
}

pub(super) fn claim(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let claim: Object<'_, Spec<'_>, Status<'_>> = serde_json::from_str(raw)?;
    let (meta, spec, status) = (&claim.metadata, &claim.spec, &claim.status);
    let bound = !spec.volume_name.is_empty();
    let health = match &*status.phase {
        _ if meta.is_terminating() => Health::Progressing,
        "Bound" => Health::Healthy,
        "Lost" => Health::Failed(Text::const_new("Lost")),
        "Pending" => Health::Degraded(Text::const_new("Pending")),
        _ => Health::Unknown,
    };
    let cells = Box::new([
        phase(meta, status),
        Cell::text(&spec.volume_name),
        if bound { Cell::text(status.capacity.storage.or("0")) } else { Cell::Empty },
        if bound { access_modes(&status.access_modes) } else { Cell::Empty },
        class(meta, spec),
        or_unset(spec.volume_attributes_class_name.as_ref()),
        meta.age(),
        or_unset(spec.volume_mode.as_ref()),
    ]);
    Ok(Projected { cells, health, meta: claim.metadata })
}

pub(super) fn volume(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let volume: Object<'_, Spec<'_>, Status<'_>> = serde_json::from_str(raw)?;
    let (meta, spec, status) = (&volume.metadata, &volume.spec, &volume.status);
    let health = match &*status.phase {
        _ if meta.is_terminating() => Health::Progressing,
        "Bound" | "Available" => Health::Healthy,
        "Released" => Health::Degraded(Text::const_new("Released")),
        "Failed" => Health::Failed(health::reason(status.reason.or("Failed"))),
        "Pending" => Health::Progressing,
        _ => Health::Unknown,
    };
    let claim = spec.claim_ref.as_ref().map(|c| format!("{}/{}", &*c.namespace, &*c.name));
    let cells = Box::new([
        Cell::text(spec.capacity.storage.or("0")),
        access_modes(&spec.access_modes),
        Cell::text(&spec.persistent_volume_reclaim_policy),
        phase(meta, status),
        Cell::text(claim.as_deref().unwrap_or_default()),
        class(meta, spec),
        or_unset(spec.volume_attributes_class_name.as_ref()),
        Cell::text(&status.reason),
        meta.age(),
        or_unset(spec.volume_mode.as_ref()),
    ]);
    Ok(Projected { cells, health, meta: volume.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StorageClass<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    provisioner: Str<'a>,
    reclaim_policy: Str<'a>,
    volume_binding_mode: Str<'a>,
    allow_volume_expansion: Option<bool>,
}

pub(super) fn storage_class(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let class: StorageClass<'_> = serde_json::from_str(raw)?;
    let cells = Box::new([
        Cell::text(&class.provisioner),
        Cell::text(class.reclaim_policy.or("Delete")),
        Cell::text(class.volume_binding_mode.or("Immediate")),
        Cell::text(if class.allow_volume_expansion == Some(true) { "true" } else { "false" }),
        class.metadata.age(),
    ]);
    Ok(Projected { cells, health: Health::Unknown, meta: class.metadata })
}

#[cfg(test)]
mod tests {
    use crate::engine::k8s::projection::testing::{cells, made, project};
    use crate::model::health::Health;
    use serde_json::json;

    #[test]
    fn claims_and_volumes() {
        let bound = made(json!({
            "spec": {"volumeName": "pv-1", "storageClassName": "fast", "volumeMode": "Block"},
            "status": {"phase": "Bound", "accessModes": ["ReadWriteMany", "ReadWriteOnce"], "capacity": {"storage": "10Gi"}}}));
        let row = project("", "PersistentVolumeClaim", &bound);
        assert_eq!(cells(&row), ["Bound", "pv-1", "10Gi", "RWO,RWX", "fast", "<unset>", "2m", "Block"]);
        assert_eq!(row.health, Health::Healthy);
        let pending = made(json!({"spec": {"volumeAttributesClassName": "gold"}, "status": {"phase": "Pending"}}));
        let row = project("", "PersistentVolumeClaim", &pending);
        assert_eq!(cells(&row), ["Pending", "", "", "", "", "gold", "2m", "<unset>"]);
        assert_eq!(row.health, Health::Degraded("Pending".into()));
        let mut volume = made(json!({
            "spec": {"capacity": {"storage": "1Ti"}, "accessModes": ["ReadWriteOncePod"], "claimRef": {"namespace": "n", "name": "c"},
                "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "new"},
            "status": {"phase": "Released"}}));
        volume["metadata"]["annotations"] = json!({"volume.beta.kubernetes.io/storage-class": "old", "other": "x"});
        let row = project("", "PersistentVolume", &volume);
        assert_eq!(cells(&row), ["1Ti", "RWOP", "Retain", "Released", "n/c", "old", "<unset>", "", "2m", "<unset>"]);
        assert_eq!(row.health, Health::Degraded("Released".into()));
        volume["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:01:00Z");
        assert_eq!(cells(&project("", "PersistentVolume", &volume))[3], "Terminating");
    }

    #[test]
    fn storage_classes_state_their_defaults() {
        let row = project("storage.k8s.io", "StorageClass", &made(json!({"provisioner": "x"})));
        assert_eq!(cells(&row), ["x", "Delete", "Immediate", "false", "2m"]);
    }
}
