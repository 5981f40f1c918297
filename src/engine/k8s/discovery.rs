//! Discovery of the kinds that a cluster serves: one aggregated response where the server supports it, else group by
//! group.

use super::client::Connection;
use crate::engine::cluster::ClusterError;
use crate::model::kind::{Catalog, Kind, KindId};
use crate::model::text::{Text, clean};
use futures::{StreamExt as _, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIGroupList, APIResource, APIResourceList};
use kube::client::{APIGroupDiscovery, APIGroupDiscoveryList, APIResourceDiscovery};
use serde::Deserialize;

/// Prefers aggregated discovery, in both its versions, over the plain list of older servers.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Concurrent requests for group versions to a server without aggregated discovery.
const AT_ONCE: usize = 8;

/// Maximum number of kinds of one cluster: many times that of the largest.
const KINDS_MAX: usize = 10_000;

/// Discovers all kinds. A group that fails is named in the catalog. Fails only if no part answers.
pub(crate) async fn discover(connection: &Connection) -> Result<Catalog, ClusterError> {
    let (core, groups) = futures::join!(part(connection, "/api"), part(connection, "/apis"));
    let mut found = Found::default();
    match (core, groups) {
        (Err(error), Err(_)) => return Err(error),
        (core, groups) => {
            found.take(core, "core");
            found.take(groups, "all but core");
        }
    }
    found.kinds.truncate(KINDS_MAX);
    Ok(Catalog { kinds: found.kinds.into(), failed_groups: found.failed.into() })
}

/// Kinds in the order of discovery, and the groups that failed.
#[derive(Debug, Default)]
struct Found {
    kinds: Vec<Kind>,
    failed: Vec<(Text, Text)>,
}

impl Found {
    fn take(&mut self, part: Result<Self, ClusterError>, name: &str) {
        match part {
            Ok(part) => {
                self.kinds.extend(part.kinds);
                self.failed.extend(part.failed);
            }
            Err(error) => self.failed.push((Text::new(name), Text::from(error.to_string()))),
        }
    }

    /// Adds a kind, unless it was added from a version that the server prefers.
    fn add(&mut self, kind: Kind) {
        if !self.kinds.iter().rev().any(|k| k.id == kind.id && k.plural == kind.plural) {
            self.kinds.push(kind);
        }
    }
}

async fn part(connection: &Connection, path: &str) -> Result<Found, ClusterError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        kind: String,
    }
    let bytes = connection.get(path, ACCEPT).await?;
    let read = |e: serde_json::Error| super::errors::not_json(&bytes, &e);
    let head: Head = serde_json::from_slice(&bytes).map_err(read)?;
    match head.kind.as_str() {
        "APIGroupDiscoveryList" => {
            let list: APIGroupDiscoveryList = serde_json::from_slice(&bytes).map_err(read)?;
            Ok(aggregated(list))
        }
        // The core group has one version, and has had since the beginning.
        "APIVersions" => Ok(one_by_one(connection, vec![(Text::default(), vec![Text::new("v1")])]).await),
        "APIGroupList" => {
            let list: APIGroupList = serde_json::from_slice(&bytes).map_err(read)?;
            Ok(one_by_one(connection, list.groups.iter().map(versions_of).collect()).await)
        }
        _ => Err(ClusterError::Failed(Text::from(format!("{path} answered something that is not discovery")))),
    }
}

fn harmless(text: &str) -> Text {
    Text::from(clean(text))
}

fn all(texts: &[String]) -> Vec<Text> {
    texts.iter().map(|t| harmless(t)).collect()
}

/// Reads aggregated discovery. Versions come by preference of the server; a kind is taken from the first that has it.
fn aggregated(list: APIGroupDiscoveryList) -> Found {
    let mut found = Found::default();
    for group in list.items {
        let of = Found { kinds: Vec::new(), failed: Vec::new() };
        let of = aggregated_group(of, &group);
        found.kinds.extend(of.kinds);
        found.failed.extend(of.failed);
    }
    found
}

fn aggregated_group(mut found: Found, group: &APIGroupDiscovery) -> Found {
    let name = harmless(group.metadata.as_ref().and_then(|m| m.name.as_deref()).unwrap_or_default());
    for version in &group.versions {
        let number = harmless(version.version.as_deref().unwrap_or_default());
        if version.freshness.as_deref() == Some("Stale") {
            found.failed.push((
                Text::from(format!("{name}/{number}")),
                Text::new("its API service does not answer; what is known of it may be old"),
            ));
        }
        for resource in &version.resources {
            if let Some(kind) = aggregated_kind(resource, &name, &number) {
                found.add(kind);
            }
        }
    }
    found
}

fn aggregated_kind(resource: &APIResourceDiscovery, group: &Text, version: &Text) -> Option<Kind> {
    // A resource without a kind or verbs is only the parent of its subresources.
    let kind = resource.response_kind.as_ref()?.kind.as_deref().filter(|k| !k.is_empty())?;
    let plural = resource.resource.as_deref()?;
    if resource.verbs.is_empty() {
        return None;
    }
    let singular = resource.singular_resource.as_deref().filter(|s| !s.is_empty());
    Some(Kind {
        id: KindId { group: group.clone(), kind: harmless(kind) },
        version: version.clone(),
        plural: harmless(plural),
        singular: singular.map_or_else(|| harmless(&kind.to_lowercase()), harmless),
        short_names: all(&resource.short_names),
        categories: all(&resource.categories),
        namespaced: resource.scope.as_deref() == Some("Namespaced"),
        verbs: all(&resource.verbs),
    })
}

