use std::fmt;
use std::str::FromStr;

use crate::Picture;

/// How far the sum of two fractions may pass 1: what rounding to f64 does, and no more.
const ROUNDING: f64 = 1e-9;

/// A rectangle of a picture, in pixels or in fractions of its sides, from the upper left corner.
///
/// ```
/// use niteru_imaging::{Picture, Region};
/// let picture = Picture::from_rgb(4, 2, vec![0; 24])?;
/// let right_half: Region = "0.5,0,0.5,1".parse()?;
/// let part = right_half.crop(&picture)?;
/// assert_eq!((part.width(), part.height()), (2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge, upper edge, width, height.
    numbers: [f64; 4],
    /// Whether these are fractions of the picture's sides.
    fractions: bool,
}

/// Why there is no such rectangle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// The text is not four numbers.
    #[error("expected x,y,width,height such as 0.25,0.25,0.5,0.5 or 100,50,640,480")]
    Form,
    /// A number that no rectangle has.
    #[error("a rectangle starts at 0 or more, and is wider and higher than 0")]
    Sign,
    /// A part of a pixel.
    #[error("numbers above 1 are pixels, and pixels are whole; as fractions, all are at most 1")]
    Mixed,
    /// Fractions that pass the picture's edge.
    #[error("the rectangle reaches beyond the picture: x + width and y + height are at most 1")]
    BeyondOne,
    /// Pixels that pass the picture's edge.
    #[error("the rectangle {region} reaches beyond the picture of {width} x {height} pixels")]
    Beyond {
        /// The rectangle.
        region: String,
        /// The picture's width.
        width: u32,
        /// The picture's height.
        height: u32,
    },
}

impl FromStr for Region {
    type Err = RegionError;

    /// Reads `x,y,width,height`: fractions if all four are at most 1, else whole pixels.
    fn from_str(text: &str) -> Result<Self, RegionError> {
        let numbers: Vec<f64> = text
            .split(',')
            .map(|number| number.trim().parse().map_err(|_| RegionError::Form))
            .collect::<Result<_, _>>()?;
        let numbers: [f64; 4] = numbers.try_into().map_err(|_| RegionError::Form)?;
        let [x, y, width, height] = numbers;
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(RegionError::Form);
        }
        if x < 0.0 || y < 0.0 || width <= 0.0 || height <= 0.0 {
            return Err(RegionError::Sign);
        }
        let fractions = numbers.iter().all(|number| *number <= 1.0);
        if fractions && (x + width > 1.0 + ROUNDING || y + height > 1.0 + ROUNDING) {
            return Err(RegionError::BeyondOne);
        }
        if !fractions && numbers.iter().any(|number| number.fract() != 0.0) {
            return Err(RegionError::Mixed);
        }
        Ok(Self { numbers, fractions })
    }
}

impl Region {
    /// That part of a picture; of fractions, edges are rounded to whole pixels, at least one.
    ///
    /// # Errors
    /// [`RegionError::Beyond`].
    pub fn crop(&self, picture: &Picture) -> Result<Picture, RegionError> {
        let (width, height) = (picture.width(), picture.height());
        let [x, y, across, down] = self.numbers;
        let (left, columns) = self.edge(x, across, width);
        let (top, rows) = self.edge(y, down, height);
        // In f64: pixels may be given by any number.
        if left + columns > f64::from(width) || top + rows > f64::from(height) {
            return Err(RegionError::Beyond {
                region: self.to_string(),
                width,
                height,
            });
        }
        Ok(picture.crop(left as i64, top as i64, columns as u32, rows as u32))
    }

    /// The first pixel and the number of pixels along a side.
    fn edge(&self, start: f64, length: f64, side: u32) -> (f64, f64) {
        if !self.fractions {
            return (start, length);
        }
        let side = f64::from(side);
        let first = (start * side).round().min(side - 1.0);
        let end = ((start + length) * side).round().min(side);
        (first, (end - first).max(1.0))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x, y, width, height] = self.numbers;
        write!(f, "{x},{y},{width},{height}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_what_is_refused() {
        // A picture of 10 × 4 pixels whose red is the column and whose green is the row.
        let pixels = (0..40_u8).flat_map(|i| [i % 10, i / 10, 0]).collect();
        let picture = Picture::from_rgb(10, 4, pixels).unwrap();
        // text, corner and size, or part of the message
        type Expected = Result<[u32; 4], &'static str>;
        let table: &[(&str, Expected)] = &[
            ("0,0,1,1", Ok([0, 0, 10, 4])),
            ("0.5, 0.5, 0.5, 0.5", Ok([5, 2, 5, 2])),
            ("0.7,0.1,0.3,0.9", Ok([7, 0, 3, 4])),
            ("1,1,1e-9,1e-9", Ok([9, 3, 1, 1])),
            ("0.04,0,0.01,1", Ok([0, 0, 1, 4])),
            ("2,1,3,2", Ok([2, 1, 3, 2])),
            ("0,0,10,4", Ok([0, 0, 10, 4])),
            ("9,3,1,1", Ok([9, 3, 1, 1])),
            ("0,0,11,4", Err("10 x 4")),
            ("0,3,2,2", Err("10 x 4")),
            ("1e300,0,2,2", Err("1000")),
            ("0,0,1e300,2", Err("10 x 4")),
            ("0.5,0,0.6,1", Err("at most 1")),
            ("1,1,1,1", Err("at most 1")),
            ("0.5,0,20,1", Err("whole")),
            ("-1,0,2,2", Err("0 or more")),
            ("0,0,0,2", Err("wider")),
            ("0,0,2,-2", Err("wider")),
            ("NaN,0,2,2", Err("x,y,width,height")),
            ("0,0,inf,2", Err("x,y,width,height")),
            ("", Err("x,y,width,height")),
            ("1,2,3", Err("x,y,width,height")),
            ("1,2,3,4,5", Err("x,y,width,height")),
            ("a,b,c,d", Err("x,y,width,height")),
        ];
        let mut wrong = Vec::new();
        for (text, expected) in table {
            let part = text
                .parse()
                .and_then(|region: Region| region.crop(&picture));
            let found = part.map(|part| {
                let [x, y] = [part.pixels()[0], part.pixels()[1]].map(u32::from);
                [x, y, part.width(), part.height()]
            });
            let as_expected = match (&found, expected) {
                (Ok(found), Ok(expected)) => found == expected,
                (Err(error), Err(part)) => error.to_string().contains(part),
                _ => false,
            };
            if !as_expected {
                wrong.push(format!("{text:?}: {found:?}, not {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
