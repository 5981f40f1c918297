//! The screen: state, update and drawing.

pub mod export;
pub mod filter;
pub mod fleet;
pub mod help;
pub mod keymap;
pub mod merge;
pub mod palette;
pub mod panel;
pub mod place;
pub mod reader;
pub mod resources;
pub mod scope;
pub mod selector;
pub mod sort;
pub mod suggest;
pub mod theme;
