//! What speaks for and against the numbers, each in a sentence, and what to do about it.

use super::page::{Page, Seen};
use super::text::{Name, Prose, count, counted, decimal, percent, photos};
use super::{doubts, learning};
use crate::report::{ClassCount, MOST_DOUBTED};

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

    fn with_step(self, step: impl Into<String>) -> Self {
        Self { step: Some(step.into()), ..self }
    }
}

/// All checks that the page has the data for: warnings first, then limits, then what is well.
pub(super) fn of(page: &Page) -> Vec<Check> {
    let foreign = page.warnings.iter().map(|warning| Check {
        state: State::Warning,
        sentence: closed(warning),
        part: None,
        step: None,
    });
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

/// Whether the accuracy is better than one and the same answer to all.
fn against_guessing(page: &Page) -> Option<Check> {
    let metrics = &page.measured.first()?.metrics;
    let accuracy = metrics.accuracy?;
    let positives = metrics.positives as f64 / metrics.count as f64;
    let (name, share) = if positives >= 0.5 { (&page.positive, positives) } else { (&page.negative, 1.0 - positives) };
    let guess = format!("always answering {} would be right {} of the time", Name(name), percent(share));
    let [low, high] = accuracy.interval().unwrap_or([0.0, 1.0]);
    Some(if low > share {
        Check::new(State::Good, "numbers", format!("The model is clearly better than guessing: {guess}."))
    } else if high < share {
        Check::new(State::Warning, "numbers", format!("The model is worse than guessing: {guess}."))
            .with_step("Do not use this model: look at the mistakes and the labels first.")
    } else {
        Check::new(State::Warning, "numbers", format!("The model is not clearly better than guessing: {guess}."))
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
    (width > 10.0).then(|| {
        let sentence = format!(
            "{} leave the accuracy uncertain by {width:.0} points; four times as many would halve that.",
            photos(metrics.count)
        );
        Check::new(State::Note, "numbers", sentence)
            .with_step("Measure on more photos: <code>resnet-binary evaluate --data DIR --model MODEL</code>.")
    })
}

fn threshold(page: &Page) -> Option<Check> {
    let warning = page.decision.as_ref()?.warning.as_ref()?;
    Some(Check::new(State::Warning, "answers", format!("The threshold: {}", closed(warning))))
}

fn leaks(page: &Page) -> Option<Check> {
    let copies = page.copies.as_ref()?;
    let between = copies.pairs.iter().filter(|pair| pair.first_split != pair.second_split).count();
    let leaking = copies.leak.as_ref().map_or(0, |leak| leak.images);
    Some(match (leaking, copies.pairs.len()) {
        (1.., _) => {
            let sentence = format!(
                "{} that the numbers stand on {} a near-copy in the training, so they flatter.",
                photos(leaking),
                if leaking == 1 { "has" } else { "have" }
            );
            Check::new(State::Warning, "copies", sentence)
                .with_step("Keep copies on one side of the split, or let the tool make the split.")
        }
        (0, 0) if copies.set_aside > 0 => {
            let sentence = format!("Copies cannot be told among {} that all look alike.", photos(copies.set_aside));
            Check::new(State::Warning, "copies", sentence)
                .with_step("Say what belongs together: <code>--group-by PATTERN</code>.")
        }
        (0, 0) => Check::new(State::Good, "copies", "No near-copies were found among the photos.".to_owned()),
        (0, pairs) if between == 0 => {
            let pairs = counted(pairs, "pair of near-copies stands", "pairs of near-copies stand");
            Check::new(State::Good, "copies", format!("{pairs} on one side of the split each: they cannot flatter."))
        }
        (0, _) => {
            let between = counted(between, "pair of near-copies stands", "pairs of near-copies stand");
            Check::new(State::Note, "copies", format!("{between} in two splits."))
        }
    })
}

fn labels(page: &Page) -> Option<Check> {
    let doubtful = page.label_errors.as_ref()?.len();
    Some(if doubtful == 0 {
        Check::new(State::Good, "labels", "No label looks wrong.".to_owned())
    } else {
        let labels = counted(doubtful, "label", "labels");
        let photos: usize = page.data.iter().flat_map(|data| &data.classes).map(ClassCount::images).sum();
        let sentence = if MOST_DOUBTED * doubtful > photos.max(1) {
            format!("{labels} look doubtful: so many say more about the model than about the labels.")
        } else {
            format!("{labels} may be wrong.")
        };
        Check::new(State::Note, "labels", sentence).with_step(doubts::STEP)
    })
}

fn shortcuts(page: &Page) -> Option<Check> {
    let shortcuts = page.shortcuts.as_ref().filter(|shortcuts| !shortcuts.probes.is_empty())?;
    let suspicious = shortcuts.probes.iter().find(|probe| probe.warning.is_some());
    Some(if let Some(probe) = suspicious {
        let sentence = format!(
            "The classes may be told apart by how the photos were taken: {} alone reaches a ROC-AUC of {}, the real \
                 head {}.",
            Prose(&probe.sees),
            decimal(probe.roc_auc),
            decimal(shortcuts.real)
        );
        Check::new(State::Warning, "shortcuts", sentence)
            .with_step("Take photos of both classes in the same way, and measure on photos from elsewhere.")
    } else {
        let sentence = "No shortcut was found: what should not tell the classes apart does not.";
        Check::new(State::Good, "shortcuts", sentence.to_owned())
    })
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
        _ => Check::new(State::Note, "data", format!("{images} of {all} measured look unlike any training photo.")),
    })
}

fn unreadable(page: &Page) -> Option<Check> {
    let unreadable = page.data.as_ref()?.unreadable.len();
    (unreadable > 0).then(|| {
        let sentence = format!("{} could not be read and took no part.", photos(unreadable));
        Check::new(State::Note, "unreadable", sentence)
    })
}
