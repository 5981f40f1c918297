//! JSON and YAML: the multi-cluster envelope, and one flat `List`.

use super::{Failure, Reply, worded};
use crate::engine::cluster::Answer;
use crate::model::cluster::ClusterName;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Our API group, for documents, labels and annotations.
pub const API_VERSION: &str = "quarterdeck.dev/v1alpha1";

/// The annotation that says which cluster an item of a flat list is from.
pub const CLUSTER_ANNOTATION: &str = "quarterdeck.dev/cluster";

/// `MultiClusterResult`: per cluster its items or its error, and a summary. `total` counts the
/// clusters asked; each of them stands under `clusters`, in order, also when it has no items. `missing` are the objects
/// that no cluster has, and those of which some cluster could not say, each as TYPE/NAME.
pub fn envelope(
    asked: &[ClusterName],
    replies: Vec<Reply>,
    failures: &[Failure],
    missing: (Vec<String>, Vec<String>),
) -> Value {
    let mut items: BTreeMap<ClusterName, Vec<Value>> = BTreeMap::new();
    for reply in replies {
        let list = items.entry(reply.cluster).or_default();
        if let Answer::Objects(objects) = reply.answer {
            list.extend(objects);
        }
    }
    let mut errors: BTreeMap<&ClusterName, Vec<String>> = BTreeMap::new();
    for failure in failures {
        errors.entry(&failure.cluster).or_default().push(worded(&failure.error));
    }
    let entries = asked.iter().map(|cluster| {
        let mut entry = Map::new();
        entry.insert("cluster".to_owned(), json!(cluster.as_str()));
        entry.insert("items".to_owned(), Value::Array(items.remove(cluster).unwrap_or_default()));
        if let Some(error) = errors.get(cluster) {
            entry.insert("error".to_owned(), json!(error.join("; ")));
        }
        Value::Object(entry)
    });
    let entries: Vec<Value> = entries.collect();
    let texts: Map<String, Value> = errors.iter().map(|(c, e)| (c.to_string(), json!(e.join("; ")))).collect();
    let mut summary = json!({
        "total": asked.len(),
        "successful": asked.len() - errors.len(),
        "failed": errors.len(),
        "errors": texts,
    });
    for (key, words) in [("notFound", missing.0), ("notKnown", missing.1)] {
        if !words.is_empty() {
            summary[key] = json!(words);
        }
    }
    json!({"apiVersion": API_VERSION, "kind": "MultiClusterResult", "clusters": entries, "summary": summary})
}

/// One v1 `List`, each item annotated with its cluster: what scripts written for kubectl read.
pub fn flat(replies: Vec<Reply>) -> Value {
    let mut items = Vec::new();
    for Reply { cluster, answer, .. } in replies {
        let Answer::Objects(objects) = answer else { continue };
        items.extend(objects.into_iter().map(|object| annotated(object, &cluster)));
    }
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
}

fn annotated(mut object: Value, cluster: &ClusterName) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(CLUSTER_ANNOTATION.to_owned(), json!(cluster.as_str()));
        }
    }
    object
}

/// Pretty JSON with four spaces, as kubectl prints it, and a line break at the end.
pub fn json_text(value: &Value) -> Result<String, String> {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    serde::Serialize::serialize(value, &mut serializer).map_err(|e| e.to_string())?;
    out.push(b'\n');
    String::from_utf8(out).map_err(|e| e.to_string())
}

/// YAML with a line break at the end.
pub fn yaml_text(value: &Value) -> Result<String, String> {
    let mut text = serde_saphyr::to_string(value).map_err(|e| e.to_string())?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cluster::ClusterError;
    use crate::model::kind::{Kind, KindId};
    use crate::model::text::Text;

    fn reply(cluster: &str, name: &str) -> Reply {
        Reply {
            cluster: ClusterName::new(cluster),
            kind: Kind {
                id: KindId::new("", "Pod"),
                version: Text::const_new("v1"),
                plural: Text::const_new("pods"),
                singular: Text::const_new("pod"),
                short_names: vec![],
                categories: vec![],
                namespaced: true,
                verbs: vec![],
            },
            answer: Answer::Objects(vec![json!({"kind": "Pod", "metadata": {"name": name}})]),
        }
    }

    #[test]
    fn the_envelope_names_every_cluster_asked_and_the_one_that_failed() {
        let asked = ["a", "b", "c"].map(ClusterName::new);
        let failures =
            [Failure { cluster: asked[1].clone(), error: ClusterError::Unreachable(Text::const_new("refused")) }];
        let value = envelope(&asked, vec![reply("a", "p")], &failures, Default::default());
        assert_eq!(value["summary"]["total"], 3);
        assert_eq!(value["summary"]["successful"], 2);
        assert_eq!(value["summary"]["failed"], 1);
        assert_eq!(value["clusters"][0]["items"][0]["metadata"]["name"], "p");
        assert_eq!(value["clusters"][1]["error"], "error: unable to reach the server: refused");
        assert_eq!(value["summary"]["errors"]["b"], value["clusters"][1]["error"]);
        assert_eq!(value["clusters"][2]["items"], json!([]));
    }

    #[test]
    fn a_flat_list_says_where_each_item_is_from() {
        let value = flat(vec![reply("a", "p"), reply("b", "p")]);
        assert_eq!(value["kind"], "List");
        assert_eq!(value["items"][1]["metadata"]["annotations"][CLUSTER_ANNOTATION], "b");
    }

    #[test]
    fn yaml_reads_back_as_it_was() {
        let value = json!({"a": ["1", "yes", "null", "~", "x: y", "2026-11-21", "1e3", "0x1f", ":", "- a", "#c", "multi\nline\n", ""], "b": {"c": null, "d": 1.5, "e": {}, "f": []}});
        let text = yaml_text(&value).unwrap();
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, value, "{text}");
    }
}
