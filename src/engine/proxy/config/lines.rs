//! A rule in one line each: when it holds, and what it does then.

use super::words::{balance_word, condition_words};
use super::{Action, Condition, ProxyConfig, Rule};

/// Returns the conditions as text: `namespace equals production and verb in get, list`; `always` if there are none.
pub fn when(rule: &Rule) -> String {
    if rule.conditions.is_empty() {
        return "always".to_owned();
    }
    rule.conditions.iter().map(condition).collect::<Vec<_>>().join(" and ")
}

/// Returns a condition as text: `namespace equals production`.
pub fn condition(condition: &Condition) -> String {
    let (field, operator) = condition_words(condition);
    format!("{field} {operator} {}", condition.values.join(", "))
}

/// Returns the action as text: `prod`, `a, b by weighted`, `deny`.
pub fn then(rule: &Rule, config: &ProxyConfig) -> String {
    match &rule.action {
        Action::Deny { .. } => "deny".to_owned(),
        Action::Route { targets, balance } => {
            let names: Vec<&str> = targets.iter().filter_map(|t| config.clusters.get(*t)).map(|c| &*c.name).collect();
            if names.len() == 1 { names.concat() } else { format!("{} by {}", names.join(", "), balance_word(balance)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::proxy::config::{Balance, Field, Operator};

    #[test]
    fn a_rule_is_one_line() {
        let is = |field, operator, negated, values: &[&str]| Condition {
            field,
            operator,
            values: values.iter().map(|v| (*v).to_owned()).collect(),
            negated,
        };
        let mut rule = Rule {
            name: "r".into(),
            priority: 1,
            conditions: vec![
                is(Field::Namespace, Operator::Equals, false, &["production"]),
                is(Field::Verb, Operator::In, true, &["get", "list"]),
            ],
            action: Action::Route { targets: vec![], balance: Balance::Weighted },
            allow_impersonation: false,
            stateless: false,
            failover: false,
            mirror: None,
            place: String::new(),
        };
        assert_eq!(when(&rule), "namespace equals production and verb not-in get, list");
        rule.conditions.clear();
        rule.action = Action::Deny { message: "no".to_owned() };
        assert_eq!((when(&rule).as_str(), then(&rule, &ProxyConfig::default()).as_str()), ("always", "deny"));
    }
}
