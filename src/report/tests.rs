//! The HTML report: whole, closed to the network, well-formed, safe from hostile names, bounded, and readable in a browser.
//!
//! To look at it: `REPORT_EXAMPLE=DIR cargo test --release report::tests` writes `report.html` into that folder and, where
//! a Chromium is installed, a picture of it on a phone and on a desk, in light and in dark. The README's picture is made
//! that way.

mod browser;
mod example;
mod summary;

use std::collections::HashMap;
use std::path::PathBuf;

use crate::dataset::Unreadable;
use crate::metrics::{Bootstrap, Scores, evaluate};
use crate::report::html::{
    ClassPhotos, Data, Decision, Measured, Network, Page, Picture, Repeat, Seen, Warning, render,
};
use crate::report::{ClassCount, GroupReport, LabelError, NearDuplicate, Shortcut};

/// Markup in every way, quotes, control characters, a direction override, letters from right to left.
const HOSTILE: &str = "</title></style><script>alert(1)</script>\" onload='x' `&amp; \0\u{1b}[2J\u{202e}gpj.exe חתול";

/// As XML: every element closed, every attribute quoted, every reference known. HTML of this kind reads the same.
fn parsed(html: &str) -> roxmltree::Document<'_> {
    let body = html.strip_prefix("<!DOCTYPE html>\n").unwrap();
    roxmltree::Document::parse(body).unwrap_or_else(|error| panic!("not well-formed: {error}"))
}

fn section_ids(document: &roxmltree::Document<'_>) -> Vec<String> {
    let sections = document.descendants().filter(|node| node.has_tag_name("section"));
    sections.map(|node| node.attribute("id").unwrap().to_owned()).collect()
}

/// All parts of the page, filled with the same word.
fn filled_with(word: &str) -> Page {
    let words = || word.to_owned();
    let path = || PathBuf::from(word);
    let labels = [true, false, true, false, true];
    let probabilities = [0.9, 0.2, 0.4, 0.7, 0.6];
    let metrics = evaluate(&Scores::new(&labels, &probabilities).unwrap(), 0.5, Bootstrap::default()).unwrap();
    let mut page = example::page();
    for photo in &mut page.measured[0].mistakes {
        photo.path = path();
    }
    let class = |positive| ClassCount { name: words(), positive, train: 1, validation: 1, test: 1, undivided: 0 };
    let warning = || Warning { sentence: words(), step: Some(words()) };
    let fact = || vec![("fact", words())];
    Page {
        title: words(),
        command: words(),
        negative: words(),
        positive: words(),
        date: words(),
        warnings: vec![warning()],
        refit: Some(words()),
        samples: vec![ClassPhotos {
            class: words(),
            photos: vec![(path(), example::page().samples[0].photos[0].1.clone())],
        }],
        data: Some(Data {
            source: path(),
            classes: vec![class(false), class(true)],
            split: words(),
            unreadable: vec![Unreadable { path: path(), reason: words() }],
            ignored: words(),
        }),
        network: Some(Network {
            backbone: words(),
            weights: words(),
            precision: words(),
            device: words(),
            image_size: 224,
            head: words(),
        }),
        measured: vec![Measured {
            name: words(),
            seen: Seen::Related(2),
            metrics,
            labels: labels.to_vec(),
            probabilities: probabilities.to_vec(),
            groups: Vec::new(),
            mistakes: std::mem::take(&mut page.measured[0].mistakes),
        }],
        decision: Some(Decision {
            rule: words(),
            threshold: 0.5,
            warning: Some(warning()),
            cost: Some(words()),
            calibration: Some(words()),
        }),
        photo_groups: Some(GroupReport {
            near_duplicates: vec![NearDuplicate {
                first: path(),
                second: path(),
                contradict: true,
                ..NearDuplicate::default()
            }],
            ..GroupReport::default()
        }),
        splits: HashMap::from([(path(), words())]),
        label_errors: Some(vec![LabelError {
            path: path(),
            given: words(),
            suggested: words(),
            ..LabelError::default()
        }]),
        shortcuts: vec![Shortcut { sees: words(), roc_auc: 0.8, model_roc_auc: 0.9, warning: Some(words()) }],
        repeat: Some(Repeat { seed: 1, versions: fact(), hashes: fact(), preprocess: fact() }),
        ..page
    }
}

