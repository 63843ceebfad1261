//! Members of tar archives, read where they lie: `shard.tar/cat/1.jpg` is the member `cat/1.jpg` of the file `shard.tar`.
//!
//! Promises: nothing is unpacked or written; the headers of an archive are read once, and what they say is held to what the
//! file has, so that no member is longer than it. A member under a name that leads out of the archive, a link or a file with
//! holes has no content here, and the reason in its place.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tar::EntryType;

use super::open::open;
use super::{FileError, fingerprint};

/// What stands before a member's content, names of any length and other facts: more is no archive of photos.
const MAX_HEADERS: u64 = 1 << 20;

/// What is in an archive.
#[derive(Debug)]
pub(crate) struct Tar {
    fingerprint: String,
    /// By name: of several of one name the last counts, as where it is unpacked.
    members: BTreeMap<OsString, Member>,
}

/// Where the content of a member is, or why there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    start: u64,
    bytes: u64,
    flaw: Option<&'static str>,
}

/// Whether a path is that of a tar archive, by its name.
pub(crate) fn is_tar(path: &Path) -> bool {
    is_called_tar(path) && path.is_file()
}

fn is_called_tar(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

/// The members of an archive.
///
/// # Errors
/// [`FileError`] if it cannot be read, is cut off, or is none.
pub(crate) fn tar(path: &Path) -> Result<Arc<Tar>, FileError> {
    static READ: Mutex<Option<HashMap<PathBuf, Arc<Tar>>>> = Mutex::new(None);
    let read = || READ.lock().unwrap_or_else(PoisonError::into_inner);
    let fingerprint = fingerprint(path)?;
    let known = read().as_ref().and_then(|all| all.get(path).cloned());
    if let Some(known) = known.filter(|known| known.fingerprint == fingerprint) {
        return Ok(known);
    }
    let file = open(path)?;
    let members = members(&file).map_err(|error| FileError::new("read the archive", path, error))?;
    let tar = Arc::new(Tar { fingerprint, members });
    read().get_or_insert_default().insert(path.to_path_buf(), Arc::clone(&tar));
    Ok(tar)
}

impl Tar {
    /// The names of all members, as paths within the archive, in the order of their bytes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Path> {
        self.members.keys().map(Path::new)
    }
}

/// The content of the member that a path leads to, with its length; `None` where the path leads into no archive.
pub(super) fn content(path: &Path) -> Option<Result<(io::Take<File>, u64), FileError>> {
    let archive = path.ancestors().skip(1).find(|above| above.is_file()).filter(|above| is_called_tar(above))?;
    let name: PathBuf = path.strip_prefix(archive).ok()?.components().collect();
    let fail = |error| FileError::new("read", path, error);
    let content = || {
        let tar = tar(archive)?;
        let not_there = || fail(io::Error::other("the archive has no such member"));
        let member = tar.members.get(name.as_os_str()).ok_or_else(not_there)?;
        if let Some(flaw) = member.flaw {
            return Err(fail(io::Error::other(flaw)));
        }
        let mut file = open(archive)?;
        file.seek(SeekFrom::Start(member.start)).map_err(fail)?;
        Ok((file.take(member.bytes), member.bytes))
    };
    Some(content())
}

fn members(file: &File) -> io::Result<BTreeMap<OsString, Member>> {
    let length = file.metadata()?.len();
    let mut archive = tar::Archive::new(Headers { file, left: MAX_HEADERS });
    let mut members = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        let name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        // Archives of before 1988 have folders as files whose name ends so.
        if name.ends_with(b"/") || matches!(kind, EntryType::Directory | EntryType::XGlobalHeader) {
            continue;
        }
        let has_holes = kind.is_gnu_sparse() || says_holes(&mut entry)?;
        let (name, leads_out) = inner_name(&name);
        let flaw = match kind {
            _ if leads_out => Some("its name leads out of the archive"),
            _ if has_holes => Some("it is stored with holes: make the archive without `--sparse`"),
            EntryType::Regular | EntryType::Continuous => None,
            EntryType::Link | EntryType::Symlink => {
                Some("it is a link in the archive: make that with `--dereference --hard-dereference`")
            }
            _ => Some("it is not a regular file"),
        };
        let (start, bytes) = (entry.raw_file_position(), entry.size());
        if flaw.is_none() && start.checked_add(bytes).is_none_or(|end| end > length) {
            let name = Path::new(&name).display();
            let reason =
                format!("it is cut off: its member `{name}` has {bytes} bytes from {start} on, and the file {length}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        members.insert(name, Member { start, bytes, flaw });
    }
    Ok(members)
}

/// Whether the extended header of a member says that it is stored with holes.
fn says_holes(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<bool> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(false) };
    Ok(extensions.flatten().any(|extension| extension.key_bytes().starts_with(b"GNU.sparse.")))
}

