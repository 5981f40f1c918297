//! The filter line, what is typed after `/`: parsed into terms that must all hold.
//!
//! `text` has it · `~regex` · `!term` has it not · `-l selector` asked of the servers · `-f text` fuzzy ·
//! `cluster:eu-*` `ns:pay` `name:api` `status:crash` in one column · `restarts>5` `age<10m` `ready<1`
//! `node=n-14` compares · `label:app=web`. `"quotes"` keep spaces.

use super::merge::column;
use super::selector::Selector;
use crate::model::cell::{Cell, Column};
use crate::model::object::Row;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use regex::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::ops::Range;

mod parse;
#[cfg(test)]
mod tests;

/// A parsed filter. The default shows everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    source: String,
    terms: Vec<Term>,
    /// For the servers.
    selector: Text,
}

#[derive(Debug, Clone)]
struct Term {
    not: bool,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Has(Needle),
    Regex(Regex),
    Fuzzy(Pattern),
    /// In one column, or, where there is no such column, the text as typed.
    In {
        field: Field,
        wanted: Needle,
        typed: Needle,
    },
    Compare {
        field: Field,
        operator: Operator,
        value: Value,
    },
    Label(Selector),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Namespace,
    Name,
    Cluster,
    Column(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// The value a column is compared with: the text as typed, and its number where it is one.
#[derive(Debug, Clone, PartialEq)]
struct Value {
    text: String,
    number: Option<f64>,
}

/// Text to look for. Small letters find capitals too; one capital makes it exact. `*` and `?` are wildcards
/// in a column's value.
#[derive(Debug, Clone)]
struct Needle {
    text: String,
    exact: bool,
    glob: Option<Regex>,
}

thread_local! {
    /// The fuzzy matcher keeps 135 kB of scratch memory: one per thread, not one per row.
    static MATCHER: RefCell<Matcher> = RefCell::new(Matcher::new(Config::DEFAULT));
}

impl Filter {
    /// Parses a filter line; the error says which term and what it should look like.
    pub fn parse(source: &str) -> Result<Self, String> {
        parse::filter(source)
    }

    /// As it was typed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The label selector for the servers; empty for none.
    pub fn selector(&self) -> &Text {
        &self.selector
    }

    /// Says whether every row passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Says whether the passing of time alone changes what passes.
    pub fn depends_on_time(&self) -> bool {
        self.terms.iter().any(|t| matches!(t.test, Test::Compare { .. }))
    }

    /// Says whether all that passes `self` passed `before` too, so that only those need a look.
    pub fn narrows(&self, before: &Self) -> bool {
        let plain = |f: &Self| f.terms.iter().all(|t| !t.not && matches!(t.test, Test::Has(_)));
        self.selector == before.selector
            && plain(self)
            && plain(before)
            && before.terms.iter().zip(&self.terms).all(|(b, s)| match (&b.test, &s.test) {
                // An exact needle inside a longer one: all rows with the longer have the shorter.
                (Test::Has(b), Test::Has(s)) => b.exact == s.exact && s.text.contains(&b.text),
                _ => false,
            })
            && before.terms.len() <= self.terms.len()
    }

    /// Judges one row.
    pub fn passes(&self, row: &Row, columns: &[Column], now: UnixSeconds) -> bool {
        self.terms.iter().all(|term| term.test.holds(row, columns, now) != term.not)
    }

    /// The parts of a shown text that were found, as byte ranges in order, for the highlight.
    pub fn found(&self, text: &str) -> Vec<Range<usize>> {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for term in self.terms.iter().filter(|t| !t.not) {
            match &term.test {
                Test::Has(needle) => ranges.extend(needle.find(text)),
                Test::In { wanted, .. } if wanted.glob.is_none() => ranges.extend(wanted.find(text)),
                Test::Regex(regex) => ranges.extend(regex.find_iter(text).map(|m| m.range()).filter(|r| !r.is_empty())),
                Test::Fuzzy(pattern) => ranges.extend(fuzzy_ranges(pattern, text)),
                Test::In { .. } | Test::Compare { .. } | Test::Label(_) => {}
            }
        }
        ranges.sort_unstable_by_key(|r| (r.start, r.end));
        ranges.dedup_by(|later, first| {
            let overlaps = later.start <= first.end;
            if overlaps {
                first.end = first.end.max(later.end);
            }
            overlaps
        });
        ranges
    }

    /// The first column named by the filter that none of these tables has.
    pub fn unknown_column<'a>(&self, has: impl Fn(&str) -> bool + 'a) -> Option<&str> {
        self.terms.iter().find_map(|term| {
            let Test::Compare { field: Field::Column(name), .. } = &term.test else { return None };
            (!has(name)).then_some(name.as_str())
        })
    }
}

impl Test {
    fn holds(&self, row: &Row, columns: &[Column], now: UnixSeconds) -> bool {
        match self {
            Self::Has(needle) => any_text(row, now, needle.may_be_number(), |text| needle.is_in(text)),
            Self::Regex(regex) => any_text(row, now, true, |text| regex.is_match(text)),
            Self::Fuzzy(pattern) => any_text(row, now, false, |text| fuzzy(pattern, text)),
            Self::In { field, wanted, typed } => match field.text(row, columns, now) {
                Some(text) => wanted.is_all_of_or_in(&text),
                None => any_text(row, now, typed.may_be_number(), |text| typed.is_in(text)),
            },
            Self::Compare { field, operator, value } => compare(field, *operator, value, (row, columns, now)),
            Self::Label(selector) => selector.matches(|key| row.label(key)),
        }
    }
}

/// Offers every text of a row: names first, then the cells. Ages are not searched: they change as one types.
fn any_text(row: &Row, now: UnixSeconds, numbers: bool, mut test: impl FnMut(&str) -> bool) -> bool {
    if test(&row.name) || test(&row.namespace) || test(row.cluster.as_str()) {
        return true;
    }
    row.cells.iter().any(|cell| match cell {
        Cell::Text(shown) => test(shown),
        Cell::Int(_) | Cell::Ratio { .. } | Cell::Restarts { .. } if numbers => test(&cell.show(now)),
        Cell::Int(_)
        | Cell::Ratio { .. }
        | Cell::Restarts { .. }
        | Cell::Empty
        | Cell::None
        | Cell::Unknown
        | Cell::Since(_)
        | Cell::Span { .. } => false,
    })
}

impl Field {
    fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "ns" | "namespace" => Self::Namespace,
            "name" => Self::Name,
            "cluster" | "c" => Self::Cluster,
            other => Self::Column(other.to_owned()),
        }
    }

    fn cell<'a>(&self, row: &'a Row, columns: &[Column]) -> Option<&'a Cell> {
        match self {
            Self::Column(name) => column(columns, name).and_then(|at| row.cells.get(at)),
            Self::Namespace | Self::Name | Self::Cluster => None,
        }
    }

    fn text(&self, row: &Row, columns: &[Column], now: UnixSeconds) -> Option<Text> {
        match self {
            Self::Namespace => Some(row.namespace.clone()),
            Self::Name => Some(row.name.clone()),
            Self::Cluster => Some(Text::new(row.cluster.as_str())),
            Self::Column(_) => self.cell(row, columns).map(|cell| cell.show(now)),
        }
    }
}

