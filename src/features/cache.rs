//! A persistent cache of features for later runs.
//!
//! A row is found by the SHA-256 of the photo's file and by the [`CacheKey`]: weights, preprocessing, arithmetic, and
//! implementation (libtorch's version, the CPU's instruction set or the GPU's generation). So a renamed photo is found,
//! but not after one changed byte, with other weights or with another machine's rounding, and no entry expires.
//!
//! The store is SQLite: several processes may read and write it at once, and a killed process leaves only complete
//! transactions. (redb, the alternative, admits one process at a time.) Each chunk of photos is one transaction, so a
//! kill loses at most the chunks in flight. Every row has its own checksum, and a file that SQLite finds damaged is
//! renamed and replaced by a new one: the cache can cost time, but never gives a wrong number.

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

/// The file name of the store; another table layout gets another name, so old and new versions never share a file.
const FILE: &str = "features-v3.sqlite";

/// The common prefix of the file names of all layouts.
const ANY_LAYOUT: &str = "features-v";

/// The reason why the cache cannot be used; the run continues without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CacheError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the feature cache `{}`: {reason}", path.display())]
    Store { path: PathBuf, reason: String },
}

/// Everything that determines the features of a photo, apart from its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheKey {
    key: [u8; 16],
    text: String,
}

impl CacheKey {
    /// Creates the key; with `border`, only so many pixels at each edge of the crop are visible.
    pub(crate) fn new(weights: &WeightsId, preprocess: &Preprocess, border: Option<u32>, target: Target) -> Self {
        let border = border.map_or(String::new(), |border| format!("-border{border}"));
        let text = format!("{} {}{border} {}", weights.sha256, preprocess.id(), target.id());
        let digest: [u8; 32] = Sha256::digest(&text).into();
        let mut key = [0; 16];
        key.copy_from_slice(digest.split_at(16).0);
        Self { key, text }
    }
}

/// Statistics of the cache.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct CacheInfo {
    pub path: PathBuf,
    /// The size in bytes, including the write-ahead log.
    pub bytes: u64,
    /// The number of rows.
    pub features: u64,
    /// The number of rows of each key, largest first.
    pub keys: Vec<(String, u64)>,
    /// Paths of damaged stores that were renamed.
    pub damaged: Vec<PathBuf>,
    /// Paths of stores of other versions of this program, which this version does not read.
    pub other_versions: Vec<PathBuf>,
}

/// The cached values of one photo.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// The SHA-256 of the photo's file.
    pub content: ContentHash,
    /// The feature vector, `[D]`.
    pub features: &'a [f32],
    /// The facts about the photo besides its features.
    pub facts: &'a PhotoFacts,
}

/// An open cache, shared by all threads of the process.
#[derive(Debug)]
pub(crate) struct Cache {
    path: PathBuf,
    store: Mutex<Store>,
    /// Messages for the user that have not been fetched yet.
    notices: Mutex<Vec<String>>,
}

impl Cache {
    /// The path of the cache in a folder, if the folder has one of this or another version.
    pub(crate) fn find(folder: &Path) -> Option<PathBuf> {
        let path = folder.join(FILE);
        let is_there = path.exists() || other_versions(&path).is_ok_and(|others| !others.is_empty());
        is_there.then_some(path)
    }

    /// Opens the cache in a folder, or creates it.
    ///
    /// # Errors
    /// [`CacheError`] if the folder cannot be used; a damaged file is not an error.
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

    /// The features of a photo, if they are cached and match their checksum.
    ///
    /// # Errors
    /// [`CacheError::Store`] if the store cannot be read.
    pub(crate) fn get(&self, content: &ContentHash, key: &CacheKey) -> Result<Option<Vec<f32>>, CacheError> {
        Ok(self.with(|store| store.get(content, key.key, today(), false))?.map(|row| row.numbers))
    }

    /// The features and facts of a photo, if both are cached and match their checksums.
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

