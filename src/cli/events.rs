//! `qd events`: merged over clusters, warnings first, the newest first among equals.

use super::fan_out::{FanOut, Target};
use super::print::{Streams, write};
use super::{EventsArgs, Output, wanted};
use crate::engine::cluster::{Answer, ClusterError, Form, ObjectText, Query};
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::ClusterName;
use crate::model::name::Name;
use crate::model::text::{Text, clean};
use crate::model::time::{UnixSeconds, human};
use crate::report::document::{Format, Part, Shape, Writer};
use crate::report::table::{TextTable, layout};
use crate::report::{Failure, Reply, worded};
use futures::StreamExt as _;
use serde_json::Value;
use std::collections::BTreeMap;

/// An event with the count of its repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    cluster: ClusterName,
    namespace: Text,
    last_seen: Option<UnixSeconds>,
    form: Text,
    reason: Text,
    object: Text,
    count: u64,
    message: Text,
}

impl Event {
    fn read(cluster: &ClusterName, object: &Value) -> Self {
        let text = |pointer: &str| {
            object.pointer(pointer).and_then(Value::as_str).map(|s| Text::new(clean(s))).unwrap_or_default()
        };
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64);
        let seen = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
        let kind = text("/involvedObject/kind").to_lowercase();
        Self {
            cluster: cluster.clone(),
            namespace: text("/metadata/namespace"),
            last_seen: seen.iter().find_map(|p| UnixSeconds::parse(object.pointer(p)?.as_str()?)),
            form: text("/type"),
            reason: text("/reason"),
            object: compact_str::format_compact!("{kind}/{}", text("/involvedObject/name")),
            count: number("/series/count").or_else(|| number("/count")).unwrap_or(1).max(1),
            message: text("/message"),
        }
    }

    fn same_as(&self, other: &Self) -> bool {
        self.cluster == other.cluster
            && self.namespace == other.namespace
            && self.object == other.object
            && self.reason == other.reason
            && self.message == other.message
            && self.form == other.form
    }
}

/// Joins equal events of the same object, then puts warnings first and newer events before older ones.
fn merged(mut events: Vec<Event>) -> Vec<Event> {
    let key = |e: &Event| {
        (e.cluster.clone(), e.namespace.clone(), e.object.clone(), e.reason.clone(), e.message.clone(), e.form.clone())
    };
    events.sort_by_cached_key(key);
    let mut out: Vec<Event> = Vec::with_capacity(events.len());
    for event in events {
        match out.last_mut().filter(|last| last.same_as(&event)) {
            Some(last) => {
                last.count += event.count;
                last.last_seen = last.last_seen.max(event.last_seen);
            }
            None => out.push(event),
        }
    }
    out.sort_by(|a, b| (a.form != "Warning").cmp(&(b.form != "Warning")).then_with(|| b.last_seen.cmp(&a.last_seen)));
    out
}

/// The parsed arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    namespace: Option<Name>,
    about: Option<(Text, Name)>,
    types: Vec<String>,
}

impl Asked {
    fn parse(args: &EventsArgs) -> Result<Self, UserError> {
        let usage = || UserError::new(ErrorKind::Usage, "--for takes TYPE/NAME").hint("for example: --for pod/api-0");
        let about = args.about.as_deref().map(|about| {
            let (kind, name) = wanted::pair(about).map_err(|_| usage())?;
            Ok((Text::new(kind), name))
        });
        Ok(Self {
            namespace: wanted::namespace(args.namespace.as_deref())?,
            about: about.transpose()?,
            // As kubectl: an empty type is none given.
            types: args.types.iter().filter(|form| !form.is_empty()).cloned().collect(),
        })
    }
}

/// Fails if the arguments are invalid.
pub(super) fn check(args: &EventsArgs) -> Result<(), UserError> {
    Asked::parse(args).map(drop)
}

async fn read(target: Target, args: &EventsArgs, asked: &Asked) -> Result<Vec<Reply>, ClusterError> {
    let catalog = target.cluster.discover().await?;
    let kind = catalog
        .find("events")
        .cloned()
        .ok_or_else(|| ClusterError::NotFound(Text::const_new("events are not served")))?;
    let mut fields = Vec::new();
    if let [form] = asked.types.as_slice() {
        fields.push(format!("type={form}"));
    }
    if let Some((kind_name, name)) = &asked.about {
        let about = catalog.find(kind_name).map_or(kind_name.as_str(), |kind| kind.id.kind.as_str());
        fields.push(format!("involvedObject.kind={about}"));
        fields.push(format!("involvedObject.name={name}"));
    }
    let namespace = match &asked.namespace {
        _ if args.all_namespaces => None,
        Some(namespace) => Some(namespace.clone()),
        None => Some(wanted::own_namespace(&target.entry)?),
    };
    let query = Query {
        kind: kind.clone(),
        namespace,
        name: None,
        selector: Text::default(),
        fields: Text::from(fields.join(",")),
        form: Form::Objects { managed_fields: true },
    };
    let answer = target.cluster.query(query).await?;
    Ok(vec![Reply { cluster: target.entry.name.clone(), kind, answer }])
}

