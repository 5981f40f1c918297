//! Child processes, started outside of our terminal session.

pub mod detach;
