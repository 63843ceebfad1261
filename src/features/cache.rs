//! Features that were computed once, kept for every later run.
//!
//! A row is found by the SHA-256 of the photo's content and by the [`CacheKey`]: weights, pixels, arithmetic, and what
//! computes it (libtorch's version, the instruction set or the card's generation). So a renamed photo is found, one changed
//! byte, other weights or another machine's rounding are not, and nothing ever has to be declared out of date.
//!
//! The store is SQLite: several processes may read and write it at once, and a process that is killed leaves whole
//! transactions behind. (redb, the other candidate, lets one process in at a time.) Each chunk of photos is a
//! transaction of its own, so a kill loses the chunks in flight and no more. Every row has a checksum of its own, and a
//! file that SQLite finds damaged is set aside under another name and begun anew: the cache can cost time, never a wrong
//! number.

mod store;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::backbone::Target;
use crate::files::{self, ContentHash, FileError};
use crate::pixels::{PhotoFacts, Preprocess};
use crate::weights::WeightsId;

use store::Store;

/// Name of the store in its folder; another layout gets another name, so old and new versions never meet.
const FILE: &str = "features-v3.sqlite";

/// How the names of stores of every layout begin.
const ANY_LAYOUT: &str = "features-v";

/// Why the cache cannot be used; a run goes on without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CacheError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the feature cache `{}`: {reason}", path.display())]
    Store { path: PathBuf, reason: String },
}

/// All that decides the features of a photo, apart from its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheKey {
    key: [u8; 16],
    text: String,
}

impl CacheKey {
    /// These weights, on these pixels or so many at each edge of the crop, in this arithmetic.
    pub(crate) fn new(weights: &WeightsId, preprocess: &Preprocess, border: Option<u32>, target: Target) -> Self {
        let border = border.map_or(String::new(), |border| format!("-border{border}"));
        let text = format!("{} {}{border} {}", weights.sha256, preprocess.id(), target.id());
        let digest: [u8; 32] = Sha256::digest(&text).into();
        let mut key = [0; 16];
        key.copy_from_slice(digest.split_at(16).0);
        Self { key, text }
    }
}

/// How full the cache is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct CacheInfo {
    /// The store's file.
    pub path: PathBuf,
    /// Its size in bytes, with its journal.
    pub bytes: u64,
    /// Rows in it.
    pub features: u64,
    /// Rows of each key, most first.
    pub keys: Vec<(String, u64)>,
    /// Damaged stores that were set aside.
    pub damaged: Vec<PathBuf>,
    /// Stores that another version of this program made, which this one does not read.
    pub other_versions: Vec<PathBuf>,
}

/// What is kept of one photo.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// The photo.
    pub content: ContentHash,
    /// Its row.
    pub features: &'a [f32],
    /// What the photo tells besides its pixels.
    pub facts: &'a PhotoFacts,
}

/// The open cache, for all threads of a process.
#[derive(Debug)]
pub(crate) struct Cache {
    path: PathBuf,
    store: Mutex<Store>,
    /// What happened that the user should know, until somebody asks.
    notices: Mutex<Vec<String>>,
}

