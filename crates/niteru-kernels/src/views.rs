//! Checked two-dimensional views of `f32` slices.

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
#[derive(Debug)]
pub struct RowsMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    cols: usize,
    stride: usize,
}

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
            data,
            rows,
            cols,
            stride: cols,
        }
    }

    /// A matrix whose rows lie `stride` floats apart. Floats between the rows are left alone.
    ///
    /// # Panics
    /// When `stride < cols` (and there is more than one row), or `data` is too short.
    #[track_caller]
    pub fn with_stride(data: &'a mut [f32], rows: usize, cols: usize, stride: usize) -> Self {
        let span = check(data.len(), rows, cols, stride);
        Self {
            data: &mut data[..span],
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
    pub fn row(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &mut self.data[i * self.stride..][..self.cols]
    }

    /// The same matrix for a shorter time, to hand to a function and keep.
    pub fn reborrow(&mut self) -> RowsMut<'_> {
        RowsMut {
            data: self.data,
            rows: self.rows,
            cols: self.cols,
            stride: self.stride,
        }
    }

    /// The same matrix, read-only.
    pub fn as_rows(&self) -> Rows<'_> {
        Rows {
            data: self.data,
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
        let (cols, stride) = (self.cols, self.stride);
        let at = (count * stride).min(self.data.len());
        let (first, second) = self.data.split_at_mut(at);
        let rest = self.rows - count;
        (
            RowsMut::with_stride(first, count, cols, stride),
            RowsMut::with_stride(second, rest, cols, stride),
        )
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
        let data = if self.rows == 0 {
            &mut []
        } else {
            &mut self.data[cols.start..]
        };
        RowsMut::with_stride(data, self.rows, cols.len(), self.stride)
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
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
