//! The decisions about a change. Values in, values out: no IO, no clock, no task.

pub mod body;
pub mod check;
pub mod confirm;
pub mod intent;
pub mod plan;
pub mod preflight;
pub mod rollout;
pub mod step;
pub mod waves;
