//! `qd describe`: the same text the console shows, for each object in each cluster that has it.

use super::DescribeArgs;
use super::fan_out::{FanOut, Target};
use super::print::{Streams, write};
use super::sought::{Ledger, Sighting};
use super::wanted::Wanted;
use crate::engine::cluster::{Answer, ClusterError, Form, Query};
use crate::error::UserError;
use crate::model::cluster::ClusterName;
use crate::model::document::Aspect;
use crate::model::kind::Kind;
use crate::model::name::Name;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::report::Failure;
use futures::StreamExt as _;

/// The described objects of one cluster, and the objects and kinds that it does not have.
#[derive(Debug, Default)]
struct Described {
    texts: Vec<String>,
    /// The knowledge of the cluster about each named object.
    sightings: Vec<Sighting>,
    /// Kinds that the cluster does not serve.
    absent: Vec<Text>,
}

async fn describe(target: Target, wanted: &Wanted) -> Result<Described, ClusterError> {
    let catalog = target.cluster.discover().await?;
    let mut out = Described::default();
    for (typed, names) in &wanted.kinds {
        let Some(kind) = catalog.find(typed).cloned() else {
            out.absent.push(typed.clone());
            out.sightings.extend(names.iter().map(|_| Sighting::Unserved));
            continue;
        };
        let namespace = wanted.namespace_in(&target.entry)?;
        if names.is_empty() {
            for (namespace, name) in listed(&target, wanted, &kind, namespace).await? {
                one(&target, &kind, (namespace, name), &mut out).await?;
            }
            continue;
        }
        let namespace = namespace.map(|namespace| Text::new(namespace.as_str())).unwrap_or_default();
        for name in names {
            let sighting = one(&target, &kind, (namespace.clone(), Text::new(name.as_str())), &mut out).await?;
            out.sightings.push(sighting);
        }
    }
    Ok(out)
}

/// Describes one object, unless it does not exist, or was just deleted.
async fn one(
    target: &Target,
    kind: &Kind,
    (namespace, name): (Text, Text),
    out: &mut Described,
) -> Result<Sighting, ClusterError> {
    let key = ObjectKey {
        cluster: target.entry.name.clone(),
        kind: kind.id.clone(),
        namespace: if kind.namespaced { namespace } else { Text::default() },
        name,
        uid: Text::default(),
    };
    match target.cluster.open(key, kind.clone(), Aspect::Describe).await {
        Ok(lines) => {
            out.texts.push(text(&target.entry.name, &lines));
            Ok(Sighting::Found)
        }
        Err(ClusterError::NotFound(what)) => Ok(Sighting::Missing(what)),
        Err(error) => Err(error),
    }
}

/// Namespaces and names of all objects of a kind.
async fn listed(
    target: &Target,
    wanted: &Wanted,
    kind: &Kind,
    namespace: Option<Name>,
) -> Result<Vec<(Text, Text)>, ClusterError> {
    let query = Query {
        kind: kind.clone(),
        namespace,
        name: None,
        selector: wanted.selector.clone(),
        fields: Text::default(),
        form: Form::Table { with_objects: false },
    };
    match target.cluster.query(query).await? {
        Answer::Table(table) => Ok(table.rows.into_iter().map(|row| (row.namespace, row.name)).collect()),
        Answer::Objects(_) => Ok(Vec::new()),
    }
}

fn text(cluster: &ClusterName, lines: &[Text]) -> String {
    let mut out = format!("Cluster:          {cluster}\n");
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Runs the command; the exit code is 0, or 1 if a named object or a kind is missing everywhere, or as `--fail-on`
/// says. Fails if the arguments are invalid, or if the output cannot be written. A failed cluster is no error: it is
/// reported on stderr.
pub async fn run(args: &DescribeArgs, fleet: &FanOut, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let wanted = Wanted::parse(&args.objects)?;
    let wanted = &wanted;
    let question = |target: Target| -> futures::future::BoxFuture<'_, Result<Described, ClusterError>> {
        Box::pin(describe(target, wanted))
    };
    let mut answers: Vec<(ClusterName, Result<Described, Failure>)> = fleet.ask(question).collect().await;
    answers.sort_by(|a, b| a.0.cmp(&b.0));
    let mut texts = Vec::new();
    let mut ledger = Ledger::new(wanted, false);
    let mut failures = Vec::new();
    for (cluster, answer) in answers {
        match answer {
            Ok(described) => {
                texts.extend(described.texts);
                ledger.hear(&cluster, described.sightings, described.absent);
            }
            Err(failure) => {
                ledger.failed(&cluster);
                failures.push(failure);
            }
        }
    }
    write(streams.out, &texts.join("\n\n"))?;
    for line in ledger.lines(&fleet.names(), streams.verbose) {
        write(streams.err, &format!("{line}\n"))?;
    }
    failures.iter().try_for_each(|failure| write(streams.err, &format!("{}\n", failure.line())))?;
    Ok(u8::from(fleet.is_failure(args.fan_out.fail_on, failures.len()) || ledger.is_short()))
}
