use proptest::prelude::*;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::*;

/// Causes behind the features.
const CAUSES: usize = 40;

/// A network's features made up: few causes, random loadings, a bias that keeps most features at 0, noise, a `ReLU`, and
/// a strength that differs from photo to photo. About 30 % of the values are above 0.
struct Network {
    loadings: Vec<[f64; CAUSES]>,
    bias: Vec<f64>,
}

/// A kind of photo: where its causes lie and how far they spread.
struct Kind {
    centre: [f64; CAUSES],
    spread: [f64; CAUSES],
    strength: f64,
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(random)
}

impl Network {
    fn new(width: usize, random: &mut ChaCha8Rng) -> Self {
        // Few large loadings, many small ones.
        let mut loading = || normal(random) * normal(random).abs();
        let loadings = (0..width).map(|_| std::array::from_fn(|_| loading())).collect();
        Self { loadings, bias: (0..width).map(|_| 0.7 * normal(random) - 1.0).collect() }
    }

    fn row(&self, kind: &Kind, random: &mut ChaCha8Rng) -> Vec<f32> {
        let causes: [f64; CAUSES] =
            std::array::from_fn(|cause| kind.centre[cause] + kind.spread[cause] * normal(random));
        let strength = kind.strength * (0.2 * normal(random)).exp();
        let feature = |(loadings, bias): (&[f64; CAUSES], &f64)| {
            let drive: f64 = loadings.iter().zip(&causes).map(|(loading, cause)| loading * cause).sum();
            (strength * (drive / 4.0 + bias + 0.4 * normal(random)).max(0.0)) as f32
        };
        self.loadings.iter().zip(&self.bias).map(feature).collect()
    }

    fn rows(&self, kinds: &[Kind], count: usize, random: &mut ChaCha8Rng) -> FeatureMatrix {
        let mut matrix = FeatureMatrix::new(self.bias.len());
        for image in 0..count {
            matrix.push_row(&self.row(&kinds[image % kinds.len()], random)).unwrap();
        }
        matrix
    }
}

impl Kind {
    /// Somewhere else than `near`, or than nothing; it spreads in a quarter of the directions.
    fn new(near: Option<&Self>, random: &mut ChaCha8Rng) -> Self {
        let centre =
            std::array::from_fn(|cause| near.map_or(0.0, |near| 0.7 * near.centre[cause]) + 0.7 * normal(random));
        let spread = near
            .map_or_else(|| std::array::from_fn(|cause| if cause % 4 == 0 { 1.0 } else { 0.3 }), |near| near.spread);
        Self { centre, spread, strength: 1.0 }
    }
}

/// Two classes of one subject, as a training set has them.
fn two_classes(random: &mut ChaCha8Rng) -> [Kind; 2] {
    let first = Kind::new(None, random);
    let second = Kind::new(Some(&first), random);
    [first, second]
}

fn alone(features: &FeatureMatrix) -> Vec<usize> {
    (0..features.len()).collect()
}

fn fitted(features: &FeatureMatrix) -> Familiarity {
    Familiarity::fit(features, &alone(features)).unwrap()
}

fn marked(familiarity: &Familiarity, features: &FeatureMatrix) -> f64 {
    let count = features.rows().filter(|row| familiarity.is_unfamiliar(row).unwrap()).count();
    count as f64 / features.len() as f64
}

#[test]
fn foreign_photos_are_marked_and_familiar_ones_are_not() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let network = Network::new(2048, &mut random);
    let kinds = two_classes(&mut random);
    for count in [60, 200, 1000] {
        let familiarity = fitted(&network.rows(&kinds, count, &mut random));
        let false_alarms = marked(&familiarity, &network.rows(&kinds, 500, &mut random));
        // Every foreign photo is of a kind of its own.
        let foreign: Vec<Kind> = (0..200).map(|_| Kind::new(None, &mut random)).collect();
        let found = marked(&familiarity, &network.rows(&foreign, 200, &mut random));
        let empty = Kind { centre: [0.0; CAUSES], spread: [0.05; CAUSES], strength: 0.5 };
        let found_empty = marked(&familiarity, &network.rows(&[empty], 100, &mut random));
        println!("{count} images: foreign {found}, empty {found_empty}, false alarms {false_alarms}");
        assert!(found >= 0.9, "{count} images: only {found} of the foreign photos are marked");
        assert!(found_empty >= 0.9, "{count} images: only {found_empty} of the empty photos are marked");
        assert!(false_alarms <= 0.1, "{count} images: {false_alarms} of the familiar photos are marked");
    }
}

