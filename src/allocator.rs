//! The global allocator: mimalloc 3 (ADR 11).

use libmimalloc_sys as mi;
use std::alloc::{GlobalAlloc, Layout};
use std::ffi::{c_int, c_long};

/// `mi_option_purge_delay`: time in milliseconds for which unused pages are kept.
const PURGE_DELAY: c_int = 15;

/// Alignment that every piece at least as large has without a request, as with any `malloc`.
const NATURAL: usize = 16;

/// Requests an alignment only where pieces do not have it already. With a requested alignment, this version of mimalloc
/// takes a larger piece for all sizes that are no power of two, and moves within it: the binding of the `mimalloc`
/// crate always requests it.
#[derive(Debug)]
pub(crate) struct Allocator;

fn is_natural(size: usize, alignment: usize) -> bool {
    alignment <= NATURAL && alignment <= size
}

#[expect(unsafe_code, reason = "an allocator is made of nothing else")]
// SAFETY: every piece is mimalloc's own, of the size that was asked for; `is_natural` says where its alignment is right.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, alignment) = (layout.size(), layout.align());
        // SAFETY: sizes of any kind are taken; a layout's alignment is a power of two.
        unsafe {
            if is_natural(size, alignment) { mi::mi_malloc(size) } else { mi::mi_malloc_aligned(size, alignment) }
        }
        .cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, alignment) = (layout.size(), layout.align());
        // SAFETY: as above.
        unsafe {
            if is_natural(size, alignment) { mi::mi_zalloc(size) } else { mi::mi_zalloc_aligned(size, alignment) }
        }
        .cast()
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, _: Layout) {
        // SAFETY: it is one of the above, however it was aligned.
        unsafe { mi::mi_free(piece.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (piece, alignment) = (piece.cast(), layout.align());
        // SAFETY: as above; what is in it moves along.
        unsafe {
            if is_natural(size, alignment) {
                mi::mi_realloc(piece, size)
            } else {
                mi::mi_realloc_aligned(piece, size, alignment)
            }
        }
        .cast()
    }
}

/// Sets the time in milliseconds for which unused pages are kept. Must be called before a second thread starts.
#[expect(unsafe_code, reason = "the allocator has no other way to be told")]
pub(crate) fn keep_for(milliseconds: c_long) {
    // SAFETY: an integer is stored in a table, which only the order of threads could spoil.
    unsafe { mi::mi_option_set(PURGE_DELAY, milliseconds) }
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
        let delay = unsafe { mi::mi_option_get(PURGE_DELAY) };
        if std::env::var_os(NAME).is_some() {
            assert_eq!(delay, 4_711);
            return;
        }
        let mut again = Command::new(std::env::current_exe().expect("a path"));
        let again = again.env(NAME, "4711").arg("the_number_is_that_of_the_delay").output().expect("it runs");
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
    }

    #[test]
    #[expect(unsafe_code, reason = "the allocator is asked as a program asks it")]
    fn every_piece_has_its_alignment_and_keeps_what_is_in_it() {
        for alignment in [1, 2, 4, 8, 16, 32, 64, 128, 4096] {
            let mut held = Vec::new();
            for size in (1..200).chain([1_000, 1_025, 1_100, 5_000, 70_001, 3_000_000]) {
                let layout = Layout::from_size_align(size, alignment).expect("a layout");
                // SAFETY: each piece is used within its size, and given back once with its last layout.
                unsafe {
                    let piece = Allocator.alloc(layout);
                    assert!(!piece.is_null() && piece.addr().is_multiple_of(alignment), "{size} {alignment}");
                    piece.write_bytes(7, size);
                    let piece = Allocator.realloc(piece, layout, size * 2 + 1);
                    assert!(piece.addr().is_multiple_of(alignment), "{size} {alignment}");
                    assert_eq!((piece.read(), piece.add(size - 1).read()), (7, 7));
                    let zeroed = Allocator.alloc_zeroed(layout);
                    assert!(zeroed.addr().is_multiple_of(alignment) && zeroed.read() == 0, "{size} {alignment}");
                    held.push((piece, Layout::from_size_align(size * 2 + 1, alignment).expect("a layout")));
                    held.push((zeroed, layout));
                }
            }
            for (piece, layout) in held {
                // SAFETY: as above.
                unsafe { Allocator.dealloc(piece, layout) }
            }
        }
    }
}
