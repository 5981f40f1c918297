//! An operation: a plan that is carried out, its id, and its state.

use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};

/// The name of an operation and of its plan: `20261129-021625-k3f9qa`. Later ones sort after earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct OperationId(Text);

/// Letters and digits that are not mistaken for each other.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters after the time.
const RANDOM_CHARS: usize = 6;
/// Longest text that is an id.
const CHARS_MAX: usize = 40;

impl OperationId {
    /// Makes an id of a moment and a random number.
    pub fn new(now: UnixSeconds, random: u64) -> Self {
        let at = jiff::Timestamp::from_second(now.0).unwrap_or_default();
        let mut id = Text::from(at.strftime("%Y%m%d-%H%M%S-").to_string());
        let mut rest = random;
        for _ in 0..RANDOM_CHARS {
            let letter = usize::try_from(rest % 32).ok().and_then(|at| ALPHABET.get(at));
            id.push(letter.map_or('0', |byte| char::from(*byte)));
            rest /= 32;
        }
        Self(id)
    }

    /// Reads an id that somebody wrote; fails for what cannot be one, and so never names another file.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_id = (3..=CHARS_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if is_id { Ok(Self(Text::new(text))) } else { Err("is not the id of a plan") }
    }

    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Text> for OperationId {
    type Error = &'static str;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<OperationId> for Text {
    fn from(id: OperationId) -> Self {
        id.0
    }
}

impl std::fmt::Display for OperationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// The state of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetState {
    /// Nothing was asked yet.
    Pending,
    /// The change is asked for, or about to be; there is no answer yet.
    Asked,
    /// The server has it; the object is not yet as it will be.
    Settling,
    /// The change is there.
    Done,
    /// We did not ask: the object moved, or somebody forbids it; or the server said no.
    Refused,
    /// It could not be done, or did not settle in time.
    Failed,
    /// Asked, and no answer: it may have been done.
    Unknown,
    /// There was nothing to do.
    Skipped,
}

impl TargetState {
    /// Returns the state in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Asked => "asked",
            Self::Settling => "settling",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }

    /// Says whether a run has nothing more to do with the target.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Asked | Self::Settling)
    }

    /// Says whether the target is as it was meant to be.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::Skipped)
    }

    /// Says whether a resumed operation takes the target up again.
    pub fn is_resumed(self) -> bool {
        matches!(self, Self::Pending | Self::Asked | Self::Settling | Self::Unknown | Self::Failed)
    }
}

/// The state of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    /// A process works on it.
    Running,
    /// No process works on it, and targets are left.
    Interrupted,
    /// Each target is done, or there was nothing to do.
    Done,
    /// Some targets are done, the others were refused or failed.
    Partial,
    /// No target is done.
    Failed,
}

impl OperationState {
    /// Returns the state in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }

    /// Judges an operation on which no process works by the states of its targets.
    pub fn of(targets: impl IntoIterator<Item = TargetState>) -> Self {
        let (mut good, mut bad) = (false, false);
        for state in targets {
            if !state.is_final() || state == TargetState::Unknown {
                return Self::Interrupted;
            }
            good |= state.is_good();
            bad |= !state.is_good();
        }
        match (good, bad) {
            (_, false) => Self::Done,
            (true, true) => Self::Partial,
            (false, true) => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = OperationId::new(UnixSeconds(1_800_000_000), u64::MAX);
        let late = OperationId::new(UnixSeconds(1_800_000_001), 0);
        assert!(early < late);
        assert_eq!(OperationId::parse(late.as_str()), Ok(late.clone()));
        assert_eq!(late.as_str(), "20270115-080001-000000");
    }

    #[test]
    fn what_could_be_a_path_is_no_id() {
        for bad in ["", "..", "../x", "a/b", "plan.json", "x1-2", "2026 1", &"1".repeat(41)] {
            assert!(OperationId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_operation_is_judged_by_its_targets() {
        use TargetState::{Asked, Done, Failed, Pending, Refused, Skipped, Unknown};
        for (targets, judged) in [
            (&[Done, Skipped][..], OperationState::Done),
            (&[], OperationState::Done),
            (&[Done, Refused], OperationState::Partial),
            (&[Failed, Refused], OperationState::Failed),
            (&[Done, Pending, Failed], OperationState::Interrupted),
            (&[Done, Unknown], OperationState::Interrupted),
            (&[Asked], OperationState::Interrupted),
        ] {
            assert_eq!(OperationState::of(targets.iter().copied()), judged, "{targets:?}");
        }
    }
}
