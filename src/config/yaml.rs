//! Reading YAML that people wrote: bounded, with the line of each mistake, and without quoting a value.

use serde::de::DeserializeOwned;
use serde_saphyr::{DuplicateKeyPolicy, Error, Options};
use std::io::Read as _;
use std::path::Path;

/// Largest file that is read, in bytes. A real kubeconfig of some thousand contexts has ten megabytes; anything larger
/// is a mistake.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The file, as the user would write it.
    pub file: String,
    /// Line of the mistake, from 1; 0 if it is about the whole file.
    pub line: u64,
    /// Description of the mistake.
    pub message: String,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// Handling of a key that is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// The file is refused.
    Refused,
    /// The last one wins, as in kubectl.
    LastWins,
}

/// Parses a file with one document. Fails if the text is not YAML or does not fit `T`, or for a duplicate key that is
/// refused. The file may hold secrets: a flaw quotes no value but an unknown word of an enumeration.
pub fn parse<T: DeserializeOwned>(text: &str, file: &str, duplicates: Duplicates) -> Result<T, Flaw> {
    serde_saphyr::from_str_with_options(plain(text), options(duplicates)).map_err(|error| flaw(&error, file))
}

/// Parses all documents of a file (`---` between them), without the empty ones. Fails as [`parse`] does.
pub fn parse_all<T: DeserializeOwned>(text: &str, file: &str, duplicates: Duplicates) -> Result<Vec<T>, Flaw> {
    serde_saphyr::from_multiple_with_options(plain(text), options(duplicates)).map_err(|error| flaw(&error, file))
}

fn plain(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn options(duplicates: Duplicates) -> Options {
    let mut options = Options::default();
    options.with_snippet = false;
    options.duplicate_keys = match duplicates {
        Duplicates::Refused => DuplicateKeyPolicy::Error,
        Duplicates::LastWins => DuplicateKeyPolicy::LastWins,
    };
    options
}

fn flaw(error: &Error, file: &str) -> Flaw {
    let line = error.location().map_or(0, |location| location.line());
    Flaw { file: file.to_owned(), line, message: message(error) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "sixty variants of another crate; only some are worded here")]
fn message(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("value", variant, expected),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            format!("expected {expected}")
        }
        Error::InvalidScalar { ty, .. } => format!("expected {ty}"),
        Error::SerdeMissingField { field, .. } => format!("`{field}` is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("`{key}` is given twice"),
        Error::AliasError { error, .. } => message(error),
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => msg.clone(),
        other => {
            // The text ends in its place, which a flaw says by itself.
            let text = other.to_string();
            text.split_once(" at line ").map_or_else(|| text.clone(), |(what, _)| what.to_owned())
        }
    }
}

/// Returns the message for an unknown name: "unknown key `acess`: did you mean `access`?"
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let name = crate::model::text::clean(name);
    match nearest(&name, known) {
        Some(near) => format!("unknown {what} `{name}`: did you mean `{near}`?"),
        None => format!("unknown {what} `{name}`: known are {}", known.join(", ")),
    }
}

/// Returns the known name that `name` may be a misspelling of; `None` if none is near enough.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
    let (near, distance) = known.iter().map(|k| (*k, distance(k))).min_by_key(|(_, d)| *d)?;
    (distance <= 1 + name.chars().count() / 4).then_some(near)
}

/// Reads a text file; `None` if there is no such file. Fails if it cannot be read, is larger than [`FILE_BYTES_MAX`],
/// or is not UTF-8.
pub fn read(path: &Path, file: &str) -> Result<Option<String>, Flaw> {
    let flaw = |message: String| Flaw { file: file.to_owned(), line: 0, message };
    let handle = match std::fs::File::open(path) {
        Ok(handle) => handle,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(flaw(format!("cannot be read: {}", reason(&error)))),
    };
    let mut bytes = Vec::new();
    if let Err(error) = handle.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        return Err(flaw(format!("cannot be read: {}", reason(&error))));
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(flaw(format!("is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| flaw("is not text (UTF-8)".to_owned()))
}

/// Returns the cause without the error number of the operating system.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or_else(|| text.clone(), |(what, _)| what.to_owned()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        access: Option<String>,
        count: Option<u32>,
    }

    fn refuse(text: &str) -> String {
        parse::<Small>(text, "f.yaml", Duplicates::Refused).unwrap_err().to_string()
    }

    #[test]
    fn a_flaw_names_the_line_and_the_likely_key() {
        assert_eq!(refuse("count: 1\nacess: x\n"), "f.yaml:2: unknown key `acess`: did you mean `access`?");
        assert_eq!(refuse("zebra: x\n"), "f.yaml:1: unknown key `zebra`: known are access, count");
        assert_eq!(refuse("count: 1\ncount: 2\n"), "f.yaml:2: `count` is given twice");
    }

    #[test]
    fn a_flaw_never_quotes_a_value() {
        for text in ["count: hunter2\n", "access: [hunter2]\n", "hunter2\n", "- hunter2\n", "access: \"hunter2\n"] {
            let flaw = refuse(text);
            assert!(!flaw.contains("hunter2"), "{flaw}");
            assert!(flaw.starts_with("f.yaml:"), "{flaw}");
        }
    }

    #[test]
    fn the_last_of_two_keys_counts_where_kubectl_has_it_so() {
        let small: Small = parse("count: 1\ncount: 2\n", "f", Duplicates::LastWins).unwrap();
        assert_eq!(small.count, Some(2));
        assert_eq!(small.access, None);
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f"), ("h", "g")] {
            let of = vec![format!("*{of}"); 10].join(",");
            text = format!("{text}{name}: &{name} [{of}]\n");
        }
        assert!(parse::<serde_json::Value>(&text, "f", Duplicates::LastWins).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}") {
            drop(parse::<Small>(&text, "f", Duplicates::Refused));
        }
    }
}
