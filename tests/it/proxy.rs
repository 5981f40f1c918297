//! The routing proxy, part by part.

mod checklist;
mod edge;
mod guide;
mod listen;
mod route_commands;
mod script;
mod seeing;
mod training;
mod upstream;
mod whole;
