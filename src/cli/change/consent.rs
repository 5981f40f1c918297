//! Asking for consent: on a terminal by questions, else by flags alone.

use super::print;
use crate::cli::ConsentArgs;
use crate::cli::print::write;
use crate::engine::change::core::confirm::consent;
use crate::engine::change::core::plan::Touched;
use crate::error::{ErrorKind, UserError};
use crate::model::change::{Consent, Given, Plan, Prompt};
use crate::model::cluster::ClusterName;
use std::io::IsTerminal as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Shows the plan and asks for what is missing. Says whether all agreed; fails where consent cannot be given this way.
pub(super) async fn agreed(
    plan: &Plan,
    waves: &[Vec<ClusterName>],
    touched: &[Touched],
    args: &ConsentArgs,
) -> Result<bool, UserError> {
    let given = Given { yes: args.yes, names: args.confirm.clone() };
    match consent(plan, touched, &given) {
        Consent::Refused { why, hint } => {
            Err(UserError::new(ErrorKind::Refused, format!("{why}; nothing was changed")).hint(hint))
        }
        Consent::Given => {
            print::shown(plan, waves, args.output)?;
            Ok(true)
        }
        Consent::Ask(prompts) if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
            print::shown(plan, waves, args.output)?;
            ask(&prompts).await
        }
        Consent::Ask(prompts) => {
            print::plan(plan, waves, args.output)?;
            let needed: Vec<String> = prompts.iter().map(flag).collect();
            let line = format!(
                "nothing was changed: there is no terminal to ask on\n  hint: agree with {}\n",
                needed.join(" ")
            );
            write(&mut std::io::stderr(), &line)?;
            Ok(false)
        }
    }
}

fn flag(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Agree => "--yes".to_owned(),
        Prompt::Cluster(name) => format!("--confirm {name}"),
        Prompt::Object(_, name) => format!("--confirm {name}"),
    }
}

/// Asks one question after the other; the first wrong answer ends it.
async fn ask(prompts: &[Prompt]) -> Result<bool, UserError> {
    let mut input = BufReader::new(tokio::io::stdin());
    for prompt in prompts {
        write(&mut std::io::stderr(), &prompt.words())?;
        let mut answer = String::new();
        let read = (&mut input).take(ANSWER_BYTES_MAX).read_line(&mut answer).await;
        if !matches!(read, Ok(1..)) || !prompt.is_answered_by(&answer) {
            let why = match prompt {
                Prompt::Agree => "nothing was changed\n",
                Prompt::Cluster(_) | Prompt::Object(..) => "that is not the name: nothing was changed\n",
            };
            write(&mut std::io::stderr(), why)?;
            return Ok(false);
        }
    }
    Ok(true)
}
