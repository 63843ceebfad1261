//! Sample photos of each class as the network sees them, which reveal a wrong folder or a crop that cuts off the subject.

use super::mistakes::pictures;
use super::page::{ClassPhotos, Page};
use super::text::{Name, each};
use super::{MAX_CLASSES, MAX_PHOTOS, Section};

pub(super) fn section(page: &Page) -> Option<Section> {
    let shown = || page.samples.iter().filter(|class| !class.photos.is_empty());
    let classes = each(shown().take(MAX_CLASSES), sheet);
    let more = shown().count().saturating_sub(MAX_CLASSES);
    let more =
        if more == 0 { String::new() } else { format!("<p class=\"note\">{more} more classes are not shown.</p>\n") };
    let body = if classes.is_empty() {
        classes
    } else {
        format!(
            "<p>Sample photos after orientation and crop. Check that each class is what its name says and that no subject is cut \
             off; otherwise no number below means much.</p>\n<div class=\"sheets\">\n{classes}</div>\n{more}"
        )
    };
    Section::new("samples", "What the network sees", body)
}

fn sheet(ClassPhotos { class, photos }: &ClassPhotos) -> String {
    let items = each(photos.iter().take(MAX_PHOTOS), |(path, picture)| {
        format!("<li>{}</li>\n", pictures(&[(Some(picture), &path.to_string_lossy())]))
    });
    format!("<div>\n<h3>{}</h3>\n<ul class=\"sheet\">\n{items}</ul>\n</div>\n", Name(class))
}
