//! The innermost part of the matrix product: a tile of sums that stays in registers.

use crate::math::relu6;
use crate::simd::{MAX_TILE_ROWS, MAX_TILE_VECTORS, Op, Simd};

/// Rows of A times one panel of B, over one block of k.
///
/// Rows and columns of A and C lie within the matrices that the pointers were made from; the rows
/// are counted by the caller of [`run_strip`].
#[derive(Clone, Copy)]
pub(crate) struct Strip<'a> {
    pub(crate) a: *const f32,
    pub(crate) a_stride: usize,
    /// `depth` rows of the panel's width.
    pub(crate) b: *const f32,
    pub(crate) depth: usize,
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
    /// Columns of C; the panel may be wider.
    pub(crate) columns: usize,
    /// What C holds is added to the sums.
    pub(crate) continues: bool,
    /// What the sums of the first block of k begin with; at least as long as the strip has columns.
    pub(crate) bias: Option<&'a [f32]>,
    /// Applied after the bias. The other activations would make every size of tile large; they
    /// are applied to the finished strip.
    pub(crate) relu6: bool,
    /// What of B is needed after this strip: fetched into the L2 cache meanwhile. Without it the
    /// first tile of every strip waits for memory.
    pub(crate) next: *const f32,
    /// Floats to fetch from `next` on.
    pub(crate) next_len: usize,
}

/// Steps of k between two rounds of fetching ahead.
const FETCH_STEPS: usize = 16;
/// Steps of k from which on it pays to fetch the results' lines before the sums are ready.
const FETCH_RESULTS: usize = 64;
/// Floats in a cache line.
const LINE: usize = 16;

/// Computes `rows` rows of the strip, in tiles of nearly equal height.
#[inline(always)]
pub(crate) fn run_strip<S: Simd>(s: S, strip: &Strip, rows: usize, vectors: usize) {
    let tiles = rows.div_ceil(S::TILE_ROWS);
    if tiles == 0 {
        return;
    }
    let (low, high) = (rows / tiles, rows % tiles);
    let rounds = strip.depth.div_ceil(FETCH_STEPS);
    let fetch = strip
        .next_len
        .div_ceil(LINE)
        .div_ceil((tiles * rounds).max(1));
    if high > 0 {
        tiles_of(s, strip, high, low + 1, vectors, fetch);
    }
    let done = high * (low + 1);
    let rest = Strip {
        next: strip.next.wrapping_add(high * rounds * fetch * LINE),
        // SAFETY: `done` rows precede the others in both matrices.
        a: unsafe { strip.a.add(done * strip.a_stride) },
        // SAFETY: as above.
        c: unsafe { strip.c.add(done * strip.c_stride) },
        ..*strip
    };
    tiles_of(s, &rest, tiles - high, low, vectors, fetch);
}

/// Calls the compiled tile of this size.
#[inline(always)]
fn tiles_of<S: Simd>(
    s: S,
    strip: &Strip,
    tiles: usize,
    height: usize,
    vectors: usize,
    fetch: usize,
) {
    macro_rules! height {
        ($($height:literal)*) => {
            match height {
                $($height if $height <= S::TILE_ROWS => width!($height),)*
                _ => unreachable!("tiles have 1 to {} rows", MAX_TILE_ROWS),
            }
        };
    }
    macro_rules! width {
        ($height:literal) => {
            match vectors {
                1 => s.run(Tiles::<$height, 1> {
                    strip,
                    tiles,
                    fetch,
                }),
                2 => s.run(Tiles::<$height, 2> {
                    strip,
                    tiles,
                    fetch,
                }),
                3 if S::TILE_VECTORS >= 3 => s.run(Tiles::<$height, 3> {
                    strip,
                    tiles,
                    fetch,
                }),
                _ => unreachable!("tiles have 1 to {} vectors", MAX_TILE_VECTORS),
            }
        };
    }
    height!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

struct Tiles<'a, const HEIGHT: usize, const VECTORS: usize> {
    strip: &'a Strip<'a>,
    tiles: usize,
    /// Lines to fetch ahead in each round.
    fetch: usize,
}

impl<const HEIGHT: usize, const VECTORS: usize> Op for Tiles<'_, HEIGHT, VECTORS> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let strip = self.strip;
        let mut ahead = Ahead {
            next: strip.next,
            fetch: self.fetch,
        };
        for tile in 0..self.tiles {
            let row = tile * HEIGHT;
            // SAFETY: the caller counted `tiles * HEIGHT` rows of both matrices from the strip's
            // pointers on, `columns` columns of C, and `depth` rows of the panel.
            unsafe {
                let a = strip.a.add(row * strip.a_stride);
                let c = strip.c.add(row * strip.c_stride);
                one_tile::<S, HEIGHT, VECTORS>(s, strip, &mut ahead, a, c);
            }
        }
    }
}

/// Fetches ahead, a few lines a round.
struct Ahead {
    next: *const f32,
    fetch: usize,
}

