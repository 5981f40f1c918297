//! Cells of workloads, autoscalers and disruption budgets.

use jiff::Timestamp;
use serde_json::Value;

use super::super::json::{at, int, items, text, truth};
use super::{age, age_of, duration, joined, labels, or_none};

/// The cells of a workload of this kind (a plural).
pub(super) fn cells(plural: &str, object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells: Vec<Value> = vec![text(object, "/metadata/name").into()];
    let ready = |total: &str| format!("{}/{}", int(object, "/status/readyReplicas"), int(object, total));
    let template = |cells: &mut Vec<Value>| {
        let containers = items(object, "/spec/template/spec/containers");
        cells.push(joined(containers, "/name").into());
        cells.push(joined(containers, "/image").into());
    };
    match plural {
        "deployments" => {
            cells.push(ready("/spec/replicas").into());
            cells.push(int(object, "/status/updatedReplicas").into());
            cells.push(int(object, "/status/availableReplicas").into());
            cells.push(age(object, now));
            template(&mut cells);
            cells.push(selector(object).into());
        }
        "replicasets" | "replicationcontrollers" => {
            cells.push(int(object, "/spec/replicas").into());
            cells.push(int(object, "/status/replicas").into());
            cells.push(int(object, "/status/readyReplicas").into());
            cells.push(age(object, now));
            template(&mut cells);
            cells.push(selector(object).into());
        }
        "statefulsets" => {
            cells.push(ready("/spec/replicas").into());
            cells.push(age(object, now));
            template(&mut cells);
        }
        "daemonsets" => {
            for field in [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ] {
                cells.push(int(object, &format!("/status/{field}")).into());
            }
            cells.push(labels(at(object, "/spec/template/spec/nodeSelector")).into());
            cells.push(age(object, now));
            template(&mut cells);
            cells.push(selector(object).into());
        }
        "jobs" => job(object, now, &mut cells),
        "cronjobs" => cron_job(object, now, &mut cells),
        "horizontalpodautoscalers" => autoscaler(object, now, &mut cells),
        "poddisruptionbudgets" => disruption_budget(object, now, &mut cells),
        _ => {
            let owner = at(object, "/metadata/ownerReferences/0");
            let kind = text(owner, "/kind").to_lowercase();
            cells.push(format!("{kind}.apps/{}", text(owner, "/name")).into());
            cells.push(int(object, "/revision").into());
            cells.push(age(object, now));
        }
    }
    cells
}

fn selector(object: &Value) -> String {
    labels(at(object, "/spec/selector/matchLabels"))
}

fn job(job: &Value, now: Timestamp, cells: &mut Vec<Value>) {
    let condition = |kind: &str| {
        items(job, "/status/conditions")
            .iter()
            .any(|condition| text(condition, "/type") == kind && text(condition, "/status") == "True")
    };
    let status = if condition("Complete") {
        "Complete"
    } else if condition("Failed") {
        "Failed"
    } else if job.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else if condition("Suspended") {
        "Suspended"
    } else {
        "Running"
    };
    cells.push(status.into());
    let done = int(job, "/status/succeeded");
    let wanted = at(job, "/spec/completions").as_i64().unwrap_or(1);
    cells.push(format!("{done}/{wanted}").into());
    let started = text(job, "/status/startTime").parse::<Timestamp>();
    let ended = text(job, "/status/completionTime").parse::<Timestamp>().unwrap_or(now);
    cells.push(started.map_or_else(|_| String::new(), |start| duration(ended.as_second() - start.as_second())).into());
    cells.push(age(job, now));
    let containers = items(job, "/spec/template/spec/containers");
    cells.push(joined(containers, "/name").into());
    cells.push(joined(containers, "/image").into());
    cells.push(selector(job).into());
}

fn cron_job(cron_job: &Value, now: Timestamp, cells: &mut Vec<Value>) {
    cells.push(text(cron_job, "/spec/schedule").into());
    cells.push(or_none(text(cron_job, "/spec/timeZone").to_owned()).into());
    cells.push(if truth(cron_job, "/spec/suspend") { "True" } else { "False" }.into());
    cells.push(items(cron_job, "/status/active").len().into());
    let last = text(cron_job, "/status/lastScheduleTime");
    cells.push(if last.is_empty() { "<none>".to_owned() } else { age_of(last, now) }.into());
    cells.push(age(cron_job, now));
    let containers = items(cron_job, "/spec/jobTemplate/spec/template/spec/containers");
    cells.push(joined(containers, "/name").into());
    cells.push(joined(containers, "/image").into());
    cells.push(labels(at(cron_job, "/spec/jobTemplate/spec/selector/matchLabels")).into());
}

fn autoscaler(autoscaler: &Value, now: Timestamp, cells: &mut Vec<Value>) {
    let target = at(autoscaler, "/spec/scaleTargetRef");
    cells.push(format!("{}/{}", text(target, "/kind"), text(target, "/name")).into());
    let metrics = items(autoscaler, "/spec/metrics");
    let current = items(autoscaler, "/status/currentMetrics");
    let targets: Vec<String> = metrics
        .iter()
        .enumerate()
        .map(|(number, metric)| {
            let now = current
                .get(number)
                .and_then(|metric| metric.pointer("/resource/current/averageUtilization"))
                .and_then(Value::as_i64)
                .map_or("<unknown>".to_owned(), |percent| format!("{percent}%"));
            format!("{}: {now}/{}%", text(metric, "/resource/name"), int(metric, "/resource/target/averageUtilization"))
        })
        .collect();
    cells.push(or_none(targets.join(", ")).into());
    let least = at(autoscaler, "/spec/minReplicas").as_i64();
    cells.push(least.map_or("<unset>".to_owned(), |least| least.to_string()).into());
    cells.push(int(autoscaler, "/spec/maxReplicas").into());
    cells.push(int(autoscaler, "/status/currentReplicas").into());
    cells.push(age(autoscaler, now));
}

fn disruption_budget(budget: &Value, now: Timestamp, cells: &mut Vec<Value>) {
    for field in ["minAvailable", "maxUnavailable"] {
        let value = at(budget, &format!("/spec/{field}"));
        let number = value.as_i64().map(|number| number.to_string());
        let shown = value.as_str().map(str::to_owned).or(number);
        cells.push(shown.unwrap_or_else(|| "N/A".to_owned()).into());
    }
    cells.push(int(budget, "/status/disruptionsAllowed").into());
    cells.push(age(budget, now));
}
