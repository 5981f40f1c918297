//! The watch of a kind whose rows its server makes: a list of Tables, then a watch of Tables. kube's
//! watcher carries objects only, so the resuming is ours here.

use super::objects::timeout;
use super::{Item, Shared};
use crate::engine::cluster::{ClusterError, WatchItem, WatchSpec};
use crate::engine::k8s::client::errors::translate;
use crate::engine::k8s::projection::table::{Page, Tabulation, identities};
use crate::engine::k8s::projection::{Interner, Unreadable};
use crate::engine::k8s::query;
use crate::model::text::Text;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::Request;
use http::header::ACCEPT;
use kube::core::WatchEvent;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Rows of one page.
const PAGE: u32 = 500;

/// Only a Table will do: without one there are no columns.
const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// Between two lists of a kind that cannot be watched (metrics): only while somebody looks at it.
const REFRESH: Duration = Duration::from_secs(30);

/// A watch that is silent this much longer than it may last is dead.
const GRACE: Duration = Duration::from_secs(5);

type Events = BoxStream<'static, kube::Result<WatchEvent<Box<RawValue>>>>;

/// One running list and watch.
pub(super) struct Tables {
    shared: Arc<Shared>,
    spec: WatchSpec,
    namespace: Option<Text>,
    tabulation: Tabulation,
    interner: Interner,
    ready: VecDeque<WatchItem>,
    stage: Stage,
    /// As of the watches of objects: the history had gone, and nothing was watched since.
    has_relisted: bool,
}

/// What is to be done once what is ready was handed out.
enum Stage {
    /// Ask for this page of the list; the first when the token is empty.
    List {
        token: String,
    },
    /// Open a watch from there.
    Resume {
        version: String,
    },
    Watching {
        version: String,
        events: Events,
        patience: Duration,
    },
    /// List again after a while.
    Rest,
}

/// What an event means for the watch.
enum Next {
    Same,
    Version(String),
    Relist,
}

impl Tables {
    pub(super) fn new(shared: &Arc<Shared>, spec: &WatchSpec, namespace: Option<&Text>) -> Self {
        Self {
            shared: Arc::clone(shared),
            spec: spec.clone(),
            namespace: namespace.cloned(),
            tabulation: Tabulation::default(),
            interner: Interner::default(),
            ready: VecDeque::new(),
            stage: Stage::List { token: String::new() },
            has_relisted: false,
        }
    }

    /// The history is gone; the rows stay until the new list is there. A second time in a row is an
    /// error, after which the list begins again too.
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
            self.stage = match std::mem::replace(&mut self.stage, Stage::List { token: String::new() }) {
                Stage::List { token } => self.list(&token).await?,
                Stage::Rest => {
                    tokio::time::sleep(REFRESH).await;
                    Stage::List { token: String::new() }
                }
                Stage::Resume { version } => match self.resume(&version).await {
                    Ok(watching) => watching,
                    Err(ClusterError::Expired) => self.relist()?,
                    Err(other) => {
                        self.stage = Stage::Resume { version };
                        return Err(other);
                    }
                },
                Stage::Watching { version, mut events, patience } => {
                    match tokio::time::timeout(patience, events.next()).await {
                        Ok(Some(Ok(event))) => match self.event(event)? {
                            Next::Same => Stage::Watching { version, events, patience },
                            Next::Version(version) => Stage::Watching { version, events, patience },
                            Next::Relist => self.relist()?,
                        },
                        Ok(Some(Err(error))) => {
                            self.stage = Stage::Resume { version };
                            return Err(translate(&error));
                        }
                        Ok(None) | Err(_) => Stage::Resume { version },
                    }
                }
            };
        }
    }

    /// Reads one page, and says what follows it. Any error begins the list again.
    async fn list(&mut self, token: &str) -> Result<Stage, ClusterError> {
        let mut parameters = vec![format!("limit={PAGE}")];
        if !token.is_empty() {
            parameters.push(format!("continue={}", query::escape(token)));
        }
        let request = self.request(parameters)?;
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
        Ok(if self.spec.kind.can("watch") && !version.is_empty() { Stage::Resume { version } } else { Stage::Rest })
    }

    async fn resume(&mut self, version: &str) -> Result<Stage, ClusterError> {
        let seconds = timeout(&self.shared);
        let request = self.request(vec![
            "watch=true".to_owned(),
            format!("resourceVersion={}", query::escape(version)),
            format!("timeoutSeconds={seconds}"),
        ])?;
        let events = self.shared.client.request_events(request).await.map_err(|e| translate(&e))?;
        let patience = Duration::from_secs(u64::from(seconds)) + GRACE;
        Ok(Stage::Watching { version: version.to_owned(), events: events.boxed(), patience })
    }

    /// Takes in one event.
    fn event(&mut self, event: WatchEvent<Box<RawValue>>) -> Result<Next, ClusterError> {
        match event {
            WatchEvent::Added(table) | WatchEvent::Modified(table) => {
                let page = self.read(table.get())?;
                let version = page.version.clone();
                self.apply(page, table.get().len());
                self.has_relisted = false;
                Ok(if version.is_empty() { Next::Same } else { Next::Version(version) })
            }
            WatchEvent::Deleted(table) => {
                let gone = identities(table.get()).map_err(|e| self.unreadable(&e))?;
                self.ready.extend(gone.into_iter().map(|(namespace, name)| WatchItem::Deleted { namespace, name }));
                Ok(Next::Same)
            }
            WatchEvent::Bookmark(bookmark) => Ok(Next::Version(bookmark.metadata.resource_version)),
            WatchEvent::Error(status) if status.code == 410 => Ok(Next::Relist),
            WatchEvent::Error(status) => Err(translate(&kube::Error::Api(status))),
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
        ClusterError::Failed(Text::from(format!("{}: {why}", self.spec.kind.resource())))
    }

    fn request(&self, mut parameters: Vec<String>) -> Result<Request<Vec<u8>>, ClusterError> {
        for (key, value) in [("labelSelector", &self.spec.selector), ("fieldSelector", &self.spec.fields)] {
            if !value.is_empty() {
                parameters.push(format!("{key}={}", query::escape(value)));
            }
        }
        let path = query::path(&self.spec.kind, self.namespace.as_deref(), None);
        Request::get(format!("{path}?{}", parameters.join("&")))
            .header(ACCEPT, TABLE)
            .body(Vec::new())
            .map_err(|e| ClusterError::Failed(Text::from(format!("the request could not be written: {e}"))))
    }
}
