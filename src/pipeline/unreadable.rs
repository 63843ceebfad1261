//! What to do about photos that cannot be read, and how many of them are too many.

use std::str::FromStr;

use super::PipelineError;
use crate::dataset::Unreadable;

/// What to do about a photo that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum OnUnreadable {
    /// Report it and continue.
    #[default]
    Skip,
    /// Stop at the first one.
    Fail,
}

/// How many photos may be left out: where a drive has gone, all of them would be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxUnreadable {
    /// So many of a hundred.
    Percent(f64),
    /// So many.
    Photos(usize),
}

impl MaxUnreadable {
    /// Whether these are too many among photos of which so many could be read.
    ///
    /// # Errors
    /// [`PipelineError::TooManyUnreadable`]
    pub(super) fn check(limit: Option<Self>, unreadable: &[Unreadable], read: usize) -> Result<(), PipelineError> {
        let (Some(first), Some(limit)) = (unreadable.first(), limit) else { return Ok(()) };
        let first = format!("`{}`: {}", first.path.display(), first.reason);
        limit.check_count(unreadable.len(), unreadable.len() + read, first)
    }

    /// The same of their number, with one of them and its reason.
    pub(super) fn check_count(self, unreadable: usize, total: usize, first: String) -> Result<(), PipelineError> {
        let is_too_many = match self {
            Self::Percent(percent) => unreadable as f64 * 100.0 > percent * total as f64,
            Self::Photos(most) => unreadable > most,
        };
        if is_too_many { Err(PipelineError::TooManyUnreadable { unreadable, total, first }) } else { Ok(()) }
    }
}

/// `5%`, or a number of photos.
impl FromStr for MaxUnreadable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "give a share such as `5%`, or a number of photos".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
                if (0.0..=100.0).contains(&percent) { Ok(Self::Percent(percent)) } else { Err(wrong()) }
            }
            None => text.parse().map(Self::Photos).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_or_a_number_is_the_most_that_may_be_left_out() {
        let is_fine = |limit: &str, unreadable, total| {
            limit.parse::<MaxUnreadable>().unwrap().check_count(unreadable, total, String::new()).is_ok()
        };
        assert!(is_fine("5%", 5, 100) && !is_fine("5%", 6, 100) && is_fine("0%", 0, 0) && !is_fine("0%", 1, 100));
        assert!(is_fine("2", 2, 2) && !is_fine("2", 3, 1000));
        for text in ["", "%", "-1%", "101%", "1.5", "nan%", "-1"] {
            assert!(text.parse::<MaxUnreadable>().is_err(), "{text}");
        }
    }
}
