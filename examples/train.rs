//! Trains a classifier as `resnet-binary train` does: `train FOLDER MODEL [WEIGHTS]`.
//!
//! WEIGHTS is a name of `resnet-binary weights list`, a file, or `random`.

use resnet_binary::progress::Silent;
use resnet_binary::{TrainOptions, train};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, model, weights @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: train FOLDER MODEL [WEIGHTS]");
    };
    let mut options = TrainOptions::new(folder, model);
    if let Some(weights) = weights.first() {
        options.backbone.weights = Some(weights.parse()?);
    }
    let report = train(&options, &Silent)?;
    print(&report);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is a program, and this is its answer")]
fn print(report: &impl std::fmt::Display) {
    println!("{report}");
}
