//! Warnings given once per run about its photos, cached or not: files of which only the first page is used, and 16-bit
//! photos whose levels do not fit the assumed black and white.

use serde::{Deserialize, Serialize};

use super::Photo;
use crate::pixels::Levels;

/// The minimum number of photos for a warning about low contrast: fewer may well show a wall or fog.
const FEWEST_TO_JUDGE: usize = 4;

/// Counts of unusual photos.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noticed {
    /// Files with several pages or frames, of which only the first is used.
    pub multi_page: usize,
    /// Photos with 16 bits per channel.
    pub sixteen_bit: usize,
    /// 16-bit photos whose largest level is in the lowest sixteenth between black and white: below 15 of 255.
    pub dark: usize,
    /// 16-bit photos with levels far above white.
    pub clipped: usize,
    /// The smallest and the largest 16-bit level of all photos, as stored in the files.
    pub levels: Option<[u16; 2]>,
}

impl Noticed {
    /// Counts a photo that was read with these levels as black and white.
    pub(crate) fn add(&mut self, photo: &Photo, levels: Option<Levels>) {
        self.multi_page += usize::from(photo.pages > 1);
        if let Some(ends) = photo.facts.as_ref().and_then(|facts| facts.levels) {
            self.count(ends, levels);
        }
    }

    fn count(&mut self, [low, high]: [u16; 2], levels: Option<Levels>) {
        let range = levels.unwrap_or(Levels::WHOLE);
        self.sixteen_bit += 1;
        self.dark += usize::from(u32::from(high) < u32::from(range.low) + range.span() / 16);
        self.clipped += usize::from(u32::from(high) > u32::from(range.low) + 4 * range.span());
        let [lowest, highest] = self.levels.unwrap_or([low, high]);
        self.levels = Some([lowest.min(low), highest.max(high)]);
    }

    /// Adds the counts of other photos.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.multi_page += other.multi_page;
        self.sixteen_bit += other.sixteen_bit;
        self.dark += other.dark;
        self.clipped += other.clipped;
        self.levels = match (self.levels, other.levels) {
            (Some([low, high]), Some([lowest, highest])) => Some([low.min(lowest), high.max(highest)]),
            (one, other) => one.or(other),
        };
    }

    /// The message about pages, if any file has several.
    pub(crate) fn of_pages(&self) -> Option<String> {
        let (files, its) = match self.multi_page {
            0 => return None,
            1 => ("1 file has".to_owned(), "its"),
            count => (format!("{count} files have"), "their"),
        };
        Some(format!("{files} several pages or frames: only {its} first is looked at"))
    }

    /// The warning about levels, if any; `remedy` gets levels that fit the photos. A few dark or bright photos among
    /// others are normal and give no warning.
    pub(crate) fn of_levels(&self, levels: Option<Levels>, remedy: &dyn Fn(Levels) -> String) -> Option<String> {
        let ([low, high], all) = (self.levels?, self.sixteen_bit);
        let range = levels.unwrap_or(Levels::WHOLE);
        let white = range.high;
        let quarter = range.span() / 4;
        let is_dark = u32::from(high) < u32::from(range.low) + quarter;
        let is_flat = all >= FEWEST_TO_JUDGE && u32::from(high - low) < quarter;
        if is_dark || is_flat || 2 * self.dark >= all {
            let (count, looks) = match (is_dark, is_flat) {
                (true, _) => (all, "nearly black"),
                (_, true) => (all, "nearly of one shade"),
                _ => (self.dark, "nearly black"),
            };
            let remedy = remedy(fitting(high));
            return Some(format!(
                "{} {looks}: the levels of all go from {low} to {high}, and {white} is white; {remedy}",
                photos(count, all)
            ));
        }
        (2 * self.clipped >= all).then(|| {
            format!(
                "{} clipped: the levels of all go from {low} to {high}, and {white} and above is white to this model",
                photos(self.clipped, all)
            )
        })
    }
}

/// The levels from 0 to the maximum of as many bits as `high` needs.
fn fitting(high: u16) -> Levels {
    let bits = (u16::BITS - high.leading_zeros()).max(1);
    Levels { low: 0, high: u16::MAX >> (u16::BITS - bits) }
}

fn photos(some: usize, all: usize) -> String {
    if all == 1 {
        "a photo with 16 bits a channel is".to_owned()
    } else {
        format!("{some} of {all} photos with 16 bits a channel are")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noticed(photos: &[[u16; 2]], levels: Option<Levels>) -> Noticed {
        let mut noticed = Noticed::default();
        for ends in photos {
            noticed.count(*ends, levels);
        }
        noticed
    }

    fn said(photos: &[[u16; 2]], levels: Option<Levels>) -> String {
        noticed(photos, levels).of_levels(levels, &|fitting| format!("try {fitting}")).unwrap_or_default()
    }

    #[test]
    fn data_of_fewer_bits_is_said_with_its_largest_level_and_the_levels_that_fit_it() {
        let twelve = said(&[[0, 4080], [10, 3000], [5, 4090]], None);
        assert!(twelve.starts_with("3 of 3 photos with 16 bits a channel are nearly black"), "{twelve}");
        assert!(twelve.contains("from 0 to 4090, and 65535 is white; try 0,4095"), "{twelve}");
        assert!(said(&[[0, 1020]], None).starts_with("a photo with 16 bits a channel is nearly black"));
        for (largest, levels) in [(1020, "0,1023"), (12_000, "0,16383"), (255, "0,255"), (0, "0,1")] {
            assert!(said(&[[0, largest]], None).ends_with(&format!("try {levels}")), "{largest}");
        }
        // Signed numbers that were moved up; one alone may be of fog.
        assert!(
            said(&[[32_000, 36_000]; 4], None).starts_with("4 of 4 photos with 16 bits a channel are nearly of one")
        );
        assert_eq!(said(&[[32_000, 36_000]], None), "");
        // Two sources in one folder.
        let mixed = said(&[[0, 65_535], [0, 4000], [0, 3000]], None);
        assert!(mixed.starts_with("2 of 3 photos"), "{mixed}");
    }

    #[test]
    fn a_few_dark_photos_among_others_are_as_they_should_be() {
        assert_eq!(said(&[[0, 65_535], [0, 4000], [100, 60_000]], None), "");
        assert_eq!(said(&[[7000, 21_000], [7000, 20_000], [50_000, 64_000], [50_000, 63_000]], None), "");
        assert_eq!(said(&[], None), "");
        let twelve = Some(Levels { low: 0, high: 4095 });
        assert_eq!(said(&[[0, 4095], [0, 1500], [0, 5000]], twelve), "");
    }

    #[test]
    fn photos_far_beyond_the_models_levels_or_in_a_corner_of_them_are_said() {
        let twelve = Some(Levels { low: 0, high: 4095 });
        let beyond = said(&[[0, 65_535]], twelve);
        assert!(beyond.contains("is clipped: the levels of all go from 0 to 65535"), "{beyond}");
        assert!(
            said(&[[0, 255]], twelve).contains("nearly black: the levels of all go from 0 to 255, and 4095 is white")
        );
    }

    #[test]
    fn pages_are_said_once_with_their_number() {
        let said = |multi_page| Noticed { multi_page, ..Noticed::default() }.of_pages();
        assert_eq!(said(0), None);
        assert_eq!(said(1).unwrap(), "1 file has several pages or frames: only its first is looked at");
        assert_eq!(said(3).unwrap(), "3 files have several pages or frames: only their first is looked at");
    }
}
