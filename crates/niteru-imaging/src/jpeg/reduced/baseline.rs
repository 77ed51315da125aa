//! The one scan of a sequential picture, block by block into the planes.

use std::ops::Range;

use super::bits::Bits;
use super::header::{Header, Scan};
use super::huffman::Table;
use super::intervals;
use crate::spectrum::{Coefficients, Plane};

pub(super) fn scan(
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
    let read = best_read();
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

/// Reads the minimum coded units of these numbers, of which a row has so many, into the planes.
type Read = fn(&mut Bits<'_>, Range<usize>, usize, &mut [Part<'_>]) -> Option<()>;

/// The fastest for this CPU.
fn best_read() -> Read {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi2") && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: called only where the CPU has BMI2 and AVX2.
        return |bits, numbers, across, parts| unsafe { read_avx2(bits, numbers, across, parts) };
    }
    read
}

/// As [`read`]. It shifts by counts that it has just looked up, which takes BMI2 one step for three.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2,avx2")]
fn read_avx2(
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
    // A copy, for all of it to stay in registers.
    let mut ahead = *bits;
    for part in &mut *parts {
        part.mean = 0;
    }
    let (mut y, mut x) = (numbers.start / across, numbers.start % across);
    for _ in numbers {
        for part in &mut *parts {
            for block in 0..part.across * part.down {
                let mut coefficients: Coefficients = [0; _];
                part.mean += part.dc.difference(&mut ahead)?;
                coefficients[0] = i16::try_from(part.mean).ok()?;
                let wanted = part.plane.wanted();
                let (rest, flat) = waves(&mut ahead, part.ac, wanted, &mut coefficients)?;
                let place = (
                    x * part.across + block % part.across,
                    y * part.down + block / part.across,
                );
                part.plane.put(place, &coefficients, rest, flat);
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

/// Reads the coefficients of a block but the first, of which it keeps the first so many. Returns the
/// sum of the squares of the others, roughly, and whether all are 0.
#[inline(always)]
fn waves(
    bits: &mut Bits<'_>,
    table: &Table,
    wanted: usize,
    coefficients: &mut Coefficients,
) -> Option<(u32, bool)> {
    let mut flat = true;
    let next = table.coefficients(bits, 1, wanted, |at, value| {
        // A run may lead past those that are wanted.
        if let Some(to) = coefficients.get_mut(at) {
            *to = value as i16;
        }
        flat = false;
    })?;
    let rest = match next {
        64 => 0,
        _ => table.pass_rest(bits, next)?,
    };
    Some((rest, flat && rest == 0))
}
