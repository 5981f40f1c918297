//! The watch of a kind whose rows the server makes: a list of Tables, then a watch of Tables.

use super::follow::{Change, Follow};
use super::target::{TABLES, Target};
use super::{Item, REFRESH, Shared};
use crate::engine::cluster::{ClusterError, WatchItem, WatchSpec};
use crate::engine::k8s::errors::translate;
use crate::engine::k8s::projection::table::{Page, Tabulation, identities};
use crate::engine::k8s::projection::{Interner, Unreadable};
use crate::model::kind::Kind;
use crate::model::text::Text;
use std::collections::VecDeque;
use std::sync::Arc;

/// A running list and watch.
pub(super) struct Tables {
    shared: Arc<Shared>,
    kind: Kind,
    target: Arc<Target>,
    namespace: Option<Text>,
    tabulation: Tabulation,
    interner: Interner,
    ready: VecDeque<WatchItem>,
    stage: Stage,
    /// As of the watches of objects: the history had gone, and nothing was watched since.
    has_relisted: bool,
    /// As of the watches of objects: the server lets us list and not watch.
    is_unwatched: bool,
}

/// The step after all ready items were returned.
enum Stage {
    /// Ask for this page of the list; the first when the token is empty.
    List {
        token: String,
    },
    Watch(Follow),
    /// List again after a pause.
    Rest,
}

impl Tables {
    pub(super) fn new(shared: &Arc<Shared>, spec: &WatchSpec, namespace: Option<&Text>) -> Self {
        Self {
            shared: Arc::clone(shared),
            kind: spec.kind.clone(),
            target: Arc::new(Target::new(spec, namespace, TABLES)),
            namespace: namespace.cloned(),
            tabulation: Tabulation::default(),
            interner: Interner::default(),
            ready: VecDeque::new(),
            stage: Stage::List { token: String::new() },
            has_relisted: false,
            is_unwatched: false,
        }
    }

    /// Lists again after the history has expired; the rows stay until the new list is complete. Fails the second time
    /// in a row, after which the list starts again too.
    fn relist(&mut self) -> Result<Stage, ClusterError> {
        if std::mem::replace(&mut self.has_relisted, true) {
            return Err(ClusterError::Expired);
        }
        Ok(Stage::List { token: String::new() })
    }

    pub(super) async fn next(&mut self) -> Item {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            match &mut self.stage {
                Stage::List { token } => {
                    let token = std::mem::take(token);
                    self.stage = self.list(&token).await?;
                }
                Stage::Rest => {
                    tokio::time::sleep(REFRESH).await;
                    self.stage = Stage::List { token: String::new() };
                }
                Stage::Watch(follow) => {
                    let change = follow.next().await;
                    self.has_relisted &= !follow.has_moved();
                    match change {
                        Err(ClusterError::Denied(why)) => self.denied(why),
                        change => self.change(change?)?,
                    }
                }
            }
        }
    }

    /// Reads one page, and returns the next step. After an error the list starts again.
    async fn list(&mut self, token: &str) -> Result<Stage, ClusterError> {
        let request = self.target.page(token)?;
        let text = self.shared.client.request_text(request).await.map_err(|e| translate(&e))?;
        let page = self.read(&text)?;
        if token.is_empty() {
            let received = u32::try_from(page.rows.len()).unwrap_or(u32::MAX);
            self.ready.push_back(WatchItem::Started {
                namespace: self.namespace.clone(),
                columns: self.tabulation.columns(),
                expected: Some(page.remaining.unwrap_or(0).saturating_add(received)),
            });
        }
        let (version, next) = (page.version.clone(), page.next.clone());
        self.apply(page, text.len());
        if !next.is_empty() {
            return Ok(Stage::List { token: next });
        }
        self.ready.push_back(WatchItem::Listed { namespace: self.namespace.clone() });
        Ok(if self.kind.can("watch") && !version.is_empty() {
            Stage::Watch(Follow::after(&self.shared, &self.target, version))
        } else {
            Stage::Rest
        })
    }

    /// Applies an event of the watch.
    fn change(&mut self, change: Change) -> Result<(), ClusterError> {
        match change {
            Change::Put(table) => {
                let page = self.read(table.get())?;
                self.apply(page, table.get().len());
            }
            Change::Gone(table) => {
                let gone = identities(table.get()).map_err(|e| self.unreadable(&e))?;
                self.ready.extend(gone.into_iter().map(|(namespace, name)| WatchItem::Deleted { namespace, name }));
            }
            Change::Expired => self.stage = self.relist()?,
            Change::Opened if std::mem::take(&mut self.is_unwatched) => {
                self.ready.push_back(WatchItem::Watching { namespace: self.namespace.clone(), denied: None });
            }
            // Of streamed lists, which this is not.
            Change::Opened | Change::Begin | Change::Complete | Change::NotStreamed => {}
        }
        Ok(())
    }

    /// The list is allowed and the watch is not: the list is read again after a pause.
    fn denied(&mut self, why: Text) {
        self.stage = Stage::Rest;
        if !std::mem::replace(&mut self.is_unwatched, true) {
            self.ready.push_back(WatchItem::Watching { namespace: self.namespace.clone(), denied: Some(why) });
        }
    }

    fn read(&mut self, text: &str) -> Result<Page, ClusterError> {
        let read = self.tabulation.read(&self.shared.cluster, text, &mut self.interner);
        read.map_err(|e| self.unreadable(&e))
    }

    fn apply(&mut self, page: Page, bytes: usize) {
        let each = u32::try_from(bytes / page.rows.len().max(1)).unwrap_or(u32::MAX);
        self.ready.extend(page.rows.into_iter().map(|row| WatchItem::Applied { row: Box::new(row), bytes: each }));
    }

    fn unreadable(&self, why: &Unreadable) -> ClusterError {
        ClusterError::Failed(Text::from(format!("{}: {why}", self.kind.resource())))
    }
}
