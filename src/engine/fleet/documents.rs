//! Opened documents: fetched, and fetched again when their object changes, until they are closed.

use crate::engine::cluster::ClusterError;
use crate::engine::fleet::baseline_watches;
use crate::engine::fleet::member::Member;
use crate::engine::observation::{AttemptId, Effect};
use crate::engine::part::StepContext;
use crate::model::cell::{Cell, Column};
use crate::model::cluster::ClusterName;
use crate::model::document::{Aspect, Body, Document};
use crate::model::kind::{Kind, KindId};
use crate::model::object::{ObjectKey, Row};
use crate::model::text::Text;
use crate::protocol::RequestId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Documents open at once, over all screens; the one opened first is closed when there are more.
pub(super) const DOCUMENTS_MAX: usize = 32;
/// An object that changes all the time is fetched this often at most.
const DEBOUNCE: Duration = Duration::from_millis(400);

/// One opened document and its fetch.
#[derive(Debug)]
struct Opened {
    document: Document,
    fetch: Option<AttemptId>,
    /// It changed while it was fetched.
    again: bool,
    due: Option<Duration>,
    dirty: bool,
}

#[derive(Debug, Default)]
pub(super) struct Documents {
    open: BTreeMap<RequestId, Opened>,
    /// One was closed since the last snapshot.
    closed: bool,
}

impl Documents {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.closed || self.open.values().any(|opened| opened.dirty)
    }

    pub(super) fn open(&mut self, id: RequestId, object: ObjectKey, aspect: Aspect, turn: &mut StepContext) {
        self.close(id, turn);
        if self.open.len() >= DOCUMENTS_MAX
            && let Some(first) = self.open.keys().next().copied()
        {
            self.close(first, turn);
        }
        let document = Document { object, aspect, body: Body::Fetching };
        let due = Some(turn.now.elapsed);
        self.open.insert(id, Opened { document, fetch: None, again: false, due, dirty: true });
    }

    pub(super) fn close(&mut self, id: RequestId, turn: &mut StepContext) {
        if let Some(opened) = self.open.remove(&id) {
            self.closed = true;
            if let Some(attempt) = opened.fetch {
                turn.effects.push(Effect::Cancel(attempt));
            }
        }
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.open.values().filter_map(|opened| opened.due).min()
    }

    /// Fetches what is due.
    pub(super) fn run_due(&mut self, members: &BTreeMap<ClusterName, Member>, turn: &mut StepContext) {
        for opened in self.open.values_mut() {
            if !turn.is_due(opened.due) {
                continue;
            }
            opened.due = None;
            let Some(member) = members.get(&opened.document.object.cluster) else {
                opened.fail("the cluster is not in the inventory");
                continue;
            };
            if !member.is_serving() {
                let state = member.state();
                opened.fail(&format!("{}: {}", state.word(), state.why()));
                continue;
            }
            let Some(kind) = kind(member, &opened.document.object.kind) else {
                // Its discovery is under way, or the kind is gone.
                match &member.catalog {
                    Some(_) => opened.fail("the cluster serves no such kind"),
                    None => opened.due = Some(turn.after(DEBOUNCE)),
                }
                continue;
            };
            let attempt = turn.attempt_id();
            opened.fetch = Some(attempt);
            turn.effects.push(Effect::Open {
                session: member.session(),
                attempt,
                object: opened.document.object.clone(),
                kind: Box::new(kind),
                aspect: opened.document.aspect,
            });
        }
    }

    pub(super) fn on_opened(
        &mut self,
        attempt: AttemptId,
        outcome: Result<Vec<Text>, ClusterError>,
        turn: &StepContext,
    ) {
        let Some(opened) = self.open.values_mut().find(|opened| opened.fetch == Some(attempt)) else { return };
        opened.fetch = None;
        if std::mem::take(&mut opened.again) {
            opened.due = Some(turn.after(DEBOUNCE));
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
    pub(super) fn on_change(&mut self, change: &Changed<'_>, turn: &StepContext) {
        for opened in self.open.values_mut().filter(|opened| opened.is_touched_by(change)) {
            if change.deleted
                && let Some(lines) = opened.lines()
            {
                opened.due = None;
                opened.show(Body::Gone(lines));
            } else if opened.fetch.is_some() {
                opened.again = true;
            } else if opened.due.is_none() {
                opened.due = Some(turn.after(DEBOUNCE));
            }
        }
    }

    /// The cluster answers again: what could not be fetched is fetched, what was may have changed.
    pub(super) fn on_answer(&mut self, cluster: &ClusterName, turn: &StepContext) {
        for opened in self.open.values_mut().filter(|opened| opened.document.object.cluster == *cluster) {
            opened.fetch = None;
            opened.due = Some(turn.now.elapsed);
        }
    }

    /// The documents, when they changed since they were last taken.
    pub(super) fn take_changed(
        &mut self,
        before: &BTreeMap<RequestId, Arc<Document>>,
    ) -> Option<BTreeMap<RequestId, Arc<Document>>> {
        if !self.is_dirty() {
            return None;
        }
        self.closed = false;
        let documents = self.open.iter_mut().map(|(id, opened)| {
            let clean = !std::mem::take(&mut opened.dirty);
            let kept = before.get(id).filter(|_| clean).map(Arc::clone);
            (*id, kept.unwrap_or_else(|| Arc::new(opened.document.clone())))
        });
        Some(documents.collect())
    }
}

/// One change of one object.
pub(super) struct Changed<'a> {
    pub cluster: &'a ClusterName,
    pub kind: &'a KindId,
    pub namespace: &'a str,
    pub name: &'a str,
    pub deleted: bool,
    /// The object an event is about, `kind/name` as its OBJECT column has it.
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

    /// What was read once stays; only what never came says why.
    fn fail(&mut self, why: &str) {
        if self.lines().is_none() {
            self.show(Body::Failed(Text::new(why)));
        }
    }
}

/// The kind as the cluster serves it.
pub(super) fn kind(member: &Member, id: &KindId) -> Option<Kind> {
    match &member.catalog {
        Some(catalog) => catalog.get(id).cloned(),
        None => baseline_watches::catalog().get(id).cloned(),
    }
}

/// The object an event row is about.
pub(super) fn about<'a>(row: &'a Row, columns: &[Column]) -> Option<&'a str> {
    let at = columns.iter().position(|column| column.name == "OBJECT")?;
    if let Cell::Text(text) = row.cells.get(at)? { Some(text) } else { None }
}
