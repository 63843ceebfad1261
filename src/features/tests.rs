use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::*;
use crate::backbone::{Backbone, BackboneError, LazyBackbone, Readout, Target, layout};
use crate::files;
use crate::pixels::{Limits, Preprocess};
use crate::progress::{Interrupted, Progress, Silent};
use crate::weights::WeightsId;

/// A photo that any decoder reads: binary PPM.
fn photo(folder: &Path, name: &str, shade: u8) -> PathBuf {
    let path = folder.join(name);
    files::write(&path, |file| {
        file.write_all(b"P6 40 40 255\n")?;
        file.write_all(&vec![shade; 40 * 40 * 3])
    })
    .unwrap();
    path
}

/// Runs the list and keeps the rows.
fn all(
    extractor: &Extractor<'_>,
    paths: &[PathBuf],
    stop_at_unreadable: bool,
    progress: &dyn Progress,
) -> Result<(Extraction, FeatureMatrix), FeatureError> {
    let mut rows = FeatureMatrix::new(layout::FEATURES);
    let extraction = extractor.all(paths, stop_at_unreadable, &mut rows, progress)?;
    Ok((extraction, rows))
}

fn with_extractor<T>(workers: usize, batch: usize, test: impl FnOnce(&Extractor<'_>) -> T) -> T {
    let backbone = LazyBackbone::new(WeightsId::random(0), Target::CPU, || Backbone::random(0, Target::CPU));
    let (preprocess, limits) = (Preprocess::with_image_size(32), Limits::default());
    let workload = Workload { workers, threads_per_worker: 1, batch, feeds: false };
    test(&Extractor {
        backbone: &backbone,
        preprocess: &preprocess,
        limits: &limits,
        workload,
        cache: None,
        facts: false,
        border: false,
        readout: Readout::default(),
    })
}

#[test]
fn rows_come_in_input_order_with_unreadable_photos_set_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths: Vec<_> = (0..11).map(|n| photo(folder.path(), &format!("{n}.ppm"), n * 20)).collect();
    paths.insert(5, folder.path().join("missing.ppm"));
    let one = with_extractor(1, 1, |extractor| all(extractor, &paths, false, &Silent).unwrap());
    let many = with_extractor(3, 2, |extractor| all(extractor, &paths, false, &Silent).unwrap());
    for (extraction, _) in [&one, &many] {
        assert_eq!(extraction.rows, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
        assert_eq!(extraction.unreadable.len(), 1);
        assert_eq!(extraction.unreadable[0].0, 5);
        assert_eq!(extraction.unreadable[0].1.reason(), "no such file or folder");
    }
    assert_eq!(one.0.hashes, many.0.hashes);
    // Bit by bit: neither the number of workers nor the batch has a part in it.
    assert_eq!(one.1.values(), many.1.values());
}

#[test]
fn the_first_unreadable_photo_ends_the_work_when_the_caller_wants_that() {
    let folder = tempfile::tempdir().unwrap();
    let paths = vec![photo(folder.path(), "a.ppm", 9), folder.path().join("gone.jpg")];
    let error = with_extractor(1, 4, |extractor| all(extractor, &paths, true, &Silent).unwrap_err());
    assert!(error.to_string().contains("gone.jpg"), "{error}");
}

#[test]
fn a_sink_that_breaks_ends_the_work_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..40).map(|n| photo(folder.path(), &format!("{n}.ppm"), n)).collect();
    let mut seen = 0;
    with_extractor(2, 1, |extractor| {
        extractor
            .stream(&mut paths.iter(), &Silent, &mut |_, _| {
                seen += 1;
                if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
    });
    assert_eq!(seen, 3);
}

#[test]
fn an_interrupt_is_an_error_of_its_own() {
    struct Stop;
    impl Progress for Stop {
        fn start(&self, _: &str, _: crate::progress::Unit, _: Option<u64>) {}
        fn advance(&self, _: u64) {}
        fn finish(&self) {}
        fn note(&self, _: &str) {}
        fn warn(&self, _: &str) {}
        fn check(&self) -> Result<(), Interrupted> {
            Err(Interrupted)
        }
    }
    let paths = vec![PathBuf::from("never-read.jpg")];
    let error = with_extractor(2, 1, |extractor| all(extractor, &paths, false, &Stop).unwrap_err());
    assert!(matches!(error, FeatureError::Interrupted(_)));
}

#[test]
fn what_is_in_the_cache_is_not_computed_again_and_loads_no_network() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(&folder.path().join("cache")).unwrap();
    let mut paths: Vec<_> = (0..5).map(|n| photo(folder.path(), &format!("{n}.ppm"), n * 20)).collect();
    let run = |backbone: &LazyBackbone, size, paths: &[PathBuf]| {
        let (preprocess, limits) = (Preprocess::with_image_size(size), Limits::default());
        let workload = Workload { workers: 2, threads_per_worker: 1, batch: 2, feeds: false };
        let extractor = Extractor {
            backbone,
            preprocess: &preprocess,
            limits: &limits,
            workload,
            cache: Some(&cache),
            facts: true,
            border: false,
            readout: Readout::default(),
        };
        all(&extractor, paths, false, &Silent)
    };
    let backbone = LazyBackbone::new(WeightsId::random(0), Target::CPU, || Backbone::random(0, Target::CPU));
    let cold = run(&backbone, 32, &paths).unwrap();
    assert_eq!(cold.0.from_cache, 0);

    let never = LazyBackbone::new(WeightsId::random(0), Target::CPU, || panic!("the network was loaded"));
    let renamed = folder.path().join("renamed.ppm");
    std::fs::copy(&paths[1], &renamed).unwrap();
    paths[1] = renamed;
    let warm = run(&never, 32, &paths).unwrap();
    assert_eq!(warm.0.from_cache, 5);
    assert_eq!(warm.1.values(), cold.1.values());
    // Computed or read, the facts are the same.
    assert_eq!((warm.0.facts.len(), &warm.0.facts), (5, &cold.0.facts));

    paths[3] = photo(folder.path(), "changed.ppm", 61);
    assert_eq!(run(&backbone, 32, &paths).unwrap().0.from_cache, 4);
    assert_eq!(run(&backbone, 64, &paths).unwrap().0.from_cache, 0);
}

#[test]
fn a_network_that_cannot_be_loaded_is_the_error_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let paths = vec![photo(folder.path(), "a.ppm", 9)];
    let broken = LazyBackbone::new(WeightsId::random(0), Target::CPU, || Err(BackboneError::OutOfMemory));
    let (preprocess, limits) = (Preprocess::with_image_size(32), Limits::default());
    let workload = Workload { workers: 2, threads_per_worker: 1, batch: 2, feeds: false };
    let extractor = Extractor {
        backbone: &broken,
        preprocess: &preprocess,
        limits: &limits,
        workload,
        cache: None,
        facts: false,
        border: false,
        readout: Readout::default(),
    };
    let error = all(&extractor, &paths, false, &Silent).unwrap_err();
    assert!(matches!(error, FeatureError::Backbone(BackboneError::OutOfMemory)));
}
