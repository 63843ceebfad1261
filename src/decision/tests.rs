//! Decisions: calibration and binomial bounds equal those of scikit-learn and `SciPy`
//! (`scripts/golden/decisions.py`), thresholds keep their promises, and words of any kind are read or refused.
#![allow(clippy::float_cmp, reason = "halves and quarters are exact")]

mod answers;
mod calibration;
mod promises;
mod rules;
mod thresholds;

/// A golden file of this subject.
fn golden(name: &str) -> serde_json::Value {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decision");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}
