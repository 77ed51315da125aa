//! The scans of a progressive picture.
//!
//! Later scans refine what earlier ones found, and how many bits they hold depends on which
//! coefficients are zero so far. So of each block that is remembered, one bit a coefficient; values
//! are only kept of the coefficients that the planes want.

use std::ops::Range;

use super::bits::Bits;
use super::header::{Frame, Header, Scan};
use super::huffman::Table;
use super::intervals;
use crate::spectrum::Plane;

/// The square of a coefficient that is not 0 but not kept, roughly.
const RARE_SQUARE: u32 = 2;

/// What the scans so far say of one component.
struct Blocks {
    across: usize,
    /// Coefficients whose value is kept.
    wanted: usize,
    /// `wanted` values a block, in zigzag order.
    values: Vec<i16>,
    /// By block: bit `k` is set when coefficient `k` is not 0. The lowest bit is not used.
    known: Vec<u64>,
    /// By coefficient: the bit position that scans have come down to, `None` before the first.
    low: [Option<u32>; 64],
}

/// All scans so far.
pub(super) struct Picture(Vec<Blocks>);

impl Picture {
    pub(super) fn new(planes: &[Plane]) -> Picture {
        Picture(
            planes
                .iter()
                .map(|plane| {
                    let count = plane.blocks().0 * plane.blocks().1;
                    Blocks {
                        across: plane.blocks().0,
                        wanted: plane.wanted(),
                        values: vec![0; count * plane.wanted()],
                        known: vec![0; count],
                        low: [None; 64],
                    }
                })
                .collect(),
        )
    }

    /// Reads the entropy-coded data of one scan.
    pub(super) fn scan(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        header: &Header,
        scan: &Scan,
    ) -> Option<()> {
        self.check_order(scan)?;
        let frame = header.frame.as_ref()?;
        match (&scan.components[..], scan.first) {
            (_, 0) => self.dc(bytes, at, header, frame, scan),
            (&[(component, _, ac)], _) => {
                let blocks = &mut self.0[component];
                let (across, down) = frame.own_blocks(component);
                let table = header.ac.get(ac)?.as_ref()?;
                intervals(bytes, at, across * down, header.restart, |bits, numbers| {
                    let band = Band::of(scan);
                    match scan.high {
                        0 => band.first(blocks, table, bits, across, numbers),
                        _ => band.refine(blocks, table, bits, across, numbers),
                    }
                })
            }
            _ => None,
        }
    }

    /// Whether each coefficient is where the scan takes it up; it is then where the scan ends.
    fn check_order(&mut self, scan: &Scan) -> Option<()> {
        let band = match (scan.first, scan.last) {
            (0, 0) => 0..=0,
            (first @ 1.., last @ ..64) if first <= last => first..=last,
            _ => return None,
        };
        let refines = scan.high > 0;
        if scan.low > 13 || (refines && scan.high != scan.low + 1) {
            return None;
        }
        for &(component, ..) in &scan.components {
            let low = &mut self.0[component].low;
            // The mean comes first of all.
            if scan.first > 0 && low[0].is_none() {
                return None;
            }
            for at in band.clone() {
                if low[at] != refines.then_some(scan.high) {
                    return None;
                }
                low[at] = Some(scan.low);
            }
        }
        Some(())
    }

    fn dc(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        header: &Header,
        frame: &Frame,
        scan: &Scan,
    ) -> Option<()> {
        // A refinement needs no table, but the full decoder wants it to be there.
        for &(_, dc, _) in &scan.components {
            header.dc.get(dc)?.as_ref()?;
        }
        // Alone, a component has only the blocks that hold picture, in plain rows.
        let alone = scan.components.len() == 1;
        let units = match &scan.components[..] {
            &[(only, ..)] => frame.own_blocks(only),
            _ => frame.units(),
        };
        intervals(
            bytes,
            at,
            units.0 * units.1,
            header.restart,
            |bits, numbers| {
                let mut means = [0i32; 3];
                for unit in numbers {
                    let (x, y) = (unit % units.0, unit / units.0);
                    for &(component, dc, _) in &scan.components {
                        let sampling = &frame.components[component];
                        let (across, down) = match alone {
                            true => (1, 1),
                            false => (sampling.across, sampling.down),
                        };
                        let blocks = &mut self.0[component];
                        for block in 0..across * down {
                            let (x, y) = (x * across + block % across, y * down + block / across);
                            let at = (y * blocks.across + x) * blocks.wanted;
                            if scan.high > 0 {
                                bits.refill()?;
                                blocks.values[at] |= (bits.take(1) as i16) << scan.low;
                                continue;
                            }
                            let mean = &mut means[component];
                            *mean += header.dc.get(dc)?.as_ref()?.difference(bits)?;
                            // Checked, for the full decoder may see such a value as damage.
                            let value = i32::checked_mul(*mean, 1 << scan.low)?;
                            blocks.values[at] = i16::try_from(value).ok()?;
                        }
                    }
                }
                Some(())
            },
        )
    }

