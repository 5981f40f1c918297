//! The arguments of the commands.

pub(crate) mod query;
pub(crate) mod serve;
