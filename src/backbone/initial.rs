//! Seeded random weights, for tests and demonstrations without a download.
//!
//! They are untrained, and callers must tell the user so.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::layout;

/// The name, shape and values of a tensor.
pub(super) type Named = (String, Vec<usize>, Vec<f32>);

/// The 265 tensors with He initialisation (He et al. 2015, "Delving Deep into Rectifiers": normal with variance
/// 2/fan-in) and identity `BatchNorm`s. The same seed gives the same values on every machine.
pub(super) fn random(seed: u64) -> Vec<Named> {
    layout::tensors()
        .into_par_iter()
        .enumerate()
        .map(|(index, (name, shape))| {
            let values = initial(seed, index as u64, &name, &shape);
            (name, shape, values)
        })
        .collect()
}

fn initial(seed: u64, stream: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let &[_, inputs, height, width] = shape else {
        let neutral = if ["bias", "running_mean"].iter().any(|part| name.ends_with(part)) { 0.0 } else { 1.0 };
        return vec![neutral; count];
    };
    let deviation = (2.0 / (inputs * height * width) as f32).sqrt();
    // A random stream for each tensor, so that the values do not depend on the number of threads.
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let normal = |random: &mut ChaCha8Rng| -> f32 { StandardNormal.sample(random) };
    (0..count).map(|_| normal(&mut random) * deviation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_weights_with_the_variance_of_he() {
        let (name, shape) = ("layer1.0.conv2.weight", [64, 64, 3, 3]);
        let values = initial(3, 5, name, &shape);
        assert_eq!(values, initial(3, 5, name, &shape));
        assert_ne!(values, initial(4, 5, name, &shape));
        assert_ne!(values, initial(3, 6, name, &shape));
        let variance = values.iter().map(|value| f64::from(value * value)).sum::<f64>() / values.len() as f64;
        assert!((variance / (2.0 / 576.0) - 1.0).abs() < 0.02, "{variance}");
        assert_eq!(initial(3, 0, "bn1.running_var", &[2]), [1.0, 1.0]);
        assert_eq!(initial(3, 0, "bn1.running_mean", &[2]), [0.0, 0.0]);
    }
}