    /// Fills the planes.
    pub(super) fn finish(&self, planes: &mut [Plane]) {
        for (blocks, plane) in self.0.iter().zip(planes) {
            for (at, values) in blocks.values.chunks_exact(blocks.wanted).enumerate() {
                let place = (at % blocks.across, at / blocks.across);
                // Most of those that are not kept are 1 or 2.
                let rest = RARE_SQUARE * (blocks.known[at] >> blocks.wanted).count_ones();
                plane.put(place, values, rest, blocks.known[at] == 0);
            }
        }
    }
}

/// Consecutive coefficients of a scan.
#[derive(Clone, Copy)]
struct Band {
    first: usize,
    /// The last of them.
    last: usize,
    /// Bit position of the scan.
    low: u32,
}

impl Band {
    fn of(scan: &Scan) -> Band {
        Band {
            first: scan.first,
            last: scan.last,
            low: scan.low,
        }
    }

    /// A bit for each coefficient from `at` to the last of the band.
    fn bits_from(self, at: usize) -> u64 {
        (u64::MAX << at) & (u64::MAX >> (63 - self.last))
    }

    /// The coefficients' first scan.
    fn first(
        self,
        blocks: &mut Blocks,
        table: &Table,
        bits: &mut Bits<'_>,
        across: usize,
        numbers: Range<usize>,
    ) -> Option<()> {
        let mut empty = 0u32;
        for number in numbers {
            if empty > 0 {
                empty -= 1;
                continue;
            }
            let block = number / across * blocks.across + number % across;
            let values = &mut blocks.values[block * blocks.wanted..][..blocks.wanted];
            let mut known = 0;
            let mut at = self.first;
            while at <= self.last {
                bits.refill()?;
                let symbol = table.symbol(bits)?;
                let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
                match size {
                    0 if run < 15 => {
                        empty = (1 << run) - 1 + bits.take(run as u32);
                        break;
                    }
                    0 => at += 16,
                    1..=10 if at + run <= self.last => {
                        at += run;
                        let value = bits.extend(size) << self.low;
                        known |= 1 << at;
                        if let Some(to) = values.get_mut(at) {
                            *to = i16::try_from(value).ok()?;
                        }
                        at += 1;
                    }
                    _ => return None,
                }
            }
            blocks.known[block] |= known;
            if at > self.last + 1 {
                return None;
            }
        }
        (empty == 0).then_some(())
    }

    /// One more bit of those that are not 0, and those that become so by it.
    fn refine(
        self,
        blocks: &mut Blocks,
        table: &Table,
        bits: &mut Bits<'_>,
        across: usize,
        numbers: Range<usize>,
    ) -> Option<()> {
        let mut empty = 0u32;
        for number in numbers {
            let block = number / across * blocks.across + number % across;
            let values = &mut blocks.values[block * blocks.wanted..][..blocks.wanted];
            let known = &mut blocks.known[block];
            let mut at = self.first;
            while empty == 0 && at <= self.last {
                bits.refill()?;
                let symbol = table.symbol(bits)?;
                let (run, size) = (usize::from(symbol >> 4), symbol & 15);
                let new = match size {
                    0 if run < 15 => {
                        empty = (1 << run) + bits.take(run as u32);
                        break;
                    }
                    0 => 0,
                    1 if bits.take(1) == 1 => 1,
                    1 => -1,
                    _ => return None,
                };
                let zeros = (0..run).fold(!*known & self.bits_from(at), |zeros, _| {
                    zeros & zeros.wrapping_sub(1)
                });
                if zeros == 0 {
                    return None;
                }
                let place = zeros.trailing_zeros() as usize;
                self.correct(
                    *known & self.bits_from(at) & ((1 << place) - 1),
                    values,
                    bits,
                )?;
                if new != 0 {
                    *known |= 1 << place;
                    if let Some(to) = values.get_mut(place) {
                        *to = new << self.low;
                    }
                }
                at = place + 1;
            }
            if empty > 0 {
                if at <= self.last {
                    self.correct(*known & self.bits_from(at), values, bits)?;
                }
                empty -= 1;
            }
        }
        (empty == 0).then_some(())
    }

    /// Reads a bit for each of the coefficients `which`, none of which is 0.
    #[inline(always)]
    fn correct(self, mut which: u64, values: &mut [i16], bits: &mut Bits<'_>) -> Option<()> {
        while which != 0 {
            let at = which.trailing_zeros() as usize;
            let Some(value) = values.get_mut(at) else {
                return bits.skip(which.count_ones());
            };
            bits.refill()?;
            if bits.take(1) == 1 {
                // Away from zero.
                *value = value.checked_add(value.signum() << self.low)?;
            }
            which &= which - 1;
        }
        Some(())
    }
}
