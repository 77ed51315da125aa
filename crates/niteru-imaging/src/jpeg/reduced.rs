//! JPEG at a half, a quarter or an eighth of its sides, without computing the whole.
//!
//! The cosine transform of a block holds its smaller versions: the lowest coefficients are those of
//! the same block at fewer samples. So most coefficients need not be computed, nor even be looked
//! at one by one: the Huffman tables pass over several of them at a time.
//!
//! All entropy-coded data is read nevertheless, to its end, so that damage is noticed. This decoder
//! knows only the usual kinds of file and says `None` to all that is unusual or damaged: the full
//! decoder then decides. It must never accept what that one refuses.

mod baseline;
mod bits;
mod header;
mod huffman;
mod plane;
mod progressive;

use std::ops::Range;

use bits::Bits;
use header::{Header, Next};
use plane::Plane;

/// More scans than any encoder writes.
const MAX_SCANS: usize = 64;

/// How much smaller the sides become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Half,
    Quarter,
    Eighth,
}

impl Scale {
    /// The smallest scale at which a side of `side` pixels keeps `least` of them.
    pub(crate) fn keeping(side: u32, least: u32) -> Option<Scale> {
        [Scale::Eighth, Scale::Quarter, Scale::Half]
            .into_iter()
            .find(|scale| side / scale.divisor() >= least.max(1))
    }

    pub(crate) fn divisor(self) -> u32 {
        match self {
            Scale::Half => 2,
            Scale::Quarter => 4,
            Scale::Eighth => 8,
        }
    }

    /// Samples of a block's side.
    fn samples(self) -> usize {
        8 / self.divisor() as usize
    }
}

/// A decoded picture, whose sides are rounded up to whole pixels.
pub(super) struct Decoded {
    pub(super) width: u32,
    pub(super) height: u32,
    /// RGB pixels.
    pub(super) levels: Vec<u8>,
    /// What the levels are rounded by, as [`crate::picture::Reduced`] has it.
    pub(super) rests: Vec<u8>,
}

/// Decodes the file; `None` leaves it to the full decoder.
///
/// `size` is the width and height that the caller has checked against the limits: a file in which
/// others are found here is not decoded.
pub(super) fn decode(bytes: &[u8], size: (u32, u32), scale: Scale) -> Option<Decoded> {
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
    for component in &frame.components {
        let quantisation = header.quantisation_of(component)?;
        planes.push(Plane::new(&frame, component, quantisation, scale));
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
    let divisor = scale.divisor() as usize;
    let (width, height) = (
        frame.width.div_ceil(divisor),
        frame.height.div_ceil(divisor),
    );
    let (levels, rests) = plane::rgb(&planes, width, height);
    Some(Decoded {
        width: width as u32,
        height: height as u32,
        levels,
        rests,
    })
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
    use super::{Scale, decode};
    use crate::Picture;

    #[test]
    fn only_the_checked_size_is_decoded() {
        let picture = Picture::from_rgb(64, 48, vec![90; 64 * 48 * 3]).unwrap();
        let bytes = picture.to_jpeg(90).unwrap();
        let found = |width, height| decode(&bytes, (width, height), Scale::Quarter).is_some();
        assert!(found(64, 48));
        for (width, height) in [(48, 64), (64, 47), (63, 48), (0, 0)] {
            assert!(!found(width, height), "{width} x {height}");
        }
    }
}