#[test]
fn false_alarms_are_near_five_percent_at_every_size() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let network = Network::new(192, &mut random);
    for (count, sets) in [(10, 60), (18, 60), (19, 60), (40, 40), (100, 20), (400, 10), (2000, 3)] {
        let mut total = 0.0;
        for _ in 0..sets {
            let kinds = two_classes(&mut random);
            let familiarity = fitted(&network.rows(&kinds, count, &mut random));
            total += marked(&familiarity, &network.rows(&kinds, 200, &mut random));
        }
        let share = total / f64::from(sets);
        println!("{count} images: {share:.3} of the familiar photos are marked");
        assert!((0.02..=0.09).contains(&share), "{count} images: {share}");
    }
}

#[test]
fn a_wide_map_shares_deviations_and_stays_small() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let network = Network::new(5000, &mut random);
    let kinds = two_classes(&mut random);
    let familiarity = fitted(&network.rows(&kinds, 100, &mut random));
    let parts = familiarity.parts();
    assert_eq!(parts.scales.len(), 1667);
    assert!(4 * (parts.scales.len() + parts.mean.len() + parts.factor.len()) <= 16 << 10);
    assert!(marked(&familiarity, &network.rows(&kinds, 100, &mut random)) < 0.2);
    let foreign: Vec<Kind> = (0..50).map(|_| Kind::new(None, &mut random)).collect();
    assert!(marked(&familiarity, &network.rows(&foreign, 50, &mut random)) > 0.9);
    assert_eq!((columns_a_scale(2048), columns_a_scale(100_352)), (1, 49));
}

#[test]
fn images_of_one_group_are_not_measured_by_each_other() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let network = Network::new(256, &mut random);
    let kinds = two_classes(&mut random);
    // Thirty photos, each there four times: to a fit that has seen its copies a photo looks all too near.
    let once = network.rows(&kinds, 30, &mut random);
    let copies = once.select(&(0..120).map(|image| image / 4).collect::<Vec<_>>());
    let groups: Vec<usize> = (0..120).map(|image| image / 4).collect();
    let fresh = network.rows(&kinds, 400, &mut random);
    let grouped = marked(&Familiarity::fit(&copies, &groups).unwrap(), &fresh);
    let naive = marked(&fitted(&copies), &fresh);
    println!("false alarms with groups {grouped}, without {naive}");
    assert!(grouped < 0.12 && naive > 2.0 * grouped);
}

#[test]
fn the_same_features_give_the_same_numbers_and_stored_ones_the_same_distances() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let network = Network::new(300, &mut random);
    let features = network.rows(&two_classes(&mut random), 80, &mut random);
    let familiarity = fitted(&features);
    assert_eq!(familiarity, fitted(&features));
    let read = Familiarity::from_parts(familiarity.parts().clone()).unwrap();
    for row in features.rows() {
        assert_eq!(read.distance(row).unwrap().to_bits(), familiarity.distance(row).unwrap().to_bits());
    }
}

/// The stream of signs is part of the format: were it another, models on disk would mean nothing.
#[test]
fn the_sketch_is_the_one_that_stored_models_were_made_with() {
    let features: Vec<f32> = (0..6u8).map(|place| f32::from(place) * f32::from(place)).collect();
    let coordinates = Sketch::new(6).coordinates(&features, &[1.0; 6]);
    assert!((coordinates[0] - 2.5).abs() < 1e-12);
    assert!((coordinates[1] - (55.0f64 / 6.0).sqrt()).abs() < 1e-12);
    let whole: Vec<i32> = coordinates[STRENGTHS..].iter().map(|value| (value / 2f64.sqrt()).round() as i32).collect();
    assert_eq!(whole, EXPECTED_SUMS);
}

const EXPECTED_SUMS: [i32; 48] = [
    3, 0, 0, -10, 3, 0, 0, 0, 0, -5, 0, 0, -5, 0, 0, 4, -1, 0, 0, -7, 0, 0, 0, 0, 0, -5, 0, 0, 0, 2, 0, 0, 0, 0, -2, 2,
    0, 0, 0, 0, 0, 0, 2, 0, 0, 0, -1, 4,
];

#[test]
fn the_covariance_is_scikit_learns_ledoit_wolf() {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decision/shrinkage.json");
    let golden: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let table = |value: &serde_json::Value| -> Vec<Vec<f64>> { serde_json::from_value(value.clone()).unwrap() };
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let mut rows = table(&case["rows"]);
        let count = rows.len() as f64;
        for column in 0..rows[0].len() {
            let mean = rows.iter().map(|row| row[column]).sum::<f64>() / count;
            for row in &mut rows {
                row[column] -= mean;
            }
        }
        let (covariance, amount) = spread::shrunk(&rows);
        assert!((amount - case["amount"].as_f64().unwrap()).abs() < 1e-9);
        for (ours, theirs) in covariance.iter().flatten().zip(table(&case["covariance"]).iter().flatten()) {
            assert!((ours - theirs).abs() < 1e-9 * (1.0 + theirs.abs()), "{ours} {theirs}");
        }
    }
}

