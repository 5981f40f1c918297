//! The screen: state, update and drawing.

pub mod keymap;
pub mod reader;
pub mod suggest;
pub mod theme;
