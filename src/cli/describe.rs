//! `qd describe`: the same text the console shows, for each object in each cluster that has it.

use super::DescribeArgs;
use super::fan_out::{Fleet, Target};
use super::get::{Streams, Wanted, write};
use crate::engine::cluster::{Answer, ClusterError, Form, Query};
use crate::error::UserError;
use crate::model::cluster::ClusterName;
use crate::model::document::Aspect;
use crate::model::kind::Kind;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::report::Failure;
use futures::StreamExt as _;

/// Described objects of one cluster, and what it does not have.
#[derive(Debug, Default)]
struct Described {
    texts: Vec<String>,
    not_found: Vec<String>,
}

async fn describe(target: Target, wanted: &Wanted) -> Result<Described, ClusterError> {
    let catalog = target.cluster.discover().await?;
    let mut out = Described::default();
    for (typed, names) in &wanted.kinds {
        let Some(kind) = catalog.find(typed).cloned() else {
            out.not_found.push(format!("error: the server doesn't have a resource type \"{typed}\""));
            continue;
        };
        let namespace = wanted.namespace_in(&target.entry);
        let found = if names.is_empty() {
            listed(&target, wanted, &kind, namespace).await?
        } else {
            names.iter().map(|name| (namespace.clone().unwrap_or_default(), name.clone())).collect()
        };
        for (namespace, name) in found {
            let key = ObjectKey {
                cluster: target.entry.name.clone(),
                kind: kind.id.clone(),
                namespace: if kind.namespaced { namespace } else { Text::default() },
                name,
                uid: Text::default(),
            };
            match target.cluster.open(key, kind.clone(), Aspect::Describe).await {
                Ok(lines) => out.texts.push(text(&target.entry.name, &lines)),
                Err(ClusterError::NotFound(what)) => {
                    out.not_found.push(format!("Error from server (NotFound): {what}"));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(out)
}

/// Namespaces and names of all objects of a kind.
async fn listed(
    target: &Target,
    wanted: &Wanted,
    kind: &Kind,
    namespace: Option<Text>,
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

/// Runs the command.
pub async fn run(args: &DescribeArgs, fleet: &Fleet, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let wanted = Wanted::parse(&args.objects)?;
    let wanted = &wanted;
    let question = |target: Target| -> futures::future::BoxFuture<'_, Result<Described, ClusterError>> {
        Box::pin(describe(target, wanted))
    };
    let mut answers: Vec<(ClusterName, Result<Described, Failure>)> = fleet.ask(question).collect().await;
    answers.sort_by(|a, b| a.0.cmp(&b.0));
    let mut texts = Vec::new();
    let mut missing = Vec::new();
    let mut failures = Vec::new();
    for (cluster, answer) in answers {
        match answer {
            Ok(described) => {
                texts.extend(described.texts);
                missing.extend(described.not_found.into_iter().map(|what| format!("{cluster}: {what}\n")));
            }
            Err(failure) => failures.push(failure),
        }
    }
    write(streams.out, &texts.join("\n\n"))?;
    // An object that some cluster has is not missing where it never was.
    if texts.is_empty() || streams.verbose {
        missing.iter().try_for_each(|line| write(streams.err, line))?;
    }
    failures.iter().try_for_each(|failure| write(streams.err, &format!("{}\n", failure.line())))?;
    let failed = fleet.is_failure(args.fan_out.fail_on, failures.len());
    Ok(u8::from(failed || (texts.is_empty() && !missing.is_empty())))
}
