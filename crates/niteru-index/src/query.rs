use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::{IdSet, IndexError};

/// An index of unit vectors for one collection.
///
/// Calls block. Everything takes `&self`: one index serves many threads, and searches go on while
/// changes are applied. Every implementation passes the [`conformance`](crate) suite, in which
/// [`ExactIndex`](crate::ExactIndex) is the reference.
pub trait VectorIndex: Send + Sync {
    /// Length of every vector.
    fn dimensions(&self) -> usize;

    /// Number of vectors.
    fn len(&self) -> usize;

    /// Whether the index holds no vector.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last change number applied; 0 for a new index.
    fn version(&self) -> u64;

    /// Brings the index up to `changes.version`: all of it, or nothing when it returns an error.
    ///
    /// # Errors
    /// [`IndexError::Shape`], [`IndexError::DegenerateVector`], [`IndexError::OlderChange`].
    fn apply(&self, changes: &Changes<'_>) -> Result<(), IndexError>;

    /// The most similar vectors: similarity descending, equal similarities by id ascending.
    ///
    /// The query needs no unit length. At most `search.k` hits; fewer only when fewer vectors
    /// pass the filter and the smallest similarity.
    ///
    /// # Errors
    /// [`IndexError::Dimensions`], [`IndexError::DegenerateQuery`],
    /// [`IndexError::DegenerateMinimum`].
    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Hit>, IndexError>;
}

/// What changed since an index's version. Removals count first, then insertions in order: an id
/// that is given twice keeps its last vector.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes<'a> {
    /// Change number that the index has after this; not below its version.
    pub version: u64,
    /// Ids to remove; unknown ones are ignored.
    pub removed: &'a [u64],
    /// Ids to insert or replace.
    pub ids: &'a [u64],
    /// Their vectors, row after row: `ids.len()` × dimensions. Finite and not all zero; unit
    /// length up to the rounding to f16.
    pub vectors: &'a [f16],
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Search<'a> {
    /// Most hits to return.
    pub k: usize,
    /// Leave out everything less similar.
    pub min_similarity: Option<f32>,
    /// Which ids may be hits. Applied inside the search: `k` hits come back if `k` exist.
    pub filter: Filter<'a>,
}

impl<'a> Search<'a> {
    /// The `k` most similar of all.
    pub fn top(k: usize) -> Self {
        Self {
            k,
            min_similarity: None,
            filter: Filter::All,
        }
    }

    /// The same, with a smallest similarity.
    pub fn min_similarity(self, min_similarity: Option<f32>) -> Self {
        Self {
            min_similarity,
            ..self
        }
    }

    /// The same, among the ids that the filter lets through.
    pub fn filter(self, filter: Filter<'a>) -> Self {
        Self { filter, ..self }
    }
}

/// Which ids may be hits.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Filter<'a> {
    /// Every id.
    All,
    /// These ids only.
    Only(&'a IdSet),
    /// Every id but these.
    Except(&'a IdSet),
}

impl Filter<'_> {
    /// Whether the id may be a hit.
    pub fn allows(&self, id: u64) -> bool {
        match self {
            Filter::All => true,
            Filter::Only(set) => set.contains(id),
            Filter::Except(set) => !set.contains(id),
        }
    }
}

/// One result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Id of the vector.
    pub id: u64,
    /// Cosine of query and vector, −1…1.
    pub similarity: f32,
}

/// Rounds an embedding to the precision that is stored and compared (11 significant bits; a unit
/// vector's cosines change by less than 0.001).
pub fn to_f16(vector: &[f32]) -> Vec<f16> {
    let mut rounded = vec![f16::ZERO; vector.len()];
    rounded.convert_from_f32_slice(vector);
    rounded
}

/// Widens a stored embedding; exact.
pub fn from_f16(vector: &[f16]) -> Vec<f32> {
    let mut wide = vec![0.0; vector.len()];
    vector.convert_to_f32_slice(&mut wide);
    wide
}
