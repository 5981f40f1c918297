//! Verbs that open a way into a pod. kubectl asks by WebSocket first, a GET; where that does not work, and before 1.31,
//! by SPDY, a POST. Rules see both as class `connect`.

use super::objects::built_in;
use super::reads::pod;
use super::{Call, Command, with_query};

/// Adds the requests of exec and attach.
pub(super) fn session(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let pod = pod(call, command)?;
    let subresource = if call.verb == "attach" { "attach" } else { "exec" };
    let program = call.arguments.behind.first().or_else(|| call.arguments.words.get(1));
    if program.is_none() && subresource == "exec" {
        return Err("kubectl exec needs a command: kubectl exec POD -- COMMAND".to_owned());
    }
    let program = program.filter(|_| subresource == "exec").map_or("", String::as_str);
    open(call, (call.here(), &pod, subresource), &[("command", program)], command)
}

/// Adds the requests of cp, which runs tar in the pod.
pub(super) fn copy(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let remote = call.arguments.words.iter().find_map(|word| {
        let (pod, _) = word.split_once(':')?;
        // `./a:b` is a file.
        (!pod.is_empty() && !pod.starts_with('.')).then_some(pod)
    });
    let remote = remote.ok_or("kubectl cp needs a file of a pod: kubectl cp POD:/path here")?;
    let (namespace, pod) = remote.split_once('/').unwrap_or((call.here(), remote));
    command.send("GET", built_in("", "pods")?.path(Some(namespace), &[pod]));
    open(call, (namespace, pod, "exec"), &[("command", "tar")], command)
}

pub(super) fn port_forward(call: &Call<'_>, command: &mut Command) -> Result<(), String> {
    let pod = pod(call, command)?;
    open(call, (call.here(), &pod, "portforward"), &[], command)
}

fn open(
    call: &Call<'_>,
    (namespace, pod, subresource): (&str, &str, &str),
    pairs: &[(&str, &str)],
    command: &mut Command,
) -> Result<(), String> {
    let path = built_in("", "pods")?.path(Some(namespace), &[pod, subresource]);
    let container = call.arguments.get("container").unwrap_or_default();
    let url = with_query(&path, &[pairs, &[("container", container)]].concat());
    command.send_for("GET", url.clone(), "WebSocket");
    command.send_for("POST", url, "SPDY, where WebSocket is refused, and before kubectl 1.31");
    Ok(())
}
