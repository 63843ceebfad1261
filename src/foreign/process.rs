//! The end of the process.

use std::io::Write;

/// Ends the process with this code, without the destructors of libtorch's globals: taking its thousands of operators
/// out of their tables one by one takes as long as classifying a photo, and the system takes all of it back anyway.
///
/// For the last line of a program: values that are still alive are not dropped. Standard output is flushed.
pub fn leave(code: u8) -> ! {
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
