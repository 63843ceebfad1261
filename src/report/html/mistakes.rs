//! The photos that it gets most wrong, to look at.

use super::page::{Page, Photo};
use super::picture::Picture;
use super::text::{File, Name, each, percent, threshold, title};
use super::{MAX_PHOTOS, Section, left_out};
use crate::report::heatmap;

pub(super) fn section(page: &Page) -> Option<Section> {
    let errors: Vec<&Photo> = page.certain_errors.iter().take(MAX_PHOTOS).collect();
    let with_maps = errors.iter().any(|photo| photo.map.is_some());
    let mut body = String::new();
    if !errors.is_empty() {
        body += "<h3>Most confident mistakes</h3>\n<p>Wrong predictions, the most confident first, each with the probability \
                 of what was predicted. Look for what they share, and whether the label is right.</p>\n";
        body += &below_half(page, &errors);
        if with_maps {
            body += &legend(page);
        }
        body += &thumbnails(page, &errors);
        body += &left_out(page.certain_errors.len(), MAX_PHOTOS);
    }
    Section::new("mistakes", "Mistakes", body)
}

/// Why something was predicted that had less than 50 %, where it was.
fn below_half(page: &Page, errors: &[&Photo]) -> String {
    let Some(measured) = page.measured.first().filter(|_| errors.iter().any(|photo| confidence(photo) < 0.5)) else {
        return String::new();
    };
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
