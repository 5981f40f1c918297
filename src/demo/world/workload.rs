//! Workloads, their history and their pods.

use serde_json::{Value, json};

use super::super::json::set;
use super::super::member::Story;
use super::plan::{self, BAD_TAG, Kind, PLANS, Plan, Trait};
use super::pod::{self, PodPlan, PodState};
use super::{Builder, PodEntry, ago, event, owner, suffix};
use crate::demo::store;

/// Jobs a cron job has left behind.
const JOBS: usize = 3;

/// Builds every workload of the plan, with exactly as many pods as the cluster should have.
pub(super) fn build(builder: &mut Builder<'_>) {
    let mut left = builder.member.pods;
    let weights: usize = PLANS.iter().map(|plan| plan.weight).sum();
    let fixed: usize = PLANS.iter().map(|plan| fixed_pods(builder, plan)).sum();
    let shared = left.saturating_sub(fixed);
    for plan in PLANS {
        let wanted = fixed_pods(builder, plan) + shared * plan.weight / weights.max(1);
        let replicas = wanted.min(left);
        left -= replicas;
        workload(builder, plan, replicas);
    }
    // What rounding left over runs as one more workload.
    let rest =
        Plan { namespace: "default", name: "playground", kind: Kind::Deployment, weight: 0, tag: "0.1.0", traits: &[] };
    workload(builder, &rest, left);
}

fn fixed_pods(builder: &Builder<'_>, plan: &Plan) -> usize {
    match plan.kind {
        Kind::DaemonSet => builder.nodes.len(),
        Kind::CronJob => JOBS,
        Kind::Deployment | Kind::StatefulSet => 0,
    }
}

fn workload(builder: &mut Builder<'_>, plan: &Plan, replicas: usize) {
    match plan.kind {
        Kind::Deployment => deployment(builder, plan, replicas),
        Kind::StatefulSet => stateful_set(builder, plan, replicas),
        Kind::DaemonSet => daemon_set(builder, plan, replicas),
        Kind::CronJob => cron_job(builder, plan, replicas),
    }
}

fn image(plan: &Plan, tag: &str) -> String {
    if plan.namespace == "kube-system" {
        format!("registry.k8s.io/{}:{tag}", plan.name)
    } else {
        format!("registry.example.com/{}/{}:{tag}", plan.namespace, plan.name)
    }
}

fn labels(plan: &Plan) -> Value {
    json!({"app.kubernetes.io/name": plan.name, "app.kubernetes.io/part-of": plan.namespace})
}

fn with(labels: &Value, key: &str, value: &str) -> Value {
    let mut labels = labels.clone();
    set(&mut labels, "", key, value.into());
    labels
}

/// The states of `count` pods of a workload, by its story.
fn states(builder: &mut Builder<'_>, plan: &Plan, count: usize) -> Vec<PodState> {
    let story = builder.member.story;
    let mut states = vec![PodState::Running; count];
    let troubles = plan::TROUBLES
        .iter()
        .filter(|(of, namespace, name, ..)| *of == story && *namespace == plan.namespace && *name == plan.name);
    for (_, _, _, many, state) in troubles {
        for slot in states.iter_mut().rev().take(*many) {
            *slot = *state;
        }
    }
    if matches!(story, Story::Plain | Story::Hostile) && plan.namespace != "kube-system" {
        for slot in &mut states {
            *slot = match builder.rng.u16(..1_000) {
                0..6 => PodState::CrashLoop(builder.rng.u32(3..200)),
                6..9 => PodState::ImagePull,
                9..12 => PodState::Unschedulable,
                12..15 => PodState::NotReady,
                15..17 => PodState::OutOfMemory(builder.rng.u32(2..60)),
                17 => PodState::Evicted,
                _ => PodState::Running,
            };
        }
    }
    states
}

/// What all pods of one template share.
struct Template<'a> {
    plan: &'a Plan,
    image: String,
    labels: Value,
    owner: Value,
    /// Seconds since the template came.
    age: i64,
}

