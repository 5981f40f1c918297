//! Jobs and cron jobs.

use super::selector::Selector;
use super::wire::{Condition, Maybe, Object, Seq, Str, Template, condition, is_true, ratio, since};
use super::{Projected, health};
use crate::model::cell::Cell;
use crate::model::health::Health;
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JobSpec<'a> {
    completions: Option<i64>,
    parallelism: Option<i64>,
    #[serde(borrow)]
    selector: Maybe<Selector<'a>>,
    #[serde(borrow)]
    template: Maybe<Template<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct JobStatus<'a> {
    succeeded: i64,
    #[serde(borrow)]
    start_time: Str<'a>,
    completion_time: Str<'a>,
    #[serde(borrow)]
    conditions: Seq<Condition<'a>>,
}

/// Conditions of a job and the word for each; the first that is true decides, after deletion where
/// it stands behind that.
const ENDED: [(&str, &str); 2] = [("Complete", "Complete"), ("Failed", "Failed")];
const RUNNING: [(&str, &str); 3] =
    [("Suspended", "Suspended"), ("FailureTarget", "FailureTarget"), ("SuccessCriteriaMet", "SuccessCriteriaMet")];

fn job_status(job: &Object<'_, JobSpec<'_>, JobStatus<'_>>) -> &'static str {
    let first = |table: &[(&str, &'static str)]| {
        table.iter().find(|(kind, _)| is_true(&job.status.conditions, kind)).map(|(_, word)| *word)
    };
    match first(&ENDED) {
        Some(word) => word,
        None if job.metadata.is_terminating() => "Terminating",
        None => first(&RUNNING).unwrap_or("Running"),
    }
}

fn completions(spec: &JobSpec<'_>, succeeded: i64) -> Cell {
    match (spec.completions, spec.parallelism.unwrap_or(0)) {
        (Some(wanted), _) => ratio(succeeded, wanted),
        (None, parallel) if parallel > 1 => Cell::text(&format!("{succeeded}/1 of {parallel}")),
        (None, _) => ratio(succeeded, 1),
    }
}

pub(super) fn job(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let job: Object<'_, JobSpec<'_>, JobStatus<'_>> = serde_json::from_str(raw)?;
    let status = &job.status;
    let word = job_status(&job);
    let health = match word {
        "Complete" | "Suspended" => Health::Healthy,
        "Failed" | "FailureTarget" => {
            let why = condition(&status.conditions, word).map_or("", |c| &*c.reason);
            Health::Failed(health::reason(if why.is_empty() { word } else { why }))
        }
        _ => Health::Progressing,
    };
    let span = |from| Cell::Span { from, to: status.completion_time.time() };
    let [containers, images] = job.spec.template.spec.cells();
    let cells = Box::new([
        Cell::text(word),
        completions(&job.spec, status.succeeded),
        status.start_time.time().map_or(Cell::Empty, span),
        job.metadata.age(),
        containers,
        images,
        job.spec.selector.cell(),
    ]);
    Ok(Projected { cells, health, meta: job.metadata })
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CronSpec<'a> {
    #[serde(borrow)]
    schedule: Str<'a>,
    #[serde(borrow)]
    time_zone: Option<Str<'a>>,
    suspend: Option<bool>,
    #[serde(borrow)]
    job_template: Maybe<JobTemplate<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct JobTemplate<'a> {
    #[serde(borrow)]
    spec: Maybe<JobSpec<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CronStatus<'a> {
    active: Seq<IgnoredAny>,
    #[serde(borrow)]
    last_schedule_time: Str<'a>,
}

pub(super) fn cron_job(raw: &str) -> Result<Projected<'_>, serde_json::Error> {
    let cron: Object<'_, CronSpec<'_>, CronStatus<'_>> = serde_json::from_str(raw)?;
    let (spec, status) = (&cron.spec, &cron.status);
    let [containers, images] = spec.job_template.spec.template.spec.cells();
    let last = &status.last_schedule_time;
    let cells = Box::new([
        Cell::text(&spec.schedule),
        spec.time_zone.as_ref().map_or(Cell::None, |zone| Cell::text(zone)),
        Cell::text(match spec.suspend {
            None => "<unset>",
            Some(true) => "True",
            Some(false) => "False",
        }),
        Cell::Int(i64::try_from(status.active.len()).unwrap_or(i64::MAX)),
        if last.is_empty() { Cell::None } else { since(last) },
        cron.metadata.age(),
        containers,
        images,
        spec.job_template.spec.selector.cell(),
    ]);
    let health = if cron.metadata.is_terminating() { Health::Progressing } else { Health::Healthy };
    Ok(Projected { cells, health, meta: cron.metadata })
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "JSON literals are passed as they are written")]
mod tests {
    use crate::engine::k8s::projection::testing::{cells, made, project};
    use crate::model::health::Health;
    use serde_json::{Value, json};

    fn job(spec: Value, status: Value) -> (Vec<String>, Health) {
        let row = project("batch", "Job", &made(json!({"spec": spec, "status": status})));
        (cells(&row)[..3].to_vec(), row.health)
    }

    #[test]
    fn jobs() {
        let (shown, health) =
            job(json!({"completions": 3}), json!({"succeeded": 1, "startTime": "2026-01-01T00:01:30Z"}));
        assert_eq!((shown.join(" "), health), ("Running 1/3 30s".to_owned(), Health::Progressing));
        let done = json!({"succeeded": 1, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:07Z",
            "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]});
        let (shown, health) = job(json!({"parallelism": 1}), done);
        assert_eq!((shown.join(" "), health), ("Complete 1/1 7s".to_owned(), Health::Healthy));
        let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]});
        let (shown, health) = job(json!({"parallelism": 4}), failed);
        assert_eq!(
            (shown.join(" "), health),
            ("Failed 0/1 of 4 ".to_owned(), Health::Failed("BackoffLimitExceeded".into()))
        );
        let suspended = json!({"conditions": [{"type": "Suspended", "status": "True"}]});
        assert_eq!(job(json!({"completions": 1}), suspended).1, Health::Healthy);
    }

    #[test]
    fn cron_jobs() {
        let cron = made(json!({"spec": {"schedule": "*/5 * * * *", "timeZone": "Etc/UTC", "suspend": false,
            "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y"}]}}}}},
            "status": {"active": [{}, {}], "lastScheduleTime": "2026-01-01T00:00:00Z"}}));
        assert_eq!(
            cells(&project("batch", "CronJob", &cron)),
            ["*/5 * * * *", "Etc/UTC", "False", "2", "2m", "2m", "a,b", "x:1,y", "<none>"]
        );
        let bare = cells(&project("batch", "CronJob", &made(json!({"spec": {"schedule": "@daily"}}))));
        assert_eq!(bare[..5], ["@daily", "<none>", "<unset>", "0", "<none>"]);
    }
}
