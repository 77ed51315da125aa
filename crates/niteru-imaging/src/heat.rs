//! A map of how much each place of a picture differs, and the ways to keep and to show it.

mod paint;
mod smooth;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::EncodeError;

/// One number for each place of a picture, row by row from the top. All numbers are finite, both
/// sides are at least 1.
///
/// The map need not be as large as the picture: it covers the same view with fewer places.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    width: u32,
    height: u32,
    data: Vec<f32>,
}

/// Why there is no such map or scale.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeatError {
    /// The numbers do not fill the size, or a side is 0.
    #[error("a map of {width} x {height} places needs {expected} numbers, got {got}")]
    Size {
        /// Width asked for.
        width: u32,
        /// Height asked for.
        height: u32,
        /// Numbers that this size needs; 0 for a side of 0, which no map has.
        expected: u64,
        /// Numbers given.
        got: u64,
    },
    /// A number is infinite or none.
    #[error("the number at column {x}, row {y} of the map is not finite")]
    NotFinite {
        /// Column of the first such number.
        x: u32,
        /// Row of it.
        y: u32,
    },
    /// A scale that does not rise.
    #[error(
        "a scale needs finite numbers with low <= visible < high, got {low}, {visible}, {high}"
    )]
    Scale {
        /// Where it begins.
        low: f32,
        /// Where colour begins.
        visible: f32,
        /// Where it ends.
        high: f32,
    },
}

/// What the numbers of a map mean to the eye. One scale serves all pictures of one inspector, so that
/// they can be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatScale {
    low: f32,
    visible: f32,
    high: f32,
}

impl HeatScale {
    /// From `low` (nothing) to `high` (as strong as it is shown); colour begins at `low`.
    ///
    /// # Errors
    /// [`HeatError::Scale`] unless both are finite and `low` is below `high`.
    pub fn new(low: f32, high: f32) -> Result<HeatScale, HeatError> {
        HeatScale {
            low,
            visible: low,
            high,
        }
        .checked()
    }

    /// The same scale with colour from `visible` on only.
    ///
    /// # Errors
    /// [`HeatError::Scale`] unless it lies at `low` or above it, and below `high`.
    pub fn visible_from(self, visible: f32) -> Result<HeatScale, HeatError> {
        HeatScale { visible, ..self }.checked()
    }

    fn checked(self) -> Result<HeatScale, HeatError> {
        let HeatScale { low, visible, high } = self;
        let finite = [low, visible, high].iter().all(|number| number.is_finite());
        match finite && low <= visible && visible < high {
            true => Ok(self),
            false => Err(HeatError::Scale { low, visible, high }),
        }
    }

    /// Where the scale begins.
    pub fn low(&self) -> f32 {
        self.low
    }

    /// Where colour begins.
    pub fn visible(&self) -> f32 {
        self.visible
    }

    /// Where the scale ends.
    pub fn high(&self) -> f32 {
        self.high
    }
}

/// How far `value` lies from `from` (0) to `to` (1), clamped. In f64: the difference of two f32 may
/// pass them.
fn share(value: f32, from: f32, to: f32) -> f64 {
    let (value, from, to) = (f64::from(value), f64::from(from), f64::from(to));
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

impl HeatMap {
    /// A map from `width × height` numbers, row by row.
    ///
    /// # Errors
    /// [`HeatError::Size`] or [`HeatError::NotFinite`].
    pub fn new(width: u32, height: u32, data: Vec<f32>) -> Result<HeatMap, HeatError> {
        let expected = u64::from(width) * u64::from(height);
        if expected == 0 || expected != data.len() as u64 {
            let got = data.len() as u64;
            return Err(HeatError::Size {
                width,
                height,
                expected,
                got,
            });
        }
        if let Some(at) = data.iter().position(|number| !number.is_finite()) {
            let (x, y) = (at % width as usize, at / width as usize);
            return Err(HeatError::NotFinite {
                x: x as u32,
                y: y as u32,
            });
        }
        Ok(HeatMap {
            width,
            height,
            data,
        })
    }

    /// Places a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `height × width` numbers, rows from the top.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The numbers of [`HeatMap::data`], without a copy.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// The map with `width × height` places (a side of 0 counts as 1), bilinear between the centres
    /// of the places, the outermost repeated beyond theirs: OpenCV's `INTER_LINEAR`. For blowing up;
    /// when shrinking it looks at four places for each new one and no more.
    pub fn resized(&self, width: u32, height: u32) -> HeatMap {
        let (width, height) = (width.max(1), height.max(1));
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let columns = taps(self.width, width);
        let stride = self.width as usize;
        let mut data = Vec::with_capacity(width as usize * height as usize);
        for (upper, lower, down) in taps(self.height, height) {
            let upper = &self.data[upper * stride..][..stride];
            let lower = &self.data[lower * stride..][..stride];
            data.extend(columns.iter().map(|&(left, right, across)| {
                let row = |row: &[f32]| mix(row[left].into(), row[right].into(), across);
                mix(row(upper), row(lower), down) as f32
            }));
        }
        HeatMap {
            width,
            height,
            data,
        }
    }

    /// A grey PNG file of 16 bits a pixel: 0 at `scale.low()` and below it, 65 535 at `scale.high()`
    /// and above it.
    ///
    /// # Errors
    /// When the encoder fails, which no valid map makes it do.
    pub fn to_png16(&self, scale: HeatScale) -> Result<Vec<u8>, EncodeError> {
        let grey = |&value: &f32| (share(value, scale.low, scale.high) * 65_535.0).round() as u16;
        // The encoder wants the machine's own byte order.
        let samples: Vec<u8> = self
            .data
            .iter()
            .flat_map(|value| grey(value).to_ne_bytes())
            .collect();
        let mut file = Vec::new();
        PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive)
            .write_image(&samples, self.width, self.height, ExtendedColorType::L16)
            .map_err(|e| EncodeError::Encoder {
                format: "PNG",
                detail: e.to_string(),
            })?;
        Ok(file)
    }
}

