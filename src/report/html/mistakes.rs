//! The photos that it gets most wrong, to look at.

use super::page::{Measured, Page, Photo};
use super::picture::Picture;
use super::text::{File, Name, counted, each, percent, photos_of, threshold, title};
use super::{MAX_PHOTOS, Section, left_out};
use crate::report::heatmap;

pub(super) fn section(page: &Page) -> Option<Section> {
    let with_maps = page.measured.iter().flat_map(|measured| &measured.mistakes).any(|photo| photo.map.is_some());
    let legend = if with_maps { legend(page) } else { String::new() };
    let sets = each(&page.measured, |measured| of_set(page, measured));
    let body = "<p>Wrong predictions, the most confident first, each with the probability of what was predicted. Look for \
                what they share, and whether the label is right.</p>\n";
    let body = if sets.is_empty() { sets } else { body.to_owned() + &legend + &sets };
    Section::new("mistakes", "Mistakes", body)
}

/// The mistakes on one set of photos.
fn of_set(page: &Page, measured: &Measured) -> String {
    let mistakes: Vec<&Photo> = measured.mistakes.iter().take(MAX_PHOTOS).collect();
    let count = counted(measured.mistakes.len(), "mistake", "mistakes");
    format!("<h3>{count} on {}</h3>\n", photos_of(measured))
        + &below_half(measured, &mistakes)
        + &thumbnails(page, &mistakes)
        + &left_out(measured.mistakes.len(), MAX_PHOTOS)
}

/// Why something was predicted that had less than 50 %, where it was.
fn below_half(measured: &Measured, mistakes: &[&Photo]) -> String {
    if mistakes.iter().all(|photo| confidence(photo) >= 0.5) {
        return String::new();
    }
    let value = threshold(measured.metrics.threshold);
    format!("<p>Below 50\u{a0}% the decision threshold of {value} made the prediction.</p>\n")
}

/// The probability of what was predicted.
fn confidence(photo: &Photo) -> f64 {
    if photo.answered_positive { photo.probability } else { 1.0 - photo.probability }
}

/// What the colours of the maps mean.
fn legend(page: &Page) -> String {
    let [positive, negative] = heatmap::COLOURS;
    let entry = |mark: &str, colour: &str, class: &str| {
        format!("<li><i class=\"mark block {mark}\"></i><span>{colour}: evidence for {}</span></li>\n", Name(class))
    };
    format!(
        "<p class=\"note\">Left the photo, right its class activation map: the photo in grey, and the stronger a colour, the \
         more that place counted. A place that stays grey counted for neither class. Colour beside the subject is a reason to \
         doubt the model.</p>\n<ul class=\"legend\">\n{}{}</ul>\n",
        entry("positive", positive, &page.positive),
        entry("negative", negative, &page.negative)
    )
}

fn thumbnails(page: &Page, photos: &[&Photo]) -> String {
    let items = each(photos, |photo| {
        let name = |positive| if positive { Name(&page.positive) } else { Name(&page.negative) };
        let predicted = name(photo.answered_positive);
        let verdict = if photo.is_positive == photo.answered_positive { "right" } else { "wrong" };
        let pictures = pictures(&[(photo.thumbnail.as_ref(), "photo"), (photo.map.as_ref(), "class activation map")]);
        format!(
            "<li class=\"{verdict}\">{pictures}<p>true <b>{}</b><br/>predicted <b>{predicted}</b> ({})</p>{}</li>\n",
            name(photo.is_positive),
            percent(confidence(photo)),
            File(&photo.path)
        )
    });
    if items.is_empty() { items } else { format!("<ul class=\"thumbnails\">\n{items}</ul>\n") }
}

/// Those of the pictures that are there and small enough, side by side.
pub(super) fn pictures(all: &[(Option<&Picture>, &str)]) -> String {
    let there: Vec<_> = all.iter().filter_map(|(picture, name)| Some(((*picture)?, name))).collect();
    if there.is_empty() {
        return String::new();
    }
    let images = each(there, |(picture, name)| {
        if picture.fits() {
            format!("<img src=\"{picture}\" alt=\"{}\" decoding=\"async\"/>", title(name))
        } else {
            "<span class=\"note\">picture too large to be shown</span>".to_owned()
        }
    });
    format!("<div class=\"pictures\">{images}</div>")
}
