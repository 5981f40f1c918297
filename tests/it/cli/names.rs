//! What is asked for: names that are none, objects that are nowhere, and servers that get no credentials.

use super::BOTH;
use crate::fleet::{Home, qd};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};

/// K3: what no cluster has is an error beside what some have; a cluster that could not be asked knows nothing.
#[test]
fn an_object_that_is_nowhere_is_named_beside_what_is_found() {
    let said = |name: &str| format!("east, west: Error from server (NotFound): configmaps \"{name}\" not found\n");
    for arguments in [
        &["get", "cm", "settings", "nowhere", "-n", "tests"][..],
        &["get", "cm/settings", "cm/nowhere", "-n", "tests"],
        &["get", "cm/only-east", "cm/nowhere", "-n", "tests", "-o", "name"],
        &["get", "cm/settings", "cm/nowhere", "-n", "tests", "--stream"],
        &["describe", "cm", "settings", "nowhere", "-n", "tests"],
    ] {
        let printed = qd(BOTH, arguments);
        assert_eq!((printed.code, printed.stderr), (Some(1), said("nowhere")), "{arguments:?}");
        assert!(!printed.stdout.is_empty(), "{arguments:?}: what is found is printed");
    }
    let ignored = qd(BOTH, &["get", "cm/settings", "cm/nowhere", "-n", "tests", "--ignore-not-found"]);
    assert_eq!((ignored.code, ignored.stderr.as_str()), (Some(0), ""));

    let printed = qd(BOTH, &["get", "cm/nowhere", "cm/only-east", "-n", "tests", "-o", "json"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(1), said("nowhere").as_str()));
    let value: Value = serde_json::from_str(&printed.stdout).expect("JSON");
    let summary = json!({"total": 2, "successful": 2, "failed": 0, "errors": {}, "notFound": ["cm/nowhere"]});
    assert_eq!(value["summary"], summary);

    let printed = qd("east,gone", &["get", "cm/nowhere", "-n", "tests", "-o", "json", "--fail-on", "none"]);
    assert_eq!(printed.code, Some(1), "{printed:#?}");
    assert!(
        printed
            .stderr
            .contains("east: Error from server (NotFound): configmaps \"nowhere\" not found (not known in gone)\n"),
        "{}",
        printed.stderr
    );
    let value: Value = serde_json::from_str(&printed.stdout).expect("JSON");
    assert_eq!(value["summary"]["notKnown"], json!(["cm/nowhere"]));
    assert_eq!(value["summary"]["notFound"], Value::Null);
}

/// K2: an empty namespace is the context's own, never all.
#[test]
fn an_empty_namespace_is_the_contexts_own() {
    for arguments in [&["get", "pods"][..], &["events"], &["get", "cm", "-o", "name"]] {
        let own = qd(BOTH, arguments);
        let empty = qd(BOTH, &[arguments, &["-n", ""]].concat());
        assert_eq!((empty.stdout, empty.stderr, empty.code), (own.stdout, own.stderr, own.code), "{arguments:?}");
    }
    let all = qd(BOTH, &["get", "pods", "-A"]).clean();
    assert_ne!(qd(BOTH, &["get", "pods", "-n", "", "-l", ""]).stdout, all);
}

/// K1: a server on plain http gets no credential, and its row says so.
#[test]
fn a_cluster_on_plain_http_says_that_credentials_are_not_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let heads = std::sync::Arc::new(parking_lot::Mutex::new(String::new()));
    let seen = std::sync::Arc::clone(&heads);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
            seen.lock().push_str(&head);
            let body = if head.starts_with("GET /version") { r#"{"gitVersion":"v1.35.0"}"# } else { "ok" };
            let answer =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            drop(std::io::Write::write_all(&mut stream, answer.as_bytes()));
        }
    });
    let home = Home::empty();
    for server in [format!("http://{address}"), address.to_string()] {
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- {{name: c, cluster: {{server: \"{server}\"}}}}\n\
             users:\n- {{name: u, user: {{token: SECRETTOKEN}}}}\ncontexts:\n- {{name: x, context: {{cluster: c, user: u}}}}\n"
        );
        home.write(".kube/config", text);
        let printed = home.run(&["clusters"]).clean();
        assert!(printed.contains("live") && printed.contains("credentials are not sent over http"), "{printed}");
    }
    let heads = heads.lock().to_lowercase();
    assert!(heads.contains("get /readyz") && !heads.contains("authorization"), "{heads}");
}
