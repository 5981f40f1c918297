//! A day's work with kubectl, twice: through the proxy to one cluster, and directly to its twin. What is printed and what
//! the API servers wrote into their audit logs must be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use crate::Test;
use crate::rig::{ControlPlane, Outcome, shared, until};

use super::kubectl::{Kubectl, SOON};
use super::required;
use super::serving::Serving;

pub(crate) const TESTS: &[Test] = &[("proxy_a_days_work_is_as_without_it", a_days_work)];

/// The requirement's own name.
const NAMESPACE: &str = "production";

/// What of a command is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Compared {
    All,
    /// The last line: those before it depend on when one looked.
    End,
    /// The lines in any order.
    Lines,
}
use Compared::{All, End, Lines};

/// One command after the other; `@NAME` is a file of [`FILES`].
const STEPS: &[(&str, Compared)] = &[
    ("create configmap settings --from-literal=a=b", All),
    ("get configmap settings -o yaml", All),
    ("create configmap settings", All),
    ("apply -f @deployment.yaml", All),
    ("apply --server-side -f @service.yaml", All),
    ("rollout status deployment/web --timeout=80s", End),
    ("wait --for=condition=Available deployment/web --timeout=80s", All),
    ("get deployments,replicasets,services", All),
    ("get pods --sort-by={.metadata.name}", All),
    ("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}", All),
    ("diff -f @changed.yaml", All),
    ("apply -f @changed.yaml", All),
    ("rollout status deployment/web --timeout=80s", End),
    ("rollout history deployment/web", All),
    ("apply --server-side --dry-run=server -f @service.yaml -o name", All),
    ("apply --server-side --field-manager=another -f @conflict.yaml", All),
    ("edit configmap settings", All),
    ("get configmap settings -o jsonpath={.data}", All),
    ("label configmap settings tier=gold", All),
    ("annotate configmap settings note=kept", All),
    ("patch configmap settings --type=merge -p {\"data\":{\"x\":\"y\"}}", All),
    ("get configmaps -l tier=gold -o name", All),
    ("scale deployment web --replicas=1", All),
    ("rollout status deployment/web --timeout=80s", End),
    ("auth can-i create pods", All),
    ("auth can-i create pods --subresource=exec -q", All),
    ("auth whoami", All),
    ("explain deployment.spec.replicas", All),
    ("explain nothing", All),
    ("api-resources --namespaced=true -o name", Lines),
    ("api-versions", All),
    ("version", All),
    ("get --raw /api/v1/namespaces/production", All),
    ("create -f @invalid.yaml", All),
    ("get pods nowhere", All),
    ("delete configmap settings --wait", All),
    ("get configmap settings", All),
    ("delete deployment web --wait --cascade=foreground --timeout=80s", All),
    ("delete service web", All),
    ("wait --for=delete pods -l app=web --timeout=80s", End),
    ("get all", All),
];

const FILES: &[(&str, &str)] = &[
    ("deployment.yaml", DEPLOYMENT),
    ("service.yaml", SERVICE),
    (
        "conflict.yaml",
        "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{name: http, port: 80, targetPort: 99}]}}",
    ),
    ("invalid.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: Not_A_Name}}"),
];

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - name: web
        image: registry.example/web:1
";

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: { app: web }
  ports:
  - { name: http, port: 80, targetPort: 8080 }
";

fn a_days_work() -> Outcome {
    let planes @ [east, west] = shared()?;
    let proxy = Serving::start(&required(east, west)?, &[])?;
    write_files(proxy.folder())?;
    for plane in planes {
        plane.kubectl(&["create", "namespace", NAMESPACE])?;
        plane.wait_for_service_account(NAMESPACE)?;
    }
    let editor = proxy.folder().join("editor").to_string_lossy().into_owned();
    let prepared = |kubectl: Kubectl<'static>| {
        kubectl.with("KUBE_EDITOR", editor.clone()).with("KUBECTL_EXTERNAL_DIFF", "diff -U0")
    };
    let ours = prepared(Kubectl::through(&proxy, east, NAMESPACE));
    let theirs = prepared(Kubectl::direct(west, NAMESPACE));
    for &(step, compared) in STEPS {
        let folder = format!("{}/", proxy.folder().display());
        let words: Vec<String> = step.split(' ').map(|word| word.replace('@', &folder)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (our, their) = (ours.run(&words)?, theirs.run(&words)?);
        assert_eq!(our.code, their.code, "kubectl {step}: {our:#?} {their:#?}");
        assert_eq!(normal(&our.stdout, compared), normal(&their.stdout, compared), "stdout of kubectl {step}");
        assert_eq!(normal(&our.stderr, compared), normal(&their.stderr, compared), "stderr of kubectl {step}");
    }
    same_requests(east, west)?;
    joined(&proxy, east, west)
}

fn write_files(folder: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    fs::write(folder.join("changed.yaml"), DEPLOYMENT.replace("web:1", "web:2").replace("replicas: 2", "replicas: 3"))?;
    let editor = folder.join("editor");
    fs::write(&editor, "#!/bin/sh\nsed -i 's/a: b/a: edited/' \"$1\"\n")?;
    Ok(fs::set_permissions(editor, fs::Permissions::from_mode(0o755))?)
}

