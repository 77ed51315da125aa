//! What belongs where: patches of good pictures in their places.
//!
//! The banks compare a patch with good ones wherever those lie. So they do not see that something is
//! missing, or lies where it should not, when what is there instead is good elsewhere. Here a patch is
//! compared with those of the same place. Good parts may lie a little differently, as far as the good
//! pictures do.

use niteru_kernels::Kernels;
use serde::{Deserialize, Serialize};

use crate::bank::{Bank, Nearest, Origin, PackedBank, Patches};
use crate::features::Features;

/// Fewer say nothing of how much places vary.
const LEAST_PICTURES: usize = 4;

/// Rows and columns of a picture's map, to a detector.
pub(crate) type Shape = (usize, usize);

fn shape(features: &Features, detector: usize) -> Shape {
    let map = &features.maps[detector];
    (map.rows, map.columns)
}

/// The shape that more than half of the good pictures have, to cells of a detector: only among these are places the
/// same. `None` where no shape has so many. It is that of all, also where some are held out: else those would be
/// measured without places, and what is inspected later with them.
pub(crate) fn common_shape(good: &[Features], detector: usize) -> Option<Shape> {
    // If there is such a shape, the middle one in any order has it.
    let mut shapes: Vec<Shape> = good.iter().map(|one| shape(one, detector)).collect();
    shapes.sort_unstable();
    let middle = *shapes.get(shapes.len() / 2)?;
    let of_it = shapes.iter().filter(|one| **one == middle).count();
    (2 * of_it > shapes.len()).then_some(middle)
}

/// How many pictures have a shape.
pub(crate) fn of_shape(good: &[Features], detector: usize, wanted: Shape) -> usize {
    good.iter()
        .filter(|one| shape(one, detector) == wanted)
        .count()
}

/// The patches of good pictures, each in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// `[picture][row][column]`.
    pub(crate) bank: Bank,
}

impl Place {
    /// From the pictures of a shape: at most so many, evenly spread over all. `None` where they are few, or nothing
    /// counts.
    pub(crate) fn learn(
        good: &[(usize, &Features)],
        detector: usize,
        (rows, columns): Shape,
        most: usize,
    ) -> Option<Place> {
        let of_it = |one: &&(usize, &Features)| shape(one.1, detector) == (rows, columns);
        let good: Vec<(usize, &Features)> = good.iter().filter(of_it).copied().collect();
        let first = &good.first()?.1.maps[detector];
        let kept = good.len().min(most);
        if kept < LEAST_PICTURES || rows * columns < 2 {
            return None;
        }
        let kept: Vec<(usize, &Features)> =
            (0..kept).map(|at| good[at * good.len() / kept]).collect();
        let counts = |picture: usize, cell: usize| kept[picture].1.counts[detector][cell];
        let cells = rows * columns;
        let inside = (0..cells).find(|&cell| counts(0, cell))?;
        // Nothing is kept of a cell that does not count: it has the patch of that place in the first picture where it
        // counts, and where it counts in none, a patch from inside of the area.
        let elsewhere = |cell: usize| (0..kept.len()).find(|&picture| counts(picture, cell));
        let elsewhere: Vec<(usize, usize)> = (0..cells)
            .map(|cell| elsewhere(cell).map_or((0, inside), |picture| (picture, cell)))
            .collect();
        let mut all = Patches {
            dimensions: first.dimensions,
            ..Patches::default()
        };
        for picture in 0..kept.len() {
            for (cell, &other) in elsewhere.iter().enumerate() {
                let (picture, cell) = match counts(picture, cell) {
                    true => (picture, cell),
                    false => other,
                };
                let (number, features) = kept[picture];
                let patch = &features.maps[detector].data[cell * first.dimensions..];
                all.rows.push(&patch[..first.dimensions]);
                all.origins.push(Origin {
                    picture: number as u32,
                    row: (cell / columns) as u16,
                    column: (cell % columns) as u16,
                });
            }
        }
        Some(Place {
            rows,
            columns,
            bank: Bank::all(&all),
        })
    }

    pub(crate) fn is_sound(&self) -> bool {
        let cells = self.rows.checked_mul(self.columns);
        self.bank.is_sound()
            && cells.is_some_and(|cells| cells > 0 && self.bank.len().is_multiple_of(cells))
    }

    pub(crate) fn pack(&self, kernels: Kernels) -> PackedPlace {
        PackedPlace {
            rows: self.rows,
            columns: self.columns,
            patches: self.bank.unpacked(),
            bank: self.bank.pack(kernels),
            dimensions: self.bank.dimensions,
        }
    }
}

/// Places ready for one set of kernels.
pub(crate) struct PackedPlace {
    rows: usize,
    columns: usize,
    dimensions: usize,
    /// `[picture][row][column][dimension]`.
    patches: Vec<f32>,
    bank: PackedBank,
}

