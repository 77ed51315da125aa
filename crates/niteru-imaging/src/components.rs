//! Places of a map that belong together.

use crate::outline::Rect;
use crate::{HeatMap, Mask, Picture};

/// Neighbouring places of a map that are all above a threshold, diagonal neighbours too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatRegion {
    /// First column of the map.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Columns, at least 1.
    pub w: u32,
    /// Rows, at least 1.
    pub h: u32,
    /// Number of places, at least 1.
    pub area: u32,
    /// The largest of their numbers.
    pub peak: f32,
    /// The sum of their numbers.
    pub sum: f64,
}

/// The regions whose numbers are all larger than `threshold`: the strongest peak first, among equal
/// ones the uppermost, then the one furthest left. None where `threshold` is no number.
///
/// Takes time in proportion to the map and at most five bytes for each place.
pub fn regions(map: &HeatMap, threshold: f32) -> Vec<HeatRegion> {
    let left = map.data().iter().map(|&value| value > threshold).collect();
    let mut found = connected(map.width(), left, |at| map.data()[at]);
    // The sort is stable, and regions are found row by row: equal peaks stay in that order.
    found.sort_by(|a, b| b.peak.total_cmp(&a.peak));
    found
}

impl Mask {
    /// The regions of cells that count, from the top row by row; each cell has the number 1.
    pub fn regions(&self) -> Vec<HeatRegion> {
        connected(self.width(), self.cells().to_vec(), |_| 1.0)
    }
}

impl HeatRegion {
    /// The region of `map` as pixels of a picture that the map covers.
    pub fn on(&self, map: &HeatMap, picture: &Picture) -> Rect {
        let (x, width) = stretched(self.x, self.w, map.width(), picture.width());
        let (y, height) = stretched(self.y, self.h, map.height(), picture.height());
        Rect {
            x,
            y,
            width,
            height,
        }
    }
}

/// Places become all pixels that they touch.
fn stretched(first: u32, count: u32, places: u32, pixels: u32) -> (i64, u32) {
    let (places, pixels) = (u64::from(places), u64::from(pixels));
    let from = u64::from(first) * pixels / places;
    let to = ((u64::from(first) + u64::from(count)) * pixels)
        .div_ceil(places)
        .min(pixels);
    (from as i64, to.saturating_sub(from) as u32)
}

/// Regions of the places that are `left`, which empties it, in the order of their first places.
fn connected(width: u32, mut left: Vec<bool>, value: impl Fn(usize) -> f32) -> Vec<HeatRegion> {
    let mut found = Vec::new();
    // A place leaves `left` as it is put here, so each is here once.
    let mut next = Vec::new();
    for start in 0..left.len() {
        if !left[start] {
            continue;
        }
        left[start] = false;
        next.push(start);
        let mut growing = Growing::new();
        while let Some(at) = next.pop() {
            growing.add(at, width as usize, value(at));
            for neighbour in neighbours(at, width as usize, left.len()) {
                if std::mem::take(&mut left[neighbour]) {
                    next.push(neighbour);
                }
            }
        }
        found.push(growing.region());
    }
    found
}

/// Up to eight places around one.
fn neighbours(at: usize, width: usize, places: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (at % width, at / width);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let rows = y.saturating_sub(1)..(y + 2).min(places / width);
    rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
        .filter(move |&neighbour| neighbour != at)
}

struct Growing {
    columns: (usize, usize),
    rows: (usize, usize),
    area: u32,
    peak: f32,
    sum: f64,
}

impl Growing {
    fn new() -> Growing {
        Growing {
            columns: (usize::MAX, 0),
            rows: (usize::MAX, 0),
            area: 0,
            peak: f32::NEG_INFINITY,
            sum: 0.0,
        }
    }

