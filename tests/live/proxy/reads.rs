//! Reading one cluster with and without the proxy: the same bytes.

use std::time::Instant;

use crate::Test;
use crate::rig::{ControlPlane, Outcome, shared, until};

use super::kubectl::{Kubectl, SOON};
use super::serving::{Serving, cluster};
use super::wire::{Target, Version};
use super::{by_namespace, wait};

pub(crate) const TESTS: &[Test] = &[
    ("proxy_reads_are_kubectls_own", reads),
    ("proxy_watches_follow", watches),
    ("proxy_passes_protobuf", protobuf),
    ("proxy_serves_kubectl_proxy", serves_kubectl_proxy),
    ("proxy_serves_nodes_and_drains_one", drains_a_node),
];

/// Each is asked through the proxy and directly; nothing else changes the namespace meanwhile.
const READS: &[&str] = &[
    "get pods",
    "get pods -o wide",
    "get pods -o json",
    "get pods -o yaml",
    "get pods --chunk-size=7 -o name",
    "get pods --chunk-size=7 --show-labels",
    "get pods -l app=app-3",
    "get pods --field-selector=metadata.name=pod-4",
    "get pod pod-4 -o jsonpath={.metadata.uid}",
    "get --raw /api/v1/namespaces/@/pods?limit=3",
    "get --raw /api/v1/namespaces/@/pods/pod-4",
    "get pod absent",
    "get gizmos",
    "get serviceaccounts",
    "get configmaps -o name",
    "logs pod-4",
    "auth can-i get pods",
    "auth can-i --list",
    "explain pod.spec.containers",
    "api-resources",
    "api-versions",
    "get nodes -o name",
    "get namespace @ -o name",
    "get clusterroles -o name",
    "get --raw /version",
    "get --raw /openapi/v3",
    "get --raw /nothing/here",
];

fn reads() -> Outcome {
    let [plane, west] = shared()?;
    let namespace = plane.new_namespace("reads")?;
    plane.create_pods(&namespace, 20, 3_000)?;
    plane.wait_for_running(&namespace, 20)?;
    let rules = by_namespace(&[(&namespace, "here")]);
    let clusters = cluster("here", plane, "admin-token")? + &cluster("there", west, "admin-token")?;
    let proxy = Serving::start(&format!("home: here\nclusters:\n{clusters}{rules}"), &[])?;
    let (ours, theirs) = (Kubectl::through(&proxy, plane, &namespace), Kubectl::direct(plane, &namespace));
    for read in READS {
        let read = read.replace('@', &namespace);
        let words: Vec<&str> = read.split(' ').collect();
        let until = Instant::now() + SOON;
        loop {
            let (our, their) = (ours.run(&words)?, theirs.run(&words)?);
            let same = our.code == their.code && settled(&our.stdout) == settled(&their.stdout);
            if same && our.stderr == their.stderr {
                break;
            }
            // Ages turn, and other tests change what all namespaces share.
            assert!(Instant::now() < until, "kubectl {read}: {our:#?} {their:#?}");
        }
    }
    Ok(())
}

