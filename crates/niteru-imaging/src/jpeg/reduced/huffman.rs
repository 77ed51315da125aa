//! Huffman tables that can pass over several coefficients at one look.

use super::bits::{Bits, FILLED, extended};

/// Bits that one look into a table resolves.
const LOOK: u32 = 12;
const ENTRIES: usize = 1 << LOOK;
/// Bits that [`Table::pass`] passes over at the most: the last value may lie behind those looked at.
const MOST_PASSED: u32 = LOOK + 10;
/// Bits that a look for one coefficient resolves.
const SHORT: u32 = 10;
/// In [`Table::short`] and [`Table::pass`]: the block ends here.
const END: u32 = 0x80;
/// In [`Table::pass`]: look at one symbol only. No block has room for this many coefficients.
const ONE: u32 = 64;

/// What the codes of a table stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The number of bits of a difference.
    Dc,
    /// A run of zeros and the number of bits of a coefficient.
    Ac,
}

/// One Huffman table.
#[derive(Clone)]
pub(super) struct Table {
    /// By the next bits: `length << 8 | symbol` of the first code, 0 where it is longer.
    one: Box<[u16; ENTRIES]>,
    /// By the next bits, of the first code where it and its value are in them:
    /// `value << 16 | coefficients << 8 | bits`, else 0. The value is that of the last of the
    /// coefficients, or the difference. [`END`] is their number where the code ends the block.
    short: Box<[u32; 1 << SHORT]>,
    /// By the next bits: `coefficients << 8 | bits` of all the codes in them, with the bits that follow
    /// each of them. [`END`] is added to the number of coefficients when the last code ends the block.
    pass: Box<[u16; ENTRIES]>,
    /// By the same bits: the sum of the squares of those coefficients, on average.
    // On its own, for `pass` to stay in the fastest cache: each look waits for it, but for no square.
    squares: Box<[u16; ENTRIES]>,
    /// By length: the first code of a greater length, aligned to 16 bits.
    limits: [u32; 17],
    /// By length: what to add to a code to get its symbol's place.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From the number of codes of each length, 1 to 16 bits, and their symbols in this order.
    ///
    /// `None` where that is no prefix code, or a symbol has no meaning in an 8-bit picture.
    pub(super) fn new(class: Class, counts: &[u8; 16], symbols: &[u8]) -> Option<Table> {
        if class == Class::Dc && symbols.iter().any(|&bits| bits > 11) {
            return None;
        }
        let mut table = Table {
            one: Box::new([0; ENTRIES]),
            short: Box::new([0; _]),
            pass: Box::new([0; ENTRIES]),
            squares: Box::new([0; ENTRIES]),
            limits: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offsets[length as usize] = place as i32 - code as i32;
            for _ in 0..count {
                let symbol = *symbols.get(place)?;
                if length <= LOOK {
                    let spare = LOOK - length;
                    let from = (code << spare) as usize;
                    table.one[from..from + (1 << spare)]
                        .fill((length as u16) << 8 | u16::from(symbol));
                }
                code += 1;
                place += 1;
                // A code of ones alone is not allowed, so that fill bits are no symbol.
                if code >= 1 << length {
                    return None;
                }
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if place != symbols.len() {
            return None;
        }
        for bits in 0..1 << SHORT {
            table.short[bits] = table.shortest(bits, class);
        }
        if class == Class::Ac {
            for bits in 0..ENTRIES {
                (table.pass[bits], table.squares[bits]) = table.passed(bits);
            }
        }
        Some(table)
    }

    /// The entry of [`Table::short`] for these bits.
    fn shortest(&self, window: usize, class: Class) -> u32 {
        let one = self.one[window << (LOOK - SHORT)];
        let (length, symbol) = (u32::from(one >> 8), one as u8);
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let bits = length + size;
        if one == 0 || bits > SHORT {
            return 0;
        }
        match (class, run, size) {
            (Class::Dc, 0, 0) => 1 << 8 | bits,
            (Class::Ac, 0, 0) => END << 8 | bits,
            (_, _, 1..=11) if class == Class::Dc || size < 11 => {
                let value = window >> (SHORT - bits) & ((1 << size) - 1);
                (extended(value as i32, size) as u32) << 16 | (run + 1) << 8 | bits
            }
            _ => 0,
        }
    }

    /// The entries of [`Table::pass`] and [`Table::squares`] for these bits.
    fn passed(&self, window: usize) -> (u16, u16) {
        let (mut bits, mut coefficients, mut squares) = (0, 0, 0u32);
        let entry = |coefficients: u32, bits: u32, squares: u32| {
            (
                (coefficients << 8 | bits) as u16,
                squares.min(0xffff) as u16,
            )
        };
        while bits < LOOK {
            let one = self.one[(window << bits) & (ENTRIES - 1)];
            let (length, symbol) = (u32::from(one >> 8), one as u8);
            let known = one != 0 && bits + length <= LOOK;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                _ if !known => break,
                (0, 0) => {
                    return entry(END + coefficients, bits + length, squares);
                }
                (15, 0) | (_, 1..=10) if coefficients + run < ONE => {
                    coefficients += run + 1;
                    bits += length + size;
                    squares += mean_square(size);
                }
                _ => break,
            }
        }
        if bits == 0 {
            return entry(ONE, 0, 0);
        }
        entry(coefficients, bits, squares)
    }

    /// The next symbol. At least 16 bits must be available.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let one = self.one[bits.peek::<LOOK>()];
        if one != 0 {
            bits.consume(u32::from(one >> 8));
            return Some(one as u8);
        }
        let (length, symbol) = self.long_symbol(bits.peek::<16>() as u32)?;
        bits.consume(length);
        Some(symbol)
    }

