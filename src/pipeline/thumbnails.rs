//! A few photos for the report's page, with the class activation map of each.
//!
//! The map needs the network's last map, which is not kept for every photo (400 KB each): these few photos go through the
//! network once more.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::photos::Photos;
use super::{BackboneOptions, PipelineError};
use crate::backbone::{Linear, Readout};
use crate::features::{Explained, Extractor};
use crate::files;
use crate::model::Model;
use crate::pixels::{Crop, Limits, Rgb};
use crate::progress::{Progress, Unit};
use crate::report::NearDuplicate;
use crate::report::heatmap;
use crate::report::html::{self, ClassPhotos, Picture};

/// Side of a picture in pixels.
const SIDE: u32 = 224;

/// Photos of each class that are shown before all numbers, three times three, and their side in pixels.
const SAMPLES: usize = 9;
const SAMPLE_SIDE: u32 = 128;

/// JPEG's quality, from 1 to 100: 10 to 15 KB a picture.
const QUALITY: u8 = 82;

/// Photo and map of one row.
pub(super) struct PhotoView {
    pub(super) thumbnail: Picture,
    pub(super) map: Option<Picture>,
}

/// What the pictures are made with.
pub(super) struct Thumbnails<'a> {
    pub(super) photos: &'a Photos,
    pub(super) model: &'a Model,
    pub(super) limits: &'a Limits,
    pub(super) backbone: &'a BackboneOptions,
}

impl Thumbnails<'_> {
    /// Pictures of some rows with what the head makes of each cell; a photo that has gone since has none.
    pub(super) fn with_maps(
        &self,
        rows: &[usize],
        progress: &dyn Progress,
    ) -> Result<HashMap<usize, PhotoView>, PipelineError> {
        if !self.photos.are_at_hand {
            return Ok(HashMap::new());
        }
        let facts = &self.model.facts;
        let head = Linear { weight: &self.model.head.weight, bias: self.model.head.bias };
        let extractor = Extractor {
            backbone: &self.photos.backbone,
            preprocess: &facts.preprocess,
            limits: self.limits,
            workload: self.backbone.workload(self.photos.target.device, Some(rows.len())),
            cache: None,
            facts: false,
            border: false,
            readout: Readout { pooling: facts.pooling, explain: Some(head) },
        };
        let paths: Vec<PathBuf> = rows.iter().filter_map(|&row| self.path(row)).collect();
        let mut shown = HashMap::new();
        let mut rows = rows.iter();
        progress.start("maps for the report", Unit::Images, Some(paths.len() as u64));
        let streamed = extractor.stream(&mut paths.iter(), progress, &mut |_, outcome| {
            let explained = outcome.ok().and_then(|photo| photo.explained);
            if let (Some(&row), Some(explained)) = (rows.next(), explained)
                && let Some(picture) = photo_view(&explained)
            {
                shown.insert(row, picture);
            }
            ControlFlow::Continue(())
        });
        progress.finish();
        streamed?;
        Ok(shown)
    }

    /// A photo alone; `None` if it has gone since.
    pub(super) fn thumbnail(&self, path: &Path) -> Option<Picture> {
        thumbnail_of(&self.crop(path)?, SIDE)
    }

    /// Some photos of each class, evenly over its own, for the page's first section.
    pub(super) fn samples(&self) -> Vec<ClassPhotos> {
        if !self.photos.are_at_hand {
            return Vec::new();
        }
        let classes = self.photos.classes.names().iter().take(html::MAX_CLASSES).enumerate();
        let sheet = |(class, name): (usize, &String)| {
            let all: Vec<&Path> =
                self.photos.samples.iter().filter(|sample| sample.class == class).map(|sample| &*sample.path).collect();
            let places = (0..SAMPLES.min(all.len())).map(|place| place * all.len() / SAMPLES.min(all.len()));
            let shown = |path: &&Path| Some((path.to_path_buf(), thumbnail_of(&self.crop(path)?, SAMPLE_SIDE)?));
            let photos = places.filter_map(|place| all.get(place).and_then(shown)).collect();
            ClassPhotos { class: name.clone(), photos }
        };
        classes.map(sheet).collect()
    }

    /// What the network sees of a photo; `None` if it has gone since, or was never here.
    fn crop(&self, path: &Path) -> Option<Crop> {
        if !self.photos.are_at_hand {
            return None;
        }
        let bytes = files::read_within(path, self.limits.max_file_bytes, self.limits.max_time).ok()?;
        self.model.facts.preprocess.load(&bytes, self.limits).ok()
    }

    /// What the photos of these pairs are used for, in words.
    pub(super) fn splits_of(&self, pairs: &[NearDuplicate]) -> HashMap<PathBuf, String> {
        let wanted: HashSet<&Path> = pairs.iter().flat_map(|pair| [&*pair.first, &*pair.second]).collect();
        let samples = self.photos.samples.iter().filter(|sample| wanted.contains(&*sample.path));
        samples.filter_map(|sample| Some((sample.path.clone(), sample.split?.to_string()))).collect()
    }

    fn path(&self, row: usize) -> Option<PathBuf> {
        self.photos.samples.get(row).map(|sample| sample.path.clone())
    }
}

fn photo_view(Explained { crop, map }: &Explained) -> Option<PhotoView> {
    let map = heatmap::overlay(crop, map, SIDE).ok().as_ref().and_then(jpeg);
    Some(PhotoView { thumbnail: thumbnail_of(crop, SIDE)?, map })
}

fn thumbnail_of(crop: &Crop, side: u32) -> Option<Picture> {
    heatmap::enlarged(crop, side).ok().as_ref().and_then(jpeg)
}

fn jpeg(image: &Rgb) -> Option<Picture> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    encoder.encode(&image.data, image.width, image.height, ExtendedColorType::Rgb8).ok()?;
    Some(Picture { bytes })
}
