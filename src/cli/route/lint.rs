//! `qd route lint`: errors of a configuration, and warnings about likely mistakes; a line for each.

use super::source;
use crate::cli::context::Settings;
use crate::cli::print::write;
use crate::cli::{Cli, RouteLintArgs, RouteOutput};
use crate::config::yaml::Flaw;
use crate::engine::proxy::config::read::ConfigErrors;
use crate::error::{ErrorKind, UserError};
use crate::model::API_VERSION;
use crate::model::proxy::{Finding, FindingSeverity};
use crate::model::text::{Text, clean};
use crate::report::document::json_text;
use std::io::stdout;

/// Prints the findings. The exit code is 1 if one is an error, or a warning with `--strict`. Fails if the arguments are
/// invalid, if the credential pins cannot be read, or if the output cannot be written.
pub(in crate::cli) async fn run(args: &RouteLintArgs, cli: &Cli, settings: &Settings) -> Result<u8, UserError> {
    let loader = source::loader(&args.source, settings)?;
    let (findings, size) = match source::reading(&loader, &cli.fleet, settings).await {
        Ok(reading) => {
            let internal = |why| UserError::new(ErrorKind::Config, why);
            let strangers = loader.strangers(&reading).map_err(internal)?;
            let mut findings: Vec<Finding> = strangers.iter().map(|flaw| error("credential-moved", flaw)).collect();
            findings.extend(reading.findings);
            (findings, Some((reading.config.clusters.len(), reading.config.rules.len())))
        }
        Err(ConfigErrors { flaws }) => (flaws.iter().map(|flaw| error("invalid", flaw)).collect(), None),
    };
    let text = match args.output {
        RouteOutput::Text => lines(&findings, size),
        RouteOutput::Json => {
            let list = serde_json::json!({
                "apiVersion": API_VERSION, "kind": "FindingList", "origin": loader.origin(), "items": findings,
            });
            json_text(&list).map_err(|why| UserError::new(ErrorKind::Internal, why))?
        }
    };
    write(&mut stdout(), &text)?;
    let least = if args.strict { FindingSeverity::Warning } else { FindingSeverity::Error };
    Ok(u8::from(findings.iter().any(|finding| finding.severity >= least)))
}

fn error(code: &str, flaw: &Flaw) -> Finding {
    let place = if flaw.line == 0 { flaw.file.clone() } else { format!("{}:{}", flaw.file, flaw.line) };
    Finding {
        severity: FindingSeverity::Error,
        code: Text::new(code),
        place: Text::from(clean(&place)),
        rule: None,
        text: Text::from(clean(&flaw.message)),
    }
}

/// The findings in the form of compilers, and at the end the number of clusters and rules, if the configuration could
/// be parsed.
fn lines(findings: &[Finding], size: Option<(usize, usize)>) -> String {
    let line = |finding: &Finding| {
        let severity = match finding.severity {
            FindingSeverity::Warning => "warning",
            FindingSeverity::Error => "error",
        };
        let rule = finding.rule.as_ref().map(|rule| format!("rule {rule}: ")).unwrap_or_default();
        format!("{}: {severity}: {rule}{} [{}]\n", finding.place, finding.text, finding.code)
    };
    let out: String = findings.iter().map(line).collect();
    let errors = findings.iter().filter(|finding| finding.severity == FindingSeverity::Error).count();
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let found = format!("{}, {}", counted(errors, "error"), counted(findings.len() - errors, "warning"));
    let size = size.map(|(clusters, rules)| format!("{}, {}: ", counted(clusters, "cluster"), counted(rules, "rule")));
    out + &format!("{}{found}\n", size.unwrap_or_default())
}
