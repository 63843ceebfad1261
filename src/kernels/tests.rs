//! Every shape of convolution in ResNet-50 against a plain one in float64, and what must hold to the bit.

use super::*;

/// Numbers in −1 to 1 from a seed.
fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// `bias + conv(input)`, plainly.
fn plain(input: &[f32], shape: [usize; 3], weight: &[f32], bias: &[f32], geometry: Geometry) -> Vec<f64> {
    let [n, h, w] = shape;
    let Geometry { inputs, outputs, kernel, stride } = geometry;
    let taps = kernel * kernel;
    // [K, K, I, O], so that the innermost loop runs along memory.
    let mut turned = vec![0.0; weight.len()];
    for (at, &weight) in weight.iter().enumerate() {
        let (output, input, tap) = (at / (inputs * taps), at / taps % inputs, at % taps);
        turned[(tap * inputs + input) * outputs + output] = f64::from(weight);
    }
    let mut all = Vec::new();
    for (image, y, x) in positions(n, h.div_ceil(stride), w.div_ceil(stride)) {
        let mut sums: Vec<_> = bias.iter().copied().map(f64::from).collect();
        for tap in 0..taps {
            let row = (y * stride + tap / kernel).wrapping_sub(kernel / 2);
            let column = (x * stride + tap % kernel).wrapping_sub(kernel / 2);
            if row < h && column < w {
                let pixel = &input[((image * h + row) * w + column) * inputs..][..inputs];
                for (input, &pixel) in pixel.iter().enumerate() {
                    let row = &turned[(tap * inputs + input) * outputs..][..outputs];
                    for (sum, weight) in sums.iter_mut().zip(row) {
                        *sum += f64::from(pixel) * weight;
                    }
                }
            }
        }
        all.extend(sums);
    }
    all
}

fn positions(n: usize, h: usize, w: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..n * h * w).map(move |i| (i / (h * w), i / w % h, i % w))
}

/// ‖a − b‖ / ‖b‖.
fn relative(a: &[f32], b: &[f64]) -> f64 {
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(&a, &b)| f(f64::from(a), b).powi(2)).sum::<f64>();
    (sum(&|a, b| a - b) / sum(&|_, b| b)).sqrt()
}

struct Case {
    geometry: Geometry,
    shape: [usize; 3],
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    fn new(geometry: Geometry, shape: [usize; 3]) -> Self {
        let Geometry { inputs, outputs, kernel, .. } = geometry;
        let scale = (3.0 / (inputs * kernel * kernel) as f32).sqrt();
        let weight = numbers(2, outputs * inputs * kernel * kernel).iter().map(|w| w * scale).collect();
        let input = numbers(1, shape.iter().product::<usize>() * inputs);
        Self { geometry, shape, input, weight, bias: numbers(3, outputs) }
    }

    fn convolution(&self, isa: Isa) -> Convolution {
        Convolution::new(isa, &self.weight, &self.bias, self.geometry).expect("it has kernels")
    }

    fn output_len(&self) -> usize {
        let [n, h, w] = self.shape;
        n * h.div_ceil(self.geometry.stride) * w.div_ceil(self.geometry.stride) * self.geometry.outputs
    }

    /// Compares `linear`, `relu` and `add_relu` with the plain convolution, and looks at what lies around the slices.
    fn check(&self) {
        let expected = plain(&self.input, self.shape, &self.weight, &self.bias, self.geometry);
        let before = numbers(4, expected.len());
        let floored: Vec<_> = expected.iter().map(|x| x.max(0.0)).collect();
        let added: Vec<_> = expected.iter().zip(&before).map(|(x, &b)| (x + f64::from(b)).max(0.0)).collect();
        // What is read outside of the slices makes a result NaN; what is written there is seen.
        let around = |slice: &[f32], outside: f32| [&[outside; AROUND], slice, &[outside; AROUND]].concat();
        let input = around(&self.input, f32::NAN);
        let input = &input[AROUND..AROUND + self.input.len()];
        for isa in Isa::all() {
            let convolution = self.convolution(isa);
            let compare = |compute: &dyn Fn(&mut [f32]), expected: &[f64], what: &str| {
                let mut output = around(&before, 7.5);
                compute(&mut output[AROUND..AROUND + before.len()]);
                let (front, rest) = output.split_at(AROUND);
                let (output, back) = rest.split_at(before.len());
                let error = relative(output, expected);
                let tolerance = if self.geometry.is_winograd() { 5e-6 } else { 1e-6 };
                assert!(error < tolerance, "{what} {isa:?} {:?} {:?}: {error:.1e}", self.geometry, self.shape);
                assert!(
                    front.iter().chain(back).all(|x| x.to_bits() == 7.5_f32.to_bits()),
                    "{what} {isa:?} wrote outside of its output"
                );
            };
            compare(&|output| convolution.linear(input, self.shape, output, 1), &expected, "linear");
            compare(&|output| convolution.relu(input, self.shape, output, 1), &floored, "relu");
            compare(&|output| convolution.add_relu(input, self.shape, output, 3), &added, "add_relu");
        }
    }
}

/// Numbers on both sides of a slice that nobody may touch.
const AROUND: usize = 4096;

