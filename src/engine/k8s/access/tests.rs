use super::*;

fn gate() -> AccessGate {
    AccessGate::read_only("flag --read-only")
}

fn said(method: &str, uri: &str, upgrades: bool) -> Option<String> {
    let method: Method = method.parse().unwrap();
    gate().check(&method, &uri.parse().unwrap(), upgrades).err().map(|why| why.to_string())
}

#[test]
fn only_get_and_head_leave() {
    let pods = "/api/v1/namespaces/a/pods";
    for method in ["GET", "HEAD"] {
        assert_eq!(said(method, pods, false), None, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "BREW"] {
        let why = said(method, pods, false).unwrap_or_default();
        assert_eq!(why, format!("read-only (flag --read-only): {method} is not sent, only GET and HEAD are"));
    }
}

#[test]
fn no_method_reaches_what_runs_in_the_cluster() {
    for path in [
        "/api/v1/namespaces/a/pods/p/exec?command=ls",
        "/api/v1/namespaces/a/pods/p/attach",
        "/api/v1/namespaces/a/pods/p/portforward",
        "/api/v1/namespaces/a/pods/p/proxy",
        "/api/v1/namespaces/a/pods/p:80/proxy/metrics/a/b",
        "/api/v1/namespaces/a/services/https:s:80/proxy/",
        "/api/v1/nodes/n/proxy/run/a/p/c",
        "/api/v1/nodes/n/proxy",
        "/api/v1/proxy/namespaces/a/pods/p",
        "/api/v1/namespaces/a/pods/p/%65xec",
        "/api/v1/namespaces/a/%70ods/p/exec/",
        "/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/v/portforward/22",
        "/apis/cluster.karmada.io/v1alpha1/clusters/m/proxy/api/v1/pods",
        "/k8s/clusters/c-1/api/v1/namespaces/a/pods/p/exec?watch=true",
        "/k8s/clusters/c-1/api/v1/namespaces/a/services/s/proxy/",
    ] {
        for (method, upgrades) in [("GET", false), ("GET", true), ("HEAD", false)] {
            let why = said(method, path, upgrades).unwrap_or_default();
            assert!(why.contains("subresource"), "{method} {path}: {why:?}");
        }
    }
    for path in
        ["/api/v1/namespaces/a/pods/p%2Fexec", "/api/v1/x/../namespaces/a/pods/p/log", "/api//v1/pods", "/api/v1/%"]
    {
        assert!(said("GET", path, false).unwrap_or_default().contains("two ways"), "{path}");
    }
}

#[test]
fn reads_pass_also_of_objects_with_such_names() {
    for path in [
        "/",
        "/readyz?verbose",
        "/api",
        "/api/v1",
        "/apis/apps/v1",
        "/openapi/v3/api/v1",
        "/openapi/v3/apis/apps/v1",
        "/k8s/clusters/c-1/api/v1/namespaces/a/pods/exec",
        "/api/v1/namespaces/exec/pods/attach",
        "/api/v1/namespaces/proxy",
        "/api/v1/namespaces/a/status",
        "/api/v1/nodes/proxy",
        "/api/v1/namespaces/a/pods/p/log?follow=true",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
        "/apis/apps/v1/namespaces/a/deployments/d/scale",
        "/api/v1/pods?watch=true",
    ] {
        assert_eq!(said("GET", path, false), None, "{path}");
    }
}

#[test]
fn an_upgrade_passes_for_a_watch_and_a_log_only() {
    for path in [
        "/api/v1/pods?watch=true",
        "/api/v1/pods?limit=1&watch=1",
        "/api/v1/watch/pods",
        "/api/v1/pods?watch",
        "/api/v1/pods?watch=True",
        "/api/v1/namespaces/a/pods/p/log",
    ] {
        assert_eq!(said("GET", path, true), None, "{path}");
    }
    for path in [
        "/api/v1/pods",
        "/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/v/console",
        "/x?watch=true",
        "/api/v1/pods?watch=false",
        "/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/v/vnc?watch=true",
    ] {
        assert!(said("GET", path, true).unwrap_or_default().contains("upgraded only"), "{path}");
    }
}

#[test]
fn a_gate_for_token_reviews_lets_them_pass_and_nothing_else() {
    let gate = gate().with_token_reviews();
    let post = |path: &str| gate.check(&Method::POST, &path.parse().unwrap(), false).is_ok();
    assert!(post("/apis/authentication.k8s.io/v1/tokenreviews"));
    assert!(!post("/apis/authentication.k8s.io/v1/selfsubjectreviews"));
    assert!(!post("/api/v1/namespaces/a/serviceaccounts/s/token"));
    assert!(AccessGate::default().with_token_reviews().check(&Method::DELETE, &"/x".parse().unwrap(), false).is_ok());
}

#[test]
fn the_stricter_gate_counts() {
    let open = AccessGate::default();
    assert_eq!(open.clone().or(gate()), gate());
    assert_eq!(gate().or(AccessGate::read_only("other")), gate());
    assert_eq!(open.clone().or(AccessGate::default()), open);
}