impl PackedPlace {
    /// Euclidean distances to the nearest patches of the same place: `[row][column]`, `None` for cells that
    /// do not count. `None` for a picture of another shape.
    pub(crate) fn near(&self, features: &Features, detector: usize) -> Option<Vec<Option<f32>>> {
        let (map, counts) = (&features.maps[detector], &features.counts[detector]);
        if (map.rows, map.columns) != (self.rows, self.columns) {
            return None;
        }
        let cells = map
            .data
            .chunks_exact(self.dimensions)
            .zip(counts)
            .enumerate();
        let near = cells.map(|(at, (patch, counts))| counts.then(|| self.nearest(patch, at)));
        Some(near.collect())
    }

    fn nearest(&self, patch: &[f32], at: usize) -> f32 {
        let pictures = self
            .patches
            .chunks_exact(self.rows * self.columns * self.dimensions);
        let squares = pictures.map(|picture| {
            let good = &picture[at * self.dimensions..][..self.dimensions];
            let squares = patch.iter().zip(good).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f32>()
        });
        // A NaN is less than nothing here, and no distance.
        squares.fold(f32::MAX, f32::min).sqrt()
    }

    /// The nearest patches wherever they lie, of some patches `[n, dimensions]`.
    pub(crate) fn anywhere(&self, patches: &[f32]) -> Vec<Nearest> {
        self.bank.nearest(patches)
    }
}

#[cfg(test)]
mod tests {
    use niteru_encoder::FeatureMap;

    use super::*;
    use crate::view::Luminance;

    /// Three cells of one number each, and which of them count.
    fn features(data: [f32; 3], counts: [bool; 3]) -> Features {
        let map = FeatureMap {
            rows: 1,
            columns: 3,
            dimensions: 1,
            data: data.to_vec(),
        };
        Features {
            size: (3, 1),
            lay: None,
            maps: vec![map],
            mirrored: Vec::new(),
            object: None,
            pixels: None,
            counts: vec![counts.to_vec()],
            whole: Vec::new(),
            grain: Vec::new(),
            luminance: Luminance {
                width: 0,
                height: 0,
                data: Vec::new(),
            },
            looks: Vec::new(),
            area: None,
        }
    }

    #[test]
    fn nothing_is_kept_of_what_does_not_count() {
        // The first cell counts in all, the second in the last two, the third in none.
        let pictures = [
            features([1.0, 92.0, 93.0], [true, false, false]),
            features([4.0, 95.0, 96.0], [true, false, false]),
            features([7.0, 8.0, 99.0], [true, true, false]),
            features([10.0, 11.0, 90.0], [true, true, false]),
        ];
        let good: Vec<(usize, &Features)> = pictures.iter().enumerate().collect();
        let place = Place::learn(&good, 0, (1, 3), 48).unwrap();
        let kept = place.bank.unpacked();
        let expected = [
            [1.0, 8.0, 1.0],
            [4.0, 8.0, 1.0],
            [7.0, 8.0, 1.0],
            [10.0, 11.0, 1.0],
        ];
        assert_eq!(kept, expected.as_flattened());

        // One of another shape takes no part; where no shape has more than half, nothing is known.
        let odd = || {
            let mut odd = features([0.0; 3], [true; 3]);
            (odd.maps[0].rows, odd.maps[0].columns) = (3, 1);
            odd
        };
        let mut mixed: Vec<Features> = pictures.into_iter().collect();
        mixed.insert(1, odd());
        assert_eq!(common_shape(&mixed, 0), Some((1, 3)));
        assert_eq!(of_shape(&mixed, 0, (1, 3)), 4);
        let numbered: Vec<(usize, &Features)> = mixed.iter().enumerate().collect();
        let place = Place::learn(&numbered, 0, (1, 3), 48).unwrap();
        assert_eq!(place.bank.unpacked(), kept);
        assert!(Place::learn(&numbered, 0, (3, 1), 48).is_none(), "too few");
        mixed.extend([odd(), odd(), odd()]);
        assert_eq!(common_shape(&mixed, 0), None);
        assert_eq!(common_shape(&[], 0), None);

        // Of more than are kept, as many are left out between any two.
        let numbered: Vec<(usize, &Features)> = mixed.iter().enumerate().collect();
        let two = Place::learn(&numbered[..4], 0, (1, 3), 2);
        assert!(two.is_none(), "fewer are kept than say something");
        let good: Vec<(usize, &Features)> =
            [0, 2, 0, 3, 0, 4, 0, 2].map(|at| numbered[at]).to_vec();
        let place = Place::learn(&good, 0, (1, 3), 4).unwrap();
        assert_eq!(place.bank.len(), 4 * 3);

        let nothing = features([1.0; 3], [false; 3]);
        let good = [(0, &nothing), (1, &nothing), (2, &nothing), (3, &nothing)];
        assert!(Place::learn(&good, 0, (1, 3), 48).is_none());
    }
}
