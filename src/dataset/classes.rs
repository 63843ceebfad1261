//! Names of classes → two answers.

use std::collections::BTreeMap;
use std::fmt;

use super::{DatasetError, Label};

/// Names of classes and how many images each has, in the order of the names' bytes.
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

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The images of one class.
    pub fn count(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The images of all classes.
    pub fn images(&self) -> usize {
        self.0.values().sum()
    }
}

/// Such as `ants (12 images), bees (1 image)`.
impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        let image = |count: usize| if count == 1 { "image" } else { "images" };
        let shown = self.0.iter().take(SHOWN).map(|(name, &count)| format!("{name} ({count} {})", image(count)));
        formatter.write_str(&shown.collect::<Vec<_>>().join(", "))?;
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}

/// The classes, and which of them counts as positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    /// Sorted byte by byte, at least two.
    names: Vec<String>,
    positive: usize,
    /// What everything else is called.
    negative: String,
}

impl ClassMap {
    /// From names in any order; the positive class is one of them.
    ///
    /// # Errors
    /// [`DatasetError`] with fewer than two names, or none that is `positive`.
    pub fn new(names: &[String], positive: &str) -> Result<Self, DatasetError> {
        let mut found = Found::default();
        for name in names {
            found.add(name, 1);
        }
        Self::choose(&found, Some(positive))
    }

    /// The second name is positive, as everywhere in the field, unless `positive` says otherwise. With more than two
    /// classes it has to, and then stands against all others together.
    pub(super) fn choose(found: &Found, positive: Option<&str>) -> Result<Self, DatasetError> {
        let classes = found.clone().with_images();
        let names: Vec<String> = classes.names().map(str::to_owned).collect();
        let positive = match (names.as_slice(), positive) {
            ([] | [_], _) => return Err(DatasetError::TooFewClasses { found: found.clone() }),
            ([_, second], None) => second.clone(),
            (_, None) => return Err(DatasetError::TooManyClasses { found: classes }),
            (_, Some(given)) => given.to_owned(),
        };
        let Some(index) = names.iter().position(|name| *name == positive) else {
            return Err(DatasetError::UnknownPositive { given: positive, found: classes });
        };
        let negative = match names.as_slice() {
            [first, second] => if index == 0 { second } else { first }.clone(),
            _ => format!("not {positive}"),
        };
        Ok(Self { names, positive: index, negative })
    }

    /// All names, sorted byte by byte.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of one class, by its place in [`Self::names`].
    pub fn name(&self, class: usize) -> Option<&str> {
        self.names.get(class).map(String::as_str)
    }

    /// The answer that is right for images of a class.
    pub fn label(&self, class: usize) -> Label {
        Label::from(class == self.positive)
    }

    /// What a positive answer means.
    pub fn positive_name(&self) -> &str {
        self.names.get(self.positive).map_or("", String::as_str)
    }

    /// What a negative answer means: the other class, or `not NAME` where several stand against it.
    pub fn negative_name(&self) -> &str {
        &self.negative
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }
}

/// Longest name that is compared, in bytes, as long as a folder's name can be: the time grows with the square.
pub(super) const LONGEST_NAME: usize = 255;

/// The known name that a mistyped one most likely stands for: other case, or a few letters off.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > LONGEST_NAME {
        return None;
    }
    let known = known.filter(|name| name.len() <= LONGEST_NAME);
    let given = given.trim().to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&given, &name.to_lowercase());
    let limit = (given.chars().count() / 3).max(1);
    let near = known.map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= limit);
    near.min().map(|(_, name)| name)
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
    fn a_mistyped_name_finds_its_neighbour() {
        let known = ["Ants", "bees", "hornets"];
        assert_eq!(nearest("ants", known.into_iter()), Some("Ants"));
        assert_eq!(nearest("hornet", known.into_iter()), Some("hornets"));
        assert_eq!(nearest("hroents", known.into_iter()), Some("hornets"));
        assert_eq!(nearest("cats", ["dogs"].into_iter()), None);
        let endless = "x".repeat(1 << 20);
        assert_eq!(nearest(&endless, [endless.as_str()].into_iter()), None);
        assert_eq!(nearest("x", [endless.as_str(), "X"].into_iter()), Some("X"));
    }

    #[test]
    fn a_long_list_of_classes_is_cut() {
        let names: Vec<String> = (0..40).map(|number| format!("class{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(found(&names).to_string().ends_with("class11 (3 images) and 28 more"));
    }
}
