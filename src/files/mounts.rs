//! Whether a folder is on another machine: what needs shared memory between processes, as the cache's journal does, is not
//! safe there.

use std::path::{Path, PathBuf};

/// File systems of the network by the names that Linux gives them.
const OF_THE_NETWORK: [&str; 20] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "lustre",
    "beegfs",
    "gpfs",
    "ceph",
    "afs",
    "9p",
    "panfs",
    "pvfs2",
    "gfs2",
    "ocfs2",
    "wekafs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.gcsfuse",
];

/// File systems that are memory.
const OF_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// Where files of a folder are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Medium {
    Disk,
    Memory,
    Network(String),
}

/// The kind of the network file system that a folder is on, which need not be there yet; `None` on a disk of this machine,
/// and where the system does not say.
pub(crate) fn network_file_system(folder: &Path) -> Option<String> {
    match medium(folder) {
        Medium::Network(kind) => Some(kind),
        Medium::Disk | Medium::Memory => None,
    }
}

/// Where files of a folder are kept; a disk where the system does not say.
pub(super) fn medium(folder: &Path) -> Medium {
    let kind = || {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
        let absolute = std::path::absolute(folder).ok()?;
        let existing = absolute.ancestors().find_map(|ancestor| ancestor.canonicalize().ok())?;
        kind_of(&mounts, &existing)
    };
    match kind() {
        Some(kind) if OF_THE_NETWORK.contains(&kind.as_str()) => Medium::Network(kind),
        Some(kind) if OF_MEMORY.contains(&kind.as_str()) => Medium::Memory,
        _ => Medium::Disk,
    }
}

/// The file system of the mount that a path is in: the longest of those above it, and of two at one place the later, which
/// hides the other (proc(5): the place is the fifth field, the kind the first after the dash).
fn kind_of(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (fields, rest) = line.split_once(" - ")?;
        let place = PathBuf::from(unescaped(fields.split(' ').nth(4)?));
        Some((place, rest.split(' ').next()?.to_owned()))
    };
    let above = mounts.lines().filter_map(mount).filter(|(place, _)| path.starts_with(place));
    above.max_by_key(|(place, _)| place.components().count()).map(|(_, kind)| kind)
}

/// A blank stands as `\040`, and so do a tab, a newline and a backslash.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 24 0:40 / /home rw - nfs4 server:/home rw
31 30 0:41 / /home/me/local\\040disk rw - xfs /dev/sdb rw
32 24 0:42 / /scratch rw master:3 shared:9 - lustre 10.0.0.1@tcp:/fs rw
33 32 0:43 / /scratch rw - tmpfs tmpfs rw
";

    #[test]
    fn a_folder_is_on_the_longest_and_latest_mount_above_it() {
        for (path, kind) in [
            ("/tmp/x", "ext4"),
            ("/home/me/.cache", "nfs4"),
            ("/home/me/local disk/cache", "xfs"),
            ("/homes", "ext4"),
            ("/scratch/a", "tmpfs"),
        ] {
            assert_eq!(kind_of(MOUNTS, Path::new(path)).as_deref(), Some(kind), "{path}");
        }
        assert_eq!(kind_of("", Path::new("/")), None);
        assert_eq!(kind_of("nonsense\n - \n", Path::new("/")), None);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_on_the_disk_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(network_file_system(folder.path()), network_file_system(&folder.path().join("a/b")));
    }
}
