//! Deployments, stateful sets, daemon sets, replica sets and disruption budgets.

use super::selector::Selector;
use super::wire::{Condition, Maybe, Meta, Object, Seq, Str, Template, condition, or_none, ratio};
use super::{Projected, health};
use crate::model::cell::Cell;
use crate::model::health::Health;
use crate::model::text::Text;
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    replicas: Option<i64>,
    #[serde(borrow)]
    selector: Maybe<Selector<'a>>,
    #[serde(borrow)]
    template: Maybe<Template<'a>>,
    paused: bool,
}

impl Spec<'_> {
    /// How many are asked for; the server's default is one.
    fn desired(&self) -> i64 {
        self.replicas.unwrap_or(1)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    observed_generation: i64,
    replicas: i64,
    ready_replicas: i64,
    updated_replicas: i64,
    available_replicas: i64,
    #[serde(borrow)]
    current_revision: Str<'a>,
    update_revision: Str<'a>,
    #[serde(borrow)]
    conditions: Seq<Condition<'a>>,
}

type Workload<'a> = Object<'a, Spec<'a>, Status<'a>>;

/// The controller has not seen the latest spec yet, or the object is going.
fn is_unsettled(meta: &Meta<'_>, observed_generation: i64) -> bool {
    meta.is_terminating() || observed_generation < meta.generation
}

