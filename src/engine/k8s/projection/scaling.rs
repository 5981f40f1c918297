//! Horizontal pod autoscalers.

use super::wire::{Condition, Maybe, Object, Seq, Str, condition, is_true};
use super::{Projected, health};
use crate::model::cell::Cell;
use crate::model::health::Health;
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    scale_target_ref: Maybe<Reference<'a>>,
    min_replicas: Option<i64>,
    max_replicas: i64,
    #[serde(borrow)]
    metrics: Seq<Metric<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Reference<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    name: Str<'a>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    current_replicas: i64,
    #[serde(borrow)]
    current_metrics: Seq<Metric<'a>>,
    #[serde(borrow)]
    conditions: Seq<Condition<'a>>,
}

/// A metric as the spec wants it or as the status has it: one source of five.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metric<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    resource: Option<Source<'a>>,
    #[serde(borrow)]
    container_resource: Option<Source<'a>>,
    #[serde(borrow)]
    pods: Option<Source<'a>>,
    #[serde(borrow)]
    object: Option<Source<'a>>,
    #[serde(borrow)]
    external: Option<Source<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Source<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    /// `target` in a spec, `current` in a status.
    #[serde(borrow, alias = "current")]
    target: Maybe<Amount<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Amount<'a> {
    #[serde(borrow)]
    value: Option<Str<'a>>,
    #[serde(borrow)]
    average_value: Option<Str<'a>>,
    average_utilization: Option<i64>,
}

impl<'a> Metric<'a> {
    fn source(&self, kind: &str) -> Option<&Source<'a>> {
        match kind {
            "Resource" => self.resource.as_ref(),
            "ContainerResource" => self.container_resource.as_ref(),
            "Pods" => self.pods.as_ref(),
            "Object" => self.object.as_ref(),
            "External" => self.external.as_ref(),
            _ => None,
        }
    }
}

/// A missing quantity, as the server prints it.
const NIL: &str = "<nil>";

fn quantity<'v>(value: Option<&'v Str<'_>>) -> &'v str {
    value.map_or(NIL, |v| &**v)
}

/// `current/target` of one metric; `status` is the entry at the same place in the status.
fn metric(spec: &Metric<'_>, status: Option<&Metric<'_>>) -> String {
    let kind = &*spec.kind;
    let Some(wanted) = spec.source(kind) else { return "<unknown type>".to_owned() };
    let current = status.and_then(|s| s.source(kind)).map(|s| &*s.target);
    let target = &*wanted.target;
    let utilization = |v: &Amount<'_>| v.average_utilization.map(|n| format!("{n}%"));
    match (kind, &target.average_value) {
        ("Resource" | "ContainerResource", None) => {
            let current = current.and_then(utilization).unwrap_or_else(|| "<unknown>".to_owned());
            let target = utilization(target).unwrap_or_else(|| "<auto>".to_owned());
            format!("{}: {current}/{target}", &*wanted.name)
        }
        ("Resource" | "ContainerResource", Some(target)) => {
            let current = current.map_or("<unknown>", |c| quantity(c.average_value.as_ref()));
            format!("{}: {current}/{}", &*wanted.name, &**target)
        }
        ("Pods", _) => {
            let current = current.map_or("<unknown>", |c| quantity(c.average_value.as_ref()));
            format!("{current}/{}", quantity(target.average_value.as_ref()))
        }
        (_, Some(target)) => {
            let current = current.and_then(|c| c.average_value.as_ref()).map_or("<unknown>", |v| &**v);
            format!("{current}/{} (avg)", &**target)
        }
        (_, None) => {
            let current = current.map_or("<unknown>", |c| quantity(c.value.as_ref()));
            format!("{current}/{}", quantity(target.value.as_ref()))
        }
    }
}

/// Metrics shown before "more".
const METRICS_SHOWN: usize = 2;

fn metrics(spec: &Spec<'_>, status: &Status<'_>) -> Cell {
    if spec.metrics.is_empty() {
        return Cell::None;
    }
    let shown = spec.metrics.iter().take(METRICS_SHOWN).enumerate();
    let shown: Vec<String> = shown.map(|(i, m)| metric(m, status.current_metrics.get(i))).collect();
    match spec.metrics.len().saturating_sub(METRICS_SHOWN) {
        0 => Cell::text(&shown.join(", ")),
        more => Cell::text(&format!("{} + {more} more...", shown.join(", "))),
    }
}