#[test]
fn images_that_are_all_the_same_are_familiar_and_others_are_not() {
    let features = FeatureMatrix::from_values(64, vec![0.5; 64 * 12]).unwrap();
    let familiarity = fitted(&features);
    assert!(!familiarity.is_unfamiliar(&[0.5; 64]).unwrap());
    assert!(familiarity.is_unfamiliar(&[5.0; 64]).unwrap());
    assert!(familiarity.is_unfamiliar(&[f32::NAN; 64]).unwrap());
    let empty = fitted(&FeatureMatrix::from_values(64, vec![0.0; 64 * 12]).unwrap());
    assert!(!empty.is_unfamiliar(&[0.0; 64]).unwrap());
}

#[test]
fn what_says_nothing_is_refused() {
    let features =
        |count: usize| FeatureMatrix::from_values(4, (0..4 * count).map(|value| value as f32).collect()).unwrap();
    let nine = features(9);
    assert_eq!(Familiarity::fit(&nine, &alone(&nine)), Err(FamiliarityError::TooFew { images: 9, groups: 9 }));
    assert_eq!(Familiarity::fit(&features(12), &[7; 12]), Err(FamiliarityError::TooFew { images: 12, groups: 1 }));
    assert_eq!(Familiarity::fit(&nine, &[0]), Err(FamiliarityError::Groups { groups: 1, images: 9 }));
    assert!(Familiarity::fit(&FeatureMatrix::new(4), &[]).is_err());
    assert!(Familiarity::fit(&FeatureMatrix::new(0), &[]).is_err());
    let mut damaged = features(12).values().to_vec();
    damaged[4 * 5] = f32::INFINITY;
    let damaged = FeatureMatrix::from_values(4, damaged).unwrap();
    assert_eq!(Familiarity::fit(&damaged, &alone(&damaged)), Err(FamiliarityError::NotFinite { image: 5 }));
    let width = fitted(&features(12)).distance(&[0.0; 3]);
    assert_eq!(width, Err(FamiliarityError::Width { expected: 4, given: 3 }));
}

#[test]
fn damaged_numbers_are_refused() {
    let features = FeatureMatrix::from_values(4, (0..48u8).map(f32::from).collect()).unwrap();
    let sound = fitted(&features).parts().clone();
    assert!(sound.check().is_ok());
    let damages: [fn(&mut Parts); 9] = [
        |parts| parts.width = 0,
        |parts| parts.width = usize::MAX,
        |parts| parts.width = 5,
        |parts| parts.scales[1] = 0.0,
        |parts| parts.mean[3] = f32::NAN,
        |parts| parts.mean.truncate(49),
        |parts| parts.factor.push(0.0),
        |parts| parts.factor[2] = -1.0,
        |parts| parts.threshold = f64::NAN,
    ];
    for damage in damages {
        let mut parts = sound.clone();
        damage(&mut parts);
        let error = Familiarity::from_parts(parts).unwrap_err();
        assert!(error.hint().is_some(), "{error}");
    }
}

#[test]
fn more_images_than_are_looked_at_take_no_longer() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let width = 16;
    let values = (0..width * 100_000).map(|_| random.random::<f32>()).collect();
    let familiarity = fitted(&FeatureMatrix::from_values(width, values).unwrap());
    let fresh = (0..width * 1000).map(|_| random.random::<f32>()).collect();
    let share = marked(&familiarity, &FeatureMatrix::from_values(width, fresh).unwrap());
    assert!((0.02..0.08).contains(&share), "{share}");
}

#[test]
fn students_quantiles_are_those_of_the_tables() {
    for (freedom, expected) in [(9.0, 1.833_113), (13.0, 1.770_933), (17.0, 1.739_607)] {
        assert!((students_quantile(freedom) - expected).abs() < 1e-3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_finite_features_have_a_finite_distance(
        width in 1..40usize,
        rows in 10..30usize,
        seed in 0..1000u64,
        exponent in -30..30i32,
    ) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let scale = 10f32.powi(exponent);
        // Some columns are never anything but 0.
        let values = (0..rows * width).map(|place| if place % width % 3 == 1 { 0.0 } else { scale * random.random::<f32>() });
        let features = FeatureMatrix::from_values(width, values.collect()).unwrap();
        let familiarity = fitted(&features);
        prop_assert!(familiarity.parts().check().is_ok());
        for row in features.rows() {
            prop_assert!(familiarity.distance(row).unwrap().is_finite());
        }
        prop_assert!(familiarity.distance(&vec![f32::MAX; width]).unwrap().is_finite());
    }
}
