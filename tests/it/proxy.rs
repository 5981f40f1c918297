//! The routing proxy, part by part.

mod checklist;
mod edge;
mod listen;
mod script;
mod seeing;
mod upstream;
