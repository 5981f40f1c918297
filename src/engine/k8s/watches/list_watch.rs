//! A list, and then its watch, until it is dropped: yields the text of each object as it arrives.
//!
//! The first list comes from the server's cache, in one response that is parsed while it arrives (`docs/adr/0012`):
//! that is the fastest, and there is nothing yet that it could be older than. Later lists are of the latest state,
//! streamed where the server supports that, and in pages otherwise; so is the first if that one response broke off, as
//! it does if it takes longer than the server's limit of a minute for a request.

use super::follow::{Change, Follow};
use super::list::{List, Piece};
use super::target::{PAGE, Target};
use super::{REFRESH, Shared};
use crate::engine::cluster::ClusterError;
use crate::model::text::Text;
use http::HeaderValue;
use http::header::ACCEPT_ENCODING;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::time::Instant;

/// State that survives from one list and watch to the next of the same kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Past {
    /// The list in one response was read, or tried.
    is_first_over: bool,
    /// The history expired, and nothing was watched since: the next time is an error, so that a server whose lists are
    /// always too old to be watched is not asked in a loop.
    has_relisted: bool,
    watching: Watching,
}

/// Permission to watch a kind that can be listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Watching {
    /// Allowed, as far as is known.
    #[default]
    Allowed,
    /// A streamed list was denied: to the server it is a watch.
    StreamDenied,
    /// The watch was denied, and the caller knows.
    Denied,
}

/// The next event of a list and watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A list begins, of so many objects if the server states their number.
    Begin { expected: Option<u32> },
    /// An object is new or has changed: [`ListWatch::text`].
    Put,
    /// An object was deleted: [`ListWatch::text`].
    Gone,
    /// The list is complete.
    Complete,
    /// The list is allowed and the watch is not, for this reason: the list is read again after a pause.
    Denied(Text),
    /// The watch is allowed by now.
    Watched,
}

/// A list and watch in progress.
pub(super) struct ListWatch {
    shared: Arc<Shared>,
    target: Arc<Target>,
    pub(super) past: Past,
    stage: Stage,
    /// The object of the last watch event.
    told: Option<Box<RawValue>>,
}

enum Stage {
    /// A list is to be read: from the start, or from this page on.
    Ask {
        token: String,
    },
    Reading {
        list: List,
        from_cache: bool,
        is_first_page: bool,
    },
    /// Changes, or a streamed list and then changes.
    Watching(Follow),
    /// The list may not be watched; it is due again at this time.
    Resting(Instant),
}

/// From the start.
const AFRESH: Stage = Stage::Ask { token: String::new() };

impl ListWatch {
    pub(super) fn new(shared: &Arc<Shared>, target: Target, past: Past) -> Self {
        Self { shared: Arc::clone(shared), target: Arc::new(target), past, stage: AFRESH, told: None }
    }

