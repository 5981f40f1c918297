//! Cells of everything that does not run containers.

use jiff::Timestamp;
use serde_json::Value;

use super::super::json::{at, int, items, text, truth};
use super::super::resource::Resource;
use super::{age, age_of, joined, labels, or_none};

/// The cells of an object.
pub(super) fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = || Value::from(text(object, "/metadata/name"));
    let aged = || age(object, now);
    let count = |pointer: &str| Value::from(at(object, pointer).as_object().map_or(0, serde_json::Map::len));
    match resource.plural.as_str() {
        _ if resource.group == "metrics.k8s.io" => metrics(object),
        "services" => service(object, now),
        "endpoints" => vec![name(), endpoints(object).into(), aged()],
        "endpointslices" => endpoint_slice(object, now),
        "ingresses" => ingress(object, now),
        "ingressclasses" => vec![name(), text(object, "/spec/controller").into(), "<none>".into(), aged()],
        "networkpolicies" => vec![name(), labels(at(object, "/spec/podSelector/matchLabels")).into(), aged()],
        "configmaps" => vec![name(), count("/data"), aged()],
        "secrets" => vec![name(), text(object, "/type").into(), count("/data"), aged()],
        "serviceaccounts" => vec![name(), items(object, "/secrets").len().into(), aged()],
        "namespaces" => vec![name(), text(object, "/status/phase").into(), aged()],
        "nodes" => node(object, now),
        "events" => event(object, now),
        "persistentvolumeclaims" => claim(object, now),
        "persistentvolumes" => volume(object, now),
        "storageclasses" => storage_class(object, now),
        "csinodes" => vec![name(), items(object, "/spec/drivers").len().into(), aged()],
        "volumeattachments" => vec![
            name(),
            text(object, "/spec/attacher").into(),
            text(object, "/spec/source/persistentVolumeName").into(),
            text(object, "/spec/nodeName").into(),
            truth(object, "/status/attached").into(),
            aged(),
        ],
        "rolebindings" | "clusterrolebindings" => binding(object, now),
        "leases" => vec![name(), text(object, "/spec/holderIdentity").into(), aged()],
        "priorityclasses" => vec![
            name(),
            int(object, "/value").into(),
            truth(object, "/globalDefault").into(),
            aged(),
            text(object, "/preemptionPolicy").into(),
        ],
        "validatingwebhookconfigurations" | "mutatingwebhookconfigurations" => {
            vec![name(), items(object, "/webhooks").len().into(), aged()]
        }
        "resourcequotas" => vec![name(), quota(object, "requests.").into(), quota(object, "limits.").into(), aged()],
        _ => vec![name(), text(object, "/metadata/creationTimestamp").into()],
    }
}

fn metrics(object: &Value) -> Vec<Value> {
    let usage = object.get("usage").unwrap_or_else(|| at(object, "/containers/0/usage"));
    vec![
        text(object, "/metadata/name").into(),
        text(usage, "/cpu").into(),
        text(usage, "/memory").into(),
        text(object, "/window").into(),
    ]
}

fn service(service: &Value, now: Timestamp) -> Vec<Value> {
    let kind = text(service, "/spec/type");
    let external = match kind {
        "LoadBalancer" => {
            let ingress = items(service, "/status/loadBalancer/ingress");
            let addresses: Vec<&str> = ingress
                .iter()
                .map(|entry| if text(entry, "/ip").is_empty() { text(entry, "/hostname") } else { text(entry, "/ip") })
                .collect();
            if addresses.is_empty() { "<pending>".to_owned() } else { addresses.join(",") }
        }
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        _ => "<none>".to_owned(),
    };
    let ports: Vec<String> = items(service, "/spec/ports")
        .iter()
        .map(|port| match int(port, "/nodePort") {
            0 => format!("{}/{}", int(port, "/port"), text(port, "/protocol")),
            node => format!("{}:{node}/{}", int(port, "/port"), text(port, "/protocol")),
        })
        .collect();
    vec![
        text(service, "/metadata/name").into(),
        kind.into(),
        or_none(text(service, "/spec/clusterIP").to_owned()).into(),
        external.into(),
        or_none(ports.join(",")).into(),
        age(service, now),
        labels(at(service, "/spec/selector")).into(),
    ]
}

