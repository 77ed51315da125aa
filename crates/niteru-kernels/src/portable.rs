//! Plain Rust, four lanes: what runs when nothing better was detected.

use crate::simd::{Op, Simd};

/// Needs no proof: it is plain Rust.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 4;

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

/// `2^n` for whole n in −126…127.
#[inline(always)]
fn power_of_two(n: f32) -> f32 {
    f32::from_bits((((n as i32) + 127) << 23) as u32)
}

/// A half-precision number widened, given as its bits.
#[inline(always)]
pub(crate) fn widen_half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    // As if it had f32's exponent bias, then times 2^112: right for denormals, too.
    let scaled = f32::from_bits(magnitude) * power_of_two(112.0);
    let special = bits & 0x7c00 == 0x7c00;
    let value = match special {
        true => magnitude | 0x7f80_0000,
        false => scaled.to_bits(),
    };
    f32::from_bits(value | sign)
}

impl Simd for Portable {
    type V = [f32; LANES];
    const LANES: usize = LANES;
    const TILE_ROWS: usize = 4;
    const TILE_VECTORS: usize = 2;

    #[inline(always)]
    fn run<O: Op>(self, op: O) -> O::Output {
        // A function of its own, as for the other sets: inlined into each other, the kernels
        // would take minutes to compile.
        #[inline(never)]
        fn out_of_line<O: Op>(simd: Portable, op: O) -> O::Output {
            op.run(simd)
        }
        out_of_line(self, op)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller vouches for four floats; f32 arrays have the alignment of f32.
        unsafe { p.cast::<[f32; LANES]>().read() }
    }
    #[inline(always)]
    unsafe fn load_first(self, p: *const f32, n: usize) -> Self::V {
        let mut v = [0.0; LANES];
        for (i, lane) in v.iter_mut().enumerate().take(n) {
            // SAFETY: i < n, and the caller vouches for n floats.
            *lane = unsafe { *p.add(i) };
        }
        v
    }
    #[inline(always)]
    unsafe fn load_first_or(self, p: *const f32, n: usize, others: Self::V) -> Self::V {
        let mut v = others;
        for (i, lane) in v.iter_mut().enumerate().take(n) {
            // SAFETY: i < n, and the caller vouches for n floats.
            *lane = unsafe { *p.add(i) };
        }
        v
    }
    #[inline(always)]
    unsafe fn load_half(self, p: *const u16) -> Self::V {
        // SAFETY: the caller vouches for four numbers; their arrays have their alignment.
        unsafe { p.cast::<[u16; LANES]>().read() }.map(widen_half)
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller vouches for four floats.
        unsafe { p.cast::<[f32; LANES]>().write(v) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize, v: Self::V) {
        for (i, lane) in v.iter().enumerate().take(n) {
            // SAFETY: i < n, and the caller vouches for n floats.
            unsafe { *p.add(i) = *lane };
        }
    }
    #[inline(always)]
    fn prefetch(self, _: *const f32) {}
    #[inline(always)]
    fn prefetch_write(self, _: *const f32) {}
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn round(self, v: Self::V) -> Self::V {
        // Adding 1.5·2^23 leaves no bits for a fraction; this needs no library call.
        const SHIFT: f32 = 12_582_912.0;
        v.map(|x| (x + SHIFT) - SHIFT)
    }
    #[inline(always)]
    fn scale_exponent(self, v: Self::V, n: Self::V) -> Self::V {
        zip(v, n, |x, n| {
            let half = (n as i32 >> 1) as f32;
            x * power_of_two(half) * power_of_two(n - half)
        })
    }
    #[inline(always)]
    unsafe fn difference(self, a: *const i32, b: *const i32) -> Self::V {
        // SAFETY: the caller vouches for four integers at both.
        let (a, b) = unsafe {
            (
                a.cast::<[i32; LANES]>().read(),
                b.cast::<[i32; LANES]>().read(),
            )
        };
        std::array::from_fn(|i| a[i].wrapping_sub(b[i]) as f32)
    }
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        (v[0] + v[2]) + (v[1] + v[3])
    }
    #[inline(always)]
    fn largest(self, v: Self::V) -> f32 {
        v[0].max(v[1]).max(v[2].max(v[3]))
    }
}