fn compare(field: &Field, operator: Operator, value: &Value, of: (&Row, &[Column], UnixSeconds)) -> bool {
    let (row, columns, now) = of;
    let as_number = field.cell(row, columns).and_then(|cell| cell.number(now));
    if let (Some(a), Some(b)) = (as_number, value.number) {
        return match operator {
            Operator::Less => a < b,
            Operator::LessOrEqual => a <= b,
            Operator::Greater => a > b,
            Operator::GreaterOrEqual => a >= b,
            Operator::Equal => (a - b).abs() < f64::EPSILON,
            Operator::NotEqual => (a - b).abs() >= f64::EPSILON,
        };
    }
    let Some(text) = field.text(row, columns, now) else { return false };
    match operator {
        Operator::Equal => text.eq_ignore_ascii_case(&value.text),
        Operator::NotEqual => !text.eq_ignore_ascii_case(&value.text),
        // What has no number is neither more nor less than one.
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => false,
    }
}

impl Needle {
    fn new(text: &str) -> Self {
        let exact = text.chars().any(char::is_uppercase);
        let text = if exact { text.to_owned() } else { text.to_lowercase() };
        Self { glob: glob(&text, exact), text, exact }
    }

    /// Says whether the text form of a number could have it.
    fn may_be_number(&self) -> bool {
        self.text.bytes().all(|b| b.is_ascii_digit() || b == b'/' || b == b'-')
    }

