//! The watch of a kind whose objects we project ourselves.

use super::wire::{Wire, resource};
use super::{Item, Shared};
use crate::engine::cluster::{ClusterError, WatchItem, WatchSpec};
use crate::engine::k8s::client::errors::translate;
use crate::engine::k8s::projection::{self, Interner, Projection};
use crate::model::text::Text;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kube::Api;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use std::sync::Arc;

/// Seconds a watch lasts before the server ends it and it resumes. kube takes a stream that is silent
/// five seconds longer for dead: even the longest notices a dead link within two minutes.
const TIMEOUT_S: std::ops::RangeInclusive<u32> = 75..=105;

/// Objects per page where the list does not stream. Pages ask for the latest state: with
/// `resourceVersion=0` servers ignore the limit and send one body of any size.
const PAGE: u32 = 500;

/// How long the next watch lasts: jittered, so that they do not all end together.
pub(super) fn timeout(shared: &Shared) -> u32 {
    shared.random.lock().u32(TIMEOUT_S)
}

/// One running list and watch.
pub(super) struct Objects {
    shared: Arc<Shared>,
    namespace: Option<Text>,
    resource: String,
    projection: Projection,
    interner: Interner,
    events: BoxStream<'static, Result<Event<Wire>, Error>>,
    /// The list comes as a stream, which the server may still refuse, or never end.
    streaming: bool,
    phase: Phase,
    /// The history had gone, and nothing was watched since: the next time it is an error, so that a
    /// server whose lists are always too old to be watched is not asked in a circle.
    pub(super) has_relisted: bool,
}

/// How far the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Listing,
    Watching,
    /// Of no more use: the caller waits, and a new one begins.
    Spent,
}

impl Objects {
    pub(super) fn new(
        shared: &Arc<Shared>,
        spec: &WatchSpec,
        namespace: Option<&Text>,
        projection: Projection,
        streaming: bool,
    ) -> Self {
        let resource = resource(&spec.kind);
        let api: Api<Wire> = match namespace {
            Some(namespace) => Api::namespaced_with(shared.client.clone(), namespace, &resource),
            None => Api::all_with(shared.client.clone(), &resource),
        };
        Self {
            shared: Arc::clone(shared),
            namespace: namespace.cloned(),
            resource: spec.kind.resource(),
            projection,
            interner: Interner::default(),
            events: watcher(api, config(spec, timeout(shared), streaming)).boxed(),
            streaming,
            phase: Phase::New,
            has_relisted: false,
        }
    }

    /// The next item; `None` to begin again from nothing. May be dropped at any await and asked again.
    pub(super) async fn next(&mut self) -> Option<Item> {
        if self.phase == Phase::Spent {
            return None;
        }
        loop {
            match self.events.next().await? {
                Ok(Event::Init) => {
                    return self.started().map(Ok);
                }
                Ok(Event::InitApply(wire)) => return Some(self.applied(&wire)),
                Ok(Event::Apply(wire)) => {
                    self.has_relisted = false;
                    return Some(self.applied(&wire));
                }
                Ok(Event::InitDone) => {
                    self.phase = Phase::Watching;
                    return Some(Ok(WatchItem::Listed { namespace: self.namespace.clone() }));
                }
                Ok(Event::Delete(wire)) => {
                    self.has_relisted = false;
                    return Some(self.deleted(&wire));
                }
                Err(error) => match self.failed(error) {
                    Recovery::Report(error) => return Some(Err(error)),
                    Recovery::Relist => {}
                    Recovery::Restart => return None,
                },
            }
        }
    }

    fn started(&mut self) -> Option<WatchItem> {
        if self.streaming && self.phase == Phase::Listing {
            // The stream ended in silence before its list did: this server does not know how it ends.
            self.shared.streaming.refuse();
            return None;
        }
        self.phase = Phase::Listing;
        Some(WatchItem::Started {
            namespace: self.namespace.clone(),
            columns: self.projection.columns(),
            expected: None,
        })
    }

    fn applied(&mut self, wire: &Wire) -> Item {
        let text = wire.text();
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        match self.projection.row(&self.shared.cluster, text, &mut self.interner) {
            Ok(row) => Ok(WatchItem::Applied { row: Box::new(row), bytes }),
            Err(why) => Err(self.unreadable(&why)),
        }
    }

    fn deleted(&self, wire: &Wire) -> Item {
        match projection::identity(wire.text()) {
            Ok((namespace, name)) => Ok(WatchItem::Deleted { namespace, name }),
            Err(why) => Err(self.unreadable(&why)),
        }
    }

    fn unreadable(&self, why: &projection::Unreadable) -> ClusterError {
        ClusterError::Failed(Text::from(format!("{}: {why}", self.resource)))
    }

    /// Decides what an error means for the watch.
    fn failed(&mut self, error: Error) -> Recovery {
        let (cause, starting) = match error {
            Error::WatchStartFailed(cause) => (cause, true),
            Error::InitialListFailed(cause) | Error::WatchFailed(cause) => (cause, false),
            Error::WatchError(status) => (kube::Error::Api(status), false),
            Error::NoResourceVersion => {
                let why = format!("{}: the server sends no resourceVersion", self.resource);
                return Recovery::Report(ClusterError::Failed(Text::from(why)));
            }
        };
        let code = if let kube::Error::Api(status) = &cause { status.code } else { 0 };
        match (self.phase, code) {
            // Rows stay as they are until the new list is there; it is no failure worth a wait.
            (Phase::Watching, 410) if !self.has_relisted => {
                self.phase = Phase::New;
                self.has_relisted = true;
                if starting { Recovery::Restart } else { Recovery::Relist }
            }
            (Phase::Watching, 410) => {
                self.phase = Phase::Spent;
                Recovery::Report(ClusterError::Expired)
            }
            (Phase::New, 400 | 405 | 406 | 415 | 422) if self.streaming => {
                self.shared.streaming.refuse();
                Recovery::Restart
            }
            (phase, _) => {
                if phase == Phase::Listing {
                    self.phase = Phase::New;
                }
                Recovery::Report(translate(&cause))
            }
        }
    }
}

/// What follows an error.
enum Recovery {
    /// The caller hears of it, waits, and polls again.
    Report(ClusterError),
    /// kube lists again by itself.
    Relist,
    /// Begin again with a new watcher.
    Restart,
}

fn config(spec: &WatchSpec, timeout_s: u32, streaming: bool) -> Config {
    let mut config = Config::default().timeout(timeout_s).page_size(PAGE);
    if !spec.selector.is_empty() {
        config = config.labels(&spec.selector);
    }
    if !spec.fields.is_empty() {
        config = config.fields(&spec.fields);
    }
    if streaming { config.streaming_lists() } else { config }
}
