//! What `predict` is asked about: files, folders, tar archives and lists, one after the other, opened only when their turn comes.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::dataset;
use crate::features::Inputs;
use crate::files::{self, FileError, WalkRoot};
use crate::pixels;
use crate::shards::{Shard, path_bytes};

/// One thing to classify.
pub enum Argument {
    /// A photo, or a folder or tar archive whose photos are taken in order of their paths.
    Path(PathBuf),
    /// A list of photos that may still be growing.
    List(Box<dyn Inputs>),
}

/// All arguments of one call, as one stream of photos.
pub struct Arguments {
    waiting: VecDeque<Argument>,
    current: Option<Folder>,
    no_photos: usize,
}

impl<P: Into<PathBuf>> FromIterator<P> for Arguments {
    fn from_iter<I: IntoIterator<Item = P>>(paths: I) -> Self {
        Self::new(paths.into_iter().map(|path| Argument::Path(path.into())).collect())
    }
}

impl Arguments {
    /// In the order given.
    pub(crate) fn new(arguments: Vec<Argument>) -> Self {
        Self { waiting: arguments.into(), current: None, no_photos: 0 }
    }

    /// The paths that were given, as they were given.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.waiting.iter().filter_map(|argument| match argument {
            Argument::Path(path) => Some(path.as_path()),
            Argument::List(_) => None,
        })
    }

    /// Reads what is in the archives.
    ///
    /// # Errors
    /// [`FileError`] of the first that cannot be read whole.
    pub(crate) fn check_archives(&self) -> Result<(), FileError> {
        self.paths().filter(|path| files::is_tar(path)).try_for_each(|path| files::tar(path).map(drop))
    }

    /// How many files of the folders so far are not photos and were ignored.
    pub(crate) fn no_photos(&self) -> usize {
        self.no_photos
    }

    /// How many photos there are, if that is known without looking: no folder and no growing list among them.
    pub(crate) fn count(&self) -> Option<usize> {
        let count = |argument: &Argument| match argument {
            Argument::Path(path) => (!path.is_dir() && !files::is_tar(path)).then_some(1),
            Argument::List(list) => list.left(),
        };
        self.waiting.iter().map(count).sum()
    }

    /// Whether nothing at all is a fine answer: a list may be empty, as the part of it that one of many machines gets.
    pub(super) fn may_be_empty(&self) -> bool {
        self.waiting.iter().any(|argument| matches!(argument, Argument::List(_)))
    }

    /// The photos of a shard of all of these, which are looked for at once and sorted by the bytes of their paths.
    #[must_use]
    pub(crate) fn shard(mut self, shard: Shard) -> Self {
        let mut all = Vec::new();
        loop {
            let more = self.next(CHUNK);
            if more.is_empty() {
                break;
            }
            all.extend(more);
        }
        all.sort_unstable_by(|a, b| path_bytes(a).cmp(path_bytes(b)));
        let list = Known(shard.take(all).into_iter());
        Self { waiting: VecDeque::from([Argument::List(Box::new(list))]), ..self }
    }
}

/// Photos that are looked for at once.
const CHUNK: usize = 1024;

/// A list that is whole.
struct Known(std::vec::IntoIter<PathBuf>);

impl Inputs for Known {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        self.0.by_ref().take(at_most).collect()
    }

    fn left(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

impl Inputs for Arguments {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        let mut photos = Vec::with_capacity(at_most);
        while photos.len() < at_most {
            if let Some(current) = &mut self.current {
                let more = current.next(at_most - photos.len());
                if more.is_empty() {
                    self.no_photos += current.no_photos;
                    self.current = None;
                }
                photos.extend(more);
                continue;
            }
            match self.waiting.pop_front() {
                Some(Argument::Path(path)) if path.is_dir() => self.current = Some(Folder::open(&path)),
                Some(Argument::Path(path)) if files::is_tar(&path) => self.current = Some(Folder::of_tar(path)),
                Some(Argument::Path(path)) => photos.push(path),
                // A list may keep us waiting: what came before it goes on its way first.
                Some(list @ Argument::List(_)) if !photos.is_empty() => {
                    self.waiting.push_front(list);
                    break;
                }
                Some(Argument::List(mut list)) => {
                    photos = list.next(at_most);
                    if !photos.is_empty() {
                        self.waiting.push_front(Argument::List(list));
                        break;
                    }
                }
                None => break,
            }
        }
        photos
    }
}

