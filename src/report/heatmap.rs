//! The class activation map as a picture: the crop that the network saw, overlaid with the evidence for and against.
//!
//! A cell's colour is its logit, bias included ([`ActivationMap::cell_logits`]): orange where it is evidence for the
//! positive class, blue where for the other, the photo in grey where for neither. Orange and blue are told apart in every common
//! kind of colour blindness. Between the centres of the cells, 32 pixels apart, values are interpolated. The
//! strongest cell of the photo has full colour, unless its logit is below `WEAKEST`, so weak evidence stays pale.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::letters;
use crate::backbone::ActivationMap;
use crate::files::Kind;
use crate::pixels::{Crop, Rgb};

/// Evidence for the positive class.
const ORANGE: [f32; 3] = [255.0, 128.0, 0.0];

/// Evidence for the negative class.
const BLUE: [f32; 3] = [0.0, 114.0, 255.0];

/// The names of both colours, for the text beside a picture.
pub(crate) const COLOURS: [&str; 2] = ["orange", "blue"];

/// The smallest logit that is shown in full colour: odds of about 7 to 1.
const WEAKEST: f32 = 2.0;

/// Opacity of full colour; the rest is the photo.
const OPACITY: f32 = 0.8;

/// The grey levels of black and white, because colours would not show on pure black or white.
const GREYS: [f32; 2] = [28.0, 235.0];

/// The text below a picture: its colour, the pixels per point, and the maximum length of a class name.
const INK: [u8; 3] = [32, 35, 39];
const SCALE: usize = 2;
const LONGEST: usize = 20;

/// White pixels between two pictures.
const GAP: usize = 12;

/// The keyword and its text that mark a PNG as made here.
const MARK: (&str, &str) = ("Software", "resnet-binary class activation map");

/// Identifies such a picture among other files.
pub(crate) const KIND: Kind = Kind { name: "map", is_one: is_marked };

/// A picture could not be drawn or encoded: a bug in this program, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the class activation map: {0}")]
pub struct HeatmapError(String);

impl HeatmapError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The crop at `size` pixels a side with the map over it.
///
/// # Errors
/// [`HeatmapError`] if the crop or the map do not hold what their sides say.
pub(crate) fn overlay(crop: &Crop, map: &ActivationMap, size: u32) -> Result<Rgb, HeatmapError> {
    let photo = enlarged(crop, size)?;
    let logits = map.cell_logits();
    let strongest = logits.iter().fold(WEAKEST, |strongest, logit| strongest.max(logit.abs()));
    let logits = interpolated(&logits, map.side, size)?;
    let pixels = photo.data.as_chunks::<3>().0.iter().zip(logits);
    let data = pixels.flat_map(|(pixel, logit)| blend(*pixel, logit / strongest)).collect();
    Ok(Rgb { data, ..photo })
}

/// The crop as the network saw it and, to its right, the same with the map over it.
pub(crate) fn side_by_side(crop: &Crop, map: &ActivationMap, size: u32) -> Result<Rgb, HeatmapError> {
    let (photo, drawn) = (enlarged(crop, size)?, overlay(crop, map, size)?);
    let line = size as usize * 3;
    let rows = photo.data.chunks_exact(line).zip(drawn.data.chunks_exact(line));
    let data = rows.flat_map(|(left, right)| [left, &[255; GAP * 3], right].concat()).collect();
    Ok(Rgb { width: 2 * size + GAP as u32, height: size, data })
}

