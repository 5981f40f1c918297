//! So many lines a second, however many requests fail: an outage must not fill the disk with one sentence.

use parking_lot::Mutex;

/// Lines in one second.
const LINES_MAX: u32 = 10;

/// Counts the lines of the current second.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Second>);

#[derive(Debug, Default)]
struct Second {
    at: i64,
    lines: u32,
    left_out: u64,
}

impl Pace {
    /// Returns the number of lines left out before this one; `None` if this line is left out, too. `now` is in
    /// seconds.
    pub(super) fn line(&self, now: i64) -> Option<u64> {
        let mut counted = self.0.lock();
        if counted.at != now {
            counted.at = now;
            counted.lines = 0;
        }
        if counted.lines >= LINES_MAX {
            counted.left_out += 1;
            return None;
        }
        counted.lines += 1;
        Some(std::mem::take(&mut counted.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_with_the_next_line() {
        let pace = Pace::default();
        let said = |now| (0..25).filter_map(|_| pace.line(now)).collect::<Vec<_>>();
        assert_eq!(said(7), [0; 10]);
        assert_eq!(said(8), [15, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(pace.line(9), Some(15));
    }
}
