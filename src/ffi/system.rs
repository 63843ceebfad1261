//! What the system knows of the user and of disks.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The number of the user whose rights the process has.
pub(crate) fn user() -> u32 {
    // SAFETY: it takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

/// The bytes that this user may still write to the file system of a folder; `None` where the system does not say.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = CString::new(folder.as_os_str().as_bytes()).ok()?;
    // SAFETY: plain numbers, for which all zeros is a value; the call reads a string that ends in NUL and fills them.
    let (answer, facts) = unsafe {
        let mut facts: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(folder.as_ptr(), &raw mut facts), facts)
    };
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "its numbers are narrower on some systems")]
    (answer == 0).then(|| (facts.f_bavail as u64).saturating_mul(facts.f_frsize as u64))
}