/// The first three items of a list, and the number of further items.
fn first_three(all: &[String]) -> String {
    let shown: Vec<&str> = all.iter().take(3).map(String::as_str).collect();
    let mut text = shown.join(",");
    if all.len() > 3 {
        text.push_str(" + ");
        text.push_str(&(all.len() - 3).to_string());
        text.push_str(" more...");
    }
    text
}

fn endpoints(endpoints: &Value) -> String {
    let mut all = Vec::new();
    for subset in items(endpoints, "/subsets") {
        for port in items(subset, "/ports") {
            for address in items(subset, "/addresses") {
                all.push(format!("{}:{}", text(address, "/ip"), int(port, "/port")));
            }
        }
    }
    or_none(first_three(&all))
}

fn endpoint_slice(slice: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = items(slice, "/ports").iter().map(|port| int(port, "/port").to_string()).collect();
    let addresses: Vec<String> = items(slice, "/endpoints")
        .iter()
        .flat_map(|endpoint| items(endpoint, "/addresses"))
        .map(|address| address.as_str().unwrap_or_default().to_owned())
        .collect();
    let unset = |text: String| if text.is_empty() { "<unset>".to_owned() } else { text };
    vec![
        text(slice, "/metadata/name").into(),
        text(slice, "/addressType").into(),
        unset(first_three(&ports)).into(),
        unset(first_three(&addresses)).into(),
        age(slice, now),
    ]
}

fn ingress(ingress: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<String> = items(ingress, "/spec/rules").iter().map(|rule| text(rule, "/host").to_owned()).collect();
    let class = text(ingress, "/spec/ingressClassName");
    vec![
        text(ingress, "/metadata/name").into(),
        or_none(class.to_owned()).into(),
        if hosts.is_empty() { "*".to_owned() } else { first_three(&hosts) }.into(),
        joined(items(ingress, "/status/loadBalancer/ingress"), "/ip").into(),
        if items(ingress, "/spec/tls").is_empty() { "80" } else { "80, 443" }.into(),
        age(ingress, now),
    ]
}

