//! Watches: a stream of changes from a resourceVersion on.
//!
//! A watch holds no queue. It remembers the revision it has sent and reads on from the history of the
//! store, so a slow reader costs nothing, and one that is too slow gets 410.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::super::fault::{Fault, Faults};
use super::super::selector::Selector;
use super::super::status::Failure;
use super::super::store::{Change, Compacted, Object, Verb};
use super::list::{parse_revision, selector};
use super::query::Query;
use super::render::Rendering;
use super::target::Objects;
use super::{ApiServer, Body, Form, JSON};

/// Changes sent in one piece at most, so that a long history is not copied at once.
const BATCH: usize = 256;
/// How often a quiet watch hears how far the server is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// A last bookmark is sent this long before a watch ends by its timeout.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);
/// Without `timeoutSeconds` a server ends watches after 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(45 * 60);

/// One open watch.
struct Watch {
    server: Arc<ApiServer>,
    index: usize,
    namespace: String,
    selector: Selector,
    rendering: Rendering,
    /// The last revision sent.
    revision: u64,
    initial: VecDeque<Arc<Object>>,
    /// Set while the end of a streamed initial list has to be marked.
    announce: bool,
    columns_sent: bool,
    changed: watch::Receiver<u64>,
    faults: watch::Receiver<Faults>,
    cuts: u64,
    /// None when the last one before the end is sent, or none are wanted.
    next_bookmark: Option<Instant>,
    end: Instant,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The fault that sends one strange event has done so.
    Disturbed,
    /// The next poll breaks the connection.
    Broken,
    Done,
}

/// Answers a watch.
pub(super) fn watch(
    server: &Arc<ApiServer>,
    index: usize,
    target: &Objects<'_>,
    query: &Query,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let streamed = wants_initial_events(server, query)?;
    let asked = parse_revision(query.get("resourceVersion"))?;
    let now = Instant::now();
    let timeout = query.number("timeoutSeconds").filter(|seconds| *seconds > 0);
    let end = now + timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let faults = server.faults.subscribe();
    let cuts = faults.borrow().cuts;
    let store = server.store.read();
    let collection = store.collection(index).ok_or_else(Failure::no_such_resource)?;
    if collection.resource.verbs().iter().all(|verb| *verb != "watch") {
        return Err(Failure::method_not_allowed());
    }
    let selector = selector(collection, query)?;
    let rendering = Rendering::new(Arc::clone(&collection.resource), form, query, server.clock.now())?;
    if asked > store.revision() {
        return Err(Failure::too_large(asked, store.revision()));
    }
    // Without a version, or at 0, a watch starts with what there is.
    let from_now = asked == 0 || streamed;
    let initial = if from_now && query.get("sendInitialEvents") != "false" {
        let mut objects = collection.objects(target.namespace);
        objects.retain(|object| selector.matches(&object.facts));
        objects.into()
    } else {
        VecDeque::new()
    };
    let watch = Watch {
        server: Arc::clone(server),
        index,
        namespace: target.namespace.to_owned(),
        selector,
        rendering,
        revision: if from_now { store.revision() } else { asked },
        initial,
        announce: streamed,
        columns_sent: false,
        changed: collection.subscribe(),
        faults,
        cuts,
        next_bookmark: query.is("allowWatchBookmarks").then(|| bookmark_after(now, end)).flatten(),
        end,
        state: State::Open,
    };
    drop(store);
    let stream = stream::unfold(watch, |mut watch| async move {
        let piece = watch.next().await?;
        Some((piece.map(Frame::data), watch))
    });
    Ok(super::stream(StatusCode::OK, JSON, StreamBody::new(stream).boxed_unsync()))
}

