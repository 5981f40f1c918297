//! Reads ClusterProfile objects: the upstream schema first, then our additions to it.

use super::{LIST_MAX, Member, NamedExec, Way, bundle, condition, json, list, maybe_text, text};
use crate::model::time::UnixSeconds;
use serde_json::Value;
use std::collections::BTreeMap;

/// Names that upstream reserves for extensions of a cluster.
const EXEC_CONFIG: &str = "client.authentication.k8s.io/exec";
const EXEC_ARGS: &str = "clusterprofiles.multicluster.x-k8s.io/exec/additional-args";
const EXEC_ENVS: &str = "clusterprofiles.multicluster.x-k8s.io/exec/additional-envs";

/// Places that hold the name of the cluster set.
const CLUSTER_SET_KEYS: &[&str] =
    &["multicluster.x-k8s.io/clusterset", "clusterset.multicluster.x-k8s.io", "clusterset.k8s.io"];

pub(super) fn read(object: &Value, bare: Member, _: UnixSeconds) -> Member {
    let properties: BTreeMap<String, String> = list(object, "/status/properties")
        .filter_map(|p| Some((maybe_text(p, "/name")?, maybe_text(p, "/value")?)))
        .collect();
    let label = |key: &str| bare.labels.get(key).cloned();
    let manager = label("x-k8s.io/cluster-manager").unwrap_or_else(|| text(object, "/spec/clusterManager/name"));
    let cluster = label("open-cluster-management.io/cluster-name").unwrap_or_default();
    let exec = named_exec(&properties);
    let mut labels = bare.labels;
    labels.extend(properties.into_iter().filter(|(name, _)| !name.starts_with("auth.exec.")));
    if let Some(set) = CLUSTER_SET_KEYS.iter().find_map(|key| labels.get(*key)).cloned() {
        labels.insert("clusterset.k8s.io".to_owned(), set);
    }
    let says = condition(object, "ControlPlaneHealthy").or_else(|| condition(object, "Ready"));
    Member {
        manager,
        cluster,
        display_name: text(object, "/spec/displayName"),
        ways: ways(object),
        exec,
        labels,
        // Not upstream's; read where somebody's own schema has them.
        provider: text(object, "/spec/cloudProvider"),
        region: text(object, "/spec/region"),
        ..bare
    }
    .claiming(says)
}

/// The ways of `accessProviders`, then those that only the deprecated `credentialProviders` has.
fn ways(object: &Value) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    let all = list(object, "/status/accessProviders").chain(list(object, "/status/credentialProviders"));
    for way in all.filter_map(way) {
        if !ways.iter().any(|w| w.provider == way.provider) {
            ways.push(way);
        }
    }
    ways.truncate(LIST_MAX);
    ways
}

fn way(provider: &Value) -> Option<Way> {
    let cluster = provider.pointer("/cluster")?;
    let flag = |pointer: &str| cluster.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    let extension = |name: &str| list(cluster, "/extensions").find(|e| text(e, "/name") == name)?.pointer("/extension");
    let ca = bundle(cluster, "/certificate-authority-data");
    Some(Way {
        provider: text(provider, "/name"),
        server: text(cluster, "/server"),
        tls_server_name: maybe_text(cluster, "/tls-server-name"),
        insecure: flag("/insecure-skip-tls-verify"),
        proxy_url: maybe_text(cluster, "/proxy-url"),
        disable_compression: flag("/disable-compression"),
        names_file: ca.is_none() && maybe_text(cluster, "/certificate-authority").is_some(),
        ca,
        config: extension(EXEC_CONFIG).and_then(json),
        args: extension(EXEC_ARGS).map(texts).unwrap_or_default(),
        env: extension(EXEC_ENVS).map(pairs).unwrap_or_default(),
    })
}

