//! The limit of open sockets of the process: each watch holds one (trap 11).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for hundreds of clusters, and within the hard limit of the usual systems.
const WANTED: u64 = 10_240;

/// Raises the limit of open files as far as wanted and allowed, and returns the limit afterwards; `None` is unlimited.
/// Call it once, at the start.
pub fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(&limit) else {
        return limit.current;
    };
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }) {
        Ok(()) => Some(raised),
        Err(_) => limit.current,
    }
}

/// The limit to set; `None` if it would not be higher than the present one.
fn raised(limit: &Rlimit) -> Option<u64> {
    let current = limit.current?;
    let possible = limit.maximum.unwrap_or(u64::MAX).min(WANTED);
    (possible > current).then_some(possible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_only_ever_raised_and_never_past_what_is_allowed() {
        let check = |current, maximum, expect| assert_eq!(raised(&Rlimit { current, maximum }), expect);
        check(Some(256), None, Some(WANTED));
        check(Some(1024), Some(4096), Some(4096));
        check(Some(4096), Some(4096), None);
        check(Some(1_000_000), None, None);
        check(None, None, None);
    }

    #[test]
    fn raising_it_works_here() {
        assert!(raise_limit().is_none_or(|limit| limit >= 256));
    }
}
