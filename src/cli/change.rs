//! `qd delete`, `rollout restart`, `cordon`, `uncordon`, `scale`, `label`: a plan is made, shown, agreed to, carried out.

mod carry_out;
mod consent;
mod intent;
mod journal;
mod plans;
mod print;
mod progress;

use super::context::{self, Settings};
use super::print::write;
use super::{CarryOutArgs, ChangeCommand, Cli, ConsentArgs, RolloutCommand};
use crate::engine::change::core::confirm;
use crate::engine::change::core::plan::Touched;
use crate::engine::change::core::preflight::{Preflight, levels};
use crate::engine::change::core::step::Earlier;
use crate::engine::change::planner::{self, Planned, Stamp};
use crate::engine::change::{Clusters, operation::Operation};
use crate::engine::clock;
use crate::engine::journal::{Store, store::write_plan};
use crate::error::{ErrorKind, UserError};
use crate::model::change::{FindingKind, Intent, OperationId, Plan};
use crate::model::cluster::{Access, ClusterName};
use std::collections::BTreeMap;

/// Runs the command; the exit code is 0 when all is done, 1 when something is not.
pub(super) async fn run(command: &ChangeCommand, cli: &Cli, settings: &Settings) -> Result<u8, UserError> {
    let default_timeout = u32::try_from(settings.config.timeout.as_secs()).unwrap_or(u32::MAX);
    let carry_out = match command {
        ChangeCommand::Delete(args) => &args.carry_out,
        ChangeCommand::Rollout { command: RolloutCommand::Restart(args) } => &args.carry_out,
        ChangeCommand::Cordon(args) | ChangeCommand::Uncordon(args) => &args.carry_out,
        ChangeCommand::Scale(args) => &args.carry_out,
        ChangeCommand::Label(args) => &args.carry_out,
        ChangeCommand::Plan { command } => return plans::run(command, cli, settings).await,
        ChangeCommand::Journal(args) => return journal::run(args, cli, settings),
    };
    // What is wrong with the command line is said before anybody is asked.
    let intent = intent::parse(command, &clock::now().to_string(), default_timeout)?;
    let intent = Intent { options: intent::options(carry_out, default_timeout), ..intent };
    let clusters = chosen(cli, settings).await?;
    let stamp = Stamp { id: OperationId::new(clock::now(), clock::seed()), now: clock::now() };
    let planned = planner::plan(&clusters, &intent, stamp).await?;
    let session = Session { settings, clusters, consent: &carry_out.consent };
    session.change(planned, carry_out).await
}

/// The clusters that are meant. With several to choose from they must be named.
async fn chosen(cli: &Cli, settings: &Settings) -> Result<Clusters, UserError> {
    let all = inventory(cli, settings).await?;
    let is_named = !cli.fleet.clusters.is_empty() || cli.fleet.group.is_some();
    if all.entries.len() > 1 && !is_named {
        let why = format!("there are {} clusters, and a change must name those it means", all.entries.len());
        return Err(UserError::new(ErrorKind::Usage, why)
            .hint("name them with --clusters or --group; --clusters '*' means all"));
    }
    let entries = context::selection(&cli.fleet).choose(&all.entries)?;
    Ok(Clusters { entries, ..all })
}

/// All clusters of the inventory.
pub(super) async fn inventory(cli: &Cli, settings: &Settings) -> Result<Clusters, UserError> {
    let (entries, connector) = context::inventory(cli, settings).await?;
    Ok(Clusters { entries, connector, concurrency: settings.concurrency() })
}

/// The journal of this user. Fails where there is no place for it.
fn store(settings: &Settings) -> Result<Store, UserError> {
    Store::open(state_folder(settings)?)
}

fn state_folder(settings: &Settings) -> Result<&std::path::Path, UserError> {
    settings.environment.state_folder.as_deref().ok_or_else(|| {
        UserError::new(ErrorKind::Config, "there is no place for the journal, so nothing is changed")
            .hint("set HOME or XDG_STATE_HOME")
    })
}

/// A command that changes clusters.
struct Session<'a> {
    settings: &'a Settings,
    clusters: Clusters,
    consent: &'a ConsentArgs,
}

