//! The keys of texts that are read: search, folds, wrapping, following.

use crate::views::keymap::{Action, ActionSpec, Binding, bind};

/// Opens the search line.
pub const SEARCH: Action = Action::new("search");
/// Goes to the next match.
pub const NEXT_MATCH: Action = Action::new("next-match");
/// Goes to the previous match.
pub const PREVIOUS_MATCH: Action = Action::new("previous-match");
/// Folds or unfolds the block under the cursor.
pub const FOLD: Action = Action::new("fold");
/// Folds or unfolds all blocks.
pub const FOLD_ALL: Action = Action::new("fold-all");
/// Wraps long lines.
pub const WRAP: Action = Action::new("wrap");
/// Follows new lines.
pub const FOLLOW: Action = Action::new("follow");

/// Actions of texts, in the order the help lists them.
pub const ACTIONS: &[ActionSpec] = &[
    ActionSpec::new(SEARCH, "search", "Search the text"),
    ActionSpec::new(NEXT_MATCH, "next", "Go to the next match"),
    ActionSpec::new(PREVIOUS_MATCH, "previous", "Go to the previous match"),
    ActionSpec::new(FOLD, "fold", "Fold or unfold the block the cursor is on"),
    ActionSpec::new(FOLD_ALL, "fold all", "Fold or unfold all blocks"),
    ActionSpec::new(WRAP, "wrap", "Wrap long lines or scroll sideways"),
    ActionSpec::new(FOLLOW, "follow", "Follow new lines, or stay where you are"),
];

/// Searching.
pub const SEARCHING: &[Binding] = &[bind(SEARCH, &["/"]), bind(NEXT_MATCH, &["n"]), bind(PREVIOUS_MATCH, &["shift-n"])];

/// Wrapping.
pub const WRAPPING: &[Binding] = &[bind(WRAP, &["w"])];
