//! Vectors row after row: those of a mapped file first, then our own.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;

/// f16 vectors of one length.
#[derive(Debug)]
pub(crate) struct Vectors {
    dimensions: usize,
    mapped: Mapped,
    mapped_rows: usize,
    own: Vec<f16>,
}

/// Rows in a file that is mapped into memory. Nobody writes to such a file: it is replaced as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapped {
    map: Option<Arc<Mmap>>,
    bytes: Range<usize>,
}

impl Mapped {
    /// A window of the file; `None` when it is not there or begins on an odd address.
    pub(crate) fn new(map: Arc<Mmap>, bytes: Range<usize>) -> Option<Self> {
        let window = map.get(bytes.clone())?;
        let aligned = window.as_ptr().cast::<f16>().is_aligned() && window.len().is_multiple_of(2);
        aligned.then_some(Self {
            map: Some(map),
            bytes,
        })
    }

    fn values(&self) -> &[f16] {
        let Some(map) = &self.map else { return &[] };
        let bytes = &map[self.bytes.clone()];
        // SAFETY: `new` checked that the window is aligned and whole; every bit pattern is a number,
        // and the map lives as long as `self`.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / 2) }
    }
}

impl Vectors {
    pub(crate) fn new(dimensions: usize) -> Self {
        Self::mapped(dimensions, Mapped::default())
    }

    pub(crate) fn mapped(dimensions: usize, mapped: Mapped) -> Self {
        Self {
            dimensions,
            mapped_rows: mapped.values().len() / dimensions.max(1),
            mapped,
            own: Vec::new(),
        }
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector at a place.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn row(&self, place: usize) -> &[f16] {
        self.run(place..place + 1)
    }

    /// The same as bits, or `None` where there is no such place.
    pub(crate) fn bits(&self, place: usize) -> Option<&[u16]> {
        let mapped = self.mapped.values();
        let start = place.checked_mul(self.dimensions)?;
        let row = match start.checked_sub(mapped.len()) {
            None => mapped.get(start..start + self.dimensions),
            Some(start) => self.own.get(start..start + self.dimensions),
        };
        row.map(HalfFloatSliceExt::reinterpret_cast)
    }

    /// The first rows of the range, as many as lie in one piece.
    pub(crate) fn run(&self, range: Range<usize>) -> &[f16] {
        let mapped = self.mapped_rows;
        let values =
            |range: Range<usize>| range.start * self.dimensions..range.end * self.dimensions;
        match range.start < mapped {
            true => &self.mapped.values()[values(range.start..range.end.min(mapped))],
            false => &self.own[values(range.start - mapped..range.end - mapped)],
        }
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.own.reserve(rows.saturating_mul(self.dimensions));
    }

    pub(crate) fn push(&mut self, vector: &[f16]) {
        self.own.extend_from_slice(vector);
    }

    /// Replaces one of our own rows; those of a file are fixed.
    pub(crate) fn overwrite(&mut self, place: usize, vector: &[f16]) {
        let own = place - self.mapped_rows;
        self.own[own * self.dimensions..][..self.dimensions].copy_from_slice(vector);
    }

    /// Removes one of our own rows; the last one takes its place.
    pub(crate) fn swap_remove(&mut self, place: usize) {
        let own = (place - self.mapped_rows) * self.dimensions;
        let last = self.own.len() - self.dimensions;
        self.own.copy_within(last.., own);
        self.own.truncate(last);
    }
}
