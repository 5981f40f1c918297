//! `qd get`: kubectl's grammar over many clusters.

use super::fan_out::{Fleet, Target};
use super::sought::{Ledger, Sighting};
use super::wanted::{Question, Wanted};
use super::{GetArgs, Output};
use crate::engine::cluster::{Answer, ClusterError, Form};
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::report::sort::Path;
use crate::report::table::{Grid, Shape, layout, merge, prefixed};
use crate::report::{Failure, Reply, document};
use futures::StreamExt as _;
use std::io::Write;

/// What one cluster answered to everything it was asked.
#[derive(Debug, Default)]
struct Answers {
    replies: Vec<Reply>,
    /// Of each object that was asked for by name.
    sightings: Vec<Sighting>,
    /// Kinds it does not serve.
    absent: Vec<Text>,
    /// The first thing that went wrong; what was answered before stays.
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

/// All that came back, as it is judged and printed.
#[derive(Debug)]
struct Collected {
    replies: Vec<Reply>,
    failures: Vec<Failure>,
    ledger: Ledger,
}

impl Collected {
    fn add(&mut self, cluster: ClusterName, answer: Result<Answers, Failure>) {
        let answers = match answer {
            Ok(answers) => answers,
            Err(failure) => {
                self.ledger.failed(&cluster);
                return self.failures.push(failure);
            }
        };
        self.replies.extend(answers.replies);
        self.ledger.hear(&cluster, answers.sightings, answers.absent);
        if let Some(error) = answers.error {
            self.failures.push(Failure { cluster, error });
        }
    }

    /// Puts answers in an order that does not depend on who was first.
    fn settle(&mut self, order: &[ClusterName]) {
        let at = |name: &ClusterName| order.iter().position(|n| n == name).unwrap_or(usize::MAX);
        self.replies.sort_by_key(|reply| at(&reply.cluster));
        self.failures.sort_by_key(|failure| at(&failure.cluster));
    }

    fn objects(&self) -> usize {
        self.replies
            .iter()
            .map(|r| match &r.answer {
                Answer::Table(table) => table.rows.len(),
                Answer::Objects(objects) => objects.len(),
            })
            .sum()
    }
}

/// Where the two streams go; a broken pipe ends the printing, not the program.
pub struct Streams<'a> {
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    pub verbose: bool,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("verbose", &self.verbose).finish_non_exhaustive()
    }
}

/// Runs the command; the exit code is 0, or 1 as `--fail-on` says.
pub async fn run(args: &GetArgs, fleet: &Fleet, streams: &mut Streams<'_>) -> Result<u8, UserError> {
    let (wanted, shape) = parse(args)?;
    let form = match args.output {
        Output::Table | Output::Wide => Form::Table { with_objects: shape.sort_by.is_some() },
        Output::Json | Output::Yaml | Output::Name => Form::Objects,
    };
    let fields = args.field_selector.clone().unwrap_or_default();
    let (wanted_ref, fields_ref) = (&wanted, fields.as_str());
    let question = |target: Target| -> futures::future::BoxFuture<'_, Result<Answers, ClusterError>> {
        Box::pin(answer(target, wanted_ref, fields_ref, form))
    };
    let ledger = Ledger::new(&wanted, args.ignore_not_found);
    let mut all = Collected { replies: Vec::new(), failures: Vec::new(), ledger };
    let mut replies = Box::pin(fleet.ask(question));
    let mut printer = Printer { args, shape: &shape, last_heading: Vec::new() };
    while let Some((cluster, answer)) = replies.next().await {
        let first = all.replies.len();
        all.add(cluster, answer);
        if args.stream && form != Form::Objects {
            let fresh: Vec<Reply> = all.replies.get(first..).unwrap_or_default().to_vec();
            printer.tables(&fresh, streams)?;
        }
    }
    drop(replies);
    let order = fleet.names();
    all.settle(&order);
    if !args.stream || form == Form::Objects {
        printer.all(&order, &all, streams)?;
    }
    report(args, &wanted, (&mut all, &order), streams)?;
    Ok(exit_code(args, &all, fleet))
}

/// Says what is wrong with the command line.
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

struct Printer<'a> {
    args: &'a GetArgs,
    shape: &'a Shape,
    last_heading: Vec<Text>,
}

