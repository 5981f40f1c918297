//! Quarterdeck: one terminal for a whole fleet of Kubernetes clusters.
//!
//! Start with `docs/architecture.md`: the map, the invariants, and the life of one pod update from
//! the socket to the cell.

pub mod capability;
pub mod cli;
pub mod config;
pub mod demo;
pub mod engine;
pub mod error;
pub mod facts;
pub mod model;
pub mod protocol;
pub mod report;
pub mod tui;
pub mod views;
