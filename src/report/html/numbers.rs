//! Every metric with its interval, the interval's method, and an explanation.

use super::Column::{Numbers, Words};
use super::page::{Measured, Page};
use super::text::{Name, Prose, capitalised, count, decimal, each, photos};
use super::{Section, table};
use crate::metrics::{Estimate, Metrics};
use crate::report::estimates::{estimates, in_groups, no_interval};
use crate::report::{CrossValidationReport, MeanStd};

pub(super) fn section(page: &Page) -> Option<Section> {
    let sets = each(&page.measured, |measured| measures(page, measured, page.measured.len() > 1));
    let folds = page.cross_validation.as_ref().map(cross_validation).unwrap_or_default();
    Section::new("numbers", "Numbers", sets + &folds)
}

fn measures(page: &Page, measured: &Measured, with_title: bool) -> String {
    let metrics = &measured.metrics;
    let name = Name(&measured.name);
    let title = if with_title { format!("<h3>On the {name} photos</h3>\n") } else { String::new() };
    let rows = each(estimates(metrics), |(name, estimate, method)| {
        let says = explanation(name);
        let value = estimate.map_or("–".to_owned(), |estimate| decimal(estimate.value));
        let [interval, method] = match estimate.map(Estimate::interval) {
            Some(Some([low, high])) => [format!("{} to {}", decimal(low), decimal(high)), method.name().to_owned()],
            Some(None) => ["–".to_owned(), no_interval(name, metrics)],
            None => ["–".to_owned(), "undefined: a class or a prediction is missing".to_owned()],
        };
        format!(
            "<tr><th scope=\"row\">{name}<small>{says}</small></th><td class=\"number\">{value}</td>\
             <td class=\"number\">{interval}<small>{method}</small></td></tr>\n"
        )
    });
    let groups = in_groups(metrics, [&page.negative, &page.positive]);
    let groups = groups.map_or(String::new(), |groups| format!(" {}.", Prose(&capitalised(&groups))));
    let images = format!(
        "<p>{}: {}, {} of them positive. A 95\u{a0}% interval contains the true value in about 95 of 100 \
         repetitions.{groups}</p>\n",
        Name(&capitalised(&measured.name)),
        photos(metrics.count),
        count(metrics.positives)
    );
    let head = [Words("measure"), Numbers("value"), Numbers("95\u{a0}% interval, by")];
    title + &images + &table("Measures with their intervals", &head, &rows) + &bootstrap(metrics)
}

fn bootstrap(metrics: &Metrics) -> String {
    format!(
        "<p class=\"note\">Bootstrap: {} stratified resamples, seed {}.</p>\n",
        count(metrics.bootstrap.resamples as usize),
        metrics.bootstrap.seed
    )
}

/// The metric in plain words.
fn explanation(measure: &str) -> &'static str {
    match measure {
        "accuracy" => "fraction of correct predictions",
        "balanced accuracy" => "the same if both classes were equally frequent; chance = 0.5",
        "sensitivity" => "fraction of the positive photos that it finds (recall)",
        "specificity" => "fraction of the negative photos that it recognises as negative",
        "precision" => "fraction of its positive predictions that are correct",
        "F1" => "harmonic mean of precision and sensitivity",
        "MCC" => "correlation of predictions and labels; chance = 0",
        "ROC-AUC" => "probability that a positive photo scores above a negative one; chance = 0.5",
        "PR-AUC" => "mean precision over all sensitivities; chance = fraction of positives",
        "log loss" => "penalty for wrong probabilities, lower is better; chance = 0.693",
        "Brier score" => "mean squared error of the probability, lower is better; chance = 0.25",
        "calibration error" => "mean gap between probability and observed frequency, lower is better",
        _ => "",
    }
}

fn cross_validation(found: &CrossValidationReport) -> String {
    let rows = [
        ("accuracy", found.accuracy),
        ("balanced accuracy", found.balanced_accuracy),
        ("ROC-AUC", found.roc_auc),
        ("F1", found.f1),
        ("log loss", found.log_loss),
    ];
    let rows = each(rows, |(name, spread)| {
        let [mean, std] = spread.map_or(["–".to_owned(), "–".to_owned()], |MeanStd { mean, std }| {
            [decimal(mean), format!("± {}", decimal(std))]
        });
        format!(
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{mean}</td>\
             <td class=\"number\">{std}</td></tr>\n"
        )
    });
    let few = found.few().map_or(String::new(), |few| format!("<p class=\"alert\">{}.</p>\n", capitalised(&few)));
    let (folds, images) = (found.folds, photos(found.images));
    format!(
        "<h3>Cross-validation</h3>\n<p>{images} in {folds} folds, each measured with a head that was not fitted to it. The \
         standard deviation (std) over the folds shows how much the result depends on the choice of photos.</p>\n{few}{}",
        table("Cross-validation", &[Words("measure"), Numbers("mean"), Numbers("std")], &rows)
    )
}
