//! What a health rule says of one object.

use super::text::Text;

/// The verdict of a kind's health rule. The order is by how much it should worry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
pub enum Health {
    /// The kind has no rule, or the object says nothing yet.
    #[default]
    Unknown,
    Healthy,
    /// On its way: starting, rolling out, terminating.
    Progressing,
    /// Works, but not as asked; the reason is short.
    Degraded(Text),
    /// Does not work; the reason is short.
    Failed(Text),
}

impl Health {
    /// Says whether the faults filter (`ctrl-z`) shows it and the unhealthy counts count it.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Degraded(_) | Self::Failed(_))
    }

    /// The reason, where there is one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Degraded(r) | Self::Failed(r) => Some(r),
            Self::Unknown | Self::Healthy | Self::Progressing => None,
        }
    }

    /// State is a glyph first, then a word, then a colour.
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
