//! The admin listener, asked over loopback, and what is written down about metrics.

pub(super) mod admin;
mod deploy;
mod documents;
