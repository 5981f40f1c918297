//! The document that the figures are written into.

use std::fs;

use crate::Outcome;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

/// Puts a table between its marks in the document; all else stays.
pub(crate) fn write(section: &str, table: &str) -> Outcome {
    let [begin, end] = ["begin", "end"].map(|word| format!("<!-- {word} {section} -->\n"));
    let document = fs::read_to_string(DOCUMENT)?;
    let (before, rest) = document.split_once(&begin).ok_or_else(|| format!("no mark {begin:?} in the document"))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| format!("no mark {end:?} in the document"))?;
    Ok(fs::write(DOCUMENT, format!("{before}{begin}\n{table}\n{end}{after}"))?)
}
