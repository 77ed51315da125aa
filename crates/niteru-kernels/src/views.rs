//! Checked two-dimensional views of `f32` slices.

use std::marker::PhantomData;
use std::ops::Range;

/// A read-only matrix in row-major order: row `i` starts at `data[i * stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

/// A writable matrix in row-major order: row `i` starts at `data[i * stride]`.
///
/// A pointer and not a slice, so that threads can write different columns of the same rows: a slice
/// over one's columns would hold the others' too.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// `cols` floats are there for each row, and nobody else's while this lives.
    data: *mut f32,
    rows: usize,
    cols: usize,
    stride: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: like the exclusive borrow that it stands for.
unsafe impl Send for RowsMut<'_> {}
// SAFETY: as above; a shared reference gives read access only.
unsafe impl Sync for RowsMut<'_> {}

/// Floats from the start of the first row to the end of the last; `None` beyond `usize`.
fn span(rows: usize, cols: usize, stride: usize) -> Option<usize> {
    match rows {
        0 => Some(0),
        _ => (rows - 1).checked_mul(stride)?.checked_add(cols),
    }
}

#[track_caller]
fn check(len: usize, rows: usize, cols: usize, stride: usize) -> usize {
    assert!(
        stride >= cols || rows <= 1,
        "rows of {cols} floats need a stride of at least {cols}, got {stride}"
    );
    let span = span(rows, cols, stride);
    match span {
        Some(span) if span <= len => span,
        _ => panic!("{rows} rows of {cols} with stride {stride} do not fit in {len} floats"),
    }
}

impl<'a> Rows<'a> {
    /// A dense matrix.
    ///
    /// # Panics
    /// When `data` does not hold exactly `rows * cols` floats.
    #[track_caller]
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        let span = check(data.len(), rows, cols, cols);
        assert!(
            span == data.len(),
            "{rows}×{cols} floats expected, got {}",
            data.len()
        );
        Self {
            data,
            rows,
            cols,
            stride: cols,
        }
    }

    /// A matrix whose rows lie `stride` floats apart.
    ///
    /// # Panics
    /// When `stride < cols` (and there is more than one row), or `data` is too short.
    #[track_caller]
    pub fn with_stride(data: &'a [f32], rows: usize, cols: usize, stride: usize) -> Self {
        let span = check(data.len(), rows, cols, stride);
        Self {
            data: &data[..span],
            rows,
            cols,
            stride,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Floats from the start of one row to the start of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Row `i`.
    ///
    /// # Panics
    /// When `i` is not below [`rows`](Self::rows).
    #[track_caller]
    pub fn row(&self, i: usize) -> &'a [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &self.data[i * self.stride..][..self.cols]
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// When the range is reversed or ends beyond the last row.
    #[track_caller]
    pub fn slice(&self, rows: Range<usize>) -> Rows<'a> {
        assert!(
            rows.start <= rows.end && rows.end <= self.rows,
            "rows {rows:?} of {}",
            self.rows
        );
        let data = if rows.is_empty() {
            &[]
        } else {
            &self.data[rows.start * self.stride..]
        };
        Rows::with_stride(data, rows.len(), self.cols, self.stride)
    }

    /// Some of the columns of every row.
    ///
    /// # Panics
    /// When the range is reversed or ends beyond the last column.
    #[track_caller]
    pub fn columns(&self, cols: Range<usize>) -> Rows<'a> {
        assert!(
            cols.start <= cols.end && cols.end <= self.cols,
            "columns {cols:?} of {}",
            self.cols
        );
        let data = if self.rows == 0 {
            &[]
        } else {
            &self.data[cols.start..]
        };
        Rows::with_stride(data, self.rows, cols.len(), self.stride)
    }

    pub(crate) fn as_ptr(&self) -> *const f32 {
        self.data.as_ptr()
    }
}

impl<'a> RowsMut<'a> {
    /// A dense matrix.
    ///
    /// # Panics
    /// When `data` does not hold exactly `rows * cols` floats.
    #[track_caller]
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Self {
        let span = check(data.len(), rows, cols, cols);
        assert!(
            span == data.len(),
            "{rows}×{cols} floats expected, got {}",
            data.len()
        );
        Self {
            data: data.as_mut_ptr(),
            rows,
            cols,
            stride: cols,
            borrow: PhantomData,
        }
    }

    /// A matrix whose rows lie `stride` floats apart. Floats between the rows are left alone.
    ///
    /// # Panics
    /// When `stride < cols` (and there is more than one row), or `data` is too short.
    #[track_caller]
    pub fn with_stride(data: &'a mut [f32], rows: usize, cols: usize, stride: usize) -> Self {
        check(data.len(), rows, cols, stride);
        Self {
            data: data.as_mut_ptr(),
            rows,
            cols,
            stride,
            borrow: PhantomData,
        }
    }

