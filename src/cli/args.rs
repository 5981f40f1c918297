//! The arguments of the commands.

pub(crate) mod change;
pub(crate) mod query;
pub(crate) mod serve;
