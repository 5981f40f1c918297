//! What the rig itself asks the API server: is it ready, make nodes and pods, are they running.

use std::thread;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Node, Pod, ServiceAccount};
use kube::api::{ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

use super::{ControlPlane, Error, Outcome, READY, until};

/// How many creations are under way at once. The API server allows 200; more than this is not faster on a few cores.
const AT_ONCE: usize = 32;

/// What a pod of ours takes as JSON once it runs, without padding.
const PLAIN_POD_BYTES: usize = 2_600;

/// Thousands of pods take their time: kwok writes each status by itself.
const RUNNING: Duration = Duration::from_secs(300);

/// One question of the rig; a server that is starting may accept a connection and not answer.
const ANSWER: Duration = Duration::from_secs(20);

impl ControlPlane {
    /// Runs `work` with a client for `admin`. Blocks, and may be called inside a runtime too.
    pub(crate) fn with_client<T: Send>(&self, work: impl AsyncFnOnce(Client) -> Outcome<T> + Send) -> Outcome<T> {
        let kubeconfig = self.kubeconfig()?;
        let blocking = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async { work(client_for(&kubeconfig).await?).await })
        };
        // A thread of its own, because a runtime must not be blocked on inside another.
        thread::scope(|scope| scope.spawn(blocking).join().map_err(|_| "a call of the rig panicked")?)
    }

    /// Creates `count` pods named `pod-0…` of about `bytes` of JSON each, spread over the nodes without the scheduler.
    /// With kwok they soon run: see [`Self::wait_for_running`].
    pub(crate) fn create_pods(&self, namespace: &str, count: usize, bytes: usize) -> Outcome {
        let nodes = self.options.nodes.max(1);
        let padding = "x".repeat(bytes.saturating_sub(PLAIN_POD_BYTES));
        self.with_client(async |client| {
            let pods: Api<Pod> = Api::namespaced(client, namespace);
            let creations = stream::iter(0..count).map(|index| {
                let (pods, pod) = (pods.clone(), pod(index, index % nodes, &padding));
                async move { pods.create(&PostParams::default(), &pod?).await.map(drop).map_err(Error::from) }
            });
            creations.buffer_unordered(AT_ONCE).try_collect().await
        })
    }

    /// Waits until the namespace has `count` pods and all of them run.
    pub(crate) fn wait_for_running(&self, namespace: &str, count: usize) -> Outcome {
        // Answers of one object each: with thousands of pods, listing them while they start would slow them down.
        let (any, waiting) =
            (ListParams::default().limit(1), ListParams::default().limit(1).fields("status.phase!=Running"));
        until(&format!("{count} running pods in {namespace}"), RUNNING, || {
            self.with_client(async |client| {
                let pods: Api<Pod> = Api::namespaced(client, namespace);
                let first = pods.list(&any).await?;
                let found = first.items.len() + usize::try_from(first.metadata.remaining_item_count.unwrap_or(0))?;
                if found != count {
                    return Err(format!("there are {found}").into());
                }
                match pods.list(&waiting).await?.items.first() {
                    Some(pod) => Err(format!("not all run: {:?}, {:?}", pod.metadata.name, pod.status).into()),
                    None => Ok(()),
                }
            })
        })
    }

    /// One look at `/readyz`.
    pub(super) fn ready(&self) -> Outcome {
        self.with_client(async |client| {
            client.request_text(http::Request::get("/readyz").body(Vec::new())?).await?;
            Ok(())
        })
    }

    /// Makes the nodes and waits until kwok has made them ready.
    pub(super) fn create_nodes(&self) -> Outcome {
        let count = self.options.nodes;
        self.with_client(async |client| {
            let nodes: Api<Node> = Api::all(client);
            for index in 0..count {
                nodes.create(&PostParams::default(), &node(index)?).await?;
            }
            Ok(())
        })?;
        until(&format!("{count} ready nodes"), READY, || {
            let ready = self.with_client(async |client| {
                let nodes = Api::<Node>::all(client).list(&ListParams::default()).await?;
                Ok(nodes.iter().filter(|node| is_ready(node)).count())
            })?;
            if ready == count { Ok(()) } else { Err(format!("{ready} are ready").into()) }
        })
    }

    /// Waits for what the controllers make in every namespace and every pod needs.
    pub(crate) fn wait_for_service_account(&self, namespace: &str) -> Outcome {
        until("the default service account", READY, || {
            self.with_client(async |client| {
                Api::<ServiceAccount>::namespaced(client, namespace).get("default").await?;
                Ok(())
            })
        })
    }
}

async fn client_for(kubeconfig: &str) -> Outcome<Client> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // The rig waits by itself, and says what for.
    config.default_retry = false;
    config.read_timeout = Some(ANSWER);
    Ok(Client::try_from(config)?)
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"))
}

fn node(index: usize) -> Outcome<Node> {
    let name = format!("node-{index}");
    let labels =
        json!({ "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": format!("zone-{}", index % 3) });
    Ok(serde_json::from_value(json!({ "metadata": { "name": name, "labels": labels } }))?)
}

fn pod(index: usize, node: usize, padding: &str) -> Outcome<Pod> {
    Ok(serde_json::from_value(json!({
        "metadata": {
            "name": format!("pod-{index}"),
            "labels": { "app": format!("app-{}", index % 10) },
            "annotations": { "quarterdeck.dev/padding": padding },
        },
        "spec": {
            "nodeName": format!("node-{node}"),
            "containers": [{ "name": "main", "image": "registry.example/main:1" }],
        },
    }))?)
}
