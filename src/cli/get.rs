//! `qd get`: kubectl's grammar over many clusters.

use super::fan_out::{Fleet, Target};
use super::{GetArgs, ObjectArgs, Output};
use crate::engine::cluster::{Answer, ClusterError, Form, Query};
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::kind::{Catalog, Kind};
use crate::model::text::Text;
use crate::report::sort::Path;
use crate::report::table::{Grid, Shape, layout, merge, prefixed};
use crate::report::{Failure, Reply, document};
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::io::Write;

/// What the command line asks for, after its words are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Typed kinds, each with the names asked for; no names lists all.
    pub kinds: Vec<(Text, Vec<Text>)>,
    pub namespace: Option<Text>,
    pub all_namespaces: bool,
    pub selector: Text,
}

impl Wanted {
    /// Understands `pods`, `pods,svc`, `pod a b`, `pod/a svc/b`; refuses mixtures as kubectl does.
    pub fn parse(args: &ObjectArgs) -> Result<Self, UserError> {
        let usage = |text: String| UserError::new(ErrorKind::Usage, text);
        let mut kinds: Vec<(Text, Vec<Text>)> = Vec::new();
        if args.what.iter().any(|word| word.contains('/')) {
            for word in &args.what {
                let Some((kind, name)) = word.split_once('/').filter(|(k, n)| !k.is_empty() && !n.is_empty()) else {
                    return Err(usage(format!(
                        "there is no need to mix `{word}` with TYPE/NAME: write every argument as TYPE/NAME"
                    )));
                };
                match kinds.iter_mut().find(|(known, _)| known == kind) {
                    Some((_, names)) => names.push(Text::new(name)),
                    None => kinds.push((Text::new(kind), vec![Text::new(name)])),
                }
            }
        } else if let Some((types, names)) = args.what.split_first() {
            let names: Vec<Text> = names.iter().map(Text::from).collect();
            kinds.extend(types.split(',').filter(|t| !t.is_empty()).map(|t| (Text::new(t), names.clone())));
        }
        if kinds.is_empty() {
            return Err(usage("no TYPE was given".to_owned()).hint("for example: qd get pods -A"));
        }
        let named = kinds.iter().any(|(_, names)| !names.is_empty());
        if named && args.all_namespaces {
            return Err(usage("an object cannot be asked for by name over all namespaces".to_owned())
                .hint("give its namespace with -n"));
        }
        if named && args.selector.is_some() {
            return Err(usage("a name and a selector cannot be given together".to_owned()));
        }
        Ok(Self {
            kinds,
            namespace: args.namespace.as_deref().map(Text::new),
            all_namespaces: args.all_namespaces,
            selector: args.selector.as_deref().map(Text::new).unwrap_or_default(),
        })
    }

    /// The namespace to ask in; `None` is all.
    pub fn namespace_in(&self, entry: &ClusterEntry) -> Option<Text> {
        if self.all_namespaces {
            return None;
        }
        let own = if entry.namespace.is_empty() { Text::const_new("default") } else { entry.namespace.clone() };
        Some(self.namespace.clone().unwrap_or(own))
    }

    /// The queries for one cluster: typed names resolved by its own catalog. Names of kinds it does not
    /// serve come back apart.
    fn queries(&self, entry: &ClusterEntry, catalog: &Catalog, fields: &str, form: Form) -> (Vec<Query>, Vec<Text>) {
        let mut queries = Vec::new();
        let mut absent = Vec::new();
        for (typed, names) in &self.kinds {
            let kinds: Vec<&Kind> = match catalog.find(typed) {
                Some(kind) => vec![kind],
                None => catalog.category(typed).filter(|kind| kind.can("list")).collect(),
            };
            if kinds.is_empty() {
                absent.push(typed.clone());
            }
            for kind in kinds {
                let query = |name: Option<&Text>| Query {
                    kind: kind.clone(),
                    namespace: self.namespace_in(entry),
                    name: name.cloned(),
                    selector: self.selector.clone(),
                    fields: Text::new(fields),
                    form,
                };
                if names.is_empty() {
                    queries.push(query(None));
                } else {
                    queries.extend(names.iter().map(|name| query(Some(name))));
                }
            }
        }
        (queries, absent)
    }
}

/// What one cluster answered to everything it was asked.
#[derive(Debug, Default)]
struct Answers {
    replies: Vec<Reply>,
    /// Named objects it does not have.
    not_found: Vec<Text>,
    /// Kinds it does not serve.
    absent: Vec<Text>,
    /// The first thing that went wrong; what was answered before stays.
    error: Option<ClusterError>,
}

async fn answer(target: Target, wanted: &Wanted, fields: &str, form: Form) -> Result<Answers, ClusterError> {
    let catalog = target.cluster.discover().await?;
    let (queries, absent) = wanted.queries(&target.entry, &catalog, fields, form);
    let mut out = Answers { absent, ..Answers::default() };
    for query in queries {
        let (kind, name) = (query.kind.clone(), query.name.clone());
        match target.cluster.query(query).await {
            Ok(answer) => out.replies.push(Reply { cluster: target.entry.name.clone(), kind, answer }),
            Err(ClusterError::NotFound(what)) if name.is_some() => out.not_found.push(what),
            Err(error) => out.error = Some(out.error.unwrap_or(error)),
        }
    }
    Ok(out)
}

