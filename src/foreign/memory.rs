//! The end of memory: an error of one line, where Rust's own would be an abort with a backtrace.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, which remembers that it was refused memory.
#[derive(Debug)]
pub struct Allocator;

/// How many bytes the system refused last.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

fn noted(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() {
        REFUSED.store(size, Ordering::Relaxed);
    }
    pointer
}

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        noted(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        noted(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        noted(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// From now on an abort after memory was refused ends the process with exit code 1 and a line that says so. What cannot be
/// refused in words aborts in Rust; no output is left half-written by it, for each appears whole or not at all.
pub fn end_clearly_without_memory() {
    #[cfg(unix)]
    // SAFETY: the handler calls nothing but what a handler of signals may.
    unsafe {
        libc::signal(libc::SIGABRT, on_abort as *const () as libc::sighandler_t);
    }
}

#[cfg(unix)]
extern "C" fn on_abort(_: libc::c_int) {
    const MESSAGE: &[u8] = b"error: the system gives this program no more memory\n\
        hint: close other programs, give fewer `--threads`, or raise the limit that `ulimit -v` shows\n";
    // SAFETY: `write`, `_exit`, `signal` and `raise` may be called in a handler.
    unsafe {
        if REFUSED.load(Ordering::Relaxed) > 0 {
            libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
            libc::_exit(1)
        }
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        libc::raise(libc::SIGABRT);
    }
}
