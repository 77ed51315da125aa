use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use half::f16;
use half::slice::HalfFloatSliceExt;
use niteru_kernels::Kernels;
use rayon::prelude::*;

use crate::{Changes, Filter, Hit, IndexError, Search, TopK, VectorIndex};

/// Values widened to f32 at a time: a tile of 64 KiB stays in the cache between the two passes.
const TILE_VALUES: usize = 16 * 1024;

/// Vectors a parallel task scans; fewer than two of these are scanned on the calling thread.
const BLOCK_ROWS: usize = 4096;

/// Compares the query with every vector; the reference for all other indexes.
///
/// Vectors lie in memory as f16, row after row: a scan is bound by memory bandwidth, so widening
/// half the bytes in the cache beats reading f32. Beside each vector stands the inverse
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

#[derive(Debug, Default)]
struct Rows {
    version: u64,
    ids: Vec<u64>,
    vectors: Vec<f16>,
    inverse_lengths: Vec<f32>,
    places: HashMap<u64, usize>,
}

impl ExactIndex {
    /// An empty index for vectors of that length, compared by the given kernels.
    pub fn new(dimensions: usize, kernels: Kernels) -> Self {
        Self {
            dimensions,
            kernels,
            rows: RwLock::default(),
        }
    }

    /// Reserves memory for that many more vectors.
    pub fn reserve(&self, vectors: usize) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.ids.reserve(vectors);
        rows.inverse_lengths.reserve(vectors);
        rows.places.reserve(vectors);
        rows.vectors
            .reserve(vectors.saturating_mul(self.dimensions));
    }

    /// The inverse length of each vector, or the first that has none.
    fn inverse_lengths(&self, changes: &Changes<'_>) -> Result<Vec<f32>, IndexError> {
        let mut wide = vec![0.0_f32; self.dimensions];
        let rows = changes.vectors.chunks_exact(self.dimensions.max(1));
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
}

impl VectorIndex for ExactIndex {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn len(&self) -> usize {
        self.rows
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .ids
            .len()
    }

    fn version(&self) -> u64 {
        self.rows
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .version
    }

    fn apply(&self, changes: &Changes<'_>) -> Result<(), IndexError> {
        let (ids, found) = (changes.ids.len(), changes.vectors.len());
        let expected = ids.saturating_mul(self.dimensions);
        if found != expected {
            return Err(IndexError::Shape {
                ids,
                expected,
                found,
            });
        }
        if self.dimensions == 0
            && let Some(&id) = changes.ids.first()
        {
            return Err(IndexError::DegenerateVector { id });
        }
        let inverse_lengths = self.inverse_lengths(changes)?;
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if changes.version < rows.version {
            let (current, found) = (rows.version, changes.version);
            return Err(IndexError::OlderChange { current, found });
        }
        for &id in changes.removed {
            rows.remove(id, self.dimensions);
        }
        let vectors = changes.vectors.chunks_exact(self.dimensions.max(1));
        for ((&id, vector), inverse_length) in changes.ids.iter().zip(vectors).zip(inverse_lengths)
        {
            rows.upsert(id, vector, inverse_length);
        }
        rows.version = changes.version;
        Ok(())
    }

    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Hit>, IndexError> {
        if query.len() != self.dimensions {
            let (expected, found) = (self.dimensions, query.len());
            return Err(IndexError::Dimensions { expected, found });
        }
        let min_similarity = search.min_similarity.unwrap_or(f32::NEG_INFINITY);
        if min_similarity.is_nan() {
            return Err(IndexError::DegenerateMinimum);
        }
        let mut query = query.to_vec();
        self.kernels
            .normalize(&mut query)
            .ok_or(IndexError::DegenerateQuery)?;

        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let scan = || Scan::new(self, &rows, &query, TopK::new(search.k, min_similarity));
        // A small set of allowed ids is looked up, not searched for among all rows.
        if let Filter::Only(set) = search.filter
            && set.len() < rows.ids.len() as u64 / 8
        {
            let places = set.iter().filter_map(|id| rows.places.get(&id).copied());
            return Ok(scan().places(places).into_hits());
        }
        let blocks = rows.ids.len().div_ceil(BLOCK_ROWS);
        if blocks < 2 {
            return Ok(scan().rows(0..rows.ids.len(), search.filter).into_hits());
        }
        let top = (0..blocks)
            .into_par_iter()
            .fold(scan, |scan, block| {
                let end = rows.ids.len().min((block + 1) * BLOCK_ROWS);
                scan.rows(block * BLOCK_ROWS..end, search.filter)
            })
            .map(|scan| scan.top)
            .reduce(|| TopK::new(search.k, min_similarity), TopK::merge);
        Ok(top.into_hits())
    }
}

