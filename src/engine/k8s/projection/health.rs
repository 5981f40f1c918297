//! Helpers that health rules share.

use crate::model::health::Health;
use crate::model::text::{Text, clean};

/// A reason as the cluster states it, cleaned.
pub(super) fn reason(text: &str) -> Text {
    Text::new(clean(text))
}

/// `Degraded` by a count: `1/3 ready`.
pub(super) fn short_of(have: i64, want: i64, what: &str) -> Health {
    Health::Degraded(compact_str::format_compact!("{have}/{want} {what}"))
}
