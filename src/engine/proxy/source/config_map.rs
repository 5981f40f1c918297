//! A ConfigMap and its Secret in the home cluster, watched through the engine's port.

use super::last_good::Kept;
use crate::engine::clock;
use crate::engine::cluster::{Answer, Cluster, ClusterError, Connector, Form, ObjectText, Query, WatchItem, WatchSpec};
use crate::engine::proxy::config::read::{Document, is_credential_key};
use crate::engine::resilience::backoff;
use crate::model::cluster::ClusterEntry;
use crate::model::kind::{Kind, KindId};
use crate::model::name::Name;
use crate::model::text::Text;
use base64::Engine as _;
use futures::StreamExt as _;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Pause between a change and the reading: both objects are often written together.
const SETTLE: Duration = Duration::from_millis(250);

/// Pause between two readings without a change.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The ConfigMap and the Secret.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) secret: String,
}

/// Sends the documents, at first and at every change, or the reason why they cannot be read; until the receiver is
/// gone.
pub(super) async fn run(
    objects: Objects,
    (connector, home): (Arc<dyn Connector>, Arc<ClusterEntry>),
    kept: Kept,
    nudge: Arc<Notify>,
    tx: mpsc::Sender<Result<Vec<Document>, String>>,
) {
    let mut rng = fastrand::Rng::with_seed(clock::seed());
    let mut following = Following { objects, sent: None, said: String::new(), kept: Some(kept), tx };
    let mut failures = 0;
    loop {
        match connector.connect(Arc::clone(&home)).await {
            Ok(cluster) => {
                if !following.follow(&*cluster, &nudge, &mut failures).await {
                    return;
                }
            }
            Err(error) => {
                if !following.fail(&error).await {
                    return;
                }
            }
        }
        failures = failures.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(backoff::wait(failures, &mut rng)) => {}
            () = nudge.notified() => {}
            () = following.tx.closed() => return,
        }
    }
}

struct Following {
    objects: Objects,
    sent: Option<Vec<Document>>,
    /// Last failure that was sent: a repetition is not sent again.
    said: String,
    /// Last good copy, for the start only: a running proxy has a newer configuration in force.
    kept: Option<Kept>,
    tx: mpsc::Sender<Result<Vec<Document>, String>>,
}

impl Following {
    /// Reads and watches until the cluster fails. Returns false if the receiver is gone.
    async fn follow(&mut self, cluster: &dyn Cluster, nudge: &Notify, failures: &mut u32) -> bool {
        let spec = |kind: Kind, name: &str| WatchSpec {
            kind,
            selector: Text::default(),
            fields: Text::from(format!("metadata.name={name}")),
            namespaces: Some(Arc::from([Text::new(&self.objects.namespace)])),
        };
        let maps = cluster.watch(spec(kind("ConfigMap", "configmaps"), &self.objects.name));
        let secrets = cluster.watch(spec(kind("Secret", "secrets"), &self.objects.secret));
        let mut changes = futures::stream::select(maps, secrets);
        let mut is_due = true;
        loop {
            if is_due {
                match self.objects.read(cluster).await {
                    Ok(documents) => {
                        *failures = 0;
                        if !self.send(documents).await {
                            return false;
                        }
                    }
                    Err(error) => return self.fail(&error).await,
                }
            }
            is_due = tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(WatchItem::Started { .. } | WatchItem::Watching { .. })) => false,
                    Some(Ok(WatchItem::Applied { .. } | WatchItem::Listed { .. } | WatchItem::Deleted { .. })) => {
                        let quiet = tokio::time::sleep(SETTLE);
                        tokio::pin!(quiet);
                        loop {
                            tokio::select! {
                                () = &mut quiet => break,
                                more = changes.next() => if !matches!(more, Some(Ok(_))) { break },
                            }
                        }
                        true
                    }
                    // A Secret may be hidden from us and still not be needed: the reading tells.
                    Some(Err(ClusterError::Denied(_) | ClusterError::NotFound(_))) => {
                        tokio::time::sleep(LOOK_EVERY).await;
                        true
                    }
                    Some(Err(error)) => return self.fail(&error).await,
                    None => return true,
                },
                () = tokio::time::sleep(LOOK_EVERY) => true,
                () = nudge.notified() => true,
                () = self.tx.closed() => return false,
            };
        }
    }

    async fn send(&mut self, documents: Vec<Document>) -> bool {
        self.said.clear();
        self.kept = None;
        if self.sent.as_ref() == Some(&documents) {
            return true;
        }
        self.sent = Some(documents.clone());
        self.tx.send(Ok(documents)).await.is_ok()
    }

    async fn fail(&mut self, error: &ClusterError) -> bool {
        // At a start without the home cluster, the last good copy is what there is.
        if let Some((documents, _)) = self.kept.take().and_then(|kept| kept.read())
            && self.tx.send(Ok(documents)).await.is_err()
        {
            return false;
        }
        let Objects { namespace, name, .. } = &self.objects;
        let text = format!("configmap {namespace}/{name} cannot be read: {error}");
        if self.said == text {
            return true;
        }
        self.said.clone_from(&text);
        self.tx.send(Err(text)).await.is_ok()
    }
}

impl Objects {
    async fn read(&self, cluster: &dyn Cluster) -> Result<Vec<Document>, ClusterError> {
        let Self { namespace, name, secret } = self;
        let map = self.object(cluster, kind("ConfigMap", "configmaps"), name).await?;
        let mut documents = Vec::new();
        for (key, value) in map.get("data").and_then(Value::as_object).into_iter().flatten() {
            let is_yaml = [".yaml", ".yml", ".json"].iter().any(|end| key.ends_with(end));
            if let (true, Some(text)) = (is_yaml, value.as_str()) {
                documents.push(Document::remote(&format!("configmap {namespace}/{name}: {key}"), text));
            }
        }
        let secret_object = match self.object(cluster, kind("Secret", "secrets"), secret).await {
            Ok(object) => object,
            // Credentials may stand in the ConfigMap's clusters by inventory names: then there is none.
            Err(ClusterError::NotFound(_)) => Value::Null,
            Err(error) => return Err(error),
        };
        for (key, value) in secret_object.get("data").and_then(Value::as_object).into_iter().flatten() {
            let decoded = value.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
            let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            if let (true, Some(text)) = (is_credential_key(key), text) {
                let origin = format!("secret {namespace}/{secret}: {key}");
                documents.push(Document::credential(&origin, key, &text, None));
            }
        }
        Ok(documents)
    }

    async fn object(&self, cluster: &dyn Cluster, kind: Kind, name: &str) -> Result<Value, ClusterError> {
        let named = |text: &str| {
            Name::new(text).map_err(|why| ClusterError::Failed(Text::from(format!("the name {text:?} {why}"))))
        };
        let query = Query {
            kind,
            namespace: Some(named(&self.namespace)?),
            name: Some(named(name)?),
            selector: Text::default(),
            fields: Text::default(),
            form: Form::Objects { managed_fields: false },
        };
        match cluster.query(query).await? {
            Answer::Objects(objects) => objects
                .first()
                .map(ObjectText::value)
                .ok_or_else(|| ClusterError::NotFound(Text::from(format!("no {name}")))),
            Answer::Table(_) => Err(ClusterError::Failed(Text::const_new("the server answered with a table"))),
        }
    }
}

fn kind(kind: &str, plural: &str) -> Kind {
    Kind {
        id: KindId::new("", kind),
        version: Text::const_new("v1"),
        plural: Text::new(plural),
        singular: Text::from(kind.to_lowercase()),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        verbs: Vec::new(),
    }
}
