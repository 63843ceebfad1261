//! Copies planted among drawn scenes, and among real photos where they are at hand.

#![expect(clippy::cast_sign_loss, reason = "what is cast is not negative")]

use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::*;
use crate::audit::simulation::Rng;
use crate::backbone::{Backbone, LazyBackbone, Readout, Target, layout};
use crate::features::{Extractor, Workload};
use crate::files;
use crate::pixels::{self, Limits, Preprocess};
use crate::progress::Silent;
use crate::weights::WeightsId;

/// Sorts of copies, and as what they are to be found.
const SORTS: [(&str, Kind); 7] = [
    ("resized to 30-80 %", Kind::NearCopy),
    ("recompressed at quality 10-60", Kind::NearCopy),
    ("brighter or darker", Kind::NearCopy),
    ("cropped to 95 %", Kind::NearCopy),
    ("cropped to 90 %", Kind::NearCopy),
    ("mirrored", Kind::Mirrored),
    ("mirrored, cropped to 90-100 %", Kind::Mirrored),
];

/// A copy of a sort, as a JPEG.
fn copy(photo: &RgbImage, sort: usize, rng: &mut Rng) -> Vec<u8> {
    let (width, height) = photo.dimensions();
    let mut quality = 88;
    let copy = match sort {
        0 => {
            let scale = rng.between(0.3, 0.8);
            let side = |side: u32| (f64::from(side) * scale) as u32;
            imageops::resize(photo, side(width).max(1), side(height).max(1), FilterType::Lanczos3)
        }
        1 => {
            quality = rng.between(10.0, 60.0) as u8;
            photo.clone()
        }
        2 => {
            let gain = if rng.roll() < 0.5 { rng.between(0.5, 0.8) } else { rng.between(1.2, 1.6) };
            let brighter = |level: u8| (f64::from(level) * gain).min(255.0) as u8;
            RgbImage::from_fn(width, height, |x, y| Rgb(photo.get_pixel(x, y).0.map(brighter)))
        }
        3 => cropped(photo, [0.95; 2], rng),
        4 => cropped(photo, [0.9; 2], rng),
        5 => imageops::flip_horizontal(photo),
        _ => {
            let kept = [rng.between(0.9, 1.0), rng.between(0.9, 1.0)];
            imageops::flip_horizontal(&cropped(photo, kept, rng))
        }
    };
    encoded(&copy, quality)
}

/// Parts of both sides, from anywhere in the photo.
fn cropped(photo: &RgbImage, kept: [f64; 2], rng: &mut Rng) -> RgbImage {
    let mut side = |side: u32, kept: f64| {
        let left = (f64::from(side) * kept) as u32;
        (rng.below((side - left + 1) as usize) as u32, left)
    };
    let ((left, width), (top, height)) = (side(photo.width(), kept[0]), side(photo.height(), kept[1]));
    imageops::crop_imm(photo, left, top, width, height).to_image()
}

fn encoded(photo: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(photo).unwrap();
    bytes
}

/// Photos of which the first `originals` are such and the others copies, with what each copy is.
struct Planted {
    originals: usize,
    copies: Vec<(usize, usize)>,
}

impl Planted {
    /// Which original a photo shows.
    fn source(&self, photo: usize) -> usize {
        photo.checked_sub(self.originals).map_or(photo, |copy| self.copies[copy].0)
    }