/// A group and its versions, the preferred one first, the others in the server's order.
fn versions_of(group: &APIGroup) -> (Text, Vec<Text>) {
    let preferred = group.preferred_version.as_ref().map(|v| harmless(&v.version));
    let others = group.versions.iter().map(|v| harmless(&v.version)).filter(|v| Some(v) != preferred.as_ref());
    let versions = preferred.iter().cloned().chain(others).collect();
    (harmless(&group.name), versions)
}

/// Sends one request for each version of each group; a failure concerns that version only.
async fn one_by_one(connection: &Connection, groups: Vec<(Text, Vec<Text>)>) -> Found {
    let mut asked: Vec<(Text, Text)> = Vec::new();
    for (group, versions) in groups {
        asked.extend(versions.into_iter().map(|version| (group.clone(), version)));
    }
    let answers = stream::iter(asked).map(|(group, version)| async move {
        let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let answer = connection.get_json::<APIResourceList>(&path).await;
        (group, version, answer)
    });
    let mut found = Found::default();
    let mut answers = std::pin::pin!(answers.buffered(AT_ONCE));
    while let Some((group, version, answer)) = answers.next().await {
        match answer {
            Ok(list) => {
                list.resources.iter().filter_map(|r| plain_kind(r, &group, &version)).for_each(|k| found.add(k));
            }
            Err(error) => {
                found.failed.push((Text::from(format!("{group}/{version}")), Text::from(error.to_string())));
            }
        }
    }
    found
}

fn plain_kind(resource: &APIResource, group: &Text, version: &Text) -> Option<Kind> {
    // `pods/log` is a subresource.
    if resource.name.contains('/') || resource.verbs.is_empty() {
        return None;
    }
    let singular = Some(resource.singular_name.as_str()).filter(|s| !s.is_empty());
    Some(Kind {
        id: KindId { group: group.clone(), kind: harmless(&resource.kind) },
        version: version.clone(),
        plural: harmless(&resource.name),
        singular: singular.map_or_else(|| harmless(&resource.kind.to_lowercase()), harmless),
        short_names: all(resource.short_names.as_deref().unwrap_or_default()),
        categories: all(resource.categories.as_deref().unwrap_or_default()),
        namespaced: resource.namespaced,
        verbs: all(&resource.verbs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(list: serde_json::Value) -> Found {
        aggregated(serde_json::from_value(list).unwrap())
    }

    fn resource(plural: &str, kind: &str, scope: &str) -> serde_json::Value {
        json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": scope,
            "singularResource": "", "verbs": ["get", "list"], "shortNames": ["x"], "categories": ["all"],
            "subresources": [{"subresource": "status", "verbs": ["get"]}]})
    }

    #[test]
    fn a_kind_comes_from_the_version_the_server_prefers_and_brings_all_its_names() {
        let found = read(json!({"items": [
            {"metadata": {"name": "autoscaling"}, "versions": [
                {"version": "v2", "resources": [resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced")]},
                {"version": "v1", "resources": [
                    resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced"),
                    resource("olds", "Old", "Cluster")]}]}]}));
        let kinds: Vec<_> = found.kinds.iter().map(|k| (k.version.as_str(), k.plural.as_str(), k.namespaced)).collect();
        assert_eq!(kinds, [("v2", "horizontalpodautoscalers", true), ("v1", "olds", false)]);
        let kind = &found.kinds[0];
        assert_eq!((kind.singular.as_str(), kind.short_names[0].as_str()), ("horizontalpodautoscaler", "x"));
        assert_eq!(kind.categories, ["all"]);
        assert!(kind.can("list") && !kind.can("watch"));
    }

    #[test]
    fn a_stale_group_is_named_and_its_neighbours_stay() {
        let found = read(json!({"items": [
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale", "resources": []}]},
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current",
                "resources": [resource("deployments", "Deployment", "Namespaced")]}]}]}));
        assert_eq!(found.kinds.len(), 1);
        assert_eq!(found.failed[0].0, "metrics.k8s.io/v1beta1");
    }

    #[test]
    fn what_is_only_a_parent_of_subresources_is_no_kind() {
        let found = read(json!({"items": [{"metadata": {"name": "x"}, "versions": [{"version": "v1", "resources": [
            {"resource": "parents", "verbs": [], "subresources": []},
            {"resource": "others", "responseKind": {"kind": ""}, "verbs": ["get"]}]}]}]}));
        assert!(found.kinds.is_empty());
    }

    #[test]
    fn the_preferred_version_goes_first_in_a_plain_list_too() {
        let group: APIGroup = serde_json::from_value(json!({"name": "g",
            "versions": [{"version": "v2", "groupVersion": "g/v2"}, {"version": "v1", "groupVersion": "g/v1"}],
            "preferredVersion": {"version": "v1", "groupVersion": "g/v1"}}))
        .unwrap();
        assert_eq!(versions_of(&group), (Text::new("g"), vec![Text::new("v1"), Text::new("v2")]));
        let sub = APIResource { name: "pods/log".into(), verbs: vec!["get".into()], ..APIResource::default() };
        assert!(plain_kind(&sub, &Text::default(), &Text::new("v1")).is_none());
    }
}
