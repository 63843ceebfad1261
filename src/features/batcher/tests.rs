use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tch::Device;

use super::*;
use crate::backbone::{Backbone, LazyBackbone, Readout, Target, layout};
use crate::features::{Cache, Extractor, FeatureMatrix, Inputs, Workload};
use crate::files;
use crate::pixels::Limits;
use crate::progress::{Interrupted, Progress, Silent, Unit};
use crate::weights::WeightsId;

/// A PPM of one shade: its crop is that shade throughout.
fn photo(folder: &Path, number: usize) -> PathBuf {
    let path = folder.join(format!("{number:04}.ppm"));
    files::write(&path, |file| {
        file.write_all(b"P6 40 40 255\n")?;
        file.write_all(&vec![(number % 251) as u8; 40 * 40 * 3])
    })
    .unwrap();
    path
}

/// Feeds `devices` stand-ins, all of them the CPU.
fn with_fed<T>(
    devices: usize,
    workers: usize,
    batch: usize,
    cache: Option<&Cache>,
    test: impl FnOnce(&Extractor<'_>) -> T,
) -> T {
    let backbone = LazyBackbone::new(WeightsId::random(0), Target::CPU, || Backbone::random(0, Target::CPU));
    let backbone = backbone.on(vec![Device::Cpu; devices]);
    let (preprocess, limits) = (Preprocess::with_image_size(32), Limits::default());
    test(&Extractor {
        backbone: &backbone,
        preprocess: &preprocess,
        limits: &limits,
        workload: Workload { workers, threads_per_worker: 1, batch, feeds: devices > 0 },
        cache,
        facts: false,
        border: false,
        readout: Readout::default(),
    })
}

/// A device that gives the shade of each crop, and refuses batches that are too large.
struct Fake<'a> {
    largest: usize,
    in_hand: AtomicUsize,
    sizes: &'a Mutex<Vec<(usize, usize)>>,
    fails_at: usize,
}

impl BatchRunner for Fake<'_> {
    type InFlight = Pooled;

    fn submit(&self, crops: &[Crop], room: usize) -> Result<Pooled, BackboneError> {
        let mut sizes = self.sizes.lock().unwrap();
        sizes.push((crops.len(), room));
        if sizes.len() > self.fails_at {
            return Err(BackboneError::Device("CUDA error: unspecified launch failure".to_owned()));
        }
        if room > self.largest {
            return Err(BackboneError::OutOfMemory);
        }
        assert!(self.in_hand.fetch_add(1, Ordering::SeqCst) < 2, "the device holds two batches already");
        let row = |crop: &Crop| vec![f32::from(crop.rgb[0]); layout::FEATURES];
        Ok(Pooled { whole: crops.iter().flat_map(row).collect(), ..Pooled::default() })
    }

    fn wait(&self, in_flight: Pooled) -> Result<(Pooled, Duration), BackboneError> {
        self.in_hand.fetch_sub(1, Ordering::SeqCst);
        Ok((in_flight, Duration::from_micros(1)))
    }
}

/// The first feature of every row, in the order in which they come.
fn shades(extractor: &Extractor<'_>, inputs: &mut dyn Inputs, fake: (usize, usize)) -> Result<Shades, FeatureError> {
    let sizes = Mutex::new(Vec::new());
    let mut given = Vec::new();
    let open = |_| Ok(Fake { largest: fake.0, in_hand: AtomicUsize::new(0), sizes: &sizes, fails_at: fake.1 });
    let mut sink = |_: PathBuf, photo: Result<crate::features::Photo, _>| {
        given.push(photo.ok().and_then(|photo| photo.features.first().copied()));
        ControlFlow::Continue(())
    };
    extractor.stream_on(inputs, &Silent, &mut sink, &open)?;
    let sizes = sizes.into_inner().unwrap();
    Ok((given, sizes))
}

