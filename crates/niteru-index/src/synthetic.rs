//! Made-up embeddings, to measure indexes with.

use niteru_kernels::Kernels;
use rayon::prelude::*;

use niteru_kernels::SplitMix64;

/// Vectors of a cluster, on the average.
const CLUSTER: usize = 100;

/// How far a cluster's vectors stray from its middle: their cosine with it is about 0.8.
const SPREAD: f32 = 0.75;

/// Unit vectors around the middles of clusters, each made from its number alone: the same ones for the
/// same seed, on every machine up to rounding.
pub struct Clusters {
    middles: Vec<f32>,
    dimensions: usize,
    seed: u64,
    kernels: Kernels,
}

impl Clusters {
    /// Clusters of about a hundred, for so many vectors of that length.
    pub fn new(vectors: usize, dimensions: usize, seed: u64) -> Self {
        let kernels = Kernels::detect();
        let clusters = (vectors / CLUSTER).max(1);
        let middles = (0..clusters as u64)
            .into_par_iter()
            .flat_map_iter(|i| {
                let mut random = random(seed ^ 0x5EED, i);
                unit(kernels, (0..dimensions).map(|_| normal(&mut random)))
            })
            .collect();
        Self {
            middles,
            dimensions,
            seed,
            kernels,
        }
    }

    /// The vector of that number, which may be any.
    pub fn vector(&self, number: u64) -> Vec<f32> {
        let mut random = random(self.seed, number);
        let clusters = self.middles.len() / self.dimensions.max(1);
        let middle = (random.bits() % clusters.max(1) as u64) as usize * self.dimensions;
        let spread = SPREAD / (self.dimensions as f32).sqrt();
        let middle = &self.middles[middle..middle + self.dimensions];
        let values = middle.iter().map(|x| x + spread * normal(&mut random));
        unit(self.kernels, values)
    }
}

fn unit(kernels: Kernels, values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut vector: Vec<f32> = values.collect();
    // Of length 0 or 1 that may be nothing, which stays as it is.
    let _ = kernels.normalize(&mut vector);
    vector
}

fn random(seed: u64, stream: u64) -> SplitMix64 {
    let mut random = SplitMix64::new(seed.wrapping_add(stream.wrapping_mul(0xD134_2543_DE82_EF95)));
    SplitMix64::new(random.bits())
}

/// About normal: the sum of four even numbers of 16 bits, mean 0, variance 1.
fn normal(random: &mut SplitMix64) -> f32 {
    let bits = random.bits();
    let sum: u32 = [0, 16, 32, 48]
        .map(|shift| u32::from((bits >> shift) as u16))
        .iter()
        .sum();
    (sum as f32 / 65_536.0 - 2.0) * 1.732_050_8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_unit_and_clustered_and_the_same_again() {
        let clusters = Clusters::new(1000, 64, 5);
        let rows: Vec<_> = (0..1000).map(|i| clusters.vector(i)).collect();
        assert_eq!(rows[77], Clusters::new(1000, 64, 5).vector(77));
        let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!(rows.iter().all(|row| (cosine(row, row) - 1.0).abs() < 1e-5));
        let near = rows[1..].iter().filter(|row| cosine(&rows[0], row) > 0.4);
        let near = near.count();
        assert!((50..200).contains(&near), "{near} of its cluster");
    }
}
