//! Near-duplicates, and the effect on the metrics of those on both sides of the split.

use super::Column::{Numbers, Words};
use super::mistakes::pictures;
use super::page::Page;
use super::text::{File, Prose, decimal, each, photos};
use super::{MAX_PHOTOS, MAX_ROWS, Section, left_out, table};
use crate::metrics::{Estimate, TOO_FEW};
use crate::report::NearDuplicate;

pub(super) fn section(page: &Page) -> Option<Section> {
    page.photo_groups.as_ref()?;
    let leak =
        page.leaks.iter().find_map(|leak| Some(leaking(leak.images, &leak.accuracy_with?, leak.accuracy_without)));
    Section::new("duplicates", "Near-duplicates", leak.unwrap_or_default() + &pairs(page)?)
}

/// The accuracy on all measured images, and without those that have a near-duplicate in training.
fn leaking(images: usize, with: &Estimate, without: Option<Estimate>) -> String {
    let row = |images: &str, estimate: &Estimate| {
        let ends = estimate.interval().map(|[low, high]| format!("{} to {}", decimal(low), decimal(high)));
        format!(
            "<tr><th scope=\"row\">{images}</th><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
            decimal(estimate.value),
            ends.unwrap_or_else(|| TOO_FEW.to_owned())
        )
    };
    let without = without.map_or(String::new(), |without| row("without them", &without));
    let rows = row("with them", with) + &without;
    let class = if images > 0 { "alert" } else { "note" };
    let has = if images == 1 { "has" } else { "have" };
    format!(
        "<p class=\"{class}\">{} of the measured set {has} a near-duplicate among the training photos.</p>\n{}",
        photos(images),
        table(
            "The headline with and without near-duplicates",
            &[Words("measured"), Numbers("accuracy"), Numbers("95\u{a0}% interval")],
            &rows
        )
    )
}

/// `None` where they were not looked for.
fn pairs(page: &Page) -> Option<String> {
    let copies = page.photo_groups.as_ref()?;
    let pairs = &copies.near_duplicates;
    let set_aside = if copies.set_aside > 0 {
        format!(
            "<p class=\"alert\">Near-duplicates are not detectable among {} that all look alike: of these only identical files are kept \
             together; use <code>--group-by</code> to define groups.</p>\n",
            photos(copies.set_aside)
        )
    } else {
        String::new()
    };
    if pairs.is_empty() {
        let none = "<p>No near-duplicates were found.</p>\n";
        return Some(if set_aside.is_empty() { none.to_owned() } else { set_aside });
    }
    let shown = pairs.iter().filter_map(|pair| {
        let pictures = [page.thumbnails.get(&pair.first)?, page.thumbnails.get(&pair.second)?];
        pictures.iter().all(|picture| picture.fits()).then_some((pair, pictures))
    });
    let shown = each(shown.take(MAX_PHOTOS), |(pair, [first, second])| {
        let thumbnails = pictures(&[(Some(first), "first photo"), (Some(second), "its near-duplicate")]);
        let class = if is_between(page, pair) || pair.contradict { "wrong" } else { "right" };
        let labels = if pair.contradict { ", <b>different labels</b>" } else { "" };
        format!("<li class=\"{class}\">{thumbnails}<p>{}, {}{labels}</p></li>\n", Prose(pair.kind), splits(page, pair))
    });
    let thumbnails = if shown.is_empty() { shown } else { format!("<ul class=\"thumbnails\">\n{shown}</ul>\n") };
    let rows = each(pairs.iter().take(MAX_ROWS), |pair| {
        let class = if is_between(page, pair) { " class=\"wrong\"" } else { "" };
        format!(
            "<tr{class}><td class=\"kind\">{}, <span class=\"verdict\">{}</span></td><td>{} {}</td></tr>\n",
            Prose(pair.kind),
            splits(page, pair),
            File(&pair.first),
            File(&pair.second)
        )
    });
    let rest = set_aside
        + &thumbnails
        + &table("Pairs of near-duplicates", &[Words("kind"), Words("photos")], &rows)
        + &left_out(pairs.len(), MAX_ROWS);
    Some(rest)
}

/// The splits of both photos of a pair; empty where they have none.
fn splits_of<'a>(page: &'a Page, pair: &NearDuplicate) -> [&'a str; 2] {
    [&pair.first, &pair.second].map(|path| page.splits.get(path).map_or("", String::as_str))
}

pub(super) fn is_between(page: &Page, pair: &NearDuplicate) -> bool {
    let [first, second] = splits_of(page, pair);
    first != second
}

fn splits(page: &Page, pair: &NearDuplicate) -> String {
    match splits_of(page, pair) {
        ["", ""] => "no split".to_owned(),
        [first, second] if first == second => format!("both in {}", Prose(first)),
        [first, second] => format!("{} and {}", Prose(first), Prose(second)),
    }
}
