//! Names of objects and namespaces, as a request may carry them.

use super::text::Text;
use std::fmt;
use std::ops::Deref;

/// Name of an object or a namespace. Never empty, and never a part of a path with a meaning of its own: either would
/// turn a request for one object into a request for many.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Text);

impl Name {
    /// The namespace of a context that names none.
    pub const DEFAULT: Self = Self(Text::const_new("default"));

    /// Returns the text as a name. Fails if it is empty, `.` or `..`, or contains `/` or `%`, as in kubectl; the error
    /// completes a sentence: "is empty".
    pub fn new(text: &str) -> Result<Self, &'static str> {
        match text {
            "" => Err("is empty"),
            "." | ".." => Err("cannot be `.` or `..`"),
            _ if text.contains(['/', '%']) => Err("cannot contain `/` or `%`"),
            _ => Ok(Self(Text::new(text))),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K2: what would widen a question cannot be a name.
    #[test]
    fn a_name_is_never_empty_and_never_a_path() {
        for bad in ["", ".", "..", "a/b", "/", "a%2Fb", "../x"] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "system:controller:x", "a.b", "..a"] {
            assert_eq!(Name::new(good).map(|name| name.to_string()).as_deref(), Ok(good));
        }
    }
}
