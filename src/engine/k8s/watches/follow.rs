//! A watch that resumes where it ended, until its version has left the server's history.

use super::Shared;
use super::target::Target;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::errors::translate;
use crate::engine::k8s::{projection, query};
use crate::model::text::Text;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kube::core::WatchEvent;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Seconds after which the server ends a watch and it resumes. A watch that is silent for [`GRACE`] longer is dead:
/// even the longest notices a dead link within two minutes.
const TIMEOUT_S: std::ops::RangeInclusive<u32> = 75..=105;

/// A watch that is silent for this much longer than its timeout is dead.
const GRACE: Duration = Duration::from_secs(5);

/// A watch that ended sooner, without an event, was refused in effect: the next one waits.
const SHORTEST: Duration = Duration::from_secs(1);

/// The annotation of the bookmark that ends a streamed list.
const LIST_END: &str = "k8s.io/initial-events-end";

type Events = BoxStream<'static, kube::Result<WatchEvent<Box<RawValue>>>>;

/// A watch from a resourceVersion on; or without a version, which streams the list first.
pub(super) struct Follow {
    shared: Arc<Shared>,
    target: Arc<Target>,
    /// The version to resume from; `None` until a streamed list is complete.
    version: Option<String>,
    running: Option<Running>,
    /// A streamed list ended before it was complete.
    has_broken_off: bool,
    /// The watch has received an event, if only a bookmark.
    has_moved: bool,
}

struct Running {
    events: Events,
    since: Instant,
    patience: Duration,
    /// The connection has brought an event, if only an error.
    has_spoken: bool,
    /// The last event was an error, which may be why the connection ends.
    has_failed: bool,
}

/// An event of a watch.
#[derive(Debug)]
pub(super) enum Change {
    /// The server starts to stream the list.
    Begin,
    /// The server accepts a watch from the present version on.
    Opened,
    /// An object is new or has changed.
    Put(Box<RawValue>),
    Gone(Box<RawValue>),
    /// The streamed list is complete; changes follow.
    Complete,
    /// The list cannot be streamed: the server refuses it, or ended it silently.
    NotStreamed,
    /// The version has left the server's history: list again.
    Expired,
}

impl Follow {
    /// Follows the changes after a version.
    pub(super) fn after(shared: &Arc<Shared>, target: &Arc<Target>, version: String) -> Self {
        Self { version: Some(version), ..Self::from_nothing(shared, target) }
    }

    /// Streams all present objects, then [`Change::Complete`], then changes.
    pub(super) fn from_nothing(shared: &Arc<Shared>, target: &Arc<Target>) -> Self {
        let (shared, target) = (Arc::clone(shared), Arc::clone(target));
        Self { shared, target, version: None, running: None, has_broken_off: false, has_moved: false }
    }

    /// Returns the next event. After an error the next call resumes at once: the caller waits first. Fails if the watch
    /// cannot be opened, or breaks.
    pub(super) async fn next(&mut self) -> Result<Change, ClusterError> {
        loop {
            let Some(running) = &mut self.running else {
                if let Some(change) = self.open().await? {
                    return Ok(change);
                }
                continue;
            };
            let Ok(Some(event)) = tokio::time::timeout(running.patience, running.events.next()).await else {
                if let Some(change) = self.ended()? {
                    return Ok(change);
                }
                continue;
            };
            (running.has_spoken, running.has_failed) = (true, matches!(event, Err(_) | Ok(WatchEvent::Error(_))));
            let event = event.map_err(|e| translate(&e))?;
            if let Some(change) = self.change(event)? {
                return Ok(change);
            }
        }
    }

    /// Decides the meaning of the end of a watch, where it is not just its timeout.
    fn ended(&mut self) -> Result<Option<Change>, ClusterError> {
        let Some(Running { since, has_spoken, has_failed, .. }) = self.running.take() else { return Ok(None) };
        if self.is_listing() && !has_failed {
            // A server that is started anew ends its streams as well; one that does it twice does not stream lists.
            if !has_spoken || std::mem::replace(&mut self.has_broken_off, true) {
                return Ok(Some(Change::NotStreamed));
            }
            return Err(ClusterError::Unreachable(Text::const_new("the list broke off")));
        }
        if !has_spoken && since.elapsed() < SHORTEST {
            return Err(ClusterError::Failed(Text::const_new("the server ended a watch at once")));
        }
        Ok(None)
    }

    /// Returns true while a streamed list is not complete.
    pub(super) fn is_listing(&self) -> bool {
        self.version.is_none()
    }

    /// Returns true if the watch was of use: the server's history reached back to its version.
    pub(super) fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Opens the next watch.
    async fn open(&mut self) -> Result<Option<Change>, ClusterError> {
        let seconds = self.shared.random.lock().u32(TIMEOUT_S);
        let mut parameters =
            vec!["watch=true".to_owned(), "allowWatchBookmarks=true".to_owned(), format!("timeoutSeconds={seconds}")];
        match &self.version {
            Some(version) => parameters.push(format!("resourceVersion={}", query::escape(version))),
            None => {
                parameters.extend(["sendInitialEvents=true", "resourceVersionMatch=NotOlderThan"].map(str::to_owned));
            }
        }
        let request = self.target.request(parameters)?;
        let events = match self.shared.client.request_events(request).await {
            Ok(events) => events.boxed(),
            Err(error) => {
                let code = if let kube::Error::Api(status) = &error { status.code } else { 0 };
                return match (&self.version, code) {
                    (Some(_), 410) => Ok(Some(Change::Expired)),
                    (None, 400 | 405 | 406 | 415 | 422) => Ok(Some(Change::NotStreamed)),
                    _ => Err(translate(&error)),
                };
            }
        };
        let patience = Duration::from_secs(u64::from(seconds)) + GRACE;
        self.running = Some(Running { events, since: Instant::now(), patience, has_spoken: false, has_failed: false });
        Ok(Some(if self.is_listing() { Change::Begin } else { Change::Opened }))
    }

    fn change(&mut self, event: WatchEvent<Box<RawValue>>) -> Result<Option<Change>, ClusterError> {
        Ok(Some(match event {
            WatchEvent::Added(text) | WatchEvent::Modified(text) => {
                self.reached(&text);
                Change::Put(text)
            }
            WatchEvent::Deleted(text) => {
                self.reached(&text);
                Change::Gone(text)
            }
            WatchEvent::Bookmark(bookmark) => {
                let ends = bookmark.metadata.annotations.get(LIST_END).is_some_and(|is| is == "true");
                let was_listing = self.is_listing();
                self.has_moved |= !was_listing;
                if ends || !was_listing {
                    self.version = Some(bookmark.metadata.resource_version);
                }
                return Ok((ends && was_listing).then_some(Change::Complete));
            }
            WatchEvent::Error(status) if status.code == 410 => {
                self.running = None;
                Change::Expired
            }
            WatchEvent::Error(status) => return Err(translate(&kube::Error::Api(status))),
        }))
    }

    /// Takes the version of an object, once the list is complete: the next watch resumes after it.
    fn reached(&mut self, text: &RawValue) {
        if let (Some(version), Some(newer)) = (&mut self.version, projection::resource_version(text.get())) {
            *version = newer;
            self.has_moved = true;
        }
    }
}
