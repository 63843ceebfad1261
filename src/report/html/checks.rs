//! The checks of the metrics, each as a sentence with a recommended step.

use super::page::{Page, Seen, Warning};
use super::text::{
    Name, Prose, command, count, counted, decimal, percent, percents, photos, threshold as threshold_of,
};
use super::{copies, label_errors, learning};
use crate::files::shell_word;
use crate::report::findings::MAX_SUSPECT_FRACTION;
use crate::report::headline::{self, ENOUGH};
use crate::report::{ClassCount, Shortcut};

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It supports the numbers.
    Good,
    /// It limits their meaning.
    Note,
    /// The numbers may be misleading.
    Warning,
}

/// A finding as a sentence (markup), the section that shows it, and the recommended step.
pub(super) struct Check {
    pub(super) state: State,
    pub(super) sentence: String,
    pub(super) part: Option<&'static str>,
    pub(super) step: Option<String>,
}

impl Check {
    fn new(state: State, part: &'static str, sentence: String) -> Self {
        Self { state, sentence, part: Some(part), step: None }
    }

    fn from_warning(Warning { sentence, step }: &Warning, part: Option<&'static str>) -> Self {
        let step = step.as_deref().map(closed);
        Self { state: State::Warning, sentence: closed(sentence), part, step }
    }

    fn with_step(self, step: impl Into<String>) -> Self {
        Self { step: Some(step.into()), ..self }
    }
}

/// All checks for which the page has data: warnings first, then notes, then passed checks.
pub(super) fn all(page: &Page) -> Vec<Check> {
    let foreign = page.warnings.iter().map(|warning| Check::from_warning(warning, None));
    let own = [
        against_guessing(page),
        trained_on(page),
        precision_of_the_estimate(page),
        threshold(page),
        price(page),
        contradictions(page),
        leaks(page),
        labels(page),
        shortcuts(page),
        learning_curve(page),
        unfamiliar(page),
        unreadable(page),
    ];
    let mut checks: Vec<Check> = foreign.chain(own.into_iter().flatten()).collect();
    let rank = |state| match state {
        State::Warning => 0,
        State::Note => 1,
        State::Good => 2,
    };
    checks.sort_by_key(|check| rank(check.state));
    checks
}

/// A message of the program as a sentence.
fn closed(message: &str) -> String {
    format!("{}.", Prose(message.trim_end_matches('.')))
}

/// Whether too few photos were measured for the absence of warnings to mean anything.
pub(super) fn too_few_measured(page: &Page) -> bool {
    independent(page) < ENOUGH
}

/// The number of photos behind the headline; photos of one group count once.
pub(super) fn independent(page: &Page) -> usize {
    page.measured.first().map_or(0, |measured| headline::independent(&measured.metrics))
}

/// Whether positive photos rank above negative ones. The accuracy cannot tell: a threshold chosen by a rule may accept many
/// mistakes of one kind, and if one class is rare, a constant prediction is hard to beat.
fn against_guessing(page: &Page) -> Option<Check> {
    let metrics = &page.measured.first()?.metrics;
    metrics.accuracy?;
    let Some(area) = metrics.roc_auc else {
        let sentence = "Photos of one class alone cannot show whether the model is better than guessing.";
        return Some(
            Check::new(State::Warning, "numbers", sentence.to_owned()).with_step("Measure on photos of both classes."),
        );
    };
    let groups = metrics.groups.iter().min().copied().unwrap_or(0);
    let Some([low, high]) = area.interval().filter(|[low, _]| *low > CHANCE || groups >= FEW_GROUPS) else {
        let sentence = "There are too few photos of a class, near-duplicates counted once, to tell whether the model is better than \
                        guessing.";
        return Some(Check::new(State::Note, "numbers", sentence.to_owned()).with_step(measure_on_more(page)));
    };
    let found = format!(
        "it ranks a photo of {} above one of {} in {} of all pairs (ROC-AUC, {}), while guessing does so in half of them",
        Name(&page.positive),
        Name(&page.negative),
        percent(area.value),
        percents([low, high])
    );
    // If the learning curve is flat, more photos do not help.
    let is_flat = learning::outlook(&page.learning_curve).is_some_and(|outlook| !outlook.is_rising);
    let remedy = if is_flat { "check that the photos show the difference" } else { "add photos" };
    Some(if low > CHANCE {
        Check::new(State::Good, "numbers", format!("The model is clearly better than guessing: {found}."))
    } else if high < CHANCE {
        Check::new(State::Warning, "numbers", format!("The model is worse than guessing: {found}."))
            .with_step("Do not use this model: look at the mistakes and the labels first.")
    } else {
        Check::new(State::Warning, "numbers", format!("The model is not clearly better than guessing: {found}."))
            .with_step(format!("Do not use this model yet: check the labels and {remedy}, then train again."))
    })
}

/// With fewer groups of a class, an interval around chance reflects their small number rather than the model.
const FEW_GROUPS: usize = 10;

/// The ROC-AUC of guessing.
const CHANCE: f64 = 0.5;

