//! A caution where a class has few photos.

use std::fmt;

use serde::Serialize;

/// With up to this many photos of a class, not counting copies, every metric is unreliable.
const LITTLE: usize = 20;

/// The number of photos of each class from which metrics become meaningful.
const A_START: usize = 30;

/// A class with too few photos for reliable metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FewPhotos {
    /// The class.
    pub class: String,
    /// Number of its photos.
    pub photos: usize,
    /// Number of groups of photos that belong together; equal to `photos` if none do.
    pub groups: usize,
}

impl FewPhotos {
    /// The class with fewer groups, if it has few. `classes` are names with the numbers of photos and groups; a class without
    /// photos is ignored.
    pub(crate) fn new(classes: [(&str, usize, usize); 2]) -> Option<Self> {
        let there = classes.into_iter().filter(|(_, photos, _)| *photos > 0);
        let (class, photos, groups) = there.min_by_key(|(_, _, groups)| *groups)?;
        (groups <= LITTLE).then(|| Self { class: class.to_owned(), photos, groups })
    }
}

impl FewPhotos {
    /// How many more photos are needed for meaningful metrics.
    pub(crate) fn missing(&self) -> usize {
        A_START.saturating_sub(self.groups)
    }
}

impl fmt::Display for FewPhotos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, photos, groups } = self;
        write!(out, "{photos} {} of `{class}`", if *photos == 1 { "photo" } else { "photos" })?;
        if groups < photos {
            write!(out, " in {groups} {} that belong together", if *groups == 1 { "group" } else { "groups" })?;
        }
        write!(out, ": these numbers are unreliable; aim for at least {A_START} of each class")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_with_fewer_photos_is_named_and_groups_count() {
        let few = FewPhotos::new([("ants", 8, 8), ("bees", 200, 150)]).unwrap();
        assert_eq!(
            few.to_string(),
            "8 photos of `ants`: these numbers are unreliable; aim for at least 30 of each class"
        );
        let few = FewPhotos::new([("ants", 800, 800), ("bees", 200, 1)]).unwrap();
        assert!(few.to_string().starts_with("200 photos of `bees` in 1 group that belong together: "));
        assert_eq!(few.missing(), 29);
        assert_eq!(FewPhotos::new([("ants", 21, 21), ("bees", 21, 21)]), None);
        assert!(FewPhotos::new([("ants", 20, 20), ("bees", 0, 0)]).is_some());
    }
}
