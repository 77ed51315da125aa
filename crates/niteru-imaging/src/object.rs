//! Where the object lies in a picture of something on a plain background.

use std::collections::VecDeque;

use crate::{Filter, Mask, Picture};

/// Longer side of the picture that is looked at, in pixels.
const LOOK: u32 = 192;
/// Width of the frame that the background is read from, as a share of the shorter side.
const FRAME: f64 = 0.03;
/// Share of the frame that must look like the background for there to be one.
const PLAIN: f64 = 0.6;
/// Least difference from the background that counts, in levels.
const LEAST_DIFFERENCE: f32 = 12.0;
/// The same as a multiple of the background's own spread.
const SPREADS: f32 = 5.0;
/// A background that spreads over more levels than this is not plain.
const MOST_TOLERANCE: f32 = 64.0;
/// Parts smaller than this share of the largest one are dirt.
const DIRT: f64 = 0.2;
/// Smallest object, as a share of the picture.
const LEAST_AREA: f64 = 0.0005;
/// An object's outline is at least this share of its steepest edges steep; a shadow's is not.
const STEEP: f32 = 0.25;

/// A rectangle around an object, and what is around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Left edge, as a share of the picture's width.
    pub left: f64,
    /// Upper edge, as a share of the picture's height.
    pub top: f64,
    /// Width, as a share of the picture's width; above 0.
    pub width: f64,
    /// Height, as a share of the picture's height; above 0.
    pub height: f64,
    /// The background's colour.
    pub background: [u8; 3],
}

/// Finds what lies on a plain background: lighter or darker than it, in any colour, also where the
/// light falls off to one side. Several things that lie apart are found as one rectangle around
/// them all; specks are passed over, and so are soft shadows.
///
/// `None` when there is no plain background along the edge of the picture, or nothing on it.
///
/// A plane is fitted to each colour of a frame along the edges, without what does not fit (objects
/// may reach the edge). What differs from it clearly is the object; of its parts the outline counts
/// where it is steep, because shadows are soft.
pub fn find_object(picture: &Picture) -> Option<Object> {
    let look = look(picture);
    let (background, object) = before_background(&look)?;
    let (left, top, right, bottom) = object.steep_box(&look);
    let (width, height) = (f64::from(look.width()), f64::from(look.height()));
    Some(Object {
        left: left as f64 / width,
        top: top as f64 / height,
        width: (right - left) as f64 / width,
        height: (bottom - top) as f64 / height,
        background: background.mean(&look),
    })
}

/// The pixels of what [`find_object`] finds, holes left out, in a mask whose longer side has at most 192 cells. A hard
/// shadow counts as part of it.
pub fn find_object_mask(picture: &Picture) -> Option<Mask> {
    let (_, object) = before_background(&look(picture))?;
    Some(Mask::of(
        object.width as u32,
        object.height as u32,
        object.set,
    ))
}

fn before_background(look: &Picture) -> Option<(Background, Region)> {
    let background = Background::of(look)?;
    let object = Region::differing(look, &background).large_parts()?;
    Some((background, object))
}

/// The colour along the edges of a picture: the median of each channel.
pub fn edge_colour(picture: &Picture) -> [u8; 3] {
    let look = look(picture);
    let mut levels: [Vec<f32>; 3] = Default::default();
    for (x, y) in frame(&look) {
        for (levels, level) in levels.iter_mut().zip(pixel(&look, x, y)) {
            levels.push(level);
        }
    }
    levels.map(|mut levels| median(&mut levels) as u8)
}

/// The picture at a size to look at.
fn look(picture: &Picture) -> Picture {
    let (width, height) = picture.full_size();
    let longest = width.max(height);
    if longest <= LOOK {
        return picture.resize(width, height, Filter::Bilinear);
    }
    let scaled = |side: u32| {
        let side = f64::from(side) * f64::from(LOOK) / f64::from(longest);
        (side.round() as u32).max(1)
    };
    picture.resize(scaled(width), scaled(height), Filter::Bilinear)
}

fn pixel(picture: &Picture, x: usize, y: usize) -> [f32; 3] {
    let at = (y * picture.width() as usize + x) * 3;
    let rgb = &picture.pixels()[at..at + 3];
    [rgb[0], rgb[1], rgb[2]].map(f32::from)
}

/// The pixels along the edges.
fn frame(picture: &Picture) -> Vec<(usize, usize)> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let thick = ((width.min(height) as f64 * FRAME) as usize).max(1);
    let mut pixels = Vec::new();
    for y in 0..height {
        let inner_row = y >= thick && y + thick < height;
        for x in 0..width {
            let inner = inner_row && x >= thick && x + thick < width;
            if !inner {
                pixels.push((x, y));
            }
        }
    }
    pixels
}

