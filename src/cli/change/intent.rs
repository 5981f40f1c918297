//! From the words of the command line to an intent. What is wrong with them is said before any server is asked.

use crate::cli::wanted::Wanted;
use crate::cli::{
    CarryOutArgs, ChangeCommand, DeleteArgs, LabelArgs, NodeArgs, ObjectArgs, RolloutCommand, SubjectArgs,
};
use crate::error::{ErrorKind, UserError};
use crate::model::change::label::LabelChanges;
use crate::model::change::{Change, Intent, ObjectQuery, Options, Selection};
use crate::model::cluster::ClusterName;
use crate::model::text::Text;

/// Reads a command that changes clusters. Fails for objects that are not named, chosen or counted, and for labels that
/// cannot be.
pub(super) fn parse(command: &ChangeCommand, now: &str, timeout_s: u32) -> Result<Intent, UserError> {
    let (change, query) = match command {
        ChangeCommand::Delete(DeleteArgs { what, subject, cascade, grace_period, .. }) => {
            let change = Change::Delete { cascade: (*cascade).into(), grace_period_s: *grace_period };
            (change, query(what, subject)?)
        }
        ChangeCommand::Rollout { command: RolloutCommand::Restart(args) } => {
            (Change::RolloutRestart { restarted_at: Text::new(now) }, query(&args.what, &args.subject)?)
        }
        ChangeCommand::Cordon(args) => (Change::Cordon {}, nodes(args)?),
        ChangeCommand::Uncordon(args) => (Change::Uncordon {}, nodes(args)?),
        ChangeCommand::Scale(args) => (Change::Scale { replicas: args.replicas }, query(&args.what, &args.subject)?),
        ChangeCommand::Label(args) => {
            let (what, _) = args.words();
            (labels(args)?, query(&what, &args.subject)?)
        }
        ChangeCommand::Plan { .. } | ChangeCommand::Journal(_) => {
            return Err(UserError::new(ErrorKind::Internal, "this command changes nothing"));
        }
    };
    let options = Options { timeout_s, ..Options::default() };
    Ok(Intent { change, selection: Selection::Query(query), options, hidden_marks: 0 })
}

/// Returns the options of the command line.
pub(super) fn options(args: &CarryOutArgs, default_timeout: u32) -> Options {
    Options {
        canary: args.canary.as_deref().map(ClusterName::new),
        wave: args.wave,
        max_failures: args.max_failures,
        settle_s: args.settle,
        timeout_s: args.timeout.unwrap_or(default_timeout).max(1),
    }
}

fn query(what: &[String], subject: &SubjectArgs) -> Result<ObjectQuery, UserError> {
    refuse_blanks(what, subject)?;
    let wanted = Wanted::parse(&ObjectArgs {
        what: what.to_vec(),
        namespace: subject.namespace.clone(),
        all_namespaces: subject.all_namespaces,
        selector: subject.selector.clone(),
    })?;
    let is_named = wanted.named().next().is_some();
    match (is_named, subject.selector.is_some(), subject.all) {
        (true, _, true) => return Err(usage("a name and --all cannot be given together")),
        (_, true, true) => return Err(usage("-l and --all cannot be given together")),
        (false, false, false) => {
            return Err(usage("no object was chosen").hint("give names, -l SELECTOR, or --all"));
        }
        _ => {}
    }
    if let Some((kind, _)) = wanted.kinds.iter().find(|(_, names)| is_named && names.is_empty()) {
        return Err(usage(&format!("no name was given for `{kind}`")));
    }
    let names = |names: Vec<crate::model::name::Name>| names.iter().map(|name| Text::new(name.as_str())).collect();
    Ok(ObjectQuery {
        kinds: wanted.kinds.into_iter().map(|(kind, named)| (kind, names(named))).collect(),
        namespace: wanted.namespace.map(|namespace| Text::new(namespace.as_str())),
        all_namespaces: wanted.all_namespaces,
        selector: wanted.selector,
    })
}

/// An unset variable of a script must not widen a change: a selector of blanks selects everything, and an empty namespace
/// stands for `default`.
fn refuse_blanks(what: &[String], subject: &SubjectArgs) -> Result<(), UserError> {
    let is_blank = |text: &str| text.trim().is_empty();
    let is_nameless = |word: &String| word.split_once('/').is_some_and(|(_, name)| is_blank(name));
    if what.iter().any(is_nameless) || what.iter().skip(1).any(|word| is_blank(word)) {
        return Err(usage("a name is empty").hint("give names, -l SELECTOR, or --all"));
    }
    if subject.selector.as_deref().is_some_and(is_blank) {
        return Err(usage("the selector is empty").hint("to change all objects, use --all"));
    }
    if subject.namespace.as_deref().is_some_and(is_blank) {
        return Err(usage("the namespace is empty").hint("leave -n out for the namespace of the context"));
    }
    Ok(())
}

