//! What features of very many photos would take, by a measurement on a few of them.

use std::fmt;
use std::time::Instant;

use super::extract::ExtractOptions;
use super::{BackboneOptions, PipelineError};
use crate::backbone::device;
use crate::backbone::layout::FEATURES;
use crate::dataset::{Dataset, subset};
use crate::features::FeatureMatrix;
use crate::files::{escaped, shell_word};
use crate::progress::Progress;

/// Photos that are measured, evenly of all classes.
const MEASURED: usize = 64;

/// A scheduler takes seconds for a task, and a task that is killed is done again: between the two.
const SHARD_SECONDS: f64 = 600.0;

/// A start may cost so much of a shard's time.
const START_SHARE: f64 = 0.01;

/// Slurm numbers the tasks of an array up to 1000, unless it is set up for more (slurm.conf(5), `MaxArraySize`).
const MAX_SHARDS: usize = 1000;

/// Machines at once, for an example.
const MACHINES: usize = 20;

/// Bytes of a photo in a file besides its numbers, its facts and its path: a hash, its split and five places.
const BESIDE: usize = 32 + 1 + 5 * 8;

/// What was measured, and what follows from it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Photos that are planned for.
    pub photos: usize,
    /// Photos that were measured.
    pub measured: usize,
    /// Seconds of a photo more.
    pub seconds_per_photo: f64,
    /// Seconds of a shard before its first photo.
    pub start_seconds: f64,
    /// Bytes of a photo in the files.
    pub bytes_per_photo: usize,
    /// Threads that worked.
    pub threads: usize,
    /// The device and the arithmetic.
    pub network: String,
    /// The folder or table, as a word of a command.
    pub data: String,
    /// The options that make the same rows, where they are not the usual ones.
    pub options: String,
}

/// Measures the extraction of some photos, without the cache.
///
/// # Errors
/// [`PipelineError`] as `extract` would give it.
pub(crate) fn plan(options: &ExtractOptions, photos: usize, progress: &dyn Progress) -> Result<Plan, PipelineError> {
    let options = &ExtractOptions {
        auto_levels: false,
        backbone: BackboneOptions { cache: None, ..options.backbone.clone() },
        ..options.clone()
    };
    let reading = options.reading();
    let (found, _) = reading.find(&[], None, progress)?;
    let classes: Vec<usize> = found.samples.iter().map(|sample| sample.class).collect();
    let each_its_own: Vec<usize> = (0..classes.len()).collect();
    let chosen = subset::evenly(&classes, &each_its_own, MEASURED);
    let run = |places: &[usize]| {
        let samples = places.iter().filter_map(|&place| found.samples.get(place).cloned()).collect();
        let some = Dataset { samples, ..found.clone() };
        let started = Instant::now();
        let photos = reading.read(&some, reading.open(progress)?, &mut FeatureMatrix::new(FEATURES), progress)?;
        Ok::<_, PipelineError>((photos, started.elapsed().as_secs_f64()))
    };
    let (read, all_seconds) = run(&chosen)?;
    // A line through two points: what one photo takes is nearly all start.
    let (_, one_seconds) = run(chosen.get(..1).unwrap_or_default())?;
    let measured = chosen.len();
    let seconds_per_photo = ((all_seconds - one_seconds) / measured.saturating_sub(1).max(1) as f64).max(1e-6);
    let facts = read.extraction.facts.iter().map(|facts| facts.to_bytes().len());
    let paths = read.samples.iter().map(|sample| sample.path.as_os_str().len());
    let beside = facts.zip(paths).map(|(facts, path)| facts + path).sum::<usize>().div_ceil(read.samples.len().max(1));
    Ok(Plan {
        photos,
        measured,
        seconds_per_photo,
        start_seconds: (one_seconds - seconds_per_photo).max(0.0),
        bytes_per_photo: FEATURES * options.row_type.bytes() + beside + BESIDE,
        threads: options.backbone.workload(read.target.device, None).workers,
        network: format!("{} in {}", device::name(read.backbone.devices()), read.target.precision),
        data: shell_word(&escaped::text(&options.data)),
        options: same_rows(options),
    })
}

