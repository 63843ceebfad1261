//! What `--weights` says, and the identity of weights in models and caches.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::manifest::manifest;
use super::{Manifest, WeightsError};
use crate::files::ContentHash;

/// Which weights the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightsSource {
    /// An entry of the manifest.
    Named(String),
    /// A `.safetensors` or `.pth` file.
    File(PathBuf),
    /// Seeded random numbers, for tests and demonstrations.
    Random(u64),
}

impl Default for WeightsSource {
    fn default() -> Self {
        Self::Named(Manifest::DEFAULT.to_owned())
    }
}

impl FromStr for WeightsSource {
    type Err = WeightsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "random" {
            return Ok(Self::Random(0));
        }
        if let Some(seed) = text.strip_prefix("random:") {
            return seed.parse().map(Self::Random).map_err(|_| WeightsError::Seed(seed.to_owned()));
        }
        if manifest()?.entry(text).is_ok() {
            return Ok(Self::Named(text.to_owned()));
        }
        let path = PathBuf::from(text);
        let looks_like_a_path = path.components().count() > 1 || path.extension().is_some();
        if looks_like_a_path || path.exists() {
            return Ok(Self::File(path));
        }
        manifest()?.entry(text).map(|entry| Self::Named(entry.name.clone()))
    }
}

impl fmt::Display for WeightsSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => out.write_str(name),
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Random(seed) => write!(out, "random:{seed}"),
        }
    }
}

/// The identity of weights: two are the same if their checksums are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsId {
    /// Name in the manifest, file name, or `random:SEED`.
    pub name: String,
    /// SHA-256 of the file, in hexadecimal; for random weights that of their name.
    pub sha256: String,
}

impl WeightsId {
    /// Identity of seeded random weights.
    pub(crate) fn random(seed: u64) -> Self {
        let name = WeightsSource::Random(seed).to_string();
        Self { sha256: ContentHash::new(name.as_bytes()).to_string(), name }
    }

    /// The seed, if these are random weights.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.name.strip_prefix("random:")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_paths_and_seeds_are_told_apart() {
        let parse = |text: &str| text.parse::<WeightsSource>();
        assert_eq!(parse("random").unwrap(), WeightsSource::Random(0));
        assert_eq!(parse("random:7").unwrap(), WeightsSource::Random(7));
        assert_eq!(parse("imagenet-v1").unwrap(), WeightsSource::default());
        assert_eq!(parse("a/b").unwrap(), WeightsSource::File("a/b".into()));
        assert_eq!(parse("my.pth").unwrap(), WeightsSource::File("my.pth".into()));
        assert!(parse("random:x").unwrap_err().to_string().contains("`x`"));
        let error = parse("imagenet-v3").unwrap_err();
        assert!(error.hint().unwrap().contains("imagenet-v1"), "{error}");
    }

    #[test]
    fn random_weights_have_an_identity_and_give_their_seed_back() {
        assert_eq!(WeightsId::random(3).seed(), Some(3));
        assert_ne!(WeightsId::random(3).sha256, WeightsId::random(4).sha256);
    }
}
