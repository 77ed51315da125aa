//! The right answers, and how an index's are held against them.

use std::collections::BTreeMap;

use half::f16;
use niteru_kernels::SplitMix64;

use super::{SMALL, Subject, TOLERANCE};
use crate::{Changes, Filter, Hit, IdSet, Search, VectorIndex, from_f16, to_f16};

/// Compares hits with the right ones, and counts those that an approximate index may miss.
pub(super) struct Checked<'a> {
    subject: &'a dyn Subject,
    right: usize,
    found: usize,
}

impl<'a> Checked<'a> {
    pub(super) fn new(subject: &'a dyn Subject) -> Self {
        let (right, found) = (0, 0);
        Self {
            subject,
            right,
            found,
        }
    }

    pub(super) fn search(
        &mut self,
        index: &dyn VectorIndex,
        truth: &BTreeMap<u64, Vec<f16>>,
        query: &[f32],
        search: &Search<'_>,
        what: &str,
    ) {
        let hits = index.search(query, search).expect("a good query");
        let right = expected(truth, query, search);
        let allowed = truth.keys().filter(|id| search.filter.allows(**id));
        if self.subject.recall() >= 1.0 || allowed.count() <= SMALL {
            return same(&hits, &right, what);
        }
        // Each hit is what it claims to be, and none could have been left out by a filter.
        let ids: IdSet = hits.iter().map(|hit| hit.id).collect();
        let among = search.filter(Filter::Only(&ids));
        same(&hits, &expected(truth, query, &among), what);
        assert!(
            hits.iter().all(|hit| search.filter.allows(hit.id)),
            "{what}: filter"
        );
        if search.min_similarity.is_none() {
            assert_eq!(hits.len(), right.len(), "{what}: number of hits");
        }
        self.right += right.len();
        self.found += right.iter().filter(|hit| ids.contains(hit.id)).count();
    }

    pub(super) fn finish(self, check: &str) {
        let (found, right) = (self.found, self.right);
        let least = self.subject.recall() * right as f64;
        assert!(
            found as f64 >= least,
            "{check}: {found} of {right} right hits found"
        );
    }
}

pub(super) fn fill(
    index: &dyn VectorIndex,
    random: &mut Random,
    dimensions: usize,
    count: usize,
) -> BTreeMap<u64, Vec<f16>> {
    let truth: BTreeMap<u64, Vec<f16>> = (0..count as u64)
        .map(|id| (id, to_f16(&random.vector(dimensions))))
        .collect();
    let ids: Vec<u64> = truth.keys().copied().collect();
    let vectors = truth.values().flatten().copied().collect::<Vec<_>>();
    let changes = Changes {
        version: 1,
        ids: &ids,
        vectors: &vectors,
        removed: &[],
    };
    index.apply(&changes).expect("good vectors");
    truth
}

/// The answer by the definition, in f64.
pub(super) fn expected(
    truth: &BTreeMap<u64, Vec<f16>>,
    query: &[f32],
    search: &Search<'_>,
) -> Vec<Hit> {
    let length = |v: &[f32]| v.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let mut hits: Vec<Hit> = truth
        .iter()
        .filter(|(id, _)| search.filter.allows(**id))
        .map(|(&id, row)| {
            let row = from_f16(row);
            let dot: f64 = row
                .iter()
                .zip(query)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum();
            Hit {
                id,
                similarity: (dot / length(&row) / length(query)) as f32,
            }
        })
        .filter(|hit| {
            search
                .min_similarity
                .is_none_or(|min| hit.similarity >= min)
        })
        .collect();
    hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.id.cmp(&b.id)));
    hits.truncate(search.k);
    hits
}

/// The same ids in the same order, but for similarities closer than the tolerance.
pub(super) fn same(found: &[Hit], expected: &[Hit], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: number of hits");
    for (rank, (found, expected)) in found.iter().zip(expected).enumerate() {
        let near = (found.similarity - expected.similarity).abs() <= TOLERANCE;
        assert!(
            near,
            "{what}, rank {rank}: {found:?}, expected {expected:?}"
        );
    }
    for pair in found.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let ordered = a.similarity > b.similarity || (a.similarity == b.similarity && a.id < b.id);
        assert!(ordered, "{what}: {a:?} before {b:?}");
    }
    let firm = |hits: &[Hit]| -> Vec<u64> {
        let close = |a: &Hit, b: &Hit| (a.similarity - b.similarity).abs() <= 2.0 * TOLERANCE;
        let alone = |hit: &&Hit| expected.iter().filter(|other| close(hit, other)).count() == 1;
        let last = expected.last().map_or(0.0, |hit| hit.similarity);
        hits.iter()
            .filter(alone)
            .filter(|hit| hit.similarity > last + 2.0 * TOLERANCE)
            .map(|hit| hit.id)
            .collect()
    };
    assert_eq!(firm(found), firm(expected), "{what}: ids");
}

/// A sequence of choices.
pub(super) struct Random(SplitMix64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.bits() % end
    }

    /// Values in −1…1, scaled to unit length.
    pub(super) fn vector(&mut self, dimensions: usize) -> Vec<f32> {
        let values: Vec<f64> = (0..dimensions)
            .map(|_| (self.0.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
            .collect();
        let length = values.iter().map(|x| x * x).sum::<f64>().sqrt();
        values.iter().map(|x| (x / length) as f32).collect()
    }
}