/// Runs the command; the exit code is 0, or 1 as `--fail-on` says. Fails if the arguments are invalid, or if the output
/// cannot be written. A failed cluster is no error: it is reported on stderr.
pub async fn run(args: &EventsArgs, fleet: &FanOut, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let asked = &Asked::parse(args)?;
    let question = |target: Target| -> futures::future::BoxFuture<'_, Result<Vec<Reply>, ClusterError>> {
        Box::pin(read(target, args, asked))
    };
    let answers: Vec<(ClusterName, Result<Vec<Reply>, Failure>)> = fleet.ask(question).collect().await;
    let mut replies = Vec::new();
    let mut failures = Vec::new();
    for (_, answer) in answers {
        match answer {
            Ok(mut more) => replies.append(&mut more),
            Err(failure) => failures.push(failure),
        }
    }
    replies.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    failures.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    write(streams.out, &print(args, &asked.types, fleet, replies, &failures)?)?;
    for failure in &failures {
        write(streams.err, &format!("{}\n", failure.line()))?;
    }
    Ok(u8::from(fleet.is_failure(args.fan_out.fail_on, failures.len())))
}

/// All events as one document.
fn whole(
    format: Format,
    order: &[ClusterName],
    replies: Vec<Reply>,
    failures: &[Failure],
) -> Result<String, Box<dyn std::error::Error>> {
    let mut items: BTreeMap<ClusterName, Vec<ObjectText>> = BTreeMap::new();
    for reply in replies {
        if let Answer::Objects(objects) = reply.answer {
            items.entry(reply.cluster).or_default().extend(objects);
        }
    }
    let mut out = Vec::new();
    let mut writer = Writer::new(format, Shape::Envelope);
    writer.begin(&mut out)?;
    for cluster in order {
        let error = failures.iter().find(|failure| failure.cluster == *cluster).map(|failure| worded(&failure.error));
        let part = Part { cluster: cluster.clone(), items: items.remove(cluster).unwrap_or_default(), error };
        writer.cluster(&part, &mut out)?;
    }
    writer.end(Default::default(), &mut out)?;
    Ok(String::from_utf8(out)?)
}

fn print(
    args: &EventsArgs,
    types: &[String],
    fleet: &FanOut,
    replies: Vec<Reply>,
    failures: &[Failure],
) -> Result<String, UserError> {
    let format = match args.output {
        Output::Json => Some(Format::Json),
        Output::Yaml => Some(Format::Yaml),
        Output::Table | Output::Wide | Output::Name => None,
    };
    if let Some(format) = format {
        return whole(format, &fleet.names(), replies, failures)
            .map_err(|why| UserError::new(ErrorKind::Internal, format!("the answer could not be written: {why}")));
    }
    let mut events = Vec::new();
    for reply in &replies {
        if let Answer::Objects(objects) = &reply.answer {
            events.extend(objects.iter().map(|object| Event::read(&reply.cluster, &object.value())));
        }
    }
    events.retain(|e| types.is_empty() || types.iter().any(|t| e.form.eq_ignore_ascii_case(t)));
    let events = merged(events);
    if args.output == Output::Name {
        return Ok(events.iter().flat_map(|e| [e.object.as_str(), "\n"]).collect());
    }
    let heading = ["NAMESPACE", "CLUSTER", "LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"];
    let line = |e: &Event| {
        let seen = e.last_seen.map(|at| human(fleet.now.since(at))).unwrap_or_default();
        vec![
            e.namespace.clone(),
            Text::new(e.cluster.as_str()),
            Text::from(seen),
            e.form.clone(),
            e.reason.clone(),
            e.object.clone(),
            compact_str::format_compact!("{}", e.count),
            e.message.clone(),
        ]
    };
    let grid = TextTable { heading: heading.map(Text::const_new).to_vec(), lines: events.iter().map(line).collect() };
    Ok(if grid.lines.is_empty() { String::new() } else { layout(&grid, args.no_headers) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(cluster: &str, form: &str, seen: i64, count: u64) -> Event {
        let value = serde_json::json!({
            "metadata": {"namespace": "n"}, "type": form, "reason": "Failed", "count": count, "message": "pull\u{1b}[31m",
            "lastTimestamp": UnixSeconds(seen).to_string(), "involvedObject": {"kind": "Pod", "name": "p"},
        });
        Event::read(&ClusterName::new(cluster), &value)
    }

    #[test]
    fn the_same_event_is_one_row_and_warnings_come_first() {
        let all = merged(vec![
            event("a", "Normal", 90, 1),
            event("a", "Warning", 10, 2),
            event("a", "Warning", 20, 3),
            event("b", "Warning", 15, 1),
        ]);
        let short: Vec<_> = all.iter().map(|e| (e.cluster.as_str(), e.form.as_str(), e.count)).collect();
        assert_eq!(short, [("a", "Warning", 5), ("b", "Warning", 1), ("a", "Normal", 1)]);
        assert_eq!(all[0].object, "pod/p");
        assert_eq!(all[0].message, "pull[31m");
    }
}
