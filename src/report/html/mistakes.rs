//! The photos that it gets most wrong, to look at.

use super::page::{Page, Photo};
use super::picture::Picture;
use super::text::{File, Name, Text, each, percent};
use super::{MOST_PHOTOS, Section, left_out};
use crate::report::heatmap;

pub(super) fn section(page: &Page) -> Option<Section> {
    let errors: Vec<&Photo> = page.certain_errors.iter().take(MOST_PHOTOS).collect();
    let with_maps = errors.iter().any(|photo| photo.map.is_some());
    let mut body = String::new();
    if !errors.is_empty() {
        body += "<h3>Most certain errors</h3>\n<p>Wrong answers, those with the highest loss first. Look for what they \
                 share, and whether the label is right.</p>\n";
        body += &gallery(page, &errors);
        body += &left_out(page.certain_errors.len(), MOST_PHOTOS);
    }
    if with_maps {
        let [positive, negative] = heatmap::COLOURS;
        let note = format!(
            "<p class=\"note\">The second picture of a pair is the class activation map: {positive} speaks for {}, \
             {negative} for {}.</p>\n",
            Name(&page.positive),
            Name(&page.negative)
        );
        body += &note;
    }
    Section::of("mistakes", "Mistakes", body)
}

fn gallery(page: &Page, photos: &[&Photo]) -> String {
    let items = each(photos, |photo| {
        let name = |positive| if positive { Name(&page.positive) } else { Name(&page.negative) };
        let verdict = if photo.is_positive == photo.answered_positive { "right" } else { "wrong" };
        let pictures = pictures(&[(photo.thumbnail.as_ref(), "photo"), (photo.map.as_ref(), "class activation map")]);
        format!(
            "<li class=\"{verdict}\">{pictures}<p>is <b>{}</b>, answer <b>{}</b></p><p>P({}) {}</p>{}</li>\n",
            name(photo.is_positive),
            name(photo.answered_positive),
            Name(&page.positive),
            percent(photo.probability),
            File(&photo.path)
        )
    });
    if items.is_empty() { items } else { format!("<ul class=\"gallery\">\n{items}</ul>\n") }
}

/// Those of the pictures that are there and small enough, side by side.
pub(super) fn pictures(all: &[(Option<&Picture>, &str)]) -> String {
    let there: Vec<_> = all.iter().filter_map(|(picture, name)| Some(((*picture)?, name))).collect();
    if there.is_empty() {
        return String::new();
    }
    let images = each(there, |(picture, name)| {
        if picture.fits() {
            format!("<img src=\"{picture}\" alt=\"{}\" decoding=\"async\"/>", Text(name))
        } else {
            "<span class=\"note\">picture too large to be shown</span>".to_owned()
        }
    });
    format!("<div class=\"pictures\">{images}</div>")
}
