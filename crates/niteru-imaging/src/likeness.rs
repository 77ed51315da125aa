use crate::{Filter, Picture};

/// Side of the picture that the cosine transform sees.
const SIDE: usize = 32;

/// Of pictures with larger sides than the first, so many pixels a side are looked at: 256 for each of
/// the square's. The mean of all of them takes five times as long and correlates by more than 0.9999.
const THINNED_FROM: u32 = 600;
const THINNED: u32 = 512;

/// Frequencies a side that are kept.
const FREQUENCIES: usize = 8;

/// Side of the small grey picture.
const TONES: usize = 16;

/// Length of the stored form.
const BYTES: usize = 8 + TONES * TONES + 8;

/// What a picture looks like in 272 bytes, to tell whether another one is the same picture saved
/// anew: re-encoded, resized, brighter, a little cropped. Of the whole picture, squeezed to a square.
///
/// - *Structure*: 64 bits, the signs of the lowest 8 × 8 frequencies of a discrete cosine transform
///   against their median (pHash; C. Zauner, "Implementation and Benchmarking of Perceptual Image
///   Hash Functions", 2010). Finds candidates; many parts share it.
/// - *Tones*: 16 × 16 grey values. Correlated, they tell a picture from a similar one.
/// - *Colours*: the mean blueness and redness of the four quarters.
///
/// A turned or mirrored picture has another likeness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    structure: u64,
    tones: [u8; TONES * TONES],
    colours: [i8; 8],
}

impl Picture {
    /// The picture's likeness.
    pub fn likeness(&self) -> Likeness {
        let thinned = (self.width().min(self.height()) > THINNED_FROM)
            .then(|| self.resize(THINNED, THINNED, Filter::Nearest));
        let source = thinned.as_ref().unwrap_or(self);
        let small = source.resize(SIDE as u32, SIDE as u32, Filter::Bilinear);
        let (pixels, _) = small.pixels().as_chunks::<3>();
        let grey: Vec<f32> = pixels.iter().map(|&pixel| luma(pixel)).collect();
        Likeness {
            structure: structure(&grey),
            tones: tones(&grey),
            colours: colours(pixels),
        }
    }
}

impl Likeness {
    /// The structure alone: likenesses of one picture differ in few of its bits.
    pub fn structure(&self) -> u64 {
        self.structure
    }

    /// Bits in which the structures differ, 0…64; unrelated pictures differ in about 32.
    pub fn distance(&self, other: &Likeness) -> u32 {
        (self.structure ^ other.structure).count_ones()
    }

    /// Pearson's correlation of the tones, −1…1. Brightness and contrast do not change it. Two
    /// pictures of one tone each are alike (1), one of them and another picture are not (0).
    pub fn correlation(&self, other: &Likeness) -> f32 {
        let mean =
            |tones: &[u8]| tones.iter().map(|&t| f32::from(t)).sum::<f32>() / tones.len() as f32;
        let (a, b) = (mean(&self.tones), mean(&other.tones));
        let (mut both, mut own, mut others) = (0.0, 0.0, 0.0);
        for (&x, &y) in self.tones.iter().zip(&other.tones) {
            let (x, y) = (f32::from(x) - a, f32::from(y) - b);
            both += x * y;
            own += x * x;
            others += y * y;
        }
        match (own == 0.0, others == 0.0) {
            (true, true) => 1.0,
            (false, false) => both / (own.sqrt() * others.sqrt()),
            _ => 0.0,
        }
    }

    /// The largest difference in blueness or redness of a quarter, 0…255 levels.
    pub fn colour_difference(&self, other: &Likeness) -> u8 {
        let pairs = self.colours.iter().zip(&other.colours);
        pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    }

    /// The stored form, 272 bytes: structure (little endian), tones, colours.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.structure.to_le_bytes().to_vec();
        bytes.extend(self.tones);
        bytes.extend(self.colours.map(i8::cast_unsigned));
        bytes
    }

    /// The likeness of a stored form; `None` for one of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Likeness> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (structure, rest) = bytes.split_first_chunk::<8>()?;
        let (tones, colours) = rest.split_first_chunk::<{ TONES * TONES }>()?;
        let colours: &[u8; 8] = colours.try_into().ok()?;
        Some(Likeness {
            structure: u64::from_le_bytes(*structure),
            tones: *tones,
            colours: colours.map(u8::cast_signed),
        })
    }
}

/// The brightness of a colour (ITU-R BT.601), in the unit of its channels red, green and blue.
pub fn luma<T: Into<f32>>(rgb: [T; 3]) -> f32 {
    let [r, g, b] = rgb.map(T::into);
    0.299 * r + 0.587 * g + 0.114 * b
}

