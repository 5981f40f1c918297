//! What each section shows of a picture, line by line.

use crate::facts::sparkline::sparkline;
use crate::model::cell::Cell;
use crate::model::proxy::{
    BreakerState, EndpointFacts, EndpointHealth, Exchange, Finding, FindingSeverity, Routes, RuleFacts, TrafficState,
    UpstreamFacts,
};
use crate::model::text::Text;
use crate::views::clock::time_of_day;
use crate::views::grid::{Grid, GridColumn, GridLine, left, prose, right};
use crate::views::theme::Role;
use compact_str::format_compact;

const RULES: &[GridColumn] = &[
    right("#", 6, 1),
    left("RULE", 0, 8, 16),
    right("HITS", 2, 4),
    right("ERRORS", 3, 6),
    right("P50 MS", 5, 6),
    right("P99 MS", 4, 6),
    prose("WHEN", 3, 12, 16),
    prose("THEN", 1, 8, 12),
    left("PLACE", 7, 8, 12),
];

const CLUSTERS: &[GridColumn] = &[
    left("CLUSTER", 0, 8, 18),
    left("STATE", 1, 8, 13),
    right("FLIGHT", 2, 6),
    right("LONG", 7, 4),
    left("BREAKER", 3, 7, 7),
    left("PROBES", 5, 10, 10),
    right("MS", 4, 4),
    left("ENDPOINT", 8, 10, 14),
    left("REGION", 9, 6, 6),
    prose("WHY", 6, 10, 16),
];

const TAIL: &[GridColumn] = &[
    left("TIME", 4, 8, 8),
    right("CODE", 1, 4),
    left("VERB", 2, 4, 6),
    left("CLUSTER", 2, 6, 8),
    left("RULE", 5, 6, 8),
    right("MS", 3, 4),
    left("URI", 0, 10, 24),
    left("USER", 6, 6, 10),
    right("TRIES", 7, 5),
];

const FINDINGS: &[GridColumn] = &[
    left("SEVERITY", 1, 7, 9),
    left("CODE", 2, 6, 10),
    left("RULE", 3, 6, 8),
    prose("FINDING", 0, 10, 20),
    left("PLACE", 4, 8, 12),
];

/// Rules in the order they are tried.
pub(super) fn rules(routes: &Routes) -> Grid {
    let line = |(nth, rule): (usize, &RuleFacts)| {
        let errors = if rule.errors > 0 { Role::Degraded } else { Role::Dim };
        let ms = |us: Option<u64>| us.map_or(Cell::Empty, |us| Cell::Text(millis(us)));
        let cells = vec![
            (int(nth + 1), Role::Dim),
            (Cell::text(&rule.name), Role::Text),
            (int(rule.hits), Role::Text),
            (int(rule.errors), errors),
            (ms(rule.p50_us), Role::Dim),
            (ms(rule.p99_us), Role::Text),
            (Cell::text(if rule.when.is_empty() { "always" } else { &rule.when }), Role::Dim),
            (Cell::text(&rule.then), Role::Text),
            (Cell::text(&rule.place), Role::Dim),
        ];
        vec![GridLine::new(format_compact!("{nth} {}", rule.name), (&rule.targets.join(","), &rule.name), cells)]
    };
    Grid { columns: RULES, groups: routes.rules.iter().enumerate().map(line).collect() }
}

/// Clusters, and under each its endpoints where there are several.
pub(super) fn clusters(routes: &Routes) -> Grid {
    Grid { columns: CLUSTERS, groups: routes.clusters.iter().map(cluster).collect() }
}

