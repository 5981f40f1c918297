//! A value with the layer it came from.

/// Layer that a value came from. Ordered by precedence: later wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Built into the program.
    Default,
    /// A line of a configuration file.
    File {
        /// The file, as the user would write it.
        file: String,
        /// The line, from 1; 0 stands for the whole file.
        line: u64,
    },
    /// The environment variable with this name.
    Environment(&'static str),
    /// The flag of the command line with this name.
    Flag(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line: 0 } => f.write_str(file),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value with the layer it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value in force.
    pub value: T,
    /// Layer it came from.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// Returns a value of the given layer.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// Returns a built-in value.
    pub fn default_of(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }

    /// Replaces the value by that of a higher layer, if the layer has one.
    pub fn set(&mut self, value: Option<T>, origin: Origin) {
        if let Some(value) = value {
            *self = Self { value, origin };
        }
    }
}

impl<T> std::ops::Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
