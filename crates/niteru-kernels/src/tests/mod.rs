//! Every kernel against its scalar twin, on every instruction set that this CPU has.

mod attention;
mod choice;
mod depthwise;
mod math;
mod matmul;
mod narrow;
mod packed_rows;
mod rowwise;
mod vectors;

use crate::Kernels;
use crate::twin::Sum;

/// Lengths around every register width and unrolling there is.
const LENGTHS: [usize; 24] = [
    0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 100, 255, 512, 1283,
];

/// Fractions in −1…1 from a seed (xorshift64*), never whole numbers.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 41) as f32;
        bits / (1u64 << 22) as f32 - 1.0
    }

    fn take(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.next()).collect()
    }
}

/// Failing rows of a table, reported together.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    /// Compares numbers whose allowed distance is `tolerance` times a scale of each, plus what
    /// denormals lose.
    fn close(
        &mut self,
        what: impl Fn() -> String,
        got: &[f32],
        want: impl IntoIterator<Item = (f64, f64)>,
        tolerance: f32,
    ) {
        let mut worst: Option<(f64, String)> = None;
        let mut count = 0;
        for (i, (want, scale)) in want.into_iter().enumerate() {
            count += 1;
            let got = f64::from(got[i]);
            let allowed = f64::from(tolerance) * scale + 1e-41;
            let excess = (got - want).abs() / allowed;
            let excess = match (got.is_nan(), want.is_nan()) {
                (true, true) => 0.0,
                (false, false) => excess,
                _ => f64::INFINITY,
            };
            if excess > worst.as_ref().map_or(1.0, |worst| worst.0) {
                worst = Some((
                    excess,
                    format!("at {i}: {got} for {want}, allowed {allowed:e}"),
                ));
            }
        }
        if count != got.len() {
            self.0
                .push(format!("{}: {} numbers for {count}", what(), got.len()));
        }
        if let Some((_, text)) = worst {
            self.0.push(format!("{} {text}", what()));
        }
    }

    fn sums(&mut self, what: impl Fn() -> String, got: &[f32], want: &[Sum]) {
        let want = want.iter().map(|sum| (sum.value, sum.magnitude));
        self.close(what, got, want, crate::PRODUCT_TOLERANCE);
    }

    fn check(&mut self, holds: bool, what: impl Fn() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    #[track_caller]
    fn report(self) {
        assert!(
            self.0.is_empty(),
            "{} rows fail:\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}
