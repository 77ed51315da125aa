//! Entropy-coded bytes as a stream of bits.

/// Zero bytes behind the data: a refill reads 8 bytes, and up to 8 of those already in the buffer
/// may be ahead of what has been consumed.
const PAD: usize = 16;

/// Copies the entropy-coded data that starts at `at` without its stuffed zeros and pads it.
///
/// Returns where the marker that ends it stands, or `None` when the file ends first.
pub(super) fn unstuff(bytes: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    out.clear();
    let mut from = at;
    loop {
        let end = from + memchr::memchr(0xff, bytes.get(from..)?)?;
        out.extend_from_slice(&bytes[from..end]);
        match bytes.get(end + 1)? {
            0 => out.push(0xff),
            _ => {
                out.extend_from_slice(&[0; PAD]);
                return Some(end);
            }
        }
        from = end + 2;
    }
}

/// Bits that a refill makes available at least.
pub(super) const FILLED: u32 = 56;

/// Reads bits from the highest of each byte on.
///
/// The caller calls [`Bits::refill`] before it consumes more than what is in the buffer: each
/// refill leaves at least [`FILLED`] bits. Every method that can meet the end returns `None` there.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    /// What [`unstuff`] made, padding included.
    data: &'a [u8],
    /// The next byte to load.
    at: usize,
    /// The next bit is the highest.
    buffer: u64,
    /// Bits in `buffer` that count as loaded.
    left: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Bits<'a> {
        Bits {
            data,
            at: 0,
            buffer: 0,
            left: 0,
        }
    }

    /// Makes at least [`FILLED`] bits available.
    // Even where there are many still: a branch on their number would often be mispredicted.
    #[inline(always)]
    pub(super) fn refill(&mut self) -> Option<()> {
        let next = self.data.get(self.at..)?.first_chunk()?;
        // Bits below `left` may be there already; they are the same ones.
        self.buffer |= u64::from_be_bytes(*next) >> self.left;
        self.at += (63 - self.left as usize) / 8;
        self.left |= FILLED;
        Some(())
    }

    /// The next `N` bits, 1 to 32 of them, without consuming them.
    #[inline(always)]
    pub(super) fn peek<const N: u32>(&self) -> usize {
        (self.buffer >> (64 - N)) as usize
    }

    /// Consumes bits that a refill made available.
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        debug_assert!(count <= self.left);
        self.buffer <<= count;
        self.left = self.left.wrapping_sub(count);
    }

    /// The next `count` bits, at most 16, that a refill made available.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        // Two shifts, for a shift by 64 is none.
        let value = (self.buffer >> 1) >> (63 - count);
        self.consume(count);
        value as u32
    }

    /// Consumes any number of bits.
    pub(super) fn skip(&mut self, mut count: u32) -> Option<()> {
        while count > 0 {
            self.refill()?;
            let step = count.min(32);
            self.consume(step);
            count -= step;
        }
        Some(())
    }

    /// The value of a coefficient of `size` bits, 1 to 16 of them.
    #[inline(always)]
    pub(super) fn extend(&mut self, size: u32) -> i32 {
        extended(self.take(size) as i32, size)
    }

    /// Whether all is consumed but the bits that fill up the last byte.
    pub(super) fn at_end(&self) -> bool {
        let all = (self.data.len() - PAD) * 8;
        let used = (self.at * 8).wrapping_sub(self.left as usize);
        all.checked_sub(used).is_some_and(|rest| rest < 8)
    }
}

/// The value of a coefficient from its `size` bits, 1 to 16 of them.
#[inline(always)]
pub(super) fn extended(value: i32, size: u32) -> i32 {
    // A value whose highest bit is 0 is negative.
    let negative = (value >> (size - 1)) - 1;
    value + (negative & (1 - (1 << size)))
}
