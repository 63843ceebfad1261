//! The cells of a path column → the files that they mean.
//!
//! A path is resolved as written, from the folder of the CSV (for corrections also from that of the data). If that is
//! not a file, it is resolved with backslashes as slashes, without surrounding whitespace, or with a missing extension
//! added. In a long table whose sampled paths are all files as written, the others are assumed to be so without a look
//! at each: one of many machines then touches only its own photos. If no path of the table exists, or absolute paths do
//! not, the table was made elsewhere: files are then searched by the ends of the paths, from the current folder, and in
//! the folders below the table. Such a reading counts only if it finds a file for every path, and it is reported.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::names;
use crate::dataset::{HEAD, IsImage};
use crate::files::{self, Identity};

/// The maximum length of a path on any system.
const MAX_BYTES: usize = 4096;

/// The limits of the search in folders below a table: its depth and its number of files.
const MAX_DEPTH: usize = 6;
const MAX_FILES: usize = 200_000;

/// The number of cells of a long column, evenly spread, that are examined to see whether all are paths as written. The
/// choice depends only on the table, so every machine makes the same one.
const SAMPLE: usize = 200;

/// The files of a column.
pub(super) struct Resolved {
    /// The path of each cell, in order; as written if there is no such file.
    pub(super) paths: Vec<PathBuf>,
    /// The number of cells that are files, including those that were assumed to be.
    pub(super) found: usize,
    /// A message about paths that were not resolved as written.
    pub(super) notice: Option<String>,
}

/// A cell that matches several images: its index, and two of them.
pub(super) struct Ambiguous(pub(super) usize, pub(super) [PathBuf; 2]);

enum Found {
    Nothing,
    One(PathBuf),
    Several([PathBuf; 2]),
}

impl Found {
    fn is_any(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// Finds files, and caches the listings of folders.
pub(super) struct Finder<'a> {
    table: &'a Path,
    folder: &'a Path,
    /// A second folder that relative paths may start from.
    data: Option<&'a Path>,
    is_image: IsImage<'a>,
    /// For each folder, the file names by stem (the name without its extension).
    stems: Mutex<HashMap<PathBuf, Arc<Stems>>>,
}

type Stems = HashMap<OsString, Vec<String>>;

impl<'a> Finder<'a> {
    /// Creates a finder for the paths of a CSV, which start at its own folder or at that of the data.
    pub(super) fn new(table: &'a Path, data: Option<&'a Path>, is_image: IsImage<'a>) -> Self {
        let folder = table.parent().unwrap_or(Path::new(""));
        Self { table, folder, data, is_image, stems: Mutex::default() }
    }

    /// Whether a cell is the path of a file, as written or by one of its other `readings`.
    pub(super) fn is_file(&self, cell: &[u8]) -> bool {
        readings(cell).any(|path| files::is_file(&place_of(self.folder, &path)))
    }

    /// Like [`Self::is_file`], but the extension may be missing.
    pub(super) fn finds(&self, cell: &[u8]) -> bool {
        readings(cell).any(|path| self.look(&place_of(self.folder, &path)).is_any())
    }

