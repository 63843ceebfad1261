//! What speaks for and against the numbers, each in a sentence, and what to do about it.

use super::page::{Page, Probe, Seen, Shortcuts, Warning};
use super::text::{Name, Prose, count, counted, decimal, percent, photos};
use super::{label_errors, learning};
use crate::audit::shortcut::NEARLY_AS_WELL;
use crate::metrics::Metrics;
use crate::report::{ClassCount, MAX_SUSPECT_FRACTION};

/// On fewer measured photos, those that belong together counted once, nothing that is found speaks for the model.
const FEW_MEASURED: usize = 100;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It speaks for the numbers.
    Good,
    /// It limits what they say.
    Note,
    /// They may mislead.
    Warning,
}

/// One finding in a sentence (markup), the part of the page that shows it, and what to do about it.
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

/// All checks that the page has the data for: warnings first, then limits, then what is well.
pub(super) fn all(page: &Page) -> Vec<Check> {
    let foreign = page.warnings.iter().map(|warning| Check::from_warning(warning, None));
    let own = [
        against_guessing(page),
        trained_on(page),
        precision_of_the_estimate(page),
        threshold(page),
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

/// Whether so few photos were measured that no warning means nothing.
pub(super) fn too_few_measured(page: &Page) -> bool {
    let groups = |metrics: &Metrics| metrics.groups.iter().sum::<usize>();
    page.measured.first().is_none_or(|measured| groups(&measured.metrics) < FEW_MEASURED)
}

/// Whether the accuracy is better than one and the same answer to all.
fn against_guessing(page: &Page) -> Option<Check> {
    let metrics = &page.measured.first()?.metrics;
    let accuracy = metrics.accuracy?;
    let positives = metrics.positives as f64 / metrics.count as f64;
    let (name, share) = if positives >= 0.5 { (&page.positive, positives) } else { (&page.negative, 1.0 - positives) };
    let guess = format!("always predicting {} would be right {} of the time", Name(name), percent(share));
    let [low, high] = accuracy.interval().unwrap_or([0.0, 1.0]);
    Some(if low > share {
        Check::new(State::Good, "numbers", format!("The model is clearly better than guessing: {guess}."))
    } else if high < share {
        Check::new(State::Warning, "numbers", format!("The model is worse than guessing: {guess}."))
            .with_step("Do not use this model: look at the mistakes and the labels first.")
    } else {
        Check::new(State::Warning, "numbers", format!("The model is not clearly better than guessing: {guess}."))
            .with_step("Do not use this model yet: check the labels and add photos, then train again.")
    })
}

/// Whether the numbers are a memory.
fn trained_on(page: &Page) -> Option<Check> {
    (page.measured.first()?.seen == Seen::Everything).then(|| {
        let sentence = "All measured photos were trained on: the numbers say how well the model remembers them.";
        Check::new(State::Warning, "data", sentence.to_owned())
            .with_step("Measure on photos that the model was not trained on.")
    })
}

/// How far the headline may lie from the truth.
fn precision_of_the_estimate(page: &Page) -> Option<Check> {
    let metrics = &page.measured.first()?.metrics;
    let accuracy = metrics.accuracy?;
    let [low, high] = accuracy.interval()?;
    let width = (high - low) * 100.0;
    (width > 10.0 || too_few_measured(page)).then(|| {
        let sentence = format!(
            "{} leave the accuracy uncertain by {width:.0} points; four times as many would halve that.",
            photos(metrics.count)
        );
        let least = if too_few_measured(page) { format!(", at least {FEW_MEASURED}") } else { String::new() };
        let step =
            format!("Measure on more photos{least}: <code>resnet-binary evaluate --data DIR --model MODEL</code>.");
        Check::new(State::Note, "numbers", sentence).with_step(step)
    })
}

fn threshold(page: &Page) -> Option<Check> {
    Some(Check::from_warning(page.decision.as_ref()?.warning.as_ref()?, Some("predictions")))
}

/// The section of near-duplicates.
const COPIES: &str = "duplicates";
/// What to do about those on both sides.
const ONE_SIDE: &str = "Keep near-duplicates on one side of the split, or let the tool make the split.";

fn leaks(page: &Page) -> Option<Check> {
    let copies = page.copies.as_ref()?;
    let between = copies.pairs.iter().filter(|pair| pair.first_split != pair.second_split).count();
    let leaking = copies.leak.as_ref().map_or(0, |leak| leak.images);
    Some(match (leaking, copies.pairs.len()) {
        (1.., _) => {
            let sentence = format!(
                "{} that the numbers stand on {} a near-duplicate in the training, so they flatter.",
                photos(leaking),
                if leaking == 1 { "has" } else { "have" }
            );
            Check::new(State::Warning, COPIES, sentence).with_step(ONE_SIDE)
        }
        (0, 0) if copies.set_aside > 0 => {
            let sentence =
                format!("Near-duplicates cannot be told among {} that all look alike.", photos(copies.set_aside));
            Check::new(State::Warning, COPIES, sentence)
                .with_step("Say what belongs together: <code>--group-by PATTERN</code>.")
        }
        (0, 0) => Check::new(State::Good, COPIES, "No near-duplicates were found among the photos.".to_owned()),
        (0, pairs) if between == 0 => {
            let pairs = counted(pairs, "pair of near-duplicates stands", "pairs of near-duplicates stand");
            Check::new(State::Good, COPIES, format!("{pairs} on one side of the split each: they cannot flatter."))
        }
        (0, _) => {
            let between = counted(between, "pair of near-duplicates stands", "pairs of near-duplicates stand");
            Check::new(State::Note, COPIES, format!("{between} in two splits.")).with_step(ONE_SIDE)
        }
    })
}

fn labels(page: &Page) -> Option<Check> {
    let doubtful = page.label_errors.as_ref()?.len();
    Some(if doubtful == 0 {
        Check::new(State::Good, "label-errors", "No label looks wrong.".to_owned())
    } else {
        let labels = counted(doubtful, "possible label error", "possible label errors");
        let photos: usize = page.data.iter().flat_map(|data| &data.classes).map(ClassCount::images).sum();
        let sentence = if MAX_SUSPECT_FRACTION * doubtful > photos.max(1) {
            format!("{labels}: so many say more about the model than about the labels.")
        } else {
            format!("{labels} found.")
        };
        Check::new(State::Note, "label-errors", sentence).with_step(label_errors::STEP)
    })
}

fn shortcuts(page: &Page) -> Option<Check> {
    let shortcuts = page.shortcuts.as_ref().filter(|shortcuts| !shortcuts.probes.is_empty())?;
    let suspicious = each_tested(shortcuts.probes.iter().filter(|probe| probe.warning.is_some()));
    let real = decimal(shortcuts.real);
    Some(if suspicious.is_empty() {
        let tested = each_tested(shortcuts.probes.iter());
        let sentence =
            format!("Tested without the subject, by ROC-AUC (chance = 0.5): {tested}; the whole photo {real}.");
        if shortcuts.probes.iter().any(|probe| is_close(shortcuts, probe)) {
            let sentence = format!("{sentence} That is close, without a clear cause such as a frame or a file format.");
            Check::new(State::Note, "shortcuts", sentence).with_step(
                "See whether the surroundings differ between the classes, and measure on photos from elsewhere.",
            )
        } else {
            Check::new(State::Good, "shortcuts", format!("{sentence} None of them gives the classes away."))
        }
    } else {
        let sentence = format!(
            "The classes may be told apart by how the photos were taken, by ROC-AUC (chance = 0.5): {suspicious}; the whole \
             photo {real}."
        );
        Check::new(State::Warning, "shortcuts", sentence)
            .with_step("Take photos of both classes in the same way, and measure on photos from elsewhere.")
    })
}

/// What was tested, with what was found.
fn each_tested<'a>(probes: impl Iterator<Item = &'a Probe>) -> String {
    let tested = probes.map(|probe| {
        // What of it tells most stands in the section.
        let name = probe.sees.split_once(':').map_or(probe.sees.as_str(), |(name, _)| name);
        format!("{} {}", Prose(name), decimal(probe.roc_auc))
    });
    tested.collect::<Vec<_>>().join(", ")
}

/// Whether a probe comes near the real head, whatever it was found to mean.
pub(super) fn is_close(shortcuts: &Shortcuts, probe: &Probe) -> bool {
    probe.roc_auc - 0.5 >= NEARLY_AS_WELL * (shortcuts.real - 0.5)
}

fn learning_curve(page: &Page) -> Option<Check> {
    let outlook = learning::outlook(&page.learning_curve)?;
    Some(if outlook.is_rising {
        let sentence = "The learning curve still improves: more photos are likely to help.";
        let step = "Collect more photos of both classes: no other step is as likely to help.";
        Check::new(State::Note, "learning-curve", sentence.to_owned()).with_step(step)
    } else {
        let sentence = "The learning curve is flat: more photos of the same kind are likely to change little.";
        Check::new(State::Good, "learning-curve", sentence.to_owned())
    })
}

fn unfamiliar(page: &Page) -> Option<Check> {
    let found = page.unfamiliar.filter(|found| found.of > 0)?;
    let (images, all) = (count(found.images), photos(found.of));
    // A quantile of the training images lets a few of any set through.
    Some(match found.images {
        0 => Check::new(State::Good, "data", format!("All {all} measured look like those of the training.")),
        few if few * 20 <= found.of => {
            let sentence = format!("Nearly all {all} measured look like those of the training: {images} do not.");
            Check::new(State::Good, "data", sentence)
        }
        _ => Check::new(State::Note, "data", format!("{images} of {all} measured look unlike any training photo."))
            .with_step("Look at the unfamiliar photos; if such photos are to be answered, add some to the training."),
    })
}

fn unreadable(page: &Page) -> Option<Check> {
    let unreadable = page.data.as_ref()?.unreadable.len();
    (unreadable > 0).then(|| {
        let sentence = format!("{} could not be read and took no part.", photos(unreadable));
        Check::new(State::Note, "unreadable", sentence)
            .with_step("Repair or convert the files that could not be read, or take them out.")
    })
}
