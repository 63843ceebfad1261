//! The end of memory: an error of one line, where Rust's own would be an abort with a backtrace, and that of the C++
//! libraries an abort with none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

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

/// From now on an abort for want of memory ends the process with exit code 1 and a line that says so. What cannot be refused
/// in words aborts in Rust and in C++; no output is left half-written by it, for each appears whole or not at all.
///
/// It may be called before `main` and before the beginnings of C++ libraries: it calls the system alone.
#[cfg(unix)]
pub(super) fn end_clearly_on_abort() {
    // SAFETY: the handler calls nothing but what a handler of signals may.
    unsafe {
        libc::signal(libc::SIGABRT, on_abort as *const () as libc::sighandler_t);
    }
}

/// The same for the null that some code of libtorch uses without looking. For the beginning of `main`: Rust's own handler,
/// which tells of a stack that is full, stays behind this one and must be there already.
pub(crate) fn end_clearly_without_memory() {
    #[cfg(unix)]
    // SAFETY: as above, and both structures are filled by the system or whole as zeros.
    unsafe {
        end_clearly_on_abort();
        let mut before: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGSEGV, std::ptr::null(), &raw mut before);
        // A second thread could only store the same.
        BEFORE.store(Box::into_raw(Box::new(before)), Ordering::Release);
        let mut ours = before;
        ours.sa_sigaction = on_fault as *const () as libc::sighandler_t;
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &raw const ours, std::ptr::null_mut());
    }
}

/// What handled faults before; never freed.
#[cfg(unix)]
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(std::ptr::null_mut());

/// An end is put down to memory where the system refuses this much of it. Refusals of the C++ libraries do not pass through
/// [`Allocator`]; the largest thing that they ask for are the weights, about 100 MB.
#[cfg(unix)]
const AMPLE: usize = 256 << 20;

#[cfg(unix)]
fn memory_is_refused() -> bool {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let map = |bytes| {
        // SAFETY: a new mapping that nothing reads touches no memory of this program; it is a plain system call.
        unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) }
    };
    REFUSED.load(Ordering::Relaxed) > 0 || map(AMPLE) == libc::MAP_FAILED
}

/// For handlers of signals: says what is missing and ends the process.
#[cfg(unix)]
fn end_without_memory() -> ! {
    const MESSAGE: &[u8] = b"error: the system gives this program no more memory\n\
        hint: close other programs, give fewer `--threads`, or raise the limit that `ulimit -v` shows\n";
    // SAFETY: `write` and `_exit` may be called in a handler.
    unsafe {
        libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
        libc::_exit(1)
    }
}

#[cfg(unix)]
extern "C" fn on_abort(_: libc::c_int) {
    if memory_is_refused() {
        end_without_memory();
    }
    // SAFETY: both may be called in a handler.
    unsafe {
        libc::signal(libc::SIGABRT, libc::SIG_DFL);
        libc::raise(libc::SIGABRT);
    }
}

#[cfg(unix)]
extern "C" fn on_fault(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    if memory_is_refused() {
        end_without_memory();
    }
    // The same instruction then faults again, before the handler that was there.
    // SAFETY: `sigaction` may be called in a handler; what is stored there is whole and never freed.
    unsafe {
        libc::sigaction(libc::SIGSEGV, BEFORE.load(Ordering::Acquire), std::ptr::null_mut());
    }
}
