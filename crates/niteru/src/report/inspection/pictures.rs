//! The small pictures of one inspected image.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use niteru_imaging::{HeatMap, HeatScale, Limits, Picture, Rect};
use niteru_inspect::{GoodPlace, Inspection, NearestGood, PixelHash, Region, Verdict};

use crate::report::marks::{Jpeg, around};

/// Longest side of an image that is not OK, in pixels, while there is room.
const LARGE: u32 = 480;

/// Of an OK one, and of all when there is little room.
const SMALL: u32 = 280;

/// Longest side of an enlarged place and of a good picture.
const DETAIL: u32 = 192;

/// Bytes of pictures from which on new ones are small: a page of 1 000 images full of detail, all of them
/// NG, has some 70 MB, and a page of usual ones far less.
const ROOM: usize = 12 << 20;

/// An enlarged place is so many times as large as what differs, and at least so many pixels.
const AROUND: f64 = 1.6;
const LEAST: u32 = 48;

/// The pictures of one image; `None` is what could not be read.
pub(super) struct Pictures {
    /// Width and height of the image, in pixels.
    pub(super) size: (u32, u32),
    pub(super) photo: Option<Jpeg>,
    pub(super) heat: Option<Jpeg>,
    /// Where something differs.
    pub(super) places: Option<Places>,
    pub(super) nearest: Option<Arc<Jpeg>>,
}

/// The worst place, and the place of a good picture that it is most like.
pub(super) struct Places {
    pub(super) own: Option<Jpeg>,
    pub(super) good: Option<Jpeg>,
    /// The good picture's file.
    pub(super) path: PathBuf,
}

/// Makes pictures, and keeps those that come again.
#[derive(Default)]
pub(super) struct Maker {
    good: HashMap<PathBuf, Option<Arc<Jpeg>>>,
    bytes: usize,
}

impl Maker {
    pub(super) fn pictures(
        &mut self,
        picture: &Picture,
        inspection: &Inspection,
        scale: HeatScale,
    ) -> Pictures {
        let longest = match inspection.verdict {
            Verdict::Ok => SMALL,
            _ if self.bytes > ROOM => SMALL,
            _ => LARGE,
        };
        let worst = inspection.regions.first();
        let made = Pictures {
            size: (picture.width(), picture.height()),
            photo: Jpeg::of(picture, longest),
            heat: overlay(&inspection.heat, picture, scale, longest),
            places: worst.and_then(|worst| Places::of(picture, worst)),
            nearest: inspection
                .nearest_good
                .as_ref()
                .and_then(|good| self.good(good)),
        };
        let places = made.places.iter().flat_map(|p| [&p.own, &p.good]);
        let all = places.chain([&made.photo, &made.heat]);
        self.bytes += all.flatten().map(Jpeg::len).sum::<usize>();
        made
    }

    /// A good picture, read once.
    fn good(&mut self, good: &NearestGood) -> Option<Arc<Jpeg>> {
        if let Some(known) = self.good.get(&good.path) {
            return known.clone();
        }
        let picture = as_learnt(&good.path, good.pixels);
        let made = picture.and_then(|picture| Jpeg::of(&picture.thumbnail(DETAIL), DETAIL));
        let made = made.map(Arc::new);
        self.good.insert(good.path.clone(), made.clone());
        made
    }
}

/// A good picture, if its file still shows what was learnt from it.
fn as_learnt(path: &Path, pixels: Option<PixelHash>) -> Option<Picture> {
    let picture = Picture::open(path, &Limits::default()).ok()?;
    let same = pixels.is_none_or(|pixels| pixels == PixelHash::of(&picture));
    same.then_some(picture)
}

/// The heat map over the picture; of a small picture, enlarged until the map is to be seen.
fn overlay(heat: &HeatMap, picture: &Picture, scale: HeatScale, longest: u32) -> Option<Jpeg> {
    Jpeg::of(&heat.overlay(&picture.thumbnail(longest), scale), longest)
}

impl Places {
    /// The same number of pixels around both; `None` when no good place is known.
    fn of(picture: &Picture, region: &Region) -> Option<Places> {
        let place = region.good.as_ref()?;
        let side = |length: u32| (f64::from(length) * AROUND).ceil() as u32;
        let size = (
            side(region.w.max(place.w)).max(LEAST),
            side(region.h.max(place.h)).max(LEAST),
        );
        let GoodPlace {
            path, x, y, w, h, ..
        } = place;
        let rect = Rect {
            x: i64::from(*x),
            y: i64::from(*y),
            width: *w,
            height: *h,
        };
        let good = as_learnt(path, place.pixels);
        Some(Places {
            own: detail(picture, region.rect(), size),
            good: good.and_then(|good| detail(&good, rect, size)),
            path: path.clone(),
        })
    }
}

/// The part of a picture of this size around a place.
fn detail(picture: &Picture, place: Rect, size: (u32, u32)) -> Option<Jpeg> {
    let part = around(place, size, picture);
    Jpeg::of(
        &picture.crop(part.x, part.y, part.width, part.height),
        DETAIL,
    )
}
