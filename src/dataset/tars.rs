//! Tar archives in WebDataset's layout → labelled paths.
//!
//! Members with equal paths up to the first dot of the name form one sample: `7.jpg` and `7.cls`, which holds the
//! number or name of the class. If a key is given, the class is its value in the `.json`. If no archive has a `.cls`,
//! the folders within the archives are the classes. Every image is a photo, except `7.mask.png` beside `7.jpg`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use super::classes::Expected;
use super::layout::{EntryKind, Layout, folders_of};
use super::listing::{Listed, Listing};
use super::{DatasetError, HEAD, IsImage, ReadOptions, Unreadable};
use crate::files::{self, FileError, LONGEST_NAME};
use crate::progress::Progress;

/// The extensions of label members: a plain class, or a JSON object.
const LABELS: [&str; 2] = ["cls", "json"];

/// The maximum size in bytes of a member that holds a label.
const MAX_LABEL: u64 = 1 << 20;

/// The archives at a path: the file itself, or those that a pattern matches.
pub(super) fn find(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if files::is_tar(path) {
        return Ok(vec![path.to_path_buf()]);
    }
    match path.file_name().and_then(OsStr::to_str).filter(|_| files::is_pattern(path)) {
        Some(pattern) => {
            let found = files::matching(path.parent().unwrap_or(Path::new("")), pattern)?;
            Ok(if found.iter().all(|file| files::is_tar(file)) { found } else { Vec::new() })
        }
        None => Ok(Vec::new()),
    }
}

/// The photos of an archive.
#[derive(Debug, Default)]
pub(crate) struct InTar {
    /// The paths of the photos, in byte order of their names.
    pub photos: Vec<PathBuf>,
    /// The number of members that are not images; label members are among them.
    pub others: usize,
    /// Images that accompany the photo of their sample, such as a mask.
    pub beside: Vec<PathBuf>,
}

/// Lists the photos of an archive.
///
/// # Errors
/// [`FileError`] if the archive cannot be read completely.
pub(crate) fn photos_in(archive: &Path, is_image: IsImage<'_>) -> Result<InTar, FileError> {
    let tar = files::tar(archive)?;
    let mut found = InTar::default();
    let mut images = Vec::new();
    for name in tar.names() {
        let path = archive.join(name);
        // A member without content is kept: reading it later reports the reason.
        let is_hidden = |part| matches!(part, Component::Normal(part) if files::is_left_behind(part));
        let is_label = sample(name).is_some_and(|(_, of)| LABELS.iter().any(|label| label.as_bytes() == of));
        if is_label || name.components().any(is_hidden) {
            found.others += 1;
        } else if is_image(name, &[]) || files::head(&path, HEAD).is_ok_and(|head| is_image(name, &head)) {
            images.push((name, path));
        } else {
            found.others += 1;
        }
    }
    let is_plain = |name: &Path| sample(name).is_some_and(|(_, extension)| !extension.contains(&b'.'));
    let plain: HashSet<Vec<u8>> =
        images.iter().filter(|(name, _)| is_plain(name)).filter_map(|(name, _)| Some(sample(name)?.0)).collect();
    for (name, path) in &images {
        let is_beside = !is_plain(name) && sample(name).is_some_and(|(key, _)| plain.contains(&key));
        if is_beside { &mut found.beside } else { &mut found.photos }.push(path.clone());
    }
    Ok(found)
}

/// The sample key of a member (its path up to the first dot of its name), and the extension after it.
fn sample(name: &Path) -> Option<(Vec<u8>, &[u8])> {
    let file = name.file_name()?.as_encoded_bytes();
    let dot = file.iter().position(|byte| *byte == b'.')?;
    let (stem, extension) = (file.get(..dot)?, file.get(dot + 1..)?);
    let whole = name.as_os_str().as_encoded_bytes();
    let key = whole.get(..whole.len() - file.len() + stem.len())?;
    Some((key.to_vec(), extension))
}

