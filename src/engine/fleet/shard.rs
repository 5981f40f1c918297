//! A kind of a cluster under a selector: its watches, and its rows.

use crate::engine::cluster::{WatchItem, WatchSpec};
use crate::engine::fleet::watch_state::WatchState;
use crate::engine::index::Rows;
use crate::engine::observation::{ClusterEffect, Effect, Session, WatchId};
use crate::engine::part::StepContext;
use crate::model::cell::Column;
use crate::model::kind::{Kind, KindId};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::ShardState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Identity of a shard in its cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct WatchKey {
    pub kind: KindId,
    pub selector: Text,
    /// A field selector; if set, the rows are only counted.
    pub fields: Text,
}

impl WatchKey {
    pub(super) fn all(kind: KindId) -> Self {
        Self { kind, selector: Text::default(), fields: Text::default() }
    }

    /// Returns true if the rows are a shard of the snapshot.
    pub(super) fn is_shown(&self) -> bool {
        self.fields.is_empty()
    }
}

/// Effect of a batch of items.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BatchOutcome {
    pub bytes: u64,
    pub relists: u64,
    /// True if a row that a screen shows is different.
    pub visible: bool,
}

/// Namespace that a watch lists; `None` for all at once.
pub(super) type NamespaceScope = Option<Text>;

/// Watches and rows of a shard.
#[derive(Debug)]
pub(super) struct ShardWatch {
    pub kind: Kind,
    pub rows: Rows,
    pub columns: Arc<[Column]>,
    /// A watch of all namespaces, or one of each if that is denied: a failed one then does not hold up the others.
    pub streams: BTreeMap<NamespaceScope, WatchState>,
    /// True for an always-on watch, which is never left.
    pub pinned: bool,
    /// Time at which the last view left it.
    pub left: Option<Duration>,
    /// Why it does not run, if there are too many watches already.
    pub over_bound: Option<Text>,
    pub dirty: bool,
}

