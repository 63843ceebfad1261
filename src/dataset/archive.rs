//! Detection of archives that are given in place of their unpacked folder.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::DatasetError;
use crate::files::{self, shell_word};

/// The number of bytes read: up to the end of the magic number of a tar header.
const HEAD: u64 = 262;

/// Extensions of spreadsheets and documents, which are ZIP files too.
const DOCUMENTS: [&str; 6] = ["xlsx", "xlsm", "ods", "numbers", "docx", "odt"];

/// A kind of archive: its name in a message, its file extensions, and the command that unpacks a file into a folder.
struct Kind {
    name: &'static str,
    endings: &'static [&'static str],
    command: fn(&str, &str) -> String,
}

const ZIP: Kind =
    Kind { name: "a ZIP archive", endings: &[".zip"], command: |file, folder| format!("unzip {file} -d {folder}") };
const SEVEN: Kind =
    Kind { name: "a 7z archive", endings: &[".7z"], command: |file, folder| format!("7z x {file} -o{folder}") };
const RAR: Kind =
    Kind { name: "a RAR archive", endings: &[".rar"], command: |file, folder| format!("unrar x {file} {folder}/") };
const TAR: Kind = Kind {
    name: "a tar archive",
    endings: &[".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst"],
    command: |file, folder| format!("mkdir -p {folder} && tar -xf {file} -C {folder}"),
};

/// Returns `DatasetError::Archive` with the command that unpacks the file, if the file is an archive.
pub(super) fn refusal(path: &Path) -> Option<DatasetError> {
    let mut head = Vec::new();
    files::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    let kind = kind(path, &head)?;
    let name = path.file_name()?.to_string_lossy();
    let stem = kind.endings.iter().find_map(|ending| {
        let stem = name.get(..name.len().checked_sub(ending.len())?)?;
        (!stem.is_empty() && name.to_ascii_lowercase().ends_with(ending)).then_some(stem)
    });
    // A name without a known extension gets a suffix, because the folder cannot have the file's own name.
    let folder: PathBuf = path.with_file_name(stem.map_or_else(|| format!("{name}-unpacked"), str::to_owned));
    let command = (kind.command)(&shell_word(&path.to_string_lossy()), &shell_word(&folder.to_string_lossy()));
    Some(DatasetError::Archive { path: path.to_path_buf(), kind: kind.name, command, folder })
}

fn kind(path: &Path, head: &[u8]) -> Option<Kind> {
    let has_ending = |endings: &[&str]| {
        let name = path.to_string_lossy().to_ascii_lowercase();
        endings.iter().any(|ending| name.ends_with(ending))
    };
    let is_compressed =
        || [&b"\x1F\x8B"[..], b"BZh", b"\xFD7zXZ\0", b"\x28\xB5\x2F\xFD"].iter().any(|mark| head.starts_with(mark));
    match head {
        [b'P', b'K', 3, 4, ..] if !has_ending(&DOCUMENTS) => Some(ZIP),
        [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..] => Some(SEVEN),
        [b'R', b'a', b'r', b'!', ..] => Some(RAR),
        _ if head.get(257..262) == Some(b"ustar") || is_compressed() && has_ending(TAR.endings) => Some(TAR),
        _ => None,
    }
}
