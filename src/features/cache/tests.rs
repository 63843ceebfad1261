use super::*;
use crate::backbone::{Precision, layout};

fn recipe(weights: &str) -> Recipe {
    let id = WeightsId { name: "any".into(), sha256: weights.into() };
    Recipe::new(&id, &Preprocess::default(), Target::CPU)
}

fn row(seed: usize) -> Vec<f32> {
    (0..layout::FEATURES).map(|index| (seed * 7 + index) as f32 * 0.37).collect()
}

fn photo(number: usize) -> ContentHash {
    ContentHash::of(&number.to_le_bytes())
}

/// A cache with this many rows, in a folder of its own.
fn filled(rows: usize) -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let features: Vec<_> = (0..rows).map(row).collect();
    let rows: Vec<_> = features.iter().enumerate().map(|(number, row)| (photo(number), row.as_slice())).collect();
    cache.put(&recipe("w"), &rows).unwrap();
    (folder, cache)
}

fn whole(cache: &Cache, rows: usize) -> usize {
    let is_whole = |number: &usize| match cache.get(&photo(*number), &recipe("w")).unwrap() {
        Some(found) => {
            // Whatever happened to the file: a row is right or it is not there.
            assert_eq!(found, row(*number));
            true
        }
        None => false,
    };
    (0..rows).filter(is_whole).count()
}

#[test]
fn a_row_comes_back_for_the_same_photo_and_recipe_only() {
    let (folder, cache) = filled(3);
    assert_eq!(whole(&cache, 4), 3);
    assert_eq!(cache.get(&photo(0), &recipe("other weights")).unwrap(), None);
    drop(cache);
    assert_eq!(whole(&Cache::open(folder.path()).unwrap(), 3), 3);
}

#[test]
fn weights_pixels_and_arithmetic_each_make_another_recipe() {
    let id = WeightsId { name: "a".into(), sha256: "w".into() };
    let (pixels, target) = (Preprocess::default(), Target::CPU);
    let recipes = [
        Recipe::new(&id, &pixels, target),
        Recipe::new(&WeightsId { sha256: "v".into(), ..id.clone() }, &pixels, target),
        Recipe::new(&id, &Preprocess::with_image_size(96), target),
        Recipe::new(&id, &pixels, Target { precision: Precision::Bf16, ..target }),
    ];
    for (index, recipe) in recipes.iter().enumerate() {
        assert_eq!(recipes.iter().position(|other| other == recipe), Some(index));
    }
    // The name of the weights is no part of it: a renamed file is the same file.
    assert_eq!(Recipe::new(&WeightsId { name: "b".into(), ..id }, &pixels, target), recipes[0]);
}

#[test]
fn two_processes_share_the_cache() {
    let (folder, first) = filled(2);
    let second = Cache::open(folder.path()).unwrap();
    second.put(&recipe("w"), &[(photo(9), &row(9))]).unwrap();
    assert_eq!(first.get(&photo(9), &recipe("w")).unwrap(), Some(row(9)));
    let info = first.info().unwrap();
    assert_eq!((info.features, info.recipes.len()), (3, 1));
}

#[test]
fn a_file_of_another_kind_is_set_aside_and_begun_anew() {
    let (folder, cache) = filled(2);
    drop(cache);
    for round in 1..3 {
        files::write(&folder.path().join(FILE), |file| file.write_all(&[b'x'; 5000])).unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let notices = cache.notices();
        assert!(notices[0].contains(&format!("damaged-{round}")), "{notices:?}");
        assert_eq!(whole(&cache, 2), 0);
        cache.put(&recipe("w"), &[(photo(0), &row(0))]).unwrap();
        assert_eq!(whole(&cache, 2), 1);
        assert_eq!(cache.info().unwrap().damaged.len(), round);
    }
    Cache::open(folder.path()).unwrap().clear().unwrap();
    assert_eq!(files::names(folder.path()).unwrap().iter().filter(|name| name.contains("damaged")).count(), 0);
}

#[test]
fn whatever_bytes_of_the_file_are_damaged_a_row_is_right_or_not_there() {
    const ROWS: usize = 12;
    let (folder, cache) = filled(ROWS);
    drop(cache);
    let path = folder.path().join(FILE);
    let good = files::read(&path, 1 << 30).unwrap();
    let mut lost = 0;
    for step in 0..60 {
        let mut bytes = good.clone();
        let at = step * bytes.len() / 60;
        bytes[at..].iter_mut().take(1 + 40 * (step % 3)).for_each(|byte| *byte ^= 0x55);
        for journal in ["-wal", "-shm"] {
            let _ = files::remove(&with_suffix(&path, journal));
        }
        files::write(&path, |file| file.write_all(&bytes)).unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        lost += ROWS - whole(&cache, ROWS);
        let (photo, row) = (photo(100 + step), row(step));
        cache.put(&recipe("w"), &[(photo, &row)]).unwrap();
        assert_eq!(cache.get(&photo, &recipe("w")).unwrap(), Some(row), "after damage at byte {at}");
    }
    assert!(lost > 0, "no damage was noticed");
}

#[test]
fn a_file_cut_off_anywhere_is_begun_anew() {
    let (folder, cache) = filled(4);
    drop(cache);
    let path = folder.path().join(FILE);
    let good = files::read(&path, 1 << 30).unwrap();
    for tenth in 0..10 {
        let _ = files::remove(&with_suffix(&path, "-wal"));
        let _ = files::remove(&with_suffix(&path, "-shm"));
        files::write(&path, |file| file.write_all(&good[..good.len() * tenth / 10])).unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        whole(&cache, 4);
        cache.put(&recipe("w"), &[(photo(5), &row(5))]).unwrap();
        assert_eq!(cache.get(&photo(5), &recipe("w")).unwrap(), Some(row(5)));
    }
}

#[test]
fn pruning_keeps_what_was_used_last_and_the_file_shrinks() {
    let (_folder, cache) = filled(50);
    let before = cache.info().unwrap().bytes;
    assert_eq!(cache.prune(10 * store::BYTES_PER_ROW).unwrap(), 40);
    let info = cache.info().unwrap();
    assert_eq!(info.features, 10);
    assert!(info.bytes < before / 2, "{} of {before}", info.bytes);
    assert_eq!(cache.get(&photo(49), &recipe("w")).unwrap(), Some(row(49)));
    assert_eq!(cache.get(&photo(0), &recipe("w")).unwrap(), None);
}

#[test]
fn a_checksum_is_remembered_until_the_file_changes() {
    let (folder, cache) = filled(0);
    let path = folder.path().join("weights");
    files::write(&path, |file| file.write_all(b"one")).unwrap();
    assert_eq!(cache.checksum_of(&path).unwrap(), ContentHash::of(b"one").to_string());
    assert_eq!(cache.checksum_of(&path).unwrap(), ContentHash::of(b"one").to_string());
    files::write(&path, |file| file.write_all(b"two")).unwrap();
    assert_eq!(cache.checksum_of(&path).unwrap(), ContentHash::of(b"two").to_string());
    assert!(cache.checksum_of(&folder.path().join("absent")).is_err());
}
