//! Where things of the first picture lie in the second, and back.

use niteru_imaging::{Alignment, Filter, HeatError, HeatMap, Mask, Picture};

use super::plane::Plane;
use super::warp::Warp;

/// A motion of fewer pixels, where single pixels are looked at, is none: the pictures are not touched.
const STILL: f64 = 0.1;

/// Steps of the way back through a warp, each of which leaves some percent of what it is off.
const STEPS_BACK: usize = 4;

/// How two pictures lie.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Width and height of the first picture, in pixels.
    pub(super) first: (u32, u32),
    /// And of the second.
    pub(super) second: (u32, u32),
    laid: Laid,
}

#[derive(Clone, Copy, Debug)]
enum Laid {
    /// As they are, the second stretched to the first.
    Stretched,
    Aligned(Alignment, Option<Warp>),
}

impl Frame {
    /// `shown` is the size that pixels are looked at in.
    pub(super) fn new(
        [first, second]: [(u32, u32); 2],
        alignment: Option<Alignment>,
        shown: (u32, u32),
    ) -> Frame {
        let laid = match alignment {
            Some(alignment) if alignment.certain => Laid::Aligned(alignment, None),
            _ => Laid::Stretched,
        };
        let frame = Frame {
            first,
            second,
            laid,
        };
        let scale = f64::from(shown.0) / f64::from(first.0);
        let (width, height) = (f64::from(first.0), f64::from(first.1));
        let moves = |corner: (f64, f64)| {
            let (x, y) = frame.to_second(corner);
            (x - corner.0).hypot(y - corner.1) * scale > STILL
        };
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
        match first == second && !corners.into_iter().any(moves) {
            true => Frame {
                laid: Laid::Stretched,
                ..frame
            },
            false => frame,
        }
    }

    /// Whether the second picture is laid on the first, not only stretched to it.
    pub(super) fn is_aligned(&self) -> bool {
        matches!(self.laid, Laid::Aligned(..))
    }

    /// The same, where what is aligned is also bent.
    pub(super) fn bent(self, warp: Warp) -> Frame {
        Frame {
            laid: match self.laid {
                Laid::Aligned(alignment, _) => Laid::Aligned(alignment, Some(warp)),
                Laid::Stretched => Laid::Stretched,
            },
            ..self
        }
    }

    /// Where the second picture shows a point of the first. Points are in pixels from the upper left
    /// corner.
    pub(super) fn to_second(&self, point: (f64, f64)) -> (f64, f64) {
        match &self.laid {
            Laid::Stretched => stretched(point, self.first, self.second),
            Laid::Aligned(alignment, warp) => {
                let bent = warp.map_or(point, |warp| warp.place(point, self.first));
                alignment.to_moving(bent, self.first, self.second)
            }
        }
    }

    /// Where the first picture shows a point of the second.
    pub(super) fn to_first(&self, point: (f64, f64)) -> (f64, f64) {
        match &self.laid {
            Laid::Stretched => stretched(point, self.second, self.first),
            Laid::Aligned(alignment, warp) => {
                let straight = alignment.to_reference(point, self.first, self.second);
                let Some(warp) = warp else { return straight };
                let mut back = straight;
                for _ in 0..STEPS_BACK {
                    let there = warp.place(back, self.first);
                    back = (back.0 + straight.0 - there.0, back.1 + straight.1 - there.1);
                }
                back
            }
        }
    }

    /// The second picture as the first shows the thing, of this size, and which pixels it has.
    pub(super) fn laid(&self, second: &Picture, width: u32, height: u32) -> (Picture, Mask) {
        if !self.is_aligned() {
            let inside = vec![true; width as usize * height as usize];
            let stretched = second.resize(width, height, Filter::Bicubic);
            if let Ok(inside) = Mask::new(width, height, inside) {
                return (stretched, inside);
            }
        }
        second.resampled(width, height, |point| {
            self.to_second(stretched(point, (width, height), self.first))
        })
    }

