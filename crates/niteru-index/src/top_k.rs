use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::Hit;

/// Keeps the `k` best hits seen: most similar first, equal similarities by id ascending.
///
/// Similarities that are NaN are never kept.
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    min_similarity: f32,
    // The worst hit is on top, where it can be replaced.
    heap: BinaryHeap<Ranked>,
}

impl TopK {
    /// Keeps at most `k` hits with at least `min_similarity`.
    pub fn new(k: usize, min_similarity: f32) -> Self {
        Self {
            k,
            min_similarity,
            heap: BinaryHeap::new(),
        }
    }

    /// Offers a hit.
    pub fn offer(&mut self, hit: Hit) {
        // NaN compares as false, so it is not wanted.
        let wanted = hit.similarity >= self.min_similarity;
        if !wanted || self.k == 0 {
            return;
        }
        if self.heap.len() < self.k {
            self.heap.push(Ranked(hit));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && Ranked(hit) < *worst
        {
            *worst = Ranked(hit);
        }
    }

    /// Takes over what another one has kept.
    pub fn merge(mut self, other: Self) -> Self {
        for Ranked(hit) in other.heap {
            self.offer(hit);
        }
        self
    }

    /// The hits, best first.
    pub fn into_hits(self) -> Vec<Hit> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|Ranked(hit)| hit)
            .collect()
    }
}

/// Orders hits by rank: less is better.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ranked(Hit);

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_similarity = other.0.similarity.total_cmp(&self.0.similarity);
        by_similarity.then(self.0.id.cmp(&other.0.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_best_whatever_the_order() {
        let hits = [
            (1, 0.5),
            (2, 0.9),
            (3, 0.5),
            (4, f32::NAN),
            (5, -0.0),
            (6, 0.0),
            (7, -1.0),
        ];
        // (k, smallest similarity, expected ids)
        let table: &[(usize, f32, &[u64])] = &[
            (0, -2.0, &[]),
            (1, -2.0, &[2]),
            (2, -2.0, &[2, 1]),
            (3, -2.0, &[2, 1, 3]),
            (9, 0.4, &[2, 1, 3]),
            (9, -2.0, &[2, 1, 3, 6, 5, 7]),
        ];
        let mut wrong = Vec::new();
        for &(k, min, expected) in table {
            for rotate in 0..hits.len() {
                let mut order = hits;
                order.rotate_left(rotate);
                let (left, right) = order.split_at(rotate);
                let half = |part: &[(u64, f32)]| {
                    let mut top = TopK::new(k, min);
                    part.iter()
                        .for_each(|&(id, similarity)| top.offer(Hit { id, similarity }));
                    top
                };
                let found = half(left).merge(half(right)).into_hits();
                let found: Vec<u64> = found.iter().map(|hit| hit.id).collect();
                if found != expected {
                    wrong.push(format!("k {k}, min {min}, rotate {rotate}: {found:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
