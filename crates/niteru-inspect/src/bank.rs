//! A memory bank: patches of good pictures, and how far others are from the nearest of them.
//!
//! Source: Roth et al., "Towards Total Recall in Industrial Anomaly Detection" (PatchCore, 2022): a
//! coreset by greedy k-centre selection on randomly projected features (Sener and Savarese, 2018).

use half::f16;
use niteru_kernels::{Epilogue, Kernels, Layout, PackedMatrix, Precision, Rows, RowsMut};
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Patches that the coreset is chosen among at most; a sample of them if there are more.
const CANDIDATES: usize = 16_384;

/// Dimensions that features are projected to while the coreset is chosen.
const PROJECTED: usize = 16;

/// Patches whose distances are computed in one product.
const BLOCK: usize = 64;

/// Distances that are looked at together.
const LANES: usize = 32;

/// Where a patch of the bank comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Number of the good picture.
    pub(crate) picture: u32,
    pub(crate) row: u16,
    pub(crate) column: u16,
}

/// Patch features to choose from, each of `dimensions` numbers, where they lie in the maps of their pictures: there
/// are far more than are kept.
#[derive(Default)]
pub(crate) struct Patches<'a> {
    pub(crate) dimensions: usize,
    pub(crate) rows: Vec<&'a [f32]>,
    pub(crate) origins: Vec<Origin>,
}

/// Patches of good pictures, as they are stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bank {
    pub(crate) dimensions: usize,
    /// Bits of f16 values, `[origins.len(), dimensions]`.
    rows: Vec<u16>,
    origins: Vec<Origin>,
}

/// How far a patch is from the nearest of a bank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Nearest {
    /// Euclidean distance, finite; [`f32::MAX`] to an empty bank.
    pub(crate) distance: f32,
    /// Number of the bank's patch.
    pub(crate) patch: usize,
}

impl Bank {
    /// Keeps at most `most` patches, those that cover all others best.
    pub(crate) fn choose(patches: &Patches<'_>, most: usize, seed: u64) -> Bank {
        let mut random = Random::new(seed);
        let candidates = random.sample(patches.origins.len(), CANDIDATES);
        let chosen = match candidates.len() <= most {
            true => candidates,
            false => {
                let projected = project(patches, &candidates, &mut random);
                let mut chosen: Vec<usize> = k_centres(&projected, most)
                    .into_iter()
                    .map(|at| candidates[at])
                    .collect();
                chosen.sort_unstable();
                chosen
            }
        };
        let row = |&at: &usize| patches.rows[at];
        let bits = |&value: &f32| f16::from_f32(value).to_bits();
        Bank {
            dimensions: patches.dimensions,
            rows: chosen.iter().flat_map(row).map(bits).collect(),
            origins: chosen.iter().map(|&at| patches.origins[at]).collect(),
        }
    }

    /// Keeps all, in their order.
    pub(crate) fn all(patches: &Patches<'_>) -> Bank {
        let bits = |&value: &f32| f16::from_f32(value).to_bits();
        Bank {
            dimensions: patches.dimensions,
            rows: patches.rows.iter().copied().flatten().map(bits).collect(),
            origins: patches.origins.clone(),
        }
    }

    /// All patches: `[len, dimensions]`.
    pub(crate) fn unpacked(&self) -> Vec<f32> {
        let value = |&bits: &u16| f16::from_bits(bits).to_f32();
        self.rows.iter().map(value).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.origins.len()
    }

    pub(crate) fn origin(&self, patch: usize) -> Option<Origin> {
        self.origins.get(patch).copied()
    }

    /// One patch's features.
    pub(crate) fn row(&self, patch: usize) -> impl Iterator<Item = f32> {
        let row = self.rows.chunks_exact(self.dimensions).nth(patch);
        row.unwrap_or_default()
            .iter()
            .map(|&bits| f16::from_bits(bits).to_f32())
    }

    /// Whether all lengths agree and all numbers are finite, as of what was stored must be asked.
    pub(crate) fn is_sound(&self) -> bool {
        self.dimensions > 0
            && self.origins.len().checked_mul(self.dimensions) == Some(self.rows.len())
            && self
                .rows
                .iter()
                .all(|&bits| f16::from_bits(bits).is_finite())
    }

    pub(crate) fn pack(&self, kernels: Kernels) -> PackedBank {
        let (k, n) = (self.dimensions, self.len());
        let rows = self.unpacked();
        let squares = rows.chunks_exact(k.max(1)).map(|row| kernels.dot(row, row));
        PackedBank {
            kernels,
            squares: squares.collect(),
            rows: PackedMatrix::pack(kernels, Precision::F32, &rows, k, n, Layout::OutputByInput),
        }
    }
}

/// A bank ready for one set of kernels.
pub(crate) struct PackedBank {
    kernels: Kernels,
    squares: Vec<f32>,
    rows: PackedMatrix,
}

impl PackedBank {
    /// The nearest patch of the bank to each of `queries`, `[n, dimensions]`.
    ///
    /// A distance depends on its row alone, bit for bit. What has a NaN is farthest.
    pub(crate) fn nearest(&self, queries: &[f32]) -> Vec<Nearest> {
        let (k, n) = (self.rows.k(), self.rows.n());
        if n == 0 || k == 0 {
            let none = Nearest {
                distance: f32::MAX,
                patch: 0,
            };
            return vec![none; queries.len() / k.max(1)];
        }
        let mut products = vec![0.0; BLOCK * n];
        let mut found = Vec::with_capacity(queries.len() / k);
        for block in queries.chunks(BLOCK * k) {
            let rows = block.len() / k;
            let products = &mut products[..rows * n];
            let epilogue = Epilogue::default();
            self.kernels.matmul(
                Rows::new(block, rows, k),
                &self.rows,
                epilogue,
                RowsMut::new(products, rows, n),
            );
            let pairs = block.chunks_exact(k).zip(products.chunks_exact(n));
            found.extend(pairs.map(|(query, products)| self.best(query, products)));
        }
        found
    }