    /// At least 95 of 100 copies of each sort are joined to their originals, and of 100 pairs less than one is none.
    fn check(&self, found: &Duplicates) {
        for (sort, (name, kind)) in SORTS.iter().enumerate() {
            let of_sort = || self.copies.iter().enumerate().filter(|(_, copy)| copy.1 == sort);
            let is_joined =
                |place: usize, original: usize| found.groups[self.originals + place] == found.groups[original];
            let joined = of_sort().filter(|(place, copy)| is_joined(*place, copy.0)).count();
            let direct = |place: usize, original: usize| {
                found.pairs.iter().find(|pair| (pair.a, pair.b) == (original, self.originals + place))
            };
            let kinds: Vec<Kind> = of_sort().filter_map(|(place, copy)| Some(direct(place, copy.0)?.kind)).collect();
            let right = kinds.iter().filter(|found| *found == kind).count();
            let (all, listed) = (of_sort().count(), kinds.len());
            println!("{name}: {joined} of {all} joined, {listed} listed beside the original, {right} as {kind:?}");
            assert!(joined * 100 >= all * 95 && right * 100 >= listed * 95, "{name}");
        }
        let wrong: Vec<_> = found.pairs.iter().filter(|pair| self.source(pair.a) != self.source(pair.b)).collect();
        println!("{} of {} pairs are none: {wrong:?}", wrong.len(), found.pairs.len());
        assert!(wrong.len() * 100 < found.pairs.len());
    }
}

/// A scene of some shapes before a gradient, with a little texture.
fn scene(rng: &mut Rng) -> RgbImage {
    let mut colour = || [(); 3].map(|()| rng.between(0.0, 255.0));
    let (above, below) = (colour(), colour());
    let shapes: Vec<_> = (0..14)
        .map(|_| colour())
        .collect::<Vec<_>>()
        .into_iter()
        .map(|colour| {
            let (x, y, size) = (rng.between(0.0, 200.0), rng.between(0.0, 150.0), rng.between(8.0, 45.0));
            (x, y, size, rng.between(0.4, 2.5), colour)
        })
        .collect();
    RgbImage::from_fn(200, 150, |x, y| {
        let (x, y) = (f64::from(x), f64::from(y));
        let inside = |shape: &&(f64, f64, f64, f64, [f64; 3])| {
            ((x - shape.0) / shape.2).powi(2) + ((y - shape.1) / (shape.2 * shape.3)).powi(2) < 1.0
        };
        let colour = shapes.iter().rev().find(inside).map(|shape| shape.4);
        let background: [f64; 3] =
            std::array::from_fn(|channel| above[channel] + (below[channel] - above[channel]) * y / 150.0);
        let texture = ((x * 1.7).sin() * (y * 2.3).cos()) * 8.0;
        Rgb(colour.unwrap_or(background).map(|level| (level + texture).clamp(0.0, 255.0) as u8))
    })
}

fn thumbnail(bytes: &[u8]) -> Thumbnail {
    Preprocess::default().load_with_facts(bytes, &Limits::default()).unwrap().1.thumbnail
}

#[test]
fn copies_planted_among_drawn_scenes_are_found_without_any_help_of_the_features() {
    let mut rng = Rng::new(1);
    let scenes: Vec<RgbImage> = (0..60).map(|_| scene(&mut rng)).collect();
    let mut files: Vec<Vec<u8>> = scenes.iter().map(|scene| encoded(scene, 92)).collect();
    let copies: Vec<(usize, usize)> =
        (0..60).flat_map(|scene| (0..SORTS.len()).map(move |sort| (scene, sort))).collect();
    files.extend(copies.iter().map(|&(scene, sort)| copy(&scenes[scene], sort, &mut rng)));
    let thumbnails: Vec<Thumbnail> = files.par_iter().map(|bytes| thumbnail(bytes)).collect();
    let hashes: Vec<ContentHash> = files.iter().map(|bytes| ContentHash::new(bytes)).collect();
    // Noise, as of a backbone that knows nothing at all.
    let noise = (0..files.len() * 8).map(|_| rng.normal() as f32).collect();
    let features = FeatureMatrix::from_values(8, noise).unwrap();
    let found = find(&features, &thumbnails.iter().collect::<Vec<_>>(), &hashes);
    Planted { originals: 60, copies }.check(&found);
}

