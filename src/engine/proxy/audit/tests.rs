use super::*;
use crate::engine::proxy::caller::Means;
use serde_json::Value;
use std::path::Path;

const NOW: i64 = 1_795_262_400_000_042;

fn jo() -> Caller {
    Caller {
        user: Arc::from("jo"),
        groups: Arc::from([Arc::from("dev"), Arc::from("system:authenticated")]),
        uid: Some(Arc::from("u-1")),
        extra: Arc::new([("scopes".to_owned(), vec!["a".to_owned()])].into()),
        means: Means::Token,
    }
}

fn scale() -> RequestInfo<'static> {
    RequestInfo {
        is_resource: true,
        path: "/apis/apps/v1/namespaces/web/deployments/site/scale".into(),
        verb: "update".into(),
        api_prefix: "apis".into(),
        api_group: "apps".into(),
        api_version: "v1".into(),
        namespace: "web".into(),
        resource: "deployments".into(),
        subresource: "scale".into(),
        name: "site".into(),
        ..RequestInfo::default()
    }
}

fn open(path: &Path, policy: Policy) -> Arc<Audit> {
    let settings = AuditSettings { path: Some(path.to_owned()), ..AuditSettings::default() };
    Arc::new(Audit::open(&settings, policy, 7, || NOW).unwrap().unwrap())
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn received<'a>(id: &'a AuditId, info: &'a RequestInfo<'a>, caller: &'a Caller) -> Received<'a> {
    Received {
        id,
        info,
        uri: "/apis/apps/v1/namespaces/web/deployments/site/scale?token=s3cret&dryRun=All",
        caller: Some(caller),
        source: Some("127.0.0.1".parse().unwrap()),
        user_agent: "kubectl/v1.35.0 (linux/amd64)",
    }
}

#[tokio::test]
async fn a_line_is_what_an_api_server_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let audit = open(&path, Policy::default());
    let (id, info, caller) = (audit.id(Some(b"given-1")), scale(), jo());
    let record = audit.begin(&received(&id, &info, &caller)).unwrap();
    record.finish(&Finished {
        code: 200,
        cluster: "prod",
        rule: "web",
        attempts: 2,
        retried: Some("refused_stream"),
        epoch: Some(1),
        ..Finished::default()
    });
    audit.flush().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = concat!(
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"given-1","#,
        r#""stage":"ResponseComplete","#,
        r#""requestURI":"/apis/apps/v1/namespaces/web/deployments/site/scale?token=[redacted]&dryRun=All","#,
        r#""verb":"update","user":{"username":"jo","uid":"u-1","groups":["dev","system:authenticated"],"#,
        r#""extra":{"scopes":["a"]}},"sourceIPs":["127.0.0.1"],"userAgent":"kubectl/v1.35.0 (linux/amd64)","#,
        r#""objectRef":{"resource":"deployments","namespace":"web","name":"site","apiGroup":"apps","#,
        r#""apiVersion":"v1","subresource":"scale"},"responseStatus":{"metadata":{},"code":200},"#,
        r#""requestReceivedTimestamp":"2026-11-21T12:00:00.000042Z","stageTimestamp":"2026-11-21T12:00:00.000042Z","#,
        r#""annotations":{"quarterdeck.dev/attempts":"2","quarterdeck.dev/cluster":"prod","quarterdeck.dev/epoch":"1","#,
        r#""quarterdeck.dev/retry-reason":"refused_stream","quarterdeck.dev/rule":"web"}}"#,
        "\n"
    );
    assert_eq!(text, expected);
    assert_eq!(audit.counts(), Counts { written: 1, ..Counts::default() });
}

#[tokio::test]
async fn a_stream_has_two_lines_and_a_panic_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let audit = open(&path, Policy::default());
    let (info, caller) = (scale(), jo());
    let id = audit.id(None);
    let record = audit.begin(&received(&id, &info, &caller)).unwrap();
    record.started(&Finished { code: 101, ..Finished::default() });
    record.finish(&Finished { code: 101, bytes: Some((10, 20)), ..Finished::default() });
    drop(audit.begin(&Received { caller: None, ..received(&id, &RequestInfo::default(), &caller) }));
    audit.flush().await;
    let lines = lines(&path);
    let stages: Vec<&str> = lines.iter().filter_map(|line| line["stage"].as_str()).collect();
    assert_eq!(stages, ["ResponseStarted", "ResponseComplete", "Panic"]);
    assert_eq!(lines[0]["auditID"], lines[1]["auditID"]);
    assert_eq!(lines[1]["annotations"]["quarterdeck.dev/bytes-sent"], "20");
    assert_eq!(lines[2]["user"], serde_json::json!({}));
    assert_eq!(lines[2]["responseStatus"]["code"], 500);
    assert!(lines[2].get("objectRef").is_none());
}

