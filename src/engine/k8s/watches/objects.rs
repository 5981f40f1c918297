//! The watch of a kind whose objects are projected here.

use super::list_watch::{Event, ListWatch, Past};
use super::target::{OBJECTS, Target};
use super::{Item, Shared};
use crate::engine::cluster::{ClusterError, WatchItem, WatchSpec};
use crate::engine::k8s::projection::{self, Interner, Projection};
use crate::model::text::Text;
use std::sync::Arc;

/// A running list and watch.
pub(super) struct Objects {
    shared: Arc<Shared>,
    namespace: Option<Text>,
    resource: String,
    projection: Projection,
    interner: Interner,
    list_watch: ListWatch,
}

impl Objects {
    pub(super) fn new(
        shared: &Arc<Shared>,
        spec: &WatchSpec,
        namespace: Option<&Text>,
        projection: Projection,
        past: Past,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            namespace: namespace.cloned(),
            resource: spec.kind.resource(),
            projection,
            interner: Interner::default(),
            list_watch: ListWatch::new(shared, Target::new(spec, namespace, OBJECTS), past),
        }
    }

    pub(super) fn past(&self) -> Past {
        self.list_watch.past
    }

    /// Returns the next item. Continues after an error when called again.
    pub(super) async fn next(&mut self) -> Item {
        match self.list_watch.next().await? {
            Event::Begin { expected } => Ok(WatchItem::Started {
                namespace: self.namespace.clone(),
                columns: self.projection.columns(),
                expected,
            }),
            Event::Put => self.applied(),
            Event::Gone => self.deleted(),
            Event::Complete => Ok(WatchItem::Listed { namespace: self.namespace.clone() }),
            Event::Denied(why) => Ok(WatchItem::Watching { namespace: self.namespace.clone(), denied: Some(why) }),
            Event::Watched => Ok(WatchItem::Watching { namespace: self.namespace.clone(), denied: None }),
        }
    }

    fn applied(&mut self) -> Item {
        let text = self.list_watch.text()?;
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        match self.projection.row(&self.shared.cluster, text, &mut self.interner) {
            Ok(row) => Ok(WatchItem::Applied { row: Box::new(row), bytes }),
            Err(why) => Err(self.unreadable(&why)),
        }
    }

    fn deleted(&self) -> Item {
        match projection::identity(self.list_watch.text()?) {
            Ok((namespace, name)) => Ok(WatchItem::Deleted { namespace, name }),
            Err(why) => Err(self.unreadable(&why)),
        }
    }

    fn unreadable(&self, why: &projection::Unreadable) -> ClusterError {
        ClusterError::Failed(Text::from(format!("{}: {why}", self.resource)))
    }
}
