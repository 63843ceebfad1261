//! What the top of the page says, and in which words.

use super::{example, parsed};
use crate::metrics::{Bootstrap, Scores, evaluate};
use crate::report::Shortcut;
use crate::report::html::{Measured, Page, Seen, render};
use crate::report::{LearningPoint, MeanStd};

/// The words of every element with this tag, and this class where one is given.
fn words_of(html: &str, tag: &str, class: Option<&str>) -> Vec<String> {
    let document = parsed(html);
    let elements = document.descendants().filter(|node| node.has_tag_name(tag));
    let elements = elements.filter(|node| class.is_none_or(|class| node.attribute("class") == Some(class)));
    let words = |node: roxmltree::Node<'_, '_>| {
        node.descendants().filter_map(|node| node.text().filter(|_| node.is_text()).map(str::to_owned)).collect()
    };
    elements.map(words).collect()
}

/// So many photos, of which so many are answered rightly.
fn measured(photos: usize, right: usize) -> Page {
    let labels: Vec<bool> = (0..photos).map(|image| image % 2 == 0).collect();
    let answer = |(image, &label): (usize, &bool)| if (image < right) == label { 0.9 } else { 0.1 };
    let probabilities: Vec<f64> = labels.iter().enumerate().map(answer).collect();
    let metrics = evaluate(&Scores::new(&labels, &probabilities).unwrap(), 0.5, Bootstrap::default()).unwrap();
    let measured = Measured {
        name: "test".to_owned(),
        seen: Seen::Nothing,
        metrics,
        labels,
        probabilities,
        groups: Vec::new(),
        mistakes: Vec::new(),
    };
    Page { measured: vec![measured], ..Page::default() }
}

#[test]
fn the_summary_warns_of_what_misleads_and_says_what_is_well() {
    let found = |page: &Page| {
        let html = render(page);
        (words_of(&html, "li", Some("warning")), words_of(&html, "li", Some("good")))
    };
    let (bad, good) = found(&example::page());
    for expected in [
        "recall>=0.95 cannot be guaranteed with 83 positives",
        "2\u{a0}photos behind these numbers have a near-duplicate",
        "how the photos were taken",
    ] {
        assert!(bad.iter().any(|words| words.contains(expected)), "{expected}: {bad:#?}");
    }
    assert!(good.iter().any(|words| words.contains("clearly better than guessing")), "{good:#?}");
    let coin = |right| found(&measured(100, right)).0;
    assert!(coin(55).iter().any(|words| words.contains("not clearly better than guessing")));
    assert!(coin(20).iter().any(|words| words.contains("worse than guessing")));
    assert!(coin(80).is_empty());
}

/// A model that ranks well, at a threshold that takes nearly all for positive.
#[test]
fn a_rule_that_costs_accuracy_is_no_reason_to_distrust_the_ranking() {
    let mut page = measured(100, 90);
    let Measured { labels, probabilities, .. } = &page.measured[0];
    let metrics = evaluate(&Scores::new(labels, probabilities).unwrap(), 0.05, Bootstrap::default()).unwrap();
    assert!((metrics.accuracy.unwrap().value - 0.5).abs() < 1e-9);
    page.measured[0].metrics = metrics;
    page.decision = example::page().decision;
    let html = render(&page);
    assert!(words_of(&html, "li", Some("good")).concat().contains("clearly better than guessing"), "{html:.4000}");
    assert!(words_of(&html, "li", Some("note")).concat().contains("it would be 80 %"), "{html:.4000}");
    assert!(!html.contains("Do not use this model"));
    // Without a rule it is said all the same that the threshold makes nothing of the ranking.
    page.decision = None;
    let notes = words_of(&render(&page), "li", Some("note")).concat();
    assert!(notes.contains("At its threshold of 0.05 it is correct 50.0\u{a0}% of the time"), "{notes}");
}

#[test]
fn advice_about_more_photos_does_not_contradict_itself() {
    let mut page = measured(40, 22);
    let flat = |images| {
        let spread = |mean| MeanStd { mean, std: 0.05 };
        LearningPoint { images, roc_auc: spread(0.5), log_loss: spread(0.69) }
    };
    page.learning_curve = [20, 40, 80].map(flat).to_vec();
    let html = render(&page);
    let steps = words_of(&html, "ol", Some("steps")).concat();
    assert!(html.contains("unlikely to make the model better. They only make the numbers and guarantees more precise"));
    assert!(
        steps.contains("For more precise numbers, measure on more photos") && !steps.contains("add photos"),
        "{steps}"
    );
}

