//! Every measure with its interval, how that was made, and what the measure says.

use super::Column::{Numbers, Words};
use super::page::{Measured, Page};
use super::text::{Name, Prose, capitalised, count, decimal, each, photos};
use super::{Section, table};
use crate::metrics::{Metrics, TOO_FEW};
use crate::report::{CrossValidationReport, Spread, estimates, in_groups};

pub(super) fn section(page: &Page) -> Option<Section> {
    let sets = each(&page.measured, |measured| measures(page, measured, page.measured.len() > 1));
    let folds = page.cross_validation.as_ref().map(cross_validation).unwrap_or_default();
    Section::of("numbers", "Numbers", sets + &folds)
}

fn measures(page: &Page, measured: &Measured, with_title: bool) -> String {
    let metrics = &measured.metrics;
    let name = Name(&measured.name);
    let title = if with_title { format!("<h3>On the {name} photos</h3>\n") } else { String::new() };
    let rows = each(estimates(metrics), |(name, estimate, method)| {
        let says = explanation(name);
        let [value, interval, method] = match estimate {
            Some(estimate) => match estimate.interval() {
                Some([low, high]) => {
                    let interval = format!("{} to {}", decimal(low), decimal(high));
                    [decimal(estimate.value), interval, method.name().to_owned()]
                }
                None => [decimal(estimate.value), "–".to_owned(), TOO_FEW.to_owned()],
            },
            None => ["–".to_owned(), "–".to_owned(), "not defined here: a class or an answer is missing".to_owned()],
        };
        format!(
            "<tr><th scope=\"row\">{name}<small>{says}</small></th><td class=\"number\">{value}</td>\
             <td class=\"number\">{interval}</td><td class=\"quiet\">{method}</td></tr>\n"
        )
    });
    let groups = in_groups(metrics, [&page.negative, &page.positive]);
    let groups = groups.map_or(String::new(), |groups| format!(" {}.", Prose(&capitalised(&groups))));
    let images = format!(
        "<p>{} of the {name} set, {} of them positive. The interval holds the true value in 95 of 100 \
         repetitions.{groups}</p>\n",
        photos(metrics.count),
        count(metrics.positives)
    );
    let head = [Words("measure"), Numbers("value"), Numbers("95\u{a0}% interval"), Words("interval by")];
    title + &images + &table("Measures with their intervals", &head, &rows) + &bootstrap(metrics)
}

fn bootstrap(metrics: &Metrics) -> String {
    format!(
        "<p class=\"note\">Bootstrap: {} stratified resamples, seed {}.</p>\n",
        count(metrics.bootstrap.resamples as usize),
        metrics.bootstrap.seed
    )
}

/// The measure in plain words.
fn explanation(measure: &str) -> &'static str {
    match measure {
        "accuracy" => "share of right answers",
        "balanced accuracy" => "the same if both classes were equally frequent; a guess has 0.5",
        "sensitivity" => "share of the positive photos that it finds (recall)",
        "specificity" => "share of the negative photos that it leaves alone",
        "precision" => "share of its positive answers that are right",
        "F1" => "precision and sensitivity in one number",
        "MCC" => "correlation of answers and labels; a guess has 0",
        "ROC-AUC" => "chance that a positive photo scores above a negative one; a guess has 0.5",
        "PR-AUC" => "mean precision over all sensitivities; a guess has the share of positives",
        "log loss" => "price of wrong probabilities, lower is better; a coin has 0.693",
        "Brier score" => "mean squared error of the probability, lower is better; a coin has 0.25",
        "calibration error" => "mean gap between probability and what happens, lower is better",
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
        let [mean, deviation] = spread.map_or(["–".to_owned(), "–".to_owned()], |Spread { mean, deviation }| {
            [decimal(mean), format!("± {}", decimal(deviation))]
        });
        format!(
            "<tr><th scope=\"row\">{name}</th><td class=\"number\">{mean}</td>\
             <td class=\"number\">{deviation}</td></tr>\n"
        )
    });
    let few = found.few().map_or(String::new(), |few| format!("<p class=\"alert\">{}.</p>\n", capitalised(&few)));
    let (folds, images) = (found.folds, photos(found.images));
    format!(
        "<h3>Cross-validation</h3>\n<p>{images} in {folds} folds, each measured by a head that was not fitted to it. The \
         deviation between folds shows how much depends on which photos one happens to have.</p>\n{few}{}",
        table("Cross-validation", &[Words("measure"), Numbers("mean"), Numbers("deviation")], &rows)
    )
}
