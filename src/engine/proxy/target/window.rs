//! Weekly windows in UTC.

use crate::engine::proxy::config::Window;
use crate::model::time::UnixSeconds;

const DAY: i64 = 24 * 60;

/// Returns true if the window is open at that time. A window that does not end after its beginning ends the next day.
pub fn holds(window: &Window, now: UnixSeconds) -> bool {
    let minutes = now.0.div_euclid(60);
    let (day, minute) = (minutes.div_euclid(DAY), minutes.rem_euclid(DAY));
    let (from, to) = (i64::from(window.from), i64::from(window.to));
    let begins = |day: i64| {
        // The first of 1970 was a Thursday.
        u32::try_from((day + 3).rem_euclid(7)).is_ok_and(|weekday| window.days & (1 << weekday) != 0)
    };
    if from < to {
        begins(day) && (from..to).contains(&minute)
    } else {
        (begins(day) && minute >= from) || (begins(day - 1) && minute < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixSeconds {
        UnixSeconds::parse(text).expect("a time")
    }

    #[test]
    fn days_and_minutes_count_in_utc() {
        // Saturdays, 22:00 to 04:30 of Sunday.
        let night = Window { days: 1 << 5, from: 22 * 60, to: 4 * 60 + 30 };
        for (time, open) in [
            ("2026-11-21T21:59:59Z", false),
            ("2026-11-21T22:00:00Z", true),
            ("2026-11-22T04:29:59Z", true),
            ("2026-11-22T04:30:00Z", false),
            ("2026-11-22T22:00:00Z", false),
            ("2026-11-21T03:00:00Z", false),
            ("1969-12-27T23:00:00Z", true),
        ] {
            assert_eq!(holds(&night, at(time)), open, "{time}");
        }
        let office = Window { days: 0b1_1111, from: 9 * 60, to: 17 * 60 };
        assert!(holds(&office, at("2026-11-20T16:59:00Z")));
        assert!(!holds(&office, at("2026-11-20T17:00:00Z")));
        assert!(!holds(&office, at("2026-11-21T12:00:00Z")));
    }

    #[test]
    fn the_same_minute_twice_is_a_whole_day() {
        let monday = Window { days: 1, from: 60, to: 60 };
        assert!(holds(&monday, at("2026-11-23T01:00:00Z")));
        assert!(holds(&monday, at("2026-11-24T00:59:00Z")));
        assert!(!holds(&monday, at("2026-11-24T01:00:00Z")));
    }
}