#[test]
fn identical_files_are_pairs_of_their_first_and_nothing_is_compared_twice() {
    let mut rng = Rng::new(2);
    let scenes: Vec<Thumbnail> = (0..3).map(|_| thumbnail(&encoded(&scene(&mut rng), 90))).collect();
    let order = [0, 1, 0, 2, 0];
    let thumbnails: Vec<&Thumbnail> = order.iter().map(|&scene| &scenes[scene]).collect();
    let hashes = order.map(|scene| ContentHash::new(&[scene as u8]));
    let found = find(&FeatureMatrix::from_values(1, vec![0.0; 5]).unwrap(), &thumbnails, &hashes);
    let expected = [(0, 2), (0, 4)].map(|(a, b)| Pair { a, b, kind: Kind::Identical, similarity: 1.0 });
    assert_eq!(found, Duplicates { pairs: expected.to_vec(), groups: vec![0, 1, 0, 3, 0] });
}

#[test]
fn pictures_that_show_nothing_are_copies_of_nothing() {
    let flat = [10, 11, 200].map(|level| Thumbnail::new(&[level; Thumbnail::LEVELS]).unwrap());
    let hashes = [1, 2, 3].map(|number| ContentHash::new(&[number]));
    let features = FeatureMatrix::from_values(2, vec![f32::NAN, 1.0, 1.0, f32::INFINITY, 0.0, 0.0]).unwrap();
    let found = find(&features, &flat.iter().collect::<Vec<_>>(), &hashes);
    assert_eq!(found, Duplicates { pairs: Vec::new(), groups: vec![0, 1, 2] });
    assert_eq!(find(&FeatureMatrix::new(2), &[], &[]), Duplicates { pairs: Vec::new(), groups: Vec::new() });
}

/// The photos of a folder beside the checkout, if it is there.
fn photos() -> Option<Vec<PathBuf>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ants_bees");
    let found =
        crate::dataset::open(&data, &crate::dataset::ReadOptions::default(), None, &pixels::looks_like_image, &Silent)
            .ok()?;
    Some(found.samples.into_iter().map(|sample| sample.path).collect())
}

#[test]
fn copies_planted_among_real_photos_are_found_with_the_features_of_an_untrained_backbone() {
    let Some(mut paths) = photos() else {
        println!("skipped: there are no photos in ../shared/data/ants_bees");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(3);
    let originals = paths.len();
    let mut copies = Vec::new();
    // Of every fourth photo one copy of each sort: the network runs on all of them.
    for photo in (0..originals).step_by(4) {
        let bytes = files::read(&paths[photo], 1 << 30).unwrap();
        let pixels::Rgb { width, height, data } = pixels::decode(&bytes, &Limits::default()).unwrap();
        let image = RgbImage::from_raw(width, height, data).unwrap();
        for sort in 0..SORTS.len() {
            let path = folder.path().join(format!("{photo}-{sort}.jpg"));
            let bytes = copy(&image, sort, &mut rng);
            files::write(&path, |file| file.write_all(&bytes)).unwrap();
            paths.push(path);
            copies.push((photo, sort));
        }
    }
    let backbone = LazyBackbone::new(WeightsId::random(0), Target::CPU, || Backbone::random(0, Target::CPU));
    let extractor = Extractor {
        backbone: &backbone,
        preprocess: &Preprocess::with_image_size(64),
        limits: &Limits::default(),
        workload: Workload::choose(Target::CPU.device, Some(paths.len()), None, None),
        cache: None,
        facts: true,
        border: false,
        readout: Readout::default(),
    };
    let mut features = FeatureMatrix::new(layout::FEATURES);
    let extraction = extractor.all(&paths, true, &mut features, &Silent).unwrap();
    let thumbnails: Vec<&Thumbnail> = extraction.facts.iter().map(|facts| &facts.thumbnail).collect();
    let found = find(&features, &thumbnails, &extraction.hashes);
    Planted { originals, copies }.check(&found);
    for pair in found.pairs.iter().filter(|pair| pair.b < originals) {
        println!("among the originals: {pair:?} {} {}", paths[pair.a].display(), paths[pair.b].display());
    }
}
