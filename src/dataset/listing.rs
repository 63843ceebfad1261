//! The images of a data set with class names, before the names are mapped to class indices.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::{ClassMap, Dataset, DatasetError, Found, Ignored, Sample, Split, Unreadable, classes};
use crate::progress::{Interrupted, Progress};

/// The images and messages from reading a folder, an archive or a CSV.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) images: Vec<Listed>,
    /// The names of all class folders, so that an error can also name those without images.
    pub(super) class_folders: BTreeSet<String>,
    pub(super) ignored: Ignored,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) warnings: Vec<String>,
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Listed {
    pub(super) path: PathBuf,
    pub(super) class: String,
    pub(super) split: Option<Split>,
}

impl Listing {
    pub(super) fn found(&self) -> Found {
        let mut found = Found::default();
        for name in &self.class_folders {
            found.add(name, 0);
        }
        for image in &self.images {
            found.add(&image.class, 1);
        }
        found
    }

    /// Checks that every split has every class. If there are no validation images, removes the split of the training
    /// images, so that they are divided like those of a folder without splits.
    pub(super) fn check_splits(&mut self, path: &Path) -> Result<(), DatasetError> {
        let splits = [Split::Train, Split::Validation, Split::Test];
        let mut counts = splits.map(|split| (split, Found::default()));
        for image in &self.images {
            if let Some((_, found)) = counts.iter_mut().find(|(split, _)| image.split == Some(*split)) {
                found.add(&image.class, 1);
            }
        }
        let used = || counts.iter().filter(|(_, found)| found.images() > 0);
        let is_used = |wanted| used().any(|(split, _)| *split == wanted);
        if used().next().is_some() && !is_used(Split::Train) {
            let splits = used().map(|(split, _)| *split).collect();
            return Err(DatasetError::NoTraining { path: path.to_path_buf(), splits });
        }
        let all = self.found().with_images();
        for (split, found) in used() {
            let missing = all.names().find(|name| found.count(name) == 0);
            if let Some(class) = missing {
                let elsewhere = used().find(|(_, other)| other.count(class) > 0).map_or(*split, |(other, _)| *other);
                return Err(DatasetError::MissingClass {
                    class: class.to_owned(),
                    split: *split,
                    elsewhere,
                    found: found.clone(),
                });
            }
        }
        if !is_used(Split::Validation) {
            for image in &mut self.images {
                image.split = image.split.filter(|split| *split == Split::Test);
            }
        }
        Ok(())
    }

    /// Merges class names that differ only in their spelling, with a warning.
    pub(super) fn unite_spellings(&mut self) -> Result<(), DatasetError> {
        let found = self.found();
        let chosen = classes::one_spelling(&found)?;
        let mut spellings: BTreeMap<&String, Vec<String>> = BTreeMap::new();
        for (name, one) in &chosen {
            let counted = format!("`{name}` ({})", classes::images_in_words(found.count(name)));
            spellings.entry(one).or_default().push(counted);
        }
        for (one, spellings) in spellings.iter().filter(|(_, spellings)| spellings.len() > 1) {
            let spellings = spellings.join(" and ");
            self.warnings.push(format!("{spellings} are taken as one class, `{one}`: only the spelling differs"));
        }
        let of = |name: &String| chosen.get(name).unwrap_or(name).clone();
        self.class_folders = self.class_folders.iter().map(of).collect();
        self.images.iter_mut().for_each(|image| image.class = of(&image.class));
        Ok(())
    }

    pub(super) fn with_classes(mut self, classes: ClassMap) -> Result<Dataset, DatasetError> {
        let mut samples = Vec::with_capacity(self.images.len());
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for Listed { path, class: name, split } in self.images {
            let class = match places.get(&name) {
                Some(class) => *class,
                None => match classes.index(&name) {
                    Some(class) => class,
                    None => {
                        return Err(DatasetError::UnknownClass { class: name, path, known: classes.names().to_vec() });
                    }
                },
            };
            samples.push(Sample { path, class, split });
            places.insert(name, class);
        }
        for (name, class) in places {
            let own = classes.name(class).unwrap_or_default();
            if name != own {
                self.warnings.push(format!("`{name}` is taken as the class `{own}`: only the spelling differs"));
            }
        }
        samples.sort_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
        let Self { ignored, unreadable, warnings, notes, .. } = self;
        Ok(Dataset { samples, classes, ignored, unreadable, warnings, notes, decided: HashSet::new() })
    }
}

/// The bytes of a path, by which paths are sorted: independent of locale and file system.
pub(super) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// Checks for an interrupt once every 1024 units of work.
pub(super) fn go_on(progress: &dyn Progress, done: usize) -> Result<(), Interrupted> {
    if done.is_multiple_of(1024) { progress.check() } else { Ok(()) }
}
