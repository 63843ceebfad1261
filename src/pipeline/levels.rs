//! Which levels of 16-bit photos are black and white: chosen once for the photos that are trained on, and said where they
//! do not fit.

use rayon::prelude::*;

use super::PipelineError;
use crate::dataset::{Sample, Split};
use crate::features::Noticed;
use crate::files;
use crate::pixels::{self, Levels, Limits};
use crate::progress::{Interrupted, Progress, Unit};

/// Of all samples this share may be clipped at either end: a few dead pixels or burned-in letters do not decide.
const TAIL: f64 = 0.001;

/// What to do about photos that are nearly black.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Where levels can be given.
    Choose,
    /// Where a model brings its own.
    TrainAgain,
}

/// The levels of photos with 16 bits a channel that all but a thousandth of the samples lie between, every photo weighing
/// about the same; `None` where no photo has 16 bits. Photos of a validation or test split that came with the data have no
/// say. What cannot be read is left to whoever reads it for good.
pub(super) fn choose(
    samples: &[Sample],
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Option<Levels>, PipelineError> {
    let training: Vec<_> = samples.iter().filter(|sample| matches!(sample.split, None | Some(Split::Train))).collect();
    progress.start("levels", Unit::Images, Some(training.len() as u64));
    let empty = || (vec![0_u64; 1 << 16], 0_usize);
    let counted = training.par_iter().try_fold(empty, |(mut counts, mut photos), sample| {
        progress.check()?;
        let found = levels_of(sample, limits).unwrap_or_default();
        photos += usize::from(!found.is_empty());
        for level in found {
            if let Some(count) = counts.get_mut(usize::from(level)) {
                *count += 1;
            }
        }
        progress.advance(1);
        Ok::<_, Interrupted>((counts, photos))
    });
    let both = counted.try_reduce(empty, |(mut counts, photos), (others, more)| {
        counts.iter_mut().zip(others).for_each(|(count, other)| *count += other);
        Ok((counts, photos + more))
    });
    progress.finish();
    let (counts, photos) = both?;
    let levels = between(&counts);
    match levels {
        Some(Levels { low, high }) => progress.note(&format!(
            "levels of 16 bits: {low} is black and {high} is white, by {photos} photos with 16 bits a channel"
        )),
        None => progress.note("levels of 16 bits: no photo has 16 bits a channel, or all of them are of one shade"),
    }
    Ok(levels)
}

/// Some levels of a photo; `None` for one of 8 bits, of which no more than the head is read.
fn levels_of(sample: &Sample, limits: &Limits) -> Option<Vec<u16>> {
    let head = files::head(&sample.path, pixels::HEAD).ok()?;
    if !pixels::may_be_sixteen_bit(&head) {
        return None;
    }
    let bytes = files::read_within(&sample.path, limits.max_file_bytes, limits.max_time).ok()?;
    pixels::sample_levels(&bytes, limits).ok()?
}

/// The levels that all but [`TAIL`] of the samples lie at or above, and at or below.
fn between(counts: &[u64]) -> Option<Levels> {
    let total: u64 = counts.iter().sum();
    #[expect(clippy::cast_sign_loss, reason = "a share of a count")]
    let tail = (total as f64 * TAIL) as u64;
    // Whether a level is the first that more than the tail lies at or before.
    let is_end = |passed: &mut u64, count: u64| {
        *passed += count;
        *passed > tail
    };
    let (mut below, mut above) = (0, 0);
    let low = counts.iter().position(|&count| is_end(&mut below, count))?;
    let high = counts.iter().rposition(|&count| is_end(&mut above, count))?;
    let (low, high) = (u16::try_from(low).ok()?, u16::try_from(high).ok()?);
    (low < high).then_some(Levels { low, high })
}

/// Says what was noticed of the photos of a run, in a line each.
pub(super) fn say(noticed: &Noticed, levels: Option<Levels>, remedy: Remedy, progress: &dyn Progress) {
    let what_to_do = |fitting: Levels| match remedy {
        Remedy::Choose => format!(
            "`--levels auto`, or `--levels {fitting}` where the camera's range is known, says what is black and white"
        ),
        Remedy::TrainAgain => "train again with `--levels auto` on photos like these".to_owned(),
    };
    if let Some(warning) = noticed.of_levels(levels, &what_to_do) {
        progress.warn(&warning);
    }
    if let Some(line) = noticed.of_pages() {
        progress.note(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(levels: &[(usize, u64)]) -> Vec<u64> {
        let mut counts = vec![0; 1 << 16];
        for (level, count) in levels {
            counts[*level] = *count;
        }
        counts
    }

    #[test]
    fn a_few_dead_pixels_do_not_decide_and_what_every_photo_has_does() {
        let of = |levels: &[(usize, u64)]| between(&counts(levels));
        assert_eq!(of(&[(100, 5000), (3000, 5000), (65_535, 9), (0, 3)]), Some(Levels { low: 100, high: 3000 }));
        assert_eq!(of(&[(100, 5000), (3000, 5000), (65_535, 100)]), Some(Levels { low: 100, high: 65_535 }));
        assert_eq!(of(&[(0, 1), (1, 1)]), Some(Levels { low: 0, high: 1 }));
        assert_eq!(of(&[(7, 1000)]), None);
        assert_eq!(of(&[]), None);
    }
}
