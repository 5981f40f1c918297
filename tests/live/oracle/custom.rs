//! Definitions whose printer columns the oracle compares, and objects of them.

use super::{Outcome, post};
use kube::Client;
use serde_json::{Value, json};
use std::time::Duration;

/// One definition, and objects of it by name.
struct Custom {
    kind: &'static str,
    columns: Value,
    objects: Vec<(&'static str, Value)>,
}

impl Custom {
    fn plural(&self) -> String {
        self.kind.to_lowercase() + "s"
    }

    fn definition(&self) -> Value {
        let plural = self.plural();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{plural}.example.org") },
            "spec": { "group": "example.org", "scope": "Namespaced",
                "names": { "plural": plural, "singular": self.kind.to_lowercase(), "kind": self.kind },
                "versions": [{ "name": "v1", "served": true, "storage": true, "additionalPrinterColumns": self.columns,
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }] } })
    }
}

/// A column of every type, and objects of all sorts.
fn widgets() -> Custom {
    let columns = json!([
        { "name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status" },
        { "name": "Count", "type": "integer", "jsonPath": ".spec.count" },
        { "name": "Ratio", "type": "number", "jsonPath": ".spec.ratio" },
        { "name": "On", "type": "boolean", "jsonPath": ".spec.on" },
        { "name": "First", "type": "string", "jsonPath": ".spec.list[0].name" },
        { "name": "All", "type": "string", "jsonPath": ".spec.list[*].name" },
        { "name": "Map", "type": "string", "jsonPath": ".spec.map", "priority": 1 },
        { "name": "Dotted", "type": "string", "jsonPath": ".metadata.annotations.example\\.org/a" },
        { "name": "Expires", "type": "date", "jsonPath": ".spec.expires" },
        { "name": "Wrong", "type": "integer", "jsonPath": ".spec.list[0].name" },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" }
    ]);
    let full = json!({ "metadata": { "annotations": { "example.org/a": "dotted" } },
        "spec": { "count": 7, "ratio": 0.25, "on": true, "list": [{ "x": 1 }, { "name": "two" }, { "name": "three" }],
            "map": { "b": [1, 2], "a": "x" }, "expires": "2026-01-01T00:00:00Z" },
        "status": { "conditions": [{ "type": "Synced", "status": "False" }, { "type": "Ready", "status": "True" }] } });
    let odd = json!({ "spec": { "count": "seven", "ratio": 3, "on": "yes", "list": [{ "name": "one" }], "map": "text",
        "expires": "soon" } });
    Custom { kind: "Widget", columns, objects: vec![("full", full), ("odd", odd), ("empty", json!({}))] }
}