#[test]
fn without_a_warning_few_photos_are_too_few_to_tell() {
    let title = |photos| words_of(&render(&measured(photos, photos - 1)), "h2", None).remove(0);
    assert_eq!(title(20), "Can I trust this? Too few photos to tell: 20 measured, 100 needed");
    assert_eq!(title(100), "Can I trust this? No problems were found");
    assert!(render(&measured(20, 19)).contains("measure on more photos, at least 100"));
}

#[test]
fn what_was_tested_as_a_shortcut_is_said_with_what_was_found() {
    let said = |roc_auc| {
        let probe =
            |sees: &str, roc_auc| Shortcut { sees: sees.to_owned(), roc_auc, model_roc_auc: 0.994, warning: None };
        let shortcuts =
            vec![probe("file properties alone: format (0.55)", 0.554), probe("the border of the photos", roc_auc)];
        render(&Page { shortcuts, ..Page::default() })
    };
    let clear = words_of(&said(0.7), "li", Some("good")).concat();
    let tested =
        "file properties alone 0.554, the border of the photos 0.700; from the whole photo 0.994. None of them is";
    assert!(clear.contains(tested), "{clear}");
    let close = words_of(&said(0.968), "li", Some("note")).concat();
    assert!(close.contains("the border of the photos 0.968; from the whole photo 0.994. That is close"), "{close}");
    assert!(words_of(&said(0.968), "ol", Some("steps")).concat().contains("surroundings"));
}

#[test]
fn every_suspicious_shortcut_is_in_the_warning() {
    let probe = |sees: &str, roc_auc| Shortcut {
        sees: sees.to_owned(),
        roc_auc,
        model_roc_auc: 0.995,
        warning: Some("why".to_owned()),
    };
    let shortcuts =
        vec![probe("brightness and contrast: brightness (0.96)", 0.929), probe("the border of the photos", 0.904)];
    let html = render(&Page { shortcuts, ..Page::default() });
    let warning = words_of(&html, "li", Some("warning")).concat();
    assert!(
        warning.contains("brightness and contrast 0.929, the border of the photos 0.904; from the whole photo 0.995")
    );
}

#[test]
fn every_warning_leads_to_a_step() {
    let html = render(&example::page());
    let steps = words_of(&html, "ol", Some("steps")).concat();
    for step in [
        "Add at least 41 photos of bees",
        "Keep near-duplicates on one side",
        "Take photos of both classes in the same way",
    ] {
        assert!(steps.contains(step), "{step}: {steps}");
    }
    let guessing = render(&measured(100, 50));
    assert!(words_of(&guessing, "ol", Some("steps")).concat().contains("Do not use this model"));
}

#[test]
fn the_words_are_those_of_the_field() {
    let html = render(&example::page());
    for words in [
        "Confusion matrix",
        "true <bdi>ants</bdi>",
        "predicted <bdi>bees</bdi>",
        "Decision threshold",
        "the most confident first",
        "Near-duplicates",
        "Possible label errors",
        "labelled <b><bdi>ants</bdi></b>, looks like <b><bdi>bees</bdi></b>",
        "chance = 0.5",
        "resnet-binary report of 2024-05-17",
    ] {
        assert!(html.contains(words), "{words}");
    }
    for gone in ["near-cop", "speaks for", "all clear", "a guess has", "passed over", "deviation between"] {
        assert!(!html.contains(gone), "{gone}");
    }
}

#[test]
fn a_mistake_has_the_probability_of_its_own_prediction_and_the_maps_a_legend_before_them() {
    let html = render(&example::page());
    let first = &example::page().measured[0].mistakes[0];
    let confidence = if first.answered_positive { first.probability } else { 1.0 - first.probability };
    assert!(confidence > 0.8 && html.contains(&format!("({:.1}\u{a0}%)</p>", confidence * 100.0)), "{confidence}");
    let place = |words: &str| html.find(words).unwrap();
    assert!(place("orange: evidence for") < place("class=\"thumbnails\""), "the legend stands first");
}

#[test]
fn the_command_is_whole_however_long() {
    let command = format!("resnet-binary train --data {}", "a/".repeat(600));
    let html = render(&Page { command: command.clone(), ..Page::default() });
    assert!(words_of(&html, "code", None).concat().contains(&command));
}
