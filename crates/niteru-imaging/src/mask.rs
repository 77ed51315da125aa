use serde::{Deserialize, Serialize};

use crate::likeness::luma;
use crate::{HeatError, Picture};

/// Brightness from which a pixel of a mask's picture counts.
const COUNTS_FROM: f32 = 128.0;

/// Which places of a picture count. Both sides are at least 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Mask {
    width: u32,
    height: u32,
    cells: Vec<bool>,
}

/// What is read back before it is checked.
#[derive(Deserialize)]
struct Stored {
    width: u32,
    height: u32,
    cells: Vec<bool>,
}

impl TryFrom<Stored> for Mask {
    type Error = HeatError;

    fn try_from(stored: Stored) -> Result<Mask, HeatError> {
        Mask::new(stored.width, stored.height, stored.cells)
    }
}

impl Mask {
    /// A mask from `width × height` cells, row by row.
    ///
    /// # Errors
    /// [`HeatError::Size`].
    pub fn new(width: u32, height: u32, cells: Vec<bool>) -> Result<Mask, HeatError> {
        let expected = u64::from(width) * u64::from(height);
        if expected == 0 || expected != cells.len() as u64 {
            let got = cells.len() as u64;
            return Err(HeatError::Size {
                width,
                height,
                expected,
                got,
            });
        }
        Ok(Mask {
            width,
            height,
            cells,
        })
    }

    /// For callers inside the crate that made the cells from the size.
    pub(crate) fn of(width: u32, height: u32, cells: Vec<bool>) -> Mask {
        debug_assert_eq!(cells.len(), width as usize * height as usize);
        Mask {
            width,
            height,
            cells,
        }
    }

    /// What is painted white counts, what is painted black does not: the brightness (ITU-R BT.601)
    /// decides, 128 of 255 and more counts.
    pub fn from_picture(picture: &Picture) -> Mask {
        let (pixels, _) = picture.pixels().as_chunks::<3>();
        let cells = pixels
            .iter()
            .map(|&pixel| luma(pixel) >= COUNTS_FROM)
            .collect();
        Mask::of(picture.width(), picture.height(), cells)
    }

    /// The mask stretched to `width × height` cells (a side of 0 counts as 1). A cell counts if at
    /// least half of its area does.
    pub fn for_size(&self, width: u32, height: u32) -> Mask {
        let (width, height) = (width.max(1), height.max(1));
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let columns = parts(self.width, width);
        let half = u128::from(self.width) * u128::from(self.height);
        let mut cells = Vec::with_capacity(width as usize * height as usize);
        for rows in parts(self.height, height) {
            cells.extend(
                columns
                    .iter()
                    .map(|columns| 2 * self.area(columns, &rows) >= half),
            );
        }
        Mask::of(width, height, cells)
    }

    fn area(&self, columns: &Parts, rows: &Parts) -> u128 {
        let row_area = |y: usize| -> u128 {
            let row = &self.cells[y * self.width as usize..][columns.first..];
            let counted = row
                .iter()
                .zip(&columns.lengths)
                .filter(|(counts, _)| **counts);
            counted.map(|(_, &length)| u128::from(length)).sum()
        };
        let rows = rows.lengths.iter().zip(rows.first..);
        rows.map(|(&length, y)| u128::from(length) * row_area(y))
            .sum()
    }

    /// Cells a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `height × width` cells, rows from the top; true counts.
    pub fn cells(&self) -> &[bool] {
        &self.cells
    }

    /// The share of cells that count: 0 for a mask that leaves nothing, 1 for one that leaves all.
    pub fn share(&self) -> f64 {
        let counted = self.cells.iter().filter(|counts| **counts).count();
        counted as f64 / self.cells.len() as f64
    }
}

/// The old cells that a new cell lies on, along one side.
struct Parts {
    first: usize,
    /// How much of each the new cell covers. In whole numbers: an old cell is as long as there are
    /// new ones, a new cell is as long as there are old ones.
    lengths: Vec<u64>,
}

fn parts(from: u32, to: u32) -> Vec<Parts> {
    let (from, to) = (u64::from(from), u64::from(to));
    let covers = |cell: u64| {
        let (start, end) = (cell * from, (cell + 1) * from);
        let (first, behind) = (start / to, end.div_ceil(to));
        let length = |old: u64| end.min((old + 1) * to) - start.max(old * to);
        Parts {
            first: first as usize,
            lengths: (first..behind).map(length).collect(),
        }
    };
    (0..to).map(covers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let cells = rows
            .iter()
            .flat_map(|row| row.bytes().map(|cell| cell == b'#'))
            .collect();
        Mask::new(rows[0].len() as u32, rows.len() as u32, cells).unwrap()
    }

    #[test]
    fn brightness_decides() {
        let pixels = [
            [0; 3],
            [127; 3],
            [128; 3],
            [255; 3],
            [255, 0, 0],
            [0, 255, 0],
        ];
        let picture = Picture::from_rgb(6, 1, pixels.concat()).unwrap();
        assert_eq!(Mask::from_picture(&picture), mask(&["..##.#"]));
    }

    #[test]
    fn half_of_a_cell_is_enough() {
        let table: &[(&[&str], &[&str])] = &[
            (&["##..", "#..."], &["#."]),
            (&["#...", "...."], &[".."]),
            (&["#.", ".#"], &["##..", "##..", "..##", "..##"]),
            (&["##."], &["#."]),
            (&["#.."], &["#."]),
            (&[".#."], &[".."]),
            (&["#"], &["###", "###"]),
            (&[".....", "....."], &["."]),
            (&["#.#"], &["#..#"]),
        ];
        for (from, to) in table {
            let to = mask(to);
            let got = mask(from).for_size(to.width(), to.height());
            assert_eq!(got, to, "{from:?}");
        }
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!(mask(&["#...", "...#"]).share(), 0.25);
        assert_eq!(mask(&["....", "...."]).share(), 0.0);
        for (width, height) in [(0, 0), (1, 1), (1, 1000), (1000, 1), (7, 13)] {
            let got = mask(&["###", "###"]).for_size(width, height);
            assert_eq!(got.share(), 1.0);
            assert_eq!((got.width(), got.height()), (width.max(1), height.max(1)));
        }
        assert!(Mask::new(2, 2, vec![true; 3]).is_err());
        assert!(Mask::new(0, 2, vec![]).is_err());
    }
}
