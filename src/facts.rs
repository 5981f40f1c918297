//! Facts of each capability as plain tables and sentences: what is shown, once for views and commands. Pure.

pub mod change;
pub mod clusters;
pub mod sparkline;