impl Template<'_> {
    fn spec(&self) -> Value {
        let mut containers = vec![json!({
            "name": self.plan.name, "image": self.image, "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })];
        if self.plan.traits.contains(&Trait::Metrics) {
            containers.push(json!({"name": "metrics", "image": METRICS_IMAGE, "imagePullPolicy": "IfNotPresent"}));
        }
        json!({
            "metadata": {"creationTimestamp": null, "labels": self.labels},
            "spec": {
                "containers": containers, "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "ClusterFirst", "securityContext": {}, "schedulerName": "default-scheduler",
                "serviceAccountName": self.plan.name,
            },
        })
    }
}

const METRICS_IMAGE: &str = "registry.example.com/platform/metrics-exporter:1.7.0";
const PROXY_IMAGE: &str = "registry.example.com/platform/mesh-proxy:1.28.1";
const MIGRATE_IMAGE: &str = "registry.example.com/platform/migrate:0.9.4";

fn put_pod(builder: &mut Builder<'_>, template: &Template<'_>, name: String, state: PodState, node: Option<String>) {
    let plan = template.plan;
    let placed = !matches!(state, PodState::Unschedulable | PodState::NoVolume);
    let stuck = matches!(state, PodState::Terminating | PodState::Evicted);
    let node = if !placed {
        None
    } else if stuck {
        builder.nodes.last().cloned()
    } else {
        node.or_else(|| builder.node())
    };
    let needs_init = matches!(state, PodState::Initializing | PodState::InitCrashLoop(_));
    let age = if matches!(state, PodState::Initializing | PodState::Creating) {
        builder.rng.i64(5..90)
    } else if !placed {
        builder.rng.i64(600..20_000)
    } else if matches!(state, PodState::Completed | PodState::Failed) {
        // The pod of a job comes with it.
        template.age
    } else {
        builder.rng.i64(60..template.age.max(61))
    };
    let mut containers = vec![(plan.name, template.image.clone())];
    if plan.traits.contains(&Trait::Metrics) {
        containers.push(("metrics", METRICS_IMAGE.to_owned()));
    }
    let pod_plan = PodPlan {
        namespace: plan.namespace,
        labels: template.labels.clone(),
        owner: template.owner.clone(),
        containers,
        init: (needs_init || plan.traits.contains(&Trait::Init)).then(|| ("migrate", MIGRATE_IMAGE.to_owned())),
        sidecar: plan.traits.contains(&Trait::Sidecar).then(|| ("mesh-proxy", PROXY_IMAGE.to_owned())),
        claim: (plan.kind == Kind::StatefulSet).then(|| format!("data-{name}")),
        service_account: plan.name,
        node,
        state,
        age,
        name,
    };
    let document = pod::document(builder, &pod_plan);
    event::of_pod(builder, &document, state);
    builder.pods.push(PodEntry { key: store::key(plan.namespace, &pod_plan.name), state });
    builder.put("", "pods", document);
}

fn deployment(builder: &mut Builder<'_>, plan: &Plan, replicas: usize) {
    let stuck = plan.name == "web" && plan::has_bad_rollout(builder.member.story) && replicas > 3;
    let story = builder.member.story;
    let age = builder.cluster_age();
    let uid = builder.uid();
    let old = image(plan, plan::tag(story, plan));
    let reference = owner("apps/v1", "Deployment", plan.name, &uid);
    let template_age = builder.rng.i64(86_400..20 * 86_400);
    // During a rollout a quarter may be unavailable and a quarter more may come.
    let (serving, coming) = if stuck { (replicas - replicas.div_ceil(4), replicas.div_ceil(4)) } else { (replicas, 0) };
    let mut states_of_serving = states(builder, plan, serving);
    // Evicted pods are no longer counted by their controller.
    states_of_serving.retain(|state| *state != PodState::Evicted || serving > 3);
    let ready = states_of_serving.iter().filter(|state| state.is_ready()).count();
    let current = replica_set(builder, plan, &reference, &old, (template_age, &states_of_serving, 3));
    if coming > 0 {
        let states = vec![PodState::ImagePull; coming];
        replica_set(builder, plan, &reference, &image(plan, BAD_TAG), (1_900, &states, 4));
    }
    for revision in 1..3 {
        let image = image(plan, &format!("{}-{revision}", plan.tag));
        replica_set(builder, plan, &reference, &image, (template_age + 86_400 * (4 - revision), &[], revision));
    }
    let mut metadata = builder.metadata(plan.namespace, plan.name, age);
    set(&mut metadata, "", "uid", uid.into());
    set(&mut metadata, "", "labels", labels(plan));
    set(&mut metadata, "", "generation", 7.into());
    let revision = if stuck { "4" } else { "3" };
    set(&mut metadata, "", "annotations", json!({"deployment.kubernetes.io/revision": revision}));
    let template = Template {
        plan,
        image: if stuck { image(plan, BAD_TAG) } else { old },
        labels: labels(plan),
        owner: Value::Null,
        age: template_age,
    };
    let updated = if stuck { coming } else { states_of_serving.len() };
    let status = deployment_status(builder, replicas, updated, ready, (stuck, &current));
    let deployment = json!({
        "metadata": metadata,
        "spec": {
            "replicas": replicas, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app.kubernetes.io/name": plan.name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": template.spec(),
        },
        "status": status,
    });
    builder.put("apps", "deployments", deployment);
}

fn deployment_status(
    builder: &Builder<'_>,
    replicas: usize,
    updated: usize,
    ready: usize,
    (stuck, replica_set): (bool, &str),
) -> Value {
    let available = ready * 4 >= replicas * 3;
    let since = ago(builder.now, 1_900);
    let progressing = if stuck {
        json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": format!("ReplicaSet \"{replica_set}\" has timed out progressing."),
            "lastUpdateTime": since, "lastTransitionTime": since})
    } else {
        json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
            "message": format!("ReplicaSet \"{replica_set}\" has successfully progressed."),
            "lastUpdateTime": since, "lastTransitionTime": since})
    };
    let (flag, reason, message) = if available {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let mut status = json!({
        "observedGeneration": 7, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready,
        "availableReplicas": ready,
        "conditions": [
            {"type": "Available", "status": flag, "reason": reason, "message": message,
             "lastUpdateTime": since, "lastTransitionTime": since},
            progressing,
        ],
    });
    if ready < replicas {
        set(&mut status, "", "unavailableReplicas", (replicas - ready).into());
    }
    status
}

