//! A cell of a table: typed, so that it sorts by its value (`9 < 10`, `2d > 3h`).

use super::text::Text;
use super::time::{UnixSeconds, human};
use std::cmp::Ordering;

/// A typed value of one column. Its text equals what the API server's own Table prints.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Cell {
    /// No value is known; prints as nothing.
    #[default]
    Empty,
    /// Known to be absent; prints `<none>`.
    None,
    /// Known to exist, with an unknown value; prints `<unknown>`.
    Unknown,
    /// Text, already cleaned for the terminal.
    Text(Text),
    /// A count.
    Int(i64),
    /// `have/want`, as in READY.
    Ratio {
        /// The count that is there.
        have: u32,
        /// The count that is wanted.
        want: u32,
    },
    /// A moment, shown as the time since then.
    Since(UnixSeconds),
    /// Restarts and the time of the last one: `5 (2m ago)`.
    Restarts {
        /// Restarts so far.
        count: u32,
        /// Time of the last restart; `None` if it is unknown or there was none.
        last: Option<UnixSeconds>,
    },
    /// A length of time: fixed once it has ended, growing until then.
    Span {
        /// Start of the span.
        from: UnixSeconds,
        /// End of the span; `None` while it lasts.
        to: Option<UnixSeconds>,
    },
}

impl Cell {
    /// Returns a text cell, cleaned for the terminal; [`Cell::Empty`] for an empty text.
    pub fn text(text: &str) -> Self {
        match super::text::clean(text) {
            t if t.is_empty() => Self::Empty,
            t => Self::Text(Text::new(t)),
        }
    }

    /// Returns the text of the cell at `now`.
    pub fn show(&self, now: UnixSeconds) -> Text {
        match self {
            Self::Empty => Text::const_new(""),
            Self::None => Text::const_new("<none>"),
            Self::Unknown => Text::const_new("<unknown>"),
            Self::Text(t) => t.clone(),
            Self::Int(n) => compact_str::format_compact!("{n}"),
            Self::Ratio { have, want } => compact_str::format_compact!("{have}/{want}"),
            Self::Since(t) => Text::from(human(now.since(*t))),
            Self::Restarts { count, last: None } => compact_str::format_compact!("{count}"),
            Self::Restarts { count, last: Some(t) } => {
                compact_str::format_compact!("{count} ({} ago)", human(now.since(*t)))
            }
            Self::Span { from, to } => Text::from(human(to.unwrap_or(now).since(*from))),
        }
    }

    /// Returns true if the text of [`Cell::show`] depends on `now`.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::Since(_) | Self::Restarts { last: Some(_), .. } | Self::Span { to: None, .. })
    }

    /// Returns the number to compare with (`restarts>5`, `age<10m`: seconds); `None` for text that is no number and for
    /// cells without a value.
    pub fn number(&self, now: UnixSeconds) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts and seconds stay far below 2^52")]
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Ratio { have, want } => Some(if *want == 0 { 1.0 } else { f64::from(*have) / f64::from(*want) }),
            Self::Since(t) => Some(now.since(*t) as f64),
            Self::Restarts { count, .. } => Some(f64::from(*count)),
            Self::Span { from, to } => Some(to.unwrap_or(now).since(*from) as f64),
            Self::Text(t) => t.trim_end_matches('%').parse().ok(),
            Self::Empty | Self::None | Self::Unknown => None,
        }
    }

    /// Orders two cells of one column. Ages ascend: the youngest first. Cells without a value come first.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => natural(a, b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Ratio { have: a, want: b }, Self::Ratio { have: c, want: d }) => {
                let (l, r) = (u64::from(*a) * u64::from(*d), u64::from(*c) * u64::from(*b));
                l.cmp(&r).then_with(|| b.cmp(d))
            }
            (Self::Since(a), Self::Since(b)) => b.cmp(a),
            (Self::Restarts { count: a, last: x }, Self::Restarts { count: b, last: y }) => {
                a.cmp(b).then_with(|| x.cmp(y))
            }
            (Self::Span { from: a, to: x }, Self::Span { from: b, to: y }) => {
                let length = |from: &UnixSeconds, to: &Option<UnixSeconds>| to.map(|t| t.since(*from));
                // A running span is longer than any that ended; of two, the one that started first.
                match (length(a, x), length(b, y)) {
                    (Some(l), Some(r)) => l.cmp(&r),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => b.cmp(a),
                }
            }
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    /// Returns a number that orders as [`Cell::order`] does, for sorting many cells of which none is text (all texts
    /// get the same number).
    pub fn rank_key(&self) -> u128 {
        let biased = |n: i64| u128::from(n.cast_unsigned() ^ (1 << 63));
        let value = match self {
            Self::Empty | Self::None | Self::Unknown | Self::Text(_) => 0,
            Self::Int(n) => biased(*n),
            Self::Ratio { have, want } => {
                let have = u128::from(*have) << 64;
                let fraction = have.checked_div(u128::from(*want)).unwrap_or(have);
                // The fraction has 96 bits, which is exact; what is left tells 1/2 from 2/4.
                (fraction << 24) | u128::from((*want).min(0xFF_FFFF))
            }
            Self::Since(t) => biased(!t.0),
            Self::Restarts { count, last } => (u128::from(*count) << 65) | last.map_or(0, |t| biased(t.0) + 1),
            Self::Span { from, to: Some(to) } => biased(to.since(*from)),
            Self::Span { from, to: None } => (1 << 64) | biased(!from.0),
        };
        (u128::from(self.rank()) << 124) | value
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::None => 1,
            Self::Unknown => 2,
            Self::Int(_) => 3,
            Self::Ratio { .. } => 4,
            Self::Since(_) => 5,
            Self::Restarts { .. } => 6,
            Self::Span { .. } => 7,
            Self::Text(_) => 8,
        }
    }
}

