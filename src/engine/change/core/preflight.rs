//! Checks of a plan right before it runs: the safety levels as they are now, the order of the clusters, the consent.

use super::confirm::{consent, over_limit};
use super::plan::{Touched, touched};
use super::step::Earlier;
use super::waves::waves;
use crate::model::change::{Consent, Given, Options, Plan, Target};
use crate::model::cluster::{Access, ClusterEntry, ClusterName};
use crate::model::text::Text;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Moved or refused targets that one text names.
const NAMED_MAX: usize = 3;

/// A plan, and the facts that decide whether it may run.
#[derive(Debug, Clone, Copy)]
pub struct Preflight<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Results of earlier runs, by the index of the target.
    pub earlier: &'a BTreeMap<usize, Earlier>,
    /// The level of each cluster of the inventory, as it is now.
    pub levels: &'a BTreeMap<ClusterName, Access>,
    /// Most targets in one protected cluster.
    pub bulk_limit: u32,
}

/// The order of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The clusters that the run changes.
    pub touched: Vec<Touched>,
    /// The clusters of each wave.
    pub waves: Vec<Vec<ClusterName>>,
}

/// Why a plan may not run, and the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub why: String,
    /// The next step.
    pub hint: String,
}

impl Refusal {
    /// Returns the refusal in one line.
    pub fn sentence(&self) -> Text {
        Text::from(format!("{}; nothing was changed; {}", self.why, self.hint))
    }
}

/// Returns the level of each cluster of the inventory, as it is now.
pub fn levels(entries: &[Arc<ClusterEntry>]) -> BTreeMap<ClusterName, Access> {
    entries.iter().map(|entry| (entry.name.clone(), entry.access)).collect()
}

impl Preflight<'_> {
    /// Returns the level of a cluster as it is now or as the plan has it, whichever is stricter.
    pub fn level(&self, name: &ClusterName) -> Access {
        let now = self.levels.get(name).copied();
        let then = self.plan.cluster(name).map(|cluster| cluster.access);
        now.into_iter().chain(then).max().unwrap_or(Access::ReadOnly)
    }

    /// Returns the clusters that a run changes.
    pub fn touched(&self) -> Vec<Touched> {
        touched(self.plan, self.earlier, |name| self.level(name))
    }

    /// Returns the clusters of each wave. A run that goes on needs no canary: the canary is done with. Fails if the canary is
    /// not among the clusters.
    pub fn waves(&self, touched: &[Touched], goes_on: bool) -> Result<Vec<Vec<ClusterName>>, String> {
        let options = &self.plan.options;
        waves(touched, options).or_else(|why| {
            if goes_on { waves(touched, &Options { canary: None, ..options.clone() }) } else { Err(why) }
        })
    }

    /// Returns the order of a run. Fails if there is nothing to change, if a protected cluster has too many targets, or
    /// if the canary is not among the clusters.
    pub fn order(&self) -> Result<Order, Refusal> {
        let touched = self.touched();
        if touched.is_empty() {
            return Err(self.nothing());
        }
        if let Some(over) = over_limit(&touched, self.bulk_limit) {
            let (cluster, count, limit) = (&over.cluster, over.targets, self.bulk_limit);
            return Err(Refusal {
                why: format!("{cluster}: {count} objects are more than changes.bulkLimit allows ({limit})"),
                hint: "choose fewer objects, or raise changes.bulkLimit in config.yaml".to_owned(),
            });
        }
        match self.waves(&touched, !self.earlier.is_empty()) {
            Ok(waves) => Ok(Order { touched, waves }),
            Err(why) => Err(Refusal { why, hint: "make a new plan with a canary among its clusters".to_owned() }),
        }
    }

    /// Decides about consent: refused where the plan cannot run at all.
    pub fn consent(&self, given: &Given) -> Consent {
        match self.order() {
            Ok(order) => consent(self.plan, &order.touched, given),
            Err(Refusal { why, hint }) => Consent::Refused { why, hint },
        }
    }

    fn nothing(&self) -> Refusal {
        let refused = self.plan.targets.iter().any(|target| target.refusal().is_some());
        let unread = self.plan.clusters.iter().any(|cluster| cluster.problem.is_some());
        if refused || unread {
            let hint = "read the reason beside each object and cluster".to_owned();
            return Refusal { why: "no object can be changed".to_owned(), hint };
        }
        Refusal { why: "nothing to do".to_owned(), hint: "the objects are already as wanted".to_owned() }
    }
}

