//! From a picture to the numbers a network reads, exactly as the reference implementations do it.
//!
//! Sources: `CLIPImageProcessor` of Hugging Face transformers (shortest side, centre crop, rescale,
//! normalise) and the EfficientNet-Lite reference (Pillow bicubic, centre crop, `(x − 127) / 128`).

use std::path::{Path, PathBuf};

use niteru_imaging::{DecodeError, Filter, Limits, Mirror, Picture};
use serde::Deserialize;

use crate::framing::{Framing, View};

/// Largest network input side that a configuration may ask for, in pixels.
const MAX_INPUT_SIDE: u32 = 4096;

/// A reduced picture of less contrast, as a standard deviation in levels, is decoded in full instead:
/// of a pale or dark picture the rounding to levels that the full picture goes through is a part that
/// counts. Measured: at 5 to 14 levels cosines down to 0.993, at 28 down to 0.9986, from 34 on none of that.
const MIN_CONTRAST: f64 = 32.0;

/// A reduced picture with a larger share of near-white pixels is decoded in full instead: where the
/// full picture is cut off at white pixel by pixel, means of several pixels are not. Measured: at a
/// share of 0.40 a photo came out at 0.9984.
const MAX_NEAR_WHITE: f64 = 0.35;

/// Green from this level on is near white.
const NEAR_WHITE: u8 = 240;

/// How JPEG files are decoded that are larger than the network needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JpegDecode {
    /// Only the low waves, where the picture becomes at least five times smaller, in a fraction of the
    /// time. The embedding of a photo is that of the full picture to cosine 0.999. Pale and mostly
    /// white pictures, of which that is not so, are decoded in full.
    Reduced,
    /// Every pixel, as Pillow decodes it.
    Exact,
}

