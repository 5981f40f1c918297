//! The target of a list and a watch: the collection, and the part of it.

use crate::engine::cluster::{ClusterError, WatchSpec};
use crate::engine::k8s::query;
use crate::model::kind::Kind;
use crate::model::text::Text;
use http::Request;
use http::header::ACCEPT;

/// Accepts whole objects.
pub(super) const OBJECTS: &str = "application/json";

/// Accepts a Table only: without one there are no columns.
pub(super) const TABLES: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// Number of objects per page.
pub(super) const PAGE: u32 = 500;

/// A collection, as requests name it.
#[derive(Debug)]
pub(super) struct Target {
    path: String,
    /// Query parameters that select a part of it, escaped.
    selectors: Vec<String>,
    accept: &'static str,
}

impl Target {
    pub(super) fn new(spec: &WatchSpec, namespace: Option<&Text>, accept: &'static str) -> Self {
        let selectors = [("labelSelector", &spec.selector), ("fieldSelector", &spec.fields)];
        Self {
            path: query::path(&spec.kind, namespace.map(|n| &**n), None),
            selectors: selectors
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| format!("{key}={}", query::escape(value)))
                .collect(),
            accept,
        }
    }

    /// Selects one object of a collection, by name.
    pub(super) fn named(kind: &Kind, name: &str) -> Self {
        Self {
            path: query::path(kind, None, None),
            selectors: vec![format!("fieldSelector={}", query::escape(&format!("metadata.name={name}")))],
            accept: OBJECTS,
        }
    }

    /// The request for a page of the latest state; the first page if the token is empty. Fails if the path is invalid.
    pub(super) fn page(&self, token: &str) -> Result<Request<Vec<u8>>, ClusterError> {
        let mut parameters = vec![format!("limit={PAGE}")];
        if !token.is_empty() {
            parameters.push(format!("continue={}", query::escape(token)));
        }
        self.request(parameters)
    }

    pub(super) fn request(&self, mut parameters: Vec<String>) -> Result<Request<Vec<u8>>, ClusterError> {
        parameters.extend(self.selectors.iter().cloned());
        Request::get(format!("{}?{}", self.path, parameters.join("&")))
            .header(ACCEPT, self.accept)
            .body(Vec::new())
            .map_err(|e| ClusterError::Failed(Text::from(format!("the request could not be written: {e}"))))
    }
}
