//! A routing decision among 1,000 rules: what a URL asks for, and which rule that is. Nothing of the network is in it.

use std::hint::black_box;
use std::sync::Arc;

use quarterdeck::engine::proxy::caller::{Caller, Means};
use quarterdeck::engine::proxy::config::{Action, Condition, Field, Operator, ProxyConfig, Rule};
use quarterdeck::engine::proxy::request;
use quarterdeck::engine::proxy::rules::{Asked, RuleTable};
use tokio::time::Instant;

use crate::figure::{Figure, Unit, percentile};
use crate::stage::Stage;
use crate::{Outcome, Plan};

const RULES: usize = 1_000;

/// A decision is shorter than the clock is fine: so many are timed at once.
const BATCH: u32 = 32;
const BATCHES: usize = 20_000;

pub(crate) fn among_many(_: &Stage, plan: &Plan) -> Outcome<Vec<Figure>> {
    let kinds = [("equals", Operator::Equals), ("contains", Operator::Contains), ("regex", Operator::Regex)];
    let mut figures = Vec::new();
    for (name, operator) in kinds {
        let table = RuleTable::compile(&config(operator))?;
        let mut middle = Figure::new(&format!("{RULES} rules of {name}: median"), Unit::Microseconds, None);
        let mut slow = Figure::new(&format!("{RULES} rules of {name}: 99 of 100"), Unit::Microseconds, 5.0);
        for _ in 0..plan.runs {
            let taken = decide(&table)?;
            middle.add(percentile(&taken, 50.0));
            slow.add(percentile(&taken, 99.0));
        }
        figures.extend([middle, slow]);
    }
    Ok(figures)
}

/// Microseconds per decision, batch by batch: the first rule, one in the middle, the last, and none in turn.
fn decide(table: &RuleTable) -> Outcome<Vec<f64>> {
    let urls = [0, RULES / 2, RULES - 1, RULES]
        .map(|team| format!("/apis/apps/v1/namespaces/team-{team:04}-x/deployments/web?labelSelector=app%3Dweb"));
    let caller = Caller::plain("jane", Means::Token);
    let mut taken = Vec::with_capacity(BATCHES);
    for url in urls.iter().cycle().take(BATCHES) {
        let started = Instant::now();
        for _ in 0..BATCH {
            let info = request::parse("GET", black_box(url)).map_err(request::Unreadable::why)?;
            let asked = Asked { info: &info, caller: &caller, body_labels: None, region: "" };
            black_box(table.decide(&asked));
        }
        taken.push(started.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH));
    }
    Ok(taken)
}

/// Each rule names a namespace in its way, and reads of one kind.
fn config(operator: Operator) -> ProxyConfig {
    let condition = |field, operator, value: String| Condition { field, operator, values: vec![value], negated: false };
    let rule = |team: usize| {
        let namespace = match operator {
            Operator::Equals => format!("team-{team:04}-x"),
            Operator::Contains => format!("-{team:04}-"),
            Operator::In | Operator::Prefix | Operator::Regex => format!("^team-{team:04}-[a-z]+$"),
        };
        Rule {
            name: Arc::from(format!("team-{team}")),
            priority: 0,
            conditions: vec![
                condition(Field::Namespace, operator, namespace),
                condition(Field::Resource, Operator::Equals, "deployments".to_owned()),
            ],
            action: Action::Deny { message: String::new() },
            allow_impersonation: false,
            stateless: false,
            failover: false,
            mirror: None,
            place: String::new(),
        }
    };
    ProxyConfig { rules: (0..RULES).map(rule).collect(), ..ProxyConfig::default() }
}
