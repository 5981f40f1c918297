//! JSONPath as printer columns use it, evaluated on raw text: fields, `['field']`, `[n]`, slices, `[*]`, unions, `..`,
//! and filters such as `[?(@.type=="Ready")]`. It finds what the API server finds, and fails where the API server
//! fails: then the cell is empty, even if a part of the path had a result.

use super::wire::{Str, entry, items, values};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cmp::Ordering;

mod parse;
#[cfg(test)]
mod tests;

/// Maximum number of values of one step; a column that looks at more stays empty, and costs no more than this.
const VALUES_MAX: usize = 4_096;

/// Maximum depth of `..`.
const DESCENT_MAX: usize = 64;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// An item, from the end if negative.
    Item(i64),
    /// `[from:to:by]`; `[*]` is all of it.
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        by: Option<i64>,
    },
    /// `.*`: all values of a map or a list.
    All,
    Union(Vec<Path>),
    /// `..`: the value and all values within it.
    Descend,
    Filter(Box<Filter>),
    /// A word that stands alone: the steps after it are ignored.
    Word,
}

/// `[?(@.path OP operand)]`; without an operator, true if the path exists.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    path: Path,
    /// Operator and operand. Without a valid operator, the evaluation fails.
    test: Option<(Option<Comparison>, Operand)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Path(Path),
}

/// The path cannot be evaluated on this value; the cell is empty, whatever was found before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed;

type Found<'v> = Result<Vec<&'v RawValue>, Failed>;

impl Path {
    /// Reads a path; `None` for what the server does not understand either.
    pub(super) fn parse(text: &str) -> Option<Self> {
        parse::path(text, 0)
    }

    /// The first value at the path: of several, the server shows no other.
    pub(super) fn first<'v>(&self, value: &'v RawValue) -> Option<&'v RawValue> {
        // Most paths are fields alone, and need no lists.
        let mut value = value;
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) => value = entry(value, name)?,
                Step::Item(_)
                | Step::Slice { .. }
                | Step::All
                | Step::Union(_)
                | Step::Descend
                | Step::Filter(_)
                | Step::Word => {
                    return all(self.0.get(at..)?, vec![value]).ok()?.first().copied();
                }
            }
        }
        Some(value)
    }

    fn all<'v>(&self, input: &[&'v RawValue]) -> Found<'v> {
        all(&self.0, input.to_vec())
    }
}

fn all<'v>(steps: &[Step], input: Vec<&'v RawValue>) -> Found<'v> {
    steps.iter().try_fold(input, |input, step| {
        let found = step.all(&input)?;
        if found.len() > VALUES_MAX { Err(Failed) } else { Ok(found) }
    })
}

impl Step {
    fn all<'v>(&self, input: &[&'v RawValue]) -> Found<'v> {
        let here = input.iter().copied().filter(|value| !is_null(value));
        match self {
            Self::Field(name) => Ok(here.filter_map(|value| entry(value, name)).collect()),
            Self::Item(nth) => {
                let mut found = Vec::new();
                for value in here {
                    let list = list(value)?;
                    found.push(*list.get(place(*nth, list.len())?).ok_or(Failed)?);
                }
                Ok(found)
            }
            Self::Slice { from, to, by } => slices(here, (*from, *to, *by)),
            Self::All => Ok(here.flat_map(values).collect()),
            Self::Union(paths) => {
                let each = paths.iter().map(|path| path.all(input)).collect::<Result<Vec<_>, _>>()?;
                Ok(each.concat())
            }
            Self::Word => Err(Failed),
            Self::Descend => {
                let mut found = Vec::new();
                for value in here {
                    descend(value, &mut found, 0)?;
                }
                Ok(found)
            }
            Self::Filter(filter) => {
                let mut found = Vec::new();
                for value in input {
                    for item in list(value)? {
                        if filter.holds(item)? {
                            found.push(item);
                        }
                    }
                }
                Ok(found)
            }
        }
    }
}

