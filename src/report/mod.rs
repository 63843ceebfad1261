//! The report of each command as one structure: serialised as JSON, displayed as text on the terminal.
//!
//! [`html`] makes a page of plain data.

mod counts;
mod cross_validation;
mod doctor;
mod estimates;
mod evaluate;
mod few;
mod findings;
mod headline;
pub(crate) mod heatmap;
pub(crate) mod html;
mod inspect;
mod letters;
mod threshold_cost;
mod train;

pub(crate) use crate::files::shell_word;
pub use counts::ClassCount;
pub use cross_validation::{CrossValidationReport, LearningPoint, MeanStd};
pub(crate) use doctor::{DeviceCheck, DoctorReport, Problem, WeightsState};
pub use estimates::CalibrationReport;
pub(crate) use estimates::equals;
pub(crate) use estimates::rounded;
pub use evaluate::EvaluateReport;
pub use few::FewPhotos;
pub(crate) use findings::counted;
pub use findings::{GroupReport, LabelError, Leak, NearDuplicate, Shortcut};
pub(crate) use inspect::{InspectReport, ModelFit, WeightsFit};
pub use threshold_cost::ThresholdCost;
pub use train::TrainReport;

#[cfg(test)]
mod tests;
