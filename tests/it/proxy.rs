//! The routing proxy, part by part.

mod listen;