/// All that came back, as it is judged and printed.
#[derive(Debug, Default)]
struct Collected {
    replies: Vec<Reply>,
    failures: Vec<Failure>,
    not_found: Vec<(ClusterName, Text)>,
    absent: BTreeMap<Text, Vec<ClusterName>>,
    answered: Vec<ClusterName>,
}

impl Collected {
    fn add(&mut self, cluster: ClusterName, answer: Result<Answers, Failure>) {
        let answers = match answer {
            Ok(answers) => answers,
            Err(failure) => return self.failures.push(failure),
        };
        self.replies.extend(answers.replies);
        self.not_found.extend(answers.not_found.into_iter().map(|what| (cluster.clone(), what)));
        for typed in answers.absent {
            self.absent.entry(typed).or_default().push(cluster.clone());
        }
        if let Some(error) = answers.error {
            self.failures.push(Failure { cluster: cluster.clone(), error });
        }
        self.answered.push(cluster);
    }

    /// Puts answers in an order that does not depend on who was first.
    fn settle(&mut self, order: &[ClusterName]) {
        let at = |name: &ClusterName| order.iter().position(|n| n == name).unwrap_or(usize::MAX);
        self.replies.sort_by_key(|reply| at(&reply.cluster));
        self.failures.sort_by_key(|failure| at(&failure.cluster));
        self.not_found.sort_by_key(|(cluster, _)| at(cluster));
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
    let wanted = Wanted::parse(&args.objects)?;
    let shape = shape(args)?;
    let form = match args.output {
        Output::Table | Output::Wide => Form::Table { with_objects: shape.sort_by.is_some() },
        Output::Json | Output::Yaml | Output::Name => Form::Objects,
    };
    let fields = args.field_selector.clone().unwrap_or_default();
    let (wanted_ref, fields_ref) = (&wanted, fields.as_str());
    let question = |target: Target| -> futures::future::BoxFuture<'_, Result<Answers, ClusterError>> {
        Box::pin(answer(target, wanted_ref, fields_ref, form))
    };
    let mut all = Collected::default();
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
    report(args, &wanted, &all, streams)?;
    Ok(exit_code(args, &wanted, &all, fleet))
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
                    document::envelope(order, self.objects(all), &all.failures)
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

/// What belongs on stderr: failures always; what is merely absent where it explains an empty answer, or with -v.
fn report(args: &GetArgs, wanted: &Wanted, all: &Collected, streams: &mut Streams<'_>) -> Result<(), UserError> {
    let mut lines: Vec<String> = all.failures.iter().map(Failure::line).collect();
    for (typed, clusters) in &all.absent {
        if clusters.len() == all.answered.len() {
            lines.push(format!("error: the server doesn't have a resource type \"{typed}\""));
        } else if streams.verbose {
            lines.push(format!("note: \"{typed}\" is not served by {}", listed(clusters)));
        }
    }
    let nothing = all.objects() == 0;
    if !args.ignore_not_found && (nothing || streams.verbose) {
        let line = |(cluster, what): &(ClusterName, Text)| format!("{cluster}: Error from server (NotFound): {what}");
        lines.extend(all.not_found.iter().map(line));
    }
    let structured = matches!(args.output, Output::Json | Output::Yaml);
    if nothing && lines.is_empty() && !structured && !args.ignore_not_found {
        let everywhere = wanted.all_namespaces || all.replies.iter().all(|reply| !reply.kind.namespaced);
        lines.push(match (&wanted.namespace, everywhere) {
            (Some(namespace), false) => format!("No resources found in {namespace} namespace."),
            (None, false) => "No resources found in each context's own namespace (-A looks in all).".to_owned(),
            (_, true) => "No resources found".to_owned(),
        });
    }
    if !all.failures.is_empty() {
        let asked = all.answered.len() + all.failures.iter().filter(|f| !all.answered.contains(&f.cluster)).count();
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

fn listed(clusters: &[ClusterName]) -> String {
    clusters.iter().map(ClusterName::as_str).collect::<Vec<_>>().join(", ")
}

fn exit_code(args: &GetArgs, wanted: &Wanted, all: &Collected, fleet: &Fleet) -> u8 {
    let failed = failed_clusters(all);
    let unserved = wanted.kinds.iter().any(|(typed, _)| {
        all.absent.get(typed).is_some_and(|clusters| !all.answered.is_empty() && clusters.len() == all.answered.len())
    });
    let nowhere = !all.not_found.is_empty() && all.objects() == 0 && !args.ignore_not_found;
    let by_clusters = fleet.is_failure(args.fan_out.fail_on, failed);
    u8::from(by_clusters || unserved || nowhere)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(what: &[&str]) -> Result<Wanted, UserError> {
        Wanted::parse(&ObjectArgs {
            what: what.iter().map(ToString::to_string).collect(),
            namespace: None,
            all_namespaces: false,
            selector: None,
        })
    }

    #[test]
    fn types_and_names_are_read_as_kubectl_reads_them() {
        let kinds = |what: &[&str]| wanted(what).unwrap().kinds;
        assert_eq!(kinds(&["pods,svc"]).len(), 2);
        assert_eq!(kinds(&["pod", "a", "b"]), [(Text::new("pod"), vec![Text::new("a"), Text::new("b")])]);
        assert_eq!(kinds(&["pod/a", "svc/b", "pod/c"])[0].1, ["a", "c"]);
        assert_eq!(wanted(&["pod/a", "b"]).unwrap_err().exit_code(), 2);
        assert_eq!(wanted(&[","]).unwrap_err().exit_code(), 2);
    }
}