fn geometry(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Geometry {
    Geometry { inputs, outputs, kernel, stride }
}

const MAPS: [[usize; 3]; 9] =
    [[3, 1, 1], [2, 2, 3], [5, 7, 7], [1, 13, 5], [2, 14, 14], [1, 56, 3], [1, 3, 56], [1, 4, 33], [1, 2, 256]];

#[test]
fn every_kind_of_convolution_agrees_with_float64_on_all_maps() {
    for map in MAPS {
        for (inputs, outputs, kernel, stride) in [
            (64, 128, 1, 1),
            (48, 64, 1, 2),
            (64, 64, 3, 1),
            (3, 64, 3, 1),
            (48, 128, 3, 2),
            (3, 64, 7, 2),
            (16, 64, 7, 1),
        ] {
            Case::new(geometry(inputs, outputs, kernel, stride), map).check();
        }
    }
}

#[test]
fn every_depth_of_resnet_50_agrees_with_float64() {
    for (inputs, outputs, kernel, stride) in [
        (256, 64, 1, 1),
        (512, 256, 1, 2),
        (1024, 128, 1, 1),
        (2048, 64, 1, 1),
        (1024, 64, 1, 2),
        (128, 128, 3, 1),
        (256, 256, 3, 1),
        (512, 512, 3, 1),
        (128, 128, 3, 2),
        (256, 64, 3, 2),
        (512, 64, 3, 2),
    ] {
        Case::new(geometry(inputs, outputs, kernel, stride), [2, 7, 7]).check();
    }
    Case::new(geometry(64, 64, 3, 1), [1, 56, 56]).check();
    Case::new(geometry(64, 256, 1, 1), [1, 56, 56]).check();
    Case::new(geometry(3, 64, 7, 2), [1, 64, 112]).check();
}

#[test]
fn an_image_has_the_same_bits_in_every_batch_on_any_threads_and_with_all_instructions() {
    for (inputs, outputs, kernel, stride) in
        [(64, 64, 1, 1), (1024, 64, 1, 1), (64, 64, 3, 1), (128, 128, 3, 2), (3, 64, 7, 2)]
    {
        for [_, h, w] in MAPS {
            let case = Case::new(geometry(inputs, outputs, kernel, stride), [5, h, w]);
            let before = numbers(5, case.output_len());
            let mut first: Option<Vec<f32>> = None;
            for isa in Isa::all() {
                let convolution = case.convolution(isa);
                let mut whole = before.clone();
                convolution.add_relu(&case.input, case.shape, &mut whole, 1);
                assert_eq!(&whole, first.get_or_insert(whole.clone()), "{isa:?}");
                for threads in 2..6 {
                    let mut shared = before.clone();
                    convolution.add_relu(&case.input, case.shape, &mut shared, threads);
                    assert!(whole == shared, "{isa:?} {:?} {h}×{w} on {threads} threads", case.geometry);
                }
                for batch in [1, 2, 3] {
                    let mut parts = before.clone();
                    let (pixels, results) = (case.input.len() / 5 * batch, case.output_len() / 5 * batch);
                    for (input, output) in case.input.chunks(pixels).zip(parts.chunks_mut(results)) {
                        let n = input.len() / (case.input.len() / 5);
                        convolution.add_relu(input, [n, h, w], output, batch);
                    }
                    assert!(whole == parts, "{isa:?} {:?} {h}×{w} in batches of {batch}", case.geometry);
                }
            }
        }
    }
}

#[test]
fn what_is_not_a_number_passes_on() {
    for (kernel, stride) in [(1, 1), (3, 1), (3, 2)] {
        let mut case = Case::new(geometry(64, 64, kernel, stride), [2, 8, 8]);
        case.input[64 * (2 * 8 + 2)] = f32::NAN;
        for isa in Isa::all() {
            let mut output = vec![0.0; case.output_len()];
            case.convolution(isa).relu(&case.input, case.shape, &mut output, 1);
            let (first, second) = output.split_at(output.len() / 2);
            assert!(first.iter().any(|x| x.is_nan()) && second.iter().all(|x| x.is_finite()), "{isa:?} {kernel}");
        }
    }
}

#[test]
fn an_empty_batch_is_an_empty_result() {
    let case = Case::new(geometry(64, 64, 3, 1), [0, 7, 7]);
    for isa in Isa::all() {
        case.convolution(isa).relu(&[], case.shape, &mut [], 2);
        max_pool_3x3_s2(isa, &[], [0, 7, 7], 64, &mut [], 2);
    }
}

#[test]
fn other_geometries_have_no_kernels() {
    for (inputs, outputs, kernel, stride) in [(64, 65, 1, 1), (10, 64, 3, 1), (64, 64, 5, 1), (64, 64, 3, 3)] {
        let case = Case::new(geometry(inputs, outputs, kernel, stride), [1, 1, 1]);
        for isa in Isa::all() {
            assert!(Convolution::new(isa, &case.weight, &case.bias, case.geometry).is_none());
        }
    }
}

#[test]
fn the_pool_takes_the_largest_of_nine() {
    for [n, h, w] in MAPS {
        let input = numbers(6, n * h * w * 64);
        let mut expected = Vec::new();
        for (image, y, x) in positions(n, h.div_ceil(2), w.div_ceil(2)) {
            for c in 0..64 {
                let mut largest = f32::NEG_INFINITY;
                for y in (2 * y).saturating_sub(1)..(2 * y + 2).min(h) {
                    for x in (2 * x).saturating_sub(1)..(2 * x + 2).min(w) {
                        largest = largest.max(input[((image * h + y) * w + x) * 64 + c]);
                    }
                }
                expected.push(largest);
            }
        }
        for isa in Isa::all() {
            for threads in 1..4 {
                let mut output = vec![f32::NAN; expected.len()];
                max_pool_3x3_s2(isa, &input, [n, h, w], 64, &mut output, threads);
                assert_eq!(output, expected);
            }
        }
    }
}