/// What differs from one cluster to its twin and from one second to the next, replaced by its name.
fn normal(text: &str, compared: Compared) -> Vec<String> {
    const MASKS: &[(&str, &str)] = &[
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4}|Z)?", "TIME"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
        (r#"resourceVersion"?: ?"\d+""#, "VERSION"),
        (r"\b10\.\d+\.\d+\.\d+\b", "IP"),
        (r"web-([0-9a-f]+)-[a-z0-9]{5}\b", "web-$1-POD"),
        (r"(LIVE|MERGED)-\d+", "$1"),
        (r"/\S*/(\w+\.yaml)", "$1"),
        (r"kubectl-edit-\S+", "EDITED"),
        (r"\b(\d+[smh])+\b", "AGE"),
        (r" {2,}", "  "),
        (r"server doesn't have a resource type", "no resource type"),
    ];
    let masked = MASKS.iter().fold(text.to_owned(), |text, (pattern, name)| {
        Regex::new(pattern).map_or(text.clone(), |mask| mask.replace_all(&text, *name).into_owned())
    });
    let mut lines: Vec<String> = masked.lines().map(|line| line.trim_end().to_owned()).collect();
    match compared {
        All => {}
        End => drop(lines.drain(..lines.len().saturating_sub(1))),
        Lines => lines.sort(),
    }
    lines
}

/// What kubectl asked in the namespace, each request once, when it was answered.
fn asked(plane: &ControlPlane) -> Outcome<Vec<Value>> {
    let mut events = plane.audit()?;
    events.retain(|event| {
        event["objectRef"]["namespace"] == NAMESPACE
            && event["stage"] == "ResponseComplete"
            && event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("kubectl"))
    });
    Ok(events)
}

/// Verb, resource, subresource, name and code of a request.
fn gist(event: &Value) -> String {
    let object = &event["objectRef"];
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let code = &event["responseStatus"]["code"];
    // The server finds the name of a new object in its body, where the proxy does not look.
    let created = event["verb"] == "create" && object["subresource"].is_null();
    let name = if created { String::new() } else { normal(&part(&object["name"]), All).concat() };
    format!("{} {}/{} {name} {code}", part(&event["verb"]), part(&object["resource"]), part(&object["subresource"]))
}

fn is_reading(gist: &str) -> bool {
    ["get ", "list ", "watch "].iter().any(|verb| gist.starts_with(verb))
}

/// The same changes in the same order, and the same reads at least once: how often kubectl looks, and whether there is
/// still something to watch, depends on the moment.
fn same_requests(east: &ControlPlane, west: &ControlPlane) -> Outcome {
    until("the same requests in both audit logs", SOON, || {
        let gists = |plane| Ok::<_, crate::rig::Error>(asked(plane)?.iter().map(gist).collect::<Vec<_>>());
        let (ours, theirs) = (gists(east)?, gists(west)?);
        let changes = |all: &[String]| all.iter().filter(|g| !is_reading(g)).cloned().collect::<Vec<_>>();
        let reads = |all: &[String]| -> BTreeSet<String> {
            all.iter().filter(|gist| is_reading(gist) && !gist.starts_with("watch ")).cloned().collect()
        };
        if changes(&ours) != changes(&theirs) {
            return Err(format!("changes differ: {:#?} {:#?}", changes(&ours), changes(&theirs)).into());
        }
        let apart: Vec<_> = reads(&ours).symmetric_difference(&reads(&theirs)).cloned().collect();
        if apart.is_empty() { Ok(()) } else { Err(format!("reads differ: {apart:#?}").into()) }
    })
}

/// Every request of the namespace stands in the proxy's audit log and in east's, under one `Audit-ID`, and says the same
/// in both; in west's it stands nowhere.
fn joined(proxy: &Serving, east: &ControlPlane, west: &ControlPlane) -> Outcome {
    until("the audit logs to agree", SOON, || {
        let by_id = |events: Vec<Value>| -> BTreeMap<String, String> {
            let id = |event: &Value| event["auditID"].as_str().unwrap_or_default().to_owned();
            events.iter().map(|event| (id(event), gist(event))).collect()
        };
        let mut carried = proxy.audit()?;
        carried.retain(|event| event["objectRef"]["namespace"] == NAMESPACE && event["stage"] == "ResponseComplete");
        let told = carried.iter().all(|event| {
            let notes = event["annotations"].as_object();
            notes.is_some_and(|notes| notes.values().any(|value| value == "prod-cluster"))
        });
        let (carried, served, elsewhere) = (by_id(carried), by_id(asked(east)?), by_id(asked(west)?));
        if carried != served {
            let apart: Vec<_> = carried
                .iter()
                .filter(|(id, gist)| served.get(*id) != Some(gist))
                .chain(served.iter().filter(|(id, gist)| carried.get(*id) != Some(gist)))
                .collect();
            return Err(format!("they say different things: {apart:#?}").into());
        }
        assert!(told, "an audit event without its cluster");
        assert!(carried.len() > 50, "a day's work is more than {}", carried.len());
        assert!(!carried.keys().any(|id| elsewhere.contains_key(id)), "a request went to both clusters");
        Ok(())
    })
}
