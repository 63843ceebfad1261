//! The photos that were read, and the unreadable ones.

use super::Column::{Numbers, Words};
use super::page::{Data, Page};
use super::text::{File, Name, Prose, count, counted, each, photos};
use super::{MAX_ROWS, Section, facts, left_out, table};
use crate::dataset::Split;
use crate::report::ClassCount;

pub(super) fn section(page: &Page) -> Option<Section> {
    let classes = page.data.as_ref().map(classes).unwrap_or_default();
    let unfamiliar = page.unfamiliar.map_or(String::new(), |found| {
        format!(
            "<p>{} of {} measured {} further from the training photos than those are from each other: for such photos \
             the numbers are less reliable.</p>\n",
            count(found.images),
            photos(found.of),
            if found.images == 1 { "is" } else { "are" }
        )
    });
    Section::new("data", "Data", classes + &unfamiliar)
}

fn classes(data: &Data) -> String {
    let splits = [Split::Train, Split::Validation, Split::Test];
    let used = splits.into_iter().filter(|&split| data.classes.iter().any(|class| images_of(class, split) > 0));
    let used: Vec<Split> = used.collect();
    let mut head = vec![Words("class")];
    head.extend(used.iter().map(|split| Numbers(name_of(*split))));
    head.push(Numbers("total"));
    let row = |name: &str, counts: Vec<usize>, all: usize| {
        let cells = each(counts.iter().chain([&all]), |&images| format!("<td class=\"number\">{}</td>", count(images)));
        format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>\n")
    };
    let mut rows = each(data.classes.iter().take(MAX_ROWS), |class| {
        let label = if class.positive { "positive" } else { "negative" };
        let counts = used.iter().map(|&split| images_of(class, split)).collect();
        row(&format!("{}<small>{label}</small>", Name(&class.name)), counts, class.images())
    });
    if data.classes.len() > 1 {
        let sum = |split| data.classes.iter().map(|class| images_of(class, split)).sum();
        let sums = used.iter().map(|&split| sum(split)).collect();
        rows += &row("total", sums, data.classes.iter().map(ClassCount::images).sum());
    }
    let mut said = vec![("source".to_owned(), File(&data.source).to_string())];
    if !data.split.is_empty() {
        said.push(("split".to_owned(), Prose(&data.split).to_string()));
    }
    if !data.ignored.is_empty() {
        said.push(("ignored".to_owned(), Prose(&data.ignored).to_string()));
    }
    if !data.unreadable.is_empty() {
        let files = counted(data.unreadable.len(), "file", "files");
        said.push(("unreadable".to_owned(), format!("<a href=\"#unreadable\">{files}</a>")));
    }
    let counts = if data.classes.is_empty() { String::new() } else { table("Images of each class", &head, &rows) };
    counts + &left_out(data.classes.len(), MAX_ROWS) + &facts(&said)
}

fn images_of(class: &ClassCount, split: Split) -> usize {
    match split {
        Split::Train => class.train,
        Split::Validation => class.validation,
        Split::Test => class.test,
    }
}

fn name_of(split: Split) -> &'static str {
    match split {
        Split::Train => "training",
        Split::Validation => "validation",
        Split::Test => "test",
    }
}

pub(super) fn unreadable(page: &Page) -> Option<Section> {
    let unreadable = &page.data.as_ref()?.unreadable;
    if unreadable.is_empty() {
        return None;
    }
    let rows = each(unreadable.iter().take(MAX_ROWS), |skipped| {
        format!("<tr><td>{}</td><td class=\"prose\">{}</td></tr>\n", File(&skipped.path), Prose(&skipped.reason))
    });
    let intro = "<p>These were left out of training and evaluation.</p>\n";
    let body = intro.to_owned()
        + &table("Files that could not be read", &[Words("file"), Words("reason")], &rows)
        + &left_out(unreadable.len(), MAX_ROWS);
    Section::new("unreadable", "Unreadable files", body)
}