type Shades = (Vec<Option<f32>>, Vec<(usize, usize)>);

#[test]
fn one_feeder_and_two_give_the_bits_that_workers_of_their_own_give() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths: Vec<_> = (0..37).map(|number| photo(folder.path(), number)).collect();
    paths.insert(20, folder.path().join("missing.ppm"));
    let rows = |devices, workers, batch| {
        with_fed(devices, workers, batch, None, |extractor| {
            let mut rows = FeatureMatrix::new(layout::FEATURES);
            let extraction = extractor.all(&paths, false, &mut rows, &Silent).unwrap();
            assert_eq!(extraction.unreadable.len(), 1);
            (extraction.rows, rows)
        })
    };
    let own = rows(0, 2, 4);
    for (devices, workers, batch) in [(1, 2, 8), (2, 3, 5), (2, 1, 64)] {
        let fed = rows(devices, workers, batch);
        assert_eq!(fed.0, own.0);
        assert!(fed.1.values() == own.1.values(), "{devices} devices, {workers} workers, batches of {batch}");
    }
}

#[test]
fn running_out_of_memory_halves_the_batch_and_keeps_every_photo_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..90).map(|number| photo(folder.path(), number)).collect();
    with_fed(1, 2, 32, None, |extractor| {
        let (given, sizes) = shades(extractor, &mut paths.iter(), (5, usize::MAX)).unwrap();
        assert_eq!(given, (0..90).map(|number| Some(number as f32)).collect::<Vec<_>>());
        let done = sizes.iter().filter(|(_, room)| *room <= 5).map(|(crops, _)| crops).sum::<usize>();
        assert_eq!(done, 90);
        // 32 was refused, 16 and 8 were tried on the way to 4, and none of them again.
        assert!(sizes.iter().filter(|(_, room)| *room > 5).count() <= 4, "{sizes:?}");
    });
    let nothing = with_fed(1, 2, 4, None, |extractor| shades(extractor, &mut paths.iter(), (0, usize::MAX)));
    assert!(matches!(nothing, Err(FeatureError::Backbone(BackboneError::OutOfMemory))));
}

#[test]
fn a_device_that_fails_ends_the_run_with_its_error() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..200).map(|number| photo(folder.path(), number)).collect();
    for devices in [1, 3] {
        let failed = with_fed(devices, 2, 8, None, |extractor| shades(extractor, &mut paths.iter(), (usize::MAX, 5)));
        assert!(matches!(failed, Err(FeatureError::Backbone(BackboneError::Device(_)))), "{failed:?}");
    }
}

#[test]
fn a_network_that_cannot_be_opened_ends_the_run_and_nobody_waits_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..200).map(|number| photo(folder.path(), number)).collect();
    with_fed(2, 2, 8, None, |extractor| {
        let open = |_| Err::<Fake<'_>, _>(BackboneError::NoGpu);
        let mut sink = |_, _| ControlFlow::Continue(());
        let failed = extractor.stream_on(&mut paths.iter(), &Silent, &mut sink, &open);
        assert!(matches!(failed, Err(FeatureError::Backbone(BackboneError::NoGpu))));
    });
}

/// Photos one by one, each when the one before it was answered.
struct OneByOne<'a> {
    paths: std::slice::Iter<'a, PathBuf>,
    answered: &'a AtomicUsize,
    given: usize,
}

impl Inputs for OneByOne<'_> {
    fn next(&mut self, _: usize) -> Vec<PathBuf> {
        while self.answered.load(Ordering::SeqCst) < self.given {
            std::thread::sleep(Duration::from_millis(1));
        }
        let next = Inputs::next(&mut self.paths, 1);
        self.given += next.len();
        next
    }
}

