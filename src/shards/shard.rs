//! The photos of a list that one machine processes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Every [`Shard::count`]-th photo of a list, starting with photo [`Shard::index`]; this balances classes and sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shard {
    /// The index, from 0.
    pub index: usize,
    /// The number of shards.
    pub count: usize,
}

impl Shard {
    /// The single shard that is the whole list.
    pub(crate) const WHOLE: Self = Self { index: 0, count: 1 };

    /// The number of photos of a list of `total` in this shard.
    pub(crate) fn len(self, total: usize) -> usize {
        total.saturating_sub(self.index).div_ceil(self.count.max(1))
    }

    /// The position in the list of the shard's photo number `place`.
    pub(crate) fn position(self, place: usize) -> usize {
        self.index.saturating_add(place.saturating_mul(self.count))
    }

    /// The photos of a list in this shard.
    pub(crate) fn take<T>(self, list: Vec<T>) -> Vec<T> {
        list.into_iter().skip(self.index).step_by(self.count.max(1)).collect()
    }

    /// The file name of the shard.
    pub(crate) fn file_name(self) -> String {
        format!("part-{}-of-{}.safetensors", self.index, self.count)
    }
}

/// Writes `I/N`, as `--shard` takes it.
impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        let Some((index, count)) = numbers else {
            return Err("give the shard and the number of shards, such as 0/8 for the first of eight".to_owned());
        };
        if index < count {
            return Ok(Self { index, count });
        }
        Err(match count {
            0 => "there is no shard of none: give at least 1 after the `/`".to_owned(),
            _ => format!("shards count from 0, so the last of {count} is {}/{count}", count - 1),
        })
    }
}
