//! The SGD solver: tch's `AdamW` on mini-batches, for comparison with the exact solver and for users who prefer epochs.
//!
//! It minimises the loss of [`super::objective`] with the decoupled weight decay of `AdamW` in place of the L2 penalty;
//! the bias decays too, as in `torch.optim.AdamW(linear.parameters())`. Features are scaled by the statistics of the
//! training images and the scaling is folded back into the head. Fitting starts at the head of zeros: the problem is
//! convex, and zeros favour neither class. With held-out images, the best epoch is kept and fitting stops early. The
//! solver is deterministic: all shuffles come from one seeded `ChaCha` stream, libtorch's own generator is not used.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::nn::{self, OptimizerConfig};
use tch::{Device, Kind, Reduction, TchError, Tensor};

use super::objective::{log_loss, total_weight};
use super::scaling::Scaling;
use super::{Examples, Head, HeadError, examples::require_positive};
use crate::features::matrix::FeatureMatrix;
use crate::progress::{Progress, Unit};

/// Options of the SGD solver.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SgdOptions {
    /// The largest number of passes over the training images. Default: 100.
    pub epochs: usize,
    /// The learning rate. Default: 0.001, that of `AdamW`.
    pub learning_rate: f64,
    /// Images per step; the last batch of an epoch may be smaller. Default: 32.
    pub batch_size: usize,
    /// Decoupled weight decay, multiplied by the learning rate at every step. Default: 0.01, that of `AdamW`.
    pub weight_decay: f64,
    /// Epochs without a lower loss on the held-out images after which fitting stops. Default: 20.
    pub patience: usize,
    /// The seed of the shuffles. Default: 0.
    pub seed: u64,
}

impl Default for SgdOptions {
    fn default() -> Self {
        Self { epochs: 100, learning_rate: 1e-3, batch_size: 32, weight_decay: 1e-2, patience: 20, seed: 0 }
    }
}

impl SgdOptions {
    fn check(&self) -> Result<(), HeadError> {
        for (name, value) in [("epochs", self.epochs), ("batch-size", self.batch_size), ("patience", self.patience)] {
            if value == 0 {
                return Err(HeadError::InvalidSetting { name, value: "0".to_owned(), expected: "at least 1" });
            }
        }
        require_positive("lr", self.learning_rate)?;
        for (name, value) in [("lr", self.learning_rate), ("weight-decay", self.weight_decay)] {
            // Far above anything useful, and far below where libtorch's f32 arithmetic fails.
            if !(0.0..=1000.0).contains(&value) {
                return Err(HeadError::InvalidSetting {
                    name,
                    value: value.to_string(),
                    expected: "a number from 0 to 1000",
                });
            }
        }
        Ok(())
    }
}

/// The mean losses of one epoch, weighted by class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Epoch {
    /// The loss of the training images, averaged over the steps of the epoch.
    pub training_loss: f64,
    /// The loss of the held-out images at the end of the epoch.
    pub stopping_loss: Option<f64>,
}

/// A head fitted by mini-batch steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SgdFit {
    /// The head of the best epoch, on unscaled features.
    pub head: Head,
    /// Its number, from 1: the epoch of the lowest loss on the held-out images, or the last one without them.
    pub best_epoch: usize,
    /// The losses of all epochs that were run.
    pub history: Vec<Epoch>,
}

/// Fits a head to `training`, with early stopping by the loss on `held_out` if there are any: these images choose the
/// epoch, so no metrics should be computed on them.
///
/// # Errors
/// [`HeadError::InvalidSetting`], [`HeadError::WidthsDiffer`], [`HeadError::Diverged`],
/// [`HeadError::Torch`], [`HeadError::Interrupted`].
pub(crate) fn fit(
    training: &Examples<'_>,
    held_out: Option<&Examples<'_>>,
    options: &SgdOptions,
    device: Device,
    progress: &dyn Progress,
) -> Result<SgdFit, HeadError> {
    options.check()?;
    let width = training.features().width();
    if let Some(other) = held_out.map(|examples| examples.features().width()).filter(|&other| other != width) {
        return Err(HeadError::WidthsDiffer { training: width, held_out: other });
    }
    progress.start("fitting the head", Unit::Steps, Some(options.epochs as u64));
    let found = descend(training, held_out, options, device, progress);
    progress.finish();
    found
}

