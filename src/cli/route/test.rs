//! `qd route test`: the route of a request, or of the requests of a kubectl command, with the reasons.

use super::availability::HealthSource;
use super::source;
use crate::cli::context::Settings;
use crate::cli::print::write;
use crate::cli::{Cli, RouteOutput, RouteTestArgs, RouteTestCommand};
use crate::config::{Environment, yaml};
use crate::engine::clock;
use crate::engine::proxy::caller::{Caller, Means};
use crate::engine::proxy::config::{Action, Balance, ProxyConfig};
use crate::engine::proxy::rules::RuleTable;
use crate::engine::proxy::target::{Clusters, Targets};
use crate::engine::proxy::tester::{self, Question, RoutingState, kubectl};
use crate::error::{ErrorKind, UserError};
use crate::model::proxy::{Candidate, Checked, Explanation};
use crate::model::text::{Text, clean};
use crate::report::document::json_text;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::stdout;
use std::sync::Arc;

/// Prints the route of each request. The exit code is 1 if any of them would be refused. Fails if the arguments or the
/// configuration are invalid, or if the output cannot be written.
pub(in crate::cli) async fn run(args: &RouteTestArgs, cli: &Cli, settings: &Settings) -> Result<u8, UserError> {
    let loader = source::loader(&args.source, settings)?;
    let read = source::reading(&loader, &cli.fleet, settings).await;
    let mut config = read.map_err(|refused| source::refused(&loader, refused))?.config;
    if let Some(region) = &args.region {
        region.clone_into(&mut config.region);
    }
    let table = RuleTable::compile(&config).map_err(|why| UserError::new(ErrorKind::Config, why))?;
    let targets = Targets::new(clock::seed());
    let known = match args.at {
        None => HealthSource::asked(&config, loader.state()).await,
        // How clusters are now says nothing of then.
        Some(_) => HealthSource::assumed(&config, "at another time"),
    };
    let standing = |cluster: usize| known.of(cluster);
    let clusters = Clusters { config: &config, standing: &standing, now: args.at.unwrap_or_else(clock::now) };
    let ground = RoutingState { table: &table, targets: &targets, clusters };
    let mut explained = explained(args, &ground, &caller(args, &config, settings), &settings.environment)?;
    by_what_runs(&config, known.whole, &mut explained);
    explained.health = Text::from(clean(&known.said));
    let text = match args.output {
        RouteOutput::Text => {
            std::iter::once(&explained).chain(&explained.further).map(lines).collect::<Vec<_>>().join("\n")
        }
        RouteOutput::Json => {
            let value = serde_json::to_value(&explained).map_err(|why| internal(&why))?;
            json_text(&value).map_err(|why| internal(&why))?
        }
    };
    write(&mut stdout(), &text)?;
    Ok(u8::from(std::iter::once(&explained).chain(&explained.further).any(|one| one.cluster.is_none())))
}

fn internal(why: &dyn std::fmt::Display) -> UserError {
    UserError::new(ErrorKind::Internal, why.to_string())
}

/// The caller of the request: the named user, else the bearer of the proxy's token with the groups of the
/// configuration.
fn caller(args: &RouteTestArgs, config: &ProxyConfig, settings: &Settings) -> Caller {
    let user = args.user.clone().unwrap_or_else(|| source::own_name(settings));
    let given = if args.user.is_none() { config.callers.groups.as_slice() } else { &[] };
    let groups = given.iter().chain(&args.user_group).map(|group| Arc::from(group.as_str())).collect();
    Caller { groups, ..Caller::plain(&user, Means::Token) }
}

fn explained(
    args: &RouteTestArgs,
    ground: &RoutingState<'_>,
    caller: &Caller,
    environment: &Environment,
) -> Result<Explanation, UserError> {
    let usage = |why: String| UserError::new(ErrorKind::Usage, why);
    if let Some(RouteTestCommand::Kubectl { arguments }) = &args.command {
        let file = |name: &str| {
            let path = environment.resolve(name, &environment.working_folder);
            let read = yaml::read(&path, name).map_err(|flaw| flaw.to_string())?;
            read.ok_or_else(|| format!("{name}: there is no such file"))
        };
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let namespace = ground.clusters.config.namespace(None);
        let command = kubectl::requests(&words, &kubectl::KubectlContext { namespace, file: &file }).map_err(usage)?;
        return tester::explain_all(ground, &command, caller).map_err(usage);
    }
    let labels: BTreeMap<String, String> = args.label.iter().cloned().collect();
    let question = Question {
        method: args.method.as_deref().unwrap_or_default(),
        url: args.path.as_deref().unwrap_or_default(),
        caller,
        body_labels: (!labels.is_empty()).then_some(&labels),
        impersonates: false,
    };
    Ok(tester::explain(ground, &question))
}

/// Notes a choice that depends on state of a running proxy: the turn, the load if it is unknown here, or chance.
fn by_what_runs(config: &ProxyConfig, has_load: bool, explained: &mut Explanation) {
    let all = std::iter::once(&*explained).chain(&explained.further);
    let decides = all.filter_map(|one| config.rules.iter().find(|rule| Some(&*rule.name) == one.rule.as_deref()));
    let goes_by = decides.filter_map(|rule| match &rule.action {
        Action::Route { targets, balance: Balance::RoundRobin } if targets.len() > 1 => {
            Some((rule, "whose turn it is"))
        }
        Action::Route { targets, balance: Balance::LeastLoaded | Balance::MostFree }
            if targets.len() > 1 && !has_load =>
        {
            Some((rule, "the load of its clusters"))
        }
        Action::Route { targets, .. } if targets.len() > 1 && rule.stateless => {
            Some((rule, "chance, for each request"))
        }
        Action::Route { .. } | Action::Deny { .. } => None,
    });
    let mut notes: Vec<Text> = goes_by
        .map(|(rule, what)| Text::from(format!("rule {} goes by {what}: only a running proxy knows", rule.name)))
        .collect();
    notes.dedup();
    explained.warnings.extend(notes);
}

/// The explanation of one request, a fact per line.
fn lines(one: &Explanation) -> String {
    let mut out = format!("{}\n", one.request);
    let mut line = |key: &str, text: &str| {
        // Writing into a String does not fail.
        let _ = writeln!(out, "  {key:<8} {text}");
    };
    if !one.read.is_empty() {
        line("reads", &one.read);
    }
    let place = if one.place.is_empty() { String::new() } else { format!("  {}", one.place) };
    line("rule", &one.rule.as_ref().map_or("none holds".to_owned(), |rule| format!("{rule}{place}")));
    one.conditions.iter().for_each(|checked| line("when", &self::checked(checked)));
    line("cluster", one.cluster.as_deref().unwrap_or("none: refused"));
    line("why", &one.why);
    if !one.health.is_empty() {
        line("health", &one.health);
    }
    one.next.iter().for_each(|next| line("then", &candidate(next)));
    for passed in &one.passed {
        line("not", &format!("{}  {}: {}", passed.rule, passed.place, checked(&passed.failed)));
    }
    let more = one.passed_count.saturating_sub(u64::try_from(one.passed.len()).unwrap_or_default());
    if more > 0 {
        line("not", &format!("and {more} more rules"));
    }
    one.warnings.iter().for_each(|warning| line("warning", warning));
    out
}

fn checked(checked: &Checked) -> String {
    let value = if checked.value.is_empty() { "it has none" } else { &*checked.value };
    format!("{} ({value})", checked.condition)
}

fn candidate(next: &Candidate) -> String {
    format!("{}: {} ({})", next.rule, next.cluster.as_deref().unwrap_or("refused"), next.why)
}
