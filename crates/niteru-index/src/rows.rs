//! The vectors of an index in memory, and the places where they lie.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::{Changes, IndexError};

use self::vectors::Vectors;

pub(crate) mod vectors;

/// Vectors with their ids, row after row. A row's number is its *place*.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) version: u64,
    pub(crate) ids: Vec<u64>,
    /// The inverse of each vector's length after rounding, so that a similarity is a true cosine. NaN
    /// for a row that was buried: its similarity is NaN, and such are never kept.
    pub(crate) inverse_lengths: Vec<f32>,
    pub(crate) vectors: Vectors,
    places: HashMap<u64, u32, BuildHasherDefault<IdHasher>>,
    /// Rows below this are known to a graph by their place: they are buried, not moved or overwritten.
    fixed: usize,
}

/// Ids are SQLite's row numbers: one multiplication spreads them (Knuth's multiplicative hashing).
#[derive(Debug, Default, Clone)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        // The table looks at both ends of a hash.
        self.0 ^ (self.0 >> 32)
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Rows {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self::from_parts(0, Vec::new(), Vec::new(), Vectors::new(dimensions), 0)
    }

    /// Rows as they were saved.
    pub(crate) fn from_parts(
        version: u64,
        ids: Vec<u64>,
        inverse_lengths: Vec<f32>,
        vectors: Vectors,
        fixed: usize,
    ) -> Self {
        let living = ids.iter().zip(&inverse_lengths).enumerate();
        let living = living.filter(|(_, (_, inverse))| !inverse.is_nan());
        let mut places =
            HashMap::with_capacity_and_hasher(ids.len(), BuildHasherDefault::default());
        places.extend(living.map(|(place, (&id, _))| (id, place as u32)));
        Self {
            version,
            ids,
            inverse_lengths,
            vectors,
            places,
            fixed,
        }
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.vectors.dimensions()
    }

    /// Number of vectors.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Number of places, those of buried rows included.
    pub(crate) fn places(&self) -> usize {
        self.ids.len()
    }

    /// Number of buried rows.
    pub(crate) fn buried(&self) -> usize {
        self.places() - self.len()
    }

    pub(crate) fn place_of(&self, id: u64) -> Option<usize> {
        self.places.get(&id).map(|&place| place as usize)
    }

    pub(crate) fn is_buried(&self, place: usize) -> bool {
        self.inverse_lengths[place].is_nan()
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.ids.reserve(rows);
        self.inverse_lengths.reserve(rows);
        self.places.reserve(rows);
        self.vectors.reserve(rows);
    }

    /// Fixes all rows at their places, and returns how many there are.
    pub(crate) fn fix(&mut self) -> usize {
        self.fixed = self.places();
        self.fixed
    }

    /// Forgets buried rows, and that any row was fixed.
    pub(crate) fn compact(&mut self) {
        let mut compact = Rows::new(self.dimensions());
        compact.version = self.version;
        compact.reserve(self.len());
        for place in 0..self.places() {
            if !self.is_buried(place) {
                let inverse = self.inverse_lengths[place];
                compact.upsert(self.ids[place], self.vectors.row(place), inverse);
            }
        }
        *self = compact;
    }

    /// What [`VectorIndex::apply`](crate::VectorIndex::apply) does, after [`inverse_lengths`].
    pub(crate) fn apply(
        &mut self,
        changes: &Changes<'_>,
        inverse_lengths: &[f32],
    ) -> Result<(), IndexError> {
        if changes.version < self.version {
            let (current, found) = (self.version, changes.version);
            return Err(IndexError::OlderChange { current, found });
        }
        for &id in changes.removed {
            self.remove(id);
        }
        let vectors = changes.vectors.chunks_exact(self.dimensions().max(1));
        for ((&id, vector), &inverse) in changes.ids.iter().zip(vectors).zip(inverse_lengths) {
            self.upsert(id, vector, inverse);
        }
        self.version = changes.version;
        Ok(())
    }

    fn upsert(&mut self, id: u64, vector: &[f16], inverse_length: f32) {
        match self.place_of(id) {
            Some(place) if place >= self.fixed => {
                self.vectors.overwrite(place, vector);
                self.inverse_lengths[place] = inverse_length;
                return;
            }
            Some(place) => self.inverse_lengths[place] = f32::NAN,
            None => {}
        }
        self.places.insert(id, self.ids.len() as u32);
        self.ids.push(id);
        self.vectors.push(vector);
        self.inverse_lengths.push(inverse_length);
    }

    /// Buries the row where it is fixed, else moves the last row into the gap, so that rows stay
    /// contiguous.
    fn remove(&mut self, id: u64) {
        let Some(place) = self.places.remove(&id) else {
            return;
        };
        let place = place as usize;
        if place < self.fixed {
            self.inverse_lengths[place] = f32::NAN;
            return;
        }
        self.ids.swap_remove(place);
        self.inverse_lengths.swap_remove(place);
        self.vectors.swap_remove(place);
        if let Some(&moved) = self.ids.get(place) {
            self.places.insert(moved, place as u32);
        }
    }
}

/// The inverse length of each vector, or what is wrong with the changes.
pub(crate) fn inverse_lengths(
    dimensions: usize,
    changes: &Changes<'_>,
) -> Result<Vec<f32>, IndexError> {
    let (ids, found) = (changes.ids.len(), changes.vectors.len());
    let expected = ids.saturating_mul(dimensions);
    if found != expected {
        return Err(IndexError::Shape {
            ids,
            expected,
            found,
        });
    }
    if dimensions == 0
        && let Some(&id) = changes.ids.first()
    {
        return Err(IndexError::DegenerateVector { id });
    }
    let mut wide = vec![0.0_f32; dimensions];
    let rows = changes.vectors.chunks_exact(dimensions.max(1));
    let lengths = changes.ids.iter().zip(rows).map(|(&id, row)| {
        row.convert_to_f32_slice(&mut wide);
        let square: f64 = wide.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let inverse = 1.0 / square.sqrt();
        // A finite positive inverse: not all zeros, no NaN, no infinity.
        if inverse.is_finite() && inverse > 0.0 {
            Ok(inverse as f32)
        } else {
            Err(IndexError::DegenerateVector { id })
        }
    });
    lengths.collect()
}