/// One replica set with its pods; returns its name.
fn replica_set(
    builder: &mut Builder<'_>,
    plan: &Plan,
    deployment: &Value,
    image: &str,
    (age, states, revision): (i64, &[PodState], i64),
) -> String {
    let hash = suffix(&mut builder.rng, 10);
    let name = format!("{}-{hash}", plan.name);
    let all_labels = with(&labels(plan), "pod-template-hash", &hash);
    let mut metadata = builder.metadata(plan.namespace, &name, age);
    let uid = super::super::json::text(&metadata, "/uid").to_owned();
    set(&mut metadata, "", "labels", all_labels.clone());
    set(&mut metadata, "", "generation", 2.into());
    set(&mut metadata, "", "ownerReferences", json!([deployment]));
    set(
        &mut metadata,
        "",
        "annotations",
        json!({
            "deployment.kubernetes.io/revision": revision.to_string(),
            "deployment.kubernetes.io/desired-replicas": states.len().to_string(),
        }),
    );
    let template = Template {
        plan,
        image: image.to_owned(),
        labels: all_labels.clone(),
        owner: owner("apps/v1", "ReplicaSet", &name, &uid),
        age,
    };
    for state in states {
        let pod = format!("{name}-{}", suffix(&mut builder.rng, 5));
        put_pod(builder, &template, pod, *state, None);
    }
    let living = states.iter().filter(|state| **state != PodState::Evicted).count();
    let ready = states.iter().filter(|state| state.is_ready()).count();
    let replica_set = json!({
        "metadata": metadata,
        "spec": {"replicas": living, "selector": {"matchLabels": {
                "app.kubernetes.io/name": plan.name, "pod-template-hash": hash}},
            "template": template.spec()},
        "status": {"replicas": living, "fullyLabeledReplicas": living, "readyReplicas": ready,
            "availableReplicas": ready, "observedGeneration": 2},
    });
    builder.put("apps", "replicasets", replica_set);
    name
}

