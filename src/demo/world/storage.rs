//! Volumes and the claims on them.

use serde_json::json;

use super::super::json::{set, text};
use super::Builder;
use super::event::{self, Said};

/// Builds storage classes; claims come with the workloads that make them.
pub(super) fn build(builder: &mut Builder<'_>) {
    let age = builder.cluster_age();
    for (name, default, mode) in [("standard", "true", "WaitForFirstConsumer"), ("fast-ssd", "false", "Immediate")] {
        let mut metadata = builder.metadata("", name, age);
        set(&mut metadata, "", "annotations", json!({"storageclass.kubernetes.io/is-default-class": default}));
        builder.put(
            "storage.k8s.io",
            "storageclasses",
            json!({
                "metadata": metadata, "provisioner": "disk.csi.example.com", "reclaimPolicy": "Delete",
                "volumeBindingMode": mode, "allowVolumeExpansion": true, "parameters": {"type": name},
            }),
        );
    }
    let metadata = builder.metadata("", "disk.csi.example.com", age);
    builder.put(
        "storage.k8s.io",
        "csidrivers",
        json!({"metadata": metadata, "spec": {"attachRequired": true, "podInfoOnMount": false}}),
    );
}

/// A claim of 20 GiB with its volume; a pending one has none and says why.
pub(super) fn claim(builder: &mut Builder<'_>, namespace: &str, name: &str, pending: bool) {
    let age = if pending { 5_400 } else { builder.cluster_age() - 86_400 };
    let mut metadata = builder.metadata(namespace, name, age);
    set(&mut metadata, "", "labels", json!({"app.kubernetes.io/part-of": namespace}));
    let uid = text(&metadata, "/uid").to_owned();
    let class = if pending { "archive" } else { "standard" };
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}},
        "storageClassName": class, "volumeMode": "Filesystem",
    });
    if pending {
        let claim = json!({"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}});
        let said = Said {
            warning: true,
            reason: "ProvisioningFailed",
            message: "storageclass.storage.k8s.io \"archive\" not found".to_owned(),
            component: "persistentvolume-controller",
            count: 360,
            age: 8,
        };
        let (event_name, event_uid) = (event::name(name, &mut builder.rng), builder.uid());
        let event = event::document(&claim, "PersistentVolumeClaim", (&event_name, &event_uid), &said, builder.now);
        builder.put("", "events", event);
        builder.put("", "persistentvolumeclaims", claim);
        return;
    }
    let volume = format!("pvc-{uid}");
    set(&mut spec, "", "volumeName", volume.as_str().into());
    builder.put(
        "",
        "persistentvolumeclaims",
        json!({
            "metadata": metadata, "spec": spec,
            "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "20Gi"}},
        }),
    );
    let metadata = builder.metadata("", &volume, age);
    builder.put("", "persistentvolumes", json!({
        "metadata": metadata,
        "spec": {
            "capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "standard",
            "csi": {"driver": "disk.csi.example.com", "volumeHandle": volume, "fsType": "ext4"},
            "claimRef": {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": namespace, "name": name, "uid": uid},
        },
        "status": {"phase": "Bound"},
    }));
}
