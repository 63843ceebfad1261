use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::manifest::{VERSION, list_hash};
use super::*;
use crate::dataset::{ClassMap, Split};
use crate::features::Noticed;
use crate::files::{self, ContentHash};
use crate::pixels::Preprocess;
use crate::progress::Silent;
use crate::weights::WeightsId;

const WIDTH: usize = 4;

/// Photos of the list, of which the third cannot be read.
const TOTAL: usize = 10;

fn photo(position: usize, path: &str) -> Entry<'_> {
    let split = [None, Some(Split::Train), Some(Split::Validation), Some(Split::Test)][position % 4];
    Entry { position, path: path.as_bytes(), class: position % 2, split }
}

fn paths() -> Vec<String> {
    (0..TOTAL).map(|position| format!("imgs/{position}.jpg")).collect()
}

fn manifest(shard: Shard) -> Manifest {
    let classes = ["ants".to_owned(), "bees".to_owned()];
    let paths = paths();
    let entries = paths.iter().enumerate().map(|(position, path)| photo(position, path));
    let list = List {
        sha256: list_hash(entries.map(|entry| (entry.path, entry.class, entry.split)), &classes),
        total: TOTAL,
        data: "imgs".to_owned(),
        classes: classes.to_vec(),
        positive: "bees".to_owned(),
    };
    let preprocess = Preprocess::default();
    Manifest {
        features_version: VERSION,
        shard,
        rows: 0,
        unreadable: 0,
        setup: Setup {
            created_by: "resnet-binary 0".to_owned(),
            libtorch: "2".to_owned(),
            computation: "network 1, kernels 1".to_owned(),
            list,
            pixels: preprocess.id(),
            preprocess,
            weights: WeightsId { name: "w".to_owned(), sha256: "0123456789".to_owned() },
            precision: "fp32".to_owned(),
            row_type: RowType::F32,
        },
        noticed: Noticed::default(),
        ignored: String::new(),
        not_listed: Vec::new(),
        weights_path: None,
        device: "cpu".to_owned(),
        processor: "avx2 with own kernels".to_owned(),
    }
}

/// A folder of shards.
struct Shards(TempDir);

impl Shards {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// All of so many.
    fn of(count: usize) -> Self {
        let shards = Self::new();
        (0..count).for_each(|index| drop(shards.add(Shard { index, count }, |_| {})));
        shards
    }

    /// A shard whose manifest is changed before it is written.
    fn add(&self, shard: Shard, change: impl FnOnce(&mut Manifest)) -> PathBuf {
        let path = self.0.path().join(shard.file_name());
        Self::write(shard, &path, &|position| position == 2, change);
        path
    }

    /// The same, with the photos that cannot be read.
    fn write(shard: Shard, path: &Path, is_unreadable: &dyn Fn(usize) -> bool, change: impl FnOnce(&mut Manifest)) {
        let (paths, mut manifest) = (paths(), manifest(shard));
        let all: Vec<Entry<'_>> = paths.iter().enumerate().map(|(position, path)| photo(position, path)).collect();
        let mine = shard.take(all);
        let (lost, read): (Vec<_>, Vec<_>) = mine.into_iter().partition(|photo| is_unreadable(photo.position));
        let rows: Vec<_> = read
            .into_iter()
            .map(|photo| RowEntry { photo, hash: ContentHash::new(photo.path), facts: b"facts" })
            .collect();
        let unreadable: Vec<_> =
            lost.into_iter().map(|photo| UnreadableEntry { photo, reason: "empty file".as_bytes() }).collect();
        (manifest.rows, manifest.unreadable) = (rows.len(), unreadable.len());
        change(&mut manifest);
        let classes = ClassMap::new(&manifest.setup.list.classes, "bees").unwrap();
        let contents =
            Contents { manifest: &manifest, classes: &classes, rows: &rows, unreadable: &unreadable, width: WIDTH };
        let numbers =
            |row: &RowEntry<'_>| (0..WIDTH).map(|column| row.photo.position as f32 + column as f32 / 8.0).collect();
        let features: Vec<Vec<f32>> = rows.iter().map(numbers).collect();
        let write_features = |out: &mut dyn Write| match manifest.setup.row_type {
            RowType::F32 => features.iter().flatten().try_for_each(|value| out.write_all(&value.to_le_bytes())),
            RowType::F16 => features
                .iter()
                .flatten()
                .try_for_each(|value| out.write_all(&half::f16::from_f32(*value).to_le_bytes())),
        };
        files::write(path, |out| write(out, &contents, write_features)).unwrap();
    }

