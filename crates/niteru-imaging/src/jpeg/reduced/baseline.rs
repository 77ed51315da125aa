//! The one scan of a sequential picture, block by block into the planes.

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
        let dc = header.dc.get(dc)?.as_ref()?;
        let ac = header.ac.get(ac)?.as_ref()?;
        parts.push((plane, dc, ac, sampling.across, sampling.down));
    }
    let waves = best_waves();
    let units = frame.units();
    intervals(
        bytes,
        at,
        units.0 * units.1,
        header.restart,
        |bits, numbers| {
            let mut means = [0i32; 3];
            let (mut y, mut x) = (numbers.start / units.0, numbers.start % units.0);
            for _ in numbers {
                for ((plane, dc, ac, across, down), mean) in parts.iter_mut().zip(&mut means) {
                    for block in 0..*across * *down {
                        let mut coefficients: Coefficients = [0; _];
                        *mean += dc.difference(bits)?;
                        coefficients[0] = i16::try_from(*mean).ok()?;
                        let (rest, flat) = waves(bits, ac, plane.wanted(), &mut coefficients)?;
                        let place = (x * *across + block % *across, y * *down + block / *across);
                        plane.put(place, &coefficients, rest, flat);
                    }
                }
                x += 1;
                if x == units.0 {
                    (x, y) = (0, y + 1);
                }
            }
            Some(())
        },
    )
}

/// Reads the coefficients of a block but the first, of which it keeps the first so many. Returns the
/// sum of the squares of the others, roughly, and whether all are 0.
type Waves = fn(&mut Bits<'_>, &Table, usize, &mut Coefficients) -> Option<(u32, bool)>;

/// The fastest for this CPU.
fn best_waves() -> Waves {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: called only where the CPU has BMI2.
        return |bits, table, wanted, coefficients| unsafe {
            waves_bmi2(bits, table, wanted, coefficients)
        };
    }
    waves
}

/// As [`waves`]. It shifts by counts that it has just looked up, which takes BMI2 one step for three.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi2")]
fn waves_bmi2(
    bits: &mut Bits<'_>,
    table: &Table,
    wanted: usize,
    coefficients: &mut Coefficients,
) -> Option<(u32, bool)> {
    waves(bits, table, wanted, coefficients)
}

#[inline(always)]
fn waves(
    bits: &mut Bits<'_>,
    table: &Table,
    wanted: usize,
    coefficients: &mut Coefficients,
) -> Option<(u32, bool)> {
    // A copy, for all of it to stay in registers.
    let mut ahead = *bits;
    let mut flat = true;
    let next = table.coefficients(&mut ahead, 1, wanted, |at, value| {
        // A run may lead past those that are wanted.
        if let Some(to) = coefficients.get_mut(at) {
            *to = value as i16;
        }
        flat = false;
    })?;
    let rest = match next {
        64 => 0,
        _ => table.pass_rest(&mut ahead, next)?,
    };
    *bits = ahead;
    Some((rest, flat && rest == 0))
}