    /// The length and symbol of the first code in these 16 bits, of one that is longer than a look.
    // Not handed the stream itself, which then can stay in registers.
    #[cold]
    fn long_symbol(&self, window: u32) -> Option<(u32, u8)> {
        let length = (LOOK as usize + 1..=16).find(|&length| window < self.limits[length])?;
        let place = (window >> (16 - length)) as i32 + self.offsets[length];
        let symbol = self.symbols.get(usize::try_from(place).ok()?)?;
        Some((length as u32, *symbol))
    }

    /// The difference of a DC coefficient.
    #[inline(always)]
    pub(super) fn difference(&self, bits: &mut Bits<'_>) -> Option<i32> {
        bits.refill()?;
        let short = self.short[bits.peek::<SHORT>()];
        if short != 0 {
            bits.consume(short & 0xff);
            return Some(short as i32 >> 16);
        }
        Some(match self.symbol(bits)? {
            0 => 0,
            size => bits.extend(u32::from(size)),
        })
    }

    /// Reads coefficients from zigzag number `at` on, at least 1, up to `wanted` (exclusive, at most
    /// 64) or the end of the block, whichever comes first. Returns the number of the next one, 64 when
    /// the block is over, and whether all that were read are 0.
    ///
    /// Those that are not 0 are written to `to`; what is written there at and behind `wanted` means
    /// nothing.
    #[inline(always)]
    pub(super) fn coefficients(
        &self,
        bits: &mut Bits<'_>,
        mut at: usize,
        wanted: usize,
        to: &mut [i16; 256],
    ) -> Option<(usize, bool)> {
        let mut values = 0;
        'refill: while at < wanted {
            bits.refill()?;
            for _ in 0..FILLED / SHORT {
                let short = self.short[bits.peek::<SHORT>()];
                let (count, value) = match short {
                    0 => {
                        bits.refill()?;
                        self.coefficient(bits)?
                    }
                    _ => {
                        bits.consume(short & 0xff);
                        (short >> 8 & 0xff, short as i32 >> 16)
                    }
                };
                at += count as usize;
                values |= value;
                // At most 63 + `END`: no branch is needed to leave out those that are not wanted.
                to[usize::from((at - 1) as u8)] = value as i16;
                if short == 0 || at >= wanted {
                    continue 'refill;
                }
            }
        }
        Some((in_block(at)?, values == 0))
    }

    /// Passes over the coefficients of a block from zigzag number `at` on, 1 to 63. Returns the sum of their
    /// squares, roughly.
    #[inline(always)]
    pub(super) fn pass_rest(&self, bits: &mut Bits<'_>, mut at: usize) -> Option<u32> {
        let mut squares = 0;
        'refill: loop {
            bits.refill()?;
            for _ in 0..FILLED / MOST_PASSED {
                let window = bits.peek::<LOOK>();
                let pass = u32::from(self.pass[window]);
                let next = at + (pass >> 8) as usize;
                if next < 64 {
                    at = next;
                    bits.consume(pass & 0xff);
                    squares += u32::from(self.squares[window]);
                } else if next == 64 || (END as usize..END as usize + 64).contains(&next) {
                    bits.consume(pass & 0xff);
                    return Some(squares + u32::from(self.squares[window]));
                } else {
                    // Some of these codes belong to the next block, or one is long.
                    bits.refill()?;
                    let (count, value) = self.coefficient(bits)?;
                    at = in_block(at + count as usize)?;
                    squares += (value * value) as u32;
                    if at == 64 {
                        return Some(squares);
                    }
                    continue 'refill;
                }
            }
        }
    }

    /// The next code and the value behind it, right after a refill: the number of coefficients, the last
    /// of which has the value, the others being 0. [`END`] where the code ends the block.
    #[inline(always)]
    fn coefficient(&self, bits: &mut Bits<'_>) -> Option<(u32, i32)> {
        let symbol = self.symbol(bits)?;
        match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
            (0, 0) => Some((END, 0)),
            (15, 0) => Some((16, 0)),
            (run, size @ 1..=10) => Some((run + 1, bits.extend(size))),
            _ => None,
        }
    }
}

