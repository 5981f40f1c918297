//! `qd clusters` and `qd doctor`: the inventory, and the state of each cluster.

use super::fan_out::{FanOut, Target};
use super::print::{Streams, write};
use super::{ClustersArgs, DoctorArgs, FailOn, Output};
use crate::engine::cluster::verdict::Known;
use crate::engine::cluster::{ClusterError, Probe};
use crate::engine::fleet::baseline_watches;
use crate::error::{ErrorKind, UserError};
use crate::facts::clusters as facts;
use crate::model::cluster::{ClusterEntry, ClusterName, ClusterState};
use crate::model::kind::Kind;
use crate::model::text::Text;
use crate::model::time::{UnixSeconds, human};
use crate::report::table::{TextTable, layout};
use crate::report::{Failure, document};
use futures::StreamExt as _;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The result of the checks of one cluster.
#[derive(Debug, Clone)]
struct Checkup {
    /// The probe; `None` if we lack the permission for it.
    probe: Option<Probe>,
    /// The first denied list, if nothing may be listed.
    denied: Option<Text>,
    /// Number of kinds that discovery found; `None` if it was not requested.
    kinds: Option<usize>,
    failed_groups: Vec<String>,
    uid: Text,
}

/// A cluster in the form for scripts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_groups: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    namespace: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    access: crate::model::cluster::Access,
    current: bool,
    insecure: bool,
    sources: Vec<String>,
    /// Source of the cluster, in a few words.
    #[serde(skip)]
    found_in: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    provider: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    region: String,
}

/// Extent of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// `/readyz` and the version.
    Probe,
    /// Discovery and identity as well.
    Full,
}

async fn check(target: Target, depth: Depth) -> Result<Checkup, ClusterError> {
    let probe = match target.cluster.probe().await {
        // It answers; whether it lets us do anything is asked next, as a session would find out.
        Err(ClusterError::Denied(_)) => None,
        answer => Some(answer?),
    };
    let denied = denied(&target).await?;
    let mut checkup = Checkup { probe, denied, kinds: None, failed_groups: Vec::new(), uid: Text::default() };
    if depth == Depth::Full {
        let catalog = target.cluster.discover().await?;
        checkup.kinds = Some(catalog.kinds.len());
        checkup.failed_groups = catalog.failed_groups.iter().map(|(group, why)| format!("{group}: {why}")).collect();
        checkup.uid = target.cluster.identify().await?.uid;
    }
    Ok(checkup)
}

/// Maximum number of namespaces, the same as in a session.
const NAMESPACES_MAX: usize = 16;

/// The first denied list, if none of the kinds that a session watches may be listed: in all namespaces, or in those
/// that a session falls back to. Mostly a single request.
async fn denied(target: &Target) -> Result<Option<Text>, ClusterError> {
    let own = std::iter::once(target.entry.own_namespace());
    let namespaces: BTreeSet<Text> = own.chain(target.entry.namespaces.iter().cloned()).take(NAMESPACES_MAX).collect();
    let mut told = BTreeMap::new();
    let mut kinds: Vec<(usize, Kind)> = baseline_watches::kinds().enumerate().collect();
    // Those that most people may list come first.
    kinds.sort_by_key(|(_, kind)| kind.plural != "pods");
    for (order, kind) in kinds {
        let within = namespaces.iter().filter(|_| kind.namespaced).cloned().map(Some);
        let mut last = None;
        for place in std::iter::once(None).chain(within) {
            match (target.cluster.may_list(kind.clone(), place.clone()).await, place.is_some()) {
                (Err(ClusterError::Denied(what)), is_narrow) => {
                    // Of several namespaces the first is told.
                    if !is_narrow || last.as_ref().is_none_or(|(_, narrow)| !narrow) {
                        last = Some((what, is_narrow));
                    }
                }
                (Err(ClusterError::AuthNeeded(hint)), _) => return Err(ClusterError::AuthNeeded(hint)),
                // Allowed; or out of order, which says nothing about rights.
                (Ok(()) | Err(_), _) => return Ok(None),
            }
        }
        told.extend(last.map(|(what, _)| (order, what)));
    }
    Ok(told.into_values().next())
}

/// The state as the console shows it, from one round of checks.
fn state_of(answer: &Result<Checkup, Failure>) -> ClusterState {
    let known = match answer {
        Ok(checkup) => Known { answer: Some(Ok(())), denied: checkup.denied.as_ref(), ..Known::default() },
        Err(failure) => Known { answer: Some(Err(&failure.error)), ..Known::default() },
    };
    known.state()
}

fn entry(of: &ClusterEntry, answer: Option<&Result<Checkup, Failure>>) -> Entry {
    let texts = |list: &[Text]| list.iter().map(ToString::to_string).collect();
    let mut out = Entry {
        name: of.name.to_string(),
        state: "listed".to_owned(),
        reason: facts::defect(of).unwrap_or_default().to_owned(),
        version: String::new(),
        latency_ms: None,
        expires: None,
        kinds: None,
        failed_groups: Vec::new(),
        uid: String::new(),
        server: of.server.to_string(),
        context: of.context.as_ref().map(ToString::to_string),
        namespace: of.namespace.to_string(),
        groups: texts(&of.groups),
        access: of.access,
        current: of.current,
        insecure: of.insecure,
        sources: of.sources.iter().map(ToString::to_string).collect(),
        found_in: of.sources.iter().map(facts::found_in).collect::<Vec<_>>().join(", "),
        provider: of.provider.to_string(),
        region: of.region.to_string(),
    };
    if let Some(answer) = answer {
        let state = state_of(answer);
        state.word().clone_into(&mut out.state);
        // What is known before the question holds on where the answer gives no reason.
        if !state.why().is_empty() {
            state.why().clone_into(&mut out.reason);
        }
    }
    if let Some(Ok(checkup)) = answer {
        if let Some(probe) = &checkup.probe {
            out.version = probe.version.as_ref().map(ToString::to_string).unwrap_or_default();
            out.latency_ms = Some(probe.latency.as_millis());
            out.expires = probe.expiry.as_ref().map(|(at, what)| format!("{at} ({what})"));
        }
        out.kinds = checkup.kinds;
        out.failed_groups.clone_from(&checkup.failed_groups);
        out.uid = checkup.uid.to_string();
    }
    out
}