/// Columns by every form of path: name and path.
const PATHS: &[(&str, &str)] = &[
    ("Slice", ".spec.texts[1:3]"),
    ("Tail", ".spec.texts[-1:]"),
    ("Last", ".spec.texts[-1]"),
    ("Middle", ".spec.texts[-3:-1]"),
    ("Whole", ".spec.texts[:]"),
    ("Every", ".spec.texts[1::2]"),
    ("None", ".spec.texts[0:0]"),
    ("Beyond", ".spec.texts[0:9]"),
    ("Wrong", ".spec.texts[2:1]"),
    ("Step", ".spec.texts[::0]"),
    ("Empty", ".spec.empty[0]"),
    ("EmptyAll", ".spec.empty[*]"),
    ("Bare", ".spec.texts[]"),
    ("Of", ".spec.of[*][*]"),
    ("OfLater", ".spec.later[*][*]"),
    ("Union", ".spec['on','count']"),
    ("UnionLate", ".spec['none', 'count']"),
    ("Items", ".spec.texts[2,0]"),
    ("Mixed", ".spec.texts[3,1:2]"),
    ("UnionWrong", ".spec['on',0]"),
    ("Descent", ".spec.deep..name"),
    ("DescentAll", ".spec.deep.."),
    ("DescentItem", ".spec.deep..[0]"),
    ("Star", ".spec.deep.*.name"),
    ("StarList", ".spec.list.*.m"),
    ("Dotted", ".metadata.annotations['example.org/a']"),
    ("Escaped", ".metadata.annotations['example\\.org/a']"),
    ("Equal", ".spec.list[?(@.m==\"two\")].n"),
    ("Single", ".spec.list[?(@.m == 'two')].n"),
    ("Other", ".spec.list[?(@.m!='one')].n"),
    ("Less", ".spec.list[?(@.n<2)].n"),
    ("LessEqual", ".spec.list[?(@.n<=2)].n"),
    ("Greater", ".spec.list[?(@.n>1)].m"),
    ("GreaterEqual", ".spec.list[?(@.n>=3)].m"),
    ("TextLess", ".spec.list[?(@.m<'tx')].n"),
    ("Fields", ".spec.list[?(@.n==@.same)].m"),
    ("Flag", ".spec.list[?(@.on==true)].n"),
    ("FlagMore", ".spec.list[?(@.on>true)].n"),
    ("Exists", ".spec.list[?(@.m)].n"),
    ("Kinds", ".spec.list[?(@.n>1.5)].n"),
    ("TextNumber", ".spec.list[?(@.m!=1)].n"),
    ("Word", ".spec.list[?(@.m==two)].n"),
    ("OneSign", ".spec.list[?(@.n=1)].n"),
    ("NotList", ".spec[?(@.n)]"),
    ("NotMap", ".spec.count.x"),
    ("NotArray", ".spec.count[0]"),
    ("Null", ".spec.null"),
    ("BeyondNull", ".spec.null.x"),
    ("Fraction", ".spec.fraction"),
    ("Small", ".spec.small"),
    ("Map", ".spec.deep"),
    ("Dot", "."),
];

/// What each of the paths finds, what it does not, and what it cannot follow.
fn gadgets() -> Custom {
    let column = |(name, path): &(&str, &str)| json!({ "name": name, "type": "string", "jsonPath": path });
    let full = json!({
        "metadata": { "annotations": { "example.org/a": "dotted" } },
        "spec": {
            "texts": ["a", "b", "c", "d"], "empty": [], "of": [[1], [], [2]], "later": [[], [1]], "on": true, "count": 7,
            "deep": { "in": { "name": "inner", "list": [{ "name": "item" }] } }, "null": null,
            "fraction": 1_234_567.5, "small": 0.00001,
            "list": [{ "n": 1 }, { "n": 2, "m": "two", "on": true }, { "n": 3, "m": "three", "same": 3 }],
        },
    });
    let short = json!({ "spec": { "texts": ["only"], "of": [], "list": [{ "m": 5 }], "deep": { "name": "<&>" } } });
    let odd = json!({ "spec": { "texts": "text", "of": [1], "later": {}, "list": { "n": 1 }, "deep": "text", "count": [4] } });
    Custom {
        kind: "Gadget",
        columns: PATHS.iter().map(column).collect(),
        objects: vec![("full", full), ("short", short), ("odd", odd), ("empty", json!({}))],
    }
}

/// A path that the server cannot read ends its columns.
fn sprockets() -> Custom {
    let columns = json!([
        { "name": "First", "type": "string", "jsonPath": ".spec.a" },
        { "name": "Unread", "type": "string", "jsonPath": ".spec.a[" },
        { "name": "Behind", "type": "string", "jsonPath": ".spec.b" },
    ]);
    Custom { kind: "Sprocket", columns, objects: vec![("one", json!({ "spec": { "a": "x", "b": "y" } }))] }
}

/// Whatever can be shown by a fresh definition only once its kind is served.
pub(super) async fn create_customs(client: &Client) -> Outcome {
    for custom in [widgets(), gadgets(), sprockets()] {
        post(client, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &custom.definition()).await?;
        let path = format!("/apis/example.org/v1/namespaces/default/{}", custom.plural());
        for (name, mut object) in custom.objects {
            object["apiVersion"] = json!("example.org/v1");
            object["kind"] = json!(custom.kind);
            object["metadata"]["name"] = json!(name);
            let mut attempts = 0;
            while let Err(error) = post(client, &path, &object).await {
                attempts += 1;
                if attempts > 100 {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    Ok(())
}
