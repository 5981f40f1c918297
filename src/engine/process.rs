//! Other programs: started outside of our terminal session.

pub mod detach;