    /// Finds the files of the cells of one column.
    pub(super) fn resolve(&self, cells: &[&[u8]]) -> Result<Resolved, Ambiguous> {
        let is_as_written = self.is_as_written(cells);
        let find = |cell: &&[u8]| match path_of(cell).filter(|_| is_as_written && is_plain(cell)) {
            Some(path) => Found::One(place_of(self.folder, &path)),
            None => readings(cell).map(|path| self.look_from_both(&path)).find(Found::is_any).unwrap_or(Found::Nothing),
        };
        let found: Vec<Found> = cells.par_iter().map(find).collect();
        let mut paths = Vec::with_capacity(cells.len());
        let mut lost = Vec::new();
        for (place, (found, cell)) in found.into_iter().zip(cells).enumerate() {
            match found {
                Found::One(path) => paths.push(path),
                Found::Several(images) => return Err(Ambiguous(place, images)),
                Found::Nothing => {
                    paths.push(place_of(self.folder, &readings(cell).next().unwrap_or_default()));
                    lost.push(place);
                }
            }
        }
        let mut found = cells.len() - lost.len();
        let is_from_elsewhere = found == 0 && !paths.par_iter().any(|path| path.exists() || files::is_file(path));
        if !is_from_elsewhere {
            // A relative path beside others that exist is that of a missing file.
            lost.retain(|&place| cells.get(place).is_some_and(|cell| is_absolute(cell)));
        }
        let wanted: Vec<&[u8]> = lost.iter().filter_map(|&place| cells.get(place).copied()).collect();
        let elsewhere = self.look_elsewhere(&wanted, is_from_elsewhere);
        let elsewhere =
            elsewhere.map_err(|Ambiguous(place, images)| Ambiguous(lost.get(place).copied().unwrap_or(0), images))?;
        let mut notice = None;
        if let Some((way, files)) = elsewhere {
            found += files.len();
            if let (Some(cell), Some(file)) = (wanted.first(), files.first()) {
                let (table, count, cell) = (self.table.display(), files.len(), String::from_utf8_lossy(cell));
                notice = Some(format!(
                    "{count} paths in `{table}` lead nowhere as they are written; all were found {way}, such as `{cell}` at `{}`",
                    file.display()
                ));
            }
            for (place, file) in lost.into_iter().zip(files) {
                if let Some(path) = paths.get_mut(place) {
                    *path = file;
                }
            }
        }
        Ok(Resolved { paths, found, notice })
    }

    /// Whether a column is too long to examine each cell, and its sampled cells are all files as written.
    pub(super) fn is_as_written(&self, cells: &[&[u8]]) -> bool {
        let is_file = |cell: &&[u8]| {
            is_plain(cell) && path_of(cell).is_some_and(|path| files::is_file(&place_of(self.folder, &path)))
        };
        let sample: Vec<&[u8]> = sample(cells).copied().collect();
        // Corrections may start at two folders, and are few.
        cells.len() > sample.len() && self.data.is_none() && sample.par_iter().all(is_file)
    }

    /// Whether any sampled cell of a column leads to a file.
    pub(super) fn finds_any(&self, cells: &[&[u8]]) -> bool {
        sample(cells).any(|cell| self.finds(cell))
    }

    /// The first way of resolving the paths that finds a file for every cell, with the files.
    fn look_elsewhere(
        &self,
        cells: &[&[u8]],
        everywhere: bool,
    ) -> Result<Option<(&'static str, Vec<PathBuf>)>, Ambiguous> {
        if cells.is_empty() || cells.iter().any(|cell| cell.len() > MAX_BYTES) {
            return Ok(None);
        }
        let parts: Vec<Vec<&[u8]>> = cells.iter().map(|cell| parts(cell)).collect();
        if let Some(files) = self.by_their_ends(&parts) {
            return Ok(Some(("by their ends, without the folders before", files)));
        }
        if !everywhere {
            return Ok(None);
        }
        let whole: Vec<&[&[u8]]> = parts.iter().map(Vec::as_slice).collect();
        let is_relative = !cells.iter().any(|cell| is_absolute(cell));
        if let Some(files) = is_relative.then(|| self.all_below(Path::new(""), &whole)).flatten() {
            return Ok(Some(("from the current folder", files)));
        }
        let files = if is_relative { self.in_folders_below(&parts)? } else { None };
        Ok(files.map(|files| ("in the folders below it", files)))
    }

    /// The files found by removing as few leading folders as possible, the same number for all; else by the last
    /// components.
    fn by_their_ends(&self, cells: &[Vec<&[u8]>]) -> Option<Vec<PathBuf>> {
        let shortest = cells.iter().map(Vec::len).min().filter(|&shortest| shortest > 0)?;
        let first = cells.first()?;
        let common =
            (0..shortest - 1).take_while(|&part| cells.iter().all(|cell| cell.get(part) == first.get(part))).count();
        let without =
            |dropped: usize| cells.iter().map(|cell| cell.get(dropped..).unwrap_or_default()).collect::<Vec<_>>();
        let kept = |kept: usize| {
            cells.iter().map(|cell| cell.get(cell.len().saturating_sub(kept)..).unwrap_or_default()).collect::<Vec<_>>()
        };
        let ends = (0..=common).map(without).chain((1..=shortest).rev().map(kept));
        ends.filter_map(|ends| self.all_below(self.folder, &ends)).find(|files| {
            let [cells, files] =
                [cells.iter().collect::<HashSet<_>>().len(), files.iter().collect::<HashSet<_>>().len()];
            // Two photos must not become one.
            cells == files
        })
    }

