//! Places of a picture that differ from the good ones.

use std::path::PathBuf;

use niteru_imaging::{HeatMap, HeatRegion, Picture, Rect};
use serde::Serialize;
use utoipa::ToSchema;

use crate::bank::Nearest;
use crate::difference::Difference;
use crate::inspector::{Learnt, Verdict};
use crate::memory::Measured;
use crate::pixel_hash::PixelHash;
use crate::recipe::{Detector, placing};
use crate::reference::as_it_lay;

/// Regions that are told at most.
const MOST_REGIONS: usize = 10;

/// Where nothing of a picture is above the threshold of regions, its worst place goes down to this share of the
/// peak; it is told of a picture that is NG.
const WORST: f32 = 0.8;

/// A place of a picture that differs, in pixels.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Width.
    pub w: u32,
    /// Height.
    pub h: u32,
    /// The heat map's largest value in it.
    pub score: f32,
    /// Pixels of the picture that are part of it.
    pub area: u64,
    /// The place of a good picture that its worst patch is most like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good: Option<GoodPlace>,
    /// How it differs from the good patches that it is most like; `None` where that is not known, as of
    /// inspectors of older versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// Whether it is only the hottest place of a picture that is NG and in which no place stands out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub weak: bool,
}

/// A place of a good picture, in pixels.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "as of a region")]
pub struct GoodPlace {
    #[schema(value_type = String)]
    pub path: PathBuf,
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
    /// As [`NearestGood::pixels`](crate::NearestGood::pixels).
    #[serde(skip)]
    pub pixels: Option<PixelHash>,
}

impl Region {
    /// Moves it to a rectangle of the picture as it lay; its share of the rectangle stays.
    pub(crate) fn lie(&mut self, rect: Rect) {
        let pixels = |w: u32, h: u32| f64::from(w) * f64::from(h);
        let share = self.area as f64 / pixels(self.w, self.h).max(1.0);
        // Inside of the picture, so never below 0.
        self.x = u32::try_from(rect.x).unwrap_or(0);
        self.y = u32::try_from(rect.y).unwrap_or(0);
        (self.w, self.h) = (rect.width, rect.height);
        self.area = ((share * pixels(self.w, self.h)).round() as u64).max(1);
    }

    /// Its rectangle.
    pub fn rect(&self) -> Rect {
        Rect {
            x: i64::from(self.x),
            y: i64::from(self.y),
            width: self.w,
            height: self.h,
        }
    }
}

/// Whether a cell of a grid over a picture has pixels in a rectangle of it.
pub(crate) fn meets(
    place: Rect,
    at: usize,
    (rows, columns): (usize, usize),
    (width, height): (u32, u32),
) -> bool {
    let overlaps = |cell: usize, cells: usize, side: u32, first: i64, length: u32| {
        let edge = |cell: usize| (cell as u64 * u64::from(side) / cells.max(1) as u64) as i64;
        edge(cell) < first.saturating_add(i64::from(length)) && edge(cell + 1) > first
    };
    let columns = columns.max(1);
    overlaps(at % columns, columns, width, place.x, place.width)
        && overlaps(at / columns, rows, height, place.y, place.height)
}

/// The regions of a heat map, the worst first. `squeezed`: whether the network sees every picture as the same square.
pub(crate) fn regions(
    learnt: &Learnt,
    squeezed: bool,
    heat: &HeatMap,
    measured: &Measured,
    picture: &Picture,
    verdict: Verdict,
) -> Vec<Region> {
    let mut found = niteru_imaging::regions(heat, learnt.region_threshold);
    let weak = found.is_empty() && verdict == Verdict::Ng;
    if weak {
        found.extend(hottest(heat));
    }
    found.truncate(MOST_REGIONS);
    let pixels = f64::from(picture.width()) * f64::from(picture.height())
        / (f64::from(heat.width()) * f64::from(heat.height()));
    let size = (picture.width(), picture.height());
    let region = |found: &HeatRegion| {
        let rect = found.on(heat, picture);
        let (w, h) = (rect.width, rect.height);
        let area = (found.area as f64 * pixels).round().max(1.0) as u64;
        Region {
            // A heat map covers its picture: corners lie inside it.
            x: u32::try_from(rect.x).unwrap_or(0),
            y: u32::try_from(rect.y).unwrap_or(0),
            w,
            h,
            score: found.peak,
            area: area.min(u64::from(w) * u64::from(h)),
            difference: None,
            weak,
            good: good_place(learnt, squeezed, measured, size, rect),
        }
    };
    found.iter().map(region).collect()
}