/// The middle value; 0 of nothing.
fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    match values.is_empty() {
        true => 0.0,
        false => *values.select_nth_unstable_by(middle, f32::total_cmp).1,
    }
}

/// A background that changes evenly over the picture.
struct Background {
    /// Of each channel: level = a + b·x + c·y.
    planes: [[f32; 3]; 3],
    /// Differences up to this belong to it.
    tolerance: f32,
}

impl Background {
    /// `None` when most of the frame is nothing even.
    fn of(picture: &Picture) -> Option<Background> {
        let frame = frame(picture);
        let pixels: Vec<_> = frame
            .iter()
            .map(|&(x, y)| (x as f32, y as f32, pixel(picture, x, y)))
            .collect();
        let mut planes = [0, 1, 2].map(|c| {
            let mut levels: Vec<f32> = pixels.iter().map(|p| p.2[c]).collect();
            [median(&mut levels), 0.0, 0.0]
        });
        let mut tolerance = f32::MAX;
        // From the medians to what fits; each step leaves out what is far from the last one.
        for _ in 0..4 {
            let background = Background {
                planes,
                tolerance: f32::MAX,
            };
            let mut differences: Vec<f32> = pixels
                .iter()
                .map(|(x, y, rgb)| background.difference(*x, *y, *rgb))
                .collect();
            // 1.48 times the median is the standard deviation of what is normally distributed.
            let spread = 1.48 * median(&mut differences.clone());
            tolerance = LEAST_DIFFERENCE.max(SPREADS * spread);
            let near: Vec<_> = pixels
                .iter()
                .zip(&mut differences)
                .filter(|(_, difference)| **difference <= tolerance)
                .map(|(pixel, _)| *pixel)
                .collect();
            if (near.len() as f64) < PLAIN * pixels.len() as f64 {
                return None;
            }
            for (c, plane) in planes.iter_mut().enumerate() {
                let points = near.iter().map(|(x, y, rgb)| (*x, *y, rgb[c]));
                *plane = fit_plane(points).unwrap_or(*plane);
            }
        }
        (tolerance <= MOST_TOLERANCE).then_some(Background { planes, tolerance })
    }

    /// The largest difference of a channel, in levels.
    fn difference(&self, x: f32, y: f32, rgb: [f32; 3]) -> f32 {
        let channels = self.planes.iter().zip(rgb);
        channels.fold(0.0, |largest: f32, ([a, b, c], level)| {
            largest.max((level - (a + b * x + c * y)).abs())
        })
    }

    /// Its colour in the middle of the picture.
    fn mean(&self, picture: &Picture) -> [u8; 3] {
        let (x, y) = (picture.width() as f32 / 2.0, picture.height() as f32 / 2.0);
        self.planes
            .map(|[a, b, c]| (a + b * x + c * y).round().clamp(0.0, 255.0) as u8)
    }
}

/// Least squares of `level = a + b·x + c·y`; `None` when the points lie on a line.
fn fit_plane(points: impl Iterator<Item = (f32, f32, f32)> + Clone) -> Option<[f32; 3]> {
    let sums = points.clone().fold([0f64; 4], |s, (x, y, level)| {
        [
            s[0] + 1.0,
            s[1] + f64::from(x),
            s[2] + f64::from(y),
            s[3] + f64::from(level),
        ]
    });
    let [mx, my, ml] = [1, 2, 3].map(|i| sums[i] / sums[0]);
    let [mut xx, mut xy, mut yy, mut xl, mut yl] = [0f64; 5];
    for (x, y, level) in points {
        let (x, y, level) = (f64::from(x) - mx, f64::from(y) - my, f64::from(level) - ml);
        xx += x * x;
        xy += x * y;
        yy += y * y;
        xl += x * level;
        yl += y * level;
    }
    let determinant = xx * yy - xy * xy;
    if determinant <= 1e-9 * xx * yy || !determinant.is_finite() {
        return None;
    }
    let b = (xl * yy - yl * xy) / determinant;
    let c = (yl * xx - xl * xy) / determinant;
    Some([(ml - b * mx - c * my) as f32, b as f32, c as f32])
}

/// Which pixels belong to an object.
struct Region {
    width: usize,
    height: usize,
    set: Vec<bool>,
}

impl Region {
    fn differing(picture: &Picture, background: &Background) -> Region {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let set = (0..width * height)
            .map(|at| {
                let (x, y) = (at % width, at / width);
                let rgb = pixel(picture, x, y);
                background.difference(x as f32, y as f32, rgb) > background.tolerance
            })
            .collect();
        Region { width, height, set }
    }

