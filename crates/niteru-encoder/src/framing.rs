//! Which part of a picture the network gets to see.

use std::fmt;
use std::str::FromStr;

use niteru_imaging::{Filter, Picture, edge_colour, find_object};

/// Room left around an object on each side, as a share of its longer side.
///
/// Measured on renderings of 240 part numbers with EfficientNet-Lite0: 0.05 and 0.15 find the same part
/// number first in 37.2 % and 36.5 % (without the mirror image).
const MARGIN: f64 = 0.05;

/// An object counts as at least this share of the picture's longer side: of less, little is to be seen.
const LEAST_SIDE: f64 = 1.0 / 32.0;

/// Which part of a picture the network gets to see. Part of a model's fingerprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// The square in the middle, as the model was trained.
    #[default]
    Centre,
    /// All of it, with the colour of its edge above and below or on both sides.
    Fit,
    /// The object on a plain background with a small margin, else all of it.
    ///
    /// Its embedding is the mean of those of the picture and of its mirror image: views from the left
    /// and from the right are alike. So are left-handed and right-handed versions of a part.
    Object,
    /// As [`Framing::Object`], without the mirror image.
    ObjectHanded,
}

/// A name that is no framing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no framing; there are centre, fit, object and object-handed")]
pub struct FramingError(String);

impl Framing {
    /// All there are.
    pub const ALL: [Framing; 4] = [
        Framing::Centre,
        Framing::Fit,
        Framing::Object,
        Framing::ObjectHanded,
    ];

    /// Its name on the command line and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Framing::Centre => "centre",
            Framing::Fit => "fit",
            Framing::Object => "object",
            Framing::ObjectHanded => "object-handed",
        }
    }

    /// Whether an embedding is made of a picture and its mirror image.
    pub fn mirrors(self) -> bool {
        self == Framing::Object
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Framing {
    type Err = FramingError;

    fn from_str(text: &str) -> Result<Framing, FramingError> {
        Framing::ALL
            .into_iter()
            .find(|framing| framing.name() == text)
            .ok_or_else(|| FramingError(text.to_string()))
    }
}

/// A square of a picture, in pixels of the picture in full; it may reach beyond the edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    /// Its middle.
    x: f64,
    y: f64,
    side: f64,
    /// What lies beyond the edges.
    around: [u8; 3],
}

impl View {
    /// What a framing other than [`Framing::Centre`] shows of a picture.
    pub(crate) fn of(picture: &Picture, framing: Framing) -> View {
        let (width, height) = picture.full_size();
        let (width, height) = (f64::from(width), f64::from(height));
        let object = match framing {
            Framing::Object | Framing::ObjectHanded => find_object(picture),
            Framing::Centre | Framing::Fit => None,
        };
        match object {
            None => View {
                x: width / 2.0,
                y: height / 2.0,
                side: width.max(height),
                around: edge_colour(picture),
            },
            Some(object) => {
                let longer = (object.width * width).max(object.height * height);
                View {
                    x: (object.left + object.width / 2.0) * width,
                    y: (object.top + object.height / 2.0) * height,
                    side: (longer * (1.0 + 2.0 * MARGIN)).max(LEAST_SIDE * width.max(height)),
                    around: object.background,
                }
            }
        }
    }

    /// Pixels that the picture's shorter side has when the view has `side` pixels.
    pub(crate) fn shorter_side(&self, picture: &Picture, side: u32) -> u32 {
        let (width, height) = picture.full_size();
        let scale = f64::from(side) / self.side;
        (f64::from(width.min(height)) * scale).ceil().max(1.0) as u32
    }

    /// Left and upper edge, width and height as shares of a picture's sides.
    pub(crate) fn share(&self, width: f64, height: f64) -> [f64; 4] {
        let half = self.side / 2.0;
        [
            (self.x - half) / width,
            (self.y - half) / height,
            self.side / width,
            self.side / height,
        ]
    }

    /// The view as a picture of `side × side` pixels.
    pub(crate) fn picture(&self, picture: &Picture, side: u32, filter: Filter) -> Picture {
        let (width, height) = picture.full_size();
        let scale = f64::from(side) / self.side;
        let resized = [width, height].map(|side| (f64::from(side) * scale).round().max(1.0));
        let start = |middle: f64, all: u32, resized: f64| {
            (middle * resized / f64::from(all) - f64::from(side) / 2.0).round() as i64
        };
        let x = start(self.x, width, resized[0]);
        let y = start(self.y, height, resized[1]);
        let [width, height] = resized.map(|side| side as u32);
        picture.resize_crop_on(width, height, [x, y], [side, side], filter, self.around)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dark square of 20 pixels on white, in a picture of 200 × 100.
    fn part(left: u32, top: u32) -> Picture {
        let pixels = (0..200 * 100)
            .flat_map(|at| {
                let (x, y) = (at % 200, at / 200);
                let on = (left..left + 20).contains(&x) && (top..top + 20).contains(&y);
                [if on { 40 } else { 250 }; 3]
            })
            .collect();
        Picture::from_rgb(200, 100, pixels).unwrap()
    }

    fn seen(picture: &Picture, framing: Framing) -> Picture {
        View::of(picture, framing).picture(picture, 64, Filter::Bilinear)
    }

    fn dark(picture: &Picture) -> usize {
        let pixels = picture.pixels().chunks_exact(3);
        pixels.filter(|rgb| rgb[0] < 128).count()
    }

    #[test]
    fn names_are_read_back() {
        for framing in Framing::ALL {
            assert_eq!(framing.name().parse(), Ok(framing));
        }
        assert!("center".parse::<Framing>().is_err());
    }

    #[test]
    fn an_object_fills_the_view_wherever_it_lies() {
        let middle = seen(&part(90, 40), Framing::Object);
        let share = dark(&middle) as f64 / (64.0 * 64.0);
        assert!(share > 0.7, "{share}");
        for (left, top) in [(5, 5), (175, 75), (0, 40), (180, 80)] {
            let there = seen(&part(left, top), Framing::Object);
            let share = dark(&there) as f64 / (64.0 * 64.0);
            assert!(share > 0.6, "{left},{top}: {share}");
        }
    }

    #[test]
    fn fit_shows_all_and_goes_on_with_the_edge() {
        let all = seen(&part(0, 0), Framing::Fit);
        let dark = dark(&all);
        assert!((30..60).contains(&dark), "{dark}");
        assert_eq!(all.pixels()[..3], [250; 3], "above the picture");
    }

    #[test]
    fn without_an_object_all_is_shown() {
        let plain = Picture::from_rgb(200, 100, vec![9; 200 * 100 * 3]).unwrap();
        assert_eq!(
            View::of(&plain, Framing::Object),
            View::of(&plain, Framing::Fit)
        );
    }
}
