//! Text in a picture: a built-in font of five by seven points, because no system font can be relied on.

use crate::pixels::Rgb;

/// From space to `~`: five columns of a letter from left to right, a byte each, whose lowest bit is the top row.
#[rustfmt::skip]
#[expect(clippy::unreadable_literal, reason = "a letter is five bytes")]
const LETTERS: [u64; 95] = [
    0x0000000000, 0x00005F0000, 0x0007000700, 0x147F147F14, 0x242A7F2A12, 0x2313086462, 0x3649552250, 0x0005030000,
    0x001C224100, 0x0041221C00, 0x14083E0814, 0x08083E0808, 0x0050300000, 0x0808080808, 0x0060600000, 0x2010080402,
    0x3E5149453E, 0x00427F4000, 0x4261514946, 0x2141454B31, 0x1814127F10, 0x2745454539, 0x3C4A494930, 0x0171090503,
    0x3649494936, 0x064949291E, 0x0036360000, 0x0056360000, 0x0814224100, 0x1414141414, 0x0041221408, 0x0201510906,
    0x324979413E, 0x7E1111117E, 0x7F49494936, 0x3E41414122, 0x7F4141221C, 0x7F49494941, 0x7F09090901, 0x3E4149497A,
    0x7F0808087F, 0x00417F4100, 0x2040413F01, 0x7F08142241, 0x7F40404040, 0x7F020C027F, 0x7F0408107F, 0x3E4141413E,
    0x7F09090906, 0x3E4151215E, 0x7F09192946, 0x4649494931, 0x01017F0101, 0x3F4040403F, 0x1F2040201F, 0x3F4038403F,
    0x6314081463, 0x0708700807, 0x6151494543, 0x007F414100, 0x0204081020, 0x0041417F00, 0x0402010204, 0x4040404040,
    0x0001020400, 0x2054545478, 0x7F48444438, 0x3844444420, 0x384444487F, 0x3854545418, 0x087E090102, 0x0C5252523E,
    0x7F08040478, 0x00447D4000, 0x2040443D00, 0x7F10284400, 0x00417F4000, 0x7C04180478, 0x7C08040478, 0x3844444438,
    0x7C14141408, 0x081414187C, 0x7C08040408, 0x4854545420, 0x043F444020, 0x3C4040207C, 0x1C2040201C, 0x3C4030403C,
    0x4428102844, 0x0C5050503C, 0x4464544C44, 0x0008364100, 0x00007F0000, 0x0041360800, 0x0804081008,
];

/// Columns and rows of a letter with the gap to the next one.
const CELL: [usize; 2] = [6, 9];

/// Height of a line in pixels, each point of a letter being `scale` of them.
pub(super) fn height(scale: usize) -> usize {
    CELL[1] * scale
}

/// Width of so many letters.
pub(super) fn width(letters: usize, scale: usize) -> usize {
    CELL[0] * scale * letters
}

/// Whether every character has a letter.
pub(super) fn can_write(words: &str) -> bool {
    words.chars().all(|character| letter(character).is_some())
}

/// Writes from the corner `[x, y]` on; what has no letter is left out, and so is what does not fit.
pub(super) fn write(picture: &mut Rgb, [x, y]: [usize; 2], scale: usize, words: &str, colour: [u8; 3]) {
    for (place, letter) in words.chars().filter_map(letter).enumerate() {
        let left = x + width(place, scale);
        for point in (0..35).filter(|point| letter >> ((4 - point / 7) * 8 + point % 7) & 1 == 1) {
            let corner = [left + point / 7 * scale, y + point % 7 * scale];
            fill(picture, corner, scale, colour);
        }
    }
}

/// A square in one colour, as far as it lies in the picture.
pub(super) fn fill(picture: &mut Rgb, [x, y]: [usize; 2], side: usize, colour: [u8; 3]) {
    let width = picture.width as usize;
    for row in picture.data.as_chunks_mut::<3>().0.chunks_exact_mut(width).skip(y).take(side) {
        row.iter_mut().skip(x).take(side).for_each(|pixel| *pixel = colour);
    }
}

fn letter(character: char) -> Option<u64> {
    LETTERS.get((character as usize).checked_sub(' ' as usize)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_drawn_where_it_is_wanted_and_nothing_beyond_the_picture() {
        let mut picture = Rgb { width: 13, height: 9, data: vec![255; 13 * 9 * 3] };
        write(&mut picture, [1, 1], 1, "LT蜂T", [0; 3]);
        let rows: Vec<String> = picture
            .data
            .as_chunks::<3>()
            .0
            .chunks(13)
            .map(|row| row.iter().map(|pixel| if pixel[0] == 0 { '#' } else { ' ' }).collect())
            .collect();
        assert_eq!(
            [rows[0].trim(), rows[1].trim_end(), rows[7].trim_end(), rows[8].trim()],
            ["", " #     #####", " #####   #", ""]
        );
        assert!(can_write("P(bees) = 0.93") && !can_write("蜂"));
    }
}
