//! The one scan of a sequential picture, block by block into the planes.

use super::header::{Header, Scan};
use super::intervals;
use super::plane::{Coefficients, Plane};

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
                        let mut flat = true;
                        *mean += dc.difference(bits)?;
                        coefficients[0] = i16::try_from(*mean).ok()?;
                        let rest = ac.coefficients(bits, 1, plane.wanted, |at, value| {
                            // A run may lead past those that are wanted.
                            if let Some(to) = coefficients.get_mut(at) {
                                *to = value as i16;
                            }
                            flat = false;
                        })?;
                        ac.pass_rest(bits, rest)?;
                        let place = (x * *across + block % *across, y * *down + block / *across);
                        plane.put(place, &coefficients, flat && rest == 64);
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
