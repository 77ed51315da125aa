//! What an inspector reads of a picture.

use std::sync::Arc;

use niteru_encoder::{Encoder, FeatureMap};
use niteru_imaging::{Alignment, Mask, Picture, find_object_mask};
use niteru_kernels::Kernels;

use crate::looks::{self, Look};
use crate::pixel_hash::PixelHash;
use crate::recipe::{Detector, placing};
use crate::texture;
use crate::view::{Luminance, View};

/// All features of one picture.
pub(crate) struct Features {
    /// Size of the picture, in pixels.
    pub(crate) size: (u32, u32),
    /// How the picture lay in its file, and its size there, where it was aligned.
    pub(crate) lay: Option<(Alignment, (u32, u32))>,
    /// One for each detector.
    pub(crate) maps: Vec<FeatureMap>,
    /// The same of mirror images, turned back: cells lie where they lie in the picture. Of pictures that
    /// are learnt from, and only where mirror images of them are good, too.
    pub(crate) mirrored: Vec<Vec<FeatureMap>>,
    /// For each cell of each map whether it counts.
    pub(crate) counts: Vec<Vec<bool>>,
    /// Mean and standard deviation of each dimension of the maps that describe the whole.
    pub(crate) whole: Vec<f32>,
    /// The grain of all that counts.
    pub(crate) grain: Vec<f32>,
    pub(crate) luminance: Luminance,
    /// What each cell of the detector that places looks like; empty unless it was asked for.
    pub(crate) looks: Vec<Look>,
    /// What counts of the picture; `None`: all of it.
    pub(crate) area: Option<Arc<Mask>>,
    /// What lies before a plain background; `None` where there is none, and where nobody asked.
    pub(crate) object: Option<Mask>,
    /// Of the picture as it was before it was aligned; `None` where nobody asked.
    pub(crate) pixels: Option<PixelHash>,
}

impl Features {
    /// `area` is what counts of the picture, of any size; `None`: all of it.
    pub(crate) fn of(
        encoder: &Encoder,
        view: &View,
        detectors: &[Detector],
        picture: &Picture,
        shared_area: Option<&Arc<Mask>>,
    ) -> Features {
        let area = shared_area.map(Arc::as_ref);
        let maps = view.maps(encoder, picture, detectors);
        let counts: Vec<Vec<bool>> = maps.iter().map(|map| counting(map, area)).collect();
        let described = detectors.iter().zip(maps.iter().zip(&counts));
        let whole = described
            .filter(|(detector, _)| detector.describes)
            .flat_map(|(_, (map, counts))| summary(map, counts))
            .collect();
        let luminance = view.luminance(picture);
        Features {
            size: (picture.width(), picture.height()),
            counts,
            whole,
            grain: texture::grain(&luminance, area),
            luminance,
            area: shared_area.cloned(),
            lay: None,
            looks: Vec::new(),
            mirrored: Vec::new(),
            object: None,
            pixels: None,
            maps,
        }
    }

    /// Bytes that they take in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let maps = self.maps.iter().chain(self.mirrored.iter().flatten());
        let values: usize = maps.map(|map| map.data.len()).sum();
        let cells: usize = self.counts.iter().map(Vec::len).sum();
        values * size_of::<f32>() + cells + self.luminance.data.len() + size_of_val(&self.looks[..])
    }

    /// Adds what the cells look like.
    pub(crate) fn look(&mut self, view: &View, detectors: &[Detector], picture: &Picture) {
        if let Some(at) = placing(detectors) {
            let map = &self.maps[at];
            self.looks = looks::of(&view.shown(picture), map.rows, map.columns);
        }
    }

    /// Adds what lies before a plain background, where there is one.
    pub(crate) fn find_object(&mut self, picture: &Picture) {
        self.object = find_object_mask(picture);
    }

    /// Adds what tells whether another file shows the very same.
    pub(crate) fn sign(&mut self, picture: &Picture) {
        self.pixels = Some(PixelHash::of(picture));
    }

    /// Which cells of a detector's map count and show the object.
    pub(crate) fn of_object(&self, detector: usize) -> Option<Vec<bool>> {
        let object = self.object.as_ref()?;
        let object = counting(&self.maps[detector], Some(object));
        let both = object.iter().zip(&self.counts[detector]);
        Some(both.map(|(object, counts)| *object && *counts).collect())
    }

    /// Cosine similarity of the whole pictures, −1…1; 0 where one has no direction.
    pub(crate) fn likeness(kernels: Kernels, a: &[f32], b: &[f32]) -> f32 {
        let product = kernels.dot(a, b);
        let lengths = kernels.dot(a, a).sqrt() * kernels.dot(b, b).sqrt();
        match lengths > 0.0 && product.is_finite() && lengths.is_finite() {
            true => (product / lengths).clamp(-1.0, 1.0),
            false => 0.0,
        }
    }
}

