//! Class names → the positive and the negative class.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::{DatasetError, Label};
use crate::files::LONGEST_NAME;

/// Class names and the number of images of each, in byte order of the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found(BTreeMap<String, usize>);

impl Found {
    pub(super) fn add(&mut self, name: &str, images: usize) {
        if let Some(count) = self.0.get_mut(name) {
            *count += images;
        } else {
            self.0.insert(name.to_owned(), images);
        }
    }

    pub(super) fn with_images(mut self) -> Self {
        self.0.retain(|_, images| *images > 0);
        self
    }

    /// All names, in byte order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The number of images of one class.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The number of images of all classes.
    pub(crate) fn images(&self) -> usize {
        self.0.values().sum()
    }
}

/// Writes a list such as `ants (12 images), bees (1 image)`.
impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        let shown = self.0.iter().take(SHOWN).map(|(name, &count)| format!("{name} ({})", images_in_words(count)));
        formatter.write_str(&shown.collect::<Vec<_>>().join(", "))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}

/// The class names, and which of them is the positive class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassMap {
    /// The class names in byte order, at least two.
    names: Vec<String>,
    positive: usize,
    /// The name of the negative class.
    negative: String,
}

impl ClassMap {
    /// Builds the map from names in any order; `positive` is one of them.
    ///
    /// # Errors
    /// [`DatasetError`] if there are fewer than two names or `positive` is not among them.
    pub(crate) fn new(names: &[String], positive: &str) -> Result<Self, DatasetError> {
        let mut found = Found::default();
        for name in names {
            found.add(name, 1);
        }
        Self::choose(&found, Some(positive))
    }

    /// Chooses the positive class: `positive`, or the second of two names, as is usual in the field. With more than two
    /// classes `positive` is required, and all other classes together are the negative class.
    pub(super) fn choose(found: &Found, positive: Option<&str>) -> Result<Self, DatasetError> {
        let classes = found.clone().with_images();
        let names: Vec<String> = classes.names().map(str::to_owned).collect();
        if let Some(name) = names.iter().find(|name| RESERVED.contains(&key(name).as_str())) {
            return Err(DatasetError::ReservedName { name: name.clone() });
        }
        let index = match (names.as_slice(), positive) {
            ([] | [_], _) => return Err(DatasetError::TooFewClasses { found: found.clone() }),
            ([_, _], None) => 1,
            (_, None) => return Err(DatasetError::TooManyClasses { found: classes }),
            (_, Some(given)) => match index_of(&names, given) {
                Some(index) => index,
                None => return Err(DatasetError::UnknownPositive { given: given.to_owned(), found: classes }),
            },
        };
        let negative = match (names.as_slice(), names.get(index)) {
            ([first, second], _) => if index == 0 { second } else { first }.clone(),
            (_, positive) => format!("not {}", positive.map_or("", String::as_str)),
        };
        Ok(Self { names, positive: index, negative })
    }

    /// All names, in byte order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of a class, by its index in [`Self::names`].
    pub(crate) fn name(&self, class: usize) -> Option<&str> {
        self.names.get(class).map(String::as_str)
    }

    /// The label of the images of a class.
    pub(crate) fn label(&self, class: usize) -> Label {
        Label::from(class == self.positive)
    }

    /// The name of the positive class.
    pub(crate) fn positive_name(&self) -> &str {
        self.names.get(self.positive).map_or("", String::as_str)
    }

    /// The name of the negative class: the other class, or `not NAME` if there are several others.
    pub(crate) fn negative_name(&self) -> &str {
        &self.negative
    }

    /// Whether the positive class is named like the normal case and the negative one is not, which is rarely intended.
    pub(crate) fn is_positive_the_normal_case(&self) -> bool {
        reads_as_normal(self.positive_name()) && !reads_as_normal(self.negative_name())
    }

    /// The index of the class with this name, also if the spelling differs in ways that [`key`] ignores.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        index_of(&self.names, name)
    }
}

/// Words that results use in place of a class name, so no class may have them as its name.
const RESERVED: [&str; 3] = ["review", "unreadable", "error"];

/// The index of the identical name, or of the only name with the same [`key`].
fn index_of(names: &[String], given: &str) -> Option<usize> {
    names.iter().position(|name| name == given).or_else(|| {
        let given = key(given);
        let mut same = names.iter().enumerate().filter(|(_, name)| key(name) == given);
        same.next().filter(|_| same.next().is_none()).map(|(index, _)| index)
    })
}

/// The normalised form in which spellings of one name agree: case, whitespace and Unicode form (macOS writes `ä` as two
/// code points) are ignored, and so is the fraction where a spreadsheet turned the number 1 into 1.0.
pub(super) fn key(name: &str) -> String {
    let composed: String = name.nfc().collect();
    let words = composed.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match words.split_once('.') {
        Some((whole, zeros)) if is_digits(whole) && is_digits(zeros) && zeros.bytes().all(|byte| byte == b'0') => {
            whole.to_owned()
        }
        _ => words,
    }
}

