//! The line about targets that settle: for a person who watches a slow rollout.

use crate::model::change::TargetState;
use std::collections::BTreeMap;
use std::time::Duration;

/// Time between two lines, at least.
pub(super) const LINE_EVERY: Duration = Duration::from_secs(1);

/// Counts of the targets of a run, as its progress tells them.
#[derive(Debug, Default)]
pub(super) struct Counts {
    states: BTreeMap<usize, TargetState>,
    shown: (usize, usize),
}

impl Counts {
    /// Notes the new state of a target.
    pub(super) fn note(&mut self, target: usize, state: TargetState) {
        self.states.insert(target, state);
    }

    /// Returns the line of this moment; `None` if nothing settles, or the counts are those of the last line.
    pub(super) fn line(&mut self) -> Option<String> {
        let count = |is: fn(TargetState) -> bool| self.states.values().filter(|state| is(**state)).count();
        let settling = count(|state| state == TargetState::Settling);
        let counts = (settling, count(TargetState::is_final));
        if settling == 0 || counts == self.shown {
            return None;
        }
        self.shown = counts;
        let (_, ended) = counts;
        Some(format!("{settling} settling, {ended} ended\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_once_for_each_change_of_the_counts_while_something_settles() {
        let mut counts = Counts::default();
        assert_eq!(counts.line(), None);
        counts.note(0, TargetState::Asked);
        assert_eq!(counts.line(), None, "nothing settles yet");
        counts.note(0, TargetState::Settling);
        counts.note(1, TargetState::Settling);
        assert_eq!(counts.line().as_deref(), Some("2 settling, 0 ended\n"));
        assert_eq!(counts.line(), None, "the counts are the same");
        counts.note(0, TargetState::Done);
        assert_eq!(counts.line().as_deref(), Some("1 settling, 1 ended\n"));
        counts.note(1, TargetState::Failed);
        assert_eq!(counts.line(), None, "the last lines are those of the targets");
    }
}
