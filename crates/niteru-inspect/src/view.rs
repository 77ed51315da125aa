//! From a picture to what the network reads, at several magnifications.

use std::borrow::Cow;

use niteru_encoder::{Encoder, FeatureMap, InputSize};
use niteru_imaging::{Filter, Picture};
use serde::{Deserialize, Serialize};

use crate::recipe::{Detector, Level};

/// Sides of a network's input, in pixels, are at most this long: a picture of another shape than the
/// good ones must not ask for more.
const MOST_SIDE: f64 = 1024.0;

/// The longer side of the picture that textures are looked at in, when the usual shorter side is brought
/// to [`TEXTURE_SIDE`], is at most so many times that.
const MOST_LENGTH: f64 = 4.0;

/// Pixels that the shorter side of a usual picture has at most where single pixels are looked at.
pub(crate) const TEXTURE_SIDE: f64 = 320.0;

/// How pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct View {
    /// Shorter side of a usual good picture, in pixels.
    pub(crate) usual: f64,
    /// The picture is cut into so many tiles along each side, each of which is seen as large as a whole
    /// picture.
    pub(crate) tiles: u32,
}

impl View {
    /// The features of each detector, `[row][column][dimension]` over the whole picture.
    pub(crate) fn maps(
        &self,
        encoder: &Encoder,
        picture: &Picture,
        detectors: &[Detector],
    ) -> Vec<FeatureMap> {
        let mut maps: Vec<Option<FeatureMap>> = detectors.iter().map(|_| None).collect();
        for level in Level::ALL {
            let mut depths: Vec<usize> = detectors
                .iter()
                .filter(|detector| detector.level == level)
                .map(|detector| detector.depth)
                .collect();
            depths.sort_unstable();
            depths.dedup();
            if depths.is_empty() {
                continue;
            }
            let of_level = self.level_maps(encoder, picture, level, &depths);
            for (map, detector) in maps.iter_mut().zip(detectors) {
                if detector.level == level
                    && let Ok(at) = depths.binary_search(&detector.depth)
                {
                    *map = Some(prepared(&of_level[at], detector));
                }
            }
        }
        maps.into_iter().flatten().collect()
    }

    fn level_maps(
        &self,
        encoder: &Encoder,
        picture: &Picture,
        level: Level,
        depths: &[usize],
    ) -> Vec<FeatureMap> {
        let tiles = self.tiles;
        let (width, height) = match encoder.input_size() {
            InputSize::Square(side) => (side as u32, side as u32),
            InputSize::Any { stride } => {
                let scale = level.shorter_side() / self.usual;
                let side = |pixels: u32| {
                    let cells = f64::from(pixels) * scale / stride as f64;
                    let most = (MOST_SIDE / stride as f64).floor();
                    stride as u32 * cells.round().clamp(1.0, most) as u32
                };
                (side(picture.width()), side(picture.height()))
            }
        };
        if tiles == 1 {
            let shown = picture.resize(width, height, Filter::Bicubic);
            return encoder.feature_maps(&encoder.preprocess().normalise(&shown), depths);
        }
        let whole = picture.resize(width * tiles, height * tiles, Filter::Bicubic);
        let rows = (0..tiles).map(|row| {
            let tile = |column: u32| {
                let (x, y) = (i64::from(column * width), i64::from(row * height));
                let tile = whole.crop(x, y, width, height);
                encoder.feature_maps(&encoder.preprocess().normalise(&tile), depths)
            };
            (0..tiles).map(tile).collect::<Vec<_>>()
        });
        stitched(&rows.collect::<Vec<_>>(), depths.len())
    }

    /// The tiles that pictures are cut into if nobody says how many: more than one where they are larger
    /// than what single pixels are looked at in.
    pub(crate) fn tiles_for(usual: f64) -> u32 {
        (usual / (2.0 * TEXTURE_SIDE)).round().clamp(1.0, 4.0) as u32
    }

