//! Predictions as rows of text, JSON or CSV.

use std::io;
use std::ops::ControlFlow;

use serde_json::json;

use super::output;
use super::terminal::Terminal;
use crate::files::escaped;
use crate::pipeline::{Answer, Cam, Prediction, Similar, Verdict};
use crate::report::{self, heatmap};

/// The format of the rows of `predict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OutputFormat {
    /// Answer, probability and path, for people
    Text,
    /// One JSON object per line
    Json,
    /// Columns path,label,positive,probability,logit,unfamiliar,error
    Csv,
}

/// Prints predictions one by one.
pub(super) struct Rows<'a> {
    pub(super) terminal: &'a Terminal,
    pub(super) format: OutputFormat,
    pub(super) csv_header_is_due: bool,
    /// Whether to continue when the reader of the rows has closed the pipe, because there is other output too.
    pub(super) outlives_its_reader: bool,
    pub(super) failure: Option<io::Error>,
}

impl Rows<'_> {
    pub(super) fn print(&mut self, prediction: &Prediction) -> ControlFlow<()> {
        if self.failure.is_some() {
            return ControlFlow::Continue(());
        }
        let text = match self.format {
            OutputFormat::Text => text_row(prediction).into(),
            OutputFormat::Json => json_row(prediction).into(),
            OutputFormat::Csv => match csv_row(prediction, std::mem::take(&mut self.csv_header_is_due)) {
                Ok(text) => text,
                Err(error) => {
                    self.failure = Some(error);
                    return ControlFlow::Break(());
                }
            },
        };
        match self.terminal.above_bar(|| output::print_bytes(&text)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                let goes_on = self.outlives_its_reader && error.kind() == io::ErrorKind::BrokenPipe;
                self.failure = Some(error);
                if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
        }
    }
}

fn text_row(prediction: &Prediction) -> String {
    let path = escaped::text(&prediction.path);
    let mut rows = Vec::new();
    match &prediction.outcome {
        Ok(answer) => {
            let Answer { label, positive, .. } = answer;
            // Labels are padded to the longer class name, so that the columns align.
            let width = positive.chars().count().max(answer.negative.chars().count());
            let mark = if answer.unfamiliar == Some(true) { "  (unlike the training photos)" } else { "" };
            let probability = report::equals(answer.probability);
            rows.push(format!("{:width$}  P({positive}) {probability}{}  {path}{mark}", label.word(), beside(answer)));
            rows.extend(answer.nearest.iter().flatten().map(|photo| {
                let Similar { path, class, similarity } = photo;
                let path = escaped::text(path);
                format!("{:width$}    looks like {path}: {class}, similarity {similarity:.2} (1 is the same photo)", "")
            }));
            rows.extend(answer.cam.as_ref().map(|cam| {
                let (path, [orange, blue]) = (escaped::text(&cam.path), heatmap::COLOURS);
                format!("    {path}: {orange} is evidence for {positive}, {blue} for {}", answer.negative)
            }));
        }
        Err(reason) => rows.push(format!("unreadable  {path}: {reason}")),
    }
    rows.iter().map(|row| output::escape_control(row).into_owned() + "\n").collect()
}

/// The threshold where it is not 0.5, because the answer might look wrong without it.
fn beside(answer: &Answer) -> String {
    let Answer { threshold, probability, .. } = *answer;
    if answer.label == Verdict::Review || (threshold - 0.5).abs() < f64::EPSILON {
        return String::new();
    }
    format!(" ({} {threshold:.4})", if probability >= threshold { '≥' } else { '<' })
}

/// The activation map as numbers, row by row from the top.
fn cam_json(Cam { path, map }: &Cam) -> serde_json::Value {
    let rows: Vec<_> = map.cells.chunks(map.side.max(1)).collect();
    json!({ "path": escaped::text(path), "head": map.pooling, "bias": map.bias, "cells": rows })
}

