//! Open documents: fetched, and fetched again when their object changes, until they are closed.

use crate::engine::cluster::ClusterError;
use crate::engine::observation::{AttemptId, DocumentEffect, DocumentObservation, Effect};
use crate::engine::part::{Clusters, KindLookup, Part, StepContext};
use crate::model::cell::{Cell, Column};
use crate::model::cluster::ClusterName;
use crate::model::document::{Aspect, Body, Document};
use crate::model::kind::KindId;
use crate::model::object::{ObjectKey, Row};
use crate::model::text::Text;
use crate::protocol::{DocumentRequest, RequestId, Reveal, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Documents open at once, over all screens; beyond that, the one opened first is closed.
pub(super) const DOCUMENTS_MAX: usize = 32;
/// Shortest time between two fetches of an object that changes all the time.
const DEBOUNCE: Duration = Duration::from_millis(400);

/// An open document and its fetch.
#[derive(Debug)]
struct Opened {
    document: Document,
    fetch: Option<AttemptId>,
    /// True if the object changed during the fetch.
    again: bool,
    due: Option<Duration>,
    dirty: bool,
}

#[derive(Debug, Default)]
pub(super) struct Documents {
    open: BTreeMap<RequestId, Opened>,
    /// True if a document was closed since the last snapshot.
    closed: bool,
}

impl Documents {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Handles a request of a screen.
    pub(super) fn on_request(&mut self, request: DocumentRequest, clusters: &dyn Clusters, cx: &mut StepContext) {
        match request {
            DocumentRequest::Open { id, object, aspect } => self.open(id, object, aspect, cx),
            DocumentRequest::Close(id) => self.close(id, cx),
            DocumentRequest::RevealSecret { id, object, reveal } => begin_reveal(id, object, reveal, clusters, cx),
        }
    }

    /// Folds in an observation.
    pub(super) fn on(&mut self, observation: DocumentObservation, cx: &mut StepContext) {
        match observation {
            DocumentObservation::Opened { attempt, outcome } => self.on_opened(attempt, outcome, cx),
            DocumentObservation::Revealed { id, outcome } => cx.operations.end(id, outcome),
        }
    }

    fn open(&mut self, id: RequestId, object: ObjectKey, aspect: Aspect, cx: &mut StepContext) {
        self.close(id, cx);
        if self.open.len() >= DOCUMENTS_MAX
            && let Some(first) = self.open.keys().next().copied()
        {
            self.close(first, cx);
        }
        let document = Document { object, aspect, body: Body::Fetching };
        let due = Some(cx.now.elapsed);
        self.open.insert(id, Opened { document, fetch: None, again: false, due, dirty: true });
    }

    fn close(&mut self, id: RequestId, cx: &mut StepContext) {
        if let Some(opened) = self.open.remove(&id) {
            self.closed = true;
            if let Some(attempt) = opened.fetch {
                cx.effects.push(Effect::Document(DocumentEffect::Cancel(attempt)));
            }
        }
    }

    fn on_opened(&mut self, attempt: AttemptId, outcome: Result<Vec<Text>, ClusterError>, cx: &StepContext) {
        let Some(opened) = self.open.values_mut().find(|opened| opened.fetch == Some(attempt)) else { return };
        opened.fetch = None;
        if std::mem::take(&mut opened.again) {
            opened.due = Some(cx.after(DEBOUNCE));
        }
        match outcome {
            Ok(lines) => opened.show(Body::Ready(lines.into())),
            Err(ClusterError::NotFound(why)) => match opened.lines() {
                Some(lines) => opened.show(Body::Gone(lines)),
                None => opened.fail(&why),
            },
            Err(error) => opened.fail(&error.to_string()),
        }
    }

    /// A row of a watched shard was applied, or deleted (`row` is `None`).
    pub(super) fn on_change(&mut self, change: &Changed<'_>, cx: &StepContext) {
        for opened in self.open.values_mut().filter(|opened| opened.is_touched_by(change)) {
            if change.deleted
                && let Some(lines) = opened.lines()
            {
                opened.due = None;
                opened.show(Body::Gone(lines));
            } else if opened.fetch.is_some() {
                opened.again = true;
            } else if opened.due.is_none() {
                opened.due = Some(cx.after(DEBOUNCE));
            }
        }
    }

    /// Fetches failed documents again, and current ones since they may have changed, when the cluster answers again.
    pub(super) fn on_answer(&mut self, cluster: &ClusterName, cx: &StepContext) {
        for opened in self.open.values_mut().filter(|opened| opened.document.object.cluster == *cluster) {
            opened.fetch = None;
            opened.due = Some(cx.now.elapsed);
        }
    }
}

impl Part for Documents {
    fn next_due(&self) -> Option<Duration> {
        self.open.values().filter_map(|opened| opened.due).min()
    }

    /// Fetches what is due.
    fn run_due(&mut self, clusters: &dyn Clusters, cx: &mut StepContext) {
        for opened in self.open.values_mut() {
            if !cx.is_due(opened.due) {
                continue;
            }
            opened.due = None;
            let object = &opened.document.object;
            let session = match clusters.session(&object.cluster) {
                Ok(session) => session,
                Err(why) => {
                    opened.fail(&why);
                    continue;
                }
            };
            let kind = match clusters.kind(&object.cluster, &object.kind) {
                KindLookup::Served(kind) => kind,
                KindLookup::NotServed => {
                    opened.fail("the cluster serves no such kind");
                    continue;
                }
                KindLookup::NotKnownYet => {
                    opened.due = Some(cx.after(DEBOUNCE));
                    continue;
                }
            };
            let attempt = cx.attempt_id();
            opened.fetch = Some(attempt);
            cx.effects.push(Effect::Document(DocumentEffect::Open {
                session,
                attempt,
                object: opened.document.object.clone(),
                kind,
                aspect: opened.document.aspect,
            }));
        }
    }

    fn is_dirty(&self) -> bool {
        self.closed || self.open.values().any(|opened| opened.dirty)
    }

    fn publish(&mut self, next: &mut Snapshot) -> bool {
        if !self.is_dirty() {
            return false;
        }
        self.closed = false;
        let before = &next.documents;
        let documents = self.open.iter_mut().map(|(id, opened)| {
            let clean = !std::mem::take(&mut opened.dirty);
            let same = before.get(id).filter(|_| clean).map(Arc::clone);
            (*id, same.unwrap_or_else(|| Arc::new(opened.document.clone())))
        });
        next.documents = Arc::new(documents.collect());
        true
    }
}

/// A change of an object.
pub(super) struct Changed<'a> {
    pub cluster: &'a ClusterName,
    pub kind: &'a KindId,
    pub namespace: &'a str,
    pub name: &'a str,
    pub deleted: bool,
    /// Subject of an event, `kind/name` as in its OBJECT column.
    pub about: Option<&'a str>,
}

