//! Classifies photos as `resnet-binary predict` does: `predict MODEL PHOTO…`.

use std::ops::ControlFlow;

use resnet_binary::progress::Silent;
use resnet_binary::{PredictOptions, Prediction, predict};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, photos @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: predict MODEL PHOTO...");
    };
    let mut photos = photos.iter().collect();
    let unreadable = predict(&PredictOptions::new(model), &mut photos, &Silent, &mut |prediction| {
        print(&prediction);
        ControlFlow::Continue(())
    })?;
    anyhow::ensure!(unreadable == 0, "{unreadable} photos could not be read");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is a program, and this is its answer")]
fn print(Prediction { path, outcome }: &Prediction) {
    match outcome {
        Ok(answer) => println!("{} {:.4} {}", answer.label.word(), answer.probability, path.display()),
        Err(reason) => println!("unreadable {}: {reason}", path.display()),
    }
}
