//! The nouns: plain values and their laws. No IO, no clock, no task.

pub mod cell;
pub mod change;
pub mod cluster;
pub mod document;
pub mod glob;
pub mod health;
pub mod kind;
pub mod logs;
pub mod name;
pub mod object;
pub mod proxy;
pub mod text;
pub mod time;

/// Our API group, for documents, labels and annotations.
pub const API_VERSION: &str = "quarterdeck.dev/v1alpha1";
