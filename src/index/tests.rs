use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;

const WIDTH: usize = 64;

/// A kind of photo: a centre that its photos' features lie around, most of them at 0 as behind a `ReLU`.
struct Kind([f64; WIDTH]);

fn normal(random: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(random)
}

impl Kind {
    fn new(random: &mut ChaCha8Rng) -> Self {
        Self(std::array::from_fn(|_| normal(random)))
    }

    /// A photo that lies so far from the centre.
    fn photo(&self, distance: f64, random: &mut ChaCha8Rng) -> Vec<f32> {
        let strength = (0.3 * normal(random)).exp();
        self.0.map(|centre| (strength * (centre + distance * normal(random)).max(0.0)) as f32).to_vec()
    }

    fn photos(&self, count: usize, random: &mut ChaCha8Rng) -> FeatureMatrix {
        matrix((0..count).map(|_| self.photo(0.7, random)))
    }
}

fn matrix(rows: impl Iterator<Item = Vec<f32>>) -> FeatureMatrix {
    let mut matrix = FeatureMatrix::new(WIDTH);
    rows.for_each(|row| matrix.push_row(&row).unwrap());
    matrix
}

/// An index of photos that are no copies of each other.
fn index(features: &FeatureMatrix) -> Index {
    let groups: Vec<usize> = (0..features.len()).collect();
    Index::new(features, &vec![0; features.len()], &groups).0
}

fn marked(index: &Index, features: &FeatureMatrix) -> usize {
    features.rows().filter(|row| index.is_unfamiliar(row) == Some(true)).count()
}

#[test]
fn a_training_photo_finds_itself_first_at_a_similarity_of_exactly_one() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let features = Kind::new(&mut random).photos(30, &mut random);
    let index = index(&features);
    for (row, values) in features.rows().enumerate() {
        let nearest = index.nearest(values, 3);
        assert_eq!((nearest.len(), nearest[0]), (3, Neighbour { row, similarity: 1.0 }));
        assert!(nearest[1].similarity < 0.999 && nearest[1].similarity >= nearest[2].similarity, "{nearest:?}");
        // Only the direction counts.
        let brighter: Vec<f32> = values.iter().map(|value| 1.7 * value).collect();
        assert_eq!(index.nearest(&brighter, 1)[0].row, row);
    }
}

#[test]
fn eight_bits_change_a_similarity_by_less_than_a_hundredth() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let features = Kind::new(&mut random).photos(20, &mut random);
    let index = index(&features);
    let photo = Kind::new(&mut random).photo(0.7, &mut random);
    let cosine = |row: &[f32]| {
        let power = |value: f32| f64::from(value).powf(1.5);
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| power(a) * power(b)).sum::<f64>();
        product(row, &photo) / (product(row, row) * product(&photo, &photo)).sqrt()
    };
    for Neighbour { row, similarity } in index.nearest(&photo, 20) {
        assert!((similarity - cosine(features.row(row))).abs() < 0.01, "{row}");
    }
}

#[test]
fn at_most_one_of_ten_new_photos_of_the_kind_is_marked_and_nearly_all_of_another() {
    let (mut familiar, mut foreign) = (0, 0);
    for seed in 0..20 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let [kind, other] = [Kind::new(&mut random), Kind::new(&mut random)];
        let index = index(&kind.photos(50, &mut random));
        familiar += marked(&index, &kind.photos(100, &mut random));
        foreign += marked(&index, &other.photos(100, &mut random));
    }
    assert!((20..=200).contains(&familiar), "{familiar} of 2000 of the kind");
    assert!(foreign >= 1980, "{foreign} of 2000 of another");
}

#[test]
fn copies_among_the_training_photos_do_not_make_new_photos_unfamiliar() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let kind = Kind::new(&mut random);
    let scenes: Vec<Kind> = (0..20).map(|_| Kind(kind.0.map(|centre| centre + 0.7 * normal(&mut random)))).collect();
    let copies = matrix((0..200).map(|photo| scenes[photo / 10].photo(0.05, &mut random)));
    let new = kind.photos(200, &mut random);
    let by_scene: Vec<usize> = (0..200).map(|photo| photo / 10).collect();
    let (known, _) = Index::new(&copies, &[0; 200], &by_scene);
    assert!(marked(&known, &new) <= 40, "{} of 200", marked(&known, &new));
    // What would be without the groups: nothing new is as near as a copy.
    assert!(marked(&index(&copies), &new) > 150);
}

#[test]
fn a_limited_number_of_rows_is_kept_and_they_answer_for_all() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let kind = Kind::new(&mut random);
    let features = kind.photos(700, &mut random);
    let groups: Vec<usize> = (0..700).collect();
    let classes: Vec<usize> = (0..700).map(|photo| usize::from(photo % 7 == 0)).collect();
    let (index, kept) = Index::new(&features, &classes, &groups);
    assert_eq!((index.len(), kept.len(), index.stored().len()), (MAX_ROWS, MAX_ROWS, MAX_ROWS * WIDTH));
    let rare = kept.iter().filter(|&&photo| photo % 7 == 0).count();
    assert_eq!(rare, 100, "all of the smaller class");
    let new = marked(&index, &kind.photos(400, &mut random));
    assert!((4..=40).contains(&new), "{new} of 400");
}

#[test]
fn what_was_stored_is_the_same_index() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let index = index(&Kind::new(&mut random).photos(12, &mut random));
    assert_eq!(Index::from_stored(WIDTH, index.stored().to_vec(), index.threshold()), index);
    assert_eq!((index.len(), index.width(), index.is_empty()), (12, WIDTH, false));
}

#[test]
fn too_few_photos_or_one_group_alone_say_nothing_about_what_is_unfamiliar() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let features = Kind::new(&mut random).photos(12, &mut random);
    let few = index(&features.select(&(0..MIN_PHOTOS - 1).collect::<Vec<_>>()));
    assert_eq!((few.threshold(), few.is_unfamiliar(features.row(0))), (None, None));
    assert_eq!(few.nearest(features.row(0), 3).len(), 3);
    assert!(index(&features).threshold().is_some());
    assert_eq!(Index::new(&features, &[0; 12], &[7; 12]).0.threshold(), None);
}

#[test]
fn features_that_are_no_numbers_or_of_another_width_are_like_nothing() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let index = index(&Kind::new(&mut random).photos(20, &mut random));
    assert_eq!(index.is_unfamiliar(&[f32::NAN; WIDTH]), Some(true));
    assert_eq!(index.is_unfamiliar(&[0.0; WIDTH]), Some(true));
    assert!(index.nearest(&[1.0], 3).is_empty() && index.is_unfamiliar(&[1.0]).is_none());
    assert!(Index::default().nearest(&[], 3).is_empty());
}
