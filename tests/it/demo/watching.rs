//! Watches: events, selections, bookmarks, streamed lists, 410.

use super::*;

const JSON: &str = "application/json";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_watch_tells_what_enters_changes_and_leaves() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let revision = text(&get(&client, MAPS).await, "/metadata/resourceVersion");
    let all = format!("{MAPS}?watch=true&resourceVersion={revision}");
    let mut all = lines(&client, &all, JSON).await;
    let selected = format!("{MAPS}?watch=true&resourceVersion={revision}&labelSelector=tier%3Dfront");
    let mut selected = lines(&client, &selected, JSON).await;
    fleet.put("one", "", "configmaps", config_map("a", &json!({"tier": "back"})));
    fleet.put("one", "", "configmaps", config_map("a", &json!({"tier": "front"})));
    fleet.put("one", "", "configmaps", config_map("a", &json!({"tier": "back"})));
    assert!(fleet.delete("one", ("", "configmaps"), "default", "a"));
    for expected in ["ADDED", "MODIFIED", "MODIFIED", "DELETED"] {
        let (kind, object) = event(&mut all).await;
        assert_eq!((kind.as_str(), text(&object, "/metadata/name").as_str()), (expected, "a"));
        assert_eq!(object["kind"], "ConfigMap");
    }
    for expected in ["ADDED", "DELETED"] {
        assert_eq!(event(&mut selected).await.0, expected);
    }
}

#[tokio::test]
async fn a_watch_without_a_version_starts_with_what_there_is() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let expected = names(&get(&client, "/api/v1/nodes").await);
    let mut stream = lines(&client, "/api/v1/nodes?watch=true&resourceVersion=0", JSON).await;
    for name in expected {
        let (kind, node) = event(&mut stream).await;
        assert_eq!((kind.as_str(), format!("/{}", text(&node, "/metadata/name"))), ("ADDED", name));
    }
}

#[tokio::test]
async fn history_that_is_gone_is_410() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let revision = text(&get(&client, MAPS).await, "/metadata/resourceVersion");
    fleet.put("one", "", "configmaps", config_map("a", &json!({})));
    fleet.compact("one");
    let mut stream = lines(&client, &format!("{MAPS}?watch=true&resourceVersion={revision}"), JSON).await;
    let (kind, status) = event(&mut stream).await;
    assert_eq!(kind, "ERROR");
    assert_eq!((&status["code"], &status["reason"]), (&json!(410), &json!("Expired")));
    assert!(text(&status, "/message").starts_with("too old resource version:"));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn streamed_lists_depend_on_the_version() {
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    for minor in [34, 35] {
        let fleet = single(minor, 12).await;
        let client = client(&fleet, "one").await;
        let mut stream = lines(&client, &format!("/api/v1/pods?{query}"), JSON).await;
        for _ in 0..12 {
            assert_eq!(event(&mut stream).await.0, "ADDED");
        }
        let (kind, bookmark) = event(&mut stream).await;
        assert_eq!(kind, "BOOKMARK");
        assert_eq!(bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    }
    for minor in [31, 33] {
        let fleet = single(minor, 12).await;
        let client = client(&fleet, "one").await;
        let (code, reason, message) = refused(&client, &format!("/api/v1/pods?{query}")).await;
        assert_eq!((code, reason.as_str()), (422, "Invalid"));
        assert!(message.contains("sendInitialEvents is forbidden"), "{message}");
    }
}

#[tokio::test]
async fn a_watch_ends_at_its_timeout_with_a_bookmark() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let revision = text(&get(&client, MAPS).await, "/metadata/resourceVersion");
    // A change elsewhere moves the bookmark on.
    fleet.put("one", "", "secrets", json!({"metadata": {"name": "s", "namespace": "default"}}));
    let path = format!("{MAPS}?watch=true&resourceVersion={revision}&timeoutSeconds=3&allowWatchBookmarks=true");
    let mut stream = lines(&client, &path, JSON).await;
    let (kind, bookmark) = event(&mut stream).await;
    assert_eq!(kind, "BOOKMARK");
    let number = |text: String| text.parse::<u64>().expect("a number");
    assert_eq!(number(text(&bookmark, "/metadata/resourceVersion")), number(revision) + 1);
    assert!(timeout(PATIENCE, stream.next()).await.expect("an end in time").is_none());
}

#[tokio::test]
async fn tables_are_watched_too() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let revision = text(&get(&client, MAPS).await, "/metadata/resourceVersion");
    let path = format!("{MAPS}?watch=true&resourceVersion={revision}");
    let mut stream = lines(&client, &path, TABLE).await;
    for name in ["a", "b"] {
        fleet.put("one", "", "configmaps", config_map(name, &json!({})));
    }
    let (_, first) = event(&mut stream).await;
    assert_eq!(first["kind"], "Table");
    assert_eq!(first["rows"][0]["cells"][0], "a");
    assert!(first["columnDefinitions"].is_array());
    let (_, second) = event(&mut stream).await;
    assert!(second["columnDefinitions"].is_null(), "only the first Table says its columns");
}

#[tokio::test]
async fn a_definition_put_later_is_served() {
    let fleet = single(35, 5).await;
    let client = client(&fleet, "one").await;
    let path = "/apis/example.org/v1/ships";
    assert_eq!(refused(&client, path).await.0, 404);
    let definition = json!({
        "metadata": {"name": "ships.example.org"},
        "spec": {"group": "example.org", "scope": "Cluster", "names": {"plural": "ships", "singular": "ship", "kind": "Ship"},
            "versions": [{"name": "v1", "served": true, "storage": true}]},
    });
    assert!(fleet.put("one", "apiextensions.k8s.io", "customresourcedefinitions", definition));
    assert!(fleet.put("one", "example.org", "ships", json!({"metadata": {"name": "argo"}})));
    assert_eq!(names(&get(&client, path).await), ["/argo"]);
    assert_eq!(get(&client, "/apis/example.org/v1").await["resources"][0]["name"], "ships");
}