/// How pictures become network inputs. Part of a model's fingerprint.
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocess {
    resize: Resize,
    crop: u32,
    filter: Filter,
    decode: JpegDecode,
    framing: Framing,
    /// Value of a normalised channel for each 8-bit value.
    table: Box<[[f32; 256]; 3]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Resize {
    /// The shortest side becomes this long; the other keeps the aspect, cut or rounded to whole pixels.
    ShortestSide { side: u32, rounding: Rounding },
    /// Both sides are set, and the aspect is lost.
    Exact { width: u32, height: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rounding {
    Down,
    Nearest,
}

/// One picture as a network reads it: f32, axis order `[row][column][channel]`, RGB, normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    height: usize,
    width: usize,
    data: Vec<f32>,
}

impl Pixels {
    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `height × width × 3` values.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The same, left and right exchanged.
    pub(crate) fn mirrored(&self) -> Pixels {
        Pixels {
            data: Mirror::LeftRight.grid(&self.data, self.width, 3),
            ..*self
        }
    }
}

/// Why a preprocessing configuration could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Io {
        /// The configuration file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not the JSON that is expected.
    #[error("{path} is not a preprocessor configuration")]
    Json {
        /// The configuration file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// The file asks for something that this version does not do.
    #[error("{path}: {what}")]
    Unsupported {
        /// The configuration file.
        path: PathBuf,
        /// What it asks for.
        what: String,
    },
}

impl Preprocess {
    /// Preprocessing of EfficientNet-Lite for an input of `side` × `side` pixels.
    ///
    /// Bicubic to a shortest side of `side + 32` (the reference's crop padding), centre crop,
    /// `(x − 127) / 128`.
    pub fn efficientnet_lite(side: u32) -> Preprocess {
        Preprocess {
            resize: Resize::ShortestSide {
                side: side + 32,
                rounding: Rounding::Nearest,
            },
            crop: side,
            filter: Filter::Bicubic,
            decode: JpegDecode::Reduced,
            framing: Framing::Centre,
            table: table(|value, _| (value - 127.0) / 128.0),
        }
    }

    /// CLIP's preprocessing for an input of `side` × `side` pixels, as OpenAI published it.
    pub fn clip(side: u32) -> Preprocess {
        let mean = [0.481_454_66, 0.457_827_5, 0.408_210_73];
        let std = [0.268_629_54, 0.261_302_6, 0.275_777_1];
        Preprocess {
            resize: Resize::ShortestSide {
                side,
                rounding: Rounding::Down,
            },
            crop: side,
            filter: Filter::Bicubic,
            decode: JpegDecode::Reduced,
            framing: Framing::Centre,
            table: table(|value, c| ((value / 255.0) - mean[c]) / std[c]),
        }
    }

    /// Reads a Hugging Face `preprocessor_config.json`.
    ///
    /// # Errors
    /// When the file cannot be read, is not such a file, or asks for a step that is not there
    /// (another resampling filter, a missing or non-square crop, a zero standard deviation).
    pub fn from_file(path: &Path) -> Result<Preprocess, PreprocessError> {
        let io = |source| PreprocessError::Io {
            path: path.to_path_buf(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(io)?;
        let config: Config =
            serde_json::from_str(&text).map_err(|source| PreprocessError::Json {
                path: path.to_path_buf(),
                source,
            })?;
        config.build().map_err(|what| PreprocessError::Unsupported {
            path: path.to_path_buf(),
            what,
        })
    }

    /// Side of the network's square input, in pixels.
    pub fn side(&self) -> usize {
        self.crop as usize
    }

    /// The same preprocessing, with every JPEG file decoded in full. [`JpegDecode::Reduced`] is what
    /// the constructors set.
    #[must_use]
    pub fn with_exact_decode(self) -> Preprocess {
        Preprocess {
            decode: JpegDecode::Exact,
            ..self
        }
    }

    /// The same preprocessing with another framing. [`Framing::Centre`] is what the constructors set.
    #[must_use]
    pub fn with_framing(self, framing: Framing) -> Preprocess {
        Preprocess { framing, ..self }
    }

    /// Which part of a picture the network gets to see.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// How JPEG files are decoded.
    pub fn jpeg_decode(&self) -> JpegDecode {
        self.decode
    }

    /// Decodes a file's bytes for [`Preprocess::apply`], no larger than it needs where
    /// [`Preprocess::jpeg_decode`] allows. [`Picture::full_size`] tells the size in the file.
    ///
    /// # Errors
    /// As for [`Picture::decode`].
    pub fn decode(&self, bytes: &[u8], limits: &Limits) -> Result<Picture, DecodeError> {
        match self.decode {
            JpegDecode::Exact => Picture::decode(bytes, limits),
            JpegDecode::Reduced => {
                let picture = Picture::decode_at_least(bytes, limits, self.least_side())?;
                if is_whole(&picture) {
                    return Ok(picture);
                }
                if !bears_reduction(&picture) {
                    return Picture::decode(bytes, limits);
                }
                // Of a small object more is needed than of the picture around it.
                let least = self.least_side_of(&picture);
                match least <= self.least_side() {
                    true => Ok(picture),
                    false => Picture::decode_at_least(bytes, limits, least),
                }
            }
        }
    }

    /// Pixels that the shorter side of this picture is resized to.
    fn least_side_of(&self, picture: &Picture) -> u32 {
        match self.framing {
            Framing::Centre => self.least_side(),
            framing => View::of(picture, framing).shorter_side(picture, self.crop),
        }
    }

    /// Pixels that the shorter side of a picture that is shown as a whole is resized to at the most.
    fn least_side(&self) -> u32 {
        match self.resize {
            Resize::ShortestSide { side, .. } => side,
            Resize::Exact { width, height } => width.max(height),
        }
    }

    /// Prepares one picture: a square of [`Preprocess::side`].
    pub fn apply(&self, picture: &Picture) -> Pixels {
        let shown = match self.framing {
            Framing::Centre => self.centre(picture),
            framing => View::of(picture, framing).picture(picture, self.crop, self.filter),
        };
        self.normalise(&shown)
    }

    /// The numbers of a picture as it is, of any size: neither resized nor cropped.
    pub fn normalise(&self, picture: &Picture) -> Pixels {
        let data = picture
            .pixels()
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|rgb| std::array::from_fn::<f32, 3, _>(|c| self.table[c][rgb[c] as usize]))
            .collect();
        Pixels {
            height: picture.height() as usize,
            width: picture.width() as usize,
            data,
        }
    }

    /// Which part of the picture the network sees: left and upper edge, width and height in fractions of
    /// the picture's sides. Parts beyond its edges lie outside 0…1.
    pub(crate) fn seen(&self, picture: &Picture) -> [f64; 4] {
        let (width, height) = picture.full_size();
        match self.framing {
            Framing::Centre => {
                let (width, height) = self.resized(width, height);
                let share = |length: u32| f64::from(self.crop) / f64::from(length);
                let [w, h] = [share(width), share(height)];
                [(1.0 - w) / 2.0, (1.0 - h) / 2.0, w, h]
            }
            framing => View::of(picture, framing).share(f64::from(width), f64::from(height)),
        }
    }

    /// The square in the middle, as the reference implementations take it.
    fn centre(&self, picture: &Picture) -> Picture {
        let (width, height) = picture.full_size();
        let (width, height) = self.resized(width, height);
        let offset = |length: u32| (i64::from(length) - i64::from(self.crop)).div_euclid(2);
        let (x, y) = (offset(width), offset(height));
        picture.resize_crop(width, height, x, y, self.crop, self.crop, self.filter)
    }

    /// A line that says all that changes the numbers, for the fingerprint and `models show`.
    pub fn describe(&self) -> String {
        let resize = match self.resize {
            Resize::ShortestSide {
                side,
                rounding: Rounding::Down,
            } => format!("shortest {side} down"),
            Resize::ShortestSide {
                side,
                rounding: Rounding::Nearest,
            } => {
                format!("shortest {side} nearest")
            }
            Resize::Exact { width, height } => format!("exact {width}x{height}"),
        };
        let ends: Vec<String> = self
            .table
            .iter()
            .map(|t| format!("{:.6}..{:.6}", t[0], t[255]))
            .collect();
        // Written out: a stored fingerprint must not hang on the name of a variant.
        let filter = match self.filter {
            Filter::Nearest => "nearest",
            Filter::Bilinear => "bilinear",
            Filter::Bicubic => "bicubic",
            Filter::Lanczos => "lanczos",
        };
        let decode = match self.decode {
            JpegDecode::Reduced => ", jpeg by its low waves, not pale or white",
            // As before there was a choice: what was made then stays comparable.
            JpegDecode::Exact => "",
        };
        let shown = match self.framing {
            Framing::Centre => format!("{resize}, centre crop {}", self.crop),
            framing => format!("framing {framing} {}", self.crop),
        };
        format!("{filter}, {shown}, channels {}{decode}", ends.join(" "))
    }

    fn resized(&self, width: u32, height: u32) -> (u32, u32) {
        match self.resize {
            Resize::Exact { width, height } => (width, height),
            Resize::ShortestSide { side, rounding } => {
                let (short, long) = (width.min(height).max(1), width.max(height));
                let exact = f64::from(side) * f64::from(long) / f64::from(short);
                let long = match rounding {
                    Rounding::Down => exact.floor(),
                    Rounding::Nearest => exact.round(),
                } as u32;
                if width <= height {
                    (side, long)
                } else {
                    (long, side)
                }
            }
        }
    }
}

fn is_whole(picture: &Picture) -> bool {
    (picture.width(), picture.height()) == picture.full_size()
}

/// Whether a reduced picture has enough contrast and is not mostly white, by its green over the
/// square in the middle. Also where a framing shows another part: a plain background that is pale is most of
/// the square, and then the picture is decoded in full.
fn bears_reduction(picture: &Picture) -> bool {
    /// Every so many pixels and rows are enough.
    const STEP: usize = 3;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let rows = picture.pixels().chunks_exact(width * 3).skip(top);
    let greens = rows.take(side).step_by(STEP).flat_map(|row| {
        let pixels = row[left * 3..(left + side) * 3].chunks_exact(3);
        pixels.step_by(STEP).map(|pixel| pixel[1])
    });
    let (mut count, mut sum, mut squares, mut white) = (0u64, 0u64, 0u64, 0u64);
    for green in greens {
        let level = u64::from(green);
        count += 1;
        sum += level;
        squares += level * level;
        white += u64::from(green >= NEAR_WHITE);
    }
    let share = |part: u64| part as f64 / count.max(1) as f64;
    let variance = share(squares) - share(sum) * share(sum);
    variance >= MIN_CONTRAST * MIN_CONTRAST && share(white) <= MAX_NEAR_WHITE
}

fn table(normalise: impl Fn(f32, usize) -> f32) -> Box<[[f32; 256]; 3]> {
    Box::new(std::array::from_fn(|c| {
        std::array::from_fn(|value| normalise(value as f32, c))
    }))
}

/// `preprocessor_config.json`, old and new spellings.
#[derive(Deserialize)]
struct Config {
    #[serde(default = "yes")]
    do_resize: bool,
    #[serde(default = "yes")]
    do_center_crop: bool,
    #[serde(default = "yes")]
    do_rescale: bool,
    #[serde(default = "yes")]
    do_normalize: bool,
    size: Size,
    crop_size: Option<Size>,
    #[serde(default = "bicubic")]
    resample: u8,
    rescale_factor: Option<f32>,
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Size {
    Side(u32),
    Shortest { shortest_edge: u32 },
    Both { height: u32, width: u32 },
}

fn yes() -> bool {
    true
}

/// Pillow's number for the bicubic filter.
fn bicubic() -> u8 {
    3
}

impl Config {
    fn build(&self) -> Result<Preprocess, String> {
        if !self.do_resize {
            return Err("do_resize is false: inputs of any size are not supported".into());
        }
        let filter = match self.resample {
            0 => Filter::Nearest,
            1 => Filter::Lanczos,
            2 => Filter::Bilinear,
            3 => Filter::Bicubic,
            other => return Err(format!("resample {other} is not one of 0, 1, 2, 3")),
        };
        let resize = match self.size {
            Size::Side(side)
            | Size::Shortest {
                shortest_edge: side,
            } => Resize::ShortestSide {
                side,
                rounding: Rounding::Down,
            },
            Size::Both { height, width } => Resize::Exact { width, height },
        };
        let crop = match (self.do_center_crop, self.crop_size, self.size) {
            (
                true,
                Some(
                    Size::Side(side)
                    | Size::Shortest {
                        shortest_edge: side,
                    },
                ),
                _,
            ) => side,
            (true, Some(Size::Both { height, width }), _) if height == width => height,
            (false, _, Size::Both { height, width }) if height == width => height,
            _ => return Err("the network input must be a square: set crop_size".into()),
        };
        let longest = match resize {
            Resize::ShortestSide { side, .. } => side,
            Resize::Exact { width, height } => width.max(height),
        };
        if crop == 0 || longest == 0 || crop.max(longest) > MAX_INPUT_SIDE {
            return Err(format!("sizes must be from 1 to {MAX_INPUT_SIDE} pixels"));
        }
        let usable = |v: &[f32; 3]| v.iter().all(|x| x.is_finite());
        if !usable(&self.image_mean) || !usable(&self.image_std) || self.image_std.contains(&0.0) {
            return Err("image_mean and image_std must be finite, and image_std not 0".into());
        }
        let scale = match (self.do_rescale, self.rescale_factor) {
            (false, _) => 1.0,
            (true, factor) => factor.unwrap_or(1.0 / 255.0),
        };
        let normalise = |value: f32, c: usize| match self.do_normalize {
            true => (value * scale - self.image_mean[c]) / self.image_std[c],
            false => value * scale,
        };
        let table = table(normalise);
        if !table.iter().flatten().all(|value| value.is_finite()) {
            return Err("rescale_factor, image_mean and image_std give no finite pixels".into());
        }
        Ok(Preprocess {
            resize,
            crop,
            filter,
            decode: JpegDecode::Reduced,
            framing: Framing::Centre,
            table,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(width: u32, height: u32) -> Picture {
        let count = (width * height) as usize;
        let pixels = [200, 100, 50].repeat(count);
        Picture::from_rgb(width, height, pixels).unwrap()
    }

    /// Collections that were made before there was a choice of decoding hang on this text.
    #[test]
    fn exact_decoding_is_described_as_ever() {
        let exact = Preprocess::efficientnet_lite(224).with_exact_decode();
        let channel = "-0.992188..1.000000";
        let text = format!(
            "bicubic, shortest 256 nearest, centre crop 224, channels {channel} {channel} {channel}"
        );
        assert_eq!(exact.describe(), text);
    }

    #[test]
    fn sizes_follow_the_references() {
        let clip = Preprocess::clip(224);
        let lite = Preprocess::efficientnet_lite(224);
        let cases = [
            ("clip cuts", &clip, (451, 300), (336, 224)),
            ("clip portrait", &clip, (300, 451), (224, 336)),
            ("lite rounds", &lite, (451, 300), (385, 256)),
            ("square", &clip, (10, 10), (224, 224)),
        ];
        let failed: Vec<_> = cases
            .iter()
            .filter(|(_, p, (w, h), want)| p.resized(*w, *h) != *want)
            .collect();
        assert!(failed.is_empty(), "{failed:?}");
    }

    #[test]
    fn extreme_shapes_stay_small_and_keep_their_colour() {
        for (width, height) in [(1, 1), (30_000, 1), (1, 30_000), (3, 2), (5000, 20)] {
            let pixels = Preprocess::efficientnet_lite(224).apply(&flat(width, height));
            assert_eq!(pixels.data().len(), 224 * 224 * 3, "{width}×{height}");
            let expected = [
                (200.0 - 127.0) / 128.0,
                (100.0 - 127.0) / 128.0,
                (50.0 - 127.0) / 128.0,
            ];
            for rgb in pixels.data().chunks(3) {
                assert_eq!(rgb, expected, "{width}×{height}");
            }
        }
    }

    #[test]
    fn configurations_old_and_new_and_broken() {
        let base = r#""image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]"#;
        let cases = [
            (r#""size":224,"crop_size":224"#, true),
            (
                r#""size":{"shortest_edge":224},"crop_size":{"height":224,"width":224}"#,
                true,
            ),
            (
                r#""size":{"height":224,"width":224},"do_center_crop":false"#,
                true,
            ),
            (
                r#""size":{"shortest_edge":224},"crop_size":{"height":224,"width":100}"#,
                false,
            ),
            (
                r#""size":{"shortest_edge":224},"do_center_crop":false"#,
                false,
            ),
            (r#""size":0,"crop_size":224"#, false),
            (r#""size":4000000000,"crop_size":224"#, false),
            (r#""size":224,"crop_size":224,"resample":9"#, false),
        ];
        for (fields, fits) in cases {
            let config: Config = serde_json::from_str(&format!("{{{base},{fields}}}")).unwrap();
            assert_eq!(config.build().is_ok(), fits, "{fields}");
        }
    }
}
