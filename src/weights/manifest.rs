//! The weights that are known by name, from `weights/manifest.toml`.

use serde::Deserialize;

use super::WeightsError;

/// One known weights file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// What `--weights` calls it.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Where it is published, pinned to a revision.
    pub url: String,
    /// SHA-256 in hexadecimal, whole or its first 8 digits where the publisher states no more.
    pub sha256: String,
    /// Size in millions of bytes, rounded.
    pub megabytes: u64,
    /// SPDX name of the licence.
    pub licence: String,
    /// ImageNet top-1 accuracy in percent, as the publisher states it.
    pub top1: Option<f64>,
    /// Always ResNet-50.
    pub architecture: String,
}

impl Entry {
    /// Name of the file in the folders that are looked in.
    pub(crate) fn file_name(&self) -> String {
        let short = self.sha256.get(..8).unwrap_or(&self.sha256);
        let extension = self.url.rsplit('.').next().unwrap_or("safetensors");
        format!("resnet50-{}-{short}.{extension}", self.name)
    }

    /// A download larger than this is cut off.
    pub(crate) fn most_bytes(&self) -> u64 {
        (self.megabytes + 2) * 1_000_000
    }

    /// Whether a file with this checksum is the one.
    pub(crate) fn matches(&self, sha256: &str) -> bool {
        sha256.starts_with(&self.sha256)
    }
}

/// All known weights.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    default: String,
    weights: Vec<Entry>,
}

impl Manifest {
    /// The weights that are used where none are named.
    pub(crate) const DEFAULT: &str = "imagenet-v1";

    /// In the order of the file, the default first.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.weights
    }

    /// The entry of a name.
    ///
    /// # Errors
    /// [`WeightsError::UnknownName`] with the names there are.
    pub(crate) fn entry(&self, name: &str) -> Result<&Entry, WeightsError> {
        self.weights.iter().find(|entry| entry.name == name).ok_or_else(|| WeightsError::UnknownName {
            name: name.to_owned(),
            known: self.weights.iter().map(|entry| entry.name.clone()).collect(),
        })
    }
}

/// Reads the embedded manifest.
///
/// # Errors
/// [`WeightsError::Manifest`] if this build embedded a broken one.
pub(crate) fn manifest() -> Result<Manifest, WeightsError> {
    toml::from_str(include_str!("../../weights/manifest.toml"))
        .map_err(|error| WeightsError::Manifest(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_pinned_checked_and_named_once() {
        let manifest = manifest().unwrap();
        assert_eq!(manifest.default, Manifest::DEFAULT);
        assert_eq!(manifest.entries()[0].name, Manifest::DEFAULT);
        assert!(manifest.entries().len() >= 4);
        for entry in manifest.entries() {
            assert!(entry.url.starts_with("https://"), "{}", entry.url);
            assert!(matches!(entry.sha256.len(), 8 | 64), "{}", entry.sha256);
            assert!(entry.sha256.chars().all(|digit| digit.is_ascii_hexdigit() && !digit.is_ascii_uppercase()));
            assert_eq!(manifest.entries().iter().filter(|other| other.name == entry.name).count(), 1);
        }
        assert_eq!(manifest.entry("imagenet-v1").unwrap().file_name(), "resnet50-imagenet-v1-5d061a3c.safetensors");
    }
}