fn replica_failure(conditions: &[Condition<'_>]) -> Option<Health> {
    let failure = condition(conditions, "ReplicaFailure").filter(|c| *c.status == *"True")?;
    Some(Health::Failed(health::reason(failure.reason.or("ReplicaFailure"))))
}

fn deployment_verdict(d: &Workload<'_>) -> Health {
    let (desired, status) = (d.spec.desired(), &d.status);
    let rollout = condition(&status.conditions, "Progressing");
    if rollout.is_some_and(|c| *c.status == *"False" && *c.reason == *"ProgressDeadlineExceeded") {
        return Health::Failed(Text::const_new("ProgressDeadlineExceeded"));
    }
    if let Some(failure) = replica_failure(&status.conditions) {
        return failure;
    }
    let rolling = status.updated_replicas < desired || status.replicas > status.updated_replicas;
    match () {
        () if is_unsettled(&d.metadata, status.observed_generation) => Health::Progressing,
        () if rolling && !d.spec.paused => Health::Progressing,
        () if status.available_replicas >= desired => Health::Healthy,
        // All replicas are of the new template, and some are not available: still the rollout, or trouble after it.
        () if rollout.is_some_and(|c| *c.status == *"True" && *c.reason != *"NewReplicaSetAvailable") => {
            Health::Progressing
        }
        () => health::short_of(status.ready_replicas, desired, "ready"),
    }
}

pub(super) fn deployment(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let d: Workload<'_> = serde_json::from_str(raw)?;
    let [containers, images] = d.spec.template.spec.cells();
    let cells = Box::new([
        ratio(d.status.ready_replicas, d.spec.desired()),
        Cell::Int(d.status.updated_replicas),
        Cell::Int(d.status.available_replicas),
        d.metadata.age(),
        containers,
        images,
        d.spec.selector.bare_cell(),
    ]);
    let health = deployment_verdict(&d);
    Ok(Projected { cells, health, meta: d.metadata })
}

pub(super) fn stateful_set(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let set: Workload<'_> = serde_json::from_str(raw)?;
    let (desired, status) = (set.spec.desired(), &set.status);
    let rolling = status.replicas != desired || *status.current_revision != *status.update_revision;
    let health = match () {
        () if is_unsettled(&set.metadata, status.observed_generation) => Health::Progressing,
        () if status.ready_replicas >= desired && !rolling => Health::Healthy,
        () if rolling => Health::Progressing,
        () => health::short_of(status.ready_replicas, desired, "ready"),
    };
    let [containers, images] = set.spec.template.spec.cells();
    let cells = Box::new([ratio(status.ready_replicas, desired), set.metadata.age(), containers, images]);
    Ok(Projected { cells, health, meta: set.metadata })
}

pub(super) fn replica_set(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let set: Workload<'_> = serde_json::from_str(raw)?;
    let (desired, status) = (set.spec.desired(), &set.status);
    let health = match replica_failure(&status.conditions) {
        Some(failure) => failure,
        None if is_unsettled(&set.metadata, status.observed_generation) => Health::Progressing,
        None if status.ready_replicas >= desired => Health::Healthy,
        None if status.replicas < desired => Health::Progressing,
        None => health::short_of(status.ready_replicas, desired, "ready"),
    };
    let [containers, images] = set.spec.template.spec.cells();
    let cells = Box::new([
        Cell::Int(desired),
        Cell::Int(status.replicas),
        Cell::Int(status.ready_replicas),
        set.metadata.age(),
        containers,
        images,
        set.spec.selector.cell(),
    ]);
    Ok(Projected { cells, health, meta: set.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DaemonStatus {
    observed_generation: i64,
    desired_number_scheduled: i64,
    current_number_scheduled: i64,
    number_ready: i64,
    updated_number_scheduled: i64,
    number_available: i64,
}

pub(super) fn daemon_set(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let set: Object<'_, Spec<'_>, DaemonStatus> = serde_json::from_str(raw)?;
    let status = &set.status;
    let desired = status.desired_number_scheduled;
    let health = match () {
        () if is_unsettled(&set.metadata, status.observed_generation) => Health::Progressing,
        () if status.updated_number_scheduled < desired => Health::Progressing,
        () if status.number_ready >= desired => Health::Healthy,
        () => health::short_of(status.number_ready, desired, "ready"),
    };
    let template = &set.spec.template.spec;
    let [containers, images] = template.cells();
    let cells = Box::new([
        Cell::Int(desired),
        Cell::Int(status.current_number_scheduled),
        Cell::Int(status.number_ready),
        Cell::Int(status.updated_number_scheduled),
        Cell::Int(status.number_available),
        or_none(&template.node_selector.text()),
        set.metadata.age(),
        containers,
        images,
        set.spec.selector.cell(),
    ]);
    Ok(Projected { cells, health, meta: set.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BudgetSpec<'a> {
    #[serde(borrow)]
    min_available: Option<Str<'a>>,
    #[serde(borrow)]
    max_unavailable: Option<Str<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BudgetStatus {
    disruptions_allowed: i64,
    current_healthy: i64,
    desired_healthy: i64,
}

pub(super) fn disruption_budget(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let budget: Object<'_, BudgetSpec<'_>, BudgetStatus> = serde_json::from_str(raw)?;
    let limit = |value: &Option<Str<'_>>| match value.as_deref().filter(|v| !v.is_empty()) {
        None => Cell::text("N/A"),
        Some(text) => text.parse().map_or_else(|_| Cell::text(text), Cell::Int),
    };
    let status = &budget.status;
    let health = if status.current_healthy < status.desired_healthy {
        health::short_of(status.current_healthy, status.desired_healthy, "healthy")
    } else {
        Health::Healthy
    };
    let cells = Box::new([
        limit(&budget.spec.min_available),
        limit(&budget.spec.max_unavailable),
        Cell::Int(status.disruptions_allowed),
        budget.metadata.age(),
    ]);
    Ok(Projected { cells, health, meta: budget.metadata })
}

#[cfg(test)]
mod tests {
    use crate::engine::k8s::projection::testing::{cells, made, project};
    use crate::model::health::Health;
    use serde_json::{Value, json};

    fn template() -> Value {
        json!({"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}],
            "nodeSelector": {"os": "linux", "disk": "ssd"}}})
    }

    fn deployment(spec: &Value, status: &Value) -> Health {
        project("apps", "Deployment", &made(json!({"spec": spec, "status": status}))).health
    }

    #[test]
    fn deployments_as_the_server_shows_them() {
        let object = made(json!({
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "api"}}, "template": template()},
            "status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2}}));
        let row = project("apps", "Deployment", &object);
        assert_eq!(cells(&row), ["2/3", "3", "2", "2m", "a,b", "x:1,y:2", "app=api"]);
        assert_eq!(row.health, Health::Degraded("2/3 ready".into()));
        assert_eq!(cells(&project("apps", "Deployment", &made(json!({}))))[6], "");
    }

    #[test]
    fn a_rollout_progresses_until_its_deadline() {
        let spec = json!({"replicas": 2});
        let rolling = json!({"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2});
        assert_eq!(deployment(&spec, &rolling), Health::Progressing);
        let mut late = rolling;
        late["conditions"] = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
        assert_eq!(deployment(&spec, &late), Health::Failed("ProgressDeadlineExceeded".into()));
        let quota = json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}]});
        assert_eq!(deployment(&spec, &quota), Health::Failed("FailedCreate".into()));
        let done = json!({"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(deployment(&spec, &done), Health::Healthy);
        assert_eq!(deployment(&json!({"replicas": 0}), &json!({})), Health::Healthy);
    }

    #[test]
    fn the_other_sets() {
        let replica =
            made(json!({"spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": template()},
            "status": {"replicas": 2, "readyReplicas": 1}}));
        let row = project("apps", "ReplicaSet", &replica);
        assert_eq!(cells(&row), ["2", "2", "1", "2m", "a,b", "x:1,y:2", "a=b"]);
        assert_eq!(row.health, Health::Degraded("1/2 ready".into()));
        let stateful = made(json!({"spec": {"replicas": 1, "template": template()},
            "status": {"replicas": 1, "readyReplicas": 1, "currentRevision": "1", "updateRevision": "2"}}));
        let row = project("apps", "StatefulSet", &stateful);
        assert_eq!(
            (cells(&row), row.health),
            (["1/1", "2m", "a,b", "x:1,y:2"].map(str::to_owned).to_vec(), Health::Progressing)
        );
        let daemon = made(json!({"spec": {"template": template()}, "status": {"desiredNumberScheduled": 4,
            "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 4, "numberAvailable": 2}}));
        let row = project("apps", "DaemonSet", &daemon);
        assert_eq!(cells(&row), ["4", "4", "3", "4", "2", "disk=ssd,os=linux", "2m", "a,b", "x:1,y:2", "<none>"]);
        assert_eq!(row.health, Health::Degraded("3/4 ready".into()));
    }

    #[test]
    fn disruption_budgets() {
        let budget =
            made(json!({"spec": {"minAvailable": "50%"}, "status": {"currentHealthy": 1, "desiredHealthy": 2}}));
        let row = project("policy", "PodDisruptionBudget", &budget);
        assert_eq!(cells(&row), ["50%", "N/A", "0", "2m"]);
        assert_eq!(row.health, Health::Degraded("1/2 healthy".into()));
        let number = made(json!({"spec": {"maxUnavailable": 1}, "status": {"disruptionsAllowed": 1}}));
        assert_eq!(cells(&project("policy", "PodDisruptionBudget", &number)), ["N/A", "1", "1", "2m"]);
    }
}