    /// The files of all cells, if each has exactly one.
    fn all_below(&self, base: &Path, cells: &[&[&[u8]]]) -> Option<Vec<PathBuf>> {
        let find = |cell: &&[&[u8]]| match self.look(&base.join(path_of(&cell.join(&b'/'))?)) {
            Found::One(path) => Some(path),
            Found::Nothing | Found::Several(_) => None,
        };
        find(cells.first()?)?;
        cells.par_iter().map(find).collect()
    }

    /// The files of all cells below one common folder under the table, or each by a name that occurs only once.
    fn in_folders_below(&self, cells: &[Vec<&[u8]>]) -> Result<Option<Vec<PathBuf>>, Ambiguous> {
        let files = self.files_below();
        let mut by_name: HashMap<&OsStr, Vec<&Path>> = HashMap::new();
        for file in &files {
            for name in [file.file_name(), file.file_stem().filter(|stem| Some(*stem) != file.file_name())]
                .into_iter()
                .flatten()
            {
                by_name.entry(name).or_default().push(file);
            }
        }
        let mut found = Vec::with_capacity(cells.len());
        for cell in cells {
            let Some(path) = path_of(&cell.join(&b'/')) else { return Ok(None) };
            let candidates: Vec<&Path> =
                path.file_name().and_then(|name| by_name.get(name)).into_iter().flatten().copied().collect();
            let whole: Vec<&Path> = candidates.iter().copied().filter(|file| file.ends_with(&path)).collect();
            let is_it = |file: &&Path| file.with_extension("").ends_with(&path) && self.is_image(file);
            let candidates = if whole.is_empty() { candidates.into_iter().filter(is_it).collect() } else { whole };
            if candidates.is_empty() {
                return Ok(None);
            }
            found.push((cell.len(), candidates));
        }
        // The folder that the path of a cell would start from, for one candidate.
        let start = |parts: usize, file: &Path| file.ancestors().nth(parts).map(Path::to_path_buf);
        let starts = found
            .iter()
            .map(|(parts, files)| files.iter().filter_map(|file| start(*parts, file)).collect::<HashSet<_>>());
        let starts = starts.reduce(|all, some| all.intersection(&some).cloned().collect()).unwrap_or_default();
        let only = if starts.len() == 1 { starts.into_iter().next() } else { None };
        let mut files = Vec::with_capacity(found.len());
        for (place, (parts, candidates)) in found.iter().enumerate() {
            let chosen = candidates.iter().find(|file| only.is_some() && start(*parts, file) == only);
            match (chosen, candidates.as_slice()) {
                (Some(file), _) | (None, [file]) => files.push(file.to_path_buf()),
                (None, [a, b, ..]) => return Err(Ambiguous(place, [a.to_path_buf(), b.to_path_buf()])),
                (None, []) => return Ok(None),
            }
        }
        Ok(Some(files))
    }

    fn files_below(&self) -> Vec<PathBuf> {
        let root = if self.folder == Path::new("") { Path::new(".") } else { self.folder };
        let is_shown = |entry: &DirEntry| !files::is_leftover(entry);
        let walk = WalkDir::new(root).max_depth(MAX_DEPTH).follow_links(true).into_iter().filter_entry(is_shown);
        let files = walk.filter_map(Result::ok).filter(|entry| entry.file_type().is_file()).take(MAX_FILES);
        let mut files: Vec<PathBuf> = files.map(|entry| without_dots(entry.path())).collect();
        files.sort();
        files
    }

    /// The file of a path from the folder of the CSV, else from that of the data; `Found::Several` if both exist.
    fn look_from_both(&self, path: &Path) -> Found {
        let found = self.look(&place_of(self.folder, path));
        let Some(data) = self.data.filter(|_| path.is_relative()) else { return found };
        match (found, self.look(&place_of(data, path))) {
            (Found::Nothing, of_data) => of_data,
            (Found::One(one), Found::One(other)) if Identity::new(&one) != Identity::new(&other) => {
                Found::Several([one, other])
            }
            (found, _) => found,
        }
    }

