//! The one path by which a cluster is ever changed: intent, plan, confirmation, waves, result.

pub mod core;