fn cluster(cluster: &UpstreamFacts) -> Vec<GridLine> {
    let state = standing(cluster);
    let only = match cluster.endpoints.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let why = cluster.credential.as_ref().or(only.map(|e| &e.why)).cloned().unwrap_or_default();
    let mut cells = vec![
        (Cell::text(&cluster.name), Role::Text),
        (Cell::text(&format!("{} {}", state.glyph, state.word)), state.role),
        (int(cluster.in_flight), Role::Text),
        (int(cluster.long_running), Role::Dim),
    ];
    if let Some(endpoint) = only {
        cells.extend(history(endpoint));
    } else {
        let worst = cluster.endpoints.iter().map(|e| e.breaker).max_by_key(|b| rank(*b));
        cells.push(worst.map_or((Cell::Empty, Role::Dim), breaker));
        cells.extend([(Cell::Empty, Role::Dim), (Cell::Empty, Role::Dim)]);
    }
    let endpoint = only.map_or_else(|| format_compact!("{} endpoints", cluster.endpoints.len()), |e| e.address.clone());
    cells.extend([
        (Cell::text(&endpoint), Role::Dim),
        (Cell::text(&cluster.region), Role::Dim),
        (Cell::text(&why), state.role),
    ]);
    let mut group = vec![GridLine::new(cluster.name.clone(), (&cluster.name, &cluster.name), cells)];
    if only.is_none() {
        group.extend(cluster.endpoints.iter().map(|endpoint| line_of(cluster, endpoint)));
    }
    group
}

fn line_of(cluster: &UpstreamFacts, endpoint: &EndpointFacts) -> GridLine {
    let (glyph, word, role) = health(endpoint);
    let mut cells = vec![
        (Cell::text(&format!("  {}", endpoint.address)), Role::Dim),
        (Cell::text(&format!("{glyph} {word}")), role),
        (int(endpoint.streams), Role::Dim),
        (Cell::Empty, Role::Dim),
    ];
    cells.extend(history(endpoint));
    cells.extend([
        (Cell::text(&format!("{} connections", endpoint.connections)), Role::Dim),
        (Cell::Empty, Role::Dim),
        (Cell::text(&endpoint.why), role),
    ]);
    GridLine::new(format_compact!("{} {}", cluster.name, endpoint.address), (&cluster.name, &endpoint.address), cells)
}

/// Breaker, probes as bars, and the last of them in words.
fn history(endpoint: &EndpointFacts) -> [(Cell, Role); 3] {
    let last = match endpoint.probes.last() {
        None => (Cell::Empty, Role::Dim),
        Some(Some(ms)) => (int(*ms), Role::Text),
        Some(None) => (Cell::text("fail"), Role::Failed),
    };
    let role = if endpoint.probes.iter().any(Option::is_none) { Role::Degraded } else { Role::Dim };
    [breaker(endpoint.breaker), (Cell::text(&sparkline(&endpoint.probes)), role), last]
}

fn rank(breaker: BreakerState) -> u8 {
    match breaker {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    }
}

fn breaker(state: BreakerState) -> (Cell, Role) {
    match state {
        BreakerState::Closed => (Cell::text("closed"), Role::Dim),
        BreakerState::HalfOpen => (Cell::text("half-open"), Role::Degraded),
        BreakerState::Open => (Cell::text("✗ open"), Role::Failed),
    }
}

fn health(endpoint: &EndpointFacts) -> (&'static str, &'static str, Role) {
    match endpoint.health {
        EndpointHealth::Unknown => ("◌", "unknown", Role::Dim),
        EndpointHealth::Ready => ("●", "ready", Role::Text),
        EndpointHealth::NotReady => ("▲", "not ready", Role::Degraded),
        EndpointHealth::Unreachable => ("✗", "unreachable", Role::Failed),
        EndpointHealth::Unauthorized => ("⚿", "unauthorized", Role::Failed),
    }
}

/// A cluster's state in one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub glyph: &'static str,
    pub word: Text,
    pub role: Role,
    /// Something somebody should look at.
    pub is_trouble: bool,
}

