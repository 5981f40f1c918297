//! `qd get`: kubectl's grammar over many clusters.

mod documents;
mod tables;

use super::fan_out::{FanOut, Target};
use super::print::{Streams, write};
use super::sought::{Ledger, Sighting};
use super::wanted::{Question, Wanted};
use super::{GetArgs, Output};
use crate::engine::cluster::{Answer, ClusterError, Form};
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::report::sort::Path;
use crate::report::table::Shape;
use crate::report::{Failure, Reply};
use futures::Stream;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// All answers of one cluster.
#[derive(Debug, Default)]
struct Answers {
    replies: Vec<Reply>,
    /// The knowledge of the cluster about each named object.
    sightings: Vec<Sighting>,
    /// Kinds that the cluster does not serve.
    absent: Vec<Text>,
    /// The first error; the answers before it stay.
    error: Option<ClusterError>,
}

async fn answer(target: Target, wanted: &Wanted, fields: &str, form: Form) -> Result<Answers, ClusterError> {
    let catalog = target.cluster.discover().await?;
    let (questions, absent) = wanted.questions(&target.entry, &catalog, fields, form)?;
    let mut out =
        Answers { absent, sightings: vec![Sighting::default(); wanted.named().count()], ..Answers::default() };
    for Question { query, sought } in questions {
        let kind = query.kind.clone();
        let sighting = match target.cluster.query(query).await {
            Ok(answer) => {
                out.replies.push(Reply { cluster: target.entry.name.clone(), kind, answer });
                Sighting::Found
            }
            Err(ClusterError::NotFound(what)) if sought.is_some() => Sighting::Missing(what),
            Err(error) => {
                out.error.get_or_insert(error);
                Sighting::Unknown
            }
        };
        if let Some(known) = sought.and_then(|at| out.sightings.get_mut(at)) {
            known.join(sighting);
        }
    }
    Ok(out)
}

/// The summary of all answers: failures, named objects that no cluster has, counts.
#[derive(Debug)]
struct Collected {
    failures: Vec<Failure>,
    ledger: Ledger,
    objects: usize,
    /// Any of the requested kinds has namespaces.
    has_namespaces: bool,
}

impl Collected {
    /// Adds the answer of a cluster; returns the part to print, and the failure if the answer is incomplete.
    fn hear(&mut self, cluster: &ClusterName, answer: Result<Answers, Failure>) -> (Vec<Reply>, Option<Failure>) {
        let answers = match answer {
            Ok(answers) => answers,
            Err(failure) => {
                self.ledger.failed(cluster);
                self.failures.push(failure.clone());
                return (Vec::new(), Some(failure));
            }
        };
        self.ledger.hear(cluster, answers.sightings, answers.absent);
        for reply in &answers.replies {
            self.has_namespaces |= reply.kind.namespaced;
            self.objects += match &reply.answer {
                Answer::Table(table) => table.rows.len(),
                Answer::Objects(objects) => objects.len(),
            };
        }
        let failure = answers.error.map(|error| Failure { cluster: cluster.clone(), error });
        self.failures.extend(failure.clone());
        (answers.replies, failure)
    }
}

/// The arguments, and the clusters to query.
struct Asking<'a> {
    args: &'a GetArgs,
    wanted: &'a Wanted,
    fleet: &'a FanOut,
}

impl<'a> Asking<'a> {
    /// Queries all clusters; no further cluster is started while `room` is false.
    fn ask(
        &self,
        room: Option<watch::Receiver<bool>>,
        form: Form,
    ) -> impl Stream<Item = (ClusterName, Result<Answers, Failure>)> + use<'a> {
        let (wanted, fields) = (self.wanted, self.args.field_selector.as_deref().unwrap_or_default());
        self.fleet.ask_while(room, move |target: Target| -> BoxFuture<'a, Result<Answers, ClusterError>> {
            Box::pin(answer(target, wanted, fields, form))
        })
    }
}

/// Runs the command; the exit code is 0, or 1 if a named object or a kind is missing everywhere, or as `--fail-on`
/// says. Fails if the arguments are invalid, or if the output cannot be written. A failed cluster is no error: it is
/// reported on stderr.
pub async fn run(args: &GetArgs, fleet: &FanOut, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let (wanted, shape) = parse(args)?;
    let ledger = Ledger::new(&wanted, args.ignore_not_found);
    let mut all = Collected { failures: Vec::new(), ledger, objects: 0, has_namespaces: false };
    let asking = Asking { args, wanted: &wanted, fleet };
    let is_read = match args.output {
        Output::Table | Output::Wide => tables::print(&asking, &shape, &mut all, streams).await?,
        Output::Json | Output::Yaml | Output::Name => documents::print(&asking, &mut all, streams).await?,
    };
    if !is_read {
        // The reader closed the pipe; it wants no errors either.
        return Ok(0);
    }
    let order = fleet.names();
    let at = |name: &ClusterName| order.iter().position(|n| n == name).unwrap_or(usize::MAX);
    all.failures.sort_by_key(|failure| at(&failure.cluster));
    report(args, &wanted, (&mut all, &order), streams)?;
    Ok(exit_code(args, &all, fleet))
}

/// Fails if the arguments are invalid.
pub(super) fn check(args: &GetArgs) -> Result<(), UserError> {
    parse(args).map(drop)
}

fn parse(args: &GetArgs) -> Result<(Wanted, Shape), UserError> {
    Ok((Wanted::parse(&args.objects)?, shape(args)?))
}

fn shape(args: &GetArgs) -> Result<Shape, UserError> {
    let sort_by = args.sort_by.as_deref().map(Path::parse).transpose();
    Ok(Shape {
        wide: args.output == Output::Wide,
        prefix: false,
        label_columns: args.label_columns.clone(),
        show_labels: args.show_labels,
        sort_by: sort_by.map_err(|why| UserError::new(ErrorKind::Usage, why))?,
    })
}

/// Writes to stderr: all failures; objects that no cluster has; with -v also those that only some clusters lack.
fn report(
    args: &GetArgs,
    wanted: &Wanted,
    (all, order): (&mut Collected, &[ClusterName]),
    streams: &mut Streams<'_>,
) -> Result<(), UserError> {
    let mut lines: Vec<String> = all.failures.iter().map(Failure::line).collect();
    lines.extend(all.ledger.lines(order, streams.verbose));
    let structured = matches!(args.output, Output::Json | Output::Yaml);
    if all.objects == 0 && lines.is_empty() && !structured && !args.ignore_not_found {
        let everywhere = wanted.all_namespaces || !all.has_namespaces;
        lines.push(match (&wanted.namespace, everywhere) {
            (Some(namespace), false) => format!("No resources found in {namespace} namespace."),
            (None, false) => "No resources found in each context's own namespace (-A looks in all).".to_owned(),
            (_, true) => "No resources found".to_owned(),
        });
    }
    if !all.failures.is_empty() {
        let answered = all.ledger.answered();
        let asked = answered.len() + all.failures.iter().filter(|f| !answered.contains(&f.cluster)).count();
        lines.push(format!("{} of {asked} clusters failed", failed_clusters(all)));
    }
    lines.iter().try_for_each(|line| write(streams.err, &format!("{line}\n")))
}

fn failed_clusters(all: &Collected) -> usize {
    let mut names: Vec<&ClusterName> = all.failures.iter().map(|f| &f.cluster).collect();
    names.sort();
    names.dedup();
    names.len()
}

fn exit_code(args: &GetArgs, all: &Collected, fleet: &FanOut) -> u8 {
    u8::from(fleet.is_failure(args.fan_out.fail_on, failed_clusters(all)) || all.ledger.is_short())
}