/// Runs the epochs and keeps the best one.
fn descend(
    training: &Examples<'_>,
    held_out: Option<&Examples<'_>>,
    options: &SgdOptions,
    device: Device,
    progress: &dyn Progress,
) -> Result<SgdFit, HeadError> {
    let all: Vec<usize> = (0..training.labels().len()).collect();
    let scaling = Scaling::new(training.features(), &all);
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let (labels, pos_weight) = (training.labels(), training.pos_weight());
    let first = vec![0.0; training.features().width()];
    let weights = ClassWeights::new(labels, pos_weight);
    let mut trainer = Trainer::new(&first, 0.0, weights, options, device).map_err(during("building the head"))?;
    let batch = Batch::new(training, &scaling, device)?;
    let held_out = match held_out {
        Some(examples) => Some((Batch::new(examples, &scaling, device)?, examples.labels())),
        None => None,
    };

    let mut order = all;
    let mut history = Vec::new();
    let mut best: Option<(f64, usize, Vec<f32>, f32)> = None;
    for epoch in 1..=options.epochs {
        progress.check()?;
        shuffle(&mut order, &mut random);
        let training_loss =
            trainer.epoch(&batch, &order, options.batch_size, device).map_err(during("fitting the head"))?;
        let stopping_loss = match &held_out {
            Some((batch, labels)) => {
                let logits = trainer.logits(&batch.features).map_err(during("evaluating the head"))?;
                Some(log_loss(&logits, labels, pos_weight))
            }
            None => None,
        };
        if !(training_loss.is_finite() && stopping_loss.is_none_or(f64::is_finite)) {
            return Err(HeadError::Diverged { epoch });
        }
        history.push(Epoch { training_loss, stopping_loss });
        progress.advance(1);
        // Without held-out images every epoch counts as better than the one before.
        let score = stopping_loss.unwrap_or(f64::NEG_INFINITY);
        match &best {
            Some((lowest, at, ..)) if stopping_loss.is_some() && score >= *lowest => {
                if epoch - at >= options.patience {
                    break;
                }
            }
            _ => {
                let (weight, bias) = trainer.parameters().map_err(during("reading the head"))?;
                best = Some((score, epoch, weight, bias));
            }
        }
    }
    let Some((_, best_epoch, weight, bias)) = best else {
        return Err(HeadError::Diverged { epoch: 0 });
    };
    let weight: Vec<f64> = weight.into_iter().map(f64::from).collect();
    Ok(SgdFit { head: scaling.fold_back(&weight, f64::from(bias)), best_epoch, history })
}

/// Scaled features `[N, D]` and labels `[N, 1]` on the device.
struct Batch {
    features: Tensor,
    labels: Tensor,
}

impl Batch {
    fn new(examples: &Examples<'_>, scaling: &Scaling, device: Device) -> Result<Self, HeadError> {
        let labels: Vec<f32> = examples.labels().iter().map(|&label| f32::from(u8::from(label))).collect();
        let make = || -> Result<Self, TchError> {
            let features = to_tensor(examples.features(), scaling)?.f_to_device(device)?;
            let labels = Tensor::f_from_slice(&labels)?.f_reshape([-1, 1])?.f_to_device(device)?;
            Ok(Self { features, labels })
        };
        make().map_err(during("copying the features to the device"))
    }

    /// The images at `indices`.
    fn select(&self, indices: &Tensor) -> Result<Self, TchError> {
        Ok(Self {
            features: self.features.f_index_select(0, indices)?,
            labels: self.labels.f_index_select(0, indices)?,
        })
    }
}