    fn path(&self, index: usize, count: usize) -> PathBuf {
        self.0.path().join(Shard { index, count }.file_name())
    }

    fn open(&self) -> Result<Whole, WholeError> {
        Whole::open(self.0.path(), &Silent)
    }

    /// What is wrong with them.
    fn error(&self) -> String {
        self.open().unwrap_err().to_string()
    }
}

fn change_byte(path: &Path, at: impl Fn(usize) -> usize) {
    let mut bytes = files::read(path, 1 << 20).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 1;
    files::write(path, |file| file.write_all(&bytes)).unwrap();
}

#[test]
fn a_whole_is_in_the_order_of_the_list_whatever_the_number_of_shards() {
    for count in [1, 2, 3, 7, TOTAL, TOTAL + 3] {
        for row_type in [RowType::F32, RowType::F16] {
            let shards = Shards::new();
            for index in 0..count {
                shards.add(Shard { index, count }, |manifest| manifest.setup.row_type = row_type);
            }
            let whole = shards.open().unwrap();
            let rows: Vec<(usize, Vec<f32>)> =
                whole.rows().map(|(entry, part, row)| (entry.photo.position, part.features(row).unwrap())).collect();
            let expected: Vec<usize> = (0..TOTAL).filter(|position| *position != 2).collect();
            assert_eq!(rows.iter().map(|(position, _)| *position).collect::<Vec<_>>(), expected, "{count} shards");
            for (position, row) in &rows {
                let position = *position as f32;
                assert_eq!(*row, [position, position + 0.125, position + 0.25, position + 0.375]);
            }
            let entries: Vec<_> =
                whole.entries().map(|entry| (path_of(entry.path), entry.class, entry.split)).collect();
            let all = paths();
            let expected = (0..TOTAL).map(|position| photo(position, &all[position]));
            let expected: Vec<_> = expected.map(|entry| (path_of(entry.path), entry.class, entry.split)).collect();
            assert_eq!(entries, expected);
            let lost: Vec<_> = whole.unreadable().map(|entry| (entry.photo.position, entry.reason.to_vec())).collect();
            assert_eq!(lost, [(2, b"empty file".to_vec())]);
            let manifest = whole.manifest().unwrap();
            assert_eq!((manifest.shard, manifest.rows, manifest.unreadable), (Shard::WHOLE, TOTAL - 1, 1));
            assert_eq!((whole.parts(), whole.width(), whole.warning()), (count, WIDTH, None));
        }
    }
}

#[test]
fn every_way_in_which_shards_are_no_whole_is_said() {
    let of = |index, count| Shard { index, count };
    let differ = |change: &dyn Fn(&mut Manifest)| {
        let shards = Shards::of(3);
        shards.add(of(1, 3), change);
        shards.error()
    };
    let without = |gone: &[usize], count| {
        let shards = Shards::of(count);
        for &index in gone {
            files::remove(&shards.path(index, count)).unwrap();
        }
        shards.error()
    };
    let damaged = |at: &dyn Fn(usize) -> usize| {
        let shards = Shards::of(3);
        change_byte(&shards.path(1, 3), at);
        shards.error()
    };
    let cases: Vec<(String, &str)> = vec![
        (Shards::new().error(), "no files of features in"),
        (without(&[0], 3), "1 of 3 shards are missing: 0"),
        (without(&[3, 5, 6, 7], 9), "4 of 9 shards are missing: 3,5-7"),
        (differ(&|it| it.setup.list.total = 13), "is damaged: shard 1/3 of its list has 4 photos, and it has others"),
        (differ(&|it| it.setup.list.sha256 = "f".repeat(64)), "the list is 10 photos of `imgs`"),
        (differ(&|it| it.setup.list.positive = "ants".to_owned()), "the positive class is `bees` in one and `ants` in"),
        (differ(&|it| it.setup.list.classes[0] = "asps".to_owned()), "the classes is ants, bees in one and asps, bees"),
        (differ(&|it| it.setup.weights.sha256 = "ff".to_owned()), "the weights file is `w` (01234567) in one and `w`"),
        (differ(&|it| it.setup.precision = "bf16".to_owned()), "the precision is fp32 in one and bf16 in the other"),
        (differ(&|it| it.setup.row_type = RowType::F16), "the type of the rows is f32 in one and f16 in the other"),
        (differ(&|it| it.setup.pixels = "p".to_owned()), "the preprocessing is"),
        (differ(&|it| it.setup.created_by = "x".to_owned()), "the version of the program is resnet-binary 0 in one"),
        (differ(&|it| it.setup.libtorch = "3".to_owned()), "the version of libtorch is 2 in one and 3 in the other"),
        (differ(&|it| it.setup.computation = "network 2".to_owned()), "the computation is network 1, kernels 1 in one"),
        (differ(&|it| it.features_version = 9), "its format is version 9, and this is 1"),
        (differ(&|it| it.rows = 2), "`features` is F32 [3, 4], and F32 [2, 4] follows from its manifest"),
        (differ(&|it| it.unreadable = 2), "`unreadable.positions` is I64"),
        (differ(&|it| it.shard = of(2, 3)), "photo 2 of its list is not in it once"),
        (differ(&|it| it.shard = of(7, 3)), "is damaged"),
        (damaged(&|length| length - 40), "does not have its checksum"),
        (damaged(&|length| length - 1), "does not have its checksum"),
        (damaged(&|length| length - 300), "is damaged"),
        (damaged(&|_| 3), "is not a feature file of this version"),
    ];
    for (error, expected) in cases {
        assert!(error.contains(expected), "expected {expected}, got {error}");
    }
}