impl Session<'_> {
    async fn change(&self, planned: Planned, args: &CarryOutArgs) -> Result<u8, UserError> {
        refuse_mistakes(&planned)?;
        let plan = planned.plan;
        let (earlier, levels) = (BTreeMap::new(), levels(&self.clusters.entries));
        let preflight = self.preflight(&plan, &earlier, &levels);
        let touched = preflight.touched();
        let waves = preflight.waves(&touched, false).map_err(|why| {
            UserError::new(ErrorKind::Refused, why).hint("name one of the clusters of the plan with --canary")
        });
        let has_work = !touched.is_empty();
        // Where nothing is changed, it does not matter who would be first.
        let waves = if has_work { waves? } else { Vec::new() };
        if let Some(path) = &args.plan_out {
            let path = self.settings.environment.working_folder.join(path);
            write_plan(&path, &plan)?;
            print::plan(&plan, &waves, self.consent.output)?;
            let line = format!("plan {} written to {}; nothing was changed\n", plan.id, path.display());
            write(&mut std::io::stderr(), &line)?;
            return Ok(print::unread(&plan));
        }
        if args.dry_run {
            print::plan(&plan, &waves, self.consent.output)?;
            return Ok(print::unread(&plan));
        }
        if !has_work {
            print::plan(&plan, &waves, self.consent.output)?;
            return print::nothing_to_do(&plan);
        }
        self.limited(&touched)?;
        if !consent::agreed(&plan, &waves, &touched, self.consent).await? {
            return Ok(1);
        }
        let operation = Operation::open(&store(self.settings)?, &plan.id, self.settings.actor())?;
        operation.is_new()?;
        carry_out::run(carry_out::Agreed { original: &plan, checked: &plan, waves, operation }, self).await
    }

    fn preflight<'a>(
        &self,
        plan: &'a Plan,
        earlier: &'a BTreeMap<usize, Earlier>,
        levels: &'a BTreeMap<ClusterName, Access>,
    ) -> Preflight<'a> {
        Preflight { plan, earlier, levels, bulk_limit: self.settings.config.changes.bulk_limit.value }
    }

    /// Refuses more targets in one protected cluster than the configuration allows.
    fn limited(&self, touched: &[Touched]) -> Result<(), UserError> {
        let limit = &self.settings.config.changes.bulk_limit;
        match confirm::over_limit(touched, limit.value) {
            None => Ok(()),
            Some(over) => {
                let (count, origin) = (over.targets, &limit.origin);
                let why = format!(
                    "{count} objects are more than changes.bulkLimit allows ({}, {origin}); nothing was changed",
                    **limit
                );
                Err(UserError::new(ErrorKind::Refused, why)
                    .in_cluster(over.cluster.clone())
                    .hint("choose fewer objects, or raise changes.bulkLimit in config.yaml"))
            }
        }
    }
}

/// Objects that are nowhere, kinds that do not take the verb, an empty selection: nothing is done.
fn refuse_mistakes(planned: &Planned) -> Result<(), UserError> {
    let refused = |why: String| UserError::new(ErrorKind::Refused, format!("{why}; nothing was changed"));
    let verb = planned.plan.verb();
    if !planned.unfit.is_empty() {
        return Err(refused(format!("`{verb}` does not take {}", planned.unfit.join(", "))));
    }
    if !planned.missing.is_empty() {
        return Err(refused(format!("not found in any cluster: {}", planned.missing.join(", ")))
            .hint("look for them with `qd get`; -n names the namespace, -A takes all"));
    }
    if !planned.plan.targets.is_empty() {
        return Ok(());
    }
    let clusters = &planned.plan.clusters;
    let error = if clusters.iter().any(|cluster| cluster.problem.is_none()) {
        refused("the selection is empty: no object matches".to_owned()).hint("-n names the namespace, -A takes all")
    } else {
        UserError::new(ErrorKind::Cluster, "no cluster could be read, and nothing was changed")
    };
    let unread = clusters.iter().filter_map(|cluster| Some((cluster, cluster.problem.as_ref()?)));
    Err(unread.fold(error, |error, (cluster, why)| error.cause(format!("{}: {why}", cluster.name))))
}

/// Returns true if a finding of this kind is on a target.
fn has(plan: &Plan, kind: FindingKind) -> bool {
    plan.targets.iter().any(|target| target.findings.iter().any(|finding| finding.kind == kind))
}