    /// Only the connected parts that are not dirt beside the largest; `None` when that is too small.
    fn large_parts(self) -> Option<Region> {
        let mut seen = vec![false; self.set.len()];
        let mut parts = Vec::new();
        for start in 0..self.set.len() {
            if self.set[start] && !seen[start] {
                parts.push(self.part(start, &mut seen));
            }
        }
        let largest = parts.iter().map(Vec::len).max()?;
        if (largest as f64) < LEAST_AREA * self.set.len() as f64 {
            return None;
        }
        let mut set = vec![false; self.set.len()];
        for part in parts {
            if part.len() as f64 >= DIRT * largest as f64 {
                part.into_iter().for_each(|at| set[at] = true);
            }
        }
        Some(Region { set, ..self })
    }

    /// The pixels that hang together with `start`, over gaps of one pixel.
    fn part(&self, start: usize, seen: &mut [bool]) -> Vec<usize> {
        const REACH: usize = 2;
        let mut part = Vec::new();
        let mut waiting = VecDeque::from([start]);
        seen[start] = true;
        while let Some(at) = waiting.pop_front() {
            part.push(at);
            let (x, y) = (at % self.width, at / self.width);
            for y in y.saturating_sub(REACH)..(y + REACH + 1).min(self.height) {
                for x in x.saturating_sub(REACH)..(x + REACH + 1).min(self.width) {
                    let next = y * self.width + x;
                    if self.set[next] && !seen[next] {
                        seen[next] = true;
                        waiting.push_back(next);
                    }
                }
            }
        }
        part
    }

    /// Left, top, right, bottom (the latter two exclusive) of the pixels where the picture is steep.
    fn steep_box(&self, picture: &Picture) -> (usize, usize, usize, usize) {
        let steepness: Vec<(usize, f32)> = (0..self.set.len())
            .filter(|at| self.set[*at])
            .map(|at| (at, self.steepness(picture, at)))
            .collect();
        let mut values: Vec<f32> = steepness.iter().map(|(_, value)| *value).collect();
        let high = values.len() * 95 / 100;
        let high = *values.select_nth_unstable_by(high, f32::total_cmp).1;
        let mut bounds = (self.width, self.height, 0, 0);
        for (at, value) in steepness {
            if value >= STEEP * high {
                let (x, y) = (at % self.width, at / self.width);
                bounds = (
                    bounds.0.min(x),
                    bounds.1.min(y),
                    bounds.2.max(x + 1),
                    bounds.3.max(y + 1),
                );
            }
        }
        bounds
    }

