//! Objects no sane program writes, for tests: a console must show them and stay whole.

use serde_json::{Value, json};

use super::super::json::set;
use super::Builder;

/// Builds them in the namespace `default`.
pub(super) fn build(builder: &mut Builder<'_>) {
    let long = "n".repeat(300);
    let names = [
        "\u{1b}[2J\u{1b}[31mred",
        "bell\u{7}\r\nsecond line\ttab",
        "\u{202e}txt.exe\u{2066}",
        "🦀🚢👩‍👩‍👧‍👦e\u{301}\u{301}\u{301}",
        long.as_str(),
    ];
    for name in names {
        let mut metadata = builder.metadata("default", name, 60);
        set(&mut metadata, "", "labels", json!({"text": name}));
        builder.put("", "configmaps", json!({"metadata": metadata, "data": {name: name}}));
        let metadata = builder.metadata("default", name, 60);
        builder.put("", "pods", pod(&metadata, name));
    }
    let mut metadata = builder.metadata("default", "one-mebibyte", 60);
    set(&mut metadata, "", "annotations", json!({"example.com/huge": "x".repeat(1 << 20)}));
    builder.put("", "configmaps", json!({"metadata": metadata, "data": {}}));
    let metadata = builder.metadata("default", "not.a.sane.event", 60);
    builder.put("", "events", json!({
        "metadata": metadata, "type": "Warning\u{1b}]0;title\u{7}", "reason": "\u{202e}nosaer", "message": "line\n\u{1b}[1mline\u{0}",
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "\u{1b}c"}, "count": -1,
        "firstTimestamp": "not a time", "lastTimestamp": null,
    }));
    // Wrong types everywhere: the API server would not store it, an aggregated one may send it.
    let metadata = builder.metadata("default", "wrong-types", 60);
    builder.put(
        "",
        "pods",
        json!({
            "metadata": metadata, "spec": {"containers": "none", "nodeName": 7},
            "status": {"phase": ["Running"], "containerStatuses": {"restartCount": "many"}},
        }),
    );
}

fn pod(metadata: &Value, text: &str) -> Value {
    json!({
        "metadata": metadata,
        "spec": {"nodeName": text, "containers": [{"name": text, "image": text}]},
        "status": {"phase": "Running", "podIP": text, "containerStatuses": [{
            "name": text, "ready": false, "restartCount": 2_147_483_647,
            "state": {"waiting": {"reason": text, "message": text}},
        }]},
    })
}