/// A name as a path within the archive, and whether it leads out of it: what is absolute is meant from its top, as tar itself
/// takes it.
fn inner_name(bytes: &[u8]) -> (OsString, bool) {
    let path = path_of(bytes);
    let leads_out = path.components().any(|part| matches!(part, Component::ParentDir | Component::Prefix(_)));
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir | Component::RootDir));
    (parts.collect::<PathBuf>().into_os_string(), leads_out)
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// An archive that is read in headers, with a seek before each to where it begins: what says that its name has a terabyte is not
/// read into memory.
struct Headers<'a> {
    file: &'a File,
    left: u64,
}

impl Read for Headers<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let too_long = || io::Error::other("the name of a member, or what else stands before it, is too long");
        self.left = self.left.checked_sub(count as u64).ok_or_else(too_long)?;
        Ok(count)
    }
}

impl Seek for Headers<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.left = MAX_HEADERS;
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::files::{read, write};

    fn packed() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        let long = format!("{}1.jpg", "long/".repeat(50));
        for (name, content) in [(long.as_str(), &b"first"[..]), ("2.jpg", &[7; 700]), ("2.cls", b"")] {
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content).unwrap();
        }
        archive.append_pax_extensions([("path", &b"pax/3.jpg"[..])]).unwrap();
        archive.append_data(&mut header, "3.jpg", &b""[..]).unwrap();
        archive.into_inner().unwrap()
    }

    #[test]
    fn whatever_bytes_of_an_archive_are_damaged_no_member_is_longer_than_it() {
        let mut file = tempfile::tempfile().unwrap();
        let good = packed();
        let cut = (0..good.len()).step_by(41).map(|length| good[..length].to_vec());
        let flipped = (0..good.len()).flat_map(|at| [0x01, 0x80, 0xFF].map(|bits| (at, bits))).map(|(at, bits)| {
            let mut bytes = good.clone();
            bytes[at] ^= bits;
            bytes
        });
        let (mut whole, mut refused) = (0, 0);
        for bytes in cut.chain(flipped) {
            file.set_len(0).unwrap();
            file.rewind().unwrap();
            file.write_all(&bytes).unwrap();
            file.rewind().unwrap();
            match members(&file) {
                Ok(members) => {
                    whole += 1;
                    for member in members.values().filter(|member| member.flaw.is_none()) {
                        assert!(member.start + member.bytes <= bytes.len() as u64);
                    }
                }
                Err(_) => refused += 1,
            }
        }
        assert!(whole > 100 && refused > 1000, "{whole} {refused}");
    }

    #[test]
    fn an_archive_that_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        write(&path, |file| file.write_all(&packed())).unwrap();
        assert_eq!(tar(&path).unwrap().names().count(), 4);
        assert_eq!(read(&path.join("2.jpg"), 1000).unwrap(), [7; 700]);
        assert_eq!(read(&path.join("pax/3.jpg"), 1000).unwrap(), b"");
        assert!(read(&path.join("3.jpg"), 1000).is_err() && read(&path.join("2.jpg"), 699).is_err());
        write(&path, |file| file.write_all(&[0; 1024])).unwrap();
        assert_eq!(tar(&path).unwrap().names().count(), 0);
    }
}
