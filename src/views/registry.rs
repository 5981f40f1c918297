//! All views, and what is derived from them: the keymap, the commands. A new view is its file and a line here.

use super::keymap::{ActionSpec, ContextSpec, Keymap, common};
use super::view::ViewSpec;
use super::{
    changes, columns, confirm, containers, detail, dialog, doctor, help, listing, logs, missing, palette, prompt,
    reader, routes,
};

/// All views, in the order the help lists their keys and commands.
pub static VIEWS: &[&ViewSpec] = &[
    &detail::SPEC,
    &logs::SPEC,
    &help::SPEC,
    &doctor::SPEC,
    &routes::SPEC,
    &changes::SPEC,
    &changes::plan::SPEC,
    &changes::plan::TYPED,
    &changes::operation::SPEC,
    &missing::SPEC,
    &columns::SPEC,
    &containers::SPEC,
    &dialog::SPEC,
    &palette::SPEC,
    &routes::tester::SPEC,
    &confirm::SPEC,
    &changes::ask::SPEC,
    &changes::leave::SPEC,
];

/// Finds a view by its name.
pub fn find(name: &str) -> Option<&'static ViewSpec> {
    VIEWS.iter().find(|spec| spec.name == name).copied()
}

/// Finds the view that a command opens.
pub fn find_command(name: &str) -> Option<&'static ViewSpec> {
    VIEWS.iter().find(|spec| spec.command.is_some_and(|command| command.names.contains(&name))).copied()
}

/// All contexts, in the order the help lists them.
fn contexts() -> Vec<&'static ContextSpec> {
    let mut contexts = vec![&listing::keys::FLEET, &listing::keys::TABLE];
    for spec in VIEWS {
        if !contexts.iter().any(|known| known.context == spec.context.context) {
            contexts.push(spec.context);
        }
    }
    contexts.push(&prompt::CONTEXT);
    contexts
}

/// All actions, in the order the help lists them.
fn actions(contexts: &[&'static ContextSpec]) -> Vec<&'static ActionSpec> {
    let own = contexts.iter().flat_map(|context| context.actions);
    listing::keys::ACTIONS.iter().chain(reader::keys::ACTIONS).chain(own).chain(common::ACTIONS).collect()
}

impl Default for Keymap {
    /// The default keys of all views.
    fn default() -> Self {
        let contexts = contexts();
        let actions = actions(&contexts);
        Self::new(contexts, actions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::view::Layer;

    #[test]
    fn a_view_has_one_name_and_a_page_has_a_command() {
        for (nth, spec) in VIEWS.iter().enumerate() {
            assert!(VIEWS.iter().skip(nth + 1).all(|other| other.name != spec.name), "{}", spec.name);
            assert_eq!(spec.layer == Layer::Page, spec.command.is_some(), "{}", spec.name);
            assert_eq!(spec.command.is_some(), spec.open.is_some(), "{}", spec.name);
        }
    }
}
