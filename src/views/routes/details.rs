//! One line of a section in full: what has no room in a row.

use super::Section;
use super::lines::{millis, standing};
use crate::facts::sparkline::sparkline;
use crate::model::proxy::{Exchange, Finding, Routes, RuleFacts, UpstreamFacts};
use crate::model::text::width;
use crate::model::time::{UnixSeconds, human};
use crate::views::clock::time_of_day;
use crate::views::dialog::Chooser;
use crate::views::grid::GridLine;

type Pairs = Vec<(&'static str, String)>;

/// The line in full, to read.
pub(super) fn of(section: Section, line: &GridLine, routes: &Routes, now: UnixSeconds) -> Chooser {
    let nth = || line.id.split(' ').next().and_then(|n| n.parse::<usize>().ok());
    let found = match section {
        Section::Rules => nth().and_then(|n| routes.rules.get(n)).map(|rule| (rule.name.to_string(), of_rule(rule))),
        Section::Clusters => {
            let cluster = routes.clusters.iter().find(|c| c.name == line.row.cluster.as_str());
            cluster.map(|cluster| (cluster.name.to_string(), of_cluster(cluster)))
        }
        Section::Tail => {
            let exchange = routes.tail.iter().find(|e| line.id == e.number.to_string());
            exchange.map(|exchange| (format!("request {}", exchange.number), of_exchange(exchange, now)))
        }
        Section::Findings => {
            let finding = routes.findings.iter().find(|f| is_finding(f, line));
            finding.map(|finding| (finding.code.to_string(), of_finding(finding)))
        }
    };
    let (title, pairs) = found.unwrap_or_else(|| ("gone".to_owned(), Vec::new()));
    let names = pairs.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let lines: Vec<String> = pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}{}  {value}", " ".repeat(names.saturating_sub(width(name)))))
        .collect();
    Chooser::message(title, &lines)
}

fn is_finding(finding: &Finding, line: &GridLine) -> bool {
    line.row.cells.iter().any(|cell| *cell == crate::model::cell::Cell::text(&finding.text))
        && line.id.ends_with(finding.code.as_str())
}

fn of_rule(rule: &RuleFacts) -> Pairs {
    let ms = |us: Option<u64>| us.map_or_else(String::new, |us| format!("{} ms", millis(us)));
    vec![
        ("when", if rule.when.is_empty() { "always".to_owned() } else { rule.when.to_string() }),
        ("then", rule.then.to_string()),
        ("targets", rule.targets.join(", ")),
        ("priority", rule.priority.to_string()),
        ("hits", rule.hits.to_string()),
        ("errors", rule.errors.to_string()),
        ("p50", ms(rule.p50_us)),
        ("p99", ms(rule.p99_us)),
        ("place", rule.place.to_string()),
    ]
}

fn of_cluster(cluster: &UpstreamFacts) -> Pairs {
    let state = standing(cluster);
    let mut pairs = vec![
        ("state", format!("{} {}", state.glyph, state.word)),
        ("in flight", cluster.in_flight.to_string()),
        ("long-running", cluster.long_running.to_string()),
        ("region", cluster.region.to_string()),
        ("credential", cluster.credential.as_deref().unwrap_or_default().to_owned()),
    ];
    for endpoint in &cluster.endpoints {
        let failed = endpoint.probes.iter().filter(|probe| probe.is_none()).count();
        let probes = match endpoint.probes.len() {
            0 => "not probed yet".to_owned(),
            all if failed == 0 => format!("{} all {all} probes answered", sparkline(&endpoint.probes)),
            all => format!("{} {failed} of {all} probes failed", sparkline(&endpoint.probes)),
        };
        let streams = format!("{} connections, {} streams", endpoint.connections, endpoint.streams);
        pairs.push(("endpoint", format!("{}  {streams}", endpoint.address)));
        pairs.push(("probes", probes));
        pairs.push(("why", endpoint.why.to_string()));
    }
    pairs
}

fn of_exchange(exchange: &Exchange, now: UnixSeconds) -> Pairs {
    let took =
        if exchange.long_running { "open: long-running".to_owned() } else { format!("{} ms", millis(exchange.micros)) };
    vec![
        ("verb", exchange.verb.to_string()),
        ("uri", exchange.uri.to_string()),
        ("code", if exchange.code == 0 { "no answer".to_owned() } else { exchange.code.to_string() }),
        ("cluster", exchange.cluster.to_string()),
        ("rule", if exchange.rule.is_empty() { "none held".to_owned() } else { exchange.rule.to_string() }),
        ("user", exchange.user.to_string()),
        ("took", took),
        ("tries", exchange.attempts.to_string()),
        ("at", format!("{} UTC, {} ago", time_of_day(exchange.at, 0), human(now.since(exchange.at)))),
    ]
}

fn of_finding(finding: &Finding) -> Pairs {
    vec![
        ("finding", finding.text.to_string()),
        ("rule", finding.rule.as_deref().unwrap_or_default().to_owned()),
        ("place", finding.place.to_string()),
    ]
}
