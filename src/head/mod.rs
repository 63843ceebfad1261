//! The classifier head, a `Linear(D, 1)` on frozen features, and two solvers to fit it.
//!
//! Features `[N, D]` and labels are validated as [`Examples`]; the result is a [`Head`], D weights and a bias in f32
//! that apply to the features as the backbone computes them. [`exact`] solves the convex problem to convergence,
//! [`sgd`] minimises it by mini-batch steps, [`cross_validation`] chooses the L2 penalty. Both solvers work on scaled
//! features and fold the scaling back, so only the head has to be stored.
//!
//! ```text
//! examples ─ scale ───────┬─ gram (N ≤ D) ─┬─ newton ─ exact ─┬─ fold back ─ Head
//!                         ├─ rows (N > D) ─┘                  │
//!                         └─ sgd (tch, AdamW) ────────────────┘
//! ```
//!
//! The loss is the log loss with a weight for each class: see [`objective`].

mod cholesky;
mod coordinates;
pub(crate) mod cross_validation;
mod error;
pub(crate) mod exact;
mod examples;
mod gram;
mod linear;
mod newton;
pub(crate) mod objective;
mod preconditioner;
mod product;
mod rows;
mod scaling;
pub(crate) mod sgd;

pub(crate) use error::HeadError;
pub use exact::L2;
pub use examples::Balance;
pub(crate) use examples::{Examples, pos_weight};
pub use linear::Head;
pub(crate) use linear::probability;

#[cfg(test)]
mod tests;
