//! Rows of levels to RGB: libjpeg's conversion to the bit, and Pillow's of CMYK.

use pulp::{Simd, WithSimd};

use super::Region;
use super::frame::Colours;
use super::plane::{Plane, Scratch};

/// RGB of a region, `[height, width, 3]`.
pub(super) struct Pixels<'a> {
    pub(super) planes: &'a [Plane],
    pub(super) colours: Colours,
    pub(super) region: Region,
}

impl WithSimd for Pixels<'_> {
    type Output = Vec<u8>;

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<u8> {
        let Region { x, y, width, height } = self.region;
        let (left, width) = (x as usize, width as usize);
        let mut rgb = vec![[0_u8; 3]; width * height as usize];
        let mut levels = vec![vec![0_u8; width]; self.planes.len()];
        let mut scratch = Scratch::default();
        for (y, row) in (y as usize..).zip(rgb.chunks_exact_mut(width)) {
            for (plane, levels) in self.planes.iter().zip(&mut levels) {
                plane.row(y, left..left + width, &mut scratch, levels);
            }
            convert(self.colours, &levels, row);
        }
        rgb.into_flattened()
    }
}

#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
fn convert(colours: Colours, levels: &[Vec<u8>], row: &mut [[u8; 3]]) {
    match (colours, levels) {
        (Colours::Rgb, [red, green, blue]) => {
            for (pixel, ((red, green), blue)) in row.iter_mut().zip(red.iter().zip(green).zip(blue)) {
                *pixel = [*red, *green, *blue];
            }
        }
        (Colours::YCbCr | Colours::Ycck, [luma, cb, cr, rest @ ..]) => {
            for (pixel, ((luma, cb), cr)) in row.iter_mut().zip(luma.iter().zip(cb).zip(cr)) {
                let [red, green, blue] = rgb(*luma, *cb, *cr);
                pixel[0] = red;
                pixel[1] = green;
                pixel[2] = blue;
            }
            if let [key] = rest {
                row.iter_mut().zip(key).for_each(|(pixel, key)| *pixel = with_key(*pixel, *key));
            }
        }
        (Colours::Cmyk, [cyan, magenta, yellow, key]) => {
            for (pixel, (((cyan, magenta), yellow), key)) in
                row.iter_mut().zip(cyan.iter().zip(magenta).zip(yellow).zip(key))
            {
                *pixel = with_key([*cyan, *magenta, *yellow].map(|ink| 255 - ink), *key);
            }
        }
        (_, [grey, ..]) => row.iter_mut().zip(grey).for_each(|(pixel, grey)| *pixel = [*grey; 3]),
        (_, []) => {}
    }
}

/// JFIF's conversion with libjpeg's constants of 16 bits and its roundings.
#[expect(clippy::inline_always, reason = "only what is inlined is compiled for the processor that was found")]
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "they are clamped")]
fn rgb(luma: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (luma, cb, cr) = (i32::from(luma), i32::from(cb).wrapping_sub(128), i32::from(cr).wrapping_sub(128));
    let level = |of_cb: i32, of_cr: i32| {
        let colour = cb.wrapping_mul(of_cb).wrapping_add(cr.wrapping_mul(of_cr)).wrapping_add(32_768) >> 16;
        luma.wrapping_add(colour).clamp(0, 255) as u8
    };
    [level(0, 91_881), level(-22_554, -46_802), level(116_130, 0)]
}

/// Pillow's `cmyk2rgb`, of inks and a key that are stored inverted.
fn with_key(inks: [u8; 3], key: u8) -> [u8; 3] {
    let white = u32::from(key);
    inks.map(|role| {
        let product = u32::from(role) * white + 128;
        white.saturating_sub(((product >> 8) + product) >> 8) as u8
    })
}