/// Orders text as people do: runs of digits by their value (`node-9` before `node-10`).
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a.as_bytes(), b.as_bytes());
    loop {
        match (x.first(), y.first()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(p), Some(q)) if p.is_ascii_digit() && q.is_ascii_digit() => {
                let (n, rest_x) = digits(x);
                let (m, rest_y) = digits(y);
                match n.len().cmp(&m.len()).then_with(|| n.cmp(m)) {
                    Ordering::Equal => (x, y) = (rest_x, rest_y),
                    unequal @ (Ordering::Less | Ordering::Greater) => return unequal,
                }
            }
            (Some(p), Some(q)) if p == q => (x, y) = (x.split_at(1).1, y.split_at(1).1),
            (Some(p), Some(q)) => return p.cmp(q),
        }
    }
}

/// Splits a leading run of digits off, without its leading zeros.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    let zeros = run.iter().take_while(|c| **c == b'0').count();
    (run.split_at(zeros).1, rest)
}

/// Alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Align {
    /// Aligned left.
    #[default]
    Left,
    /// Aligned right, as numbers are.
    Right,
}

/// Column of a kind's table. Every row has NAMESPACE, NAME and CLUSTER besides.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Column {
    /// The heading, in capitals, as kubectl prints it.
    pub name: Text,
    /// 0 for columns that are always shown; above 0 for columns of wide tables only.
    pub priority: u8,
    /// Alignment of the heading and the cells.
    pub align: Align,
}

impl Column {
    /// Returns a column that is always shown, aligned left.
    pub fn new(name: &str) -> Self {
        Self { name: Text::new(name), priority: 0, align: Align::Left }
    }

    /// Returns a column of wide tables only, aligned left.
    pub fn wide(name: &str) -> Self {
        Self { priority: 1, ..Self::new(name) }
    }

    /// Returns the same column aligned right.
    #[must_use]
    pub fn right(self) -> Self {
        Self { align: Align::Right, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_sort_as_what_they_are() {
        assert_eq!(Cell::Int(9).order(&Cell::Int(10)), Ordering::Less);
        let (old, young) = (Cell::Since(UnixSeconds(0)), Cell::Since(UnixSeconds(500)));
        assert_eq!(young.order(&old), Ordering::Less);
        assert_eq!(natural("node-9", "node-10"), Ordering::Less);
        assert_eq!(natural("a", "b"), Ordering::Less);
        assert_eq!(natural("v1.9", "v1.10"), Ordering::Less);
        let half = Cell::Ratio { have: 1, want: 2 };
        assert_eq!(half.order(&Cell::Ratio { have: 2, want: 2 }), Ordering::Less);
    }

    #[test]
    fn restarts_say_when() {
        let cell = Cell::Restarts { count: 5, last: Some(UnixSeconds(100)) };
        assert_eq!(cell.show(UnixSeconds(220)), "5 (2m ago)");
    }

    fn any_cell() -> impl proptest::strategy::Strategy<Value = Cell> {
        use proptest::prelude::*;
        let time = || (-50_i64..50).prop_map(UnixSeconds);
        prop_oneof![
            Just(Cell::Empty),
            Just(Cell::None),
            Just(Cell::Unknown),
            any::<i64>().prop_map(Cell::Int),
            (0_u32..5, 0_u32..5).prop_map(|(have, want)| Cell::Ratio { have: have.min(want), want }),
            time().prop_map(Cell::Since),
            (0_u32..3, proptest::option::of(time())).prop_map(|(count, last)| Cell::Restarts { count, last }),
            (time(), proptest::option::of(time())).prop_map(|(from, to)| Cell::Span { from, to }),
        ]
    }

    proptest::proptest! {
        #[test]
        fn the_number_of_a_cell_orders_as_the_cell(a in any_cell(), b in any_cell()) {
            assert_eq!(a.rank_key().cmp(&b.rank_key()), a.order(&b));
        }

        #[test]
        fn natural_order_is_antisymmetric(a in "[a-c0-9.]{0,8}", b in "[a-c0-9.]{0,8}") {
            assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
        }
    }
}
