//! The columns of custom resources, and their changes.

use super::Shared;
use super::list_watch::{Event, ListWatch, Past};
use super::target::Target;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::errors::translate;
use crate::engine::k8s::projection::Projection;
use crate::engine::k8s::query;
use crate::model::kind::{Kind, KindId};
use crate::model::text::Text;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of kinds whose columns are cached per cluster; beyond it, the cache is emptied.
const REMEMBERED_MAX: usize = 256;

/// Pause after the watch of a definition failed. Columns change rarely, and rows continue meanwhile.
const PAUSE: Duration = Duration::from_secs(30);

/// Cached columns of custom resources. The lock guards one look-up.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<BTreeMap<(KindId, Text), Projection>>);

impl Remembered {
    fn get(&self, kind: &Kind) -> Option<Projection> {
        self.0.lock().get(&(kind.id.clone(), kind.version.clone())).cloned()
    }

    fn put(&self, kind: &Kind, projection: &Projection) {
        let mut remembered = self.0.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert((kind.id.clone(), kind.version.clone()), projection.clone());
    }
}

/// The origin of the rows of a kind.
pub(super) enum Columns {
    /// Projected here, always in the same way.
    Builtin(Projection),
    /// Projected here, by the definition until that changes.
    Defined(Projection),
    /// Made by the server: an aggregated API, a kind without a rule, or a definition that we may not read.
    Served,
}

/// The kind CustomResourceDefinition.
fn definitions() -> Kind {
    Kind {
        id: KindId::new("apiextensions.k8s.io", "CustomResourceDefinition"),
        version: Text::const_new("v1"),
        plural: Text::const_new("customresourcedefinitions"),
        singular: Text::const_new("customresourcedefinition"),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: false,
        verbs: Vec::new(),
    }
}

/// Finds the origin of the rows of a kind. Only groups with a dot can be custom.
pub(super) async fn columns(shared: &Shared, kind: &Kind) -> Result<Columns, ClusterError> {
    if let Some(projection) = Projection::builtin(&kind.id) {
        return Ok(Columns::Builtin(projection));
    }
    if !kind.id.group.contains('.') {
        return Ok(Columns::Served);
    }
    if let Some(projection) = shared.remembered.get(kind) {
        return Ok(Columns::Defined(projection));
    }
    let path = query::path(&definitions(), None, Some(&kind.resource()));
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(|e| ClusterError::Failed(Text::from(format!("the request could not be written: {e}"))))?;
    let definition = match shared.client.request_text(request).await.map_err(|e| translate(&e)) {
        Ok(definition) => definition,
        Err(ClusterError::NotFound(_) | ClusterError::Denied(_)) => return Ok(Columns::Served),
        Err(other) => return Err(other),
    };
    let Ok(projection) = Projection::printed(&definition, &kind.version) else { return Ok(Columns::Served) };
    shared.remembered.put(kind, &projection);
    Ok(Columns::Defined(projection))
}

/// A watch of the definition of one kind.
pub(super) struct Definition(BoxStream<'static, ()>);

impl Definition {
    pub(super) fn new(shared: &Arc<Shared>, kind: &Kind, present: Projection) -> Self {
        let target = Target::named(&definitions(), &kind.resource());
        let list_watch = ListWatch::new(shared, target, Past::default());
        let watched = Watched { shared: Arc::clone(shared), kind: kind.clone(), present, list_watch };
        let changes = stream::unfold(watched, |mut watched| async move {
            watched.changed().await;
            Some(((), watched))
        });
        Self(changes.boxed())
    }

    /// Returns when the columns have changed. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        if self.0.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// A definition under watch.
struct Watched {
    shared: Arc<Shared>,
    kind: Kind,
    present: Projection,
    list_watch: ListWatch,
}

impl Watched {
    async fn changed(&mut self) {
        loop {
            match self.list_watch.next().await {
                Ok(Event::Put) => {
                    if let Ok(text) = self.list_watch.text()
                        && let Ok(projection) = Projection::printed(text, &self.kind.version)
                        && !projection.is_same(&self.present)
                    {
                        self.shared.remembered.put(&self.kind, &projection);
                        self.present = projection;
                        return;
                    }
                }
                Ok(Event::Gone | Event::Begin { .. } | Event::Complete | Event::Denied(_) | Event::Watched) => {}
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