    /// The file at a path, or the only image there whose name without extension is that.
    fn look(&self, place: &Path) -> Found {
        if files::is_file(place) {
            return Found::One(place.to_path_buf());
        }
        let (Some(folder), Some(stem)) = (place.parent(), place.file_name()) else { return Found::Nothing };
        let names = self.stems_in(folder);
        let mut images =
            names.get(stem).into_iter().flatten().map(|name| folder.join(name)).filter(|image| self.is_image(image));
        match (images.next(), images.next()) {
            (None, _) => Found::Nothing,
            (Some(image), None) => Found::One(image),
            (Some(first), Some(second)) => Found::Several([first, second]),
        }
    }

    fn is_image(&self, path: &Path) -> bool {
        files::head(path, HEAD).is_ok_and(|head| (self.is_image)(path, &head))
    }

    fn stems_in(&self, folder: &Path) -> Arc<Stems> {
        let known = || self.stems.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stems) = known().get(folder) {
            return Arc::clone(stems);
        }
        let here = if folder == Path::new("") { Path::new(".") } else { folder };
        let mut stems = Stems::new();
        for name in files::names(here).unwrap_or_default() {
            if let Some(stem) = Path::new(&name).file_stem().filter(|stem| *stem != name.as_str()) {
                stems.entry(stem.to_os_string()).or_default().push(name);
            }
        }
        Arc::clone(known().entry(folder.to_path_buf()).or_insert(Arc::new(stems)))
    }
}

/// Evenly spread cells of a column; all cells of a short one.
fn sample<'a, 'b>(cells: &'a [&'b [u8]]) -> impl Iterator<Item = &'a &'b [u8]> {
    cells.iter().step_by(cells.len().div_ceil(SAMPLE).max(1))
}

/// Whether a cell can hardly mean another file than the one it names: it has an image extension, no backslashes and no
/// surrounding whitespace.
fn is_plain(cell: &[u8]) -> bool {
    let is_image = std::str::from_utf8(cell).is_ok_and(names::looks_like_a_file);
    is_image && cell.trim_ascii().len() == cell.len() && !cell.contains(&b'\\')
}

/// The paths that a cell may mean, the likeliest first: as written, trimmed, and with slashes for backslashes.
fn readings(cell: &[u8]) -> impl Iterator<Item = PathBuf> {
    let trimmed = cell.trim_ascii();
    let slashed =
        trimmed.contains(&b'\\').then(|| trimmed.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect());
    let readings = [Some(cell.to_vec()), (trimmed != cell).then(|| trimmed.to_vec()), slashed];
    readings.into_iter().flatten().filter_map(|bytes: Vec<u8>| path_of(&bytes))
}

/// The components of a path of any system, without the drive.
fn parts(cell: &[u8]) -> Vec<&[u8]> {
    let cell = cell.trim_ascii();
    let cell = if is_drive(cell) { cell.get(2..).unwrap_or_default() } else { cell };
    let parts = cell.split(|byte| matches!(byte, b'/' | b'\\'));
    parts.filter(|part| !part.is_empty() && *part != b".").collect()
}

/// Whether a path is absolute on any system.
fn is_absolute(cell: &[u8]) -> bool {
    let cell = cell.trim_ascii();
    is_drive(cell) || matches!(cell.first(), Some(b'/' | b'\\'))
}

/// Whether a path begins with a drive, such as `C:\` or `C:/`.
fn is_drive(cell: &[u8]) -> bool {
    matches!(cell, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic())
}

/// Converts the bytes of a cell to a path: any bytes on Unix, only UTF-8 elsewhere.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(super) fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Some(PathBuf::from(OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
pub(super) fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).map(PathBuf::from).ok()
}

/// The path of a row's file, if the CSV is in `folder`.
pub(in crate::dataset) fn place_of(folder: &Path, path: &Path) -> PathBuf {
    folder.join(without_dots(path))
}

/// Removes `.` components, so that `./a.jpg` equals `a.jpg`. `..` stays, because its meaning depends on links.
pub(in crate::dataset) fn without_dots(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
