//! Command lines, and what kubectl sends for them.

use super::*;

fn sent(line: &str) -> Result<Command, String> {
    let words = split(line).expect("quotes are closed");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let file = |name: &str| match name {
        "web.yaml" => {
            Ok("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, labels: {tier: front}}\n\
                          ---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
                .to_owned())
        }
        "widget.yaml" => Ok("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n".to_owned()),
        _ => Err(format!("{name}: there is no such file")),
    };
    requests(&words, &KubectlContext { namespace: "own", file: &file })
}

fn lines(line: &str) -> Vec<String> {
    let command = sent(line).unwrap_or_else(|why| panic!("{line}: {why}"));
    command.requests.iter().map(|sent| format!("{} {}", sent.method, sent.url)).collect()
}

/// Commands that read, and what is sent for them.
const READS: &[(&str, &[&str])] = &[
    ("get pods -n production", &["GET /api/v1/namespaces/production/pods?limit=500"]),
    ("get pods", &["GET /api/v1/namespaces/own/pods?limit=500"]),
    ("-n a get po", &["GET /api/v1/namespaces/a/pods?limit=500"]),
    ("get po -A", &["GET /api/v1/pods?limit=500"]),
    ("get pod api-0 -o yaml", &["GET /api/v1/namespaces/own/pods/api-0"]),
    (
        "get deploy/web svc/web",
        &["GET /apis/apps/v1/namespaces/own/deployments/web", "GET /api/v1/namespaces/own/services/web"],
    ),
    ("get no", &["GET /api/v1/nodes?limit=500"]),
    (
        "get po -l 'app=web,tier in (a,b)'",
        &["GET /api/v1/namespaces/own/pods?labelSelector=app%3Dweb%2Ctier%20in%20%28a%2Cb%29&limit=500"],
    ),
    ("get po -w", &["GET /api/v1/namespaces/own/pods?limit=500", "GET /api/v1/namespaces/own/pods?watch=true"]),
    (
        "get po a --watch-only",
        &[
            "GET /api/v1/namespaces/own/pods/a",
            "GET /api/v1/namespaces/own/pods?fieldSelector=metadata.name%3Da&watch=true",
        ],
    ),
    (
        "get po --field-selector=status.phase=Running --chunk-size 0",
        &["GET /api/v1/namespaces/own/pods?fieldSelector=status.phase%3DRunning&limit=0"],
    ),
    ("get --raw /readyz?verbose", &["GET /readyz?verbose"]),
    ("get deploy web --subresource scale", &["GET /apis/apps/v1/namespaces/own/deployments/web/scale"]),
    (
        "describe po a",
        &[
            "GET /api/v1/namespaces/own/pods/a",
            "GET /api/v1/namespaces/own/events?fieldSelector=involvedObject.name%3Da&limit=500",
        ],
    ),
    (
        "describe no a",
        &[
            "GET /api/v1/nodes/a",
            "GET /api/v1/pods?fieldSelector=spec.nodeName%3Da&limit=500",
            "GET /api/v1/events?fieldSelector=involvedObject.name%3Da&limit=500",
        ],
    ),
    (
        "logs -f a -c main",
        &["GET /api/v1/namespaces/own/pods/a", "GET /api/v1/namespaces/own/pods/a/log?container=main&follow=true"],
    ),
    (
        "logs -p deploy/web",
        &[
            "GET /apis/apps/v1/namespaces/own/deployments/web",
            "GET /api/v1/namespaces/own/pods",
            "GET /api/v1/namespaces/own/pods/POD/log?previous=true",
        ],
    ),
    ("events -n a --for pod/b", &["GET /api/v1/namespaces/a/events?fieldSelector=involvedObject.name%3Db&limit=500"]),
    ("top pods -A", &["GET /apis/metrics.k8s.io/v1beta1/pods"]),
    ("auth can-i get pods -n a", &["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"]),
    ("auth whoami", &["POST /apis/authentication.k8s.io/v1/selfsubjectreviews"]),
    ("api-resources", &["GET /api", "GET /apis"]),
    ("explain deploy.spec", &["GET /openapi/v3", "GET /openapi/v3/apis/apps/v1"]),
    ("version", &["GET /version"]),
    (
        "rollout status deploy/web",
        &[
            "GET /apis/apps/v1/namespaces/own/deployments/web",
            "GET /apis/apps/v1/namespaces/own/deployments?fieldSelector=metadata.name%3Dweb",
            "GET /apis/apps/v1/namespaces/own/deployments?fieldSelector=metadata.name%3Dweb&watch=true",
        ],
    ),
];

