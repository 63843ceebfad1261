//! The report as one HTML file: [`Page`] in, a string out.
//!
//! Pure: no files, no clock, no network; the same page gives the same bytes. The string is a whole document that loads
//! nothing (a content security policy holds the browser to that), runs no script, follows light and dark, fits a phone
//! and prints. It is well-formed XML too, so that a test can parse it. Everything that a user named is escaped
//! (`text`), and its size is bounded: lists end at [`MAX_ROWS`] and galleries at [`MAX_PHOTOS`], stating how many items are
//! not shown; curves have at most 500 points, pictures at most [`picture::MAX_BYTES`].

mod checks;
mod copies;
mod curves;
mod data;
mod label_errors;
mod learning;
mod mistakes;
mod numbers;
mod page;
pub(crate) mod picture;
mod plot;
mod predictions;
mod repeat;
mod samples;
mod summary;
mod text;

pub(crate) use page::{ClassPhotos, Data, Decision, Measured, Network, Page, Photo, Repeat, Seen, Unfamiliar, Warning};
pub(crate) use picture::Picture;

use crate::files::Kind;
use text::each;

/// Maximum number of rows of a table.
pub(crate) const MAX_ROWS: usize = 200;
/// Maximum number of thumbnails of a list, and of pairs and possible label errors shown with photos.
pub(crate) const MAX_PHOTOS: usize = 24;
/// Maximum number of classes shown with sample photos.
pub(crate) const MAX_CLASSES: usize = 6;

/// Forbids loading or running anything; pictures and style are in the file.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("html/style.css");

/// Identifies a page among other files.
pub(crate) const KIND: Kind = Kind {
    name: "page",
    is_one: |head| {
        let head = String::from_utf8_lossy(head);
        head.starts_with("<!DOCTYPE html>") && head.contains(&format!("{TITLE_END}</title>"))
    },
};

/// The end of every page's title.
const TITLE_END: &str = " – resnet-binary";

/// A section of the page, linked from the table of contents.
struct Section {
    id: &'static str,
    title: &'static str,
    body: String,
}

impl Section {
    /// The section, unless it is empty.
    fn new(id: &'static str, title: &'static str, body: String) -> Option<Self> {
        (!body.is_empty()).then_some(Self { id, title, body })
    }

    fn markup(&self) -> String {
        let Self { id, title, body } = self;
        format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{body}</section>\n")
    }
}

/// The whole document.
pub(crate) fn render(page: &Page) -> String {
    let sections: Vec<Section> = [
        samples::section(page),
        data::section(page),
        numbers::section(page),
        predictions::section(page),
        curves::section(page),
        learning::section(page),
        mistakes::section(page),
        copies::section(page),
        label_errors::labels(page),
        label_errors::shortcuts(page),
        data::unreadable(page),
        repeat::section(page),
    ]
    .into_iter()
    .flatten()
    .collect();
    let title = text::title(&page.title);
    let links = each(&sections, |part| format!("<li><a href=\"#{}\">{}</a></li>\n", part.id, part.title));
    let body = each(&sections, Section::markup);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}{TITLE_END}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{summary}\
         <nav aria-label=\"Contents\">\n<ol>\n{links}</ol>\n</nav>\n<main>\n{body}</main>\n</body>\n</html>\n",
        summary = summary::header(page),
    )
}

/// The title of a column (markup); numbers are right-aligned.
enum Column<'a> {
    Words(&'a str),
    Numbers(&'a str),
}

/// A table in a box that scrolls on narrow screens; `label` is its name for screen readers.
fn table(label: &str, head: &[Column<'_>], rows: &str) -> String {
    let head = each(head, |column| match column {
        Column::Words(title) => format!("<th scope=\"col\">{title}</th>"),
        Column::Numbers(title) => format!("<th scope=\"col\" class=\"number\">{title}</th>"),
    });
    format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\">\n<table>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

/// A list of names with values.
fn facts(rows: &[(String, String)]) -> String {
    let rows = each(rows, |(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n"));
    if rows.is_empty() { rows } else { format!("<dl>\n{rows}</dl>\n") }
}

/// States how many items of a list are not shown; empty if all are.
fn left_out(all: usize, shown: usize) -> String {
    let more = all.saturating_sub(shown);
    if more == 0 {
        String::new()
    } else {
        format!("<p class=\"note\">{} more are not shown here.</p>\n", text::count(more))
    }
}
