//! Verbs that change something.

use super::objects::{Named, Resource, built_in, named, words};
use super::reads::watched;
use super::{Call, Command, Sent, with_query};

/// Words of `kubectl create KIND`, with the group and resource of the object.
const CREATABLE: &[(&[&str], &str, &str)] = &[
    (&["clusterrole"], "rbac.authorization.k8s.io", "clusterroles"),
    (&["clusterrolebinding"], "rbac.authorization.k8s.io", "clusterrolebindings"),
    (&["configmap", "cm"], "", "configmaps"),
    (&["cronjob", "cj"], "batch", "cronjobs"),
    (&["deployment", "deploy"], "apps", "deployments"),
    (&["ingress", "ing"], "networking.k8s.io", "ingresses"),
    (&["job"], "batch", "jobs"),
    (&["namespace", "ns"], "", "namespaces"),
    (&["poddisruptionbudget", "pdb"], "policy", "poddisruptionbudgets"),
    (&["priorityclass", "pc"], "scheduling.k8s.io", "priorityclasses"),
    (&["quota", "resourcequota"], "", "resourcequotas"),
    (&["role"], "rbac.authorization.k8s.io", "roles"),
    (&["rolebinding"], "rbac.authorization.k8s.io", "rolebindings"),
    (&["secret"], "", "secrets"),
    (&["service", "svc"], "", "services"),
    (&["serviceaccount", "sa"], "", "serviceaccounts"),
];

/// Kinds whose history is kept in another kind.
const HISTORIES: &[(&str, &str)] =
    &[("deployments", "replicasets"), ("daemonsets", "controllerrevisions"), ("statefulsets", "controllerrevisions")];

impl Call<'_> {
    /// Returns the URL with `dryRun` if the command is not to keep anything.
    fn tried(&self, path: &str) -> String {
        let dry = self.arguments.get("dry-run").is_some_and(|mode| mode == "server") || self.verb == "diff";
        with_query(path, &[("dryRun", if dry { "All" } else { "" })])
    }

    /// Returns the URL at which objects of this kind are created.
    fn collection(&self, object: &Named) -> String {
        let namespace = match &object.namespace {
            Some(namespace) if self.given().is_none() => namespace,
            Some(_) | None => self.here(),
        };
        object.resource.path(Some(namespace), &[])
    }

    /// Returns true if the command only prints and changes nothing.
    fn only_prints(&self) -> bool {
        self.arguments.get("dry-run").is_some_and(|mode| matches!(mode, "client" | "true"))
            || self.arguments.has("local")
    }
}

fn with_labels(command: &mut Command, method: &'static str, url: String, object: &Named, note: &str) {
    command.requests.push(Sent { method, url, labels: object.labels.clone(), note: note.to_owned() });
}

/// Adds the requests of apply, diff and replace for each object of the files.
pub(super) fn apply(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let objects = call.files()?;
    if objects.is_empty() {
        return Err(format!("kubectl {} needs -f FILE", call.verb));
    }
    for object in objects {
        if object.name.is_none() {
            return Err(format!("an object of kind {} has no name", object.resource.plural));
        }
        let path = call.path(&object, &[]);
        let written = call.tried(&path);
        if call.verb == "replace" {
            command.send("GET", path);
            with_labels(command, "PUT", written, &object, "");
            continue;
        }
        if call.arguments.has("server-side") {
            with_labels(command, "PATCH", written, &object, "");
            continue;
        }
        command.send("GET", path);
        if call.only_prints() {
            continue;
        }
        with_labels(command, "PATCH", written, &object, "if it is there");
        let collection = call.tried(&call.collection(&object));
        with_labels(command, "POST", collection, &object, "if it is not");
    }
    Ok(())
}

