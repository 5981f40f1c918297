//! Discovery of the kinds of member objects that a hub serves: from one answer, aggregated or that of an old server.

use crate::engine::k8s::inventory::member::apis::APIS;
use crate::engine::k8s::inventory::member::text;
use serde_json::Value;

/// Prefers aggregated discovery over the plain list of groups.
pub(super) const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// The kinds that the hub serves, each by its index in [`APIS`], with the version to use.
pub(super) fn served(groups: &Value) -> Vec<(usize, String)> {
    let all = |pointer: &str| groups.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let mut served = Vec::new();
    for (at, api) in APIS.iter().enumerate() {
        let aggregated = all("/items").find(|g| text(g, "/metadata/name") == api.group);
        let plain = all("/groups").find(|g| text(g, "/name") == api.group);
        let Some(group) = aggregated.or(plain) else { continue };
        let version = api.versions.iter().find(|version| {
            let versions = group.pointer("/versions").and_then(Value::as_array).into_iter().flatten();
            versions.filter(|v| text(v, "/version") == **version).any(|v| match v.pointer("/resources") {
                Some(resources) => {
                    resources.as_array().into_iter().flatten().any(|r| text(r, "/resource") == api.plural)
                }
                None => true,
            })
        });
        served.extend(version.map(|version| (at, (*version).to_owned())));
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_known_version_that_serves_the_kind_is_used() {
        let groups = json!({"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {"name": "multicluster.x-k8s.io"}, "versions": [
                {"version": "v1beta1", "resources": [{"resource": "serviceimports"}]},
                {"version": "v1alpha1", "resources": [{"resource": "clusterprofiles"}]}]},
            {"metadata": {"name": "cluster.x-k8s.io"}, "versions": [
                {"version": "v1beta1", "resources": [{"resource": "clusters"}]},
                {"version": "v1beta2", "resources": [{"resource": "clusters"}]}]},
            {"metadata": {"name": "cluster.karmada.io"}, "versions": [{"version": "v1alpha1", "resources": []}]}
        ]});
        assert_eq!(served(&groups), [(0, "v1alpha1".to_owned()), (4, "v1beta2".to_owned())]);
    }

    #[test]
    fn an_old_servers_groups_are_enough() {
        let groups = json!({"kind": "APIGroupList", "groups": [
            {"name": "cluster.open-cluster-management.io", "versions": [{"groupVersion": "x/v1", "version": "v1"}]}]});
        assert_eq!(served(&groups), [(1, "v1".to_owned())]);
        for nothing in [json!(null), json!({}), json!({"items": 3}), json!([])] {
            assert!(served(&nothing).is_empty());
        }
    }
}
