//! Two pictures of the same thing, such as a board and its template, or before and after: where they
//! differ.
//!
//! No good parts are learnt from; position counts. The second picture is laid on the first, brought to its
//! light and sharpness, and compared with it twice: pixel by pixel, and by the network's features around
//! the same place. What is usual between two pictures of the same thing is told by the first one taken
//! again in some ways ([`again`]), so that a number means the same for all pairs.

mod again;
mod cells;
mod fit;
mod frame;
mod heat;
mod light;
mod pixels;
mod places;
mod plane;
mod warp;

use niteru_encoder::{Encoder, FeatureMap};
use niteru_imaging::{
    AlignOptions, Alignment, HeatError, HeatMap, HeatScale, Mask, Picture, align,
};
use rayon::prelude::*;

use self::frame::Frame;
pub use self::places::{DifferentPlace, OtherPlace};
use crate::features::{Features, counting, summary};
use crate::inspector::heat_scale;
use crate::recipe::{Detector, SOME, detectors};
use crate::train::MOST_TILES;
use crate::view::View;

/// The sides' ratios of two pictures may differ by this factor.
const MOST_APART: f64 = 1.25;

/// Pixels beside the edge of what the second picture shows that do not count.
const EDGE: usize = 2;

/// How two pictures are compared.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// Whether the second picture is laid on the first; if not, or where that is not certain, they are
    /// compared as they lie.
    pub align: bool,
    /// Tiles along each side, 1…[`MOST_TILES`]; `None` chooses by the first picture's size.
    pub tiles: Option<u32>,
    /// What counts of the first picture: any size, stretched to the picture's.
    pub area: Option<Mask>,
}

impl Default for CompareOptions {
    fn default() -> CompareOptions {
        CompareOptions {
            align: true,
            tiles: None,
            area: None,
        }
    }
}

/// Why two pictures cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// One is much wider than the other.
    #[error(
        "the pictures have different shapes: {} x {} and {} x {} pixels; take both in the same format, or \
         crop one of them",
        first.0, first.1, second.0, second.1
    )]
    Shapes {
        /// Width and height of the first.
        first: (u32, u32),
        /// And of the second.
        second: (u32, u32),
    },
    /// The area mask leaves nothing.
    #[error("the area mask is black all over; paint white what is to be compared")]
    EmptyArea,
    /// What counts of the first picture is not to be seen in the second.
    #[error(
        "nothing that is to be compared is to be seen in both pictures; paint a larger area, or take the second \
         picture as the first lies"
    )]
    NothingInCommon,
    /// The numbers of tiles are 1 to 8.
    #[error("pictures are cut into 1 to {MOST_TILES} tiles along each side, got {0}")]
    Tiles(u32),
    /// The model gave a number that is not finite.
    #[error("a heat map could not be made")]
    Heat(#[from] HeatError),
}

/// How two pictures differ.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// How the second picture lies relative to the first; `None` where that was not asked for.
    pub alignment: Option<Alignment>,
    /// Cosine similarity of the whole pictures, once the second is in the place and light of the first,
    /// −1…1; exactly 1 for equal pictures.
    pub similarity: f32,
    /// The places that differ, the worst first, at most 10.
    pub differences: Vec<DifferentPlace>,
    /// How far each place of the first picture is from the second, in what is usual there between two
    /// pictures of the same thing. 0 where the second does not show it, or it does not count.
    pub heat: HeatMap,
    frame: Frame,
}

impl Comparison {
    /// A place differs where the heat is above this: so many times as far as is usual.
    pub const THRESHOLD: f32 = places::THRESHOLD;

    /// The scale of all heat maps of comparisons.
    ///
    /// # Errors
    /// None that happens: the scale is fixed.
    pub fn heat_scale() -> Result<HeatScale, HeatError> {
        heat_scale(places::THRESHOLD)
    }

    /// The heat map over the second picture as it lies.
    ///
    /// # Errors
    /// None that happens: the map's numbers are finite.
    pub fn heat_of_second(&self) -> Result<HeatMap, HeatError> {
        self.frame.heat_of_second(&self.heat)
    }

    /// The second picture as the first shows the thing, of the first one's size; edges are repeated where
    /// it shows less. `second` is what was compared.
    pub fn laid_on_first(&self, second: &Picture) -> Picture {
        let (width, height) = self.frame.first;
        self.frame.laid(second, width, height).0
    }
}

