//! A plan that was made earlier is looked at again: its clusters, rights, safety levels, and every target.

use super::clusters::{AT_ONCE, Clusters, Link};
use super::core::body::precondition;
use super::core::check::{Standing, standing};
use super::core::plan::{note, server_in_plan};
use super::core::step::Earlier;
use super::probe::{Candidate, Probe};
use crate::error::{ErrorKind, UserError};
use crate::model::change::{FindingKind, Plan, PlanCluster, Target};
use crate::model::cluster::ClusterEntry;
use crate::model::text::Text;
use futures::StreamExt as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Returns the plan with today's levels and findings. Targets that an earlier run ended with stay as they are. Fails
/// where a cluster is not the one the plan was made for, or cannot be asked.
pub async fn recheck(clusters: &Clusters, plan: &Plan, earlier: &BTreeMap<usize, Earlier>) -> Result<Plan, UserError> {
    let again = plan.clusters.iter().enumerate().map(|(at, cluster)| async move {
        let own = plan.targets.iter().enumerate().filter(|(_, target)| target.key.cluster == cluster.name);
        let open: Vec<(usize, &Target, bool)> = own
            .filter(|(at, _)| earlier.get(at).is_none_or(|known| known.state.is_resumed()))
            .map(|(at, target)| (at, target, earlier.get(&at).is_some_and(|known| known.was_asked)))
            .collect();
        if open.is_empty() {
            return Ok((at, cluster.access, Vec::new()));
        }
        let entry = clusters.entry(&cluster.name)?;
        let places: Vec<usize> = open.iter().map(|(at, ..)| *at).collect();
        let targets = one(clusters, entry, cluster, plan, open).await?;
        Ok((at, entry.access, places.into_iter().zip(targets).collect::<Vec<_>>()))
    });
    let answers: Vec<Result<_, UserError>> =
        futures::stream::iter(again).buffered(clusters.concurrency.max(1)).boxed().collect().await;
    let mut fresh = plan.clone();
    for answer in answers {
        let (at, access, targets) = answer?;
        if let Some(cluster) = fresh.clusters.get_mut(at) {
            cluster.access = access;
        }
        for (place, target) in targets {
            if let Some(slot) = fresh.targets.get_mut(place) {
                *slot = target;
            }
        }
    }
    Ok(fresh)
}

type Open<'a> = Vec<(usize, &'a Target, bool)>;

async fn one(
    clusters: &Clusters,
    entry: &Arc<ClusterEntry>,
    cluster: &PlanCluster,
    plan: &Plan,
    open: Open<'_>,
) -> Result<Vec<Target>, UserError> {
    let timeout = Duration::from_secs(u64::from(plan.options.timeout_s));
    let failed = |why: String| {
        UserError::new(ErrorKind::Cluster, "the plan cannot be checked again, so nothing is changed")
            .in_cluster(cluster.name.clone())
            .cause(why)
            .hint("look at it with `qd doctor`, and run or resume the plan when it answers")
    };
    let link = Link::connect(clusters, entry, timeout).await.map_err(|why| failed(why.to_string()))?;
    let uid = link.uid().await.map_err(|why| failed(why.to_string()))?;
    is_same(cluster, &server_in_plan(&entry.server), &uid)?;
    let link = &link;
    let reads = open.iter().map(|(_, target, was_asked)| async move {
        let kind = plan.kind_of(&target.key).ok_or_else(|| format!("{} is of no kind of the plan", target.key))?;
        let object = link.read(kind, &target.key).await.map_err(|why| why.to_string())?;
        let mut target = fresh(target);
        if let Standing::Moved(why) = standing(&plan.change, &target, object.as_ref(), *was_asked) {
            let why = why.strip_prefix("moved: ").unwrap_or(&why).to_owned();
            note(&mut target, FindingKind::Moved, &why);
        }
        let precondition = object.as_ref().and_then(precondition);
        Ok::<_, String>(Candidate { target, precondition, was_asked: *was_asked })
    });
    let candidates: Vec<Result<Candidate, String>> =
        futures::stream::iter(reads).buffered(AT_ONCE).boxed().collect().await;
    let mut candidates = candidates.into_iter().collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let probe = Probe { link, change: &plan.change, kinds: &cluster.kinds, access: entry.access };
    probe.examine(&mut candidates).await;
    Ok(candidates.into_iter().map(|candidate| candidate.target).collect())
}

/// A target without the findings that are looked for again.
fn fresh(target: &Target) -> Target {
    let mut target = target.clone();
    target.findings.retain(|finding| matches!(finding.kind, FindingKind::Unfit | FindingKind::AlreadySo));
    target
}

/// Fails where the cluster of this name is not the one the plan was made for.
fn is_same(planned: &PlanCluster, server: &Text, uid: &Text) -> Result<(), UserError> {
    let refused = |why: String| {
        Err(UserError::new(ErrorKind::Refused, why)
            .in_cluster(planned.name.clone())
            .hint("make a new plan for the cluster that has this name now"))
    };
    if planned.uid != *uid {
        let word = |uid: &Text| if uid.is_empty() { "that may not be read".to_owned() } else { uid.to_string() };
        return refused(format!(
            "the plan is of another cluster: its kube-system has the uid {}, and this one has {}",
            word(&planned.uid),
            word(uid)
        ));
    }
    if planned.uid.is_empty() && planned.server != *server {
        return refused(format!("the plan is of the cluster at {}, and this one is at {server}", planned.server));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::change::core::plan::tests::plan;

    #[test]
    fn another_uid_is_another_cluster_and_without_one_the_server_decides() {
        let mut planned = plan(&[("east", 1)]).clusters.remove(0);
        let is = |planned: &PlanCluster, server: &str, uid: &str| is_same(planned, &server.into(), &uid.into()).is_ok();
        assert!(is(&planned, "https://moved", "system-east"));
        assert!(!is(&planned, "https://east", "system-west"));
        assert!(!is(&planned, "https://east", ""));
        planned.uid = Text::default();
        assert!(is(&planned, "https://east", ""));
        assert!(!is(&planned, "https://other", ""));
    }
}