fn json_row(prediction: &Prediction) -> String {
    let path = escaped::text(&prediction.path);
    let row = match &prediction.outcome {
        Ok(answer) => {
            let mut row = json!({
                "path": path,
                "label": answer.label.word(),
                "positive": answer.positive,
                "probability": answer.probability,
                "logit": answer.logit,
            });
            if answer.pages > 1 {
                row["pages"] = json!(answer.pages);
            }
            if answer.trained_on {
                row["trained_on"] = json!(true);
            }
            if let Some(unfamiliar) = answer.unfamiliar {
                row["unfamiliar"] = json!(unfamiliar);
            }
            if let Some(nearest) = &answer.nearest {
                row["nearest"] = json!(nearest);
            }
            if let Some(cam) = &answer.cam {
                row["cam"] = cam_json(cam);
            }
            row
        }
        Err(reason) => json!({ "path": path, "error": reason }),
    };
    format!("{row}\n")
}

fn csv_row(prediction: &Prediction, with_header: bool) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_header {
        writer.write_record(["path", "label", "positive", "probability", "logit", "unfamiliar", "error"])?;
    }
    let path = prediction.path.as_os_str().as_encoded_bytes();
    match &prediction.outcome {
        Ok(answer) => {
            let (probability, logit) = (answer.probability.to_string(), answer.logit.to_string());
            let unfamiliar = answer.unfamiliar.map(|mark| mark.to_string()).unwrap_or_default();
            writer.write_record([
                path,
                answer.label.word().as_bytes(),
                answer.positive.as_bytes(),
                probability.as_bytes(),
                logit.as_bytes(),
                unfamiliar.as_bytes(),
                b"",
            ])?;
        }
        Err(reason) => writer.write_record([path, b"", b"", b"", b"", b"", reason.as_bytes()])?,
    }
    writer.flush()?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A prediction of bees with probability 0.75.
    pub(in super::super) fn prediction(path: &str) -> Prediction {
        let answer = Answer {
            label: Verdict::Class("bees".into()),
            positive: "bees".into(),
            negative: "others".into(),
            probability: 0.75,
            logit: 1.098_612_3,
            threshold: 0.5,
            pages: 1,
            unfamiliar: None,
            nearest: None,
            cam: None,
            trained_on: false,
        };
        Prediction { path: path.into(), outcome: Ok(answer) }
    }

    #[test]
    fn a_row_names_the_class_whose_probability_it_gives() {
        assert_eq!(text_row(&prediction("a.jpg")), "bees    P(bees) = 0.7500  a.jpg\n");
        let json: serde_json::Value = serde_json::from_str(&json_row(&prediction("a.jpg"))).unwrap();
        assert_eq!((json["positive"].as_str(), json["probability"].as_f64()), (Some("bees"), Some(0.75)));
    }

    #[test]
    fn rounding_never_shows_certainty_and_a_threshold_other_than_one_half_is_shown() {
        let row = |probability: f64, threshold: f64| {
            let mut prediction = prediction("a.jpg");
            if let Ok(answer) = &mut prediction.outcome {
                (answer.probability, answer.threshold) = (probability, threshold);
            }
            text_row(&prediction)
        };
        assert_eq!(row(0.000_01, 0.5), "bees    P(bees) < 0.0001  a.jpg\n");
        assert_eq!(row(0.999_99, 0.5), "bees    P(bees) > 0.9999  a.jpg\n");
        assert_eq!(row(1.0, 0.5), "bees    P(bees) = 1.0000  a.jpg\n");
        assert_eq!(row(0.2176, 0.1438), "bees    P(bees) = 0.2176 (≥ 0.1438)  a.jpg\n");
    }

    #[test]
    fn csv_fields_are_quoted_where_needed_and_the_header_is_written_once() {
        let first = csv_row(&prediction("a, \"b\".jpg"), true).unwrap();
        assert!(first.starts_with(
            b"path,label,positive,probability,logit,unfamiliar,error\n\"a, \"\"b\"\".jpg\",bees,bees,0.75,"
        ));
        let error = Prediction { path: "x".into(), outcome: Err("empty file".into()) };
        assert_eq!(csv_row(&error, false).unwrap(), b"x,,,,,,empty file\n");
    }
}
