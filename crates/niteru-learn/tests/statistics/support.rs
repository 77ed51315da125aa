//! Reference values, numbers that look random, and comparison.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A part of `fixtures/known.json`.
pub(crate) fn known<T: DeserializeOwned>(name: &str) -> T {
    let all: Value = serde_json::from_str(include_str!("../fixtures/known.json")).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

/// Whether two numbers differ by no more than a share of the second.
pub(crate) fn near(got: f64, expected: f64, share: f64) -> bool {
    got == expected || (got - expected).abs() <= share * expected.abs()
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Evenly spread in 0…1, 1 not included.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normally distributed, with deviation 1: the sum of twelve even ones.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    pub(crate) fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }
}
