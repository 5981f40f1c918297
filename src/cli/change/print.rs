//! Printing of a change: the plan, the result, and why there is nothing to do.

use super::has;
use crate::cli::ChangeOutput;
use crate::cli::print::write;
use crate::error::{ErrorKind, UserError};
use crate::facts::change;
use crate::model::change::{FindingKind, OperationState, Plan, TargetState};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::report::document::yaml_text;
use serde_json::Value;

/// Writes a document to stdout.
pub(super) fn document(value: &Value, output: ChangeOutput) -> Result<(), UserError> {
    let internal = |why: String| UserError::new(ErrorKind::Internal, format!("the document cannot be written: {why}"));
    let text = match output {
        ChangeOutput::Yaml => yaml_text(value).map_err(internal)?,
        ChangeOutput::Json | ChangeOutput::Table => {
            serde_json::to_string_pretty(value).map_err(|why| internal(why.to_string()))? + "\n"
        }
    };
    write(&mut std::io::stdout(), &text)
}

/// Writes a plan that is not carried out: it is the answer.
pub(super) fn plan(plan: &Plan, waves: &[Vec<ClusterName>], output: ChangeOutput) -> Result<(), UserError> {
    match output {
        ChangeOutput::Table => write(&mut std::io::stdout(), &change::plan(plan, waves)),
        ChangeOutput::Json | ChangeOutput::Yaml => {
            let value = serde_json::to_value(plan)
                .map_err(|why| UserError::new(ErrorKind::Internal, format!("the plan cannot be written: {why}")))?;
            document(&value, output)
        }
    }
}

/// Shows a plan that is about to be carried out. A document on stdout is the result's alone.
pub(super) fn shown(plan: &Plan, waves: &[Vec<ClusterName>], output: ChangeOutput) -> Result<(), UserError> {
    let text = change::plan(plan, waves);
    match output {
        ChangeOutput::Table => write(&mut std::io::stdout(), &text),
        ChangeOutput::Json | ChangeOutput::Yaml => write(&mut std::io::stderr(), &text),
    }
}

/// Writes the result of a run.
pub(super) fn result(
    plan: &Plan,
    state: OperationState,
    targets: &[(TargetState, Text)],
    output: ChangeOutput,
) -> Result<(), UserError> {
    match output {
        ChangeOutput::Table => write(&mut std::io::stdout(), &format!("\n{}", change::result(plan, state, targets))),
        ChangeOutput::Json | ChangeOutput::Yaml => document(&change::result_document(plan, state, targets), output),
    }
}

/// The exit code of a plan that is only shown: 1 where some cluster could not be read.
pub(super) fn unread(plan: &Plan) -> u8 {
    u8::from(plan.clusters.iter().any(|cluster| cluster.problem.is_some()))
}

/// Says why there is nothing to do. That all is as it should be is no failure.
pub(super) fn nothing_to_do(plan: &Plan) -> Result<u8, UserError> {
    let is_refused = plan.targets.iter().any(|target| target.refusal().is_some());
    if !is_refused && unread(plan) == 0 {
        write(&mut std::io::stderr(), "nothing to do\n")?;
        return Ok(0);
    }
    let error = UserError::new(ErrorKind::Refused, "no object can be changed, and nothing was changed");
    Err(if has(plan, FindingKind::ReadOnly) {
        error.hint("the level of a cluster is set by `access` in config.yaml, by --read-only and by QD_READ_ONLY")
    } else {
        error.hint("the plan says why, object by object")
    })
}
