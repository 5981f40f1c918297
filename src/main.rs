//! `qd`: parse, run, exit code; and the memory that all of it takes (ADR 11).

use std::ffi::{c_int, c_long};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3: for how many milliseconds pages that nobody uses are kept.
const PURGE_DELAY: c_int = 15;

/// A console stays open for hours with what its first seconds needed: pages go back at once.
const CONSOLE: c_long = 0;

/// The next request of a proxy needs what the last one did.
const PROXY: c_long = 1_000;

fn main() -> ExitCode {
    keep_for(CONSOLE);
    quarterdeck::cli::run::main(std::env::args_os(), || keep_for(PROXY))
}

#[expect(unsafe_code, reason = "the allocator has no other way to be told; there is no second thread yet")]
fn keep_for(milliseconds: c_long) {
    // SAFETY: an integer is stored in a table, which only the order of threads could spoil.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, milliseconds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const NAME: &str = "MIMALLOC_PURGE_DELAY";

    /// By the name that the allocator gives it: a version with other numbers does not pass.
    #[test]
    #[expect(unsafe_code, reason = "see keep_for")]
    fn the_number_is_that_of_the_delay() {
        // SAFETY: an integer is read.
        let delay = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        if std::env::var_os(NAME).is_some() {
            assert_eq!(delay, 4_711);
            return;
        }
        let mut again = Command::new(std::env::current_exe().expect("a path"));
        let again = again.env(NAME, "4711").arg("the_number_is_that_of_the_delay").output().expect("it runs");
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
    }
}
