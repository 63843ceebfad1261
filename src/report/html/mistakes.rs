//! The photos with the most confident wrong predictions.

use super::page::{Measured, Page, Photo};
use super::picture::Picture;
use super::text::{File, Name, counted, each, percent, photos_of, threshold, title};
use super::{MAX_PHOTOS, Section, left_out};
use crate::report::heatmap;

pub(super) fn section(page: &Page) -> Option<Section> {
    let with_maps = page.measured.iter().flat_map(|measured| &measured.mistakes).any(|photo| photo.map.is_some());
    let legend = if with_maps { legend(page) } else { String::new() };
    let sets = each(&page.measured, |measured| of_set(page, measured));
    let body = "<p>Wrong predictions, the most confident first, each with the probability of the predicted class. Look for \
                what they have in common, and check the labels.</p>\n";
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

/// Explains predictions with a probability below 50 %, if there are any.
fn below_half(measured: &Measured, mistakes: &[&Photo]) -> String {
    if mistakes.iter().all(|photo| confidence(photo) >= 0.5) {
        return String::new();
    }
    let value = threshold(measured.metrics.threshold);
    format!("<p>Predictions with a probability below 50\u{a0}% are due to the decision threshold of {value}.</p>\n")
}

/// The probability of the predicted class.
fn confidence(photo: &Photo) -> f64 {
    if photo.answered_positive { photo.probability } else { 1.0 - photo.probability }
}

/// The legend of the class activation maps.
fn legend(page: &Page) -> String {
    let [positive, negative] = heatmap::COLOURS;
    let entry = |mark: &str, colour: &str, class: &str| {
        format!("<li><i class=\"mark block {mark}\"></i><span>{colour}: evidence for {}</span></li>\n", Name(class))
    };
    format!(
        "<p class=\"note\">Left: the photo. Right: its class activation map over the photo in grey; the stronger the colour, the \
         stronger the evidence. Grey areas are evidence for neither class. Colour outside the subject is a reason to doubt \
         the model.</p>\n<ul class=\"legend\">\n{}{}</ul>\n",
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

/// The pictures that exist and are small enough, side by side.
pub(super) fn pictures(all: &[(Option<&Picture>, &str)]) -> String {
    let there: Vec<_> = all.iter().filter_map(|(picture, name)| Some(((*picture)?, name))).collect();
    if there.is_empty() {
        return String::new();
    }
    let images = each(there, |(picture, name)| {
        if picture.fits() {
            format!("<img src=\"{picture}\" alt=\"{}\" decoding=\"async\"/>", title(name))
        } else {
            "<span class=\"note\">picture too large to show</span>".to_owned()
        }
    });
    format!("<div class=\"pictures\">{images}</div>")
}