/// Whether a streaming list was asked for, refused as servers without the feature refuse it.
fn wants_initial_events(server: &ApiServer, query: &Query) -> Result<bool, Failure> {
    let matching = query.get("resourceVersionMatch");
    if !query.has("sendInitialEvents") {
        if matching.is_empty() {
            return Ok(false);
        }
        return Err(Failure::invalid_options(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ));
    }
    if matching != "NotOlderThan" {
        return Err(Failure::invalid_options(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    if !server.member.version.streams_lists() {
        return Err(Failure::invalid_options(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
        ));
    }
    Ok(query.is("sendInitialEvents"))
}

impl Watch {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            match self.state {
                State::Done => return None,
                State::Broken => {
                    self.state = State::Done;
                    return Some(Err(io::Error::from(io::ErrorKind::ConnectionReset)));
                }
                State::Open | State::Disturbed => {}
            }
            if let Some(piece) = self.initial_events() {
                return Some(Ok(piece));
            }
            if let Some(piece) = self.disturb() {
                return Some(Ok(piece));
            }
            if self.state == State::Broken {
                continue;
            }
            match self.news() {
                Ok(Some(piece)) => return Some(Ok(piece)),
                Ok(None) => {}
                Err(Compacted(oldest)) => {
                    self.state = State::Done;
                    let message = format!("too old resource version: {} ({oldest})", self.revision);
                    return Some(Ok(error_event(&Failure::expired(message))));
                }
            }
            let bookmark = self.next_bookmark;
            tokio::select! {
                _ = self.changed.changed() => {}
                changed = self.faults.changed() => changed.ok()?,
                () = sleep_until(self.end) => return None,
                () = sleep_until(bookmark.unwrap_or(self.end)), if bookmark.is_some() => {
                    return Some(Ok(self.bookmark()));
                }
            }
        }
    }

    /// A part of the objects a watch starts with, then the mark of their end.
    fn initial_events(&mut self) -> Option<Bytes> {
        if !self.initial.is_empty() {
            let mut piece = Vec::new();
            while let Some(object) = self.initial.pop_front() {
                self.event("ADDED", &object, &mut piece);
                if piece.len() >= 64 << 10 {
                    break;
                }
            }
            return Some(piece.into());
        }
        if std::mem::take(&mut self.announce) {
            let annotations = json!({"k8s.io/initial-events-end": "true"});
            let object = self.rendering.bookmark(self.revision, &annotations);
            return Some(line("BOOKMARK", &object));
        }
        None
    }

    /// What a fault makes of this watch now.
    fn disturb(&mut self) -> Option<Bytes> {
        let faults = self.faults.borrow_and_update().clone();
        if faults.cuts != self.cuts
            || faults.current == Fault::CutWatch
            || faults.current.is_of_connection() && faults.current != Fault::BlackHole
        {
            self.state = State::Broken;
            return None;
        }
        if faults.current == Fault::HalfLine {
            self.state = State::Broken;
            return Some(Bytes::from_static(b"{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"P"));
        }
        if faults.current == Fault::UnknownEvent && self.state == State::Open {
            self.state = State::Disturbed;
            let object = self.rendering.bookmark(self.revision, &Value::Null);
            return Some(line("RENAMED", &object));
        }
        let failure = if faults.current == Fault::ErrorEvent {
            Failure::internal("etcdserver: request timed out")
        } else if faults.current == Fault::Expired {
            Failure::expired(format!("too old resource version: {0} ({0})", self.revision))
        } else {
            return None;
        };
        self.state = State::Done;
        Some(error_event(&failure))
    }

    /// The changes since the last piece, if any concern this watch.
    fn news(&mut self) -> Result<Option<Bytes>, Compacted> {
        loop {
            let changes = {
                let store = self.server.store.read();
                self.changed.mark_unchanged();
                let Some(collection) = store.collection(self.index) else {
                    return Ok(None);
                };
                collection.since(self.revision, BATCH)?
            };
            let Some(last) = changes.last() else {
                return Ok(None);
            };
            self.revision = last.revision;
            self.rendering.now = self.server.clock.now();
            let mut piece = Vec::new();
            for change in &changes {
                if let Some(kind) = self.concerns(change) {
                    self.event(kind, &change.object, &mut piece);
                }
            }
            if !piece.is_empty() {
                return Ok(Some(piece.into()));
            }
        }
    }

    /// The type of event a change is for this watch: objects enter and leave selections.
    fn concerns(&self, change: &Change) -> Option<&'static str> {
        if !self.namespace.is_empty() && change.object.facts.namespace() != self.namespace {
            return None;
        }
        let was = change.before.as_ref().is_some_and(|before| self.selector.matches(before));
        let is = change.verb != Verb::Deleted && self.selector.matches(&change.object.facts);
        match (was, is) {
            (false, true) => Some("ADDED"),
            (true, true) => Some("MODIFIED"),
            (true, false) => Some("DELETED"),
            (false, false) => None,
        }
    }

    fn event(&mut self, kind: &str, object: &Object, out: &mut Vec<u8>) {
        out.reserve(object.json.len() + 64);
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        // Only the first Table of a watch says what its columns are.
        let columns = self.rendering.is_table() && !std::mem::replace(&mut self.columns_sent, true);
        self.rendering.whole(object, columns, out);
        out.extend_from_slice(b"}\n");
    }

    fn bookmark(&mut self) -> Bytes {
        self.next_bookmark = bookmark_after(Instant::now(), self.end);
        self.settle();
        line("BOOKMARK", &self.rendering.bookmark(self.revision, &Value::Null))
    }

    /// Takes the revision of the server as sent, unless changes of this resource are still to be sent.
    fn settle(&mut self) {
        let store = self.server.store.read();
        let pending = store
            .collection(self.index)
            .and_then(|collection| collection.since(self.revision, 1).ok())
            .is_none_or(|changes| !changes.is_empty());
        if !pending {
            self.revision = store.revision();
        }
    }
}

/// When the next bookmark is due: in a while, or shortly before the end.
fn bookmark_after(now: Instant, end: Instant) -> Option<Instant> {
    let last = end.checked_sub(BOOKMARK_BEFORE_END)?;
    (now < last).then(|| last.min(now + BOOKMARK_EVERY))
}

fn line(kind: &str, object: &Value) -> Bytes {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").into()
}

fn error_event(failure: &Failure) -> Bytes {
    line("ERROR", &failure.body())
}