/// One bit a frequency, the horizontal ones of a row lowest: whether it is above their median. The
/// mean brightness (frequency 0, 0) counts as 0.
fn structure(grey: &[f32]) -> u64 {
    let wave = |frequency: usize, at: usize| {
        let phase = (2 * at + 1) as f32 * frequency as f32 * std::f32::consts::PI;
        (phase / (2 * SIDE) as f32).cos()
    };
    let waves: [[f32; SIDE]; FREQUENCIES] =
        std::array::from_fn(|f| std::array::from_fn(|at| wave(f, at)));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let rows: Vec<[f32; FREQUENCIES]> = grey
        .chunks_exact(SIDE)
        .map(|row| std::array::from_fn(|f| dot(row, &waves[f])))
        .collect();
    let mut values = [0.0f32; FREQUENCIES * FREQUENCIES];
    for (i, value) in values.iter_mut().enumerate().skip(1) {
        let (down, across) = (i / FREQUENCIES, i % FREQUENCIES);
        let column: Vec<f32> = rows.iter().map(|row| row[across]).collect();
        let sum = dot(&column, &waves[down]);
        // Less than a hundredth of a level: what rounding leaves of a frequency that is not there.
        *value = if sum.abs() < 2.0 { 0.0 } else { sum };
    }
    let mut sorted = values;
    sorted.sort_by(f32::total_cmp);
    let median = (sorted[31] + sorted[32]) / 2.0;
    let bits = values.iter().enumerate();
    bits.fold(0, |bits, (i, &value)| bits | u64::from(value > median) << i)
}

/// Means of 2 × 2.
fn tones(grey: &[f32]) -> [u8; TONES * TONES] {
    std::array::from_fn(|i| {
        let at = i / TONES * 2 * SIDE + i % TONES * 2;
        let sum = grey[at] + grey[at + 1] + grey[at + SIDE] + grey[at + SIDE + 1];
        (sum / 4.0).round() as u8
    })
}

/// Cb and Cr (ITU-R BT.601) of the quarters' mean colours, row by row.
fn colours(pixels: &[[u8; 3]]) -> [i8; 8] {
    let mut sums = [[0u32; 3]; 4];
    for (i, pixel) in pixels.iter().enumerate() {
        let quarter = i / SIDE / (SIDE / 2) * 2 + i % SIDE / (SIDE / 2);
        for (sum, &level) in sums[quarter].iter_mut().zip(pixel) {
            *sum += u32::from(level);
        }
    }
    let mut colours = [0; 8];
    for (colours, sums) in colours.chunks_exact_mut(2).zip(sums) {
        let [r, g, b] = sums.map(|sum| sum as f32 / (SIDE * SIDE / 4) as f32);
        let y = luma([r, g, b]);
        colours[0] = ((b - y) * 0.564).round() as i8;
        colours[1] = ((r - y) * 0.713).round() as i8;
    }
    colours
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rectangles whose places and colours differ by the seed.
    fn picture(seed: u32, width: u32, height: u32, gain: f32) -> Picture {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut pixels = vec![(100.0 * gain) as u8; (width * height * 3) as usize];
        for _ in 0..60 {
            let (left, top, right, down) = (next(), next(), next() * 0.3, next() * 0.3);
            let colour = [next(), next(), next()].map(|level| (level * 200.0 * gain) as u8);
            for (i, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                let (x, y) = (i as u32 % width, i as u32 / width);
                let (x, y) = (
                    x as f32 / width as f32 - left,
                    y as f32 / height as f32 - top,
                );
                if (0.0..right).contains(&x) && (0.0..down).contains(&y) {
                    pixel.copy_from_slice(&colour);
                }
            }
        }
        Picture::from_rgb(width, height, pixels).expect("a picture")
    }

    #[test]
    fn the_same_picture_saved_anew_is_alike() {
        let original = picture(1, 640, 480, 1.0);
        let likeness = original.likeness();
        let jpeg = original.to_jpeg(40).expect("a JPEG");
        let limits = crate::Limits::default();
        let anew = Picture::decode(&jpeg, &limits).expect("a picture");
        let reduced = Picture::decode_at_least(&jpeg, &limits, 100).expect("a picture");
        let table = [
            ("JPEG", anew, 4, 0.999),
            ("reduced JPEG", reduced, 4, 0.999),
            ("half", original.resize(320, 240, Filter::Bicubic), 4, 0.999),
            ("darker", picture(1, 640, 480, 0.8), 6, 0.98),
            ("cropped", original.crop(6, 5, 627, 470), 10, 0.95),
        ];
        for (name, other, distance, correlation) in table {
            let other = other.likeness();
            assert!(
                likeness.distance(&other) <= distance,
                "{name}: {}",
                likeness.distance(&other)
            );
            assert!(
                likeness.correlation(&other) >= correlation,
                "{name}: {}",
                likeness.correlation(&other)
            );
        }
        let other = picture(2, 640, 480, 1.0).likeness();
        assert!(
            likeness.distance(&other) > 10,
            "{}",
            likeness.distance(&other)
        );
        assert!(
            likeness.correlation(&other) < 0.9,
            "{}",
            likeness.correlation(&other)
        );
    }

    #[test]
    fn colours_are_told_apart_and_plain_pictures_have_an_answer() {
        let plain = |rgb: [u8; 3]| {
            let pixels = rgb.repeat(40 * 30);
            Picture::from_rgb(40, 30, pixels)
                .expect("a picture")
                .likeness()
        };
        let (red, blue) = (plain([200, 20, 20]), plain([20, 20, 200]));
        assert_eq!((red.distance(&blue), red.correlation(&blue)), (0, 1.0));
        assert!(red.colour_difference(&blue) > 60);
        assert_eq!(red.correlation(&picture(1, 64, 64, 1.0).likeness()), 0.0);
    }

    #[test]
    fn the_stored_form_is_the_likeness() {
        let likeness = picture(3, 100, 50, 1.0).likeness();
        let bytes = likeness.to_bytes();
        assert_eq!(bytes.len(), 272);
        assert_eq!(Likeness::from_bytes(&bytes), Some(likeness));
        assert_eq!(Likeness::from_bytes(&bytes[1..]), None);
    }
}
