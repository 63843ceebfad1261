//! Photos in, a model file and its numbers out.
//!
//! [`training`] is the whole of it. [`prepare`] reads the photos and divides them, [`fit`] and [`decide`] make head and
//! decision from the training side, [`measure`] takes the numbers on what neither saw, [`audit`] asks what could make them
//! flatter, [`certify`] what int8 costs, [`model`] writes the file, and [`page`] shows it all.

mod audit;
mod certify;
mod decide;
mod fit;
mod learning_curve;
mod measure;
mod model;
mod options;
mod page;
mod photo_groups;
mod prepare;
mod subset;
mod training;

pub use options::{SolverChoice, TrainOptions};
pub use training::train;