/// The options of a command that makes the same rows, where they are not the usual ones.
fn same_rows(options: &ExtractOptions) -> String {
    let usual = ExtractOptions::new("", "");
    let weights = options.backbone.weights.as_ref().filter(|given| Some(*given) != usual.backbone.weights.as_ref());
    let weights = weights.map(|given| format!("--weights {}", shell_word(&given.to_string())));
    let size = options.preprocess.crop;
    let size = (size != usual.preprocess.crop).then(|| format!("--image-size {size}"));
    let row_type = options.row_type;
    let row_type = (row_type != usual.row_type).then(|| format!("--rows {}", row_type.name()));
    weights.into_iter().chain(size).chain(row_type).collect::<Vec<_>>().join(" ")
}

impl Plan {
    /// How many shards: of a length that neither starts nor kills cost much of, and no more than a scheduler takes.
    pub(crate) fn shards(&self) -> usize {
        let seconds = (self.start_seconds / START_SHARE).max(SHARD_SECONDS);
        let shards = (self.photos as f64 * self.seconds_per_photo / seconds).ceil();
        #[expect(clippy::cast_sign_loss, reason = "times and counts are not negative")]
        let shards = shards as usize;
        shards.clamp(1, MAX_SHARDS)
    }

    /// Hours of one such machine.
    pub(crate) fn hours(&self) -> f64 {
        (self.photos as f64 * self.seconds_per_photo + self.shards() as f64 * self.start_seconds) / 3600.0
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { photos, measured, threads, network, data, .. } = self;
        let (shards, hours, rate) = (self.shards(), self.hours(), 1.0 / self.seconds_per_photo);
        let (last, start) = (shards - 1, self.start_seconds);
        let words = if *threads == 1 { "thread" } else { "threads" };
        writeln!(
            out,
            "measured    {measured} photos: {rate:.1} images/s by {threads} {words} on {network}, {start:.1} s to start"
        )?;
        let minutes = hours * 60.0 / shards as f64;
        writeln!(out, "shards      {shards} of {} photos, {minutes:.0} minutes each", photos.div_ceil(shards))?;
        let machines = MACHINES.min(shards);
        writeln!(
            out,
            "time        {hours:.1} hours of such a machine, {:.1} of {machines} at once",
            hours / machines as f64
        )?;
        let disk = *photos as f64 * self.bytes_per_photo as f64 / 1e9;
        writeln!(out, "disk        {disk:.1} GB of features, {} bytes a photo", self.bytes_per_photo)?;
        let more = if self.options.is_empty() { String::new() } else { format!(" {}", self.options) };
        let variable = if more.is_empty() { more.clone() } else { format!(" OPTIONS={}", shell_word(&self.options)) };
        writeln!(
            out,
            "\nSlurm       DATA={data} SHARDS={shards}{variable} sbatch --array=0-{last}%{machines} --cpus-per-task={threads} extract.sbatch"
        )?;
        writeln!(out, "Ray         python extract.py {data} {shards} shards {threads}{more}")?;
        writeln!(out, "Spark       spark-submit extract.py {data} {shards} shards {threads}{more}")?;
        writeln!(out, "Kubernetes  job.yaml with `completions: {shards}` and SHARDS of {shards}")?;
        writeln!(
            out,
            "by hand     for i in $(seq 0 {last}); do resnet-binary extract --data {data} --shard $i/{shards} --output shards{more}; done"
        )?;
        writeln!(out, "then        resnet-binary merge shards && resnet-binary train --features shards")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_take_ten_minutes_unless_starts_or_the_scheduler_say_otherwise() {
        let shards = |photos, seconds_per_photo, start_seconds| {
            let (network, data) = (String::new(), String::new());
            let plan = Plan {
                photos,
                measured: 64,
                seconds_per_photo,
                start_seconds,
                bytes_per_photo: 0,
                threads: 1,
                network,
                data,
                options: String::new(),
            };
            plan.shards()
        };
        assert_eq!(shards(1_000_000, 0.14, 1.0), 234);
        assert_eq!(shards(1_000_000, 0.14, 60.0), 24);
        assert_eq!(shards(1_000_000_000, 0.14, 1.0), MAX_SHARDS);
        assert_eq!((shards(10, 0.14, 1.0), shards(0, 0.14, 1.0)), (1, 1));
    }
}
