//! The beginning and the end of the process.

use std::io::Write;

/// Looks before libtorch is loaded: its oneMKL asks for the current folder while the system loads it, which is before
/// `main`, and without an answer ends the process with "Intel oneMKL FATAL ERROR". What stands in this section of an
/// executable is called before any library's own beginnings.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".preinit_array")]
static BEFORE_LIBRARIES: extern "C" fn() = before_libraries;

#[cfg(target_os = "linux")]
extern "C" fn before_libraries() {
    super::memory::end_clearly_on_abort();
    check_current_folder();
}

#[cfg(target_os = "linux")]
fn check_current_folder() {
    const GONE: &[u8] = b"error: the current folder is gone, moved or removed since this shell went there: \
        `cd` to one that is there, perhaps to the same path again\n";
    const LONG: &[u8] =
        b"error: the path of the current folder is longer than 4096 bytes, which libtorch does not take: \
        `cd` to a folder above it\n";
    let mut path = [0_u8; 4096];
    // SAFETY: this early nothing of Rust's own may be used, and nothing is: calls to the system alone, with memory of ours.
    unsafe {
        let answer = libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len());
        let message = match (answer, *libc::__errno_location()) {
            (-1, libc::ENOENT) => GONE,
            (-1, libc::ERANGE | libc::ENAMETOOLONG) => LONG,
            _ => return,
        };
        libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len());
        libc::_exit(1)
    }
}

/// Ends the process with this code, without the destructors of libtorch's globals: taking its thousands of operators
/// out of their tables one by one takes as long as classifying a photo, and the system takes all of it back anyway.
///
/// For the last line of a program: values that are still alive are not dropped. Standard output is flushed.
pub(crate) fn exit_without_destructors(code: u8) -> ! {
    // A reader who has gone has been told of already.
    let _ = std::io::stdout().flush();
    #[cfg(unix)]
    // SAFETY: it does not return, takes a number, and touches nothing of this program.
    unsafe {
        libc::_exit(i32::from(code))
    }
    #[cfg(not(unix))]
    #[expect(clippy::exit, reason = "this is the end of the program")]
    std::process::exit(i32::from(code))
}
