//! The screen: state, update and drawing.

pub mod app;
pub mod command;
pub mod drill;
pub mod events;
pub mod export;
pub mod filter;
#[cfg(test)]
pub(crate) mod fixture;
pub mod fleet;
pub mod header;
pub mod help;
pub mod history;
pub mod keymap;
pub mod listing;
pub mod memory;
pub mod merge;
pub mod msg;
pub mod overlay;
pub mod palette;
pub mod panel;
pub mod place;
pub mod prompt;
pub mod reader;
pub mod resources;
pub mod scope;
pub mod selector;
pub mod sort;
pub mod suggest;
pub mod table;
pub mod tabs;
pub mod theme;
