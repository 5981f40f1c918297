//! Verbs that only read.

use super::objects::{Named, Resource, built_in, named, resource};
use super::{Call, Command, with_query};

/// Page size of a list; kubectl's default.
const CHUNK: &str = "500";

pub(super) fn get(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    if let Some(path) = call.arguments.get("raw") {
        command.send("GET", path);
        return Ok(());
    }
    for object in call.objects(command)? {
        look(call, &object, command);
    }
    Ok(())
}

/// Adds a get or a list, and a watch if the command asks for one.
fn look(call: &Call<'_>, object: &Named, command: &mut Command) {
    let arguments = &call.arguments;
    let subresource = arguments.get("subresource");
    let tail: Vec<&str> = subresource.into_iter().collect();
    let path = call.path(object, &tail);
    let chunk = arguments.get("chunk-size").unwrap_or(CHUNK);
    // Also where only changes are shown: the watch begins at what this finds.
    let url = if object.name.is_some() { path } else { list(call, &path, ("limit", chunk), "") };
    command.send("GET", url);
    if arguments.has("watch") || arguments.has("watch-only") {
        let by_name = object.name.as_ref().map(|name| format!("metadata.name={name}")).unwrap_or_default();
        let all = Named { name: None, ..object.clone() };
        let path = match &object.name {
            // One object's watch is one of its namespace.
            Some(_) => object.resource.path(Some(call.here()), &[]),
            None => call.path(&all, &[]),
        };
        command.send("GET", list(call, &path, ("watch", "true"), &by_name));
    }
}

/// Adds a list with the command's selectors.
fn list(call: &Call<'_>, path: &str, (key, value): (&str, &str), by_name: &str) -> String {
    let arguments = &call.arguments;
    let fields = if by_name.is_empty() { arguments.get("field-selector").unwrap_or_default() } else { by_name };
    let labels = arguments.get("selector").unwrap_or_default();
    with_query(path, &[("fieldSelector", fields), ("labelSelector", labels), (key, value)])
}

pub(super) fn describe(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let events = built_in("", "events")?;
    for object in call.objects(command)? {
        look(call, &object, command);
        let Some(name) = &object.name else {
            command.note("each object found is described with its events: GET events, in the object's namespace");
            continue;
        };
        let fields = format!("involvedObject.name={name}");
        // Events of what has no namespace are looked for in all of them.
        let namespace = object.resource.namespaced.then(|| call.here());
        let url = with_query(&events.path(namespace, &[]), &[("fieldSelector", &fields), ("limit", CHUNK)]);
        if object.resource.is("", "nodes") {
            let fields = format!("spec.nodeName={name}");
            let pods = built_in("", "pods")?.path(None, &[]);
            command.send_for("GET", with_query(&pods, &[("fieldSelector", &fields), ("limit", CHUNK)]), "its pods");
        }
        command.send_for("GET", url, "its events");
    }
    Ok(())
}

pub(super) fn logs(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let arguments = &call.arguments;
    let follow = if arguments.has("follow") { "true" } else { "" };
    let previous = if arguments.has("previous") { "true" } else { "" };
    let container = arguments.get("container").or_else(|| arguments.words.get(1).map(String::as_str));
    let pairs = [("container", container.unwrap_or_default()), ("follow", follow), ("previous", previous)];
    let pods = built_in("", "pods")?;
    if let (Some(labels), true) = (arguments.get("selector"), arguments.words.is_empty()) {
        command.send("GET", with_query(&pods.path(Some(call.here()), &[]), &[("labelSelector", labels)]));
        let path = pods.path(Some(call.here()), &["POD", "log"]);
        command.send_for("GET", with_query(&path, &pairs), "for each pod found; POD stands for its name");
        return Ok(());
    }
    let pod = pod(call, command)?;
    let path = pods.path(Some(call.here()), &[&pod, "log"]);
    command.send("GET", with_query(&path, &pairs));
    Ok(())
}

/// Returns the pod of the first word: itself, or one of the pods behind `deploy/web`. Adds the requests that find it.
pub(super) fn pod(call: &Call<'_>, command: &mut Command) -> Result<String, String> {
    let pods = built_in("", "pods")?;
    let word = call.arguments.words.first().ok_or_else(|| format!("kubectl {} needs a pod", call.verb))?;
    let (resource, name) = match word.split_once('/') {
        Some((kind, name)) => (resource(kind, command)?, name),
        None => (pods.clone(), word.as_str()),
    };
    command.send("GET", resource.path(Some(call.here()), &[name]));
    if resource.is("", "pods") {
        return Ok(name.to_owned());
    }
    command.send_for("GET", pods.path(Some(call.here()), &[]), "the pods behind it, by its selector");
    command.note("only the server knows the pod: POD stands for its name");
    Ok("POD".to_owned())
}