    fn add(&mut self, at: usize, width: usize, value: f32) {
        let wider = |(from, to): (usize, usize), at: usize| (from.min(at), to.max(at));
        self.columns = wider(self.columns, at % width);
        self.rows = wider(self.rows, at / width);
        self.area += 1;
        self.peak = self.peak.max(value);
        self.sum += f64::from(value);
    }

    fn region(self) -> HeatRegion {
        let length = |(from, to): (usize, usize)| (to - from + 1) as u32;
        HeatRegion {
            x: self.columns.0 as u32,
            y: self.rows.0 as u32,
            w: length(self.columns),
            h: length(self.rows),
            area: self.area,
            peak: self.peak,
            sum: self.sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: &[&str]) -> HeatMap {
        let data = rows
            .iter()
            .flat_map(|row| row.bytes().map(|digit| f32::from(digit - b'0')))
            .collect();
        HeatMap::new(rows[0].len() as u32, rows.len() as u32, data).unwrap()
    }

    #[test]
    fn regions_of_maps() {
        /// x, y, w, h, area, peak, sum
        type Row = (u32, u32, u32, u32, u32, f32, f64);
        let table: &[(&[&str], f32, &[Row])] = &[
            (&["0"], 0.0, &[]),
            (&["1"], 0.0, &[(0, 0, 1, 1, 1, 1.0, 1.0)]),
            (&["1"], 1.0, &[]),
            (&["9"], f32::NAN, &[]),
            (&["100", "020", "003"], 0.0, &[(0, 0, 3, 3, 3, 3.0, 6.0)]),
            (&["001", "020", "300"], 0.0, &[(0, 0, 3, 3, 3, 3.0, 6.0)]),
            // The end of a row is no neighbour of the next row's start.
            (
                &["001", "100"],
                0.0,
                &[(2, 0, 1, 1, 1, 1.0, 1.0), (0, 1, 1, 1, 1, 1.0, 1.0)],
            ),
            (
                &["20002", "00000", "10903"],
                0.5,
                &[
                    (2, 2, 1, 1, 1, 9.0, 9.0),
                    (4, 2, 1, 1, 1, 3.0, 3.0),
                    (0, 0, 1, 1, 1, 2.0, 2.0),
                    (4, 0, 1, 1, 1, 2.0, 2.0),
                    (0, 2, 1, 1, 1, 1.0, 1.0),
                ],
            ),
            // A ring around another region.
            (
                &["55555", "50005", "50705", "50005", "55555"],
                4.0,
                &[(2, 2, 1, 1, 1, 7.0, 7.0), (0, 0, 5, 5, 16, 5.0, 80.0)],
            ),
        ];
        for (rows, threshold, expected) in table {
            let got: Vec<Row> = regions(&map(rows), *threshold)
                .iter()
                .map(|r| (r.x, r.y, r.w, r.h, r.area, r.peak, r.sum))
                .collect();
            assert_eq!(&got, expected, "{rows:?} above {threshold}");
        }
    }

    #[test]
    fn a_large_map_is_one_region() {
        let map = HeatMap::new(1200, 900, vec![1.0; 1200 * 900]).unwrap();
        let found = regions(&map, 0.5);
        assert_eq!((found.len(), found[0].area), (1, 1_080_000));
    }

    #[test]
    fn places_become_pixels() {
        let map = map(&["0000", "0090"]);
        let region = regions(&map, 1.0)[0];
        let on = |width: u32, height: u32| {
            let pixels = vec![0; (width * height * 3) as usize];
            region.on(&map, &Picture::from_rgb(width, height, pixels).unwrap())
        };
        let rect = |x, y, width, height| Rect {
            x,
            y,
            width,
            height,
        };
        assert_eq!(on(40, 20), rect(20, 10, 10, 10));
        assert_eq!(on(2, 1), rect(1, 0, 1, 1));
        assert_eq!(on(5, 3), rect(2, 1, 2, 2));
        assert_eq!(
            Mask::new(2, 1, vec![true; 2]).unwrap().regions()[0].sum,
            2.0
        );
    }
}
