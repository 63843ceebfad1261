//! Folders and tables as people have them, made in a temporary folder; a file that begins with `IMG` is an image.

mod fixes;
mod folders;
mod layouts;
mod splits;
mod tables;

use std::path::{Path, PathBuf};

use super::{Dataset, DatasetError, ReadOptions, Split};
use crate::files;
use crate::progress::Silent;

/// The images of a class, of one split or (`None`) of those that have none.
fn count(dataset: &Dataset, class: usize, split: Option<Split>) -> usize {
    dataset.samples.iter().filter(|sample| sample.class == class && sample.split == split).count()
}

struct Tree(tempfile::TempDir);

impl Tree {
    /// Images at these paths.
    fn new(images: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for image in images {
            tree.file(image, format!("IMG {image}").as_bytes());
        }
        tree
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside)
    }

    fn file(&self, inside: impl AsRef<Path>, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(inside);
        files::make_folder(path.parent().unwrap()).unwrap();
        files::write(&path, |file| file.write_all(content)).unwrap();
        path
    }

    fn folder(&self, inside: &str) {
        files::make_folder(&self.path(inside)).unwrap();
    }

    fn open(&self) -> Result<Dataset, DatasetError> {
        open(self.0.path(), None)
    }

    /// Each sample as `path class split`, the path from the root.
    fn listed(&self, dataset: &Dataset) -> Vec<String> {
        let row = |sample: &super::Sample| {
            let path = sample.path.strip_prefix(self.0.path()).unwrap_or(&sample.path).display().to_string();
            let split = sample.split.map_or(String::new(), |split: Split| format!(" {split}"));
            format!("{path} {}{split}", dataset.classes.name(sample.class).unwrap())
        };
        dataset.samples.iter().map(row).collect()
    }
}

fn open(path: &Path, positive: Option<&str>) -> Result<Dataset, DatasetError> {
    super::open(path, &ReadOptions::default(), positive, &is_image, &Silent)
}

fn is_image(_: &Path, head: &[u8]) -> bool {
    head.starts_with(b"IMG")
}

/// The message and the hint.
fn complaint<T: std::fmt::Debug>(result: Result<T, DatasetError>) -> (String, String) {
    let error = result.unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default())
}
