//! Changes: from an intent to its end, over clusters that fail, and over a process that is killed.

mod command;
mod demo;
mod faults;
mod killed;
mod planning;
pub(crate) mod rig;
mod scale;
mod typed;