impl Rows {
    fn upsert(&mut self, id: u64, vector: &[f16], inverse_length: f32) {
        let dimensions = vector.len();
        if let Some(&place) = self.places.get(&id) {
            self.vectors[place * dimensions..][..dimensions].copy_from_slice(vector);
            self.inverse_lengths[place] = inverse_length;
        } else {
            self.places.insert(id, self.ids.len());
            self.ids.push(id);
            self.vectors.extend_from_slice(vector);
            self.inverse_lengths.push(inverse_length);
        }
    }

    /// Moves the last row into the gap, so rows stay contiguous.
    fn remove(&mut self, id: u64, dimensions: usize) {
        let Some(place) = self.places.remove(&id) else {
            return;
        };
        let last = self.ids.len() - 1;
        self.ids.swap_remove(place);
        self.inverse_lengths.swap_remove(place);
        self.vectors
            .copy_within(last * dimensions.., place * dimensions);
        self.vectors.truncate(last * dimensions);
        if let Some(&moved) = self.ids.get(place) {
            self.places.insert(moved, place);
        }
    }
}

/// One thread's part of a search: rows are gathered into a tile of f32, then compared at once.
struct Scan<'a> {
    index: &'a ExactIndex,
    rows: &'a Rows,
    query: &'a [f32],
    top: TopK,
    tile: Vec<f32>,
    tile_places: Vec<usize>,
    dots: Vec<f32>,
}

impl<'a> Scan<'a> {
    fn new(index: &'a ExactIndex, rows: &'a Rows, query: &'a [f32], top: TopK) -> Self {
        let tile_rows = (TILE_VALUES / query.len()).max(1);
        Self {
            index,
            rows,
            query,
            top,
            tile: vec![0.0; tile_rows * query.len()],
            tile_places: Vec::with_capacity(tile_rows),
            dots: vec![0.0; tile_rows],
        }
    }

    fn rows(mut self, range: std::ops::Range<usize>, filter: Filter<'_>) -> Self {
        match filter {
            Filter::All => self.contiguous(range),
            _ => {
                let ids = &self.rows.ids;
                self.gather(range.filter(|&place| filter.allows(ids[place])));
            }
        }
        self
    }

    fn places(mut self, places: impl Iterator<Item = usize>) -> Self {
        self.gather(places);
        self
    }

    fn into_hits(self) -> Vec<Hit> {
        self.top.into_hits()
    }

    fn contiguous(&mut self, range: std::ops::Range<usize>) {
        let dimensions = self.query.len();
        let mut start = range.start;
        while start < range.end {
            let count = self.dots.len().min(range.end - start);
            let values = count * dimensions;
            let rows = &self.rows.vectors[start * dimensions..][..values];
            rows.convert_to_f32_slice(&mut self.tile[..values]);
            self.compare(count, |row| start + row);
            start += count;
        }
    }

    fn gather(&mut self, places: impl Iterator<Item = usize>) {
        let dimensions = self.query.len();
        for place in places {
            let row = self.tile_places.len() * dimensions;
            let vector = &self.rows.vectors[place * dimensions..][..dimensions];
            vector.convert_to_f32_slice(&mut self.tile[row..row + dimensions]);
            self.tile_places.push(place);
            if self.tile_places.len() == self.dots.len() {
                self.flush();
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        let places = std::mem::take(&mut self.tile_places);
        self.compare(places.len(), |row| places[row]);
        self.tile_places = places;
        self.tile_places.clear();
    }

    fn compare(&mut self, count: usize, place: impl Fn(usize) -> usize) {
        let (tile, dots) = (
            &self.tile[..count * self.query.len()],
            &mut self.dots[..count],
        );
        self.index.kernels.dots(self.query, tile, dots);
        for (row, &dot) in dots.iter().enumerate() {
            let place = place(row);
            // Plus zero: −0 becomes 0, which it equals.
            let similarity = (dot * self.rows.inverse_lengths[place]).clamp(-1.0, 1.0) + 0.0;
            self.top.offer(Hit {
                id: self.rows.ids[place],
                similarity,
            });
        }
    }
}
