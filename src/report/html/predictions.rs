//! The predictions, and how a probability becomes a prediction.

use super::page::{Decision, Measured, Page};
use super::text::{Name, Prose, count, each, percent, photos_of, threshold};
use super::{Section, facts};

pub(super) fn section(page: &Page) -> Option<Section> {
    let matrix = page.measured.first().map(|measured| confusion(page, measured)).unwrap_or_default();
    let decision = page.decision.as_ref().map(|decision| rule(page, decision)).unwrap_or_default();
    Section::new("predictions", "Predictions", matrix + &decision)
}

/// The confusion matrix: one row per true class, shaded by the fraction of the row.
fn confusion(page: &Page, measured: &Measured) -> String {
    let counts = &measured.metrics.confusion;
    let (negative, positive) = (Name(&page.negative), Name(&page.positive));
    let rows = [
        (&negative, [(counts.true_negative, true), (counts.false_positive, false)]),
        (&positive, [(counts.false_negative, false), (counts.true_positive, true)]),
    ];
    let rows = each(rows, |(name, cells)| {
        let all = (cells[0].0 + cells[1].0).max(1) as f64;
        let cells = each(cells, |(images, is_right)| {
            let (share, class) = (images as f64 / all, if is_right { "right" } else { "wrong" });
            format!(
                "<td class=\"cell {class}\" style=\"--share:{share:.3}\"><b>{}</b> <small>{class}, {}</small></td>",
                count(images),
                percent(share)
            )
        });
        format!("<tr><th scope=\"row\">true {name}</th>{cells}</tr>\n")
    });
    format!(
        "<h3>Confusion matrix</h3>\n<figure class=\"matrix\">\n<table>\n<thead><tr><td></td>\
         <th scope=\"col\">predicted {negative}</th><th scope=\"col\">predicted {positive}</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n<figcaption>For the {photos}: rows are true classes, columns are predictions; percentages are of the \
         row.</figcaption>\n</figure>\n",
        photos = photos_of(measured)
    )
}

fn rule(page: &Page, decision: &Decision) -> String {
    let warning = decision.warning.as_ref().map_or(String::new(), |warning| {
        format!("<p class=\"alert\"><b class=\"state\">Warning</b> {}</p>\n", Prose(&warning.sentence))
    });
    // A fixed threshold needs no explanation.
    let is_given = decision.rule.parse() == Ok(decision.threshold);
    let how = if is_given { String::new() } else { format!(", chosen by <code>{}</code>", Prose(&decision.rule)) };
    let mut said = vec![(
        "threshold on the probability".to_owned(),
        format!("{}{how}: at or above it, the prediction is {}", threshold(decision.threshold), Name(&page.positive)),
    )];
    if let Some(calibration) = &decision.calibration {
        said.push(("calibration".to_owned(), Prose(calibration).to_string()));
    }
    let cost = decision.cost.as_ref().map_or(String::new(), |cost| format!("<p>{}.</p>\n", Prose(cost)));
    format!("<h3>Decision threshold</h3>\n{warning}{cost}{}", facts(&said))
}