#[test]
fn shards_that_are_there_twice_or_of_another_number_or_list_are_no_whole() {
    let twice = Shards::of(2);
    Shards::write(Shard { index: 1, count: 2 }, &twice.path(3, 4), &|position| position == 2, |_| {});
    assert!(twice.error().contains("shard 1/2 is there twice"), "{}", twice.error());

    let mixed = Shards::of(2);
    mixed.add(Shard { index: 2, count: 4 }, |_| {});
    assert!(mixed.error().contains("-of-2.safetensors` is of 2 shards"), "{}", mixed.error());

    // All agree about a list that they are not of.
    let other = Shards::new();
    for index in 0..2 {
        other.add(Shard { index, count: 2 }, |manifest| manifest.setup.list.sha256 = "0".repeat(64));
    }
    assert_eq!(other.error(), "the photos in the 2 shards are not the list that they say they are of");

    let stranger = Shards::of(1);
    files::write(&stranger.path(1, 2), |file| file.write_all(b"no safetensors")).unwrap();
    assert!(stranger.error().contains("is not a feature file of this version"), "{}", stranger.error());
}

#[test]
fn several_kinds_of_processors_are_a_warning_and_a_cut_file_an_error() {
    let shards = Shards::of(2);
    let path =
        shards.add(Shard { index: 1, count: 2 }, |manifest| manifest.processor = "avx2 with libtorch".to_owned());
    assert!(shards.open().unwrap().warning().unwrap().ends_with("avx2 with libtorch and avx2 with own kernels"));
    let bytes = files::read(&path, 1 << 20).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        files::write(&path, |file| file.write_all(&bytes[..length])).unwrap();
        assert!(shards.open().is_err(), "{length} bytes");
    }
}

#[test]
fn no_byte_that_is_changed_goes_unseen() {
    let shards = Shards::of(2);
    let path = shards.path(1, 2);
    let bytes = files::read(&path, 1 << 20).unwrap();
    for at in (0..bytes.len()).step_by(13) {
        change_byte(&path, |_| at);
        assert!(shards.open().is_err(), "byte {at}");
        change_byte(&path, |_| at);
    }
    assert!(shards.open().is_ok());
}

#[test]
fn the_same_content_has_the_same_bytes_and_is_a_file_of_features() {
    let shards = Shards::of(2);
    let path = shards.path(0, 2);
    let before = files::read(&path, 1 << 20).unwrap();
    shards.add(Shard { index: 0, count: 2 }, |_| {});
    assert_eq!(files::read(&path, 1 << 20).unwrap(), before);
    assert!((KIND.is_one)(&before) && !(KIND.is_one)(&before[1..]));
}

#[test]
fn shards_are_named_and_taken_from_0() {
    let shard: Shard = "3/8".parse().unwrap();
    assert_eq!((shard.index, shard.count, shard.to_string()), (3, 8, "3/8".to_owned()));
    for text in ["", "3", "8/8", "0/0", "-1/8", "a/b", "1/2/3"] {
        assert!(text.parse::<Shard>().is_err(), "{text}");
    }
    for (total, count) in [(0, 1), (10, 3), (2, 5), (100, 100)] {
        let taken: Vec<Vec<usize>> =
            (0..count).map(|index| Shard { index, count }.take((0..total).collect())).collect();
        for (index, taken) in taken.iter().enumerate() {
            let shard = Shard { index, count };
            assert_eq!(taken.len(), shard.len(total));
            assert!(taken.iter().enumerate().all(|(place, position)| shard.position(place) == *position));
        }
        let mut all = taken.concat();
        all.sort_unstable();
        assert_eq!(all, (0..total).collect::<Vec<_>>());
    }
}
