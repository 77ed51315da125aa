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

/// Good pictures that are kept at most: evenly spread over all.
const MOST_PICTURES: usize = 48;

/// Fewer say nothing of how much places vary.
const LEAST_PICTURES: usize = 4;

/// The patches of good pictures, each in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// `[picture][row][column]`.
    pub(crate) bank: Bank,
}

impl Place {
    /// `None` where there are few pictures, they are not of one shape (places are then not the same), or one has
    /// nothing that counts.
    pub(crate) fn learn(good: &[(usize, &Features)], detector: usize) -> Option<Place> {
        let first = &good.first()?.1.maps[detector];
        let (rows, columns) = (first.rows, first.columns);
        let same = good.iter().all(|(_, features)| {
            let map = &features.maps[detector];
            (map.rows, map.columns) == (rows, columns)
        });
        if !same || good.len() < LEAST_PICTURES || rows * columns < 2 {
            return None;
        }
        let kept = good.len().min(MOST_PICTURES);
        let kept: Vec<(usize, &Features)> =
            (0..kept).map(|at| good[at * good.len() / kept]).collect();
        let counts =
            |&(_, features): &(usize, &Features), cell: usize| features.counts[detector][cell];
        let cells = 0..rows * columns;
        let inside = cells.clone().find(|&cell| counts(&kept[0], cell))?;
        let mut all = Patches {
            dimensions: first.dimensions,
            ..Patches::default()
        };
        for picture in &kept {
            for cell in cells.clone() {
                // Where it does not count there is the patch of a picture where it does; where it counts in none,
                // one from inside of the area. So nothing is known of what is outside.
                let there = std::iter::once(picture).chain(&kept);
                let mut there = there.filter(|picture| counts(picture, cell));
                let ((number, features), cell) = match there.next() {
                    Some(picture) => (*picture, cell),
                    None => (kept[0], inside),
                };
                let patches = &features.maps[detector].data;
                let patch = &patches[cell * first.dimensions..][..first.dimensions];
                all.rows.extend_from_slice(patch);
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
