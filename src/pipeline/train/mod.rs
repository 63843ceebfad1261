//! Photos in, a model file and its numbers out.
//!
//! [`run`] is the table of contents. [`prepare`] reads the photos and divides them, [`fit`] and [`decide`] make head and
//! decision from the training side, [`measure`] takes the numbers on what neither saw, [`audit`] asks what could make them
//! flatter, [`certify`] what int8 costs, [`model`] writes the file, and [`page`] shows it all.

mod audit;
mod certify;
mod decide;
mod fit;
mod found;
mod learning_curve;
mod measure;
mod model;
mod options;
mod page;
mod photo_groups;
mod prepare;
mod run;
mod subset;
mod training;

pub use options::{SolverChoice, TrainOptions};
pub use run::train;