#[test]
fn a_full_page_has_every_part_and_its_contents_lead_to_each() {
    let html = render(&example::page());
    let document = parsed(&html);
    let ids = section_ids(&document);
    let expected = [
        "samples",
        "data",
        "numbers",
        "predictions",
        "curves",
        "learning-curve",
        "mistakes",
        "duplicates",
        "label-errors",
        "shortcuts",
        "unreadable",
        "repeat",
    ];
    assert_eq!(ids, expected);
    let links =
        document.descendants().filter_map(|node| node.attribute("href")).map(|link| link.trim_start_matches('#'));
    let links: Vec<&str> = links.collect();
    assert!(links.iter().all(|link| ids.iter().any(|id| id == link)), "{links:?}");
    assert!(ids.iter().all(|id| links.contains(&id.as_str())), "{links:?}");
    let pictures = document.descendants().filter(|node| node.has_tag_name("svg"));
    let titles: Vec<&str> = pictures.map(|svg| svg.attribute("aria-label").unwrap()).collect();
    assert_eq!(titles.len(), 6, "{titles:?}");
    assert!(titles.iter().all(|title| title.contains(|letter: char| letter.is_ascii_digit())), "{titles:?}");
}

#[test]
fn the_headline_is_a_plain_sentence() {
    let html = render(&example::page());
    let document = parsed(&html);
    let verdict = document.descendants().find(|node| node.attribute("class") == Some("verdict")).unwrap();
    let words: String = verdict.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect();
    let metrics = &example::page().measured[0].metrics;
    let accuracy = metrics.accuracy.unwrap();
    let expected = format!(
        "On 153\u{a0}validation photos not used for training, the model was correct {:.1}\u{a0}% of the time (95\u{a0}% interval {:.1} to \
         {:.1}\u{a0}%).",
        accuracy.value * 100.0,
        accuracy.low.unwrap() * 100.0,
        accuracy.high.unwrap() * 100.0
    );
    assert_eq!(words, expected);
}

#[test]
fn what_was_not_looked_for_is_left_out_and_what_was_not_found_is_said() {
    let names = |page: Page| Page { title: "a".into(), negative: "a".into(), positive: "b".into(), ..page };
    let bare = render(&names(Page::default()));
    assert!(section_ids(&parsed(&bare)).is_empty(), "{bare}");
    let searched =
        names(Page { photo_groups: Some(GroupReport::default()), label_errors: Some(Vec::new()), ..Page::default() });
    let searched = render(&searched);
    assert_eq!(section_ids(&parsed(&searched)), ["duplicates", "label-errors"]);
    assert!(searched.contains("No near-duplicates were found") && searched.contains("does not contradict any label"));
}

/// Sections that go, and what makes them go.
type Removal = (&'static [&'static str], fn(&mut Page));

#[test]
fn each_part_may_be_missing() {
    let full = section_ids(&parsed(&render(&example::page())));
    let removals: [Removal; 10] = [
        (&["samples"], |page| page.samples.clear()),
        (&["data", "unreadable"], |page| page.data = None),
        (&["predictions", "curves", "mistakes"], |page| {
            page.measured.clear();
            page.decision = None;
        }),
        (&["curves"], |page| page.measured[0].probabilities.clear()),
        (&["learning-curve"], |page| page.learning_curve.clear()),
        (&["duplicates"], |page| page.photo_groups = None),
        (&["label-errors"], |page| page.label_errors = None),
        (&["shortcuts"], |page| page.shortcuts.clear()),
        (&["unreadable"], |page| page.data.as_mut().unwrap().unreadable.clear()),
        (&["repeat"], |page| {
            page.command.clear();
            page.network = None;
            page.repeat = None;
        }),
    ];
    for (gone, remove) in removals {
        let mut page = Page { unfamiliar: None, ..example::page() };
        remove(&mut page);
        let ids = section_ids(&parsed(&render(&page)));
        let missing: Vec<&String> = full.iter().filter(|id| !ids.contains(id)).collect();
        assert_eq!(missing, gone.to_vec());
    }
}