pub(super) fn events(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let about = call.arguments.get("for").and_then(|about| about.rsplit_once('/'));
    let fields = about.map(|(_, name)| format!("involvedObject.name={name}")).unwrap_or_default();
    let events = named(built_in("", "events")?, None);
    let path = call.path(&events, &[]);
    command.send("GET", list(call, &path, ("limit", CHUNK), &fields));
    if call.arguments.has("watch") {
        command.send("GET", list(call, &path, ("watch", "true"), &fields));
    }
    Ok(())
}

pub(super) fn top(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let mut words = call.arguments.words.iter();
    let wanted = match words.next().map(String::as_str) {
        Some("pod" | "pods" | "po") => "pods",
        Some("node" | "nodes" | "no") => "nodes",
        _ => return Err("kubectl top needs pods or nodes".to_owned()),
    };
    let name = words.next().map(String::as_str);
    let metrics = named(built_in("metrics.k8s.io", wanted)?, name);
    let path = call.path(&metrics, &[]);
    let labels = call.arguments.get("selector").unwrap_or_default();
    command.send("GET", with_query(&path, &[("labelSelector", labels)]));
    if wanted == "nodes" {
        let nodes = named(built_in("", "nodes")?, name);
        command.send_for("GET", call.path(&nodes, &[]), "what each node has to give");
    }
    Ok(())
}

pub(super) fn auth(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let lists = call.arguments.has("list");
    let (group, review) = match call.arguments.words.first().map(String::as_str) {
        Some("can-i") if lists => ("authorization.k8s.io", "selfsubjectrulesreviews"),
        Some("can-i") => ("authorization.k8s.io", "selfsubjectaccessreviews"),
        Some("whoami") => ("authentication.k8s.io", "selfsubjectreviews"),
        _ => return Err("of kubectl auth, can-i and whoami are known here".to_owned()),
    };
    command.send("POST", built_in(group, review)?.path(None, &[]));
    Ok(())
}

/// Verbs that only read paths.
const ASKED: &[(&str, &[&str])] =
    &[("api-resources", &["/api", "/apis"]), ("api-versions", &["/api", "/apis"]), ("version", &["/version"])];

pub(super) fn what_is_served(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let paths = ASKED.iter().find(|(verb, _)| *verb == call.verb).map(|(_, paths)| *paths);
    let paths = paths.ok_or_else(|| format!("kubectl {} is not known here", call.verb))?;
    for path in paths {
        command.send("GET", *path);
    }
    Ok(())
}

pub(super) fn explain(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let word = call.arguments.words.first().ok_or("kubectl explain needs a kind")?;
    // `pods.spec` is a field of pods here, not a kind of a group.
    let kind = word.split('.').next().unwrap_or_default();
    let resource: Resource = resource(kind, command)?;
    command.send("GET", "/openapi/v3");
    let api = match &*resource.group {
        "" => format!("/openapi/v3/api/{}", resource.version),
        group => format!("/openapi/v3/apis/{group}/{}", resource.version),
    };
    command.send("GET", api);
    Ok(())
}

pub(super) fn cluster_info(_: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let path = built_in("", "services")?.path(Some("kube-system"), &[]);
    command.send("GET", with_query(&path, &[("labelSelector", "kubernetes.io/cluster-service=true")]));
    Ok(())
}

/// Adds a list and a watch of each object by its name.
pub(super) fn wait(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    for object in call.objects(command)? {
        if object.name.is_some() {
            command.send("GET", call.path(&object, &[]));
        }
        watched(call, &object, command);
    }
    Ok(())
}

pub(super) fn watched(call: &Call<'_>, object: &Named, command: &mut Command) {
    let fields = object.name.as_ref().map(|name| format!("metadata.name={name}")).unwrap_or_default();
    let namespace = object.namespace.as_deref().unwrap_or(call.here());
    let path = object.resource.path(Some(namespace), &[]);
    command.send("GET", with_query(&path, &[("fieldSelector", &fields)]));
    command.send("GET", with_query(&path, &[("fieldSelector", &fields), ("watch", "true")]));
}
