//! A folder on a disk of this very machine, for what can be computed again and is not safe on a network file system.

use std::path::{Path, PathBuf};

use super::check_writable;
use super::mounts::{Medium, medium};

/// Where a scheduler and the system say that a job may leave what it can do without.
const NAMED_BY: [&str; 2] = ["SLURM_TMPDIR", "TMPDIR"];

/// A disk needs as much room to be used: features of 100,000 photos.
const ROOM: u64 = 1 << 30;

/// Files in memory count as memory of the job, so that there has to be plenty.
const ROOM_IN_MEMORY: u64 = 8 << 30;

/// The user's own folder on a disk of this machine, which is made: in `SLURM_TMPDIR`, `TMPDIR` or `/tmp`, the first that is no
/// network file system, may be written to and has room. `None` where there is no such place.
pub(crate) fn node_folder() -> Option<PathBuf> {
    let named = NAMED_BY.into_iter().filter_map(std::env::var_os).filter(|folder| !folder.is_empty());
    first_of(named.map(PathBuf::from).chain([PathBuf::from("/tmp")]), medium)
}

fn first_of(places: impl Iterator<Item = PathBuf>, medium: fn(&Path) -> Medium) -> Option<PathBuf> {
    let has_room = |place: &PathBuf| match medium(place) {
        Medium::Disk => free_bytes(place) >= ROOM,
        Medium::Memory => free_bytes(place) >= ROOM_IN_MEMORY,
        Medium::Network(_) => false,
    };
    places.filter(|place| has_room(place)).find_map(|place| own_folder(&place))
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> u64 {
    crate::ffi::system::free_bytes(folder).unwrap_or(0)
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> u64 {
    0
}

/// The folder of this user in a place where all users may make folders; one that another user has made, that others may look
/// into, or that is a link is none.
#[cfg(unix)]
fn own_folder(place: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let user = crate::ffi::system::user();
    let folder = place.join(format!("resnet-binary-{user}"));
    // Where it is there already, or cannot be made, what follows says so.
    let _ = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    let found = folder.symlink_metadata().ok()?;
    // Its lowest six bits are the rights of others.
    let is_own = found.is_dir() && found.uid() == user && found.mode().trailing_zeros() >= 6;
    (is_own && check_writable(&folder.join("features")).is_ok()).then_some(folder)
}

#[cfg(not(unix))]
fn own_folder(_: &Path) -> Option<PathBuf> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_folder_is_the_users_alone_and_no_other_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let folder = own_folder(place.path()).unwrap();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(own_folder(place.path()), Some(folder.clone()));
        // Where others may look into it.
        let set_mode = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        set_mode(0o755);
        assert_eq!(own_folder(place.path()), None);
        set_mode(0o700);
        // A link to a folder of this user's, which another user may have made.
        let aside = place.path().join("aside");
        super::super::rename(&folder, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, &folder).unwrap();
        assert_eq!(own_folder(place.path()), None);
        super::super::remove(&folder).unwrap();
        // Of another user: only the system's administrator can make one.
        super::super::rename(&aside, &folder).unwrap();
        if std::os::unix::fs::chown(&folder, Some(12345), None).is_ok() {
            assert_eq!(own_folder(place.path()), None);
        }
    }

    #[test]
    fn the_first_place_on_a_disk_that_is_there_is_taken() {
        let places = ["net", "disk", "later"].map(|_| tempfile::tempdir().unwrap());
        let [net, disk, later] = places.each_ref().map(|place| place.path().to_path_buf());
        let absent = later.join("absent");
        let kinds: fn(&Path) -> Medium = |_| Medium::Disk;
        let chosen = first_of([absent, disk.clone(), later.clone()].into_iter(), kinds);
        assert_eq!(chosen.as_deref().and_then(Path::parent), Some(disk.as_path()));
        assert!(!later.join(chosen.unwrap().file_name().unwrap()).exists());
        let network: fn(&Path) -> Medium = |_| Medium::Network("nfs4".to_owned());
        assert_eq!(first_of([net, disk].into_iter(), network), None);
    }
}
