//! The pictures of the page's numbers, as SVG.

mod calibration;
mod chart;
mod histogram;
mod learning;
mod ranking;

pub(super) use calibration::reliability;
pub(super) use histogram::histogram;
pub(super) use learning::{Measure, learning_curve};
pub(super) use ranking::{precision_recall, roc};