/// Lists the photos of archives with their classes.
pub(super) fn list(
    data: &Path,
    archives: &[PathBuf],
    options: &ReadOptions,
    expected: Expected<'_>,
    is_image: IsImage<'_>,
    progress: &dyn Progress,
) -> Result<Listing, DatasetError> {
    if options.path_column.is_some() {
        return Err(DatasetError::no_columns(data));
    }
    let read = archives.par_iter().map(|archive| {
        progress.check()?;
        let found = photos_in(archive, is_image)?;
        progress.advance(found.photos.len() as u64);
        Ok((archive.as_path(), found))
    });
    let read = read.collect::<Result<Vec<_>, DatasetError>>()?;
    let mut listing = Listing::default();
    listing.ignored.not_images = read.iter().map(|(_, found)| found.others).sum();
    let beside: Vec<&PathBuf> = read.iter().flat_map(|(_, found)| &found.beside).collect();
    if let Some(first) = beside.first() {
        let (count, first) = (beside.len(), first.display());
        listing.notes.push(format!("left out {count} images beside the photo of their sample, such as `{first}`"));
    }
    let photos: Vec<(&Path, &Path)> = read
        .iter()
        .flat_map(|(archive, found)| found.photos.iter().map(move |photo| (*archive, photo.as_path())))
        .collect();
    if photos.is_empty() {
        return Err(DatasetError::NoImages { path: data.to_path_buf(), ignored: listing.ignored });
    }
    let labels = Labels::of(archives, options)?;
    listing.images = match &labels {
        Labels::Folders => return in_folders(data, &photos, options, expected, listing),
        Labels::Members(labels) => {
            let listed = photos.par_iter().map(|(archive, photo)| {
                let name = photo.strip_prefix(archive).unwrap_or(photo);
                let label = sample(name).and_then(|(key, _)| labels.get(&(archive.to_path_buf(), key)));
                let class =
                    label.cloned().ok_or_else(|| DatasetError::NoLabelInArchive { photo: photo.to_path_buf() })?;
                Ok(Listed { path: photo.to_path_buf(), class, split: None })
            });
            listed.collect::<Result<_, DatasetError>>()?
        }
    };
    Ok(listing)
}

/// The source of the labels of photos in archives.
enum Labels {
    /// Label members, by archive and sample key.
    Members(BTreeMap<(PathBuf, Vec<u8>), String>),
    Folders,
}

impl Labels {
    fn of(archives: &[PathBuf], options: &ReadOptions) -> Result<Self, DatasetError> {
        let key = options.label_column.as_deref();
        let [cls, json] = LABELS;
        let wanted = if key.is_some() { json } else { cls };
        let mut members = Vec::new();
        for archive in archives {
            let tar = files::tar(archive)?;
            let of_sample = tar.names().filter_map(|name| Some((sample(name)?, name)));
            let labels = of_sample.filter(|((_, extension), _)| *extension == wanted.as_bytes());
            members.extend(labels.map(|((sample, _), name)| (archive, sample, archive.join(name))));
        }
        if members.is_empty() && key.is_none() {
            return Ok(Self::Folders);
        }
        let labels = members.into_par_iter().map(|(archive, sample, member)| {
            let bytes = files::read(&member, MAX_LABEL)?;
            let label = key.map_or_else(|| plain_label(&bytes), |key| label_in_json(&bytes, key));
            match label {
                Some(label) => Ok(((archive.clone(), sample), label)),
                None => Err(DatasetError::LabelInArchive { member, key: key.map(str::to_owned) }),
            }
        });
        Ok(Self::Members(labels.collect::<Result<_, DatasetError>>()?))
    }
}

/// The text of a `.cls`: the number or the name of a class.
fn plain_label(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let is_one = !text.is_empty() && text.len() <= LONGEST_NAME && !text.contains(char::is_control);
    is_one.then(|| text.to_owned())
}

fn label_in_json(bytes: &[u8], key: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    match value.get(key)? {
        serde_json::Value::String(text) => plain_label(text.as_bytes()),
        value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    }
}

/// Assigns each photo the class and the split of its folders within the archive.
fn in_folders(
    data: &Path,
    photos: &[(&Path, &Path)],
    options: &ReadOptions,
    expected: Expected<'_>,
    mut listing: Listing,
) -> Result<Listing, DatasetError> {
    let names: Vec<PathBuf> =
        photos.iter().map(|(archive, photo)| photo.strip_prefix(archive).unwrap_or(photo).to_path_buf()).collect();
    let folders: BTreeSet<PathBuf> =
        names.iter().flat_map(|name| name.ancestors().skip(1)).map(Path::to_path_buf).collect();
    let folders: Vec<PathBuf> = folders.into_iter().filter(|folder| folder.as_os_str() != "").collect();
    let layout = Layout::new(data, &names, &folders, options.classes_from, expected)?;
    for ((_, photo), name) in photos.iter().zip(&names) {
        match layout.place(&folders_of(data, name)) {
            EntryKind::Class(class, split) => match class.to_str() {
                Some(class) => {
                    listing.images.push(Listed { path: photo.to_path_buf(), class: class.to_owned(), split });
                }
                None => listing.unreadable.push(Unreadable {
                    path: photo.to_path_buf(),
                    reason: "the name of its class is not UTF-8".to_owned(),
                }),
            },
            EntryKind::NotAClass(_) | EntryKind::Stray => listing.ignored.loose += 1,
        }
    }
    match photos.first() {
        Some((_, photo)) if listing.images.is_empty() => {
            Err(DatasetError::NoLabelInArchive { photo: photo.to_path_buf() })
        }
        _ => Ok(listing),
    }
}