/// Scaled features as an f32 tensor `[N, D]` in main memory.
fn to_tensor(features: &FeatureMatrix, scaling: &Scaling) -> Result<Tensor, TchError> {
    let mut values = Vec::with_capacity(features.len() * features.width());
    for row in features.rows() {
        values.extend(scaling.apply(row, 0..row.len()).map(|value| value as f32));
    }
    Tensor::f_from_slice(&values)?.f_reshape([size(features.len()), size(features.width())])
}

/// The weight of an image of each class in the mean over a batch.
#[derive(Debug, Clone, Copy)]
struct ClassWeights {
    positive: f64,
    negative: f64,
}

impl ClassWeights {
    /// The weights of [`super::objective`] times N / W: the plain mean over all images is then the weighted mean.
    fn new(labels: &[bool], pos_weight: f64) -> Self {
        let negative = labels.len() as f64 / total_weight(labels, pos_weight);
        Self { positive: pos_weight * negative, negative }
    }
}

/// A tch `Linear(D, 1)` in its own variable store, and its optimiser.
struct Trainer {
    /// Owns the variables that `linear` and `optimizer` share.
    _store: nn::VarStore,
    linear: nn::Linear,
    optimizer: nn::Optimizer,
    /// The weight of a negative, `[1]`.
    weight: Tensor,
    /// The weight of a positive ÷ that of a negative, `[1]`.
    pos_weight: Tensor,
}

impl Trainer {
    fn new(
        weight: &[f32],
        bias: f32,
        class: ClassWeights,
        options: &SgdOptions,
        device: Device,
    ) -> Result<Self, TchError> {
        let store = nn::VarStore::new(device);
        // Constants, so that libtorch's random generator is not used.
        let constant = nn::Init::Const(0.0);
        let config = nn::LinearConfig { ws_init: constant, bs_init: Some(constant), bias: true };
        let mut linear = nn::linear(store.root(), size(weight.len()), 1, config);
        tch::no_grad(|| -> Result<(), TchError> {
            linear.ws.f_copy_(&Tensor::f_from_slice(weight)?.f_reshape([1, -1])?)?;
            linear.bs.iter_mut().try_for_each(|target| target.f_copy_(&Tensor::f_from_slice(&[bias])?))
        })?;
        let optimizer =
            nn::AdamW { wd: options.weight_decay, ..nn::AdamW::default() }.build(&store, options.learning_rate)?;
        let number = |value: f64| Tensor::f_from_slice(&[value as f32])?.f_to_device(device);
        let pos_weight = number(class.positive / class.negative)?;
        Ok(Self { _store: store, linear, optimizer, weight: number(class.negative)?, pos_weight })
    }

    /// One pass over the images in the given order; returns their mean loss.
    fn epoch(&mut self, all: &Batch, order: &[usize], batch_size: usize, device: Device) -> Result<f64, TchError> {
        // Losses stay on the device during the epoch: reading each one would make a GPU wait at every step. They are
        // summed on the CPU in f64, which Apple's GPUs lack.
        let (mut losses, mut total) = (Vec::with_capacity(order.len().div_ceil(batch_size)), 0.0);
        for indices in order.chunks(batch_size) {
            let indices: Vec<i64> = indices.iter().map(|&index| size(index)).collect();
            let batch = all.select(&Tensor::f_from_slice(&indices)?.f_to_device(device)?)?;
            losses.push(self.step(&batch)?);
        }
        if losses.is_empty() {
            return Ok(total);
        }
        let losses: Vec<f32> = Vec::try_from(Tensor::f_stack(&losses, 0)?.f_to_device(Device::Cpu)?.f_reshape([-1])?)?;
        for (loss, indices) in losses.into_iter().zip(order.chunks(batch_size)) {
            total += f64::from(loss) * indices.len() as f64;
        }
        Ok(total / order.len() as f64)
    }

    /// One optimiser step; returns the mean loss of the batch before it, an f32 tensor without gradient on the device.
    fn step(&mut self, batch: &Batch) -> Result<Tensor, TchError> {
        let logits = self.forward(&batch.features)?; // [B, 1]
        let loss = logits.f_binary_cross_entropy_with_logits(
            &batch.labels,
            Some(&self.weight),
            Some(&self.pos_weight),
            Reduction::Mean,
        )?;
        self.optimizer.zero_grad();
        loss.f_backward()?;
        self.optimizer.step();
        loss.f_detach()
    }

