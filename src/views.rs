//! The screen: state, update and drawing.
