use proptest::prelude::*;

use super::*;
use crate::backbone::{Precision, layout};
use crate::pixels::Limits;

fn key(weights: &str) -> CacheKey {
    let id = WeightsId { name: "any".into(), sha256: weights.into() };
    CacheKey::new(&id, &Preprocess::default(), None, Target::CPU)
}

fn row(seed: usize) -> Vec<f32> {
    (0..layout::FEATURES).map(|index| (seed * 7 + index) as f32 * 0.37).collect()
}

fn facts(seed: usize) -> PhotoFacts {
    let crop = Preprocess::with_image_size(32);
    let image = [b"P6 4 4 255\n", &[seed as u8; 48][..]].concat();
    crop.load_with_facts(&image, &Limits::default()).unwrap().1
}

fn put(cache: &Cache, number: usize, seed: usize) {
    let (features, facts) = (row(seed), facts(seed));
    let entry = Entry { content: photo(number), features: &features, facts: &facts };
    cache.put(&key("w"), &[entry]).unwrap();
}

/// What a row of these tests takes in the file.
fn row_bytes() -> u64 {
    4 * layout::FEATURES as u64 + facts(0).to_bytes().len() as u64 + store::ROW_OVERHEAD
}

fn photo(number: usize) -> ContentHash {
    ContentHash::new(&number.to_le_bytes())
}

/// A cache with this many rows, in a folder of its own.
fn filled(rows: usize) -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let kept: Vec<_> = (0..rows).map(|number| (photo(number), row(number), facts(number))).collect();
    let entries: Vec<_> =
        kept.iter().map(|(content, features, facts)| Entry { content: *content, features, facts }).collect();
    cache.put(&key("w"), &entries).unwrap();
    (folder, cache)
}

fn whole(cache: &Cache, rows: usize) -> usize {
    let is_whole = |number: &usize| match cache.get(&photo(*number), &key("w")).unwrap() {
        Some(found) => {
            // Whatever happened to the file: a row is right or it is not there, and so are its facts.
            assert_eq!(found, row(*number));
            let both = cache.get_with_facts(&photo(*number), &key("w")).unwrap();
            assert!(both.is_none_or(|both| both == (row(*number), facts(*number))));
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
    assert_eq!(cache.get(&photo(0), &key("other weights")).unwrap(), None);
    drop(cache);
    assert_eq!(whole(&Cache::open(folder.path()).unwrap(), 3), 3);
}

#[test]
fn weights_pixels_and_arithmetic_each_make_another_recipe() {
    let id = WeightsId { name: "a".into(), sha256: "w".into() };
    let (pixels, target) = (Preprocess::default(), Target::CPU);
    let keys = [
        CacheKey::new(&id, &pixels, None, target),
        CacheKey::new(&WeightsId { sha256: "v".into(), ..id.clone() }, &pixels, None, target),
        CacheKey::new(&id, &Preprocess::with_image_size(96), None, target),
        CacheKey::new(&id, &pixels, Some(16), target),
        CacheKey::new(&id, &pixels, None, Target { precision: Precision::Bf16, ..target }),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(keys.iter().position(|other| other == key), Some(index));
    }
    // The name of the weights is no part of it: a renamed file is the same file.
    assert_eq!(CacheKey::new(&WeightsId { name: "b".into(), ..id }, &pixels, None, target), keys[0]);
}

#[test]
fn two_processes_share_the_cache() {
    let (folder, first) = filled(2);
    let second = Cache::open(folder.path()).unwrap();
    put(&second, 9, 9);
    assert_eq!(first.get(&photo(9), &key("w")).unwrap(), Some(row(9)));
    let info = first.info().unwrap();
    assert_eq!((info.features, info.keys.len()), (3, 1));
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
        put(&cache, 0, 0);
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
        put(&cache, 100 + step, step);
        let found = cache.get(&photo(100 + step), &key("w")).unwrap();
        assert_eq!(found, Some(row(step)), "after damage at byte {at}");
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
        put(&cache, 5, 5);
        assert_eq!(cache.get(&photo(5), &key("w")).unwrap(), Some(row(5)));
    }
}

#[test]
fn pruning_keeps_what_was_used_last_and_the_file_shrinks() {
    let (_folder, cache) = filled(50);
    let before = cache.info().unwrap().bytes;
    assert_eq!(cache.prune(10 * row_bytes()).unwrap(), 40);
    let info = cache.info().unwrap();
    assert_eq!(info.features, 10);
    assert!(info.bytes < before / 2, "{} of {before}", info.bytes);
    assert_eq!(cache.get(&photo(49), &key("w")).unwrap(), Some(row(49)));
    assert_eq!(cache.get(&photo(0), &key("w")).unwrap(), None);
}

#[test]
fn a_checksum_is_remembered_until_the_file_changes() {
    let (folder, cache) = filled(0);
    let path = folder.path().join("weights");
    files::write(&path, |file| file.write_all(b"one")).unwrap();
    assert_eq!(cache.checksum_of(&path).unwrap(), ContentHash::new(b"one").to_string());
    assert_eq!(cache.checksum_of(&path).unwrap(), ContentHash::new(b"one").to_string());
    files::write(&path, |file| file.write_all(b"two")).unwrap();
    assert_eq!(cache.checksum_of(&path).unwrap(), ContentHash::new(b"two").to_string());
    assert!(cache.checksum_of(&folder.path().join("absent")).is_err());
}

#[test]
fn facts_that_are_damaged_cost_the_row_only_where_they_are_wanted() {
    let (folder, cache) = filled(2);
    assert_eq!(cache.get_with_facts(&photo(1), &key("w")).unwrap(), Some((row(1), facts(1))));
    let store = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    store.execute("UPDATE features SET facts = x'00' WHERE content = ?1", [photo(1).0]).unwrap();
    assert_eq!(cache.get(&photo(1), &key("w")).unwrap(), Some(row(1)));
    assert_eq!(cache.get_with_facts(&photo(1), &key("w")).unwrap(), None);
    assert!(cache.get_with_facts(&photo(0), &key("w")).unwrap().is_some());
}

#[test]
fn stores_of_other_versions_are_named_and_cleared_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let others =
        ["features-v1.sqlite", "features-v1.sqlite-wal", "features-v10.sqlite", "features-v1.sqlite.damaged-1"];
    let strangers = ["features-vacation.sqlite", "features-v1.txt", "weights.safetensors"];
    for name in others.iter().chain(&strangers) {
        files::write(&folder.path().join(name), |file| file.write_all(b"old")).unwrap();
    }
    assert!(Cache::find(folder.path()).is_some());
    let cache = Cache::open(folder.path()).unwrap();
    assert_eq!(cache.info().unwrap().other_versions.len(), others.len());
    cache.clear().unwrap();
    assert!(cache.info().unwrap().other_versions.is_empty());
    let left = files::names(folder.path()).unwrap();
    assert!(strangers.iter().all(|name| left.contains(&(*name).to_owned())), "{left:?}");
}

