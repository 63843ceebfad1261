//! How long the head takes, from a handful of images to many: one fit, and the whole choice of the strength.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop where it stands")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet_binary::features::matrix::FeatureMatrix;
use resnet_binary::head::exact::{ExactOptions, L2, fit};
use resnet_binary::head::{Balance, Examples, pos_weight};
use resnet_binary::progress::Silent;

/// Width of a ResNet-50's features.
const WIDTH: usize = 2048;

/// Features as correlated as a network's: a few dozen hidden causes of falling strength, and noise; never below 0, as
/// after a `ReLU`. The label follows the first causes, with some of it wrong.
fn examples(count: usize) -> (FeatureMatrix, Vec<bool>) {
    const CAUSES: usize = 64;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut uniform = move || f64::from(random.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0;
    let loadings: Vec<f64> =
        (0..CAUSES * WIDTH).map(|index| uniform() / (1.0 + (index / WIDTH) as f64).sqrt()).collect();
    let mut features = FeatureMatrix::with_capacity(WIDTH, count);
    let mut labels = Vec::with_capacity(count);
    for index in 0..count {
        let causes: Vec<f64> = (0..CAUSES).map(|_| uniform()).collect();
        let mut row: Vec<f64> = (0..WIDTH).map(|_| 0.3 * uniform()).collect();
        for (cause, loadings) in causes.iter().zip(loadings.chunks_exact(WIDTH)) {
            row.iter_mut().zip(loadings).for_each(|(value, loading)| *value += cause * loading);
        }
        let row: Vec<f32> = row.iter().map(|value| value.max(0.0) as f32).collect();
        features.push_row(&row).unwrap();
        labels.push(causes[3] + causes[7] + causes[20] + 0.8 * uniform() > 0.0 || index == 0);
    }
    (features, labels)
}

fn exact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head/exact");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for count in [240, 800, 3000] {
        let (features, labels) = examples(count);
        let examples = Examples::new(&features, &labels, pos_weight(&labels, Balance::Auto)).unwrap();
        let folds: Vec<usize> = (0..count).map(|index| index % 5).collect();
        group.bench_with_input(BenchmarkId::new("l2 1", count), &examples, |bench, examples| {
            let options = ExactOptions { l2: L2::Fixed(1.0) };
            bench.iter(|| black_box(fit(examples, None, &options, &Silent).unwrap()));
        });
        group.bench_with_input(BenchmarkId::new("l2 auto", count), &examples, |bench, examples| {
            let options = ExactOptions { l2: L2::Auto };
            bench.iter(|| black_box(fit(examples, Some(&folds), &options, &Silent).unwrap()));
        });
    }
    group.finish();
}

criterion_group!(benches, exact);
criterion_main!(benches);