#[test]
fn what_reads_sends_this() {
    for (line, wanted) in READS {
        assert_eq!(lines(line), *wanted, "kubectl {line}");
    }
    assert_eq!(lines("get all").len(), 10);
}

#[test]
fn what_changes_sends_this() {
    let web = "/apis/apps/v1/namespaces/own/deployments/web";
    for (line, wanted) in [
        (
            "apply -f web.yaml",
            vec![
                "GET /apis/apps/v1/namespaces/shop/deployments/web".to_owned(),
                "PATCH /apis/apps/v1/namespaces/shop/deployments/web".to_owned(),
                "POST /apis/apps/v1/namespaces/shop/deployments".to_owned(),
                "GET /api/v1/namespaces/shop".to_owned(),
                "PATCH /api/v1/namespaces/shop".to_owned(),
                "POST /api/v1/namespaces".to_owned(),
            ],
        ),
        (
            "apply --server-side -f web.yaml -n b --dry-run=server",
            vec![
                "PATCH /apis/apps/v1/namespaces/b/deployments/web?dryRun=All".to_owned(),
                "PATCH /api/v1/namespaces/shop?dryRun=All".to_owned(),
            ],
        ),
        ("create deploy web --image=nginx", vec!["POST /apis/apps/v1/namespaces/own/deployments".to_owned()]),
        ("create ns a", vec!["POST /api/v1/namespaces".to_owned()]),
        ("create token default -n a", vec!["POST /api/v1/namespaces/a/serviceaccounts/default/token".to_owned()]),
        (
            "create -f web.yaml",
            vec!["POST /apis/apps/v1/namespaces/shop/deployments".to_owned(), "POST /api/v1/namespaces".to_owned()],
        ),
        ("delete deploy web --wait=false", vec![format!("DELETE {web}")]),
        (
            "delete deploy/web",
            vec![
                format!("DELETE {web}"),
                "GET /apis/apps/v1/namespaces/own/deployments?fieldSelector=metadata.name%3Dweb&watch=true".to_owned(),
            ],
        ),
        (
            "delete pods -l app=web",
            vec![
                "GET /api/v1/namespaces/own/pods?labelSelector=app%3Dweb".to_owned(),
                "DELETE /api/v1/namespaces/own/pods/NAME".to_owned(),
            ],
        ),
        ("edit deploy web", vec![format!("GET {web}"), format!("PATCH {web}")]),
        ("patch deploy/web -p '{}' --type merge", vec![format!("GET {web}"), format!("PATCH {web}")]),
        ("scale --replicas 3 deploy/web", vec![format!("GET {web}"), format!("PATCH {web}/scale")]),
        ("label deploy web a=b c-", vec![format!("GET {web}"), format!("PATCH {web}")]),
        ("annotate deploy web a=b --dry-run=client", vec![format!("GET {web}")]),
        ("set image deploy/web app=nginx:2", vec![format!("GET {web}"), format!("PATCH {web}")]),
        ("rollout restart deploy web", vec![format!("GET {web}"), format!("PATCH {web}")]),
        (
            "rollout undo deploy/web",
            vec![
                format!("GET {web}"),
                "GET /apis/apps/v1/namespaces/own/replicasets".to_owned(),
                format!("PATCH {web}"),
            ],
        ),
        ("run a --image=nginx", vec!["POST /api/v1/namespaces/own/pods".to_owned()]),
        ("cordon n1", vec!["GET /api/v1/nodes/n1".to_owned(), "PATCH /api/v1/nodes/n1".to_owned()]),
    ] {
        assert_eq!(lines(line), wanted, "kubectl {line}");
    }
    let applied = sent("apply -f web.yaml").unwrap();
    let tier = |sent: &Sent| sent.labels.as_ref().and_then(|labels| labels.get("tier").cloned());
    assert_eq!(tier(&applied.requests[0]), None, "a get sends no object");
    assert_eq!(tier(&applied.requests[1]).as_deref(), Some("front"));
}

