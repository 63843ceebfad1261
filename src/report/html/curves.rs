//! The plots of the probabilities, each with a sentence on how to read it.

use super::page::{Measured, Page};
use super::text::{Name, decimal, percent, photos_of, threshold};
use super::{Section, plot};
use crate::metrics::curves::{calibration_bins, steps};
use crate::metrics::{Metrics, Scores};

pub(super) fn section(page: &Page) -> Option<Section> {
    let measured = page.measured.first()?;
    let scores = Scores::new(&measured.labels, &measured.probabilities).ok().filter(|scores| scores.count() > 0)?;
    let scores = if measured.groups.is_empty() { scores } else { scores.in_groups(&measured.groups).ok()? };
    let steps = steps(&scores);
    let metrics = &measured.metrics;
    let pictures = [
        plot::histogram(&measured.labels, &measured.probabilities, metrics).map(|svg| histogram(page, measured, &svg)),
        plot::roc(&steps, metrics).map(|svg| roc(page, metrics, &svg)),
        plot::precision_recall(&steps, metrics).map(|svg| precision_recall(page, metrics, &svg)),
        calibration_bins(&scores)
            .ok()
            .and_then(|bins| plot::reliability(&bins, metrics))
            .map(|svg| reliability(metrics, &svg)),
    ];
    let figures = pictures.into_iter().flatten().collect::<Vec<_>>().concat();
    let whose = photos_of(measured);
    let body = if figures.is_empty() {
        figures
    } else {
        format!("<p>For the {whose}.</p>\n<div class=\"figures\">\n{figures}</div>\n")
    };
    Section::new("curves", "Curves", body)
}

/// A figure with its title, its legend (markup) and how to read it.
pub(super) fn figure(title: &str, svg: &str, legend: &[(&str, String)], reading: &str) -> String {
    let legend = super::text::each(legend, |(mark, meaning)| {
        format!("<li><i class=\"mark {mark}\"></i><span>{meaning}</span></li>\n")
    });
    format!(
        "<figure>\n<h3>{title}</h3>\n{svg}\n<ul class=\"legend\">\n{legend}</ul>\n\
         <figcaption>{reading}</figcaption>\n</figure>\n"
    )
}

fn histogram(page: &Page, measured: &Measured, svg: &str) -> String {
    let metrics = &measured.metrics;
    let legend = [
        ("block positive", format!("true {}, upwards", Name(&page.positive))),
        ("block negative", format!("true {}, downwards", Name(&page.negative))),
        ("upright dark", format!("decision threshold {}", threshold(metrics.threshold))),
    ];
    let reading = format!(
        "Each photo is placed at its probability of {}. The better the threshold separates the two colours, the fewer \
         mistakes.",
        Name(&page.positive)
    );
    figure("Scores", svg, &legend, &reading)
}

fn roc(page: &Page, metrics: &Metrics, svg: &str) -> String {
    let area = metrics.roc_auc.map_or(f64::NAN, |area| area.value);
    let counts = &metrics.confusion;
    let found = counts.true_positive as f64 / counts.positives() as f64;
    let alarms = counts.false_positive as f64 / counts.negatives() as f64;
    let legend = [
        ("line curve", format!("area {}", decimal(area))),
        (
            "dot dark",
            format!(
                "decision threshold {}: {} found, {} false alarms",
                threshold(metrics.threshold),
                percent(found),
                percent(alarms)
            ),
        ),
        ("line quiet", "chance".to_owned()),
    ];
    let reading = format!(
        "Every threshold is a point: the fraction of the {} that it finds, against the fraction of the {} that it mistakes for \
         them. The closer to the upper left corner, the better.",
        Name(&page.positive),
        Name(&page.negative)
    );
    figure("ROC curve", svg, &legend, &reading)
}

fn precision_recall(page: &Page, metrics: &Metrics, svg: &str) -> String {
    let area = metrics.pr_auc.map_or(f64::NAN, |area| area.value);
    let prevalence = metrics.positives as f64 / metrics.count as f64;
    let mut legend = vec![("line curve", format!("area {}", decimal(area)))];
    if let Some(precision) = metrics.precision {
        let chosen =
            format!("decision threshold {}: {} correct", threshold(metrics.threshold), percent(precision.value));
        legend.push(("dot dark", chosen));
    }
    legend.push(("line quiet", format!("chance: {} are {}", percent(prevalence), Name(&page.positive))));
    let reading = format!(
        "The fraction of its predictions of {0} that are correct (upwards), against the fraction of the {0} that it finds (to \
         the right). The longer the curve stays high, the better.",
        Name(&page.positive)
    );
    figure("Precision and recall", svg, &legend, &reading)
}

fn reliability(metrics: &Metrics, svg: &str) -> String {
    let error = metrics.expected_calibration_error.map_or(f64::NAN, |error| error.value);
    let legend = [
        ("line curve", format!("measured, with 95\u{a0}% intervals; mean gap {}", decimal(error))),
        ("line quiet", "perfect".to_owned()),
    ];
    let reading = "Of the photos with a probability of 70\u{a0}%, 70\u{a0}% should be positive. Points on the diagonal are calibrated, points \
                   below it overconfident. Each point is for the photos in a tenth of the scale, whose number is shown at \
                   the bottom; with few photos there is no interval.";
    figure("Calibration", svg, &legend, reading)
}