/// Maps every spelling of a name to one: the spelling with the most images, the first of several such.
///
/// # Errors
/// [`DatasetError::SameName`] if the spelling may be the only difference between the classes: the names are single
/// letters, or there are no other classes.
pub(super) fn one_spelling(found: &Found) -> Result<BTreeMap<String, String>, DatasetError> {
    let mut spellings: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
    for (name, images) in &found.0 {
        spellings.entry(key(name)).or_default().push((name, *images));
    }
    let with_images = spellings.values().filter(|names| names.iter().any(|(_, images)| *images > 0)).count();
    let mut chosen = BTreeMap::new();
    for (key, names) in &spellings {
        if let [(first, _), (second, _), ..] = names.as_slice() {
            let is_invisible = clean(first) == clean(second);
            let is_letter = key.chars().count() == 1 && key.chars().all(char::is_alphabetic);
            if !is_invisible && (with_images < 2 || is_letter) {
                return Err(DatasetError::SameName { first: (*first).to_owned(), second: (*second).to_owned() });
            }
        }
        // `rev` makes `max_by_key` return the first of several maxima instead of the last.
        let most = names.iter().rev().max_by_key(|(_, images)| *images);
        for (name, _) in names {
            chosen.insert((*name).to_owned(), clean(most.map_or(name, |(name, _)| name)));
        }
    }
    Ok(chosen)
}

/// A name as it is displayed: trimmed, in Unicode normalisation form C.
pub(super) fn clean(name: &str) -> String {
    name.trim().nfc().collect()
}

/// Two class names that are one edit apart (a letter added, removed, replaced or swapped with its neighbour).
pub(super) fn misspelt(found: &Found) -> Option<(&str, &str)> {
    let letters = |name: &str| name.chars().filter(|letter| !letter.is_numeric()).collect::<String>();
    let is_pair = |a: &str, b: &str| {
        let is_short = a.len().min(b.len()) < 4 || a.len().max(b.len()) > LONGEST_NAME;
        !is_short && letters(a) != letters(b) && strsim::damerau_levenshtein(&key(a), &key(b)) <= 1
    };
    found.names().enumerate().find_map(|(index, a)| {
        let b = found.names().skip(index + 1).take(100).find(|b| is_pair(a, b));
        b.map(|b| (a, b))
    })
}

/// Whether a class name begins with a word for the normal case or for the absence of something.
fn reads_as_normal(name: &str) -> bool {
    const WORDS: [&str; 19] = [
        "good",
        "ok",
        "okay",
        "normal",
        "negative",
        "neg",
        "no",
        "none",
        "not",
        "non",
        "without",
        "background",
        "healthy",
        "clean",
        "empty",
        "absent",
        "false",
        "pass",
        "other",
    ];
    let name = name.to_lowercase();
    let first = name.split(|letter: char| !letter.is_alphanumeric()).find(|word| !word.is_empty());
    first.is_some_and(|first| WORDS.contains(&first))
}

/// The class names that are expected in the data.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// The positive class, if the user has named it.
    Positive(Option<&'a str>),
    /// The classes of a model.
    Classes(&'a ClassMap),
}

impl Expected<'_> {
    /// Whether a folder has one of these names.
    pub(super) fn has(self, folder: &OsStr) -> bool {
        folder.to_str().is_some_and(|name| match self {
            Self::Positive(positive) => positive.is_some_and(|positive| key(positive) == key(name)),
            Self::Classes(classes) => classes.index(name).is_some(),
        })
    }
}

/// Returns `1 image` or `2 images`.
pub(super) fn images_in_words(count: usize) -> String {
    format!("{count} {}", if count == 1 { "image" } else { "images" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Found {
        let mut found = Found::default();
        for name in names {
            found.add(name, 3);
        }
        found
    }

    #[test]
    fn the_second_name_is_positive_unless_told_otherwise() {
        let classes = ClassMap::choose(&found(&["bees", "ants"]), None).unwrap();
        assert_eq!((classes.positive_name(), classes.negative_name()), ("bees", "ants"));
        assert_eq!((classes.label(0), classes.label(1)), (Label::Negative, Label::Positive));
        let classes = ClassMap::choose(&found(&["bees", "ants"]), Some("ants")).unwrap();
        assert_eq!((classes.positive_name(), classes.negative_name()), ("ants", "bees"));
    }

    #[test]
    fn with_more_than_two_the_positive_class_stands_against_all_others() {
        let classes = ClassMap::choose(&found(&["ants", "bees", "wasps"]), Some("bees")).unwrap();
        assert_eq!(classes.negative_name(), "not bees");
        let labels: Vec<Label> = (0..3).map(|class| classes.label(class)).collect();
        assert_eq!(labels, [Label::Negative, Label::Positive, Label::Negative]);
        assert!(matches!(
            ClassMap::choose(&found(&["ants", "bees", "wasps"]), None),
            Err(DatasetError::TooManyClasses { .. })
        ));
    }

    #[test]
    fn a_long_list_of_classes_is_cut() {
        let names: Vec<String> = (0..40).map(|number| format!("class{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(found(&names).to_string().ends_with("class11 (3 images) and 28 more"));
    }
}