#[tokio::test]
async fn who_goes_on_as_somebody_else_is_logged_as_both_once_that_is_decided() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let audit =
        open(&path, Policy::read("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]").unwrap().0);
    let (id, info, caller) = (audit.id(None), scale(), jo());
    let mut record = audit.begin(&received(&id, &info, &caller)).unwrap();
    record.impersonated(&Impersonated {
        user: "amy".to_owned(),
        uid: "7".to_owned(),
        groups: vec!["ops".to_owned()],
        extra: [("scopes".to_owned(), vec!["b".to_owned()])].into(),
    });
    record.finish(&Finished { code: 200, ..Finished::default() });
    audit.flush().await;
    let lines = lines(&path);
    assert_eq!((&lines[0]["stage"], lines[0].get("impersonatedUser")), (&"RequestReceived".into(), None));
    assert_eq!((&lines[1]["stage"], &lines[1]["user"]["username"]), (&"ResponseComplete".into(), &"jo".into()));
    let expected = serde_json::json!({"username": "amy", "uid": "7", "groups": ["ops"], "extra": {"scopes": ["b"]}});
    assert_eq!(lines[1]["impersonatedUser"], expected);
    assert_eq!(lines[1]["sourceIPs"][0], "127.0.0.1");
}

#[tokio::test]
async fn an_own_refusal_says_why_and_a_policy_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let audit = open(&path, Policy::default());
    let (info, caller, id) = (scale(), jo(), audit.id(None));
    let record = audit.begin(&received(&id, &info, &caller)).unwrap();
    let message = "no rule and no home for \"web\"";
    record.finish(&Finished { code: 403, reason: "Forbidden", message, ..Finished::default() });
    let quiet = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]";
    audit.set_policy(Policy::read(quiet).unwrap().0);
    assert!(audit.begin(&received(&id, &info, &caller)).is_none());
    audit.flush().await;
    let expected = serde_json::json!({
        "metadata": {}, "status": "Failure", "message": message, "reason": "Forbidden", "code": 403
    });
    assert_eq!(lines(&path)[0]["responseStatus"], expected);
}

#[test]
fn what_waits_is_written_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let audit = open(&path, Policy::default());
    let (info, caller) = (scale(), jo());
    for _ in 0..1_000 {
        let id = audit.id(None);
        audit.begin(&received(&id, &info, &caller)).unwrap().finish(&Finished { code: 200, ..Finished::default() });
    }
    drop(audit);
    let ids: std::collections::BTreeSet<String> = lines(&path).iter().map(|line| line["auditID"].to_string()).collect();
    assert_eq!(ids.len(), 1_000);
}

#[test]
fn ids_are_uuids_or_the_callers_own() {
    let ids = Ids::new(1);
    let made = ids.choose(None);
    let shape: Vec<usize> = made.as_str().split('-').map(str::len).collect();
    assert_eq!(shape, [8, 4, 4, 4, 12]);
    assert_eq!(made.as_str().as_bytes()[14], b'4');
    assert!(b"89ab".contains(&made.as_str().as_bytes()[19]));
    assert_eq!(ids.choose(Some(b"abc-1.2_3")).as_str(), "abc-1.2_3");
    for strange in [&b""[..], b"a b", b"a\"b", &[b'a'; 65]] {
        assert_ne!(ids.choose(Some(strange)).as_str().as_bytes(), strange);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_is_full_costs_events_and_says_how_many() {
    let audit = open(Path::new("/dev/full"), Policy::default());
    let (info, caller, id) = (scale(), jo(), audit.id(None));
    for _ in 0..3 {
        audit.begin(&received(&id, &info, &caller)).unwrap().finish(&Finished::default());
    }
    audit.flush().await;
    assert_eq!(audit.counts(), Counts { failed: 3, ..Counts::default() });
}

#[tokio::test]
async fn what_finds_no_room_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(&folder.path().join("audit.log"), Policy::default());
    audit.room().await;
    audit.queue.push(&vec![b'\n'; queue::BYTES_MAX + 1]);
    assert_eq!(audit.counts(), Counts { dropped: 1, ..Counts::default() });
}