/// The picture with a white strip below it: the answer, and what the colours mean, by the names of the positive and the
/// negative class.
#[must_use]
pub(crate) fn captioned(picture: Rgb, answer: &str, classes: [&str; 2]) -> Rgb {
    let Rgb { width, height, mut data } = picture;
    let line = letters::height(SCALE) + GAP / 2;
    let strip = 2 * line + GAP;
    data.resize(data.len() + strip * width as usize * 3, 255);
    let mut picture = Rgb { width, height: height + strip as u32, data };
    let top = height as usize + GAP;
    letters::write(&mut picture, [GAP, top], SCALE, answer, INK);
    let mut left = GAP;
    for (colour, class) in [ORANGE, BLUE].into_iter().zip(classes) {
        let words = format!("evidence for {class}");
        letters::fill(&mut picture, [left, top + line], 7 * SCALE, colour.map(level_of));
        left += 11 * SCALE;
        letters::write(&mut picture, [left, top + line], SCALE, &words, INK);
        left += letters::width(words.chars().count() + 2, SCALE);
    }
    picture
}

/// The class's name or, if it cannot be drawn, `otherwise`.
pub(crate) fn written<'a>(class: &'a str, otherwise: &'a str) -> &'a str {
    if class.len() <= LONGEST && letters::can_write(class) { class } else { otherwise }
}

/// PNG bytes; `description` goes into the file's own text.
///
/// # Errors
/// [`HeatmapError`] if the image does not hold what its sides say.
pub(crate) fn png(image: &Rgb, description: &str) -> Result<Vec<u8>, HeatmapError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.width, image.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_text_chunk(MARK.0.to_owned(), MARK.1.to_owned()).map_err(HeatmapError::new)?;
    // International text, because class names may be in any script.
    encoder.add_itxt_chunk("Description".to_owned(), description.to_owned()).map_err(HeatmapError::new)?;
    let mut writer = encoder.write_header().map_err(HeatmapError::new)?;
    writer.write_image_data(&image.data).map_err(HeatmapError::new)?;
    writer.finish().map_err(HeatmapError::new)?;
    Ok(bytes)
}

/// Whether these bytes begin a PNG that [`png()`] made.
pub(crate) fn is_marked(bytes: &[u8]) -> bool {
    let Ok(reader) = png::Decoder::new(std::io::Cursor::new(bytes)).read_info() else { return false };
    reader.info().uncompressed_latin1_text.iter().any(|text| (text.keyword.as_str(), text.text.as_str()) == MARK)
}

/// One pixel under a colour of this strength, from -1 to 1.
fn blend(pixel: [u8; 3], strength: f32) -> [u8; 3] {
    let [red, green, blue] = pixel.map(f32::from);
    let [black, white] = GREYS;
    // Rec. 601: how bright it looks.
    let brightness = (0.299 * red + 0.587 * green + 0.114 * blue) / 255.0;
    let grey = black + (white - black) * brightness;
    let colour = if strength >= 0.0 { ORANGE } else { BLUE };
    let share = OPACITY * strength.abs().min(1.0);
    // The colour keeps some of the brightness below it, so that edges stay visible.
    colour.map(|colour| level_of(grey + share * (colour * (0.6 + 0.4 * brightness) - grey)))
}

#[expect(clippy::cast_sign_loss, reason = "it is clamped, and the cast saturates")]
fn level_of(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// The crop at another size.
///
/// # Errors
/// [`HeatmapError`] if the crop does not hold what its side says.
pub(crate) fn enlarged(crop: &Crop, size: u32) -> Result<Rgb, HeatmapError> {
    let data = resized(&crop.rgb, PixelType::U8x3, crop.size, size, FilterType::CatmullRom)?;
    Ok(Rgb { width: size, height: size, data })
}

/// `[side, side]` → `[size, size]`, smooth.
fn interpolated(values: &[f32], side: usize, size: u32) -> Result<Vec<f32>, HeatmapError> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    let side = u32::try_from(side).map_err(HeatmapError::new)?;
    // Mitchell & Netravali's cubic: smooth between the cells and hardly beyond them.
    let data = resized(&bytes, PixelType::F32, side, size, FilterType::Mitchell)?;
    Ok(data.as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect())
}