pub(super) fn create(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    if let Some(path) = call.arguments.get("raw") {
        command.send("POST", path);
        return Ok(());
    }
    for object in call.files()? {
        let url = call.tried(&call.collection(&object));
        with_labels(command, "POST", url, &object, "");
    }
    let Some((kind, rest)) = call.arguments.words.split_first() else { return Ok(()) };
    if kind == "token" {
        let account = rest.first().ok_or("kubectl create token needs a service account")?;
        let path = built_in("", "serviceaccounts")?.path(Some(call.here()), &[account, "token"]);
        command.send("POST", path);
        return Ok(());
    }
    let made = CREATABLE.iter().find(|(words, ..)| words.contains(&kind.as_str()));
    let Some((_, group, resource)) = made else {
        let known: Vec<&str> = CREATABLE.iter().filter_map(|(words, ..)| words.first().copied()).collect();
        return Err(format!("kubectl create {kind} is not known here; known are {}, token, and -f", known.join(", ")));
    };
    if call.only_prints() {
        return Err("with --dry-run=client nothing is sent".to_owned());
    }
    let url = built_in(group, resource)?.path(Some(call.here()), &[]);
    command.send("POST", call.tried(&url));
    Ok(())
}

pub(super) fn run(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let name = call.arguments.words.first().ok_or("kubectl run needs a name")?;
    let pods = built_in("", "pods")?;
    command.send("POST", call.tried(&pods.path(Some(call.here()), &[])));
    if call.arguments.has("stdin") || call.arguments.has("attach") {
        watched(call, &named(pods.clone(), Some(name)), command);
        command.send_for("GET", pods.path(Some(call.here()), &[name, "attach"]), "WebSocket");
    }
    if call.arguments.has("rm") {
        command.send("DELETE", pods.path(Some(call.here()), &[name]));
    }
    Ok(())
}

pub(super) fn delete(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    if let Some(path) = call.arguments.get("raw") {
        command.send("DELETE", path);
        return Ok(());
    }
    for object in call.objects(command)? {
        let waits = call.arguments.get("wait") != Some("false");
        if object.name.is_some() {
            command.send("DELETE", call.tried(&call.path(&object, &[])));
            if waits {
                let namespace = object.namespace.as_deref().unwrap_or(call.here());
                let fields = object.name.as_ref().map(|name| format!("metadata.name={name}")).unwrap_or_default();
                let path = object.resource.path(Some(namespace), &[]);
                let url = with_query(&path, &[("fieldSelector", &fields), ("watch", "true")]);
                command.send_for("GET", url, "until it is gone");
            }
            continue;
        }
        let labels = call.arguments.get("selector").unwrap_or_default();
        if labels.is_empty() && !call.arguments.has("all") {
            return Err("kubectl delete needs names, -l or --all".to_owned());
        }
        let path = call.path(&object, &[]);
        command.send("GET", with_query(&path, &[("labelSelector", labels)]));
        let one = Named { name: Some("NAME".to_owned()), ..object };
        command.send_for("DELETE", call.tried(&call.path(&one, &[])), "each object found; NAME stands for its name");
        if call.arguments.has("all-namespaces") {
            command.note("each object is deleted in its own namespace, which only the server knows");
        }
    }
    Ok(())
}

/// Adds a get and a patch of each object, for edit, patch, scale, label, annotate and taint.
pub(super) fn changed(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    // `kubectl label pods a key=value`: what has a sign is no name.
    let is_change = |word: &String| word.contains('=') || (word.ends_with('-') && !word.contains('/'));
    let names: Vec<String> = call.arguments.words.iter().filter(|word| !is_change(word)).cloned().collect();
    let mut objects = call.files()?;
    objects.extend(words(&names, command)?);
    if objects.is_empty() {
        return Err(format!("kubectl {} needs an object: kubectl {} deploy/web", call.verb, call.verb));
    }
    let subresource = if call.verb == "scale" { Some("scale") } else { call.arguments.get("subresource") };
    for object in objects {
        patched(call, object, subresource, command)?;
    }
    Ok(())
}

