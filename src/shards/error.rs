//! The errors of feature files, alone and as a set.

use std::path::PathBuf;

use super::Shard;
use crate::files::FileError;

/// What is wrong with a feature file or with a set of shards.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("no files of features in `{}`", place.display())]
    NoParts { place: PathBuf },
    /// Another kind of file, or one of another version of this program.
    #[error("`{}` is not a feature file of this version: {reason}", path.display())]
    NotFeatures { path: PathBuf, reason: String },
    #[error("`{}` (shard {shard}) is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, shard: Shard, reason: String },
    /// Files that divide a list into different numbers of shards.
    #[error("`{}` is of {} shards, `{}` is of {}", first.0.display(), first.1, second.0.display(), second.1)]
    OtherCount { first: (PathBuf, usize), second: (PathBuf, usize) },
    #[error("shard {shard} is there twice: `{}` and `{}`", first.display(), second.display())]
    Twice { shard: Shard, first: PathBuf, second: PathBuf },
    #[error("`{}` and `{}` do not belong together: {what} is {first_is} in one and {second_is} in the other",
        first.display(), second.display())]
    Differ { first: PathBuf, second: PathBuf, what: &'static str, first_is: String, second_is: String },
    #[error("{} of {count} shards are missing: {}", indices.len(), ranges(indices))]
    Missing { indices: Vec<usize>, count: usize },
    /// The photos in the files are not those of the list named in their manifests.
    #[error("the photos in the {count} shards are not the list that they say they are of")]
    OtherList { count: usize },
    /// Another shard, made in another way, is at the output path.
    #[error("`{}` is there already and is another one: {what} is {there} there and {here} here", path.display())]
    There { path: PathBuf, what: &'static str, there: String, here: String },
    #[error("`--levels auto` looks at all photos, and a shard has some of them")]
    AutoLevels,
}

impl ShardError {
    /// Whether retrying the shard would fail again.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::There { .. } | Self::AutoLevels)
    }

    /// Returns advice for the user.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::NoParts { .. } => {
                "give the folder that `extract --shard` wrote into, a pattern in quotes, or one file".to_owned()
            }
            Self::NotFeatures { .. } => "give files that `extract` of this version wrote, or extract again".to_owned(),
            Self::Damaged { path, shard, .. } => {
                format!("remove `{}` and run `extract --shard {shard}` again", path.display())
            }
            Self::OtherCount { .. } => "keep each division of a list in a folder of its own".to_owned(),
            Self::Twice { .. } => "remove one of them".to_owned(),
            Self::Differ { .. } => {
                "extract all shards of one unchanged list with the same options and the same version, such as with \
                 `--precision fp32`"
                    .to_owned()
            }
            Self::Missing { indices, .. } => {
                format!("run them again, such as with `sbatch --array={}`", ranges(indices))
            }
            Self::OtherList { .. } => "extract all shards again".to_owned(),
            Self::There { .. } => "give another folder after `--output`, or move away what is there".to_owned(),
            Self::AutoLevels => "give them as numbers, such as `--levels 0,4095`".to_owned(),
        })
    }
}

/// Formats numbers as the array specification of a job scheduler, such as `3,5-7`.
pub(super) fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let words = runs.into_iter().map(|run| match run {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    words.collect::<Vec<_>>().join(",")
}

impl ShardError {
    /// The missing shards, such as `3,5-7` for a job scheduler, if nothing else is wrong.
    pub(crate) fn missing(&self) -> Option<String> {
        match self {
            Self::Missing { indices, .. } => Some(ranges(indices)),
            _ => None,
        }
    }
}