/// Returns the targets that were to be changed when the plan was shown and that stand otherwise now, in words; `None` if
/// there are none. `shown` and `checked` are the same plan at two times.
pub fn moved_since(shown: &Plan, checked: &Plan) -> Option<Text> {
    let pairs = shown.targets.iter().zip(&checked.targets);
    let moved: Vec<&Target> =
        pairs.filter(|(before, now)| before.is_changed() && now.refusal().is_some()).map(|(_, now)| now).collect();
    let named = moved.iter().take(NAMED_MAX).filter_map(|target| {
        let finding = target.refusal()?;
        Some(format!("{}: {}: {}", target.key, finding.kind.word(), finding.text))
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() {
        return None;
    }
    let more = moved.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    Some(Text::from(format!("{}{rest}", named.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::super::plan::note;
    use super::super::plan::tests::plan;
    use super::*;
    use crate::model::change::{FindingKind, TargetState};

    fn levels(all: &[(&str, Access)]) -> BTreeMap<ClusterName, Access> {
        all.iter().map(|(name, access)| (ClusterName::new(name), *access)).collect()
    }

    #[test]
    fn the_stricter_level_counts_and_an_unknown_cluster_is_closed() {
        let plan = plan(&[("east", 1)]);
        let (earlier, levels) = (BTreeMap::new(), levels(&[("east", Access::Protected)]));
        let preflight = Preflight { plan: &plan, earlier: &earlier, levels: &levels, bulk_limit: 20 };
        assert_eq!(preflight.level(&ClusterName::new("east")), Access::Protected);
        assert_eq!(preflight.level(&ClusterName::new("nowhere")), Access::ReadOnly);
        let given = Given { yes: true, names: Vec::new() };
        assert!(matches!(preflight.consent(&given), Consent::Refused { .. }), "--yes does not serve");
        let given = Given { yes: false, names: vec!["east".to_owned()] };
        assert_eq!(preflight.consent(&given), Consent::Given);
    }

    #[test]
    fn a_plan_without_work_or_beyond_the_limit_does_not_run() {
        let mut plan = plan(&[("east", 3)]);
        let (earlier, levels) = (BTreeMap::new(), levels(&[("east", Access::Protected)]));
        let refused = |plan: &Plan, bulk_limit: u32| {
            Preflight { plan, earlier: &earlier, levels: &levels, bulk_limit }.order().map_err(|refusal| refusal.why)
        };
        assert!(refused(&plan, 2).unwrap_err().contains("changes.bulkLimit"));
        assert!(refused(&plan, 3).is_ok());
        plan.targets.iter_mut().for_each(|target| note(target, FindingKind::AlreadySo, "so"));
        assert_eq!(refused(&plan, 3).unwrap_err(), "nothing to do");
        note(&mut plan.targets[0], FindingKind::Forbidden, "no");
        assert_eq!(refused(&plan, 3).unwrap_err(), "no object can be changed");
    }

    #[test]
    fn a_canary_that_an_earlier_run_ended_with_does_not_stop_a_resume() {
        let mut plan = plan(&[("east", 1), ("west", 1)]);
        plan.options.canary = Some(ClusterName::new("east"));
        let done = BTreeMap::from([(0, Earlier { state: TargetState::Done, was_asked: true })]);
        let levels = levels(&[("east", Access::Guarded), ("west", Access::Guarded)]);
        let order = |earlier: &BTreeMap<usize, Earlier>| {
            Preflight { plan: &plan, earlier, levels: &levels, bulk_limit: 20 }.order().unwrap().waves
        };
        assert_eq!(order(&done), [vec![ClusterName::new("west")]]);
        assert_eq!(order(&BTreeMap::new()).len(), 2);
    }

    #[test]
    fn a_target_that_stands_otherwise_than_shown_is_named() {
        let shown = plan(&[("east", 6)]);
        let mut checked = shown.clone();
        assert_eq!(moved_since(&shown, &checked), None);
        checked
            .targets
            .iter_mut()
            .take(5)
            .for_each(|target| note(target, FindingKind::Moved, "replicas was 1 and is 2"));
        let words = moved_since(&shown, &checked).unwrap();
        assert!(words.contains("api-0 -n shop: moved: replicas was 1 and is 2"), "{words}");
        assert!(words.ends_with("and 2 more"), "{words}");
        assert_eq!(moved_since(&checked, &checked), None, "what was shown so is no surprise");
    }
}
