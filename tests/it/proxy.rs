//! The routing proxy, part by part.

mod checklist;
mod edge;
mod listen;
mod seeing;
mod script;
mod upstream;