/// The errors at a rule's threshold; for other thresholds, a note if they waste a good ranking.
fn price(page: &Page) -> Option<Check> {
    let cost = page.decision.as_ref().and_then(|decision| decision.cost.as_deref());
    let sentence = cost.map(closed).or_else(|| wasted(page))?;
    let step = "If the threshold makes too many mistakes of one kind, train with <code>--threshold youden</code>, which weights \
                both kinds equally, or give <code>predict</code> and <code>evaluate</code> their own \
                <code>--threshold</code>.";
    Some(Check::new(State::Note, "predictions", sentence).with_step(step))
}

/// A note that the predictions are no better than a constant one although the ranking is better than chance.
fn wasted(page: &Page) -> Option<String> {
    let metrics = &page.measured.first()?.metrics;
    let (accuracy, [low, _], [ranking, _]) =
        (metrics.accuracy?, metrics.accuracy?.interval()?, metrics.roc_auc?.interval()?);
    let positives = metrics.positives as f64 / metrics.count as f64;
    let (name, share) = if positives >= 0.5 { (&page.positive, positives) } else { (&page.negative, 1.0 - positives) };
    (ranking > CHANCE && low <= share).then(|| {
        format!(
            "At its threshold of {} it is correct {} of the time; always predicting {} would be correct {} of the time. A class is \
             rare, or another threshold would suit these photos better.",
            threshold_of(metrics.threshold),
            percent(accuracy.value),
            Name(name),
            percent(share)
        )
    })
}

/// How to get more precise numbers (markup).
fn measure_on_more(page: &Page) -> String {
    let least = if too_few_measured(page) { format!(", at least {ENOUGH}") } else { String::new() };
    let model = shell_word(&page.model.to_string_lossy());
    let command = command(&format!("resnet-binary evaluate --data new-photos --model {model}"));
    format!(
        "For more precise numbers, measure on more photos{least}, in a folder such as <code>new-photos</code> with one \
         folder per class, as for training: <code>{command}</code>."
    )
}

/// A warning if the model was trained on the measured photos.
fn trained_on(page: &Page) -> Option<Check> {
    (page.measured.first()?.seen == Seen::Everything).then(|| {
        let sentence = "The model was trained on all measured photos: the numbers show how well it remembers them.";
        Check::new(State::Warning, "data", sentence.to_owned())
            .with_step("Measure on photos that the model was not trained on.")
    })
}

/// The width of the headline's interval.
fn precision_of_the_estimate(page: &Page) -> Option<Check> {
    let metrics = &page.measured.first()?.metrics;
    let accuracy = metrics.accuracy?;
    let [low, high] = accuracy.interval()?;
    let width = (high - low) * 100.0;
    (width > 10.0 || too_few_measured(page)).then(|| {
        let sentence = format!(
            "With {}, the 95\u{a0}% interval of the accuracy is {width:.0} points wide; four times as many photos would halve it.",
            photos(metrics.count)
        );
        Check::new(State::Note, "numbers", sentence).with_step(measure_on_more(page))
    })
}

fn threshold(page: &Page) -> Option<Check> {
    Some(Check::from_warning(page.decision.as_ref()?.warning.as_ref()?, Some("predictions")))
}

/// The section on near-duplicates.
const COPIES: &str = "duplicates";
/// The step for near-duplicates on both sides of the split.
const ONE_SIDE: &str = "Keep near-duplicates on one side of the split, or let the tool make the split.";

/// Near-duplicates with different labels, one of which must be wrong.
fn contradictions(page: &Page) -> Option<Check> {
    let pairs = page.photo_groups.as_ref()?.near_duplicates.iter().filter(|pair| pair.contradict).count();
    (pairs > 0).then(|| {
        let carry = counted(pairs, "pair of near-duplicates carries", "pairs of near-duplicates carry");
        Check::new(State::Warning, COPIES, format!("{carry} different labels: at least one label of each is wrong."))
            .with_step(format!(
                "Look at the near-duplicates with different labels and write the correct label of each into a table with the \
                 columns path,label for <code>{}</code>.",
                command("--fixes fixes.csv")
            ))
    })
}

fn leaks(page: &Page) -> Option<Check> {
    let groups = page.photo_groups.as_ref()?;
    let between = groups.near_duplicates.iter().filter(|pair| copies::is_between(page, pair)).count();
    let leaking = page.leaks.iter().find(|leak| leak.accuracy_with.is_some()).map_or(0, |leak| leak.images);
    Some(match (leaking, groups.near_duplicates.len()) {
        (1.., _) => {
            let sentence = format!(
                "{} behind these numbers {} a near-duplicate among the training photos, so the numbers are too optimistic.",
                photos(leaking),
                if leaking == 1 { "has" } else { "have" }
            );
            Check::new(State::Warning, COPIES, sentence).with_step(ONE_SIDE)
        }
        (0, 0) if groups.set_aside > 0 => {
            let sentence =
                format!("Near-duplicates are not detectable among {} that all look alike.", photos(groups.set_aside));
            Check::new(State::Warning, COPIES, sentence)
                .with_step("Define which photos belong together: <code>--group-by PATTERN</code>.")
        }
        (0, 0) => Check::new(State::Good, COPIES, "No near-duplicates were found among the photos.".to_owned()),
        (0, pairs) if between == 0 => {
            let found = counted(pairs, "pair of near-duplicates was found", "pairs of near-duplicates were found");
            let each = if pairs == 1 { "It is" } else { "Each is" };
            let sentence = format!("{found}. {each} on one side of the split, so the numbers are not inflated.");
            Check::new(State::Good, COPIES, sentence)
        }
        (0, _) => {
            let between = counted(between, "pair of near-duplicates is", "pairs of near-duplicates are");
            Check::new(State::Note, COPIES, format!("{between} in different splits.")).with_step(ONE_SIDE)
        }
    })
}

