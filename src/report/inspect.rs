//! The report of `inspect`: the network as a table, and whether a file fits it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::backbone::shapes::Shapes;
use crate::files::escaped;

/// The table, and the files compared with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct InspectReport {
    /// Stages, totals and, if the head does not fit, the reason.
    #[serde(flatten)]
    pub shapes: Shapes,
    /// Number of frozen parameters.
    pub frozen: u64,
    /// Number of trainable parameters.
    pub trainable: u64,
    /// Multiply-adds for one image.
    pub multiply_adds: u64,
    /// The weights compared with the table.
    pub weights: Option<WeightsFit>,
    /// The model whose head is the last stage.
    pub model: Option<ModelFit>,
}

/// A weights file whose tensors fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct WeightsFit {
    /// The file; `None` for seeded random weights, which are made to fit.
    #[serde(serialize_with = "escaped::serialize_option")]
    pub path: Option<PathBuf>,
    /// Its name for `--weights`.
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Number of tensors that are in the table.
    pub tensors: usize,
    /// Tensors that are deliberately ignored, with their shapes.
    pub left_out: Vec<String>,
}

/// A model file whose head fits its own preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ModelFit {
    /// The file.
    #[serde(with = "escaped")]
    pub path: PathBuf,
    /// `gap` or `flatten`.
    pub head: String,
    /// Side of the images that it was trained on.
    pub image_size: u32,
    /// The positive class.
    pub positive: String,
    /// The name of the negative class.
    pub negative: String,
    /// The weights it was trained with.
    pub weights: String,
}

impl InspectReport {
    /// The table without any file.
    pub(crate) fn new(shapes: Shapes) -> Self {
        let (frozen, trainable) = shapes.parameters();
        Self { frozen, trainable, multiply_adds: shapes.multiply_adds(), shapes, weights: None, model: None }
    }
}

impl fmt::Display for InspectReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.shapes.image_size;
        writeln!(out, "The network, not your photos: ResNet-50 with a head of one logit, B images of {size}×{size}")?;
        writeln!(out)?;
        write_table(out, &self.rows())?;
        writeln!(out)?;
        let [frozen, trainable, statistics] =
            [self.frozen, self.trainable, self.shapes.running_statistics].map(grouped);
        writeln!(
            out,
            "parameters  {frozen} frozen, {trainable} trainable; {statistics} running statistics are not counted"
        )?;
        let giga = self.multiply_adds as f64 / 1e9;
        writeln!(out, "work        {giga:.2} G multiply-adds per image, in convolutions and linear layers")?;
        if let Some(weights) = &self.weights {
            write!(out, "{weights}")?;
        }
        if let Some(model) = &self.model {
            write!(out, "{model}")?;
        }
        if let Some(mismatch) = &self.shapes.mismatch {
            writeln!(out, "mismatch    {mismatch}")?;
            for line in &mismatch.elsewhere {
                writeln!(out, "            {line}")?;
            }
        }
        Ok(())
    }
}

impl InspectReport {
    /// Title, one row a stage, totals.
    fn rows(&self) -> Vec<[String; 6]> {
        let title = ["stage", "what it does", "output", "frozen", "trainable", "multiply-adds"].map(str::to_owned);
        let stages = self.shapes.stages.iter().map(|stage| {
            let output = stage.output.as_ref().map_or("does not fit".to_owned(), ToString::to_string);
            let [frozen, trainable, work] = [stage.frozen, stage.trainable, stage.multiply_adds].map(grouped);
            [stage.name.to_owned(), stage.operation.clone(), output, frozen, trainable, work]
        });
        let [frozen, trainable, work] = [self.frozen, self.trainable, self.multiply_adds].map(grouped);
        let total = ["total".to_owned(), String::new(), String::new(), frozen, trainable, work];
        std::iter::once(title).chain(stages).chain([total]).collect()
    }
}

/// Aligns text left and numbers right, with columns as narrow as possible.
fn write_table(out: &mut fmt::Formatter<'_>, rows: &[[String; 6]]) -> fmt::Result {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            match column {
                0 => write!(out, "{cell:width$}")?,
                1 | 2 => write!(out, "  {cell:width$}")?,
                _ => write!(out, "  {cell:>width$}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A number with thousands separators.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for WeightsFit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.sha256.get(..8).unwrap_or(&self.sha256);
        let file = self.path.as_ref().map_or("no file".to_owned(), |path| path.display().to_string());
        writeln!(out, "weights     {} ({short}), {file}: {} tensors fit", self.name, self.tensors)?;
        match self.left_out.as_slice() {
            [] => Ok(()),
            names => writeln!(out, "            ignored, because the head replaces it: {}", names.join(", ")),
        }
    }
}

impl fmt::Display for ModelFit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, head, image_size, positive, negative, weights } = self;
        writeln!(out, "model       {}: `{positive}` against `{negative}`", path.display())?;
        writeln!(out, "            head {head}, trained on images of {image_size}×{image_size} with weights {weights}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Pooling;
    use crate::backbone::shapes::HeadSpec;

    #[test]
    fn the_table_has_a_row_for_every_stage_and_the_totals() {
        let text = InspectReport::new(Shapes::new(224, HeadSpec::fitting(Pooling::Flatten, 224))).to_string();
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert!(row("layer4").starts_with("layer4 3 bottlenecks, stride 2 [B, 2048, 7, 7] 14,964,736 0 "), "{text}");
        assert!(row("flatten").contains("[B, 100352]"), "{text}");
        assert_eq!(row("total"), "total 23,508,032 100,353 4,087,236,608");
    }

    #[test]
    fn numbers_have_a_comma_every_three_digits() {
        assert_eq!([0, 999, 1000, 25_557_032].map(grouped), ["0", "999", "1,000", "25,557,032"]);
    }
}