    /// The logits `[B, 1]` of features `[B, D]`.
    fn forward(&self, features: &Tensor) -> Result<Tensor, TchError> {
        features.f_linear(&self.linear.ws, self.linear.bs.as_ref())
    }

    /// The logits of all images, `[N]`.
    fn logits(&self, features: &Tensor) -> Result<Vec<f64>, TchError> {
        let logits = tch::no_grad(|| self.forward(features))?;
        // Moved to the CPU first: Apple's GPUs have no f64.
        Vec::try_from(logits.f_reshape([-1])?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?)
    }

    /// The current weights `[D]` and bias.
    fn parameters(&self) -> Result<(Vec<f32>, f32), TchError> {
        let read = |tensor: &Tensor| -> Result<Vec<f32>, TchError> {
            Vec::try_from(tensor.f_detach()?.f_reshape([-1])?.f_to_device(Device::Cpu)?)
        };
        let bias = self.linear.bs.as_ref().map(read).transpose()?.unwrap_or_default();
        Ok((read(&self.linear.ws)?, bias.first().copied().unwrap_or_default()))
    }
}

/// The Fisher–Yates shuffle, written here so that no release of a crate changes the order that a seed gives.
fn shuffle(order: &mut [usize], random: &mut ChaCha8Rng) {
    for last in (1..order.len()).rev() {
        let below = last as u128 + 1;
        let chosen = (u128::from(random.next_u64()) * below) >> 64;
        order.swap(last, chosen as usize);
    }
}

/// A size in libtorch's integer type; no allocation reaches the maximum of i64.
fn size(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Wraps an error of libtorch with the action that failed.
fn during(action: &'static str) -> impl FnOnce(TchError) -> HeadError {
    move |source| HeadError::Torch { action, source }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn numbers(value: &Value) -> Vec<f32> {
        value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
    }

    #[test]
    fn ten_steps_are_those_of_pytorchs_adamw() {
        let golden: Value = serde_json::from_str(include_str!("../../tests/golden/head/adamw.json")).unwrap();
        let number = |name: &str| golden[name].as_f64().unwrap();
        let options = SgdOptions {
            learning_rate: number("learning_rate"),
            weight_decay: number("weight_decay"),
            ..SgdOptions::default()
        };
        let first = numbers(&golden["first"]["weight"]);
        let bias = golden["first"]["bias"].as_f64().unwrap() as f32;
        let weights = ClassWeights { positive: number("weight_of_positive"), negative: number("weight_of_negative") };
        let mut trainer = Trainer::new(&first, bias, weights, &options, Device::Cpu).unwrap();
        let all = Batch {
            features: Tensor::from_slice(&numbers(&golden["features"])).reshape([16, 6]),
            labels: Tensor::from_slice(&numbers(&golden["labels"])).reshape([16, 1]),
        };
        let losses = numbers(&golden["losses"]);
        assert_eq!(losses.len(), 10);
        for (step, expected) in losses.iter().enumerate() {
            let begin = 4 * size(step % 4);
            let batch = all.select(&Tensor::arange_start(begin, begin + 4, (Kind::Int64, Device::Cpu))).unwrap();
            let loss = trainer.step(&batch).unwrap();
            // Nothing on the device has 64 bits, for Apple's GPUs cannot.
            assert_eq!(loss.kind(), Kind::Float);
            let loss = f64::try_from(loss).unwrap();
            assert!((loss - f64::from(*expected)).abs() < 1e-6, "step {step}: {loss} {expected}");
        }
        let (weight, bias) = trainer.parameters().unwrap();
        for (found, expected) in weight.iter().zip(numbers(&golden["last"]["weight"])) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert!((f64::from(bias) - golden["last"]["bias"].as_f64().unwrap()).abs() < 1e-6);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut order: Vec<usize> = (0..100).collect();
        shuffle(&mut order, &mut random);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
