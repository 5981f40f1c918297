//! What is allowed and still likely to hurt: one line and one reason each.

mod hazards;
mod matching;

use super::{ProxyConfig, Rule};
use crate::model::proxy::{Finding, FindingSeverity};
use crate::model::text::{Text, clean};

/// Returns the hazards of a configuration, in the order of its rules.
pub fn lint(config: &ProxyConfig) -> Vec<Finding> {
    let mut found = Found { config, findings: Vec::new() };
    hazards::all(&mut found);
    found.findings
}

/// Findings that accumulate during a lint.
struct Found<'a> {
    config: &'a ProxyConfig,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn rule(&mut self, severity: FindingSeverity, code: &str, rule: &Rule, text: &str) {
        self.findings.push(Finding {
            severity,
            code: Text::new(code),
            place: Text::from(clean(&rule.place)),
            rule: Some(Text::new(&rule.name)),
            text: Text::from(clean(text)),
        });
    }

    fn place(&mut self, code: &str, place: &str, text: &str) {
        self.findings.push(Finding {
            severity: FindingSeverity::Warning,
            code: Text::new(code),
            place: Text::from(clean(place)),
            rule: None,
            text: Text::from(clean(text)),
        });
    }
}

#[cfg(test)]
mod tests;