    fn is_in(&self, text: &str) -> bool {
        self.find_from(text, 0).is_some()
    }

    /// For one column: a pattern with wildcards must fit the whole value.
    fn is_all_of_or_in(&self, text: &str) -> bool {
        self.glob.as_ref().map_or_else(|| self.is_in(text), |glob| glob.is_match(text))
    }

    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(range) = self.find_from(text, from) {
            from = range.end;
            found.push(range);
        }
        found
    }

    fn find_from(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let rest = text.get(from..)?;
        let length = self.text.len();
        if length == 0 || rest.len() < length {
            return None;
        }
        let at = if self.exact {
            rest.find(&self.text)
        } else if self.text.is_ascii() {
            rest.as_bytes().windows(length).position(|w| w.eq_ignore_ascii_case(self.text.as_bytes()))
        } else {
            // A text whose lower case has another length is not found by its capitals: rare, harmless.
            rest.to_lowercase().find(&self.text).filter(|at| rest.is_char_boundary(*at))
        }?;
        let range = from + at..from + at + length;
        text.is_char_boundary(range.end).then_some(range)
    }
}

/// A pattern with wildcards as a regex over the whole text; `None` without wildcards.
fn glob(pattern: &str, exact: bool) -> Option<Regex> {
    if !pattern.contains(['*', '?']) {
        return None;
    }
    let mut source = String::from("^");
    for c in pattern.chars() {
        match c {
            '*' => source.push_str(".*"),
            '?' => source.push('.'),
            c => source.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    source.push('$');
    RegexBuilder::new(&source).case_insensitive(!exact).size_limit(REGEX_BYTES_MAX).build().ok()
}

/// A compiled pattern may take this much memory: typed ones are small, a pasted one must not hang the screen.
const REGEX_BYTES_MAX: usize = 1 << 20;

fn fuzzy(pattern: &Pattern, text: &str) -> bool {
    MATCHER.with_borrow_mut(|matcher| {
        let mut buffer = Vec::new();
        pattern.score(Utf32Str::new(text, &mut buffer), matcher).is_some()
    })
}

fn fuzzy_ranges(pattern: &Pattern, text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    MATCHER.with_borrow_mut(|matcher| {
        let mut buffer = Vec::new();
        pattern.indices(Utf32Str::new(text, &mut buffer), matcher, &mut places);
    });
    places.sort_unstable();
    places.dedup();
    let ends: Vec<(usize, char)> = text.char_indices().collect();
    let place = |at: u32| ends.get(usize::try_from(at).ok()?).map(|(start, c)| *start..start + c.len_utf8());
    // Places count graphemes; where those are not single characters, no highlight is better than a wrong one.
    if text.is_ascii() { places.into_iter().filter_map(place).collect() } else { Vec::new() }
}

fn fuzzy_pattern(text: &str) -> Pattern {
    Pattern::new(text, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy)
}
