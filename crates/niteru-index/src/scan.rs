//! Comparing a query with rows one by one: the exact search.

use std::ops::Range;

use half::slice::HalfFloatSliceExt;
use niteru_kernels::Kernels;
use rayon::prelude::*;

use crate::rows::Rows;
use crate::{Filter, Hit, IndexError, Search, TopK};

/// Rows that are compared before their similarities are looked at.
const TILE_ROWS: usize = 64;

/// Vectors a parallel task scans; fewer than two of these are scanned on the calling thread.
const BLOCK_ROWS: usize = 4096;

/// What is looked for, checked and ready to be compared.
pub(crate) struct Asked<'a> {
    pub(crate) kernels: Kernels,
    /// Unit length.
    pub(crate) query: Vec<f32>,
    pub(crate) search: Search<'a>,
    min_similarity: f32,
}

impl<'a> Asked<'a> {
    /// Checks a query.
    pub(crate) fn new(
        kernels: Kernels,
        dimensions: usize,
        query: &[f32],
        search: &Search<'a>,
    ) -> Result<Self, IndexError> {
        if query.len() != dimensions {
            let (expected, found) = (dimensions, query.len());
            return Err(IndexError::Dimensions { expected, found });
        }
        let min_similarity = search.min_similarity.unwrap_or(f32::NEG_INFINITY);
        if min_similarity.is_nan() {
            return Err(IndexError::DegenerateMinimum);
        }
        let mut query = query.to_vec();
        kernels
            .normalize(&mut query)
            .ok_or(IndexError::DegenerateQuery)?;
        Ok(Self {
            kernels,
            query,
            search: *search,
            min_similarity,
        })
    }

    fn top(&self) -> TopK {
        TopK::new(self.search.k, self.min_similarity)
    }

    /// The best of all rows.
    pub(crate) fn scan(&self, rows: &Rows) -> TopK {
        // A small set of allowed ids is looked up, not searched for among all rows.
        if let Filter::Only(set) = self.search.filter
            && set.len() < rows.len() as u64 / 8
        {
            let places = set.iter().filter_map(|id| rows.place_of(id));
            return self.scan_places(rows, &places.collect::<Vec<_>>());
        }
        self.scan_range(rows, 0..rows.places())
    }

    /// The best of the rows at these places, which the filter lets through.
    pub(crate) fn scan_places(&self, rows: &Rows, places: &[usize]) -> TopK {
        if places.len() < 2 * BLOCK_ROWS {
            return Scan::new(self, rows).places(places).top;
        }
        let top = || self.top();
        places
            .par_chunks(BLOCK_ROWS)
            .map(|places| Scan::new(self, rows).places(places).top)
            .reduce(top, TopK::merge)
    }

    /// The best of a range of rows.
    pub(crate) fn scan_range(&self, rows: &Rows, range: Range<usize>) -> TopK {
        let blocks = range.len().div_ceil(BLOCK_ROWS);
        if blocks < 2 {
            return Scan::new(self, rows).range(range).top;
        }
        let scan = || Scan::new(self, rows);
        (0..blocks)
            .into_par_iter()
            .fold(scan, |scan, block| {
                let start = range.start + block * BLOCK_ROWS;
                scan.range(start..range.end.min(start + BLOCK_ROWS))
            })
            .map(|scan| scan.top)
            .reduce(|| self.top(), TopK::merge)
    }
}

/// One thread's part of a search.
struct Scan<'a> {
    asked: &'a Asked<'a>,
    rows: &'a Rows,
    top: TopK,
}

impl<'a> Scan<'a> {
    fn new(asked: &'a Asked<'a>, rows: &'a Rows) -> Self {
        let top = asked.top();
        Self { asked, rows, top }
    }

    fn range(mut self, range: Range<usize>) -> Self {
        match self.asked.search.filter {
            Filter::All => self.contiguous(range),
            filter => {
                for place in range {
                    if filter.allows(self.rows.ids[place]) {
                        self.compare(place);
                    }
                }
            }
        }
        self
    }

    fn places(mut self, places: &[usize]) -> Self {
        for &place in places {
            self.compare(place);
        }
        self
    }

    fn contiguous(&mut self, mut range: Range<usize>) {
        let mut dots = [0.0; TILE_ROWS];
        let dimensions = self.asked.query.len();
        while !range.is_empty() {
            let end = range.end.min(range.start + TILE_ROWS);
            let tile = self.rows.vectors.run(range.start..end);
            let dots = &mut dots[..tile.len() / dimensions];
            let (kernels, query) = (self.asked.kernels, &self.asked.query);
            kernels.dots_half(query, tile.reinterpret_cast(), dots);
            for (row, &dot) in dots.iter().enumerate() {
                self.offer(range.start + row, dot);
            }
            range.start += dots.len();
        }
    }

    fn compare(&mut self, place: usize) {
        let row = self.rows.vectors.row(place).reinterpret_cast();
        let dot = self.asked.kernels.dot_half(&self.asked.query, row);
        self.offer(place, dot);
    }

    fn offer(&mut self, place: usize, dot: f32) {
        // Plus zero: −0 becomes 0, which it equals.
        let similarity = (dot * self.rows.inverse_lengths[place]).clamp(-1.0, 1.0) + 0.0;
        self.top.offer(Hit {
            id: self.rows.ids[place],
            similarity,
        });
    }
}
