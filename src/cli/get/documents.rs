//! The answers as documents and names, written while they arrive: in the order of the clusters, or one document for
//! each cluster as it answers.

use super::{Answers, Asking, Collected, Streams};
use crate::cli::Output;
use crate::cli::sought::Ledger;
use crate::cli::turns::{HELD_BYTES_MAX, Turns};
use crate::engine::cluster::{Answer, Form, ObjectText};
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::ClusterName;
use crate::model::text::clean;
use crate::report::document::{Format, Part, Shape, Writer};
use crate::report::table::prefixed;
use crate::report::{Failure, Reply, worded};
use futures::StreamExt as _;
use serde::Deserialize;
use std::io::{BufWriter, ErrorKind as IoKind, Result as IoResult, Write};

/// Size of one write.
const BUFFER_BYTES: usize = 64 * 1024;

/// Queries the clusters and prints the answers; returns false if the reader closed the pipe. Fails if the output cannot
/// be written.
pub(super) async fn print(
    asking: &Asking<'_>,
    all: &mut Collected,
    streams: &mut Streams<'_>,
) -> Result<bool, UserError> {
    let args = asking.args;
    let form = Form::Objects { managed_fields: args.show_managed_fields };
    let shape = if args.flat { Shape::Flat } else { Shape::Envelope };
    let format = match args.output {
        Output::Json => Some(Format::Json),
        Output::Yaml => Some(Format::Yaml),
        Output::Table | Output::Wide | Output::Name => None,
    };
    let mut page = Page { out: BufWriter::with_capacity(BUFFER_BYTES, &mut *streams.out), is_read: true };
    if args.stream {
        return one_by_one(asking, (format, shape, form), all, &mut page).await;
    }
    let mut writer = format.map(|format| Writer::new(format, shape));
    let mut turns = Turns::new(asking.fleet.names(), HELD_BYTES_MAX);
    if let Some(writer) = &writer {
        page.put(|out| writer.begin(out))?;
    }
    let mut answers = Box::pin(asking.ask(Some(turns.room()), form));
    while let Some((cluster, answer)) = answers.next().await {
        let (replies, failure) = all.hear(&cluster, answer);
        let piece = Piece::new(format, &cluster, replies, failure.as_ref());
        let bytes = piece.bytes();
        for due in turns.put(&cluster, piece, bytes) {
            page.put(|out| due.write(writer.as_mut(), out))?;
        }
        if !page.is_read {
            return Ok(false);
        }
    }
    if let Some(writer) = writer {
        page.put(|out| writer.end(all.ledger.missing(), out))?;
    }
    Ok(page.is_read)
}

/// Prints a whole document for each cluster as it answers.
async fn one_by_one(
    asking: &Asking<'_>,
    (format, shape, form): (Option<Format>, Shape, Form),
    all: &mut Collected,
    page: &mut Page<'_>,
) -> Result<bool, UserError> {
    let mut is_first = true;
    let mut answers = Box::pin(asking.ask(None, form));
    while let Some((cluster, answer)) = answers.next().await {
        let missing = alone(asking, &cluster, answer.as_ref().ok());
        let (replies, failure) = all.hear(&cluster, answer);
        let piece = Piece::new(format, &cluster, replies, failure.as_ref());
        if !is_first && format == Some(Format::Yaml) {
            page.put(|out| out.write_all(b"---\n"))?;
        }
        is_first = false;
        page.put(|out| {
            let Some(format) = format else { return piece.write(None, out) };
            let mut writer = Writer::new(format, shape);
            writer.begin(out)?;
            piece.write(Some(&mut writer), out)?;
            writer.end(missing, out)
        })?;
        if !page.is_read {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The named objects and the kinds that a single cluster does not have.
fn alone(asking: &Asking<'_>, cluster: &ClusterName, answers: Option<&Answers>) -> (Vec<String>, Vec<String>) {
    let mut ledger = Ledger::new(asking.wanted, asking.args.ignore_not_found);
    if let Some(answers) = answers {
        ledger.hear(cluster, answers.sightings.clone(), answers.absent.clone());
    }
    ledger.missing()
}

/// The output of one cluster.
enum Piece {
    /// Lines with a name each.
    Names(String),
    Document(Part),
}

impl Piece {
    fn new(format: Option<Format>, cluster: &ClusterName, replies: Vec<Reply>, failure: Option<&Failure>) -> Self {
        if format.is_none() {
            return Self::Names(names(&replies));
        }
        let documents = |reply: Reply| match reply.answer {
            Answer::Objects(objects) => objects,
            Answer::Table(_) => Vec::new(),
        };
        let items: Vec<ObjectText> = replies.into_iter().flat_map(documents).collect();
        let error = failure.map(|failure| worded(&failure.error));
        Self::Document(Part { cluster: cluster.clone(), items, error })
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Names(lines) => lines.len(),
            Self::Document(part) => part.bytes(),
        }
    }

    fn write(&self, writer: Option<&mut Writer>, out: &mut dyn Write) -> IoResult<()> {
        match (self, writer) {
            (Self::Names(lines), _) => out.write_all(lines.as_bytes()),
            (Self::Document(part), Some(writer)) => writer.cluster(part, out),
            (Self::Document(_), None) => Ok(()),
        }
    }
}

fn names(replies: &[Reply]) -> String {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Named {
        metadata: Metadata,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Metadata {
        name: String,
    }
    let mut out = String::new();
    for reply in replies {
        let Answer::Objects(objects) = &reply.answer else { continue };
        for object in objects {
            let named: Named = serde_json::from_str(object.text()).unwrap_or_default();
            out.push_str(&prefixed(&reply.kind, &clean(&named.metadata.name)));
            out.push('\n');
        }
    }
    out
}

/// The output, until its reader closes it.
struct Page<'a> {
    out: BufWriter<&'a mut dyn Write>,
    is_read: bool,
}

impl Page<'_> {
    /// Writes a piece to the reader. A closed pipe (`| head`) is a quiet end. Fails on any other I/O error.
    fn put(&mut self, piece: impl FnOnce(&mut dyn Write) -> IoResult<()>) -> Result<(), UserError> {
        if !self.is_read {
            return Ok(());
        }
        match piece(&mut self.out).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == IoKind::BrokenPipe => {
                self.is_read = false;
                Ok(())
            }
            Err(e) => Err(UserError::new(ErrorKind::Internal, format!("the output could not be written: {e}"))),
        }
    }
}