fn stateful_set(builder: &mut Builder<'_>, plan: &Plan, replicas: usize) {
    let age = builder.cluster_age();
    let mut metadata = builder.metadata(plan.namespace, plan.name, age);
    let uid = super::super::json::text(&metadata, "/uid").to_owned();
    set(&mut metadata, "", "labels", labels(plan));
    set(&mut metadata, "", "generation", 3.into());
    let revision = format!("{}-{}", plan.name, suffix(&mut builder.rng, 10));
    let template = Template {
        plan,
        image: image(plan, plan::tag(builder.member.story, plan)),
        labels: with(&labels(plan), "controller-revision-hash", &revision),
        owner: owner("apps/v1", "StatefulSet", plan.name, &uid),
        age: 12 * 86_400,
    };
    let states = states(builder, plan, replicas);
    for (ordinal, state) in states.iter().enumerate() {
        let name = format!("{}-{ordinal}", plan.name);
        super::storage::claim(builder, plan.namespace, &format!("data-{name}"), *state == PodState::NoVolume);
        put_pod(builder, &template, name, *state, None);
    }
    let ready = states.iter().filter(|state| state.is_ready()).count();
    let mut spec = template.spec();
    set(&mut spec, "/metadata", "labels", labels(plan));
    let revision_metadata = {
        let mut metadata = builder.metadata(plan.namespace, &revision, 12 * 86_400);
        set(&mut metadata, "", "ownerReferences", json!([template.owner]));
        metadata
    };
    builder.put(
        "apps",
        "controllerrevisions",
        json!({"metadata": revision_metadata, "data": {"spec": {"template": spec}}, "revision": 3}),
    );
    builder.put(
        "apps",
        "statefulsets",
        json!({
            "metadata": metadata,
            "spec": {
                "replicas": replicas, "serviceName": plan.name, "podManagementPolicy": "OrderedReady",
                "selector": {"matchLabels": {"app.kubernetes.io/name": plan.name}}, "template": spec,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "20Gi"}}}}],
            },
            "status": {
                "observedGeneration": 3, "replicas": replicas, "readyReplicas": ready, "currentReplicas": replicas,
                "updatedReplicas": replicas, "availableReplicas": ready, "currentRevision": revision,
                "updateRevision": revision, "collisionCount": 0,
            },
        }),
    );
}

fn daemon_set(builder: &mut Builder<'_>, plan: &Plan, replicas: usize) {
    let age = builder.cluster_age();
    let mut metadata = builder.metadata(plan.namespace, plan.name, age);
    let uid = super::super::json::text(&metadata, "/uid").to_owned();
    set(&mut metadata, "", "labels", labels(plan));
    set(&mut metadata, "", "generation", 2.into());
    let version = builder.member.version.to_string();
    let tag = if plan.name == "kube-proxy" { version.as_str() } else { plan.tag };
    let template = Template {
        plan,
        image: image(plan, tag),
        labels: with(&labels(plan), "controller-revision-hash", &suffix(&mut builder.rng, 10)),
        owner: owner("apps/v1", "DaemonSet", plan.name, &uid),
        age: 30 * 86_400,
    };
    let nodes: Vec<String> = builder.nodes.iter().take(replicas).cloned().collect();
    for node in nodes {
        let name = format!("{}-{}", plan.name, suffix(&mut builder.rng, 5));
        put_pod(builder, &template, name, PodState::Running, Some(node));
    }
    let mut spec = template.spec();
    set(&mut spec, "/metadata", "labels", labels(plan));
    set(&mut spec, "/spec", "nodeSelector", json!({"kubernetes.io/os": "linux"}));
    builder.put("apps", "daemonsets", json!({
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": plan.name}}, "template": spec,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "revisionHistoryLimit": 10,
        },
        "status": {
            "currentNumberScheduled": replicas, "desiredNumberScheduled": replicas, "numberAvailable": replicas,
            "numberMisscheduled": 0, "numberReady": replicas, "observedGeneration": 2, "updatedNumberScheduled": replicas,
        },
    }));
}