/// What the API server makes anew for each answer, put aside: times, and versions of lists.
fn settled(text: &str) -> String {
    let masks = [(r"\b(\d+[smh])+\b", "AGE"), (r#""resourceVersion": ?"\d+""#, ""), (r#""continue":"[^"]*""#, "")];
    masks.iter().fold(text.to_owned(), |text, (pattern, name)| {
        regex::Regex::new(pattern).map_or(text.clone(), |mask| mask.replace_all(&text, *name).into_owned())
    })
}

fn watches() -> Outcome {
    let [plane, _] = shared()?;
    let namespace = plane.new_namespace("watched")?;
    let proxy = Serving::start(&format!("home: here\nclusters:\n{}", cluster("here", plane, "admin-token")?), &[])?;
    let ours = Kubectl::through(&proxy, plane, &namespace);
    let direct = Kubectl::direct(plane, &namespace);
    direct.output(&["create", "configmap", "before"])?;
    let watch = ours.start(&["get", "configmaps", "-w", "--output=name"])?;
    watch.shows("the first object", |text| text.contains("configmap/before"))?;
    let raw = ours.start(&["get", "--raw", &format!("/api/v1/namespaces/{namespace}/configmaps?watch=1")])?;
    raw.shows("the first object", |text| text.contains(r#""name":"before""#))?;
    for index in 0..20 {
        direct.output(&["create", "configmap", &format!("later-{index}")])?;
        // Each event comes by itself, not with the next one.
        let name = format!("configmap/later-{index}\n");
        watch.shows("the new object", |text| text.contains(&name))?;
    }
    let names: Vec<String> = watch.stdout().lines().filter(|line| line.contains("later-")).map(str::to_owned).collect();
    let wanted: Vec<String> = (0..20).map(|index| format!("configmap/later-{index}")).collect();
    assert_eq!(names, wanted, "each once, in order");
    raw.shows("the last object", |text| text.contains(r#""name":"later-19""#))?;
    watch.interrupt()?;
    // Who has left is missed at the server, too.
    until("the end of the watch at the API server", SOON, || {
        let ended = plane.audit()?.into_iter().any(|event| {
            let object = &event["objectRef"];
            let same = object["namespace"] == namespace.as_str() && object["resource"] == "configmaps";
            same && event["verb"] == "watch" && event["stage"] == "ResponseComplete"
        });
        if ended { Ok(()) } else { Err("it goes on".into()) }
    })?;

    // A watch with a deadline of its own ends by itself, without an error.
    let ended = ours.run(&["get", "configmaps", "-w", "--output=name", "--request-timeout=2s"])?;
    let beside = direct.run(&["get", "configmaps", "-w", "--output=name", "--request-timeout=2s"])?;
    assert_eq!((ended.code, &ended.stdout), (beside.code, &beside.stdout), "{ended:#?} {beside:#?}");
    Ok(())
}

/// What controllers written in Go ask for: the same bytes, as an object and as a list.
fn protobuf() -> Outcome {
    let [plane, _] = shared()?;
    let namespace = plane.new_namespace("protobuf")?;
    plane.kubectl(&["create", "configmap", "small", "--from-literal=a=b", "-n", &namespace])?;
    let proxy = Serving::start(&format!("home: here\nclusters:\n{}", cluster("here", plane, "admin-token")?), &[])?;
    let authority = std::fs::read_to_string(plane.folder().join("ca.crt"))?;
    for version in [Version::One, Version::Two] {
        let ours = Target::new(proxy.address(), &proxy.authority()?, proxy.token(), version)?;
        let theirs = Target::new(plane.address().parse()?, &authority, "admin-token", version)?;
        for path in ["configmaps/small", "configmaps?labelSelector=nothing", "serviceaccounts/default"] {
            let path = format!("/api/v1/namespaces/{namespace}/{path}");
            let (our, their) = wait(async {
                let mut all = Vec::new();
                for target in [&ours, &theirs] {
                    let mut request = target.request(&path)?;
                    let accept = http::HeaderValue::from_static("application/vnd.kubernetes.protobuf");
                    request.headers_mut().insert(http::header::ACCEPT, accept);
                    let answer = target.connect().await?.send(request).await?;
                    let kind = answer.headers().get(http::header::CONTENT_TYPE).cloned();
                    let body = http_body_util::BodyExt::collect(answer.into_body()).await?.to_bytes();
                    all.push((kind, body));
                }
                Ok((all.remove(0), all.remove(0)))
            })?;
            assert!(their.1.starts_with(b"k8s\0"), "{path}: {their:?}");
            assert_eq!(our.0, their.0, "{path}");
            // A list says at which version of everything it was made.
            if !path.contains('?') {
                assert_eq!(our.1, their.1, "{path}");
            }
        }
    }
    Ok(())
}

/// kubectl's own proxy in front of ours: everything that talks clear text to it ends here.
fn serves_kubectl_proxy() -> Outcome {
    let [plane, _] = shared()?;
    let proxy = Serving::start(&format!("home: here\nclusters:\n{}", cluster("here", plane, "admin-token")?), &[])?;
    let serving = Kubectl::through(&proxy, plane, "default").start(&["proxy", "--port=0"])?;
    let said = serving.shows("its address", |text| text.contains("127.0.0.1:") && text.ends_with('\n'))?;
    let address = said.trim().rsplit(' ').next().unwrap_or_default().parse()?;
    let (status, body) = wait(async {
        let target = Target::plain(address);
        target.connect().await?.get(&target, "/api/v1/namespaces/default").await
    })?;
    let namespace: serde_json::Value = serde_json::from_slice(&body)?;
    assert_eq!((status.as_u16(), &namespace["metadata"]["name"]), (200, &"default".into()));
    Ok(())
}

/// A node of its own, which nothing else is scheduled to.
const NODE: &str = "drained";

fn drains_a_node() -> Outcome {
    let [east, _] = shared()?;
    // All of it in one cluster: by the requirement's own rules the pods of a node would be read from another one.
    let proxy = Serving::start(&format!("home: here\nclusters:\n{}", cluster("here", east, "admin-token")?), &[])?;
    let namespace = east.new_namespace("drain")?;
    let result = drain(&Kubectl::through(&proxy, east, &namespace), east, &namespace);
    // Other tests count on the nodes being as they were.
    east.kubectl(&["delete", "node", NODE, "--ignore-not-found"])?;
    result
}

fn drain(ours: &Kubectl<'_>, east: &ControlPlane, namespace: &str) -> Outcome {
    let taint = r#"[{"key":"quarterdeck.dev/tests","effect":"NoSchedule"}]"#;
    let node =
        format!(r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{NODE}"}},"spec":{{"taints":{taint}}}}}"#);
    let pods = (0..3).map(|index| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"pod-{index}"}},"spec":{{"nodeName":"{NODE}","tolerations":[{{"operator":"Exists"}}],"containers":[{{"name":"main","image":"registry.example/main:1"}}]}}}}"#
        )
    });
    for object in std::iter::once(node).chain(pods) {
        let created = ours.feed(&["create", "-f", "-"], object.as_bytes())?;
        assert_eq!(created.code, Some(0), "{created:#?}");
    }
    east.wait_for_running(namespace, 3)?;
    let words = ["drain", NODE, "--force", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=80s"];
    let drained = ours.run(&words)?;
    assert_eq!(drained.code, Some(0), "{drained:#?}");
    for index in 0..3 {
        assert!(drained.stdout.contains(&format!("pod/pod-{index} evicted")), "{drained:#?}");
    }
    assert_eq!(ours.output(&["get", "node", NODE, "-o", "jsonpath={.spec.unschedulable}"])?, "true");
    assert_eq!(ours.output(&["uncordon", NODE])?, format!("node/{NODE} uncordoned\n"));
    assert_eq!(Kubectl::direct(east, namespace).output(&["get", "pods", "-o", "name"])?, "");
    Ok(())
}