impl Cache {
    /// Where the cache of a folder is, if it has one of this or another version.
    pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
        let path = folder.join(FILE);
        let is_there = path.exists() || other_versions(&path).is_ok_and(|others| !others.is_empty());
        is_there.then_some(path)
    }

    /// Opens the cache in a folder, or begins one.
    ///
    /// # Errors
    /// [`CacheError`] if the folder cannot be used; a damaged file is no error.
    pub(crate) fn open(folder: &Path) -> Result<Self, CacheError> {
        files::make_folder(folder)?;
        let path = folder.join(FILE);
        let mut notices = Vec::new();
        let store = match Store::open(&path) {
            Err(error) if store::is_damage(&error) => {
                notices.push(set_aside(&path)?);
                Store::open(&path)
            }
            opened => opened,
        };
        let store = store.map_err(|error| store_error(&path, &error))?;
        Ok(Self { path, store: Mutex::new(store), notices: Mutex::new(notices) })
    }

    /// The features of a photo, if they are there and whole.
    ///
    /// # Errors
    /// [`CacheError::Store`] if the store cannot be read.
    pub(crate) fn get(&self, content: &ContentHash, key: &CacheKey) -> Result<Option<Vec<f32>>, CacheError> {
        Ok(self.with(|store| store.get(content, key.key, today(), false))?.map(|row| row.numbers))
    }

    /// The features of a photo and its facts, if both are there and whole.
    ///
    /// # Errors
    /// [`CacheError::Store`] if the store cannot be read.
    pub(crate) fn get_with_facts(
        &self,
        content: &ContentHash,
        key: &CacheKey,
    ) -> Result<Option<(Vec<f32>, PhotoFacts)>, CacheError> {
        let row = self.with(|store| store.get(content, key.key, today(), true))?;
        Ok(row.and_then(|row| Some((row.numbers, PhotoFacts::from_bytes(&row.facts?)?))))
    }

    /// Keeps the features and facts of some photos, all or none.
    ///
    /// # Errors
    /// [`CacheError::Store`] if they cannot be written.
    pub(crate) fn put(&self, key: &CacheKey, entries: &[Entry<'_>]) -> Result<(), CacheError> {
        self.with(|store| store.put(key.key, &key.text, entries, today()))
    }

    /// The SHA-256 of a large file, from memory while size, times and identity of the file are what they were.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be read; a cache that cannot be read costs the time to compute it.
    pub(crate) fn checksum_of(&self, path: &Path) -> Result<String, FileError> {
        let key = path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).to_string_lossy().into_owned();
        let stamp = files::fingerprint(path)?;
        if let Ok(Some(known)) = self.with(|store| store.checksum(&key, &stamp)) {
            return Ok(known);
        }
        let sha256 = ContentHash::from_file(path)?.to_string();
        // The stamp was taken first: a file that changed meanwhile is hashed again next time.
        let _ = self.with(|store| store.remember_checksum(&key, &stamp, &sha256));
        Ok(sha256)
    }

    /// What happened since the last call that the user should know, such as a damaged file that was set aside.
    pub(crate) fn notices(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.notices))
    }

    /// How full it is.
    ///
    /// # Errors
    /// [`CacheError`] if it cannot be read.
    pub(crate) fn info(&self) -> Result<CacheInfo, CacheError> {
        let keys = self.with(Store::keys)?;
        let bytes = ["", "-wal"].iter().map(|suffix| files::size(&with_suffix(&self.path, suffix)).unwrap_or(0)).sum();
        let features = keys.iter().map(|(_, count)| count).sum();
        let (damaged, other_versions) = (damaged(&self.path)?, other_versions(&self.path)?);
        Ok(CacheInfo { path: self.path.clone(), bytes, features, keys, damaged, other_versions })
    }

    /// Forgets everything, damaged files and those of other versions too.
    ///
    /// # Errors
    /// [`CacheError`] if another process holds it or it cannot be written.
    pub(crate) fn clear(&self) -> Result<(), CacheError> {
        self.with(|store| store.keep(0))?;
        for path in damaged(&self.path)?.into_iter().chain(other_versions(&self.path)?) {
            files::remove(&path)?;
        }
        Ok(())
    }

    /// Forgets what was not used for longest until the file has at most `bytes`; returns how many rows went.
    pub(crate) fn prune(&self, bytes: u64) -> Result<u64, CacheError> {
        self.with(|store| store.keep(bytes))
    }

    /// Works on the store; if it turns out to be damaged, once more on a new one.
    fn with<T>(&self, work: impl Fn(&mut Store) -> rusqlite::Result<T>) -> Result<T, CacheError> {
        let mut store = lock(&self.store);
        match work(&mut store) {
            Err(error) if store::is_damage(&error) => {
                lock(&self.notices).push(set_aside(&self.path)?);
                let result = Store::open(&self.path).and_then(|new| {
                    *store = new;
                    work(&mut store)
                });
                result.map_err(|error| store_error(&self.path, &error))
            }
            result => result.map_err(|error| store_error(&self.path, &error)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn store_error(path: &Path, error: &rusqlite::Error) -> CacheError {
    CacheError::Store { path: path.to_path_buf(), reason: error.to_string() }
}

/// Days since 1970: as fine as the last use of a row is kept.
fn today() -> i64 {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds / 86_400).unwrap_or(i64::MAX)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Gives a damaged store another name and says so.
fn set_aside(path: &Path) -> Result<String, CacheError> {
    let is_free = |number: &u32| !with_suffix(path, &format!(".damaged-{number}")).exists();
    let number = (1..1000).find(is_free).unwrap_or(1000);
    let aside = with_suffix(path, &format!(".damaged-{number}"));
    files::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        // The journal of a damaged store would be replayed into the new one.
        let journal = with_suffix(path, suffix);
        if journal.exists() {
            files::remove(&journal)?;
        }
    }
    Ok(format!("the feature cache was damaged; it is kept as `{}` and begun anew", aside.display()))
}

/// The stores that were set aside, by name.
fn damaged(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let prefix = format!("{FILE}.damaged-");
    beside(path, |name| name.starts_with(&prefix))
}

/// Whatever stores of other layouts left, journals and damaged ones included, by name.
fn other_versions(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let is_other = |name: &str| {
        let layout = name.strip_prefix(ANY_LAYOUT).and_then(|rest| rest.split_once(".sqlite"));
        layout.is_some_and(|(number, _)| number.parse::<u32>().is_ok()) && !name.starts_with(FILE)
    };
    beside(path, is_other)
}

/// The files in the folder of the store that are `wanted` by their name, sorted.
fn beside(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let names = files::names(folder)?;
    Ok(names.into_iter().filter(|name| wanted(name)).map(|name| folder.join(name)).collect())
}

#[cfg(test)]
mod tests;