fn cron_job(builder: &mut Builder<'_>, plan: &Plan, runs: usize) {
    let age = builder.cluster_age();
    let mut metadata = builder.metadata(plan.namespace, plan.name, age);
    let uid = super::super::json::text(&metadata, "/uid").to_owned();
    set(&mut metadata, "", "labels", labels(plan));
    let reference = owner("batch/v1", "CronJob", plan.name, &uid);
    let image = image(plan, plan::tag(builder.member.story, plan));
    let fails = plan.name == "reindex" && builder.member.story == Story::UsEast;
    for run in 0..runs {
        job(builder, plan, &reference, &image, (i64::try_from(run).unwrap_or(0) * 3_600 + 1_450, fails && run == 0));
    }
    let template = Template { plan, image, labels: labels(plan), owner: Value::Null, age };
    let mut job_template = template.spec();
    set(&mut job_template, "/spec", "restartPolicy", "Never".into());
    builder.put(
        "batch",
        "cronjobs",
        json!({
            "metadata": metadata,
            "spec": {
                "schedule": "35 * * * *", "concurrencyPolicy": "Forbid", "suspend": plan.namespace == "batch",
                "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
                "jobTemplate": {"metadata": {"creationTimestamp": null}, "spec": {"template": job_template}},
            },
            "status": {"lastScheduleTime": ago(builder.now, 1_450), "lastSuccessfulTime": ago(builder.now, 1_400)},
        }),
    );
}

fn job(builder: &mut Builder<'_>, plan: &Plan, cron_job: &Value, image: &str, (age, failed): (i64, bool)) {
    let minute = (builder.now.as_second() - age) / 60;
    let name = format!("{}-{minute}", plan.name);
    let mut metadata = builder.metadata(plan.namespace, &name, age);
    let uid = super::super::json::text(&metadata, "/uid").to_owned();
    let mut all_labels = with(&labels(plan), "batch.kubernetes.io/job-name", &name);
    set(&mut all_labels, "", "batch.kubernetes.io/controller-uid", uid.as_str().into());
    set(&mut metadata, "", "labels", all_labels.clone());
    set(&mut metadata, "", "ownerReferences", json!([cron_job]));
    let template = Template {
        plan,
        image: image.to_owned(),
        labels: all_labels,
        owner: owner("batch/v1", "Job", &name, &uid),
        age,
    };
    let state = if failed { PodState::Failed } else { PodState::Completed };
    let pod = format!("{name}-{}", suffix(&mut builder.rng, 5));
    put_pod(builder, &template, pod, state, None);
    let mut spec = template.spec();
    set(&mut spec, "/spec", "restartPolicy", "Never".into());
    let (start, end) = (ago(builder.now, age), ago(builder.now, age - 51));
    let status = if failed {
        json!({"startTime": start, "failed": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
            "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                "message": "Job has reached the specified backoff limit", "lastProbeTime": end, "lastTransitionTime": end}]})
    } else {
        json!({"startTime": start, "completionTime": end, "succeeded": 1, "ready": 0, "terminating": 0,
            "uncountedTerminatedPods": {},
            "conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached",
                "lastProbeTime": end, "lastTransitionTime": end}]})
    };
    builder.put("batch", "jobs", json!({
        "metadata": metadata,
        "spec": {"parallelism": 1, "completions": 1, "backoffLimit": 1, "completionMode": "NonIndexed", "suspend": false,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}, "template": spec},
        "status": status,
    }));
}