/// A list of strings: a plain list, the list under `args` (the first schema wants an object), or JSON in a string.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().take(LIST_MAX).filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Object(object) => object.get("args").map(texts).unwrap_or_default(),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ (Value::Array(_) | Value::Object(_))) => texts(&inner),
            _ => Vec::new(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    match value {
        Value::Object(object) => {
            let pairs = object.iter().take(LIST_MAX);
            pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        }
        Value::String(text) => match serde_json::from_str(text) {
            Ok(inner @ Value::Object(_)) => pairs(&inner),
            _ => BTreeMap::new(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => BTreeMap::new(),
    }
}

fn named_exec(properties: &BTreeMap<String, String>) -> Option<NamedExec> {
    let command = properties.get("auth.exec.command")?.clone();
    let args = properties.get("auth.exec.args").map(String::as_str).unwrap_or_default();
    // Commas, as the requirement has it; a list says it without doubt.
    let args = match serde_json::from_str::<Vec<String>>(args) {
        Ok(args) => args,
        Err(_) => args.split(',').map(str::trim).filter(|a| !a.is_empty()).map(str::to_owned).collect(),
    };
    let api_version = properties.get("auth.exec.apiVersion").cloned();
    let api_version = api_version.unwrap_or_else(|| "client.authentication.k8s.io/v1".to_owned());
    Some(NamedExec { api_version, command, args })
}

#[cfg(test)]
mod tests {
    use super::super::apis::APIS;
    use super::*;
    use serde_json::json;

    fn profile(object: &Value) -> Member {
        APIS[0].member(object, UnixSeconds(0)).unwrap()
    }

    #[test]
    fn upstreams_schema_is_read() {
        let member = profile(&json!({
            "metadata": {"name": "eu", "namespace": "fleet", "labels": {
                "x-k8s.io/cluster-manager": "ocm", "open-cluster-management.io/cluster-name": "eu-1"}},
            "spec": {"displayName": "Europe", "clusterManager": {"name": "other"}},
            "status": {
                "conditions": [{"type": "ControlPlaneHealthy", "status": "True", "reason": "OK"}],
                "properties": [{"name": "location", "value": "eu-west-1"}, {"name": "cluster.clusterset.k8s.io", "value": "eu"}],
                "accessProviders": [{"name": "google", "cluster": {
                    "server": "https://eu", "certificate-authority-data": "Q0E=", "tls-server-name": "kube",
                    "insecure-skip-tls-verify": true, "proxy-url": "http://p:1", "disable-compression": true,
                    "extensions": [
                        {"name": EXEC_CONFIG, "extension": {"clusterName": "eu"}},
                        {"name": EXEC_ARGS, "extension": ["--a", "b"]},
                        {"name": EXEC_ENVS, "extension": {"A": "1"}}
                    ]}}],
                "credentialProviders": [
                    {"name": "google", "cluster": {"server": "https://old"}},
                    {"name": "older", "cluster": {"server": "https://older"}}]
            }
        }));
        assert_eq!((member.manager.as_str(), member.cluster.as_str()), ("ocm", "eu-1"));
        assert_eq!((member.ready, member.region.as_str()), (Some(true), "eu-west-1"));
        assert_eq!(member.display_name, "Europe");
        let servers: Vec<&str> = member.ways.iter().map(|w| w.server.as_str()).collect();
        assert_eq!(servers, ["https://eu", "https://older"]);
        let way = &member.ways[0];
        assert!(way.insecure && way.disable_compression && !way.names_file);
        assert_eq!(way.config.as_deref(), Some(r#"{"clusterName":"eu"}"#));
        assert_eq!(way.args, ["--a", "b"]);
        assert_eq!(way.env["A"], "1");
    }

    #[test]
    fn a_missing_or_null_status_is_unknown() {
        for status in [json!(null), json!({}), json!({"conditions": null, "properties": null})] {
            let member = profile(&json!({"metadata": {"name": "eu"}, "status": status}));
            assert_eq!(member.ready, None);
            assert!(member.ways.is_empty());
        }
    }

    #[test]
    fn the_requirements_fields_are_read_where_they_are() {
        let member = profile(&json!({
            "metadata": {"name": "eu"},
            "spec": {"cloudProvider": "aws", "region": "us-west-2"},
            "status": {"conditions": [{"type": "Ready", "status": "False"}], "properties": [
                {"name": "auth.exec.command", "value": "aws"},
                {"name": "auth.exec.args", "value": "eks,get-token,--cluster-name,production"},
                {"name": "auth.exec.apiVersion", "value": "client.authentication.k8s.io/v1beta1"}]}
        }));
        assert_eq!((member.provider.as_str(), member.region.as_str(), member.ready), ("aws", "us-west-2", Some(false)));
        let exec = member.exec.unwrap();
        assert_eq!((exec.command.as_str(), exec.args.len()), ("aws", 4));
        assert!(!member.labels.keys().any(|k| k.starts_with("auth.")));
    }

    #[test]
    fn arguments_come_in_several_shapes() {
        let expected = ["a", "b"];
        assert_eq!(texts(&json!(["a", "b", 3])), expected);
        assert_eq!(texts(&json!({"args": ["a", "b"]})), expected);
        assert_eq!(texts(&json!("[\"a\", \"b\"]")), expected);
        assert!(texts(&json!("a b")).is_empty() && texts(&json!(null)).is_empty());
        assert!(pairs(&json!({})).is_empty());
        assert_eq!(pairs(&json!("{\"A\": \"1\"}"))["A"], "1");
    }

    #[test]
    fn a_lying_hub_is_cut_short() {
        let member = profile(&json!({
            "metadata": {"name": "a\u{1b}[31m\u{202e}b"},
            "status": {
                "properties": [{"name": "big", "value": "x".repeat(1 << 20)}, {"name": "esc", "value": "\u{1b}]0;x\u{7}y"}],
                "accessProviders": [{"name": "p", "cluster": {"server": "https://x", "certificate-authority": "/etc/passwd"}}]
            }
        }));
        assert_eq!(member.name, "a[31mb");
        assert!(!member.labels.contains_key("big"));
        assert_eq!(member.labels["esc"], "]0;xy");
        assert!(member.ways[0].names_file && member.ways[0].ca.is_none());
    }
}