impl ShardWatch {
    pub(super) fn new(kind: Kind, pinned: bool) -> Self {
        Self {
            kind,
            rows: Rows::default(),
            columns: Arc::default(),
            streams: BTreeMap::from([(None, WatchState::default())]),
            pinned,
            left: None,
            over_bound: None,
            dirty: true,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.streams.values().any(|stream| stream.id.is_some())
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = WatchId> {
        self.streams.values().filter_map(|stream| stream.id)
    }

    /// Starts or restarts one of its watches; rows stay until the new list is complete.
    pub(super) fn start(
        &mut self,
        key: &WatchKey,
        of: &NamespaceScope,
        session: &Session,
        cx: &mut StepContext,
    ) -> Option<WatchId> {
        let watch = self.streams.get_mut(of)?.start(cx);
        self.over_bound = None;
        self.dirty = true;
        let spec = WatchSpec {
            kind: self.kind.clone(),
            selector: key.selector.clone(),
            fields: key.fields.clone(),
            namespaces: of.as_ref().map(|namespace| Arc::from([namespace.clone()])),
        };
        cx.effects.push(Effect::Cluster(ClusterEffect::Watch {
            session: session.clone(),
            watch,
            spec: Box::new(spec),
        }));
        Some(watch)
    }

    /// Lists these namespaces, each on its own, instead of all at once; watches of them that run already stay.
    pub(super) fn narrow(&mut self, namespaces: &[Text], cx: &mut StepContext) {
        let ended: Vec<NamespaceScope> =
            self.streams.keys().filter(|of| of.as_ref().is_none_or(|of| !namespaces.contains(of))).cloned().collect();
        for of in ended {
            if let Some(id) = self.streams.remove(&of).and_then(|stream| stream.id) {
                cx.effects.push(Effect::Cluster(ClusterEffect::Unwatch(id)));
            }
        }
        for namespace in namespaces {
            self.streams.entry(Some(namespace.clone())).or_default();
        }
        self.rows.narrow(namespaces);
        self.dirty = true;
    }

    /// Lists all namespaces at once again: it may be allowed by now.
    pub(super) fn widen(&mut self, cx: &mut StepContext) {
        if self.streams.contains_key(&None) {
            return;
        }
        cx.effects.extend(self.ids().map(|watch| Effect::Cluster(ClusterEffect::Unwatch(watch))));
        self.streams = BTreeMap::from([(None, WatchState::default())]);
        self.dirty = true;
    }

    /// Drops the streams of a client that is gone. Rows stay.
    pub(super) fn cut(&mut self) {
        self.streams.values_mut().for_each(WatchState::cut);
        self.dirty = true;
    }

    /// Folds in one item of one of its watches.
    pub(super) fn item(&mut self, of: &NamespaceScope, item: WatchItem, now: Duration, brought: &mut BatchOutcome) {
        let complete = self.rows.is_complete(of.as_ref());
        let Some(stream) = self.streams.get_mut(of) else { return };
        self.dirty |= stream.on_item();
        let change = match item {
            WatchItem::Started { columns, expected, .. } => {
                brought.relists += u64::from(complete);
                self.rows.start(of.as_ref());
                self.dirty |= self.columns != columns || !complete;
                self.columns = columns;
                stream.listing = Some((0, expected));
                return;
            }
            WatchItem::Applied { row, bytes } => {
                brought.bytes += u64::from(bytes);
                if let Some((received, _)) = &mut stream.listing {
                    *received = received.saturating_add(1);
                    self.dirty |= !complete;
                }
                self.rows.apply(*row)
            }
            WatchItem::Listed { .. } => {
                stream.on_listed(now);
                self.dirty |= !complete;
                self.rows.finish(of.as_ref())
            }
            WatchItem::Deleted { namespace, name } => self.rows.delete(&namespace, &name),
            WatchItem::Watching { denied, .. } => {
                self.dirty |= stream.unwatched != denied;
                stream.unwatched = denied;
                return;
            }
        };
        self.dirty |= change.is_visible();
        brought.visible |= change.is_visible();
    }

    /// Returns the time of its next work, with rows kept `warm` after the last view left.
    pub(super) fn next_due(&self, warm: Duration) -> Option<Duration> {
        let left = self.left.map(|left| left.saturating_add(warm));
        self.streams.values().filter_map(WatchState::next_due).chain(left).min()
    }

    /// Resumes lost watches; returns those whose stream must be restarted.
    pub(super) fn run_due(&mut self, cx: &mut StepContext) -> Vec<NamespaceScope> {
        let mut anew = Vec::new();
        for (of, stream) in &mut self.streams {
            let ran = stream.run_due(self.rows.is_complete(of.as_ref()), cx);
            self.dirty |= ran.visible;
            if ran.anew {
                anew.push(of.clone());
            }
        }
        anew
    }

    /// Returns the namespaces shown, if listing all of them was denied.
    pub(super) fn only(&self) -> Option<Arc<[Text]>> {
        let namespaces: Option<Vec<Text>> = self.streams.keys().cloned().collect();
        namespaces.map(Into::into)
    }

    /// Returns the denial, if every stream is denied.
    pub(super) fn denied(&self) -> Option<&Text> {
        let first = self.streams.values().next()?.denied()?;
        self.streams.values().all(|stream| stream.denied().is_some()).then_some(first)
    }

    /// Returns why a part of it is listed again and again instead of being watched.
    pub(super) fn unwatched(&self) -> Option<&Text> {
        self.streams.values().find_map(|stream| stream.unwatched.as_ref())
    }

    /// Returns true if all its lists were complete once.
    pub(super) fn is_listed(&self) -> bool {
        !self.streams.is_empty()
            && self.streams.iter().all(|(of, stream)| self.rows.is_complete(of.as_ref()) || stream.denied().is_some())
            && self.denied().is_none()
    }

    /// Returns the state to show; `away` is since when and why the whole cluster does not answer.
    pub(super) fn state(&self, away: Option<(UnixSeconds, Text)>) -> ShardState {
        if let Some(why) = &self.over_bound {
            return ShardState::Failed { why: why.clone() };
        }
        // What was listed before is old now, not gone.
        if let (Some(what), true) = (self.denied(), self.rows.is_empty()) {
            return ShardState::Denied { what: what.clone() };
        }
        if self.streams.values().any(WatchState::is_not_served) {
            return ShardState::NotServed;
        }
        let is_told_elsewhere = |stream: &&WatchState| stream.denied().is_some() && self.denied().is_none();
        let troubles =
            self.streams.values().filter(|stream| !is_told_elsewhere(stream)).filter_map(WatchState::trouble);
        let oldest = troubles.min_by_key(|trouble| trouble.since);
        let lost = away.or_else(|| oldest.map(|t| (t.since, Text::new(t.error.to_string()))));
        let listed = self.is_listed();
        match lost {
            Some((since, why)) if listed || !self.rows.is_empty() => ShardState::Stale { since, why },
            Some((_, why)) => ShardState::Failed { why },
            None if listed => match self.unwatched() {
                Some(why) => ShardState::Unwatched { why: why.clone() },
                None => ShardState::Live,
            },
            None => self.listing(),
        }
    }

    fn listing(&self) -> ShardState {
        let under_way = self.streams.values().filter_map(|stream| stream.listing);
        let sum = under_way.fold(None, |sum: Option<(u32, Option<u32>)>, (received, expected)| {
            let (so_far, of) = sum.unwrap_or((0, Some(0)));
            Some((so_far.saturating_add(received), of.zip(expected).map(|(a, b)| a.saturating_add(b))))
        });
        sum.map_or(ShardState::Waiting, |(received, expected)| ShardState::Listing { received, expected })
    }
}
