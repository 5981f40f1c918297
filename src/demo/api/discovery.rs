//! Discovery: what is served, in the old form and in the aggregated one.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::super::resource::Resource;
use super::super::status::Failure;
use super::{ApiServer, Body, Form, Groups, JSON, document, plain, respond};

/// The order in which a real server lists its own groups; others follow by name.
const ORDER: &[&str] = &[
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
];

/// Answers `/api` (`core`) and `/apis`.
pub(super) fn groups(server: &ApiServer, core: bool, form: Form) -> Result<Response<Body>, Failure> {
    if form == Form::Unsupported {
        return Err(Failure::not_acceptable());
    }
    if let Form::Discovery(version) = form
        && server.member.aggregated
    {
        return Ok(aggregated(server, core, version));
    }
    if core {
        return Ok(document(
            StatusCode::OK,
            &json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [
                    {"clientCIDR": "0.0.0.0/0", "serverAddress": format!("127.0.0.1:{}", server.port)}
                ],
            }),
        ));
    }
    let groups: Vec<Value> = served(server)
        .iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, resources)| api_group(group, resources))
        .collect();
    Ok(document(StatusCode::OK, &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})))
}

/// Answers `/apis/<group>`.
pub(super) fn group(server: &ApiServer, group: &str) -> Response<Body> {
    let groups = served(server);
    let Some((_, resources)) = groups.iter().find(|(name, _)| name == group) else {
        return plain(StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
    };
    let mut document_of_group = api_group(group, resources);
    if let Some(map) = document_of_group.as_object_mut() {
        map.insert("kind".to_owned(), "APIGroup".into());
        map.insert("apiVersion".to_owned(), "v1".into());
    }
    document(StatusCode::OK, &document_of_group)
}

/// Answers `/api/v1` and `/apis/<group>/<version>`.
pub(super) fn resources(server: &ApiServer, group: &str, version: &str) -> Response<Body> {
    let groups = served(server);
    let resources: Vec<&Arc<Resource>> = groups
        .iter()
        .filter(|(name, _)| name == group)
        .flat_map(|(_, resources)| resources)
        .filter(|resource| resource.version == version)
        .collect();
    if resources.is_empty() {
        return plain(StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
    }
    let entries: Vec<Value> = resources.iter().flat_map(|resource| legacy(resource)).collect();
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    document(
        StatusCode::OK,
        &json!({
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": group_version, "resources": entries,
        }),
    )
}

/// Groups in discovery order, each with its resources by name.
fn served(server: &ApiServer) -> Vec<(String, Vec<Arc<Resource>>)> {
    let mut groups = Groups::new();
    for resource in server.store.read().resources() {
        groups.entry(resource.group.to_string()).or_default().push(Arc::clone(resource));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    for (_, resources) in &mut groups {
        resources.sort_by(|a, b| a.plural.cmp(&b.plural));
    }
    groups.sort_by_key(|(group, _)| {
        let place = ORDER.iter().position(|known| known == group);
        // The core group comes first, groups of others after all of the server's own.
        if group.is_empty() { 0 } else { place.map_or(ORDER.len() + 1, |place| place + 1) }
    });
    groups
}

/// The versions of a group, the preferred one first.
fn versions(resources: &[Arc<Resource>]) -> Vec<&str> {
    let mut versions: Vec<&str> = Vec::new();
    for resource in resources {
        if !versions.contains(&resource.version.as_str()) {
            versions.push(&resource.version);
        }
    }
    // Stable versions before beta before alpha: `v1` is shorter than `v1beta1`.
    versions.sort_by_key(|version| version.len());
    versions
}

fn api_group(group: &str, resources: &[Arc<Resource>]) -> Value {
    let versions: Vec<Value> = versions(resources)
        .into_iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

/// The entries of one resource and its subresources in an `APIResourceList`.
fn legacy(resource: &Resource) -> Vec<Value> {
    let mut entry = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": resource.verbs(),
    });
    if let Some(map) = entry.as_object_mut() {
        if !resource.short_names.is_empty() {
            map.insert("shortNames".to_owned(), json!(resource.short_names));
        }
        if !resource.categories.is_empty() {
            map.insert("categories".to_owned(), json!(resource.categories));
        }
    }
    let subresources = resource.subresources.iter().map(|sub| {
        let (group, version, kind) = subresource_kind(resource, sub);
        json!({
            "name": format!("{}/{sub}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
            "group": group, "version": version, "kind": kind, "verbs": subresource_verbs(sub),
        })
    });
    std::iter::once(entry).chain(subresources).collect()
}

fn subresource_kind<'a>(resource: &'a Resource, sub: &str) -> (&'a str, &'a str, &'a str) {
    match sub {
        "scale" => ("autoscaling", "v1", "Scale"),
        "eviction" => ("policy", "v1", "Eviction"),
        "binding" => ("", "v1", "Binding"),
        "token" => ("authentication.k8s.io", "v1", "TokenRequest"),
        "attach" => ("", "v1", "PodAttachOptions"),
        "exec" => ("", "v1", "PodExecOptions"),
        "portforward" => ("", "v1", "PodPortForwardOptions"),
        _ => (&resource.group, &resource.version, &resource.kind),
    }
}

fn subresource_verbs(sub: &str) -> &'static [&'static str] {
    match sub {
        "log" => &["get"],
        "binding" | "eviction" | "token" => &["create"],
        "finalize" => &["update"],
        "attach" | "exec" | "portforward" => &["create", "get"],
        "proxy" => &["create", "delete", "get", "patch", "update"],
        _ => &["get", "patch", "update"],
    }
}

fn aggregated(server: &ApiServer, core: bool, api: &'static str) -> Response<Body> {
    let items: Vec<Value> = served(server)
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, resources)| {
            let versions: Vec<Value> = versions(resources)
                .into_iter()
                .map(|version| {
                    let entries: Vec<Value> = resources
                        .iter()
                        .filter(|resource| resource.version == version)
                        .map(|resource| aggregated_entry(resource))
                        .collect();
                    json!({"version": version, "freshness": "Current", "resources": entries})
                })
                .collect();
            let metadata = if group.is_empty() {
                super::empty_metadata()
            } else {
                json!({"name": group, "creationTimestamp": null})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let body = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{api}"),
        "metadata": {},
        "items": items,
    });
    let content_type = match api {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "v2beta1" => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        _ => JSON,
    };
    respond(StatusCode::OK, content_type, body.to_string())
}

fn aggregated_entry(resource: &Resource) -> Value {
    let scope = if resource.namespaced { "Namespaced" } else { "Cluster" };
    let subresources: Vec<Value> = resource
        .subresources
        .iter()
        .map(|sub| {
            let (group, version, kind) = subresource_kind(resource, sub);
            json!({
                "subresource": sub, "verbs": subresource_verbs(sub),
                "responseKind": {"group": group, "version": version, "kind": kind},
            })
        })
        .collect();
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": scope,
        "singularResource": resource.singular,
        "verbs": resource.verbs(),
    });
    if let Some(map) = entry.as_object_mut() {
        if !resource.short_names.is_empty() {
            map.insert("shortNames".to_owned(), json!(resource.short_names));
        }
        if !resource.categories.is_empty() {
            map.insert("categories".to_owned(), json!(resource.categories));
        }
        if !subresources.is_empty() {
            map.insert("subresources".to_owned(), subresources.into());
        }
    }
    entry
}