#[test]
fn a_photo_is_answered_before_the_next_one_comes() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..3).map(|number| photo(folder.path(), number)).collect();
    let answered = AtomicUsize::new(0);
    with_fed(1, 2, 16, None, |extractor| {
        let mut inputs = OneByOne { paths: paths.iter(), answered: &answered, given: 0 };
        let mut sink = |_, _| {
            answered.fetch_add(1, Ordering::SeqCst);
            ControlFlow::Continue(())
        };
        extractor.stream(&mut inputs, &Silent, &mut sink).unwrap();
    });
    assert_eq!(answered.into_inner(), 3);
}

/// A list that remembers how far it was read beyond what was answered.
struct Ahead<'a> {
    paths: std::slice::Iter<'a, PathBuf>,
    answered: &'a AtomicUsize,
    given: usize,
    most: &'a AtomicUsize,
}

impl Inputs for Ahead<'_> {
    fn next(&mut self, at_most: usize) -> Vec<PathBuf> {
        let paths = Inputs::next(&mut self.paths, at_most);
        self.given += paths.len();
        self.most.fetch_max(self.given - self.answered.load(Ordering::SeqCst), Ordering::SeqCst);
        paths
    }
}

#[test]
fn decoding_runs_ahead_of_a_slow_reader_by_a_fixed_number_of_photos() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..600).map(|number| photo(folder.path(), number)).collect();
    let (answered, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    with_fed(1, 2, 16, None, |extractor| {
        let mut inputs = Ahead { paths: paths.iter(), answered: &answered, given: 0, most: &most };
        let mut sink = |_, _| {
            if answered.fetch_add(1, Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(700));
            }
            ControlFlow::Continue(())
        };
        let sizes = Mutex::new(Vec::new());
        let open = |_| Ok(Fake { largest: 99, in_hand: AtomicUsize::new(0), sizes: &sizes, fails_at: usize::MAX });
        extractor.stream_on(&mut inputs, &Silent, &mut sink, &open).unwrap();
    });
    // 4 · (2 workers + 2 chunks of a batch) permits of 8 photos.
    assert!((17..=128).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    assert_eq!(answered.into_inner(), 600);
}

/// Asks for the end after some photos.
struct StopAfter(usize, AtomicUsize, AtomicBool);

impl Progress for StopAfter {
    fn start(&self, _: &str, _: Unit, _: Option<u64>) {}
    fn advance(&self, units: u64) {
        let done = self.1.fetch_add(usize::try_from(units).unwrap(), Ordering::SeqCst);
        self.2.fetch_or(done >= self.0, Ordering::SeqCst);
    }
    fn finish(&self) {}
    fn note(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn check(&self) -> Result<(), Interrupted> {
        if self.2.load(Ordering::SeqCst) { Err(Interrupted) } else { Ok(()) }
    }
}

#[test]
fn an_interrupt_ends_the_run_and_leaves_the_cache_whole() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..251).map(|number| photo(folder.path(), number)).collect();
    let cache = Cache::open(&folder.path().join("cache")).unwrap();
    let run = |progress: &dyn Progress| {
        with_fed(2, 2, 8, Some(&cache), |extractor| {
            let mut rows = FeatureMatrix::new(layout::FEATURES);
            extractor.all(&paths, false, &mut rows, progress).map(|extraction| (extraction.from_cache, rows))
        })
    };
    let stopped = run(&StopAfter(40, AtomicUsize::new(0), AtomicBool::new(false)));
    assert!(matches!(stopped, Err(FeatureError::Interrupted(_))));
    let kept = cache.info().unwrap().features;
    assert!((40..251).contains(&kept), "{kept}");
    let (from_cache, rows) = run(&Silent).unwrap();
    assert_eq!(from_cache as u64, kept);
    let (_, computed) = with_fed(0, 2, 4, None, |extractor| {
        let mut rows = FeatureMatrix::new(layout::FEATURES);
        extractor.all(&paths, false, &mut rows, &Silent).map(|extraction| (extraction.from_cache, rows)).unwrap()
    });
    assert!(rows.values() == computed.values());
}
