//! The top of the page: the results, the checks and the next steps.

use super::checks::{self, Check, State};
use super::page::{Measured, Page, Seen};
use super::text::{Name, Prose, Text, count, counted, each, percent, percents, photos, photos_of, threshold};
use crate::metrics::{Estimate, TOO_FEW};
use crate::report::MeanStd;
use crate::report::headline::ENOUGH;

/// Maximum number of steps; a longer list would be ignored.
const MAX_STEPS: usize = 5;

/// The title, the answer in plain sentences, the checks and the next steps.
pub(super) fn header(page: &Page) -> String {
    let verdict = verdict(page);
    let refit = page.refit.as_ref().map_or(String::new(), |words| format!("<p>Refit: {}.</p>\n", Prose(words)));
    let found = checks::all(page);
    let date = if page.date.is_empty() { String::new() } else { format!(" of {}", Text(&page.date)) };
    format!(
        "<header id=\"summary\">\n<p class=\"kicker\">resnet-binary report{date}</p>\n<h1>{title}</h1>\n{verdict}{refit}\
         <div class=\"advice\">\n{checks}{steps}</div>\n</header>\n",
        title = Name(&page.title),
        checks = list_of(page, &found),
        steps = next_steps(&found),
    )
}

/// The headline in sentences. As on the terminal, cross-validation comes first if few photos were measured.
fn verdict(page: &Page) -> String {
    let measured = page.measured.first().map(|measured| on_measured(page, measured)).unwrap_or_default();
    let lines = match in_cross_validation(page) {
        Some(folds) if checks::too_few_measured(page) => [folds, measured.0],
        folds => [measured.0, folds.unwrap_or_default()],
    };
    let mut class = " class=\"verdict\"";
    let lines = each(lines.iter().filter(|line| !line.is_empty()), |line| {
        format!("<p{}>{line}</p>\n", std::mem::take(&mut class))
    });
    lines + &measured.1
}

fn in_cross_validation(page: &Page) -> Option<String> {
    let found = page.cross_validation.as_ref()?;
    let MeanStd { mean, std } = found.accuracy?;
    Some(format!(
        "In {}-fold cross-validation of {}, the model was correct <strong>{}</strong> of the time (± {} between folds).",
        found.folds,
        photos(found.images),
        percent(mean),
        percent(std)
    ))
}

/// The accuracy on the measured photos, and the errors of both kinds.
fn on_measured(page: &Page, measured: &Measured) -> (String, String) {
    let metrics = &measured.metrics;
    let Some(accuracy) = metrics.accuracy else { return Default::default() };
    let whose = match measured.seen {
        Seen::Nothing => " not used for training".to_owned(),
        Seen::Related(1) => {
            ", one of which has a near-duplicate, or a photo of its group, among the training photos".to_owned()
        }
        Seen::Related(some) => {
            format!(
                ", {} of which have a near-duplicate, or a photo of their group, among the training photos",
                count(some)
            )
        }
        Seen::Everything => " it was trained on, which says nothing about new photos".to_owned(),
    };
    let headline = format!(
        "On {}{whose}, the model was correct <strong>{}</strong> of the time ({}).",
        photos_of(measured),
        percent(accuracy.value),
        interval(&accuracy)
    );
    let (Some(sensitivity), Some(specificity)) = (metrics.sensitivity, metrics.specificity) else {
        return (headline, String::new());
    };
    let other = |share: f64| 1.0 - share;
    let false_alarms = Estimate {
        value: other(specificity.value),
        low: specificity.high.map(other),
        high: specificity.low.map(other),
    };
    let kinds = format!(
        "<p>It predicts {positive} if the probability is at least {}. Among the {}, it finds {} of the {positive} ({}) and \
         mistakes {} of the {negative} for {positive} ({}).</p>\n",
        threshold(metrics.threshold),
        photos_of(measured),
        percent(sensitivity.value),
        interval(&sensitivity),
        percent(false_alarms.value),
        interval(&false_alarms),
        positive = Name(&page.positive),
        negative = Name(&page.negative),
    );
    (headline, kinds)
}

/// Such as `95 % interval 51.6 to 66.9 %`.
fn interval(estimate: &Estimate) -> String {
    let interval = estimate.interval().map(|interval| format!("95\u{a0}% interval {}", percents(interval)));
    interval.unwrap_or_else(|| TOO_FEW.to_owned())
}

fn list_of(page: &Page, checks: &[Check]) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let warnings = checks.iter().filter(|check| check.state == State::Warning).count();
    let title = match warnings {
        0 if checks::too_few_measured(page) => format!(
            "Can I trust this? Too few photos to tell: {} measured, {} needed",
            count(checks::independent(page)),
            ENOUGH
        ),
        0 => "Can I trust this? No problems were found".to_owned(),
        warnings => format!("Can I trust this? {} first", counted(warnings, "warning", "warnings")),
    };
    let items = each(checks, |check| {
        let (class, word) = match check.state {
            State::Good => ("good", "Good"),
            State::Note => ("note", "Note"),
            State::Warning => ("warning", "Warning"),
        };
        let link =
            check.part.map_or(String::new(), |part| format!(" <a href=\"#{part}\">See {}</a>", part.replace('-', " ")));
        format!("<li class=\"{class}\"><b class=\"state\">{word}</b><span>{}{link}</span></li>\n", check.sentence)
    });
    format!("<div>\n<h2>{title}</h2>\n<ul class=\"checks\">\n{items}</ul>\n</div>\n")
}

fn next_steps(checks: &[Check]) -> String {
    let mut steps: Vec<&String> = Vec::new();
    for step in checks.iter().filter_map(|check| check.step.as_ref()) {
        if steps.len() < MAX_STEPS && !steps.contains(&step) {
            steps.push(step);
        }
    }
    if steps.is_empty() {
        return String::new();
    }
    let items = each(steps, |step| format!("<li>{step}</li>\n"));
    format!("<div>\n<h2>What to do next</h2>\n<ol class=\"steps\">\n{items}</ol>\n</div>\n")
}
