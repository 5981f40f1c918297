//! What a list and a watch ask for: the collection, and which part of it.

use crate::engine::cluster::{ClusterError, WatchSpec};
use crate::engine::k8s::query;
use crate::model::kind::Kind;
use crate::model::text::Text;
use http::Request;
use http::header::ACCEPT;

/// Objects as they are.
pub(super) const OBJECTS: &str = "application/json";

/// Only a Table will do: without one there are no columns.
pub(super) const TABLES: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

/// Objects of one page.
pub(super) const PAGE: u32 = 500;

/// A collection, as requests name it.
#[derive(Debug)]
pub(super) struct Target {
    path: String,
    /// What narrows it, escaped.
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

    /// One object of a collection, by name.
    pub(super) fn named(kind: &Kind, name: &str) -> Self {
        Self {
            path: query::path(kind, None, None),
            selectors: vec![format!("fieldSelector={}", query::escape(&format!("metadata.name={name}")))],
            accept: OBJECTS,
        }
    }

    /// A page of the latest state; the first where the token is empty.
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
