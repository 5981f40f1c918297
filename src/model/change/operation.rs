//! Operations: runs of plans, with their ids and states.

use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use serde::{Deserialize, Serialize};

/// Id of an operation and of its plan: `20261129-021625-k3f9qa`. Later ids sort after earlier ones.
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
    /// Returns the id of a moment and a random number.
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

    /// Parses an id that a user typed. Fails if the text is shorter than 3 or longer than 40 characters, does not begin
    /// with a digit, or has anything but lower-case letters, digits and dashes: an id never names another file.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_id = (3..=CHARS_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if is_id { Ok(Self(Text::new(text))) } else { Err("is not the id of a plan") }
    }

    /// Returns the id as text.
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

/// State of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetState {
    /// No request was sent yet.
    Pending,
    /// The request is sent or about to be; there is no answer yet.
    Asked,
    /// The server accepted the change; the object has not reached its new state yet.
    Settling,
    /// The change is complete.
    Done,
    /// No request was sent because the object moved or the change is forbidden, or the server refused the request.
    Refused,
    /// The change failed, or did not settle in time.
    Failed,
    /// The request was sent and not answered: the change may have been made.
    Unknown,
    /// The object was already as wanted.
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

    /// Returns true if a run has no more work with the target.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Asked | Self::Settling)
    }

    /// Returns true if the target is as wanted.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Done | Self::Skipped)
    }

    /// Returns true if a resumed operation works on the target again.
    pub fn is_resumed(self) -> bool {
        matches!(self, Self::Pending | Self::Asked | Self::Settling | Self::Unknown | Self::Failed)
    }
}

/// State of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    /// A process works on it.
    Running,
    /// No process works on it, and targets are left.
    Interrupted,
    /// Every target is done, or was already as wanted.
    Done,
    /// Some targets are done; the others were refused or failed.
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

    /// Returns the state of an operation that no process works on, from the states of its targets.
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