/// As kubectl, `cordon n1` means a node; as everywhere here, `node/n1` and `nodes -l …` do, too.
fn nodes(args: &NodeArgs) -> Result<ObjectQuery, UserError> {
    let subject = SubjectArgs { selector: args.selector.clone(), all: args.all, ..SubjectArgs::default() };
    let is_typed = args.what.iter().any(|word| word.contains('/'))
        || args.what.first().is_some_and(|word| matches!(word.to_lowercase().as_str(), "node" | "nodes" | "no"));
    let mut what = args.what.clone();
    if !is_typed {
        what.insert(0, "nodes".to_owned());
    }
    query(&what, &subject)
}

fn labels(args: &LabelArgs) -> Result<Change, UserError> {
    let (_, words) = args.words();
    let changes = LabelChanges::parse(words.iter().map(|word| word.as_str())).map_err(|why| usage(&why))?;
    if changes.is_empty() {
        return Err(usage("no label was given").hint("set one with KEY=VALUE, remove one with KEY-"));
    }
    Ok(Change::Label { set: changes.set, remove: changes.remove, overwrite: args.overwrite })
}

fn usage(text: &str) -> UserError {
    UserError::new(ErrorKind::Usage, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;
    use std::collections::{BTreeMap, BTreeSet};

    fn intent(words: &[&str]) -> Result<Intent, UserError> {
        let cli =
            Cli::try_parse_from(std::iter::once(&"qd").chain(words)).map_err(|refusal| usage(&refusal.to_string()))?;
        let Some(Command::Change(command)) = cli.command else { panic!("{words:?} changes something") };
        parse(&command, "2026-01-01T00:00:00Z", 30)
    }

    fn kinds(words: &[&str]) -> Vec<(String, Vec<String>)> {
        let Selection::Query(query) = intent(words).unwrap().selection else { panic!("a query") };
        let names = |names: &[Text]| names.iter().map(ToString::to_string).collect();
        query.kinds.iter().map(|(kind, named)| (kind.to_string(), names(named))).collect()
    }

    #[test]
    fn a_change_without_chosen_objects_is_a_mistake() {
        for words in [
            &["delete"][..],
            &["delete", "pods"],
            &["delete", "pods", "-A"],
            &["delete", "pods", "-l", ""],
            &["delete", "pods", "-l", " "],
            &["delete", "pods", "--all", "-n", ""],
            &["delete", "pods", " "],
            &["delete", "pods", "a", ""],
            &["delete", "pod/a", "pod/ "],
            &["cordon", " "],
            &["delete", "pod", ""],
            &["delete", "pod/"],
            &["delete", "pods", "a", "--all"],
            &["delete", "pods", "a", "-l", "x=y"],
            &["delete", "pods", "-l", "x=y", "--all"],
            &["cordon"],
            &["cordon", ""],
            &["scale", "deploy/a"],
            &["scale", "deploy/a", "--replicas", "-1"],
            &["label", "pod", "a"],
            &["label", "a=b"],
            &["label", "pod", "a", "x=y", "x-"],
            &["label", "pod", "a", "x=y z"],
            &["label", "pod", "a", "-x=y"],
            &["label", "pod", "a", "=y"],
            &["rollout", "restart", "deploy"],
            &["rollout", "deploy/a"],
        ] {
            assert_eq!(intent(words).map_err(|error| error.exit_code()).err(), Some(2), "{words:?}");
        }
    }

    #[test]
    fn objects_are_named_as_kubectl_names_them() {
        let one =
            |kind: &str, names: &[&str]| (kind.to_owned(), names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(kinds(&["delete", "pod", "a", "b"]), [one("pod", &["a", "b"])]);
        assert_eq!(kinds(&["delete", "pod/a", "svc/b"]), [one("pod", &["a"]), one("svc", &["b"])]);
        assert_eq!(kinds(&["delete", "pods", "--all"]), [one("pods", &[])]);
        for words in [&["cordon", "n1"][..], &["cordon", "node/n1"], &["cordon", "nodes", "n1"]] {
            assert_eq!(kinds(words)[0].1, ["n1"], "{words:?}");
        }
        assert_eq!(kinds(&["uncordon", "--all"]), [one("nodes", &[])]);
        assert_eq!(kinds(&["cordon", "-l", "a=b"]), [one("nodes", &[])]);
    }

    #[test]
    fn labels_stand_among_the_names() {
        let intent = intent(&["label", "pod", "a", "team=x", "old-", "e/f="]).unwrap();
        let Change::Label { set, remove, overwrite: false } = intent.change else { panic!("{:?}", intent.change) };
        assert_eq!(set, BTreeMap::from([("team".into(), "x".into()), ("e/f".into(), Text::default())]));
        assert_eq!(remove, BTreeSet::from(["old".into()]));
    }
}