impl Ahead {
    #[inline(always)]
    fn round<S: Simd>(&mut self, s: S) {
        for _ in 0..self.fetch {
            s.prefetch(self.next);
            self.next = self.next.wrapping_add(LINE);
        }
    }
}

/// # Safety
/// `HEIGHT` rows of `depth` floats are readable at `a` and of `columns` floats writable at `c`;
/// the panel is `VECTORS` registers wide.
// Loops over indices, not iterators: they unroll completely, and only then are the sums registers.
#[expect(clippy::needless_range_loop, reason = "see above")]
#[inline(always)]
unsafe fn one_tile<S: Simd, const HEIGHT: usize, const VECTORS: usize>(
    s: S,
    strip: &Strip,
    ahead: &mut Ahead,
    a: *const f32,
    c: *mut f32,
) {
    let mut sums = [[s.splat(0.0); VECTORS]; HEIGHT];
    let (columns, c_stride) = (strip.columns, strip.c_stride);
    if let Some(bias) = strip.bias {
        for j in 0..VECTORS {
            // SAFETY: the bias has at least `columns` floats.
            let bias = unsafe { load_part(s, bias.as_ptr(), j, columns) };
            for i in 0..HEIGHT {
                sums[i][j] = bias;
            }
        }
    }
    // Where sums are short the memory is busy with the results anyway.
    let fetched = if strip.depth >= FETCH_RESULTS {
        HEIGHT
    } else {
        0
    };
    for i in 0..fetched {
        let row = c.wrapping_add(i * c_stride);
        for line in 0..(VECTORS * S::LANES).div_ceil(LINE) {
            s.prefetch_write(row.wrapping_add(line * LINE));
        }
    }
    let mut rows = [a; HEIGHT];
    for i in 0..HEIGHT {
        // SAFETY: row i < HEIGHT of A.
        rows[i] = unsafe { a.add(i * strip.a_stride) };
    }
    let (mut b, mut p) = (strip.b, 0);
    while p < strip.depth {
        ahead.round(s);
        let end = (p + FETCH_STEPS).min(strip.depth);
        macro_rules! step {
            ($ahead:literal) => {
                let mut right = [s.splat(0.0); VECTORS];
                for j in 0..VECTORS {
                    // SAFETY: row p + ahead of the panel has VECTORS registers.
                    right[j] = unsafe { s.load(b.add(($ahead * VECTORS + j) * S::LANES)) };
                }
                for i in 0..HEIGHT {
                    // SAFETY: p + ahead < depth is a column of A.
                    let left = s.splat(unsafe { *rows[i].add(p + $ahead) });
                    for j in 0..VECTORS {
                        sums[i][j] = s.fma(left, right[j], sums[i][j]);
                    }
                }
            };
        }
        // Four steps share the arithmetic of addresses.
        while p + 4 <= end {
            step!(0);
            step!(1);
            step!(2);
            step!(3);
            // SAFETY: at most one past the panel's last row.
            b = unsafe { b.add(4 * VECTORS * S::LANES) };
            p += 4;
        }
        while p < end {
            step!(0);
            // SAFETY: as above.
            b = unsafe { b.add(VECTORS * S::LANES) };
            p += 1;
        }
    }
    if strip.continues {
        for i in 0..HEIGHT {
            for j in 0..VECTORS {
                // SAFETY: row i < HEIGHT, and `columns` says what of it is there.
                let held = unsafe { load_part(s, c.add(i * c_stride), j, columns) };
                sums[i][j] = s.add(sums[i][j], held);
            }
        }
    }
    if strip.relu6 {
        for i in 0..HEIGHT {
            for j in 0..VECTORS {
                sums[i][j] = relu6(s, sums[i][j]);
            }
        }
    }
    for i in 0..HEIGHT {
        for j in 0..VECTORS {
            // SAFETY: as for loading.
            unsafe { store_part(s, c.add(i * c_stride), j, columns, sums[i][j]) };
        }
    }
}

/// Register `j` of a row of `columns` floats; what is beyond them reads as zero.
///
/// # Safety
/// `columns` floats are readable at `row`.
#[inline(always)]
unsafe fn load_part<S: Simd>(s: S, row: *const f32, j: usize, columns: usize) -> S::V {
    let left = columns - j * S::LANES;
    // SAFETY: `left` floats remain from register j on.
    unsafe {
        let p = row.add(j * S::LANES);
        if left >= S::LANES {
            s.load(p)
        } else {
            s.load_first(p, left)
        }
    }
}

/// # Safety
/// `columns` floats are writable at `row`.
#[inline(always)]
unsafe fn store_part<S: Simd>(s: S, row: *mut f32, j: usize, columns: usize, v: S::V) {
    let left = columns - j * S::LANES;
    // SAFETY: `left` floats remain from register j on.
    unsafe {
        let p = row.add(j * S::LANES);
        if left >= S::LANES {
            s.store(p, v)
        } else {
            s.store_first(p, left, v)
        }
    }
}