/// For each of `to` places: the two of `from` places that it lies between, and how far it is from the
/// first to the second.
fn taps(from: u32, to: u32) -> Vec<(usize, usize, f64)> {
    let last = f64::from(from - 1);
    let scale = f64::from(from) / f64::from(to);
    (0..to)
        .map(|place| {
            let at = ((f64::from(place) + 0.5) * scale - 0.5).clamp(0.0, last);
            let first = at.floor();
            (first as usize, at.ceil() as usize, at - first)
        })
        .collect()
}

fn mix(from: f64, to: f64, share: f64) -> f64 {
    from * (1.0 - share) + to * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageReader;
    use std::io::Cursor;

    #[test]
    fn what_is_no_map_and_no_scale() {
        let size = "needs";
        let table: &[(u32, u32, Vec<f32>, &str)] = &[
            (0, 1, vec![], size),
            (2, 2, vec![0.0; 3], size),
            (2, 2, vec![0.0; 5], size),
            (u32::MAX, u32::MAX, vec![0.0], size),
            (2, 1, vec![0.0, f32::NAN], "column 1, row 0"),
            (1, 2, vec![0.0, f32::INFINITY], "column 0, row 1"),
        ];
        for (width, height, data, part) in table {
            let error = HeatMap::new(*width, *height, data.clone()).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        for (low, high) in [
            (1.0, 1.0),
            (2.0, 1.0),
            (f32::NAN, 1.0),
            (0.0, f32::INFINITY),
        ] {
            assert!(HeatScale::new(low, high).is_err(), "{low} {high}");
        }
        let scale = HeatScale::new(0.0, 1.0).unwrap();
        for visible in [-0.1, 1.0, f32::NAN] {
            assert!(scale.visible_from(visible).is_err(), "{visible}");
        }
    }

    #[test]
    fn resizing_keeps_centres() {
        // The numbers of cv2.resize([[0, 1]], (4, 1)).
        let map = HeatMap::new(2, 1, vec![0.0, 1.0]).unwrap();
        assert_eq!(map.resized(4, 1).data(), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(map.resized(4, 2).data()[4..], [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(map.resized(1, 0).data(), [0.5]);
        assert_eq!(map.resized(2, 1), map);
        let large = HeatMap::new(2, 1, vec![f32::MIN, f32::MAX]).unwrap();
        assert!(large.resized(7, 3).data().iter().all(|v| v.is_finite()));
    }

    #[test]
    fn png_of_16_bits_decodes_to_the_same() {
        let data: Vec<f32> = (0..35).map(|i| i as f32 / 10.0 - 1.0).collect();
        let map = HeatMap::new(7, 5, data.clone()).unwrap();
        let file = map.to_png16(HeatScale::new(0.0, 2.0).unwrap()).unwrap();
        let reader = ImageReader::new(Cursor::new(file)).with_guessed_format();
        let image::DynamicImage::ImageLuma16(decoded) = reader.unwrap().decode().unwrap() else {
            panic!("not grey of 16 bits");
        };
        assert_eq!(decoded.dimensions(), (7, 5));
        for (value, got) in data.iter().zip(decoded.as_raw()) {
            let expected = (f64::from(value.clamp(0.0, 2.0)) / 2.0 * 65_535.0).round();
            assert_eq!(f64::from(*got), expected, "{value}");
        }
    }
}