    /// Stores the features and facts of some photos in one transaction.
    ///
    /// # Errors
    /// [`CacheError::Store`] if they cannot be written.
    pub(crate) fn put(&self, key: &CacheKey, entries: &[Entry<'_>]) -> Result<(), CacheError> {
        self.with(|store| store.put(key.key, &key.text, entries, today()))
    }

    /// The SHA-256 of a large file, from the cache if the file's size, times and identity are unchanged.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be read; if the cache cannot be read, the hash is computed.
    pub(crate) fn checksum_of(&self, path: &Path) -> Result<String, FileError> {
        let key = path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).to_string_lossy().into_owned();
        let stamp = files::fingerprint(path)?;
        if let Ok(Some(known)) = self.with(|store| store.checksum(&key, &stamp)) {
            return Ok(known);
        }
        let sha256 = ContentHash::from_file(path)?.to_string();
        // The fingerprint was taken first: a file that changed in the meantime is hashed again next time.
        let _ = self.with(|store| store.remember_checksum(&key, &stamp, &sha256));
        Ok(sha256)
    }

    /// Messages for the user since the last call, such as that a damaged file was renamed.
    pub(crate) fn notices(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.notices))
    }

    /// The statistics of the cache.
    ///
    /// # Errors
    /// [`CacheError`] if the cache cannot be read.
    pub(crate) fn info(&self) -> Result<CacheInfo, CacheError> {
        let keys = self.with(Store::keys)?;
        let bytes = ["", "-wal"].iter().map(|suffix| files::size(&with_suffix(&self.path, suffix)).unwrap_or(0)).sum();
        let features = keys.iter().map(|(_, count)| count).sum();
        let (damaged, other_versions) = (damaged(&self.path)?, other_versions(&self.path)?);
        Ok(CacheInfo { path: self.path.clone(), bytes, features, keys, damaged, other_versions })
    }

    /// Deletes all entries, and the files of damaged stores and other versions.
    ///
    /// # Errors
    /// [`CacheError`] if another process holds the cache or it cannot be written.
    pub(crate) fn clear(&self) -> Result<(), CacheError> {
        self.with(|store| store.keep(0))?;
        for path in damaged(&self.path)?.into_iter().chain(other_versions(&self.path)?) {
            files::remove(&path)?;
        }
        Ok(())
    }

    /// Deletes the least recently used rows until the file has at most `bytes`; returns the number of deleted rows.
    pub(crate) fn prune(&self, bytes: u64) -> Result<u64, CacheError> {
        self.with(|store| store.keep(bytes))
    }

    /// Runs an operation on the store; if the store is damaged, replaces it and runs the operation once more.
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

/// The number of days since 1970, the resolution of a row's last use.
fn today() -> i64 {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds / 86_400).unwrap_or(i64::MAX)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames a damaged store and returns a message about it.
fn set_aside(path: &Path) -> Result<String, CacheError> {
    let is_free = |number: &u32| !with_suffix(path, &format!(".damaged-{number}")).exists();
    let number = (1..1000).find(is_free).unwrap_or(1000);
    let aside = with_suffix(path, &format!(".damaged-{number}"));
    files::rename(path, &aside)?;
    for suffix in ["-wal", "-shm"] {
        // Otherwise SQLite would replay the damaged store's journal into the new one.
        let journal = with_suffix(path, suffix);
        if journal.exists() {
            files::remove(&journal)?;
        }
    }
    Ok(format!("the feature cache was damaged; it is kept as `{}` and begun anew", aside.display()))
}

/// The damaged stores that were renamed, sorted by name.
fn damaged(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let prefix = format!("{FILE}.damaged-");
    beside(path, |name| name.starts_with(&prefix))
}

/// The files of stores of other layouts, including journals and damaged ones, sorted by name.
fn other_versions(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let is_other = |name: &str| {
        let layout = name.strip_prefix(ANY_LAYOUT).and_then(|rest| rest.split_once(".sqlite"));
        layout.is_some_and(|(number, _)| number.parse::<u32>().is_ok()) && !name.starts_with(FILE)
    };
    beside(path, is_other)
}

/// The files in the folder of the store whose names are `wanted`, sorted.
fn beside(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let names = files::names(folder)?;
    Ok(names.into_iter().filter(|name| wanted(name)).map(|name| folder.join(name)).collect())
}

#[cfg(test)]
mod tests;
