//! The answers as tables: all together, or one for each cluster as it answers.

use super::{Asking, Collected, Streams, write};
use crate::cli::GetArgs;
use crate::engine::cluster::Form;
use crate::error::UserError;
use crate::model::text::Text;
use crate::report::Reply;
use crate::report::table::{Shape, TextTable, layout, merge};
use futures::StreamExt as _;

/// Queries the clusters and prints the answers. Always returns true. Fails if the output cannot be written.
pub(super) async fn print(
    asking: &Asking<'_>,
    shape: &Shape,
    all: &mut Collected,
    streams: &mut Streams<'_>,
) -> Result<bool, UserError> {
    let form = Form::Table { with_objects: shape.sort_by.is_some() };
    let mut printer = Printer { args: asking.args, shape, last_heading: Vec::new() };
    let mut kept: Vec<Reply> = Vec::new();
    let mut answers = Box::pin(asking.ask(None, form));
    while let Some((cluster, answer)) = answers.next().await {
        let (replies, _) = all.hear(&cluster, answer);
        if asking.args.stream {
            printer.tables(&replies, streams)?;
        } else {
            kept.extend(replies);
        }
    }
    // The order does not depend on who was first.
    let order = asking.fleet.names();
    kept.sort_by_key(|reply| order.iter().position(|name| *name == reply.cluster).unwrap_or(usize::MAX));
    printer.tables(&kept, streams)?;
    Ok(true)
}

struct Printer<'a> {
    args: &'a GetArgs,
    shape: &'a Shape,
    last_heading: Vec<Text>,
}

impl Printer<'_> {
    /// Prints a table for each kind, with a blank line between them.
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
    fn table(&mut self, grid: &TextTable, streams: &mut Streams<'_>) -> Result<(), UserError> {
        let repeated = self.args.stream && self.last_heading == grid.heading;
        let text = layout(grid, self.args.no_headers || repeated);
        self.last_heading.clone_from(&grid.heading);
        write(streams.out, &text)
    }
}