    fn best(&self, query: &[f32], products: &[f32]) -> Nearest {
        let mut best = (f32::INFINITY, 0);
        let pairs = products.chunks(LANES).zip(self.squares.chunks(LANES));
        for (first, (products, squares)) in (0..).step_by(LANES).zip(pairs) {
            let distances = products.iter().zip(squares).map(|(p, s)| s - 2.0 * p);
            // Without a branch for each, so that it is compiled to vectors; few blocks have a nearer one.
            if !distances.clone().fold(false, |any, d| any | (d < best.0)) {
                continue;
            }
            for (at, distance) in distances.enumerate() {
                if distance < best.0 {
                    best = (distance, first + at);
                }
            }
        }
        let square = best.0 + self.kernels.dot(query, query);
        Nearest {
            // Asked before `max`, which would make 0 of a NaN.
            distance: match square.is_finite() {
                true => square.max(0.0).sqrt(),
                false => f32::MAX,
            },
            patch: best.1,
        }
    }
}

/// Random signs keep distances on average (Achlioptas, 2003): `[candidates.len(), PROJECTED]`.
fn project(patches: &Patches<'_>, candidates: &[usize], random: &mut Random) -> Vec<f32> {
    let d = patches.dimensions;
    let signs: Vec<f32> = (0..d * PROJECTED).map(|_| random.sign()).collect();
    let mut projected = vec![0.0; candidates.len() * PROJECTED];
    for (to, &at) in projected.chunks_exact_mut(PROJECTED).zip(candidates) {
        for (value, signs) in patches.rows[at].iter().zip(signs.chunks_exact(PROJECTED)) {
            to.iter_mut()
                .zip(signs)
                .for_each(|(to, s)| *to += value * s);
        }
    }
    projected
}

/// Numbers of `count` rows such that the farthest row from all of them is near: the first row, and
/// then always the row that is farthest from those chosen.
fn k_centres(rows: &[f32], count: usize) -> Vec<usize> {
    let rows = rows.as_chunks::<PROJECTED>().0;
    let mut least = vec![f32::INFINITY; rows.len()];
    let mut chosen = Vec::with_capacity(count);
    let mut next = 0;
    while chosen.len() < count.min(rows.len()) {
        chosen.push(next);
        let centre = rows[next];
        let mut farthest = (f32::NEG_INFINITY, 0);
        for (at, (row, least)) in rows.iter().zip(&mut least).enumerate() {
            let square: f32 = row
                .iter()
                .zip(&centre)
                .map(|(a, b)| (a - b) * (a - b))
                .sum();
            *least = least.min(square);
            if *least > farthest.0 {
                farthest = (*least, at);
            }
        }
        next = farthest.1;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patches(rows: &[[f32; 3]]) -> Patches<'_> {
        let origin = |at: usize| Origin {
            picture: at as u32,
            row: 0,
            column: 0,
        };
        Patches {
            dimensions: 3,
            rows: rows.iter().map(|row| &row[..]).collect(),
            origins: (0..rows.len()).map(origin).collect(),
        }
    }

    #[test]
    fn distances_are_euclidean_on_every_instruction_set() {
        let bank = patches(&[[0.0, 0.0, 0.0], [1.0, 2.0, -2.0], [4.0, 0.5, 0.25]]);
        let bank = Bank::choose(&bank, 10, 1);
        let queries = [1.0, 2.0, -1.5, 0.0, 0.0, 3.0, f32::NAN, 0.0, 0.0];
        for kernels in Kernels::available() {
            let found = bank.pack(kernels).nearest(&queries);
            assert!((found[0].distance - 0.5).abs() < 1e-4 && found[0].patch == 1);
            assert!((found[1].distance - 3.0).abs() < 1e-4 && found[1].patch == 0);
            assert_eq!(
                found[2].distance,
                f32::MAX,
                "what is no number is far from all"
            );
        }
    }

    #[test]
    fn a_coreset_covers_what_is_rare() {
        let mut rows = vec![[0.0, 0.0, 1.0]; 500];
        rows.extend([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0]]);
        let bank = Bank::choose(&patches(&rows), 3, 5);
        let pictures: Vec<u32> = bank.origins.iter().map(|origin| origin.picture).collect();
        assert_eq!(pictures.len(), 3);
        assert!(pictures.ends_with(&[500, 501]), "{pictures:?}");
    }

    #[test]
    fn an_empty_bank_is_far_from_everything() {
        let bank = Bank::choose(&patches(&[]), 10, 1);
        let found = bank.pack(Kernels::detect()).nearest(&[1.0, 2.0, 3.0]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].distance, f32::MAX);
    }

    #[test]
    fn what_was_stored_is_checked() {
        let mut bank = Bank::choose(&patches(&[[1.0, 2.0, 3.0]]), 10, 1);
        assert!(bank.is_sound());
        bank.rows[0] = f16::NAN.to_bits();
        assert!(!bank.is_sound());
        bank.rows.pop();
        assert!(!bank.is_sound());
    }
}