fn labels(page: &Page) -> Option<Check> {
    let doubtful = page.label_errors.as_ref()?.len();
    Some(if doubtful == 0 {
        Check::new(
            State::Good,
            "label-errors",
            "Cross-validation does not confidently contradict any label.".to_owned(),
        )
    } else {
        let labels = counted(doubtful, "possible label error", "possible label errors");
        let photos: usize = page.data.iter().flat_map(|data| &data.classes).map(ClassCount::images).sum();
        let sentence = if MAX_SUSPECT_FRACTION * doubtful > photos.max(1) {
            format!("{labels}: this many suggest that the model is at fault rather than the labels.")
        } else {
            format!("{labels} found.")
        };
        Check::new(State::Note, "label-errors", sentence).with_step(label_errors::step(page))
    })
}

fn shortcuts(page: &Page) -> Option<Check> {
    let real = decimal(page.shortcuts.first()?.model_roc_auc);
    let suspicious = each_tested(page.shortcuts.iter().filter(|probe| probe.warning.is_some()));
    Some(if suspicious.is_empty() {
        let tested = each_tested(page.shortcuts.iter());
        let sentence = format!(
            "How well the classes can be told apart without the subject (ROC-AUC, 0.5 is chance): {tested}; from the whole photo {real}."
        );
        if page.shortcuts.iter().any(label_errors::is_close) {
            let sentence =
                format!("{sentence} That is close, but without a clear cause such as a frame or a file format.");
            Check::new(State::Note, "shortcuts", sentence).with_step(
                "Check whether the surroundings differ between the classes, and measure on photos from another source.",
            )
        } else {
            Check::new(State::Good, "shortcuts", format!("{sentence} None of them is a shortcut."))
        }
    } else {
        let sentence = format!(
            "The classes may be told apart by how the photos were taken (ROC-AUC, 0.5 is chance): {suspicious}; from the whole \
             photo {real}."
        );
        Check::new(State::Warning, "shortcuts", sentence)
            .with_step("Take photos of both classes in the same way, and measure on photos from another source.")
    })
}

/// The probes with their ROC-AUC.
fn each_tested<'a>(probes: impl Iterator<Item = &'a Shortcut>) -> String {
    let tested = probes.map(|probe| {
        // The section shows the most informative features.
        let name = probe.sees.split_once(':').map_or(probe.sees.as_str(), |(name, _)| name);
        format!("{} {}", Prose(name), decimal(probe.roc_auc))
    });
    tested.collect::<Vec<_>>().join(", ")
}

fn learning_curve(page: &Page) -> Option<Check> {
    let outlook = learning::outlook(&page.learning_curve)?;
    Some(if outlook.is_rising {
        let sentence = "The learning curve still improves: more photos are likely to make the model better.";
        let step = "For a better model, collect more photos of both classes: this is the step most likely to help.";
        Check::new(State::Note, "learning-curve", sentence.to_owned()).with_step(step)
    } else {
        let sentence = "The learning curve is flat: more photos of the same kind are unlikely to make the model better. They \
                        only make the numbers and guarantees more precise.";
        Check::new(State::Good, "learning-curve", sentence.to_owned())
    })
}

fn unfamiliar(page: &Page) -> Option<Check> {
    let found = page.unfamiliar.filter(|found| found.of > 0)?;
    let (images, all) = (count(found.images), photos(found.of));
    // The threshold is a quantile, so a few photos of any set exceed it.
    Some(match found.images {
        0 => Check::new(State::Good, "data", format!("All {all} measured look like the training photos.")),
        few if few * 20 <= found.of => {
            let sentence = format!("Nearly all {all} measured look like the training photos; {images} do not.");
            Check::new(State::Good, "data", sentence)
        }
        _ => Check::new(State::Note, "data", format!("{images} of {all} measured look unlike any training photo."))
            .with_step(
                "Look at the unfamiliar photos; if the model is meant for such photos, add some to the training.",
            ),
    })
}

fn unreadable(page: &Page) -> Option<Check> {
    let unreadable = page.data.as_ref()?.unreadable.len();
    (unreadable > 0).then(|| {
        let sentence = format!("{} could not be read and were left out.", photos(unreadable));
        Check::new(State::Note, "unreadable", sentence)
            .with_step("Repair, convert or remove the files that could not be read.")
    })
}
