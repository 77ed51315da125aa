//! Stored forms of the past, as they were written: inspectors that were trained once stay runnable.

use std::path::PathBuf;

use niteru_imaging::Mask;
use niteru_learn::{Calibration, Gaussian, Promise, Spread};
use serde::Deserialize;

use crate::bank::Bank;
use crate::difference::Cells;
use crate::fusion::Fusion;
use crate::inspector::{GoodPicture, Learnt};
use crate::memory::Memory;
use crate::recipe::{Detector, FARTHEST, Level};
use crate::view::View;

/// Format 1: no roots, no places, no differences, nothing aligned.
#[derive(Deserialize)]
pub(crate) struct Learnt1 {
    fingerprint: String,
    model: String,
    detectors: Vec<Detector1>,
    view: View,
    area: Option<Mask>,
    memory: Memory1,
    fusion: Fusion1,
    calibration: Calibration,
    promise: Promise,
    region_threshold: f32,
    good: Vec<GoodPicture1>,
}

#[derive(Deserialize)]
struct GoodPicture1 {
    path: PathBuf,
    size: (u32, u32),
    whole: Vec<f32>,
}

#[derive(Deserialize)]
struct Detector1 {
    level: Level,
    depth: usize,
    pool: usize,
    unit: bool,
    decides: bool,
    locates: bool,
    describes: bool,
}

#[derive(Deserialize)]
struct Memory1 {
    banks: Vec<Bank>,
    whole: Gaussian,
    grain: Gaussian,
    texture: Option<Gaussian>,
}

#[derive(Deserialize)]
struct Fusion1 {
    tops: Vec<Spread>,
    patches: Vec<Spread>,
    whole: Spread,
    grain: Spread,
    texture: Spread,
    texture_cells: Spread,
    unlike: f64,
}

impl From<Learnt1> for Learnt {
    fn from(old: Learnt1) -> Learnt {
        Learnt {
            fingerprint: old.fingerprint,
            model: old.model,
            detectors: old.detectors.into_iter().map(Detector::from).collect(),
            view: old.view,
            area: old.area,
            memory: old.memory.into(),
            fusion: old.fusion.into(),
            calibration: old.calibration,
            promise: old.promise,
            region_threshold: old.region_threshold,
            good: old.good.into_iter().map(GoodPicture::from).collect(),
            differences: None,
            reference: None,
            known_bad: None,
            told_of: Cells::All,
            object: None,
            good_pixels: Vec::new(),
        }
    }
}

impl From<GoodPicture1> for GoodPicture {
    fn from(old: GoodPicture1) -> GoodPicture {
        GoodPicture {
            path: old.path,
            size: old.size,
            alignment: None,
            whole: old.whole,
        }
    }
}

impl From<Detector1> for Detector {
    fn from(old: Detector1) -> Detector {
        Detector {
            level: old.level,
            depth: old.depth,
            pool: old.pool,
            root: false,
            unit: old.unit,
            decides: old.decides,
            farthest: FARTHEST,
            locates: old.locates,
            describes: old.describes,
            places: false,
        }
    }
}

impl From<Memory1> for Memory {
    fn from(old: Memory1) -> Memory {
        Memory {
            banks: old.banks,
            whole: old.whole,
            grain: old.grain,
            texture: old.texture,
            place: None,
            looks: Vec::new(),
        }
    }
}

impl From<Fusion1> for Fusion {
    fn from(old: Fusion1) -> Fusion {
        Fusion {
            tops: old.tops,
            patches: old.patches,
            whole: old.whole,
            grain: old.grain,
            texture: old.texture,
            texture_cells: old.texture_cells,
            place: None,
            unlike: old.unlike,
        }
    }
}