    /// A heat map of the first picture as one of the second.
    pub(super) fn heat_of_second(&self, heat: &HeatMap) -> Result<HeatMap, HeatError> {
        let of_first = (heat.width(), heat.height());
        let plane = Plane {
            width: heat.width() as usize,
            height: heat.height() as usize,
            data: heat.data().to_vec(),
        };
        // As long a place as in the first, where both show as much.
        let shorter = |(width, height): (u32, u32)| f64::from(width.min(height));
        let scale = shorter(of_first) / shorter(self.second);
        let side = |pixels: u32| (f64::from(pixels) * scale).round().max(1.0) as u32;
        let (width, height) = (side(self.second.0), side(self.second.1));
        let value = |at: u32| {
            let centre = (f64::from(at % width) + 0.5, f64::from(at / width) + 0.5);
            let there = self.to_first(stretched(centre, (width, height), self.second));
            let (x, y) = stretched(there, self.first, of_first);
            plane.near(x - 0.5, y - 0.5).unwrap_or(0.0)
        };
        HeatMap::new(width, height, (0..width * height).map(value).collect())
    }
}

/// A point of a picture of one size as that of one of another size.
fn stretched((x, y): (f64, f64), from: (u32, u32), to: (u32, u32)) -> (f64, f64) {
    let scale = |from: u32, to: u32| f64::from(to) / f64::from(from.max(1));
    (x * scale(from.0, to.0), y * scale(from.1, to.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_the_way_back() {
        let alignment = Alignment {
            dx: 13.0,
            dy: -7.0,
            rotation: 4.0,
            correlation: 0.9,
            certain: true,
        };
        let sizes = [(640, 480), (800, 620)];
        let straight = Frame::new(sizes, Some(alignment), (640, 480));
        let frames = [
            Frame::new(sizes, None, (640, 480)),
            straight.clone(),
            straight.bent(Warp::of([
                0.01, 0.02, -0.01, 0.004, 0.01, 0.0, -0.01, 0.005, 0.02, 0.0, 0.01, 0.01,
            ])),
        ];
        for frame in frames {
            for point in [(0.0, 0.0), (320.0, 240.0), (640.0, 480.0), (17.0, 411.0)] {
                let back = frame.to_first(frame.to_second(point));
                let off = (back.0 - point.0).hypot(back.1 - point.1);
                assert!(off < 0.05, "{frame:?}: {point:?} came back to {back:?}");
            }
        }
    }

    #[test]
    fn no_motion_touches_no_pixel() {
        let nearly = Alignment {
            dx: 0.02,
            dy: -0.01,
            rotation: 0.001,
            correlation: 1.0,
            certain: true,
        };
        let size = (320, 200);
        assert!(!Frame::new([size; 2], Some(nearly), size).is_aligned());
        let moved = Alignment { dx: 2.0, ..nearly };
        assert!(Frame::new([size; 2], Some(moved), size).is_aligned());
        let doubtful = Alignment {
            certain: false,
            ..moved
        };
        assert!(!Frame::new([size; 2], Some(doubtful), size).is_aligned());
    }

    #[test]
    fn heat_goes_where_pixels_go() {
        let alignment = Alignment {
            dx: 20.0,
            dy: 10.0,
            rotation: 0.0,
            correlation: 0.9,
            certain: true,
        };
        let frame = Frame::new([(100, 80); 2], Some(alignment), (100, 80));
        let mut data = vec![0.0; 100 * 80];
        data[30 * 100 + 40] = 9.0;
        let heat = HeatMap::new(100, 80, data).unwrap();
        let moved = frame.heat_of_second(&heat).unwrap();
        assert_eq!((moved.width(), moved.height()), (100, 80));
        assert!((moved.data()[40 * 100 + 60] - 9.0).abs() < 1e-4);
        // What the first picture does not show has no heat.
        assert!(moved.data()[..10 * 100].iter().all(|&value| value == 0.0));
    }
}
