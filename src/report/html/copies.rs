//! Near-duplicates, and the effect on the metrics of those on both sides of the split.

use super::Column::{Numbers, Words};
use super::mistakes::pictures;
use super::page::{Copies, CopyPair, Leak, Page};
use super::text::{File, Prose, decimal, each, photos};
use super::{MAX_PHOTOS, MAX_ROWS, Section, left_out, table};

pub(super) fn section(page: &Page) -> Option<Section> {
    let copies = page.copies.as_ref()?;
    let leak = copies.leak.as_ref().map(leaking).unwrap_or_default();
    Section::new("duplicates", "Near-duplicates", leak + &pairs(copies))
}

fn leaking(leak: &Leak) -> String {
    let measure = Prose(&leak.measure).to_string();
    let row = |images: &str, estimate: &crate::metrics::Estimate| {
        let ends = estimate.interval().map(|[low, high]| format!("{} to {}", decimal(low), decimal(high)));
        format!(
            "<tr><th scope=\"row\">{images}</th><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
            decimal(estimate.value),
            ends.unwrap_or_else(|| crate::metrics::TOO_FEW.to_owned())
        )
    };
    let without = leak.without.as_ref().map_or(String::new(), |without| row("without them", without));
    let rows = row("with them", &leak.with) + &without;
    let class = if leak.images > 0 { "alert" } else { "note" };
    let has = if leak.images == 1 { "has" } else { "have" };
    format!(
        "<p class=\"{class}\">{} of the measured set {has} a near-duplicate among the training photos.</p>\n{}",
        photos(leak.images),
        table(
            "The headline with and without near-duplicates",
            &[Words("measured"), Numbers(&measure), Numbers("95\u{a0}% interval")],
            &rows
        )
    )
}

fn pairs(copies: &Copies) -> String {
    let set_aside = if copies.set_aside > 0 {
        format!(
            "<p class=\"alert\">Near-duplicates are not detectable among {} that all look alike: of these only identical files are kept \
             together; use <code>--group-by</code> to define groups.</p>\n",
            photos(copies.set_aside)
        )
    } else {
        String::new()
    };
    if copies.pairs.is_empty() {
        let none = "<p>No near-duplicates were found.</p>\n";
        return if set_aside.is_empty() { none.to_owned() } else { set_aside };
    }
    let seen = |pair: &&CopyPair| pair.thumbnails.as_ref().is_some_and(|pair| pair.iter().all(super::Picture::fits));
    let shown = each(copies.pairs.iter().filter(seen).take(MAX_PHOTOS), |pair| {
        let thumbnails = pair.thumbnails.as_ref().map_or(String::new(), |[first, second]| {
            pictures(&[(Some(first), "first photo"), (Some(second), "its near-duplicate")])
        });
        let class = if is_between(pair) || pair.contradict { "wrong" } else { "right" };
        let labels = if pair.contradict { ", <b>different labels</b>" } else { "" };
        format!("<li class=\"{class}\">{thumbnails}<p>{}, {}{labels}</p></li>\n", Prose(&pair.kind), splits(pair))
    });
    let thumbnails = if shown.is_empty() { shown } else { format!("<ul class=\"thumbnails\">\n{shown}</ul>\n") };
    let rows = each(copies.pairs.iter().take(MAX_ROWS), |pair| {
        let class = if is_between(pair) { " class=\"wrong\"" } else { "" };
        format!(
            "<tr{class}><td class=\"kind\">{}, <span class=\"verdict\">{}</span></td><td>{} {}</td></tr>\n",
            Prose(&pair.kind),
            splits(pair),
            File(&pair.first),
            File(&pair.second)
        )
    });
    set_aside
        + &thumbnails
        + &table("Pairs of near-duplicates", &[Words("kind"), Words("photos")], &rows)
        + &left_out(copies.pairs.len(), MAX_ROWS)
}

fn is_between(pair: &CopyPair) -> bool {
    pair.first_split != pair.second_split
}

fn splits(pair: &CopyPair) -> String {
    if is_between(pair) {
        format!("{} and {}", Prose(&pair.first_split), Prose(&pair.second_split))
    } else if pair.first_split.is_empty() {
        "no split".to_owned()
    } else {
        format!("both in {}", Prose(&pair.first_split))
    }
}
