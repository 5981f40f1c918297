//! The clusters that a change may touch, and one connected cluster with all that a change asks of it.

use super::core::body::{Body, Precondition};
use super::core::step::Answer;
use crate::engine::cluster::{
    AccessQuestion, Cluster, ClusterError, Connector, DeleteOptions, Preconditions, Propagation, WriteBody, WriteError,
    WriteRequest, WriteTarget,
};
use crate::engine::journal::redact::redact;
use crate::error::{ErrorKind, UserError};
use crate::model::change::{Cascade, TargetKey, Verb};
use crate::model::cluster::{ClusterEntry, ClusterName};
use crate::model::kind::Kind;
use crate::model::name::Name;
use crate::model::text::Text;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Objects of one cluster that are asked about at the same time.
pub const AT_ONCE: usize = 10;

/// The selected clusters, and the way to them.
#[derive(Debug, Clone)]
pub struct Clusters {
    /// In the order of the inventory.
    pub entries: Vec<Arc<ClusterEntry>>,
    /// Connector to their API servers.
    pub connector: Arc<dyn Connector>,
    /// Clusters that are asked at the same time.
    pub concurrency: usize,
}

impl Clusters {
    /// Returns a cluster by name. Fails where the inventory has none of this name.
    pub fn entry(&self, name: &ClusterName) -> Result<&Arc<ClusterEntry>, UserError> {
        self.entries.iter().find(|entry| entry.name == *name).ok_or_else(|| {
            UserError::new(ErrorKind::Refused, "the plan names this cluster, and the inventory does not")
                .in_cluster(name.clone())
                .hint("use the kubeconfig the plan was made with, or make a new plan")
        })
    }
}

/// A connected cluster.
#[derive(Debug, Clone)]
pub struct Link {
    /// Name of the cluster.
    pub name: ClusterName,
    /// Connection to its API server.
    pub cluster: Arc<dyn Cluster>,
    /// How long one answer may take.
    pub timeout: Duration,
}

impl Link {
    /// Connects a cluster. Fails where it cannot be reached, or does not let us in.
    pub async fn connect(
        clusters: &Clusters,
        entry: &Arc<ClusterEntry>,
        timeout: Duration,
    ) -> Result<Self, ClusterError> {
        let connect = clusters.connector.connect(Arc::clone(entry));
        let cluster = within(timeout, connect).await?;
        Ok(Self { name: entry.name.clone(), cluster, timeout })
    }

    /// Returns the uid of the cluster's namespace `kube-system`; empty where it may not be read. Fails where the cluster
    /// does not answer.
    pub async fn uid(&self) -> Result<Text, ClusterError> {
        match within(self.timeout, self.cluster.identify()).await {
            Ok(identity) => Ok(identity.uid),
            Err(ClusterError::Denied(_) | ClusterError::NotFound(_)) => Ok(Text::default()),
            Err(why) => Err(why),
        }
    }

    /// Reads an object; `None` where there is none of this name. Fails where that cannot be known.
    pub async fn read(&self, kind: &Kind, key: &TargetKey) -> Result<Option<Value>, ClusterError> {
        let target = self.target(kind, key, None).map_err(ClusterError::Failed)?;
        match within(self.timeout, self.cluster.read(target)).await {
            Ok(object) => Ok(Some(object)),
            Err(ClusterError::NotFound(_)) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Sends a change, or has it checked only (`dry_run`). Fails with what is known of it.
    pub async fn write(&self, change: Sending<'_>, dry_run: bool) -> Result<Value, WriteError> {
        let subresource = Name::new(change.verb.spec().subresource).ok();
        let target = self.target(change.kind, change.key, subresource).map_err(WriteError::NotSent)?;
        let Precondition { uid, resource_version } = change.precondition;
        let request = WriteRequest {
            target,
            body: write_body(change.body),
            preconditions: Preconditions { uid: Some(uid), resource_version: Some(resource_version) },
            dry_run,
            deadline: Some(self.timeout),
        };
        self.cluster.write(request).await
    }

    /// Asks RBAC. Fails where the question itself is not answered.
    pub async fn may(
        &self,
        verb: Verb,
        kind: &Kind,
        namespace: &str,
        name: Option<&str>,
    ) -> Result<Verdict, ClusterError> {
        let spec = verb.spec();
        let question = AccessQuestion {
            verb: Text::const_new(spec.api_verb),
            group: kind.id.group.clone(),
            resource: kind.plural.clone(),
            subresource: Text::const_new(spec.subresource),
            namespace: (kind.namespaced && !namespace.is_empty()).then(|| Text::new(namespace)),
            name: name.map(Text::new),
        };
        let answer = within(self.timeout, self.cluster.review(question)).await?;
        Ok(if answer.allowed { Verdict::Allowed } else { Verdict::Refused(redact(&answer.reason)) })
    }

    fn target(&self, kind: &Kind, key: &TargetKey, subresource: Option<Name>) -> Result<WriteTarget, Text> {
        let name = |text: &str| Name::new(text).map_err(|why| Text::from(format!("the name {text:?} {why}")));
        Ok(WriteTarget {
            cluster: self.name.clone(),
            kind: kind.clone(),
            namespace: if key.namespace.is_empty() { None } else { Some(name(&key.namespace)?) },
            name: name(&key.name)?,
            subresource,
        })
    }
}

/// An answer of RBAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// RBAC allows it.
    Allowed,
    /// With the server's reason, often empty.
    Refused(Text),
}

/// A change of one object, ready to be sent.
#[derive(Debug)]
pub struct Sending<'a> {
    /// Verb of the change.
    pub verb: Verb,
    /// Kind of the object.
    pub kind: &'a Kind,
    /// Identity of the object.
    pub key: &'a TargetKey,
    /// Content of the request.
    pub body: Body,
    /// State of the object that the request is made for.
    pub precondition: Precondition,
}

fn write_body(body: Body) -> WriteBody {
    match body {
        Body::Patch(patch) => WriteBody::MergePatch(patch),
        Body::Delete { cascade, grace_period_s } => WriteBody::Delete(DeleteOptions {
            propagation: Some(match cascade {
                Cascade::Background => Propagation::Background,
                Cascade::Foreground => Propagation::Foreground,
                Cascade::Orphan => Propagation::Orphan,
            }),
            grace_period_s,
        }),
    }
}

/// Returns what the answer to a write means to the one who asked.
pub fn answer(result: Result<Value, WriteError>) -> Answer {
    match result {
        Ok(_) => Answer::Accepted,
        Err(WriteError::Conflict(why)) => Answer::Conflict(redact(&why)),
        Err(WriteError::NotFound(why)) => Answer::Gone(redact(&why)),
        Err(WriteError::Throttled { what, retry_after }) => {
            Answer::Throttled { why: redact(&what), after: retry_after }
        }
        Err(WriteError::NotSent(why)) => Answer::NotSent(redact(&why)),
        Err(WriteError::Unknown(why)) => Answer::Unknown(redact(&why)),
        Err(
            WriteError::Invalid(why)
            | WriteError::Denied(why)
            | WriteError::TooLarge(why)
            | WriteError::DryRunUnsupported(why)
            | WriteError::Refused(why),
        ) => Answer::Refused(redact(&why)),
    }
}

/// Waits for an answer no longer than this. Fails with the deadline's error, or as the request does.
pub async fn within<T>(
    timeout: Duration,
    request: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    let seconds = timeout.as_secs();
    let late =
        || ClusterError::Unreachable(Text::from(format!("no answer within {seconds}s (--timeout waits longer)")));
    tokio::time::timeout(timeout, request).await.unwrap_or_else(|_| Err(late()))
}
