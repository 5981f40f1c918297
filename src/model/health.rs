//! Health of one object, as the rule of its kind judges it.

use super::text::Text;

/// Verdict of a kind's health rule. Ordered by severity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub enum Health {
    /// The kind has no rule, or the object has no status yet.
    #[default]
    Unknown,
    /// Works as asked.
    Healthy,
    /// On its way: starting, rolling out, terminating.
    Progressing,
    /// Works, but not as asked; the reason is short.
    Degraded(Text),
    /// Does not work; the reason is short.
    Failed(Text),
}

impl Health {
    /// Returns true if the faults filter (`ctrl-z`) shows the object and the unhealthy counts include it.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Degraded(_) | Self::Failed(_))
    }

    /// Returns the reason of a degraded or failed object.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Degraded(r) | Self::Failed(r) => Some(r),
            Self::Unknown | Self::Healthy | Self::Progressing => None,
        }
    }

    /// Returns the glyph of the verdict. State is a glyph first, then a word, then a colour.
    pub fn glyph(&self) -> &'static str {
        match self {
            Self::Unknown => " ",
            Self::Healthy => "●",
            Self::Progressing => "◌",
            Self::Degraded(_) => "▲",
            Self::Failed(_) => "✗",
        }
    }
}