fn patched(call: &Call<'_>, object: Named, subresource: Option<&str>, command: &mut Command) -> Result<(), String> {
    let tail: Vec<&str> = subresource.into_iter().collect();
    if object.name.is_some() {
        command.send("GET", call.path(&object, &[]));
        if !call.only_prints() {
            command.send("PATCH", call.tried(&call.path(&object, &tail)));
        }
        return Ok(());
    }
    let labels = call.arguments.get("selector").unwrap_or_default();
    if labels.is_empty() && !call.arguments.has("all") {
        return Err(format!("kubectl {} needs a name, -l or --all", call.verb));
    }
    command.send("GET", with_query(&call.path(&object, &[]), &[("labelSelector", labels)]));
    let one = Named { name: Some("NAME".to_owned()), ..object };
    command.send_for("PATCH", call.tried(&call.path(&one, &tail)), "each object found; NAME stands for its name");
    Ok(())
}

/// Adds the requests of `kubectl set image deploy/web ...`.
pub(super) fn set(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let names = call.arguments.words.get(1..).unwrap_or_default();
    let names: Vec<String> = names.iter().filter(|word| !word.contains('=')).cloned().collect();
    let objects = words(&names, command)?;
    if objects.is_empty() {
        return Err("kubectl set needs an object: kubectl set image deploy/web app=image".to_owned());
    }
    objects.into_iter().try_for_each(|object| patched(call, object, None, command))
}

pub(super) fn rollout(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let (step, rest) =
        call.arguments.words.split_first().ok_or("kubectl rollout needs a step: status, restart, ...")?;
    let objects = words(rest, command)?;
    let objects = if objects.is_empty() { call.files()? } else { objects };
    if objects.is_empty() {
        return Err(format!("kubectl rollout {step} needs an object: kubectl rollout {step} deploy/web"));
    }
    for object in objects {
        if object.name.is_none() {
            return Err(format!("kubectl rollout {step} needs a name"));
        }
        let path = call.path(&object, &[]);
        match step.as_str() {
            "status" => {
                command.send("GET", path);
                watched(call, &object, command);
            }
            "restart" | "pause" | "resume" => {
                command.send("GET", path.clone());
                command.send("PATCH", path);
            }
            "history" | "undo" => {
                command.send("GET", path.clone());
                let history = HISTORIES.iter().find(|(kind, _)| *kind == object.resource.plural);
                let (_, history) = history.ok_or_else(|| format!("{} have no history", object.resource.plural))?;
                let history: Resource = built_in("apps", history)?;
                command.send_for("GET", history.path(Some(call.here()), &[]), "its revisions, by its selector");
                if step == "undo" {
                    command.send("PATCH", path);
                }
            }
            _ => return Err(format!("kubectl rollout {step} is not known here")),
        }
    }
    Ok(())
}

pub(super) fn expose(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    for object in call.objects(command)? {
        command.send("GET", call.path(&object, &[]));
        command.send("POST", call.tried(&built_in("", "services")?.path(Some(call.here()), &[])));
    }
    Ok(())
}

pub(super) fn autoscale(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    for object in call.objects(command)? {
        command.send("GET", call.path(&object, &[]));
        let scalers = built_in("autoscaling", "horizontalpodautoscalers")?;
        command.send("POST", call.tried(&scalers.path(Some(call.here()), &[])));
    }
    Ok(())
}

/// Adds the requests of cordon, uncordon and drain.
pub(super) fn node(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let nodes = built_in("", "nodes")?;
    for word in &call.arguments.words {
        let name = word.rsplit('/').next().unwrap_or_default();
        command.send("GET", nodes.path(None, &[name]));
        command.send("PATCH", nodes.path(None, &[name]));
        if call.verb == "drain" {
            let pods = built_in("", "pods")?;
            let fields = format!("spec.nodeName={name}");
            command.send("GET", with_query(&pods.path(None, &[]), &[("fieldSelector", &fields), ("limit", "500")]));
            let eviction = pods.path(Some("NAMESPACE"), &["POD", "eviction"]);
            command.send_for("POST", eviction, "each pod found; NAMESPACE and POD stand for where it is");
        }
    }
    Ok(())
}
