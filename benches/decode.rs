//! From the bytes of a JPEG to the network's input, on one core: a small photo and one of a 12-megapixel camera.
//!
//! Quote ratios within one run, never absolute times.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use image::codecs::jpeg::JpegEncoder;
use resnet_binary::pixels::{Limits, Preprocess, decode};

/// A JPEG of quality 90 with edges, gradients and noise, about as hard to decode as a photo.
fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = state >> 28;
        let level = |value: u32| u8::try_from((value + noise) & 0xff).unwrap_or(0);
        image::Rgb([level(x * 200 / width), level(y * 200 / height), level((x / 16 + y / 16) % 2 * 90 + 60)])
    });
    let mut bytes = Vec::new();
    assert!(JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&image).is_ok());
    bytes
}

fn pixels(criterion: &mut Criterion) {
    let preprocess = Preprocess::default();
    let limits = Limits::default();
    for (width, height, samples) in [(500, 375, 100), (4000, 3000, 10)] {
        let bytes = jpeg(width, height);
        let mut group = criterion.benchmark_group(format!("{width}x{height}"));
        group.throughput(Throughput::Elements(1)).sample_size(samples);
        group.bench_function("decode", |bencher| bencher.iter(|| black_box(decode(&bytes, &limits))));
        if let Ok(image) = decode(&bytes, &limits) {
            group.bench_function("resize and crop", |bencher| bencher.iter(|| black_box(preprocess.apply(&image))));
        }
        group.bench_function("decode, resize, crop", |bencher| {
            bencher.iter(|| black_box(preprocess.load(&bytes, &limits)));
        });
        if let Ok(crop) = preprocess.load(&bytes, &limits) {
            let numbers = || vec![0.0; crop.rgb.len()];
            group.bench_function("normalise", |bencher| {
                bencher.iter_batched_ref(numbers, |out| preprocess.normalise(&crop, out), BatchSize::SmallInput);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, pixels);
criterion_main!(benches);