/// The number of the next coefficient, where [`END`] may have been added to it: 64 when the block is
/// over. `None` where a run leads out of the block.
#[inline(always)]
fn in_block(at: usize) -> Option<usize> {
    match at {
        ..=64 => Some(at),
        _ => (at >= END as usize).then_some(64),
    }
}

/// The mean square of coefficients of so many bits. Small ones are more frequent.
fn mean_square(size: u32) -> u32 {
    match size {
        0 | 1 => size,
        _ => (27 << (2 * size)) / 64,
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::{Bits, unstuff};
    use super::{Class, END, Table};

    /// Codes of 2 to 16 bits for runs and sizes of all kinds.
    fn table() -> Table {
        let counts = [0, 1, 2, 3, 1, 1, 1, 2, 1, 1, 1, 1, 2, 2, 2, 3];
        let symbols = [
            0x01, 0x02, 0x03, 0x00, 0x11, 0x04, 0x12, 0x05, 0x21, 0x06, 0x31, 0xf0, 0x13, 0x22,
            0x41, 0x07, 0x0a, 0x51, 0x08, 0x14, 0x61, 0x09, 0xf1, 0x2a,
        ];
        Table::new(Class::Ac, &counts, &symbols).unwrap()
    }

    /// Blocks of random symbols, each with those of its coefficients that are not 0.
    #[test]
    fn many_symbols_at_a_look_are_those_read_one_by_one() {
        let table = table();
        let mut state = 1u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as u8
        };
        let (mut whole, mut broken) = (0, 0);
        for _ in 0..4000 {
            let mut file: Vec<u8> = (0..120)
                .flat_map(|_| [random() & 0x7f, random() & 0xfe])
                .collect();
            file.extend([0xff, 0xd9]);
            let mut data = vec![];
            unstuff(&file, 0, &mut data).unwrap();
            let mut plain = Bits::new(&data);
            let expected = one_by_one(&table, &mut plain);
            for wanted in [1, 3, 6, 10, 36] {
                let mut bits = Bits::new(&data);
                let mut found = [0i16; 256];
                let read = table.coefficients(&mut bits, 1, wanted, &mut found);
                let rest = read.and_then(|(next, _)| match next {
                    64 => Some(0),
                    _ => table.pass_rest(&mut bits, next),
                });
                assert_eq!(rest.is_some(), expected.is_some(), "{wanted} wanted");
                let (Some(expected), Some((next, zero))) = (&expected, read) else {
                    broken += 1;
                    continue;
                };
                whole += 1;
                assert_eq!(found[1..wanted], expected[1..wanted]);
                assert_eq!(zero, expected[1..next].iter().all(|&value| value == 0));
                let others = expected[next..].iter().any(|&value| value != 0);
                assert_eq!(rest.is_some_and(|squares| squares > 0), others);
                for _ in 0..5 {
                    bits.refill().unwrap();
                    plain.refill().unwrap();
                    assert_eq!(bits.peek::<32>(), plain.peek::<32>());
                }
            }
        }
        assert!(
            whole > 1000 && broken > 1000,
            "{whole} whole, {broken} broken"
        );
    }

    fn one_by_one(table: &Table, bits: &mut Bits<'_>) -> Option<[i16; 64]> {
        let (mut block, mut at) = ([0; 64], 1);
        while at < 64 {
            bits.refill()?;
            match table.coefficient(bits)? {
                (END, _) => break,
                (count, value) => {
                    at += count as usize;
                    *block.get_mut(at - 1)? = value as i16;
                }
            }
        }
        Some(block)
    }
}
