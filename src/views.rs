//! The screen: state, update and drawing.

pub mod app;
pub mod appearance;
pub mod changes;
pub mod clock;
pub mod columns;
pub mod command;
pub mod complete;
pub mod confirm;
pub mod containers;
pub mod cursor;
pub mod detail;
pub mod dialog;
pub mod doctor;
pub mod drill;
pub mod events;
pub mod export;
pub mod filter;
#[cfg(test)]
pub(crate) mod fixture;
pub mod fleet;
pub mod grid;
pub mod header;
pub mod help;
pub mod history;
pub mod keymap;
pub mod line_list;
pub mod listing;
pub mod logs;
pub mod merge;
pub mod missing;
pub mod msg;
pub mod page;
pub mod palette;
pub mod panel;
pub mod place;
pub mod prompt;
pub mod reader;
pub mod registry;
pub mod resources;
pub mod routes;
pub mod scope;
pub mod selector;
pub mod session;
pub mod sort;
pub mod status;
pub mod suggest;
pub mod table;
pub mod tabs;
pub mod theme;
pub mod view;

/// Compares with a file under `tests/snapshots`, so that all pictures of the screen lie in one place.
#[cfg(test)]
pub(crate) fn snapshot(name: &str, text: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");
    insta::with_settings!({ snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

/// A built-in theme, read once for all tests.
#[cfg(test)]
pub(crate) fn theme_named(name: &str) -> theme::Theme {
    static THEMES: std::sync::LazyLock<theme::file::Themes> = std::sync::LazyLock::new(theme::file::Themes::default);
    THEMES.or_default(name)
}
