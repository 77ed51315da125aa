//! The one scan of a sequential picture, block by block into the planes.

use std::ops::Range;

use super::bits::Bits;
use super::header::{Header, Scan};
use super::huffman::Table;
use super::intervals;
use crate::spectrum::{MAX_WANTED, Plane};

pub(super) fn scan(
    bytes: &[u8],
    at: &mut usize,
    header: &Header,
    scan: &Scan,
    planes: &mut [Plane],
) -> Option<()> {
    scan_with(best_read(), bytes, at, header, scan, planes)
}

fn scan_with(
    read: Read,
    bytes: &[u8],
    at: &mut usize,
    header: &Header,
    scan: &Scan,
    planes: &mut [Plane],
) -> Option<()> {
    let frame = header.frame.as_ref()?;
    let whole = (scan.first, scan.last, scan.high, scan.low) == (0, 63, 0, 0);
    if !whole || scan.components.len() != planes.len() {
        return None;
    }
    let mut parts = vec![];
    for (&(component, dc, ac), plane) in scan.components.iter().zip(planes) {
        let sampling = &frame.components[component];
        parts.push(Part {
            plane,
            dc: header.dc.get(dc)?.as_ref()?,
            ac: header.ac.get(ac)?.as_ref()?,
            across: sampling.across,
            down: sampling.down,
            mean: 0,
        });
    }
    let units = frame.units();
    intervals(
        bytes,
        at,
        units.0 * units.1,
        header.restart,
        |bits, numbers| read(bits, numbers, units.0, &mut parts),
    )
}

/// A component, with what is needed to read its blocks.
struct Part<'a> {
    plane: &'a mut Plane,
    dc: &'a Table,
    ac: &'a Table,
    /// Blocks of a minimum coded unit, across and down.
    across: usize,
    down: usize,
    /// The mean of the block before.
    mean: i32,
}

impl Part<'_> {
    /// Columns and rows of the blocks of a minimum coded unit.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (across, down) = (self.across, self.down);
        (0..down).flat_map(move |row| (0..across).map(move |column| (column, row)))
    }
}

/// Reads the minimum coded units of these numbers, of which a row has so many, into the planes.
type Read = fn(&mut Bits<'_>, Range<usize>, usize, &mut [Part<'_>]) -> Option<()>;

/// The fastest for this CPU. All fill the planes alike.
fn best_read() -> Read {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: called only where the CPU has BMI2.
        return |bits, numbers, across, parts| unsafe { read_bmi2(bits, numbers, across, parts) };
    }
    read
}

/// As [`read`], compiled for BMI2: it shifts by counts that it has just looked up, which takes one step
/// for three.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn read_bmi2(
    bits: &mut Bits<'_>,
    numbers: Range<usize>,
    across: usize,
    parts: &mut [Part<'_>],
) -> Option<()> {
    read(bits, numbers, across, parts)
}

#[inline(always)]
fn read(
    bits: &mut Bits<'_>,
    numbers: Range<usize>,
    across: usize,
    parts: &mut [Part<'_>],
) -> Option<()> {
    // A copy that nothing outside refers to, for all of it to stay in registers from block to block.
    let mut ahead = *bits;
    for part in &mut *parts {
        part.mean = 0;
    }
    // Cleared as far as planes look at it; the rest takes what is not wanted.
    let mut block = [0i16; 256];
    let (mut y, mut x) = (numbers.start / across, numbers.start % across);
    for _ in numbers {
        for part in &mut *parts {
            for (column, row) in part.places() {
                block[..MAX_WANTED].fill(0);
                part.mean += part.dc.difference(&mut ahead)?;
                block[0] = i16::try_from(part.mean).ok()?;
                let wanted = part.plane.wanted();
                let (next, flat) = part.ac.coefficients(&mut ahead, 1, wanted, &mut block)?;
                let rest = match next {
                    64 => 0,
                    _ => part.ac.pass_rest(&mut ahead, next)?,
                };
                let place = (x * part.across + column, y * part.down + row);
                part.plane
                    .put(place, &block[..wanted], rest, flat && rest == 0);
            }
        }
        x += 1;
        if x == across {
            (x, y) = (0, y + 1);
        }
    }
    *bits = ahead;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::header::{Header, Next};
    use super::{best_read, read, scan_with};
    use crate::Picture;
    use crate::spectrum::{MAX_ORDER, Plane};

    #[test]
    fn all_instructions_fill_the_planes_alike() {
        let mut state = 1u32;
        let pixels = (0..70 * 50 * 3).map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Grain on one half.
            at as u8 / 3 + ((state >> 26) as u8) * (at as u8 >> 7)
        });
        let picture = Picture::from_rgb(70, 50, pixels.collect()).unwrap();
        for quality in [20, 75, 100] {
            let bytes = picture.to_jpeg(quality).unwrap();
            for order in 1..=MAX_ORDER {
                let filled = [read, best_read()].map(|read| {
                    let (mut header, mut at) = (Header::default(), 2);
                    let Some(Next::Scan(scan)) = header.read(&bytes, &mut at, true) else {
                        panic!("no scan");
                    };
                    let frame = header.frame.clone().unwrap();
                    let plane = |component| {
                        let quantisation = header.quantisation_of(component).unwrap();
                        Plane::new(frame.layout(component), order, quantisation)
                    };
                    let mut planes: Vec<Plane> = frame.components.iter().map(plane).collect();
                    let done = scan_with(read, &bytes, &mut at, &header, &scan, &mut planes);
                    (done, at, planes)
                });
                assert!(filled[0].0.is_some(), "quality {quality}, order {order}");
                assert!(filled[0] == filled[1], "quality {quality}, order {order}");
            }
        }
    }
}
