//! The places of a heat map that differ, in both pictures.

use niteru_imaging::{HeatMap, Rect, regions};
use serde::Serialize;
use utoipa::ToSchema;

use super::frame::Frame;

/// A place differs where the heat is above this somewhere: so many times as far as is usual there.
/// docs/inspection.md has what was measured.
pub(super) const THRESHOLD: f32 = 2.4;

/// It reaches as far as the heat is above this share of it.
const REACHES: f32 = 0.6;

/// Places are one when they lie nearer than this share of the shorter side.
const NEAR: f64 = 0.015;

/// Places that are told at most.
const MOST: usize = 10;

/// A place that differs, in pixels of the second picture.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DifferentPlace {
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
    /// Pixels of the second picture that differ in it, about.
    pub area: u64,
    /// The same place of the first picture.
    pub other: OtherPlace,
}

/// A place of the first picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "as of a difference")]
pub struct OtherPlace {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

impl OtherPlace {
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

/// A rectangle of the heat map: from the first column and row to the ones behind the last.
#[derive(Clone, Copy)]
struct Found {
    from: (u32, u32),
    to: (u32, u32),
    peak: f32,
    area: u64,
}

impl Found {
    fn is_near(&self, other: &Found, gap: u32) -> bool {
        let near = |from: u32, to: u32, other_from: u32, other_to: u32| {
            from <= other_to + gap && other_from <= to + gap
        };
        near(self.from.0, self.to.0, other.from.0, other.to.0)
            && near(self.from.1, self.to.1, other.from.1, other.to.1)
    }

