//! An evenly chosen subset of the photos, for computations that are too expensive on all of them.

use std::collections::BTreeMap;

/// The indices, ascending, of at most `count` photos with these classes and groups (`[N]` each).
///
/// Every class gets the same number, as far as it has enough photos; within a class, every group gets one photo before
/// any gets a second. The excess is left out at equal distances, so the choice is deterministic.
pub(crate) fn evenly(classes: &[usize], groups: &[usize], count: usize) -> Vec<usize> {
    // The photos of each class by their rank in their group: 0 for the first of that class.
    let mut by_class: BTreeMap<usize, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    let mut seen: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (photo, (&class, &group)) in classes.iter().zip(groups).enumerate() {
        let rank = seen.entry((class, group)).or_default();
        by_class.entry(class).or_default().entry(*rank).or_default().push(photo);
        *rank += 1;
    }
    let mut by_class: Vec<Vec<Vec<usize>>> =
        by_class.into_values().map(|ranks| ranks.into_values().collect()).collect();
    // Small classes come first: the places that they leave unused go to the others.
    by_class.sort_by_key(|ranks| ranks.iter().map(Vec::len).sum::<usize>());
    let (mut chosen, all) = (Vec::new(), by_class.len());
    for (done, ranks) in by_class.into_iter().enumerate() {
        let mut room = (count - chosen.len()) / (all - done);
        for photos in ranks {
            let taken = photos.len().min(room);
            chosen.extend((0..taken).filter_map(|place| photos.get(place * photos.len() / taken)));
            room -= taken;
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_taken_where_there_is_room() {
        assert_eq!(evenly(&[0, 1, 0], &[0, 1, 2], 3), [0, 1, 2]);
        assert_eq!(evenly(&[0, 1, 0], &[0, 1, 2], 100), [0, 1, 2]);
        assert_eq!(evenly(&[], &[], 5), [0; 0]);
    }

    #[test]
    fn classes_share_the_places_and_a_small_one_leaves_its_own_to_the_others() {
        let classes: Vec<usize> = (0..100).map(|photo| usize::from(photo >= 90)).collect();
        let groups: Vec<usize> = (0..100).collect();
        let chosen = evenly(&classes, &groups, 30);
        let rare = chosen.iter().filter(|&&photo| photo >= 90).count();
        assert_eq!((chosen.len(), rare), (30, 10));
        assert!(chosen[..20].windows(2).all(|pair| (4..=5).contains(&(pair[1] - pair[0]))), "{chosen:?}");
    }

    #[test]
    fn every_group_has_a_photo_before_any_has_two() {
        // A hundred photos of one scene, then ten of scenes of their own.
        let groups: Vec<usize> = (0..110).map(|photo: usize| photo.saturating_sub(99)).collect();
        let chosen = evenly(&[0; 110], &groups, 13);
        assert_eq!(chosen.iter().filter(|&&photo| photo >= 100).count(), 10);
        assert_eq!(chosen.len(), 13);
    }
}