/// The photos below a folder or in an archive, in order of their paths, without what is hidden or was left behind by systems.
struct Folder {
    files: Box<dyn Iterator<Item = PathBuf> + Send>,
    /// Whether the files are known to be photos.
    are_photos: bool,
    no_photos: usize,
}

impl Folder {
    fn open(path: &Path) -> Self {
        let start = WalkRoot::new(path);
        let is_shown = move |entry: &walkdir::DirEntry| !files::is_leftover(entry) && !start.lies_below(entry);
        let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_shown);
        let paths = walk.filter_map(|entry| match entry {
            // Folders are walked; a pipe or a device among the photos is none.
            Ok(entry) => entry.file_type().is_file().then(|| entry.into_path()),
            // A link back to where it lies has nothing new.
            Err(error) if error.loop_ancestor().is_some() => None,
            // A folder that cannot be listed becomes a row that says so.
            Err(error) => error.path().map(Path::to_path_buf),
        });
        Self { files: Box::new(paths), are_photos: false, no_photos: 0 }
    }

    /// One that cannot be read, which [`Arguments::check_archives`] would have said, becomes a row.
    fn of_tar(path: PathBuf) -> Self {
        let (files, no_photos) = match dataset::photos_in(&path, &pixels::looks_like_image) {
            Ok(found) => (found.photos, found.others + found.beside.len()),
            Err(_) => (vec![path], 0),
        };
        Self { files: Box::new(files.into_iter()), are_photos: true, no_photos }
    }
}

impl Inputs for Folder {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        let is_photo = |path: &PathBuf| {
            let is_photo = self.are_photos || is_candidate(path);
            self.no_photos += usize::from(!is_photo);
            is_photo
        };
        self.files.by_ref().filter(is_photo).take(at_most).collect()
    }
}

/// Whether a file found in a folder is meant as a photo; one that cannot be opened gets its row.
fn is_candidate(path: &Path) -> bool {
    files::head(path, pixels::HEAD).map_or(true, |head| pixels::looks_like_image(path, &head))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Growing(VecDeque<Vec<PathBuf>>);

    impl Inputs for Growing {
        fn next(&mut self, _: usize) -> Vec<PathBuf> {
            self.0.pop_front().unwrap_or_default()
        }
    }

    #[test]
    fn arguments_keep_their_order_and_a_list_never_holds_back_what_came_before_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.ppm", "a.ppm", ".hidden.ppm", "notes.txt"] {
            files::write(&folder.path().join(name), |file| file.write_all(b"P6 1 1 255\n123")).unwrap();
        }
        files::write(&folder.path().join("notes.txt"), |file| file.write_all(b"no photo")).unwrap();
        let list = Growing(VecDeque::from([vec!["l1".into()], vec!["l2".into(), "l3".into()]]));
        let mut arguments = Arguments::new(vec![
            Argument::Path("missing.jpg".into()),
            Argument::List(Box::new(list)),
            Argument::Path(folder.path().to_path_buf()),
        ]);
        assert_eq!(arguments.count(), None);
        let mut chunks = Vec::new();
        loop {
            let chunk = arguments.next(8);
            if chunk.is_empty() {
                break;
            }
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            chunks.push(chunk.iter().map(name).collect::<Vec<_>>());
        }
        assert_eq!(arguments.no_photos(), 1);
        assert_eq!(arguments.count(), Some(0));
        assert_eq!(chunks, [vec!["missing.jpg"], vec!["l1"], vec!["l2", "l3"], vec!["a.ppm", "b.ppm"]]);
    }

    #[test]
    fn shards_take_turns_in_the_sorted_list_of_all_arguments() {
        let shard = |index| {
            let list = Growing(VecDeque::from([vec!["b".into(), "d".into()], vec!["a".into()]]));
            let arguments =
                vec![Argument::Path("e".into()), Argument::List(Box::new(list)), Argument::Path("c".into())];
            let mut arguments = Arguments::new(arguments).shard(Shard { index, count: 3 });
            (arguments.count(), arguments.may_be_empty(), arguments.next(9))
        };
        assert_eq!(shard(0), (Some(2), true, vec!["a".into(), "d".into()]));
        assert_eq!(shard(1), (Some(2), true, vec!["b".into(), "e".into()]));
        assert_eq!(shard(2), (Some(1), true, vec!["c".into()]));
    }
}