    /// Returns the next event. After an error the next call resumes at once: the caller waits first. Fails if the list
    /// or the watch is refused, or breaks.
    pub(super) async fn next(&mut self) -> Result<Event, ClusterError> {
        self.told = None;
        loop {
            if let Stage::Resting(until) = self.stage {
                tokio::time::sleep_until(until).await;
            }
            let event = match std::mem::replace(&mut self.stage, AFRESH) {
                Stage::Ask { token } => {
                    self.stage = self.ask(&token).await?;
                    None
                }
                Stage::Reading { list, from_cache, is_first_page } => {
                    self.read(list, from_cache, is_first_page).await?
                }
                Stage::Watching(follow) => self.watch(follow).await?,
                // It is over.
                Stage::Resting(_) => None,
            };
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    /// The text of the object of the last event. Fails if that event has no object, or if the text is not UTF-8.
    pub(super) fn text(&self) -> Result<&str, ClusterError> {
        match (&self.told, &self.stage) {
            (Some(text), _) => Ok(text.get()),
            (None, Stage::Reading { list, .. }) => list.object(),
            (None, _) => Err(ClusterError::Failed(Text::const_new("the event was about no object"))),
        }
    }

    /// Starts to read a list, in the way that is best now.
    async fn ask(&mut self, token: &str) -> Result<Stage, ClusterError> {
        let is_first_page = token.is_empty();
        let from_cache = is_first_page && !self.past.is_first_over;
        let may_stream = is_first_page && !from_cache && self.past.watching == Watching::Allowed;
        if may_stream && self.shared.streaming.is_offered(&self.shared.client).await {
            return Ok(Stage::Watching(Follow::from_nothing(&self.shared, &self.target)));
        }
        let mut request = if from_cache {
            // Servers without a cache for the kind keep to the limit; the others ignore it.
            self.target.request(vec!["resourceVersion=0".to_owned(), format!("limit={PAGE}")])?
        } else {
            self.target.page(token)?
        };
        if from_cache && self.shared.observed.is_near() {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let list = List::open(&self.shared.client, request.map(Into::into)).await?;
        Ok(Stage::Reading { list, from_cache, is_first_page })
    }

    async fn read(
        &mut self,
        mut list: List,
        from_cache: bool,
        is_first_page: bool,
    ) -> Result<Option<Event>, ClusterError> {
        // Whatever goes wrong from here on, the next answer of this kind would meet it again.
        self.past.is_first_over |= from_cache;
        let (stage, event) = match list.next().await? {
            Piece::Begin { remaining } => {
                let expected = remaining.map(|more| u32::try_from(more).unwrap_or(u32::MAX).saturating_add(PAGE));
                let event = is_first_page.then_some(Event::Begin { expected });
                (Stage::Reading { list, from_cache, is_first_page }, event)
            }
            Piece::Object => (Stage::Reading { list, from_cache, is_first_page }, Some(Event::Put)),
            Piece::End(meta) if !meta.next.is_empty() => (Stage::Ask { token: meta.next }, None),
            Piece::End(meta) if meta.resource_version.is_empty() => {
                return Err(ClusterError::Failed(Text::const_new("the server sends no resourceVersion")));
            }
            Piece::End(meta) => {
                let follow = Follow::after(&self.shared, &self.target, meta.resource_version);
                (Stage::Watching(follow), Some(Event::Complete))
            }
        };
        self.stage = stage;
        Ok(event)
    }

    async fn watch(&mut self, mut follow: Follow) -> Result<Option<Event>, ClusterError> {
        let change = follow.next().await;
        self.past.has_relisted &= !follow.has_moved();
        let change = match change {
            // A streamed list is a watch to the server: a list in pages may still be allowed.
            Err(ClusterError::Denied(_)) if follow.is_listing() => {
                self.past.watching = Watching::StreamDenied;
                return Ok(None);
            }
            Err(ClusterError::Denied(why)) => {
                self.stage = Stage::Resting(Instant::now() + REFRESH);
                let before = std::mem::replace(&mut self.past.watching, Watching::Denied);
                return Ok((before != Watching::Denied).then_some(Event::Denied(why)));
            }
            change => change,
        };
        self.stage = Stage::Watching(follow);
        Ok(Some(match change? {
            Change::Begin => Event::Begin { expected: None },
            Change::Opened => {
                let before = std::mem::take(&mut self.past.watching);
                return Ok((before == Watching::Denied).then_some(Event::Watched));
            }
            Change::Put(text) => {
                self.told = Some(text);
                Event::Put
            }
            Change::Gone(text) => {
                self.told = Some(text);
                Event::Gone
            }
            Change::Complete => Event::Complete,
            Change::NotStreamed => {
                self.shared.streaming.refuse();
                self.stage = AFRESH;
                return Ok(None);
            }
            Change::Expired => {
                self.stage = AFRESH;
                if std::mem::replace(&mut self.past.has_relisted, true) {
                    return Err(ClusterError::Expired);
                }
                return Ok(None);
            }
        }))
    }
}
