//! The engine: discovers, watches and probes clusters, and publishes snapshots.

pub mod act;
pub mod clock;
pub mod cluster;
pub mod fleet;
pub mod index;
pub mod k8s;
pub mod publish;
pub mod record;