impl Opened {
    fn is_touched_by(&self, change: &Changed<'_>) -> bool {
        let object = &self.document.object;
        if object.cluster != *change.cluster || object.namespace != change.namespace {
            return false;
        }
        if object.kind == *change.kind {
            return object.name == change.name;
        }
        // A description tells of the object's events.
        let (Aspect::Describe, Some((kind, name))) =
            (self.document.aspect, change.about.and_then(|about| about.split_once('/')))
        else {
            return false;
        };
        object.name == name && object.kind.kind.eq_ignore_ascii_case(kind)
    }

    fn lines(&self) -> Option<Arc<[Text]>> {
        match &self.document.body {
            Body::Ready(lines) | Body::Gone(lines) => Some(Arc::clone(lines)),
            Body::Fetching | Body::Failed(_) => None,
        }
    }

    fn show(&mut self, body: Body) {
        if self.document.body != body {
            self.document.body = body;
            self.dirty = true;
        }
    }

    /// Shows the error, unless an earlier fetch succeeded: its text stays.
    fn fail(&mut self, why: &str) {
        if self.lines().is_none() {
            self.show(Body::Failed(Text::new(why)));
        }
    }
}

fn begin_reveal(id: RequestId, object: ObjectKey, reveal: Reveal, clusters: &dyn Clusters, cx: &mut StepContext) {
    cx.operations.begin(id, &format!("reveal secret {}", object.name), Some(&object.cluster));
    let found = (clusters.session(&object.cluster), clusters.kind(&object.cluster, &object.kind));
    let (Ok(session), KindLookup::Served(kind)) = found else {
        let why = Text::const_new("the cluster is not connected, or serves no such kind");
        return cx.operations.end(id, Err(ClusterError::Failed(why)));
    };
    cx.effects.push(Effect::Document(DocumentEffect::Reveal { session, id, object, kind, reveal }));
}

/// Returns the object that an event row is about.
pub(super) fn about<'a>(row: &'a Row, columns: &[Column]) -> Option<&'a str> {
    let at = columns.iter().position(|column| column.name == "OBJECT")?;
    if let Cell::Text(text) = row.cells.get(at)? { Some(text) } else { None }
}
