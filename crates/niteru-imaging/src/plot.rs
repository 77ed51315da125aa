//! Plots of similarities.

mod colour;
mod raster;
mod svg;
mod text;

pub use colour::{colour, text_colour};

use crate::{EncodeError, Picture};

/// Rows and columns that a plot can have: beyond, a cell is too small to be seen.
const MOST_LABELS: usize = 1000;

/// A matrix of cosine similarities as a heat map: one coloured cell for each pair, with its value
/// at 3 decimals while there is room for it, labels and optional thumbnails at both edges, a title
/// and a colour bar.
///
/// Colours follow the fixed scale of [`colour`].
///
/// ```
/// use niteru_imaging::MatrixPlot;
/// let plot = MatrixPlot {
///     title: "efficientnet-lite0".into(),
///     labels_across: vec!["cat1.jpg".into(), "cat2.jpg".into()],
///     labels_down: vec!["dog1.jpg".into()],
///     values: vec![0.412, 0.388],
///     ..Default::default()
/// };
/// assert!(plot.to_svg()?.starts_with("<svg"));
/// # Ok::<(), niteru_imaging::PlotError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MatrixPlot {
    /// Stands above the matrix; may be empty.
    pub title: String,
    /// One name for each column.
    pub labels_across: Vec<String>,
    /// One name for each row.
    pub labels_down: Vec<String>,
    /// `labels_down.len() × labels_across.len()` similarities, row by row.
    pub values: Vec<f32>,
    /// One picture for each column, or none at all. Any size; they are drawn small.
    pub thumbnails_across: Vec<Picture>,
    /// One picture for each row, or none at all.
    pub thumbnails_down: Vec<Picture>,
    /// What the colour bar measures. Default: "cosine similarity".
    pub scale_label: String,
}

impl Default for MatrixPlot {
    fn default() -> MatrixPlot {
        MatrixPlot {
            title: String::new(),
            labels_across: vec![],
            labels_down: vec![],
            values: vec![],
            thumbnails_across: vec![],
            thumbnails_down: vec![],
            scale_label: "cosine similarity".into(),
        }
    }
}

/// Why a plot could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// No rows or no columns.
    #[error("a plot needs at least one row and one column, got {rows} x {columns}")]
    Empty {
        /// Number of row labels.
        rows: usize,
        /// Number of column labels.
        columns: usize,
    },
    /// More rows or columns than a plot can show.
    #[error(
        "a plot of {rows} x {columns} cells cannot be read, the limit is {MOST_LABELS} a side; plot fewer images or write a CSV"
    )]
    TooMany {
        /// Number of row labels.
        rows: usize,
        /// Number of column labels.
        columns: usize,
    },
    /// A list is not as long as the labels ask.
    #[error("expected {expected} {what}, got {got}")]
    Count {
        /// Which list.
        what: &'static str,
        /// Entries that the labels ask for.
        expected: usize,
        /// Entries that are there.
        got: usize,
    },
    /// A thumbnail or the PNG file could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The SVG could not be drawn as pixels.
    #[error("cannot draw the plot: {0}")]
    Draw(String),
}

impl MatrixPlot {
    /// A self-contained SVG document.
    ///
    /// # Errors
    /// When lists do not fit together, or there are 0 or over 1000 rows or columns.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        self.check()?;
        Ok(svg::draw(self)?.document)
    }

    /// The plot as a PNG file, at twice the SVG's size (less for very large ones).
    ///
    /// Latin text is drawn in Roboto, which is built in. Only where a label needs other
    /// characters are the system's fonts looked through; a character that none of them has is
    /// left out or drawn as a box.
    ///
    /// # Errors
    /// Those of [`MatrixPlot::to_svg`].
    pub fn to_png(&self) -> Result<Vec<u8>, PlotError> {
        self.check()?;
        raster::png(&svg::draw(self)?)
    }

    fn check(&self) -> Result<(), PlotError> {
        let (rows, columns) = (self.labels_down.len(), self.labels_across.len());
        if rows == 0 || columns == 0 {
            return Err(PlotError::Empty { rows, columns });
        }
        if rows > MOST_LABELS || columns > MOST_LABELS {
            return Err(PlotError::TooMany { rows, columns });
        }
        let lists = [
            ("values", rows * columns, self.values.len(), false),
            (
                "thumbnails across",
                columns,
                self.thumbnails_across.len(),
                true,
            ),
            ("thumbnails down", rows, self.thumbnails_down.len(), true),
        ];
        for (what, expected, got, may_lack) in lists {
            if got != expected && !(may_lack && got == 0) {
                return Err(PlotError::Count {
                    what,
                    expected,
                    got,
                });
            }
        }
        Ok(())
    }
}