    /// Part of a matrix that others write elsewhere.
    ///
    /// # Safety
    /// `cols` floats are writable at each of `rows` places from `data` on, `stride` floats apart;
    /// nobody else touches them for `'a`. [`as_rows`](Self::as_rows) is not called while others
    /// write between the rows.
    pub(crate) unsafe fn from_raw(data: *mut f32, rows: usize, cols: usize, stride: usize) -> Self {
        Self {
            data,
            rows,
            cols,
            stride,
            borrow: PhantomData,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Floats from the start of one row to the start of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Row `i`.
    ///
    /// # Panics
    /// When `i` is not below [`rows`](Self::rows).
    #[track_caller]
    pub fn row(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        // SAFETY: row i is there and ours, and the borrow of self is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(i * self.stride), self.cols) }
    }

    /// The same matrix for a shorter time, to hand to a function and keep.
    pub fn reborrow(&mut self) -> RowsMut<'_> {
        RowsMut {
            borrow: PhantomData,
            ..*self
        }
    }

    /// The same matrix, read-only.
    pub fn as_rows(&self) -> Rows<'_> {
        let span = span(self.rows, self.cols, self.stride).unwrap_or_default();
        Rows {
            // SAFETY: the constructors checked that so much is there, and that it is ours.
            data: unsafe { std::slice::from_raw_parts(self.data, span) },
            rows: self.rows,
            cols: self.cols,
            stride: self.stride,
        }
    }

    /// The first `count` rows, and the others.
    ///
    /// # Panics
    /// When `count` is more than there are.
    #[track_caller]
    pub fn split_at(self, count: usize) -> (RowsMut<'a>, RowsMut<'a>) {
        assert!(count <= self.rows, "split at row {count} of {}", self.rows);
        let second = self.data.wrapping_add(count * self.stride);
        let part = |data, rows| RowsMut { data, rows, ..self };
        (part(self.data, count), part(second, self.rows - count))
    }

    /// Some of the columns of every row.
    ///
    /// # Panics
    /// When the range is reversed or ends beyond the last column.
    #[track_caller]
    pub fn columns(self, cols: Range<usize>) -> RowsMut<'a> {
        assert!(
            cols.start <= cols.end && cols.end <= self.cols,
            "columns {cols:?} of {}",
            self.cols
        );
        RowsMut {
            data: self.data.wrapping_add(cols.start),
            cols: cols.len(),
            ..self
        }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data
    }
}

/// One image in NHWC order: `data[(y * width + x) * channels + c]`.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    data: &'a [f32],
    /// The first row that `data` holds, and how many: all of them but for a band.
    first: usize,
    held: usize,
    height: usize,
    width: usize,
    channels: usize,
}

impl<'a> Image<'a> {
    /// A view of `height × width × channels` floats.
    ///
    /// # Panics
    /// When `data` does not hold exactly that many.
    #[track_caller]
    pub fn new(data: &'a [f32], height: usize, width: usize, channels: usize) -> Self {
        Self::band(data, 0..height, height, width, channels)
    }

    /// A view of an image of which `data` holds only the rows `held`, so that a large feature map
    /// need never be in memory whole.
    ///
    /// # Panics
    /// When `held` leaves the image, or `data` does not hold exactly these rows.
    #[track_caller]
    pub fn band(
        data: &'a [f32],
        held: Range<usize>,
        height: usize,
        width: usize,
        channels: usize,
    ) -> Self {
        assert!(
            held.start <= held.end && held.end <= height,
            "rows {held:?} of {height}"
        );
        let rows = held.len();
        let size = rows
            .checked_mul(width)
            .and_then(|size| size.checked_mul(channels));
        assert!(
            size == Some(data.len()),
            "{rows}×{width}×{channels} floats expected, got {}",
            data.len()
        );
        Self {
            data,
            first: held.start,
            held: rows,
            height,
            width,
            channels,
        }
    }

    /// Rows of pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Floats in a pixel.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The pixels that are held as a matrix: one row a pixel, one column a channel.
    pub fn pixels(&self) -> Rows<'a> {
        Rows::new(self.data, self.held * self.width, self.channels)
    }

    /// Where in the data the rows `rows` of the image begin, counted in rows.
    ///
    /// # Panics
    /// When not all of them are held.
    #[track_caller]
    pub(crate) fn position(&self, rows: Range<usize>) -> usize {
        assert!(
            rows.is_empty() || (rows.start >= self.first && rows.end <= self.first + self.held),
            "rows {rows:?} of a band of {:?}",
            self.first..self.first + self.held
        );
        rows.start.saturating_sub(self.first)
    }

    pub(crate) fn data(&self) -> &'a [f32] {
        self.data
    }
}