impl Printer<'_> {
    fn all(&mut self, order: &[ClusterName], all: &Collected, streams: &mut Streams<'_>) -> Result<(), UserError> {
        let text = match self.args.output {
            Output::Table | Output::Wide => return self.tables(&all.replies, streams),
            Output::Name => names(&all.replies),
            Output::Json | Output::Yaml => {
                let value = if self.args.flat {
                    document::flat(self.objects(all))
                } else {
                    document::envelope(order, self.objects(all), &all.failures, all.ledger.missing())
                };
                let written = match self.args.output {
                    Output::Yaml => document::yaml_text(&value),
                    Output::Table | Output::Wide | Output::Json | Output::Name => document::json_text(&value),
                };
                written.map_err(|why| {
                    UserError::new(ErrorKind::Internal, format!("the answer could not be written: {why}"))
                })?
            }
        };
        write(streams.out, &text)
    }

    /// The objects as kubectl prints them: without the bookkeeping of field owners unless asked.
    fn objects(&self, all: &Collected) -> Vec<Reply> {
        let mut replies = all.replies.clone();
        if !self.args.show_managed_fields {
            for reply in &mut replies {
                let Answer::Objects(objects) = &mut reply.answer else { continue };
                for metadata in objects.iter_mut().filter_map(|object| object.get_mut("metadata")?.as_object_mut()) {
                    metadata.remove("managedFields");
                }
            }
        }
        replies
    }

    /// One table a kind, a blank line between them.
    fn tables(&mut self, replies: &[Reply], streams: &mut Streams<'_>) -> Result<(), UserError> {
        let mut kinds: Vec<String> = Vec::new();
        for reply in replies {
            let resource = reply.kind.resource();
            if !kinds.contains(&resource) {
                kinds.push(resource);
            }
        }
        let shape = Shape { prefix: kinds.len() > 1, ..self.shape.clone() };
        let mut first = true;
        for resource in kinds {
            let of_kind: Vec<Reply> = replies.iter().filter(|r| r.kind.resource() == resource).cloned().collect();
            let grid = merge(&of_kind, &shape);
            if grid.lines.is_empty() {
                continue;
            }
            if !first {
                write(streams.out, "\n")?;
            }
            first = false;
            self.table(&grid, streams)?;
        }
        Ok(())
    }

    /// A streamed part repeats its heading only when it differs from the one before.
    fn table(&mut self, grid: &Grid, streams: &mut Streams<'_>) -> Result<(), UserError> {
        let repeated = self.args.stream && self.last_heading == grid.heading;
        let text = layout(grid, self.args.no_headers || repeated);
        self.last_heading.clone_from(&grid.heading);
        write(streams.out, &text)
    }
}

fn names(replies: &[Reply]) -> String {
    let mut out = String::new();
    for reply in replies {
        let Answer::Objects(objects) = &reply.answer else { continue };
        for object in objects {
            let name = object.pointer("/metadata/name").and_then(serde_json::Value::as_str).unwrap_or_default();
            out.push_str(&prefixed(&reply.kind, &crate::model::text::clean(name)));
            out.push('\n');
        }
    }
    out
}

/// What belongs on stderr: failures always; what no cluster has; what only some lack with -v.
fn report(
    args: &GetArgs,
    wanted: &Wanted,
    (all, order): (&mut Collected, &[ClusterName]),
    streams: &mut Streams<'_>,
) -> Result<(), UserError> {
    let mut lines: Vec<String> = all.failures.iter().map(Failure::line).collect();
    lines.extend(all.ledger.lines(order, streams.verbose));
    let structured = matches!(args.output, Output::Json | Output::Yaml);
    if all.objects() == 0 && lines.is_empty() && !structured && !args.ignore_not_found {
        let everywhere = wanted.all_namespaces || all.replies.iter().all(|reply| !reply.kind.namespaced);
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

fn exit_code(args: &GetArgs, all: &Collected, fleet: &Fleet) -> u8 {
    u8::from(fleet.is_failure(args.fan_out.fail_on, failed_clusters(all)) || all.ledger.is_short())
}

/// Writes; a reader that went away (`| head`) is a quiet end, not an error of ours.
pub fn write(to: &mut dyn Write, text: &str) -> Result<(), UserError> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(UserError::new(ErrorKind::Internal, format!("the output could not be written: {e}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