/// The hottest place of a heat map, down to [`WORST`] of its peak; `None` where nothing has heat.
pub(crate) fn hottest(heat: &HeatMap) -> Option<HeatRegion> {
    let peak = heat.data().iter().copied().fold(0.0, f32::max);
    niteru_imaging::regions(heat, WORST * peak)
        .into_iter()
        .next()
}

/// Where the good patch lies that is nearest to the worst patch of a region: of the detector by whose patches its
/// difference is told, so that what is shown is what is compared; of inspectors that know no looks, of the last
/// detector that decides.
fn good_place(
    learnt: &Learnt,
    squeezed: bool,
    measured: &Measured,
    size: (u32, u32),
    region: Rect,
) -> Option<GoodPlace> {
    let decides = |detector: &Detector| detector.decides;
    let telling = learnt.differences.as_ref();
    let telling = telling.and_then(|_| placing(&learnt.detectors));
    let detector = telling.or_else(|| learnt.detectors.iter().rposition(decides))?;
    let grid = measured.grids[detector];
    let cells = measured.cells[detector].iter().enumerate();
    let cells = cells.filter_map(|(at, cell)| Some((at, cell.as_ref()?)));
    let inside = cells.filter(|&(at, _)| meets(region, at, grid, size));
    // As `PackedMemory::beside` has them.
    let near = measured.near.as_ref().filter(|_| telling.is_some());
    let distance = |at: usize, nearest: &Nearest| {
        let placed = near.and_then(|near| near[at]);
        placed.unwrap_or(nearest.distance)
    };
    // Of equal ones the first, as the difference is told by it.
    let (_, nearest) = inside.reduce(|worst, next| {
        match distance(next.0, next.1) > distance(worst.0, worst.1) {
            true => next,
            false => worst,
        }
    })?;
    let origin = learnt.memory.banks[detector].origin(nearest.patch)?;
    let good = learnt.good.get(origin.picture as usize)?;
    // Of an aligned picture, as all of them are then.
    let frame = learnt
        .reference
        .as_ref()
        .map_or(good.size, |reference| reference.size);
    // Cells are as many pixels in every picture, up to rounding; to a network that sees squares, they are the same
    // share of it.
    let scale = |frame: u32, side: u32| match squeezed {
        true => f64::from(frame) / f64::from(side.max(1)),
        false => 1.0,
    };
    let scale = (scale(frame.0, size.0), scale(frame.1, size.1));
    let cell = |side: u32, cells: usize, scale: f64| f64::from(side) / cells.max(1) as f64 * scale;
    let (width, height) = (cell(size.0, grid.1, scale.0), cell(size.1, grid.0, scale.1));
    let centre = |at: u16, cell: f64| (f64::from(at) + 0.5) * cell;
    let scaled = |length: u32, scale: f64, most: u32| {
        let length = (f64::from(length) * scale).round().max(1.0);
        (length as u32).min(most)
    };
    let (w, h) = (
        scaled(region.width, scale.0, frame.0),
        scaled(region.height, scale.1, frame.1),
    );
    let corner = |centre: f64, length: u32, side: u32| {
        let most = f64::from(side - length);
        (centre - f64::from(length) / 2.0).clamp(0.0, most) as u32
    };
    let place = Rect {
        x: corner(centre(origin.column, width), w, frame.0).into(),
        y: corner(centre(origin.row, height), h, frame.1).into(),
        width: w,
        height: h,
    };
    let place = match good.alignment {
        Some(alignment) => as_it_lay(&alignment, place, frame, good.size),
        None => place,
    };
    Some(GoodPlace {
        path: good.path.clone(),
        x: u32::try_from(place.x).unwrap_or(0),
        y: u32::try_from(place.y).unwrap_or(0),
        w: place.width,
        h: place.height,
        pixels: learnt.good_pixels.get(origin.picture as usize).copied(),
    })
}
