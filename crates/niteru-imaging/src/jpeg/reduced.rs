//! The low waves of a JPEG file, without computing the picture.
//!
//! Most coefficients need not be computed, nor even be looked at one by one: the Huffman tables pass
//! over several of them at a time.
//!
//! All entropy-coded data is read nevertheless, to its end, so that damage is noticed. This decoder
//! knows only the usual kinds of file and says `None` to all that is unusual or damaged: the full
//! decoder then decides. It must never accept what that one refuses.

mod baseline;
mod bits;
mod header;
mod huffman;
mod progressive;

use std::ops::Range;

use crate::spectrum::{MAX_ORDER, Plane};
use bits::Bits;
use header::{Header, Next};

/// More scans than any encoder writes.
const MAX_SCANS: usize = 64;

/// How many half periods a wave may have for each pixel of the resized picture and still matter to it.
/// Measured: with 2.9 embeddings come down to cosine 0.9986, with 3.75 to 0.9994, with all waves to
/// the same.
const REACH: f64 = 3.75;

/// The same for colour differences, of which networks see less.
const COLOUR_REACH: f64 = 2.5;

/// Of a picture that becomes only a few times smaller most waves matter, and then little is saved.
const MAX_LUMA_ORDER: usize = 6;

/// Waves below this order matter when `ratio` samples a side become one.
/// Two at the least, for slopes.
fn order(reach: f64, ratio: f64) -> usize {
    let half_periods_a_block = 8.0 * reach / ratio;
    half_periods_a_block.ceil().max(2.0) as usize
}

/// Decodes the file; `None` leaves it to the full decoder.
///
/// `size` is the width and height that the caller has checked against the limits: a file in which
/// others are found here is not decoded. `ratio` is how many pixels a side become one.
pub(super) fn decode(bytes: &[u8], size: (u32, u32), ratio: f64) -> Option<Vec<Plane>> {
    if order(REACH, ratio) > MAX_LUMA_ORDER {
        return None;
    }
    let mut at = 2;
    let mut header = Header::default();
    let Next::Scan(first) = header.read(bytes, &mut at, true)? else {
        return None;
    };
    let frame = header.frame.clone()?;
    if (frame.width, frame.height) != (size.0 as usize, size.1 as usize) {
        return None;
    }
    let mut planes = vec![];
    for (number, component) in frame.components.iter().enumerate() {
        let quantisation = header.quantisation_of(component)?;
        let layout = frame.layout(component);
        let stretch = layout.stretch.0.max(layout.stretch.1);
        let reach = if number == 0 { REACH } else { COLOUR_REACH };
        let order = order(reach, ratio / stretch as f64).min(MAX_ORDER);
        planes.push(Plane::new(layout, order, quantisation));
    }
    if frame.progressive {
        let mut picture = progressive::Picture::new(&planes);
        let mut scan = first;
        for number in 1.. {
            picture.scan(bytes, &mut at, &header, &scan)?;
            match header.read(bytes, &mut at, false)? {
                Next::Scan(next) if number < MAX_SCANS => scan = next,
                Next::Scan(_) => return None,
                Next::End => break,
            }
        }
        picture.finish(&mut planes);
    } else {
        baseline::scan(bytes, &mut at, &header, &first, &mut planes)?;
        if header::marker(bytes, &mut at)? != 0xd9 {
            return None;
        }
    }
    Some(planes)
}

/// Hands the entropy-coded data at `at` to `read`, from restart marker to restart marker, with the
/// numbers of the minimum coded units that it holds; `at` then stands at the marker that ends it.
///
/// `None` when `read` says so, a restart marker is not in its place, or data is left over.
fn intervals(
    bytes: &[u8],
    at: &mut usize,
    units: usize,
    restart: usize,
    mut read: impl FnMut(&mut Bits<'_>, Range<usize>) -> Option<()>,
) -> Option<()> {
    let length = if restart == 0 { units } else { restart };
    let mut data = vec![];
    for (number, start) in (0..units).step_by(length).enumerate() {
        if number > 0 {
            let expected = 0xd0 + ((number - 1) % 8) as u8;
            if header::marker(bytes, at)? != expected {
                return None;
            }
        }
        *at = bits::unstuff(bytes, *at, &mut data)?;
        let mut bits = Bits::new(&data);
        read(&mut bits, start..(start + length).min(units))?;
        if !bits.at_end() {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::decode;
    use crate::Picture;

    #[test]
    fn only_the_checked_size_is_decoded() {
        let picture = Picture::from_rgb(64, 48, vec![90; 64 * 48 * 3]).unwrap();
        let bytes = picture.to_jpeg(90).unwrap();
        let found = |width, height| decode(&bytes, (width, height), 12.0).is_some();
        assert!(found(64, 48));
        for (width, height) in [(48, 64), (64, 47), (63, 48), (0, 0)] {
            assert!(!found(width, height), "{width} x {height}");
        }
    }
}
