//! `qd plan show`, `run`, `resume`, `list`.

use super::{Session, carry_out, consent, inventory, print, state_folder, store};
use crate::cli::context::Settings;
use crate::cli::print::write;
use crate::cli::{ChangeOutput, Cli, ConsentArgs, FleetArgs, PlanCommand};
use crate::engine::change::core::preflight::levels;
use crate::engine::change::operation::Operation;
use crate::engine::change::recheck::recheck;
use crate::engine::journal::Store;
use crate::engine::journal::store::read_plan;
use crate::error::{ErrorKind, UserError};
use crate::facts::change::{self, Listed};
use crate::model::change::{OperationId, Plan};
use std::path::Path;

/// Operations that a list shows: the last ones.
const LISTED_MAX: usize = 200;

pub(super) async fn run(command: &PlanCommand, cli: &Cli, settings: &Settings) -> Result<u8, UserError> {
    match command {
        PlanCommand::List { output } => list(settings, *output),
        PlanCommand::Show { plan, output } => show(plan, settings, *output),
        PlanCommand::Run { plan, consent } => go(plan, consent, cli, settings, Mode::Run).await,
        PlanCommand::Resume { plan, consent } => go(plan, consent, cli, settings, Mode::Resume).await,
    }
}

/// A plan by file or by id. Fails where there is none, or it was changed.
fn find(named: &str, settings: &Settings, store: &Store) -> Result<Plan, UserError> {
    if named.trim().is_empty() {
        return Err(UserError::new(ErrorKind::Usage, "no plan was named")
            .hint("name a file that --plan-out wrote, or an id of `qd plan list`"));
    }
    let path = settings.environment.working_folder.join(named);
    let id = OperationId::parse(named);
    if let Ok(id) = &id
        && !path.exists()
    {
        return match store.kept(id)? {
            Some(plan) => Ok(plan),
            None => Err(unknown(id, store)?),
        };
    }
    if !path.exists() {
        return Err(UserError::new(ErrorKind::Refused, format!("there is no plan {named:?}"))
            .hint("name a file that --plan-out wrote, or an id of `qd plan list`"));
    }
    read_plan(Path::new(&path))
}

/// An id without a kept plan: its operation ended, or there never was one.
fn unknown(id: &OperationId, store: &Store) -> Result<UserError, UserError> {
    let ended = store.operations()?.into_iter().find(|record| record.id == *id);
    Ok(match ended {
        Some(record) => {
            let state = record.state(false).word();
            UserError::new(ErrorKind::Refused, format!("nothing is left to do of {id}: it is {state}"))
                .hint("see what it did with `qd journal`")
        }
        None => UserError::new(ErrorKind::Refused, format!("there is no plan {id}"))
            .hint("`qd plan list` lists them; a plan that --plan-out wrote is named by its file"),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Run,
    Resume,
}

/// Refuses flags that choose clusters: a plan has its own, and whoever names fewer must not get all. Fails if one is given.
fn refuse_selection(fleet: &FleetArgs) -> Result<(), UserError> {
    if fleet.clusters.is_empty() && fleet.exclude.is_empty() && fleet.group.is_none() {
        return Ok(());
    }
    let why = "a plan names its clusters: --clusters, --exclude and --group cannot choose among them";
    Err(UserError::new(ErrorKind::Usage, why).hint("leave the flag out, or make a plan of these clusters only"))
}

/// Checks a plan again, asks for the same consent, and carries it out.
async fn go(named: &str, args: &ConsentArgs, cli: &Cli, settings: &Settings, mode: Mode) -> Result<u8, UserError> {
    refuse_selection(&cli.fleet)?;
    let store = store(settings)?;
    let plan = find(named, settings, &store)?;
    let operation = Operation::open(&store, &plan.id, settings.actor())?;
    match mode {
        Mode::Run => operation.is_new()?,
        Mode::Resume => operation.is_resumable(&plan)?,
    }
    let earlier = operation.earlier();
    let session = Session { settings, clusters: inventory(cli, settings).await?, consent: args };
    let checked = recheck(&session.clusters, &plan, &earlier).await?;
    let levels = levels(&session.clusters.entries);
    let preflight = session.preflight(&checked, &earlier, &levels);
    let touched = preflight.touched();
    if touched.is_empty() {
        print::plan(&checked, &[], args.output)?;
        return print::nothing_to_do(&checked);
    }
    session.limited(&touched)?;
    let waves = preflight.waves(&touched, mode == Mode::Resume);
    let waves = waves.map_err(|why| UserError::new(ErrorKind::Refused, why).hint("make a new plan"))?;
    if !consent::agreed(&checked, &waves, &touched, args).await? {
        return Ok(1);
    }
    carry_out::run(carry_out::Agreed { original: &plan, checked: &checked, waves, operation }, &session).await
}

fn show(named: &str, settings: &Settings, output: ChangeOutput) -> Result<u8, UserError> {
    let store = Store::at(state_folder(settings)?);
    let plan = find(named, settings, &store)?;
    print::plan(&plan, &[], output)?;
    let record = store.operations()?.into_iter().find(|record| record.id == plan.id);
    if let (Some(record), ChangeOutput::Table) = (record, output) {
        let state = record.state(store.holder(&plan.id).is_some());
        let text = change::operations(&[Listed { record: &record, state }]);
        write(&mut std::io::stdout(), &format!("\n{text}"))?;
    }
    Ok(0)
}

fn list(settings: &Settings, output: ChangeOutput) -> Result<u8, UserError> {
    let store = Store::at(state_folder(settings)?);
    let records = store.operations()?;
    // The latest first: it is the one that is looked for.
    let listed: Vec<Listed<'_>> = records
        .iter()
        .rev()
        .take(LISTED_MAX)
        .map(|record| Listed { record, state: record.state(store.holder(&record.id).is_some()) })
        .collect();
    match output {
        ChangeOutput::Table if listed.is_empty() => write(&mut std::io::stderr(), "no change was made yet\n")?,
        ChangeOutput::Table => write(&mut std::io::stdout(), &change::operations(&listed))?,
        ChangeOutput::Json | ChangeOutput::Yaml => print::document(&change::operations_document(&listed), output)?,
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_not_run_for_a_part_of_its_clusters() {
        refuse_selection(&FleetArgs::default()).unwrap();
        for chosen in [
            FleetArgs { clusters: vec!["a".to_owned()], ..FleetArgs::default() },
            FleetArgs { exclude: vec!["a".to_owned()], ..FleetArgs::default() },
            FleetArgs { group: Some("eu".to_owned()), ..FleetArgs::default() },
        ] {
            assert_eq!(refuse_selection(&chosen).unwrap_err().exit_code(), 2);
        }
    }
}