    /// The picture as large as where single pixels are looked at.
    pub(crate) fn shown<'p>(&self, picture: &'p Picture) -> Cow<'p, Picture> {
        let usual = TEXTURE_SIDE * f64::from(self.tiles);
        let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
        let scale = (usual / self.usual).min(1.0);
        let scale = scale.min(usual * MOST_LENGTH / width.max(height));
        match scale < 1.0 {
            true => {
                let side = |pixels: f64| (pixels * scale).round().max(1.0) as u32;
                Cow::Owned(picture.resize(side(width), side(height), Filter::Bicubic))
            }
            false => Cow::Borrowed(picture),
        }
    }

    /// The luminance of [`View::shown`]: `[height][width]`, 0…255.
    pub(crate) fn luminance(&self, picture: &Picture) -> Luminance {
        let shown = self.shown(picture);
        Luminance {
            width: shown.width() as usize,
            height: shown.height() as usize,
            data: shown.luminance(),
        }
    }
}

/// A grey picture.
pub(crate) struct Luminance {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// `[height][width]`.
    pub(crate) data: Vec<u8>,
}

/// Maps of tiles, `[tile row][tile column][depth]`, as one map for each depth.
fn stitched(tiles: &[Vec<Vec<FeatureMap>>], depths: usize) -> Vec<FeatureMap> {
    let stitch = |depth: usize| {
        let first = &tiles[0][0][depth];
        let (rows, columns, dimensions) = (first.rows, first.columns, first.dimensions);
        let line = columns * dimensions;
        let mut data = Vec::with_capacity(first.data.len() * tiles.len() * tiles[0].len());
        for tiles in tiles {
            for row in 0..rows {
                for tile in tiles {
                    data.extend_from_slice(&tile[depth].data[row * line..][..line]);
                }
            }
        }
        FeatureMap {
            rows: rows * tiles.len(),
            columns: columns * tiles[0].len(),
            dimensions,
            data,
        }
    };
    (0..depths).map(stitch).collect()
}

/// A map as a detector reads it.
fn prepared(map: &FeatureMap, detector: &Detector) -> FeatureMap {
    let mut map = match detector.pool {
        ..=1 => map.clone(),
        side => pooled(map, side / 2),
    };
    if detector.root {
        for value in &mut map.data {
            *value = value.abs().sqrt().copysign(*value);
        }
    }
    if detector.unit {
        for vector in map.data.chunks_exact_mut(map.dimensions) {
            let square: f32 = vector.iter().map(|x| x * x).sum();
            let scale = 1.0 / square.sqrt().max(f32::MIN_POSITIVE);
            vector.iter_mut().for_each(|x| *x *= scale);
        }
    }
    map
}

/// Each cell as the mean of the cells up to `reach` away, edges repeated.
fn pooled(map: &FeatureMap, reach: usize) -> FeatureMap {
    let across = |data: &[f32], length: usize, stride: usize, lines: usize, jump: usize| {
        let mut out = vec![0.0f32; data.len()];
        let share = 1.0 / (2 * reach + 1) as f32;
        for line in 0..lines {
            for at in 0..length {
                let to = (line * jump + at * stride) * map.dimensions;
                for step in 0..=2 * reach {
                    let near = (at + step).saturating_sub(reach).min(length - 1);
                    let from = (line * jump + near * stride) * map.dimensions;
                    for d in 0..map.dimensions {
                        out[to + d] += share * data[from + d];
                    }
                }
            }
        }
        out
    };
    let rows = across(&map.data, map.columns, 1, map.rows, map.columns);
    FeatureMap {
        data: across(&rows, map.rows, map.columns, map.columns, 1),
        ..*map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: usize, columns: usize, data: &[f32]) -> FeatureMap {
        FeatureMap {
            rows,
            columns,
            dimensions: data.len() / (rows * columns),
            data: data.to_vec(),
        }
    }

    #[test]
    fn pooling_is_a_mean_with_edges_repeated() {
        let map = map(2, 3, &[0.0, 9.0, 0.0, 0.0, 0.0, 0.0]);
        let got = pooled(&map, 1).data;
        let want = [2.0, 2.0, 2.0, 1.0, 1.0, 1.0];
        assert!(
            got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-5),
            "{got:?}"
        );
    }

    #[test]
    fn tiles_are_stitched_in_their_place() {
        let tile = |value: f32| vec![map(1, 2, &[value, value + 0.5])];
        let tiles = vec![vec![tile(1.0), tile(2.0)], vec![tile(3.0), tile(4.0)]];
        let whole = &stitched(&tiles, 1)[0];
        assert_eq!((whole.rows, whole.columns), (2, 4));
        assert_eq!(whole.data, [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5]);
    }
}
