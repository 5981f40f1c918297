//! The one path by which a cluster is ever changed: intent, plan, confirmation, waves, result.

pub mod clusters;
pub mod core;
pub mod operation;
pub(crate) mod part;
pub mod planner;
pub mod probe;
pub mod recheck;
pub mod run;

pub use clusters::Clusters;