    /// The largest difference of a pixel to one beside, above or below it.
    fn steepness(&self, picture: &Picture, at: usize) -> f32 {
        let (x, y) = (at % self.width, at / self.width);
        let here = pixel(picture, x, y);
        let neighbours = [
            (x.saturating_sub(1), y),
            ((x + 1).min(self.width - 1), y),
            (x, y.saturating_sub(1)),
            (x, (y + 1).min(self.height - 1)),
        ];
        neighbours.iter().fold(0.0, |steepest: f32, &(x, y)| {
            let there = pixel(picture, x, y);
            let channels = here.iter().zip(there);
            channels.fold(steepest, |steepest, (a, b)| steepest.max((a - b).abs()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (320, 240);

    /// A picture painted pixel by pixel.
    fn paint(colour: impl Fn(f32, f32) -> [f32; 3]) -> Picture {
        let (width, height) = SIZE;
        let pixels = (0..width * height)
            .flat_map(|at| {
                // Some noise that is the same each time.
                let noise = (at.wrapping_mul(2_654_435_761) >> 28) as f32 * 0.25 - 2.0;
                colour((at % width) as f32, (at / width) as f32)
                    .map(|level| (level + noise).clamp(0.0, 255.0) as u8)
            })
            .collect();
        Picture::from_rgb(width, height, pixels).unwrap()
    }

    fn within(x: f32, y: f32, [left, top, right, bottom]: [f32; 4]) -> bool {
        x >= left && x < right && y >= top && y < bottom
    }

    /// The box found, in pixels of the painted picture.
    fn found(picture: &Picture) -> Option<[f64; 4]> {
        find_object(picture).map(|object| {
            let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
            [
                object.left * width,
                object.top * height,
                (object.left + object.width) * width,
                (object.top + object.height) * height,
            ]
        })
    }

    #[test]
    fn objects_on_plain_backgrounds() {
        const PART: [f32; 4] = [120.0, 60.0, 200.0, 150.0];
        const OTHER: [f32; 4] = [240.0, 180.0, 300.0, 230.0];
        type Painted = fn(f32, f32) -> [f32; 3];
        let cases: [(&str, Painted, [f32; 4]); 8] = [
            (
                "dark on light",
                |x, y| [if within(x, y, PART) { 90.0 } else { 235.0 }; 3],
                PART,
            ),
            (
                "light on dark",
                |x, y| [if within(x, y, PART) { 200.0 } else { 25.0 }; 3],
                PART,
            ),
            (
                "same brightness, other colour",
                |x, y| match within(x, y, PART) {
                    true => [180.0, 90.0, 90.0],
                    false => [90.0, 125.0, 180.0],
                },
                PART,
            ),
            (
                "light falls off to one side",
                |x, y| {
                    let light = 240.0 - 0.4 * x - 0.1 * y;
                    [if within(x, y, PART) {
                        0.4 * light
                    } else {
                        light
                    }; 3]
                },
                PART,
            ),
            (
                "soft shadow to the right",
                |x, y| {
                    let shadow = (1.0 - (x - 200.0).abs() / 60.0).max(0.0)
                        * (1.0 - (y - 105.0).abs() / 60.0).max(0.0);
                    match within(x, y, PART) {
                        true => [60.0; 3],
                        false => [230.0 - 70.0 * shadow; 3],
                    }
                },
                PART,
            ),
            (
                "several things",
                |x, y| {
                    let on = within(x, y, PART) || within(x, y, OTHER);
                    [if on { 80.0 } else { 220.0 }; 3]
                },
                [120.0, 60.0, 300.0, 230.0],
            ),
            (
                "dirt in the corner",
                |x, y| {
                    let on = within(x, y, PART) || within(x, y, [20.0, 20.0, 26.0, 26.0]);
                    [if on { 80.0 } else { 220.0 }; 3]
                },
                PART,
            ),
            (
                "reaches the edge",
                |x, y| {
                    [if within(x, y, [0.0, 60.0, 90.0, 150.0]) {
                        80.0
                    } else {
                        220.0
                    }; 3]
                },
                [0.0, 60.0, 90.0, 150.0],
            ),
        ];
        let failed: Vec<_> = cases
            .iter()
            .filter_map(|(name, colour, want)| {
                let got = found(&paint(colour));
                let near = got.is_some_and(|got| {
                    got.iter()
                        .zip(want)
                        .all(|(a, b)| (a - f64::from(*b)).abs() <= 5.0)
                });
                (!near).then(|| format!("{name}: {got:?}, expected {want:?}"))
            })
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        let plain = paint(|_, _| [200.0; 3]);
        let stripes = paint(|x, _| {
            [if (x as u32 / 16).is_multiple_of(2) {
                40.0
            } else {
                210.0
            }; 3]
        });
        assert_eq!(find_object(&plain), None);
        assert_eq!(find_object(&stripes), None);
    }

    #[test]
    fn the_mask_is_of_the_object_without_its_hole() {
        let ring = paint(|x, y| {
            let radius = (x - 160.0).hypot(y - 120.0);
            [if (30.0..80.0).contains(&radius) {
                60.0
            } else {
                220.0
            }; 3]
        });
        let mask = find_object_mask(&ring).unwrap();
        let expected = std::f64::consts::PI * (80.0f64.powi(2) - 30.0f64.powi(2)) / (320.0 * 240.0);
        assert!((mask.share() - expected).abs() < 0.01, "{}", mask.share());
        let at = |x: usize, y: usize| {
            let (width, height) = (mask.width() as usize, mask.height() as usize);
            mask.cells()[y * height / 240 * width + x * width / 320]
        };
        let there = [(160, 120), (160, 70), (105, 120), (20, 20)].map(|(x, y)| at(x, y));
        assert_eq!(there, [false, true, true, false]);
        assert_eq!(find_object_mask(&paint(|_, _| [200.0; 3])), None);
    }

    #[test]
    fn extreme_shapes_do_no_harm() {
        for (width, height) in [(1, 1), (2, 1), (1, 5000), (9000, 3)] {
            let pixels = vec![77; width as usize * height as usize * 3];
            let picture = Picture::from_rgb(width, height, pixels).unwrap();
            assert_eq!(find_object(&picture), None, "{width} x {height}");
            assert_eq!(edge_colour(&picture), [77; 3], "{width} x {height}");
        }
    }

    #[test]
    fn the_background_is_told() {
        let picture = paint(|x, y| match within(x, y, [120.0, 60.0, 200.0, 150.0]) {
            true => [20.0, 20.0, 20.0],
            false => [210.0, 180.0, 90.0],
        });
        let [red, green, blue] = find_object(&picture).unwrap().background;
        assert!(red.abs_diff(210) < 4 && green.abs_diff(180) < 4 && blue.abs_diff(90) < 4);
    }
}
