//! Probes of a cluster: health, version, identity.

use super::client::Connection;
use super::errors;
use super::query::escape;
use crate::engine::cluster::{ClusterError, Identity, Probe};
use crate::model::text::{Text, clean};
use http::StatusCode;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Deadline of a probe, without the time to get the credentials.
const DEADLINE: Duration = Duration::from_secs(5);

/// The version is requested again after this time: a rolling upgrade fails no probe.
const VERSION_KEPT: Duration = Duration::from_secs(600);

/// Maximum number of cluster properties.
const PROPERTIES_MAX: u32 = 100;

/// State that survives from one probe to the next.
#[derive(Debug, Default)]
pub(crate) struct ProbeHistory(Mutex<Option<(Instant, Text)>>);

impl ProbeHistory {
    fn version(&self) -> Option<Text> {
        self.0.lock().as_ref().filter(|(at, _)| at.elapsed() < VERSION_KEPT).map(|(_, version)| version.clone())
    }
}

/// Requests `/readyz`; where that is denied or absent, `/version`. After a failure the version is unknown again: the
/// server may come back with another. Fails if the server cannot be reached, refuses the credentials or is not ready.
pub(crate) async fn probe(connection: &Connection, memory: &ProbeHistory) -> Result<Probe, ClusterError> {
    let result = ask(connection, memory).await;
    if result.is_err() {
        *memory.0.lock() = None;
    }
    result
}

async fn ask(connection: &Connection, memory: &ProbeHistory) -> Result<Probe, ClusterError> {
    connection.log_in().await?;
    let started = Instant::now();
    let ready = match connection.status_of("/readyz", DEADLINE).await? {
        (status, _) if status.is_success() => true,
        (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, _) => false,
        (StatusCode::INTERNAL_SERVER_ERROR, body) => return Err(not_ready(&body)),
        (status, body) => return Err(errors::of_status(status, &body)),
    };
    let mut latency = started.elapsed();
    if let (true, Some(version)) = (ready, memory.version()) {
        return Ok(Probe { latency, version: Some(version), expiry: connection.expiry() });
    }
    let started = Instant::now();
    let version = version(connection).await?;
    if !ready {
        latency = started.elapsed();
    }
    *memory.0.lock() = Some((Instant::now(), version.clone()));
    Ok(Probe { latency, version: Some(version), expiry: connection.expiry() })
}

async fn version(connection: &Connection) -> Result<Text, ClusterError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        git_version: String,
    }
    let bytes = connection.get_within("/version", "application/json", DEADLINE).await?;
    let version: Version = serde_json::from_slice(&bytes).map_err(|e| errors::not_json(&bytes, &e))?;
    Ok(Text::from(clean(&version.git_version)))
}

/// The error for a failed `/readyz`. It lists its checks; failed ones start with `[-]`.
fn not_ready(body: &[u8]) -> ClusterError {
    let body = String::from_utf8_lossy(body);
    let failed: Vec<&str> =
        body.lines().filter_map(|l| l.strip_prefix("[-]")).map(|l| l.split(' ').next().unwrap_or(l)).collect();
    if failed.is_empty() {
        return errors::of_status(StatusCode::INTERNAL_SERVER_ERROR, body.as_bytes());
    }
    ClusterError::Failed(errors::sentence(&format!("the API server is not ready: {}", failed.join(", "))))
}

/// Returns the uid of `kube-system` and the cluster properties, as far as they may be read. Fails if the server cannot
/// be reached, or refuses the credentials.
pub(crate) async fn identify(connection: &Connection) -> Result<Identity, ClusterError> {
    let system = readable(connection.get_json::<Value>("/api/v1/namespaces/kube-system").await)?;
    let uid = system.as_ref().and_then(|ns| ns.pointer("/metadata/uid")).and_then(Value::as_str).unwrap_or_default();
    Ok(Identity { uid: Text::from(clean(uid)), properties: properties(connection).await? })
}

/// The `ClusterProperty` objects of `about.k8s.io`, in the version that the server prefers.
async fn properties(connection: &Connection) -> Result<BTreeMap<Text, Text>, ClusterError> {
    let Some(group) = readable(connection.get_json::<Value>("/apis/about.k8s.io").await)? else {
        return Ok(BTreeMap::new());
    };
    let Some(version) = group.pointer("/preferredVersion/version").and_then(Value::as_str) else {
        return Ok(BTreeMap::new());
    };
    let path = format!("/apis/about.k8s.io/{}/clusterproperties?limit={PROPERTIES_MAX}", escape(version));
    let list = readable(connection.get_json::<Value>(&path).await)?.unwrap_or_default();
    let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    let text = |item: &Value, at: &str| item.pointer(at).and_then(Value::as_str).map(|t| Text::from(clean(t)));
    Ok(items.filter_map(|item| Some((text(item, "/metadata/name")?, text(item, "/spec/value")?))).collect())
}

/// Turns a denied or absent resource into `None`.
fn readable<T>(answer: Result<T, ClusterError>) -> Result<Option<T>, ClusterError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(ClusterError::Denied(_) | ClusterError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checks_that_failed_are_named() {
        let body = b"[+]ping ok\n[-]etcd failed: reason withheld\n[-]informer-sync failed: x\nreadyz check failed";
        assert_eq!(not_ready(body).to_string(), "the API server is not ready: etcd, informer-sync");
        assert_eq!(not_ready(b"boom").to_string(), "boom");
    }
}