    fn with(&self, other: &Found) -> Found {
        Found {
            from: (self.from.0.min(other.from.0), self.from.1.min(other.from.1)),
            to: (self.to.0.max(other.to.0), self.to.1.max(other.to.1)),
            peak: self.peak.max(other.peak),
            area: self.area + other.area,
        }
    }
}

/// The places of a heat map of the first picture that differ, the worst first.
pub(super) fn differences(heat: &HeatMap, frame: &Frame) -> Vec<DifferentPlace> {
    let gap = NEAR * f64::from(heat.width().min(heat.height()));
    let mut found: Vec<Found> = Vec::new();
    for region in regions(heat, REACHES * THRESHOLD) {
        if region.peak > THRESHOLD {
            let next = Found {
                from: (region.x, region.y),
                to: (region.x + region.w, region.y + region.h),
                peak: region.peak,
                area: u64::from(region.area),
            };
            add(&mut found, next, gap.ceil() as u32);
        }
    }
    found.sort_by(|a, b| b.peak.total_cmp(&a.peak));
    found.truncate(MOST);
    let size = (heat.width(), heat.height());
    found.iter().map(|found| told(found, size, frame)).collect()
}

/// Adds a place, joined with all that it is near to.
fn add(found: &mut Vec<Found>, mut next: Found, gap: u32) {
    while let Some(at) = found.iter().position(|other| other.is_near(&next, gap)) {
        next = next.with(&found.swap_remove(at));
    }
    found.push(next);
}

fn told(found: &Found, (columns, rows): (u32, u32), frame: &Frame) -> DifferentPlace {
    let edge = |at: u32, cells: u32, side: u32| f64::from(at) * f64::from(side) / f64::from(cells);
    let (width, height) = frame.first;
    let (left, right) = (
        edge(found.from.0, columns, width),
        edge(found.to.0, columns, width),
    );
    let (top, bottom) = (
        edge(found.from.1, rows, height),
        edge(found.to.1, rows, height),
    );
    let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
    let other = around(corners, frame.first);
    let place = around(corners.map(|corner| frame.to_second(corner)), frame.second);
    let pixels = |(width, height): (u32, u32)| f64::from(width.min(height)).powi(2);
    let area = found.area as f64 * pixels(frame.second) / pixels((columns, rows));
    DifferentPlace {
        x: place.x,
        y: place.y,
        w: place.w,
        h: place.h,
        score: found.peak,
        area: (area.round().max(1.0) as u64).min(u64::from(place.w) * u64::from(place.h)),
        other,
    }
}

/// The pixels that hold all of these points, of a picture of this size.
fn around(points: [(f64, f64); 4], (width, height): (u32, u32)) -> OtherPlace {
    // What is exact but for rounding is not a pixel more.
    const ROUNDING: f64 = 1e-6;
    let span = |values: [f64; 4], side: u32| {
        let first = values.into_iter().fold(f64::INFINITY, f64::min);
        let last = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let from = (first + ROUNDING).floor().clamp(0.0, f64::from(side - 1));
        let to = (last - ROUNDING).ceil().clamp(from + 1.0, f64::from(side));
        (from as u32, (to - from) as u32)
    };
    let (x, w) = span(points.map(|point| point.0), width);
    let (y, h) = span(points.map(|point| point.1), height);
    OtherPlace { x, y, w, h }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(places: &[(u32, u32, u32, u32, f32)]) -> HeatMap {
        let mut data = vec![0.5; 200 * 100];
        for &(x, y, w, h, value) in places {
            for y in y..y + h {
                data[(y * 200 + x) as usize..][..w as usize].fill(value);
            }
        }
        HeatMap::new(200, 100, data).unwrap()
    }

    fn found(places: &[(u32, u32, u32, u32, f32)]) -> Vec<(u32, u32, u32, u32)> {
        let frame = Frame::new([(400, 200), (800, 400)], None, (400, 200));
        let all = differences(&heat(places), &frame);
        let place = |found: &DifferentPlace| {
            let (place, other) = ((found.x, found.y, found.w, found.h), found.other);
            assert_eq!(place, (2 * other.x, 2 * other.y, 2 * other.w, 2 * other.h));
            place
        };
        all.iter().map(place).collect()
    }

    #[test]
    fn places_are_told_the_worst_first() {
        let places = [(10, 10, 5, 4, 3.0), (150, 60, 10, 10, 9.0)];
        assert_eq!(found(&places), [(600, 240, 40, 40), (40, 40, 20, 16)]);
        let frame = Frame::new([(400, 200), (800, 400)], None, (400, 200));
        assert_eq!(differences(&heat(&places), &frame)[0].area, 100 * 16);
    }

    #[test]
    fn what_is_usual_is_no_place_and_near_ones_are_one() {
        assert_eq!(found(&[(10, 10, 5, 4, THRESHOLD)]), []);
        // A weak rim belongs to it, a weak place beside it does not.
        let rim = [(9, 9, 7, 7, 2.0), (11, 11, 2, 2, 5.0), (40, 9, 7, 7, 2.0)];
        assert_eq!(found(&rim), [(36, 36, 28, 28)]);
        let near = [
            (20, 20, 4, 4, 5.0),
            (26, 20, 4, 4, 5.0),
            (40, 20, 4, 4, 3.0),
        ];
        assert_eq!(found(&near), [(80, 80, 40, 16), (160, 80, 16, 16)]);
        // A chain of them, found in another order.
        let chain = [
            (20, 20, 4, 4, 5.0),
            (32, 20, 4, 4, 4.0),
            (26, 20, 4, 4, 3.0),
        ];
        assert_eq!(found(&chain), [(80, 80, 64, 16)]);
    }

    #[test]
    fn at_most_ten_are_told() {
        let many: Vec<_> = (0..18)
            .map(|at| (10 * at + 2, 50, 4, 4, 3.0 + at as f32))
            .collect();
        let told = found(&many);
        assert_eq!((told.len(), told[0]), (10, (4 * 172, 200, 16, 16)));
    }

    #[test]
    fn rectangles_stay_inside() {
        let outside = [(-20.0, -5.0), (4.0, -5.0), (-20.0, 3.0), (4.0, 3.0)];
        let place = around(outside, (100, 50));
        assert_eq!((place.x, place.y, place.w, place.h), (0, 0, 4, 3));
        let beyond = [(120.0, 60.0); 4];
        let place = around(beyond, (100, 50));
        assert_eq!((place.x, place.y, place.w, place.h), (99, 49, 1, 1));
    }
}