fn resized(data: &[u8], kind: PixelType, side: u32, size: u32, filter: FilterType) -> Result<Vec<u8>, HeatmapError> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    let mut target = Image::new(size, size, kind);
    let source = ImageRef::new(side, side, data, kind).map_err(HeatmapError::new)?;
    Resizer::new().resize(&source, &mut target, &options).map_err(HeatmapError::new)?;
    Ok(target.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::Pooling;

    fn grey_crop() -> Crop {
        Crop { size: 64, rgb: vec![128; 64 * 64 * 3] }
    }

    fn map(cells: Vec<f32>) -> ActivationMap {
        ActivationMap { side: 2, cells, pooling: Pooling::Average, bias: 1.0 }
    }

    fn pixel(image: &Rgb, x: usize, y: usize) -> [u8; 3] {
        image.data.as_chunks::<3>().0[y * image.width as usize + x]
    }

    #[test]
    fn cells_are_drawn_in_place_in_orange_or_blue_and_the_photo_stays_grey_without_evidence() {
        // With the bias: 4, -4, 0, 0.
        let image = overlay(&grey_crop(), &map(vec![3.0, -5.0, -1.0, -1.0]), 128).unwrap();
        let ([red, _, blue], [other_red, _, other_blue]) = (pixel(&image, 16, 16), pixel(&image, 112, 16));
        assert!(red > 150 && blue < 60, "{red} {blue}");
        assert!(other_blue > 150 && other_red < 60, "{other_red} {other_blue}");
        let [red, green, blue] = pixel(&image, 64, 127);
        assert!(red.abs_diff(green) < 8 && green.abs_diff(blue) < 8, "{red} {green} {blue}");
    }

    #[test]
    fn weak_evidence_stays_pale() {
        let image = overlay(&grey_crop(), &map(vec![-0.9; 4]), 64).unwrap();
        let [red, _, blue] = pixel(&image, 32, 32);
        assert!(red > blue && red - blue < 30, "{red} {blue}");
    }

    #[test]
    fn the_picture_has_the_photo_on_its_left_and_is_recognised_as_ours() {
        let image = side_by_side(&grey_crop(), &map(vec![3.0; 4]), 64).unwrap();
        assert_eq!((image.width, image.height), (140, 64));
        assert_eq!((pixel(&image, 10, 10), pixel(&image, 70, 10)), ([128; 3], [255; 3]));
        let bytes = png(&image, "orange speaks for 蜂").unwrap();
        assert!(is_marked(&bytes) && bytes == png(&image, "orange speaks for 蜂").unwrap());
        let back = crate::pixels::decode(&bytes, &crate::pixels::Limits::default()).unwrap();
        assert_eq!(back, image);
        let mut foreign = Vec::new();
        png::Encoder::new(&mut foreign, 1, 1).write_header().unwrap().write_image_data(&[0]).unwrap();
        assert!(!is_marked(&foreign) && !is_marked(b"") && !is_marked(b"no picture"));
    }

    #[test]
    fn a_strip_below_the_picture_holds_the_answer_and_both_colours() {
        let picture = side_by_side(&grey_crop(), &map(vec![3.0; 4]), 448).unwrap();
        let captioned = captioned(picture.clone(), "bees, P(bees) = 0.93", ["bees", "ants"]);
        assert_eq!((captioned.width, captioned.height), (908, 508));
        let (above, below) = captioned.data.split_at(picture.data.len());
        assert_eq!(above, picture.data);
        for colour in [[255, 128, 0], [0, 114, 255], INK] {
            assert!(below.as_chunks::<3>().0.contains(&colour), "{colour:?}");
        }
        assert_eq!([written("bees", "positive"), written("蜂", "positive")], ["bees", "positive"]);
        assert_eq!(written(&"x".repeat(30), "positive"), "positive");
    }

    #[test]
    fn a_crop_or_a_map_that_does_not_fill_its_side_is_an_error() {
        assert!(overlay(&Crop { size: 64, rgb: vec![0; 5] }, &map(vec![0.0; 4]), 128).is_err());
        assert!(overlay(&grey_crop(), &map(vec![0.0; 3]), 128).is_err());
    }
}