#[test]
fn a_row_takes_about_as_much_as_pruning_counts_with() {
    let (_folder, cache) = filled(400);
    cache.prune(u64::MAX).unwrap();
    let measured = cache.info().unwrap().bytes as f64 / 400.0;
    let counted = row_bytes() as f64;
    assert!((measured / counted - 1.0).abs() < 0.03, "{measured} bytes a row, {counted} are counted");
}

type Ingredients = (String, Preprocess, Option<u32>, Target);

/// Weights, pixels, border and arithmetic, few enough of each that two of them are often the same.
fn ingredients() -> impl Strategy<Value = Ingredients> {
    let pixels = (1_u32..4, 1_u32..4, prop::sample::select(vec![0.5_f32, 0.500_000_1, 1.0]));
    let pixels = pixels.prop_map(|(resize, crop, std)| {
        let std = [std, 1.0, std];
        Preprocess { resize, crop, std, ..Preprocess::default() }
    });
    let target = any::<bool>().prop_map(|is_bf16| Target {
        precision: if is_bf16 { Precision::Bf16 } else { Target::CPU.precision },
        ..Target::CPU
    });
    ("[0-9a-f]{1,2}", pixels, prop::option::of(1_u32..3), target)
}

proptest! {
    // The second makes a file each time.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn recipes_are_the_same_exactly_if_all_that_decides_the_features_is(one in ingredients(), other in ingredients()) {
        let key = |(sha256, pixels, border, target): &Ingredients| {
            CacheKey::new(&WeightsId { name: "any".into(), sha256: sha256.clone() }, pixels, *border, *target)
        };
        prop_assert_eq!(key(&one) == key(&other), one == other);
        prop_assert_eq!(key(&one).key == key(&other).key, one == other);
    }

    #[test]
    fn whatever_is_put_comes_back_bit_by_bit(numbers in prop::collection::vec(any::<u32>(), 0..50), content: [u8; 32]) {
        let (_folder, cache) = filled(0);
        let row: Vec<f32> = numbers.iter().map(|bits| f32::from_bits(*bits)).collect();
        let entry = Entry { content: ContentHash(content), features: &row, facts: &facts(0) };
        cache.put(&key("w"), &[entry]).unwrap();
        let found = cache.get(&ContentHash(content), &key("w")).unwrap().unwrap();
        prop_assert_eq!(found.iter().map(|number| number.to_bits()).collect::<Vec<_>>(), numbers);
    }
}

#[test]
fn a_clock_that_jumps_costs_no_row_and_the_order_of_use_recovers() {
    let (_folder, cache) = filled(0);
    let key = key("w");
    let (features, facts) = (row(0), facts(0));
    let entry = |number| Entry { content: photo(number), features: &features, facts: &facts };
    let days = [20_000, 90_000, 20_001, 0, 20_002];
    cache.with(|store| store.put(key.key, &key.text, &[entry(0)], days[1])).unwrap();
    for today in days {
        let found = cache.with(|store| store.get(&photo(0), key.key, today, false)).unwrap();
        assert_eq!(found.map(|row| row.numbers), Some(row(0)), "on day {today}");
    }
    cache.with(|store| store.put(key.key, &key.text, &[entry(1)], 20_003)).unwrap();
    cache.prune(row_bytes()).unwrap();
    // Not the one that was last used in a year that never was.
    let left = [0, 1].map(|number| cache.get(&photo(number), &key).unwrap().is_some());
    assert_eq!(left, [false, true]);
}
