//! Configuration: layers that remember their source. Pure, but for reading the files.

pub mod environment;

pub use environment::Environment;
