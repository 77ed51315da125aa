use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use niteru_kernels::Kernels;

use crate::rows::{self, Rows};
use crate::scan::Asked;
use crate::{Changes, Hit, IndexError, Search, VectorIndex};

/// Compares the query with every vector; the reference for all other indexes.
///
/// Vectors lie in memory as f16, row after row: a scan is bound by memory bandwidth, so half the
/// bytes, widened in registers, beat reading f32. Beside each vector stands the inverse
/// of its length after rounding, so that a similarity is a true cosine and an image's similarity
/// with itself is 1 up to the rounding of f32.
///
/// A large scan runs on rayon's threads while it holds a read lock: do not call it from inside a
/// rayon task that other tasks of the same pool could interleave with changes.
///
/// Memory: `2 × dimensions` bytes a vector, plus about 32 for its id, length and place.
#[derive(Debug)]
pub struct ExactIndex {
    dimensions: usize,
    kernels: Kernels,
    rows: RwLock<Rows>,
}

impl ExactIndex {
    /// An empty index for vectors of that length, compared by the given kernels.
    pub fn new(dimensions: usize, kernels: Kernels) -> Self {
        Self {
            dimensions,
            kernels,
            rows: RwLock::new(Rows::new(dimensions)),
        }
    }

    /// Reserves memory for that many more vectors.
    pub fn reserve(&self, vectors: usize) {
        self.write().reserve(vectors);
    }

    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VectorIndex for ExactIndex {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn len(&self) -> usize {
        self.read().len()
    }

    fn version(&self) -> u64 {
        self.read().version
    }

    fn apply(&self, changes: &Changes<'_>) -> Result<(), IndexError> {
        let inverse_lengths = rows::inverse_lengths(self.dimensions, changes)?;
        self.write().apply(changes, &inverse_lengths)
    }

    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Hit>, IndexError> {
        let asked = Asked::new(self.kernels, self.dimensions, query, search)?;
        Ok(asked.scan(&self.read()).into_hits())
    }
}