fn verdict(conditions: &[Condition<'_>]) -> Health {
    let refused = ["AbleToScale", "ScalingActive"]
        .into_iter()
        .filter_map(|kind| condition(conditions, kind))
        .find(|c| *c.status == *"False" && *c.reason != *"ScalingDisabled");
    match refused {
        Some(c) => Health::Degraded(health::reason(c.reason.or(&c.kind))),
        None if is_true(conditions, "ScalingLimited")
            && condition(conditions, "ScalingLimited").is_some_and(|c| *c.reason == *"TooManyReplicas") =>
        {
            Health::Degraded(health::reason("TooManyReplicas"))
        }
        None if conditions.is_empty() => Health::Unknown,
        None => Health::Healthy,
    }
}

pub(super) fn autoscaler(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let scaler: Object<'_, Spec<'_>, Status<'_>> = serde_json::from_str(raw)?;
    let (spec, status) = (&scaler.spec, &scaler.status);
    let cells = Box::new([
        Cell::text(&format!("{}/{}", &*spec.scale_target_ref.kind, &*spec.scale_target_ref.name)),
        metrics(spec, status),
        spec.min_replicas.map_or_else(|| Cell::text("<unset>"), Cell::Int),
        Cell::Int(spec.max_replicas),
        Cell::Int(status.current_replicas),
        scaler.metadata.age(),
    ]);
    let health = verdict(&status.conditions);
    Ok(Projected { cells, health, meta: scaler.metadata })
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "JSON literals are passed as they are written")]
mod tests {
    use crate::engine::k8s::projection::testing::{cells, made, project};
    use crate::model::health::Health;
    use serde_json::{Value, json};

    fn targets(metrics: Value, current: Value) -> String {
        let object = made(json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "maxReplicas": 5,
            "metrics": metrics}, "status": {"currentReplicas": 2, "currentMetrics": current}}));
        let shown = cells(&project("autoscaling", "HorizontalPodAutoscaler", &object));
        assert_eq!(shown[0], "Deployment/api");
        assert_eq!(shown[2..], ["<unset>", "5", "2", "2m"]);
        shown[1].clone()
    }

    #[test]
    fn targets_say_what_is_and_what_should_be() {
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}});
        let cpu_now = json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12, "averageValue": "5m"}}});
        let pods = json!({"type": "Pods", "pods": {"target": {"averageValue": "1k"}}});
        let object = json!({"type": "Object", "object": {"target": {"value": "7"}}});
        let external = json!({"type": "External", "external": {"target": {"averageValue": "9"}}});
        assert_eq!(targets(json!([]), json!([])), "<none>");
        assert_eq!(targets(json!([cpu]), json!(null)), "cpu: <unknown>/80%");
        assert_eq!(
            targets(json!([cpu, pods]), json!([cpu_now, {"type": "Pods", "pods": {"current": {"averageValue": "3"}}}])),
            "cpu: 12%/80%, 3/1k"
        );
        assert_eq!(targets(json!([object, external]), json!([])), "<unknown>/7, <unknown>/9 (avg)");
        assert_eq!(targets(json!([cpu, cpu, cpu]), json!([cpu_now])), "cpu: 12%/80%, cpu: <unknown>/80% + 1 more...");
        assert_eq!(targets(json!([{"type": "Odd"}]), json!([])), "<unknown type>");
    }

    #[test]
    fn one_that_cannot_scale_is_degraded() {
        let verdict = |kind: &str, status: &str, reason: &str| {
            let conditions = json!([{"type": kind, "status": status, "reason": reason}]);
            project("autoscaling", "HorizontalPodAutoscaler", &made(json!({"status": {"conditions": conditions}})))
                .health
        };
        assert_eq!(
            verdict("ScalingActive", "False", "FailedGetResourceMetric"),
            Health::Degraded("FailedGetResourceMetric".into())
        );
        assert_eq!(verdict("ScalingActive", "False", "ScalingDisabled"), Health::Healthy);
        assert_eq!(verdict("ScalingLimited", "True", "TooManyReplicas"), Health::Degraded("TooManyReplicas".into()));
        assert_eq!(verdict("AbleToScale", "True", "Ready"), Health::Healthy);
    }
}