fn node(node: &Value, now: Timestamp) -> Vec<Value> {
    let ready = items(node, "/status/conditions").iter().find(|condition| text(condition, "/type") == "Ready");
    let mut status = match ready.map(|condition| text(condition, "/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if truth(node, "/spec/unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    let roles: Vec<&str> = at(node, "/metadata/labels")
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    let address = |kind: &str| {
        let found = items(node, "/status/addresses").iter().find(|address| text(address, "/type") == kind);
        or_none(found.map_or("", |address| text(address, "/address")).to_owned())
    };
    let about = |field: &str| text(node, &format!("/status/nodeInfo/{field}")).to_owned();
    vec![
        text(node, "/metadata/name").into(),
        status.into(),
        or_none(roles.join(",")).into(),
        age(node, now),
        about("kubeletVersion").into(),
        address("InternalIP").into(),
        address("ExternalIP").into(),
        about("osImage").into(),
        about("kernelVersion").into(),
        about("containerRuntimeVersion").into(),
    ]
}

fn event(event: &Value, now: Timestamp) -> Vec<Value> {
    let first = text(event, "/firstTimestamp");
    let last = text(event, "/lastTimestamp");
    let object = at(event, "/involvedObject");
    let source = [text(event, "/source/component"), text(event, "/source/host")];
    let source: Vec<&str> = source.into_iter().filter(|part| !part.is_empty()).collect();
    vec![
        age_of(last, now).into(),
        text(event, "/type").into(),
        text(event, "/reason").into(),
        format!("{}/{}", text(object, "/kind").to_lowercase(), text(object, "/name")).into(),
        text(object, "/fieldPath").into(),
        source.join(", ").into(),
        text(event, "/message").trim().into(),
        age_of(first, now).into(),
        int(event, "/count").into(),
        text(event, "/metadata/name").into(),
    ]
}

fn access_modes(modes: &[Value]) -> String {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    modes.iter().map(short).collect::<Vec<_>>().join(",")
}

fn claim(claim: &Value, now: Timestamp) -> Vec<Value> {
    let bound = !text(claim, "/spec/volumeName").is_empty();
    let (capacity, modes) = if bound {
        (text(claim, "/status/capacity/storage"), access_modes(items(claim, "/status/accessModes")))
    } else {
        ("", String::new())
    };
    let phase = if claim.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else {
        text(claim, "/status/phase")
    };
    vec![
        text(claim, "/metadata/name").into(),
        phase.into(),
        text(claim, "/spec/volumeName").into(),
        capacity.into(),
        modes.into(),
        text(claim, "/spec/storageClassName").into(),
        "<unset>".into(),
        age(claim, now),
        text(claim, "/spec/volumeMode").into(),
    ]
}

fn volume(volume: &Value, now: Timestamp) -> Vec<Value> {
    let claim = at(volume, "/spec/claimRef");
    let claim = if claim.is_object() {
        format!("{}/{}", text(claim, "/namespace"), text(claim, "/name"))
    } else {
        String::new()
    };
    vec![
        text(volume, "/metadata/name").into(),
        text(volume, "/spec/capacity/storage").into(),
        access_modes(items(volume, "/spec/accessModes")).into(),
        text(volume, "/spec/persistentVolumeReclaimPolicy").into(),
        text(volume, "/status/phase").into(),
        claim.into(),
        text(volume, "/spec/storageClassName").into(),
        "<unset>".into(),
        text(volume, "/status/reason").into(),
        age(volume, now),
        text(volume, "/spec/volumeMode").into(),
    ]
}

fn storage_class(class: &Value, now: Timestamp) -> Vec<Value> {
    let default = "storageclass.kubernetes.io/is-default-class";
    let annotations = at(class, "/metadata/annotations");
    let is_default = annotations.get(default).and_then(Value::as_str) == Some("true");
    let name = text(class, "/metadata/name");
    vec![
        if is_default { format!("{name} (default)") } else { name.to_owned() }.into(),
        text(class, "/provisioner").into(),
        text(class, "/reclaimPolicy").into(),
        text(class, "/volumeBindingMode").into(),
        truth(class, "/allowVolumeExpansion").into(),
        age(class, now),
    ]
}

fn binding(binding: &Value, now: Timestamp) -> Vec<Value> {
    let role = at(binding, "/roleRef");
    let of_kind = |kind: &str| {
        let subjects: Vec<String> = items(binding, "/subjects")
            .iter()
            .filter(|subject| text(subject, "/kind") == kind)
            .map(|subject| match text(subject, "/namespace") {
                "" => text(subject, "/name").to_owned(),
                namespace => format!("{namespace}/{}", text(subject, "/name")),
            })
            .collect();
        Value::from(subjects.join(", "))
    };
    vec![
        text(binding, "/metadata/name").into(),
        format!("{}/{}", text(role, "/kind"), text(role, "/name")).into(),
        age(binding, now),
        of_kind("User"),
        of_kind("Group"),
        of_kind("ServiceAccount"),
    ]
}

fn quota(quota: &Value, prefix: &str) -> String {
    let is_limit = |key: &str| key.starts_with("limits.");
    let hard = at(quota, "/status/hard").as_object();
    let entries: Vec<String> = hard
        .into_iter()
        .flatten()
        .filter(|(key, _)| is_limit(key) == (prefix == "limits."))
        .map(|(key, hard)| {
            let used = at(quota, "/status/used").get(key).and_then(Value::as_str).unwrap_or_default();
            format!("{key}: {used}/{}", hard.as_str().unwrap_or_default())
        })
        .collect();
    entries.join(", ")
}
