//! The similarity of every two things, and in which order average linkage joins them.

use niteru_kernels::Kernels;

use super::groups::Vectors;

/// Two groups become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Join {
    /// A member of each.
    pub(super) pair: (usize, usize),
    /// The mean similarity of their members.
    pub(super) similarity: f32,
}

/// The mean similarity of every two groups. At first each vector is one; of two that were joined the
/// group is known under the smaller index.
pub(super) struct Similarities {
    /// Row `i` has those with 0…`i` − 1.
    values: Vec<f32>,
    sizes: Vec<f32>,
    /// The groups there are, rising.
    groups: Vec<usize>,
}

impl Similarities {
    pub(super) fn of(kernels: Kernels, vectors: Vectors<'_>) -> Self {
        let count = vectors.len();
        let mut values = vec![0.0; place(count, 0)];
        for row in 1..count {
            let before = &vectors.values[..row * vectors.dimensions];
            let out = &mut values[place(row, 0)..][..row];
            kernels.dots(vectors.get(row), before, out);
        }
        Self {
            values,
            sizes: vec![1.0; count],
            groups: (0..count).collect(),
        }
    }

    /// All joins until one group is left, in some order that keeps to how they build on each other.
    ///
    /// By chains of nearest neighbours (Benzécri, 1982; Murtagh, *Comput. J.* 26, 1983), in time of the
    /// order of the square of the count: from a group one goes to the one most alike, until two are
    /// each other's. Average linkage never makes a joined group more alike to another than its parts
    /// were, so these two would be joined in any case.
    pub(super) fn joins(mut self) -> Vec<Join> {
        let mut joins = Vec::with_capacity(self.groups.len().saturating_sub(1));
        let mut chain: Vec<usize> = Vec::new();
        while self.groups.len() > 1 {
            let last = match chain.last() {
                Some(&last) => last,
                None => {
                    chain.push(self.groups[0]);
                    self.groups[0]
                }
            };
            let before = chain.len().checked_sub(2).map(|at| chain[at]);
            let (nearest, similarity) = self.nearest(last, before);
            if Some(nearest) == before {
                chain.truncate(chain.len() - 2);
                let pair = (last.min(nearest), last.max(nearest));
                self.join(pair);
                joins.push(Join { pair, similarity });
            } else {
                chain.push(nearest);
            }
        }
        joins
    }

    fn between(&self, a: usize, b: usize) -> f32 {
        self.values[place(a.max(b), a.min(b))]
    }

    /// The group most alike to another one; of equal ones `preferred`, so that chains end, then the
    /// first.
    fn nearest(&self, group: usize, preferred: Option<usize>) -> (usize, f32) {
        let mut best = match preferred {
            Some(preferred) => (preferred, self.between(group, preferred)),
            None => (group, f32::NEG_INFINITY),
        };
        for &other in self.groups.iter().filter(|&&other| other != group) {
            let similarity = self.between(group, other);
            if similarity > best.1 {
                best = (other, similarity);
            }
        }
        best
    }

    fn join(&mut self, (a, b): (usize, usize)) {
        self.groups.retain(|&group| group != b);
        let (size_a, size_b) = (self.sizes[a], self.sizes[b]);
        self.sizes[a] = size_a + size_b;
        for &other in self.groups.iter().filter(|&&other| other != a) {
            let (to_a, to_b) = (self.between(other, a), self.between(other, b));
            let mean = (size_a * to_a + size_b * to_b) / (size_a + size_b);
            // Rounding must not make it more alike than both parts: chains would not end.
            self.values[place(a.max(other), a.min(other))] = mean.min(to_a.max(to_b));
        }
    }
}

/// Where the similarity with a smaller index is.
fn place(larger: usize, smaller: usize) -> usize {
    larger * larger.saturating_sub(1) / 2 + smaller
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::kernels;

    /// The same by its definition: the two most alike groups, again and again.
    fn plain(vectors: Vectors<'_>) -> Vec<f32> {
        let mut groups: Vec<Vec<usize>> = (0..vectors.len()).map(|i| vec![i]).collect();
        let mean = |a: &[usize], b: &[usize]| {
            let mut sum = 0.0;
            for &i in a {
                for &j in b {
                    let pair = vectors.get(i).iter().zip(vectors.get(j));
                    sum += pair.map(|(x, y)| f64::from(x * y)).sum::<f64>();
                }
            }
            (sum / (a.len() * b.len()) as f64) as f32
        };
        let mut joined = Vec::new();
        while groups.len() > 1 {
            let mut best = (0, 0, f32::NEG_INFINITY);
            for a in 0..groups.len() {
                for b in a + 1..groups.len() {
                    let similarity = mean(&groups[a], &groups[b]);
                    if similarity > best.2 {
                        best = (a, b, similarity);
                    }
                }
            }
            joined.push(best.2);
            let other = groups.remove(best.1);
            groups[best.0].extend(other);
        }
        joined
    }

    #[test]
    fn joins_are_those_of_the_definition() {
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        for count in [0, 1, 2, 3, 10, 60] {
            let mut values = Vec::new();
            for _ in 0..count {
                let vector: Vec<f32> = (0..5).map(|_| random()).collect();
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                values.extend(vector.iter().map(|x| x / length));
            }
            let vectors = Vectors {
                values: &values,
                dimensions: 5,
            };
            let joins = Similarities::of(kernels(), vectors).joins();
            let mut found: Vec<f32> = joins.iter().map(|join| join.similarity).collect();
            found.sort_by(|a, b| b.total_cmp(a));
            let expected = plain(vectors);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }

    #[test]
    fn equal_ones_end() {
        let values = [1.0, 0.0].repeat(50);
        let vectors = Vectors {
            values: &values,
            dimensions: 2,
        };
        let joins = Similarities::of(kernels(), vectors).joins();
        assert_eq!(joins.len(), 49);
        assert!(joins.iter().all(|join| join.similarity == 1.0));
    }
}