async fn gather(fleet: &FanOut, depth: Depth) -> Answers {
    fleet.ask(|target: Target| -> futures::future::BoxFuture<'_, _> { Box::pin(check(target, depth)) }).collect().await
}

/// `qd clusters`: prints a row for each cluster, in the inventory's order. The exit code is 0, or 1 as `--fail-on`
/// says. Fails if the output cannot be written. A failed cluster is no error: it is reported on stderr.
pub async fn clusters(args: &ClustersArgs, fleet: &FanOut, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let answers = if args.offline { BTreeMap::new() } else { gather(fleet, Depth::Probe).await };
    let columns: &[&str] = if args.output == Output::Wide {
        &["NAME", "STATE", "VERSION", "LATENCY", "EXPIRES", "GROUPS", "SOURCE", "SERVER", "REASON"]
    } else {
        &["NAME", "STATE", "VERSION", "LATENCY", "EXPIRES", "FOUND IN", "REASON"]
    };
    write(streams.out, &print(fleet, &answers, (args.output, args.no_headers), columns)?)?;
    verdict(fleet, args.fan_out.fail_on, &answers, streams)
}

/// `qd doctor`: as [`clusters`], with all checks that a session makes. Fails if the output cannot be written.
pub async fn doctor(args: &DoctorArgs, fleet: &FanOut, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let answers = gather(fleet, Depth::Full).await;
    let columns = &["NAME", "STATE", "VERSION", "LATENCY", "KINDS", "EXPIRES", "ACCESS", "CONTEXT", "REASON"];
    write(streams.out, &print(fleet, &answers, (args.output, false), columns)?)?;
    verdict(fleet, args.fan_out.fail_on, &answers, streams)
}

type Answers = BTreeMap<ClusterName, Result<Checkup, Failure>>;

fn print(
    fleet: &FanOut,
    answers: &Answers,
    (output, no_headers): (Output, bool),
    columns: &[&str],
) -> Result<String, UserError> {
    let listed: Vec<Entry> = fleet.entries.iter().map(|e| entry(e, answers.get(&e.name))).collect();
    match output {
        Output::Name => Ok(listed.iter().flat_map(|e| [e.name.as_str(), "\n"]).collect()),
        Output::Json | Output::Yaml => {
            let value = serde_json::json!({
                "apiVersion": crate::model::API_VERSION, "kind": "ClusterList", "items": listed,
            });
            let write = if output == Output::Json { document::json_text } else { document::yaml_text };
            write(&value).map_err(|why| UserError::new(ErrorKind::Internal, why))
        }
        Output::Table | Output::Wide => {
            let expiry = |e: &Entry| match answers.get(&ClusterName::new(&e.name)) {
                Some(Ok(Checkup { probe: Some(Probe { expiry: Some((at, what)), .. }), .. })) => {
                    format!("{} ({what})", left(*at, fleet.now))
                }
                Some(_) | None => String::new(),
            };
            let line = |e: &Entry| columns.iter().map(|c| Text::from(cell(e, c, &expiry(e)))).collect();
            let heading = columns.iter().map(|c| Text::new(c)).collect();
            Ok(layout(&TextTable { heading, lines: listed.iter().map(line).collect() }, no_headers))
        }
    }
}

/// The time left, or the time since it expired.
fn left(at: UnixSeconds, now: UnixSeconds) -> String {
    match at.since(now) {
        seconds if seconds > 0 => human(seconds),
        seconds => format!("expired {} ago", human(-seconds)),
    }
}

fn cell(e: &Entry, column: &str, expiry: &str) -> String {
    match column {
        "NAME" => format!("{}{}", e.name, if e.current { "*" } else { "" }),
        "STATE" => e.state.clone(),
        "VERSION" => e.version.clone(),
        "LATENCY" => e.latency_ms.map(|ms| format!("{ms}ms")).unwrap_or_default(),
        "KINDS" => e.kinds.map(|n| n.to_string()).unwrap_or_default(),
        "EXPIRES" => expiry.to_owned(),
        "GROUPS" => e.groups.join(","),
        "ACCESS" => e.access.word().to_owned(),
        "CONTEXT" => e.context.clone().unwrap_or_default(),
        "SERVER" => format!("{}{}", e.server, if e.insecure { " (not verified)" } else { "" }),
        "FOUND IN" => e.found_in.clone(),
        "SOURCE" => e.sources.join("; "),
        _ if e.failed_groups.is_empty() || !e.reason.is_empty() => e.reason.clone(),
        _ => format!("no discovery of {}", e.failed_groups.join("; ")),
    }
}

fn verdict(fleet: &FanOut, fail_on: FailOn, answers: &Answers, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let failure = |(name, answer): (&ClusterName, &Result<Checkup, Failure>)| match answer {
        Ok(checkup) => {
            let what = checkup.denied.clone()?;
            Some(Failure { cluster: name.clone(), error: ClusterError::Denied(what) })
        }
        Err(failure) => Some(failure.clone()),
    };
    let failed: Vec<Failure> = answers.iter().filter_map(failure).collect();
    failed.iter().try_for_each(|failure| write(streams.err, &format!("{}\n", failure.line())))?;
    Ok(u8::from(fleet.is_failure(fail_on, failed.len())))
}