#[test]
fn what_connects_asks_twice() {
    for (line, wanted) in [
        ("exec -it a -- sh -c ls", "/api/v1/namespaces/own/pods/a/exec?command=sh"),
        ("exec a -n b -c main -- id", "/api/v1/namespaces/b/pods/a/exec?command=id&container=main"),
        ("attach a", "/api/v1/namespaces/own/pods/a/attach"),
        ("port-forward svc/web 8080:80", "/api/v1/namespaces/own/pods/POD/portforward"),
        ("cp b/a:/tmp/x ./x", "/api/v1/namespaces/b/pods/a/exec?command=tar"),
        ("cp ./x a:/tmp/x", "/api/v1/namespaces/own/pods/a/exec?command=tar"),
    ] {
        let lines = lines(line);
        let asked = &lines[lines.len() - 2..];
        assert_eq!(asked, [format!("GET {wanted}"), format!("POST {wanted}")], "kubectl {line}");
    }
    assert!(sent("port-forward svc/web 80").unwrap().notes[0].contains("POD"));
}

#[test]
fn what_only_a_server_knows_is_said() {
    let custom = sent("get widgets.v1alpha1.example.com a -n b").unwrap();
    assert_eq!(custom.requests[0].url, "/apis/example.com/v1alpha1/namespaces/b/widgets/a");
    assert!(custom.notes[0].contains("only the server knows"), "{custom:#?}");
    for (line, said) in [
        ("get widgets", "no built-in kind"),
        ("apply -f widget.yaml", "Widget of example.com/v1"),
        ("apply -f -", "cannot be read here"),
        ("apply -f other.yaml", "no such file"),
        ("apply -k .", "-k"),
        ("frobnicate", "known are annotate"),
        ("get", "needs a kind"),
        ("", "without a verb"),
        ("get pods --frobnicate", "--frobnicate=VALUE"),
        ("get pods -z", "-z is not known"),
        ("get pods -n", "needs a value"),
        ("get pod/a b", "TYPE/NAME"),
        ("delete pods", "-l or --all"),
        ("exec a", "-- COMMAND"),
        ("create widget a", "known are clusterrole"),
    ] {
        let refused = sent(line).expect_err(line);
        assert!(refused.contains(said), "{line}: {refused}");
    }
    assert!(sent("get pods --as ada").unwrap().impersonates);
    assert!(sent("get pods --frobnicate=x").is_ok(), "what brings its value along changes nothing");
}

#[test]
fn a_line_is_split_as_by_a_shell() {
    assert_eq!(split(r#" a 'b c' "d \" e" f\ g '' "#).unwrap(), ["a", "b c", "d \" e", "f g", ""]);
    assert!(split("a 'b").is_err());
    assert!(split("").unwrap().is_empty());
}

/// Words to make command lines of, beside the verbs.
const WORDS: &[&str] = &[
    "pods",
    "po",
    "all",
    "widgets.example.com",
    "deploy/web",
    "a",
    "../x",
    "a b",
    "ä?&#%",
    "",
    "-n",
    "-A",
    "-l",
    "a=b",
    "-f",
    "web.yaml",
    "widget.yaml",
    "--",
    "-w",
    "--all",
    "-it",
    "--as",
    "status",
    "undo",
    "can-i",
    "token",
    "-",
    "a:/x",
];

proptest::proptest! {
    /// Whatever is typed is answered, and every URL is one that can be sent.
    #[test]
    fn any_words_are_answered(verb in 0..VERBS.len(), words in proptest::collection::vec(0..WORDS.len(), 0..6)) {
        let mut line = vec![VERBS[verb].0];
        line.extend(words.into_iter().map(|word| WORDS[word]));
        let file = |_: &str| Ok("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod}]\n".to_owned());
        if let Ok(command) = requests(&line, &KubectlContext { namespace: "own", file: &file }) {
            for sent in command.requests {
                let is_url = sent.url.starts_with('/') && sent.url.bytes().all(|byte| byte.is_ascii_graphic());
                assert!(is_url || line.contains(&"--raw"), "{line:?}: {}", sent.url);
            }
        }
    }
}
