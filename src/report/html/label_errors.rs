//! Possible label errors, and shortcuts: ways to tell the classes apart without the subject of the photos.

use super::Column::{Numbers, Words};
use super::mistakes::pictures;
use super::page::Page;
use super::text::{File, Name, Prose, command, decimal, each, percent};
use super::{MAX_PHOTOS, MAX_ROWS, Section, left_out, table};
use crate::audit::shortcut::NEARLY_AS_WELL;
use crate::files::shell_word;
use crate::report::{LabelError, Shortcut};

/// The default name of the table.
const TABLE: &str = "doubts.csv";

/// How to correct labels (markup).
pub(super) fn step(page: &Page) -> String {
    let given = page.label_table.as_ref().map(|path| shell_word(&path.to_string_lossy()));
    let table = given.as_deref().unwrap_or(TABLE);
    let [fixes, label_errors] = ["--fixes", "--label-errors"].map(|option| command(&format!("{option} {table}")));
    let table = command(table);
    let written = if given.is_some() {
        format!("<code>{table}</code> lists the possible label errors")
    } else {
        format!("Train again with <code>{label_errors}</code>, which lists the possible label errors")
    };
    format!(
        "{written}: look at each photo, write its class, or <code>drop</code> to leave it out, into the column \
         <code>decision</code>, and train with <code>{fixes}</code> instead of <code>{label_errors}</code>; keep any \
         earlier <code>{}</code>. Your photos are not changed.",
        command("--fixes")
    )
}

pub(super) fn labels(page: &Page) -> Option<Section> {
    let doubtful = page.label_errors.as_ref()?;
    let body = if doubtful.is_empty() {
        "<p>Cross-validation does not contradict any label with enough confidence to doubt it. A systematic mistake in many \
         similar photos would not be found in this way.</p>\n"
            .to_owned()
    } else {
        format!(
            "<p>Cross-validation, which never trains on the photo that it predicts, contradicts these labels. {}</p>\n",
            step(page)
        ) + &list(page, doubtful)
    };
    Section::new("label-errors", "Possible label errors", body)
}

fn list(page: &Page, doubtful: &[LabelError]) -> String {
    // Those with thumbnails come first, with all details; the rest are in a table.
    let has_photo = |label: &&LabelError| page.thumbnails.contains_key(&label.path);
    let pictured: Vec<&LabelError> = doubtful.iter().take_while(has_photo).take(MAX_PHOTOS).collect();
    let shown = each(&pictured, |label| {
        format!(
            "<li>{}<p>labelled <b>{}</b>, looks like <b>{}</b> ({})</p>{}</li>\n",
            pictures(&[(page.thumbnails.get(&label.path), "photo")]),
            Name(&label.given),
            Name(&label.suggested),
            percent(label.probability),
            File(&label.path)
        )
    });
    let thumbnails = if shown.is_empty() { shown } else { format!("<ul class=\"thumbnails\">\n{shown}</ul>\n") };
    let rows = each(doubtful.iter().skip(pictured.len()).take(MAX_ROWS), |label| {
        format!(
            "<tr><td>{}<small>labelled {}, looks like {}</small></td><td class=\"number\">{}</td></tr>\n",
            File(&label.path),
            Name(&label.given),
            Name(&label.suggested),
            percent(label.probability)
        )
    });
    let head = [Words("photo"), Numbers("probability")];
    let rest = if rows.is_empty() { rows } else { table("Labels that may be wrong", &head, &rows) };
    thumbnails + &rest + &left_out(doubtful.len(), pictured.len() + MAX_ROWS)
}

pub(super) fn shortcuts(page: &Page) -> Option<Section> {
    let real = page.shortcuts.first()?.model_roc_auc;
    let rows = each(page.shortcuts.iter().take(MAX_ROWS), |probe| {
        let (class, verdict) = match &probe.warning {
            Some(warning) => (" class=\"wrong\"", Prose(warning).to_string()),
            None if is_close(probe) => ("", "close to the whole photo, without a clear cause".to_owned()),
            None => ("", "not a shortcut".to_owned()),
        };
        format!(
            "<tr{class}><th scope=\"row\" class=\"prose\">{}<small class=\"verdict\">{verdict}</small></th>\
             <td class=\"number\">{}</td></tr>\n",
            Prose(&probe.sees),
            decimal(probe.roc_auc)
        )
    });
    let real = format!("<tr><th scope=\"row\">the whole photo</th><td class=\"number\">{}</td></tr>\n", decimal(real));
    let body =
        "<p>A head that sees only information that should not separate the classes ought to be at chance, 0.5. If it comes close \
                to the whole photo, the classes may differ in how the photos were taken rather than in what they show.</p>\n"
            .to_owned()
            + &table("Heads fitted to less information", &[Words("what it sees"), Numbers("ROC-AUC")], &(real + &rows));
    Section::new("shortcuts", "Shortcuts", body)
}

/// Whether a probe is nearly as good as the model's head.
pub(super) fn is_close(probe: &Shortcut) -> bool {
    probe.roc_auc - 0.5 >= NEARLY_AS_WELL * (probe.model_roc_auc - 0.5)
}