/// Compares two pictures of the same thing, with the threads of the pool that it is called in.
///
/// # Errors
/// [`CompareError`]: other shapes, a mask without area, tiles out of range.
pub fn compare(
    encoder: &Encoder,
    first: &Picture,
    second: &Picture,
    options: &CompareOptions,
) -> Result<Comparison, CompareError> {
    let sizes = [first, second].map(|picture| (picture.width(), picture.height()));
    check(sizes, options)?;
    let usual = f64::from(first.width().min(first.height()));
    let tiles = options.tiles.unwrap_or_else(|| View::tiles_for(usual));
    let shown = View { usual, tiles }.shown(first).into_owned();
    let alignment = options
        .align
        .then(|| align(first, second, AlignOptions::default()));
    let (frame, laid) = Laid::on(&shown, second, sizes, alignment);
    let counts = laid.counts(options.area.as_ref());
    if !counts.cells().contains(&true) {
        return Err(CompareError::NothingInCommon);
    }

    let all = vec![true; counts.cells().len()];
    let taken = again::all(&shown).into_par_iter();
    let again: Vec<Picture> = taken
        .map(|take| light::matched(&shown, &take, &all))
        .collect();
    let others: Vec<&Picture> = std::iter::once(&laid.picture).chain(&again).collect();
    let view = View {
        usual: f64::from(shown.width().min(shown.height())),
        tiles,
    };
    let detectors: Vec<Detector> = detectors(encoder, SOME)
        .into_iter()
        .filter(|detector| detector.locates || detector.describes)
        .collect();
    let own = view.maps(encoder, &shown, &detectors);
    let maps: Vec<Vec<FeatureMap>> = others
        .par_iter()
        .map(|other| view.maps(encoder, other, &detectors))
        .collect();
    let pixels = others
        .par_iter()
        .map(|other| pixels::distances(&shown, other));
    let pixels = heat::Distances::of(pixels.collect());
    let locating = (0..detectors.len()).filter(|&at| detectors[at].locates);
    let cells: Vec<heat::Distances> = locating
        .map(|at| {
            heat::Distances::of(
                maps.iter()
                    .map(|maps| cells::distances(&own[at], &maps[at]))
                    .collect(),
            )
        })
        .collect();
    let heat = heat::fused(&pixels, &cells, &counts)?;
    let wholes = [&own, &maps[0]].map(|maps| whole(&detectors, maps, &counts));
    Ok(Comparison {
        similarity: similarity(encoder, &wholes),
        differences: places::differences(&heat, &frame),
        alignment,
        heat,
        frame,
    })
}

fn check([first, second]: [(u32, u32); 2], options: &CompareOptions) -> Result<(), CompareError> {
    let ratio = |(width, height): (u32, u32)| f64::from(width) / f64::from(height);
    let apart = ratio(first) / ratio(second);
    if !(1.0 / MOST_APART..=MOST_APART).contains(&apart) {
        return Err(CompareError::Shapes { first, second });
    }
    if let Some(tiles) = options
        .tiles
        .filter(|tiles| !(1..=MOST_TILES).contains(tiles))
    {
        return Err(CompareError::Tiles(tiles));
    }
    match &options.area {
        Some(area) if !area.cells().contains(&true) => Err(CompareError::EmptyArea),
        _ => Ok(()),
    }
}

/// The second picture in the place and light of the first.
struct Laid {
    /// Where it shows nothing, it is the first.
    picture: Picture,
    /// Which pixels it shows.
    inside: Mask,
}

impl Laid {
    /// `shown` is the first picture as large as pixels are looked at in.
    fn on(
        shown: &Picture,
        second: &Picture,
        sizes: [(u32, u32); 2],
        alignment: Option<Alignment>,
    ) -> (Frame, Laid) {
        let (width, height) = (shown.width(), shown.height());
        let lay = |frame: Frame| {
            let (picture, inside) = frame.laid(second, width, height);
            let picture = light::matched(shown, &picture, inside.cells());
            (frame, Laid { picture, inside })
        };
        let (frame, laid) = lay(Frame::new(sizes, alignment, (width, height)));
        let warp = match frame.is_aligned() {
            true => warp::Warp::fit(shown, &laid.picture, laid.inside.cells()),
            false => None,
        };
        let (frame, mut laid) = match warp {
            Some(warp) => lay(frame.bent(warp)),
            None => (frame, laid),
        };
        laid.fill_from(shown);
        (frame, laid)
    }

    fn fill_from(&mut self, shown: &Picture) {
        let mut pixels = self.picture.pixels().to_vec();
        let places = pixels
            .chunks_exact_mut(3)
            .zip(shown.pixels().chunks_exact(3));
        for ((to, from), _) in places
            .zip(self.inside.cells())
            .filter(|(_, inside)| !**inside)
        {
            to.copy_from_slice(from);
        }
        if let Ok(filled) = Picture::from_rgb(shown.width(), shown.height(), pixels) {
            self.picture = filled;
        }
    }

    /// What is to be compared and can be.
    fn counts(&self, area: Option<&Mask>) -> Mask {
        let (width, height) = (self.inside.width(), self.inside.height());
        let outside = plane::Plane {
            width: width as usize,
            height: height as usize,
            data: self
                .inside
                .cells()
                .iter()
                .map(|&inside| f32::from(u8::from(!inside)))
                .collect(),
        };
        let outside = outside.widened(EDGE);
        let mut cells: Vec<bool> = outside.data.iter().map(|&outside| outside == 0.0).collect();
        if let Some(area) = area.map(|area| area.for_size(width, height)) {
            cells
                .iter_mut()
                .zip(area.cells())
                .for_each(|(cell, &area)| *cell &= area);
        }
        // As many cells as before.
        Mask::new(width, height, cells).unwrap_or_else(|_| self.inside.clone())
    }
}

fn similarity(encoder: &Encoder, [first, second]: &[Vec<f32>; 2]) -> f32 {
    match first == second {
        // Not but for rounding.
        true => 1.0,
        false => Features::likeness(encoder.kernels(), first, second),
    }
}

/// The description of a whole picture, of what counts of it.
fn whole(detectors: &[Detector], maps: &[FeatureMap], counts: &Mask) -> Vec<f32> {
    let described = detectors
        .iter()
        .zip(maps)
        .filter(|(detector, _)| detector.describes);
    described
        .flat_map(|(_, map)| summary(map, &counting(map, Some(counts))))
        .collect()
}