/// Parts of lists. One that is empty ends the step there, as at the server: lists behind it are not looked at.
fn slices<'v>(
    input: impl Iterator<Item = &'v RawValue>,
    (from, to, by): (Option<i64>, Option<i64>, Option<i64>),
) -> Found<'v> {
    let mut found = Vec::new();
    for value in input {
        let list = list(value)?;
        let (from, to) =
            (place(from.unwrap_or(0), list.len())?, to.map_or(Ok(list.len()), |to| place(to, list.len()))?);
        if from == to {
            return Ok(found);
        }
        let part = list.get(from..to).filter(|part| !part.is_empty()).ok_or(Failed)?;
        let by = usize::try_from(by.unwrap_or(1)).ok().filter(|by| *by > 0).ok_or(Failed)?;
        found.extend(part.iter().step_by(by));
    }
    Ok(found)
}

/// A place counted from the end when negative.
fn place(nth: i64, length: usize) -> Result<usize, Failed> {
    let length = i64::try_from(length).map_err(|_| Failed)?;
    usize::try_from(if nth < 0 { nth.checked_add(length).ok_or(Failed)? } else { nth }).map_err(|_| Failed)
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn list(value: &RawValue) -> Result<Vec<&RawValue>, Failed> {
    if value.get().starts_with('[') { Ok(items(value)) } else { Err(Failed) }
}

/// The value, then what is in it; only what has something in it counts.
fn descend<'v>(value: &'v RawValue, found: &mut Vec<&'v RawValue>, depth: usize) -> Result<(), Failed> {
    if depth > DESCENT_MAX || found.len() > VALUES_MAX {
        return Err(Failed);
    }
    let inner = values(value);
    // A text is made of its letters there.
    if !inner.is_empty() || value.get().starts_with('"') && value.get() != "\"\"" {
        found.push(value);
    }
    inner.into_iter().filter(|value| !is_null(value)).try_for_each(|inner| descend(inner, found, depth + 1))
}

/// A value that can be compared.
#[derive(Debug, PartialEq)]
enum Scalar<'v> {
    Text(Cow<'v, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl<'v> Scalar<'v> {
    fn of(value: &'v RawValue) -> Result<Self, Failed> {
        let json = value.get();
        match json {
            "true" => Ok(Self::Bool(true)),
            "false" => Ok(Self::Bool(false)),
            text if text.starts_with('"') => match serde_json::from_str(text) {
                Ok(Str(text)) => Ok(Self::Text(text)),
                Err(_) => Err(Failed),
            },
            number => match number.parse() {
                Ok(whole) => Ok(Self::Int(whole)),
                Err(_) => number.parse().map(Self::Float).map_err(|_| Failed),
            },
        }
    }
}

impl Filter {
    fn holds(&self, value: &RawValue) -> Result<bool, Failed> {
        let left = self.path.all(&[value]);
        let Some((comparison, operand)) = &self.test else {
            // What cannot be followed is as good as not there.
            return Ok(left.is_ok_and(|found| !found.is_empty()));
        };
        let Some(left) = only(&left?)? else { return Ok(false) };
        let left = Scalar::of(left)?;
        let right = match operand {
            Operand::Text(text) => Scalar::Text(Cow::Borrowed(text)),
            Operand::Int(number) => Scalar::Int(*number),
            Operand::Float(number) => Scalar::Float(*number),
            Operand::Bool(flag) => Scalar::Bool(*flag),
            Operand::Path(path) => match only(&path.all(&[value])?)? {
                Some(found) => Scalar::of(found)?,
                None => return Ok(false),
            },
        };
        comparison.ok_or(Failed)?.holds(&left, &right)
    }
}

/// The one value there is; more cannot be compared.
fn only<'v>(found: &[&'v RawValue]) -> Result<Option<&'v RawValue>, Failed> {
    match found {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [..] => Err(Failed),
    }
}

impl Comparison {
    /// Values of different kinds cannot be compared, a whole number and a fraction among them.
    fn holds(self, left: &Scalar<'_>, right: &Scalar<'_>) -> Result<bool, Failed> {
        let order = match (left, right) {
            (Scalar::Text(left), Scalar::Text(right)) => left.cmp(right),
            (Scalar::Int(left), Scalar::Int(right)) => left.cmp(right),
            (Scalar::Float(left), Scalar::Float(right)) => left.partial_cmp(right).ok_or(Failed)?,
            // Of flags there is no larger one.
            (Scalar::Bool(left), Scalar::Bool(right)) => match self {
                Self::Equal | Self::NotEqual => left.cmp(right),
                Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => return Err(Failed),
            },
            _ => return Err(Failed),
        };
        Ok(match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        })
    }
}