#[test]
fn the_file_is_closed_and_runs_nothing() {
    let html = render(&example::page());
    let document = parsed(&html);
    let policy = document.descendants().find(|node| node.attribute("http-equiv") == Some("Content-Security-Policy"));
    let policy = policy.unwrap().attribute("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; img-src data:; style-src 'unsafe-inline'"), "{policy}");
    for address in ["http://", "https://", "//cdn", "@import", "url(", "javascript:"] {
        assert!(!html.contains(address), "{address}");
    }
    for node in document.descendants() {
        assert!(!["script", "link", "iframe", "object", "base"].contains(&node.tag_name().name()), "{node:?}");
        assert!(node.attributes().all(|attribute| !attribute.name().starts_with("on")), "{node:?}");
        if let Some(source) = node.attribute("src") {
            assert!(source.starts_with("data:image/jpeg;base64,"), "{source}");
        }
    }
}

#[test]
fn hostile_names_stay_words() {
    let html = render(&filled_with(HOSTILE));
    let document = parsed(&html);
    assert!(document.descendants().all(|node| !node.has_tag_name("script") && node.attribute("onload").is_none()));
    assert!(
        !html.contains("<script") && !html.contains('\u{202e}') && !html.contains('\0') && !html.contains('\u{1b}')
    );
    let words: String = document.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect();
    assert!(words.matches("<script>alert(1)</script>").count() > 30, "the names are shown");
    // The same parts, whatever the names are.
    let tame = render(&filled_with("tame"));
    assert_eq!(section_ids(&document), section_ids(&parsed(&tame)));
}

#[test]
fn very_long_names_do_not_make_it_heavy() {
    let short = render(&filled_with("ant")).len();
    let long = render(&filled_with(&"ant ".repeat(20_000))).len();
    assert!(long < short + 150_000, "{short} to {long} bytes");
}

#[test]
fn lists_without_end_are_bounded_and_say_what_is_missing() {
    let mut page = example::page();
    let fill = |count: usize| (0..count).map(|place| PathBuf::from(format!("photo-{place}.jpg")));
    page.data.as_mut().unwrap().unreadable =
        fill(5000).map(|path| Unreadable { path, reason: "it is empty".to_owned() }).collect();
    page.label_errors = Some(fill(3000).map(|path| LabelError { path, ..LabelError::default() }).collect());
    let pair = page.photo_groups.as_ref().unwrap().near_duplicates[0].clone();
    page.photo_groups.as_mut().unwrap().near_duplicates =
        fill(4000).map(|first| NearDuplicate { first, ..pair.clone() }).collect();
    let photo = page.measured[0].mistakes[0].clone();
    page.measured[0].mistakes = fill(300).map(|path| crate::report::html::Photo { path, ..photo.clone() }).collect();
    let (labels, probabilities) = example::scores(30_000);
    page.measured[0].labels = labels;
    page.measured[0].probabilities = probabilities;
    let html = render(&page);
    let document = parsed(&html);
    assert!(document.descendants().filter(|node| node.has_tag_name("tr")).count() < 700);
    assert!(document.descendants().filter(|node| node.has_tag_name("img")).count() <= 24 * 4 + 18);
    for more in ["4800 more", "2800 more", "3800 more", "276 more"] {
        assert!(html.contains(more), "{more}");
    }
    let pictures: usize = document.descendants().filter_map(|node| node.attribute("src")).map(str::len).sum();
    assert!(html.len() - pictures < 400_000, "{} bytes beside the pictures", html.len() - pictures);
}

#[test]
fn a_picture_too_large_for_the_page_is_named_instead() {
    let mut page = example::page();
    page.measured[0].mistakes[0].thumbnail = Some(Picture { bytes: vec![0; 1 << 20] });
    let html = render(&page);
    assert!(html.contains("picture too large") && !html.contains("data:image/png"));
    parsed(&html);
}

#[test]
fn the_same_page_gives_the_same_bytes() {
    assert_eq!(render(&example::page()), render(&example::page()));
}
