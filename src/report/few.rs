//! What few photos allow, said once and plainly.

use std::fmt;

use serde::Serialize;

/// Up to so many photos of a class, which are no copies of each other, every number tells little.
const LITTLE: usize = 20;

/// From so many of each class on, numbers begin to mean something.
const A_START: usize = 30;

/// A class with too few photos for numbers that tell much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FewPhotos {
    /// The class.
    pub class: String,
    /// Its photos.
    pub photos: usize,
    /// Groups of them that belong together; as many as photos where none do.
    pub groups: usize,
}

impl FewPhotos {
    /// The class that has fewer, if it has few; each by name with its photos and their groups. One that has none is not
    /// meant.
    pub fn new(classes: [(&str, usize, usize); 2]) -> Option<Self> {
        let there = classes.into_iter().filter(|(_, photos, _)| *photos > 0);
        let (class, photos, groups) = there.min_by_key(|(_, _, groups)| *groups)?;
        (groups <= LITTLE).then(|| Self { class: class.to_owned(), photos, groups })
    }
}

impl FewPhotos {
    /// How many more would be a start.
    pub fn missing(&self) -> usize {
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
        write!(out, ": these numbers tell you little; {A_START} of each class is a start")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_with_fewer_photos_is_named_and_groups_count() {
        let few = FewPhotos::new([("ants", 8, 8), ("bees", 200, 150)]).unwrap();
        assert_eq!(few.to_string(), "8 photos of `ants`: these numbers tell you little; 30 of each class is a start");
        let few = FewPhotos::new([("ants", 800, 800), ("bees", 200, 1)]).unwrap();
        assert!(few.to_string().starts_with("200 photos of `bees` in 1 group that belong together: "));
        assert_eq!(few.missing(), 29);
        assert_eq!(FewPhotos::new([("ants", 21, 21), ("bees", 21, 21)]), None);
        assert!(FewPhotos::new([("ants", 20, 20), ("bees", 0, 0)]).is_some());
    }
}