/// The state of a cluster: the operator's switch before all else, then its credential, then its endpoints.
pub(super) fn standing(cluster: &UpstreamFacts) -> Standing {
    let state = |glyph, word: &str, role, is_trouble| Standing { glyph, word: Text::new(word), role, is_trouble };
    match cluster.traffic {
        TrafficState::Blocked => return state("⊘", "blocked", Role::Degraded, true),
        TrafficState::Draining => return state("‖", "draining", Role::Degraded, true),
        TrafficState::Open => {}
    }
    if cluster.credential.is_some() {
        return state("⚿", "credential", Role::Failed, true);
    }
    let usable = |e: &&EndpointFacts| e.health == EndpointHealth::Ready && e.breaker != BreakerState::Open;
    let (ready, all) = (cluster.endpoints.iter().filter(usable).count(), cluster.endpoints.len());
    match cluster.endpoints.first() {
        None => state("·", "no endpoint", Role::Dim, true),
        Some(_) if ready == all => state("●", "ready", Role::Text, false),
        Some(_) if ready > 0 => state("▲", &format!("{ready}/{all} ready"), Role::Degraded, true),
        Some(first) if first.health == EndpointHealth::Ready => state("✗", "breaker open", Role::Failed, true),
        Some(first) => {
            let (glyph, word, role) = health(first);
            state(glyph, word, role, first.health != EndpointHealth::Unknown)
        }
    }
}

/// Requests, the newest last. `utc_offset_s` is that of the clock in the header.
pub(super) fn tail(routes: &Routes, utc_offset_s: i64) -> Grid {
    let line = |exchange: &Exchange| {
        let role = match exchange.code {
            500.. | 0 => Role::Failed,
            400.. => Role::Degraded,
            _ => Role::Dim,
        };
        let ms = if exchange.long_running { Cell::text("open") } else { Cell::Text(millis(exchange.micros)) };
        let code = if exchange.code == 0 { Cell::text("none") } else { int(exchange.code) };
        let rule = if exchange.rule.is_empty() { Cell::text("-") } else { Cell::text(&exchange.rule) };
        let cells = vec![
            (Cell::text(&time_of_day(exchange.at, utc_offset_s)), Role::Dim),
            (code, role),
            (Cell::text(&exchange.verb), Role::Text),
            (Cell::text(&exchange.cluster), Role::Text),
            (rule, Role::Dim),
            (ms, Role::Dim),
            (Cell::text(&exchange.uri), Role::Text),
            (Cell::text(&exchange.user), Role::Dim),
            (int(exchange.attempts), if exchange.attempts > 1 { Role::Degraded } else { Role::Dim }),
        ];
        vec![GridLine::new(format_compact!("{}", exchange.number), (&exchange.cluster, &exchange.uri), cells)]
    };
    Grid { columns: TAIL, groups: routes.tail.iter().map(line).collect() }
}

/// The findings of the lint, errors first.
pub(super) fn findings(routes: &Routes) -> Grid {
    let mut found: Vec<&Finding> = routes.findings.iter().collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let line = |(nth, finding): (usize, &Finding)| {
        let (severity, role) = match finding.severity {
            FindingSeverity::Error => ("✗ error", Role::Failed),
            FindingSeverity::Warning => ("▲ warning", Role::Degraded),
        };
        let rule = finding.rule.as_deref().unwrap_or_default();
        let cells = vec![
            (Cell::text(severity), role),
            (Cell::text(&finding.code), Role::Text),
            (Cell::text(rule), Role::Text),
            (Cell::text(&finding.text), Role::Text),
            (Cell::text(&finding.place), Role::Dim),
        ];
        vec![GridLine::new(format_compact!("{nth} {}", finding.code), ("", rule), cells)]
    };
    Grid { columns: FINDINGS, groups: found.into_iter().enumerate().map(line).collect() }
}

fn int(count: impl TryInto<i64>) -> Cell {
    Cell::Int(count.try_into().unwrap_or(i64::MAX))
}

/// Microseconds as milliseconds, with the digits that say something: `0.35`, `12.4`, `1204`.
pub(super) fn millis(micros: u64) -> Text {
    match micros {
        0..10_000 => format_compact!("{}.{:02}", micros / 1000, micros % 1000 / 10),
        10_000..100_000 => format_compact!("{}.{}", micros / 1000, micros % 1000 / 100),
        _ => format_compact!("{}", micros / 1000),
    }
}