/// How far the ratio of two pictures' sides may be from the other's: what rounding to pixels makes of small masks.
const SAME_SHAPE: f64 = 1.03;

/// Whether a mask of this size must be stretched to fit a picture.
pub(crate) fn other_shape(mask: (u32, u32), picture: (u32, u32)) -> bool {
    let ratio = |(width, height): (u32, u32)| f64::from(width.max(1)) / f64::from(height.max(1));
    let between = ratio(mask) / ratio(picture);
    !(1.0 / SAME_SHAPE..=SAME_SHAPE).contains(&between)
}

/// Which cells of a map count. If no cell is at least half inside the area, all those with any of it do.
pub(crate) fn counting(map: &FeatureMap, area: Option<&Mask>) -> Vec<bool> {
    let cells = map.rows * map.columns;
    let Some(area) = area else {
        return vec![true; cells];
    };
    let scaled = area.for_size(map.columns as u32, map.rows as u32);
    match scaled.cells().iter().any(|&counts| counts) {
        true => scaled.cells().to_vec(),
        false => touched(area, map.columns, map.rows),
    }
}

fn touched(area: &Mask, columns: usize, rows: usize) -> Vec<bool> {
    let mut cells = vec![false; columns * rows];
    let (width, height) = (area.width() as usize, area.height() as usize);
    for (at, _) in area
        .cells()
        .iter()
        .enumerate()
        .filter(|(_, counts)| **counts)
    {
        let (x, y) = (at % width, at / width);
        cells[y * rows / height * columns + x * columns / width] = true;
    }
    cells
}

/// Means and standard deviations over the cells that count.
pub(crate) fn summary(map: &FeatureMap, counts: &[bool]) -> Vec<f32> {
    let d = map.dimensions;
    let (mut mean, mut square) = (vec![0.0f64; d], vec![0.0f64; d]);
    let mut cells = 0.0f64;
    for (vector, _) in map
        .data
        .chunks_exact(d)
        .zip(counts)
        .filter(|(_, counts)| **counts)
    {
        cells += 1.0;
        for (at, &value) in vector.iter().enumerate() {
            mean[at] += f64::from(value);
            square[at] += f64::from(value) * f64::from(value);
        }
    }
    let cells = cells.max(1.0);
    let deviations = mean.iter().zip(&square).map(|(sum, square)| {
        let mean = sum / cells;
        (square / cells - mean * mean).max(0.0).sqrt() as f32
    });
    let deviations: Vec<f32> = deviations.collect();
    let means = mean.iter().map(|sum| (sum / cells) as f32);
    means.chain(deviations).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_of_a_speck_still_has_a_cell() {
        let map = FeatureMap {
            rows: 3,
            columns: 4,
            dimensions: 1,
            data: vec![0.0; 12],
        };
        let mut cells = vec![false; 120 * 90];
        cells[50 * 120 + 100] = true;
        let area = Mask::new(120, 90, cells).unwrap();
        let counts = counting(&map, Some(&area));
        assert_eq!(counts.iter().filter(|counts| **counts).count(), 1);
        assert!(counts[4 + 3]);
    }

    #[test]
    fn a_summary_is_of_what_counts() {
        let map = FeatureMap {
            rows: 1,
            columns: 3,
            dimensions: 2,
            data: vec![1.0, 5.0, 3.0, 5.0, 100.0, 100.0],
        };
        assert_eq!(summary(&map, &[true, true, false]), [2.0, 5.0, 1.0, 0.0]);
        assert_eq!(summary(&map, &[false; 3]), [0.0; 4]);
    }
}
