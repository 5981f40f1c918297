//! The obstacles to a plan in one cluster, found before anything is changed: RBAC, then admission by dry runs.

use super::clusters::{AT_ONCE, Link, Sending, Verdict};
use super::core::body::{Precondition, body};
use super::core::plan::{note, questions};
use crate::engine::cluster::WriteError;
use crate::engine::journal::redact::redact;
use crate::model::change::{Change, FindingKind, Target};
use crate::model::cluster::Access;
use crate::model::kind::Kind;
use crate::model::text::Text;
use futures::StreamExt as _;

/// Dry runs of one plan in one cluster; what is beyond is not checked, and the plan says so.
const DRY_RUNS_MAX: usize = 1_000;

/// A target of one cluster, with the object's preconditions where it was just read.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Target, with findings so far.
    pub target: Target,
    /// State that was just read; `None` if there is no such object.
    pub precondition: Option<Precondition>,
    /// An earlier run may have changed the object: it is looked at before anything is asked about it.
    pub was_asked: bool,
}

/// The targets of one cluster, and the means to ask about them.
#[derive(Debug)]
pub struct Probe<'a> {
    /// Connection to the cluster.
    pub link: &'a Link,
    /// The change of each target.
    pub change: &'a Change,
    /// Kinds of the targets.
    pub kinds: &'a [Kind],
    /// Access level of the cluster.
    pub access: Access,
}

impl Probe<'_> {
    /// Puts on each target what stands against its change.
    pub async fn examine(&self, candidates: &mut [Candidate]) {
        if self.access == Access::ReadOnly {
            for candidate in candidates.iter_mut().filter(|candidate| candidate.target.is_changed()) {
                note(&mut candidate.target, FindingKind::ReadOnly, "the cluster is read-only here");
            }
            return;
        }
        self.rights(candidates).await;
        self.dry_runs(candidates).await;
    }

    fn kind(&self, target: &Target) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.id == target.key.kind)
    }

    /// Asks one question a kind and namespace; after a refusal, one for each name.
    async fn rights(&self, candidates: &mut [Candidate]) {
        let targets: Vec<Target> = candidates.iter().map(|candidate| candidate.target.clone()).collect();
        let questions = questions(&targets).into_iter().map(|(question, about)| async move {
            let first = about.first().copied().unwrap_or_default();
            let Some(kind) = self.kinds.iter().find(|kind| kind.id == question.kind) else {
                return (about, Ok(Verdict::Allowed), first);
            };
            let verdict = self.link.may(self.change.verb(), kind, &question.namespace, None).await;
            (about, verdict, first)
        });
        let answers: Vec<_> = futures::stream::iter(questions).buffer_unordered(AT_ONCE).boxed().collect().await;
        let mut refused = Vec::new();
        for (about, verdict, _) in answers {
            match verdict {
                Ok(Verdict::Allowed) => {}
                Ok(Verdict::Refused(_)) => refused.extend(about),
                Err(why) => {
                    let why = format!("rights: {}", redact(&why.to_string()));
                    let noted = candidates.iter_mut().enumerate().filter(|(at, _)| about.contains(at));
                    noted.for_each(|(_, candidate)| note(&mut candidate.target, FindingKind::NotChecked, &why));
                }
            }
        }
        let by_name = refused.into_iter().filter_map(|at| {
            let target = targets.get(at)?;
            let kind = self.kind(target)?;
            Some(async move {
                let key = &target.key;
                (at, self.link.may(self.change.verb(), kind, &key.namespace, Some(&key.name)).await)
            })
        });
        let verdicts: Vec<_> = futures::stream::iter(by_name).buffer_unordered(AT_ONCE).boxed().collect().await;
        for (at, verdict) in verdicts {
            let Some(candidate) = candidates.get_mut(at) else { continue };
            match verdict {
                Ok(Verdict::Allowed) => {}
                Ok(Verdict::Refused(reason)) => {
                    let spec = self.change.verb().spec();
                    let slash = if spec.subresource.is_empty() { "" } else { "/" };
                    let reason = if reason.is_empty() { Text::const_new("RBAC does not allow it") } else { reason };
                    let why = format!("you may not {}{slash}{} it: {reason}", spec.api_verb, spec.subresource);
                    note(&mut candidate.target, FindingKind::Forbidden, &why);
                }
                Err(why) => {
                    let why = format!("rights: {}", redact(&why.to_string()));
                    note(&mut candidate.target, FindingKind::NotChecked, &why);
                }
            }
        }
    }

    /// Has the server check each change and keep nothing of it.
    async fn dry_runs(&self, candidates: &mut [Candidate]) {
        let wanted: Vec<usize> = candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| candidate.target.is_changed() && !candidate.was_asked)
            .map(|(at, _)| at)
            .collect();
        let now = wanted.get(..wanted.len().min(DRY_RUNS_MAX)).unwrap_or_default();
        let tries = now.iter().filter_map(|at| {
            let candidate = candidates.get(*at)?;
            let (target, precondition) = (&candidate.target, candidate.precondition.clone()?);
            let kind = self.kind(target)?;
            let body = body(self.change, target);
            let sending = Sending { verb: self.change.verb(), kind, key: &target.key, body, precondition };
            Some(async move { (*at, self.link.write(sending, true).await.err()) })
        });
        let answers: Vec<_> = futures::stream::iter(tries).buffer_unordered(AT_ONCE).boxed().collect().await;
        for (at, error) in answers {
            let (Some(candidate), Some(error)) = (candidates.get_mut(at), error) else { continue };
            let (kind, why) = finding(&error);
            note(&mut candidate.target, kind, &redact(&why));
        }
        for at in wanted.get(now.len()..).unwrap_or_default() {
            let Some(candidate) = candidates.get_mut(*at) else { continue };
            let why = format!("more than {DRY_RUNS_MAX} objects in one cluster");
            note(&mut candidate.target, FindingKind::NotChecked, &why);
        }
    }
}

/// Returns the finding that an error of a dry run means.
fn finding(error: &WriteError) -> (FindingKind, String) {
    match error {
        WriteError::NotFound(_) => (FindingKind::Moved, "it was deleted while the plan was made".to_owned()),
        WriteError::Denied(why) | WriteError::Invalid(why) | WriteError::TooLarge(why) | WriteError::Refused(why) => {
            (FindingKind::Denied, why.to_string())
        }
        WriteError::Conflict(_) => (FindingKind::NotChecked, "it changed while it was checked".to_owned()),
        WriteError::DryRunUnsupported(why) => (FindingKind::NotChecked, format!("a webhook takes no dry run: {why}")),
        WriteError::Throttled { what: why, .. } | WriteError::NotSent(why) | WriteError::Unknown(why) => {
            (FindingKind::NotChecked, why.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_says_keeps_a_target_from_being_changed() {
        for (error, kind) in [
            (WriteError::Denied("a webhook".into()), FindingKind::Denied),
            (WriteError::Invalid("negative".into()), FindingKind::Denied),
            (WriteError::NotFound("gone".into()), FindingKind::Moved),
            (WriteError::DryRunUnsupported("side effects".into()), FindingKind::NotChecked),
            (WriteError::Conflict("rv".into()), FindingKind::NotChecked),
            (WriteError::Unknown("cut".into()), FindingKind::NotChecked),
        ] {
            assert_eq!(finding(&error).0, kind, "{error:?}");
        }
    }
}
