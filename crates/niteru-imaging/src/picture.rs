use std::fmt;
use std::path::Path;

use crate::likeness::luma;
use crate::resize::{self, Filter, Source, Window};
use crate::spectrum::Spectrum;
use crate::{DecodeError, Limits, SizeError, decode};

/// An 8-bit RGB image, upright, row-major, 3 bytes a pixel, alpha already laid over white.
///
/// Both sides are at least 1.
///
/// A picture from [`Picture::decode_at_least`] may be *reduced*: smaller than the image in the file,
/// whose size [`Picture::full_size`] tells.
///
/// ```
/// use niteru_imaging::{Filter, Picture};
/// let picture = Picture::from_rgb(2, 1, vec![255, 0, 0, 0, 0, 255])?;
/// let larger = picture.resize(4, 2, Filter::Nearest);
/// assert_eq!(larger.pixels()[..6], [255, 0, 0, 255, 0, 0]);
/// # Ok::<(), niteru_imaging::SizeError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    /// `None` where the picture is the whole of itself.
    reduced: Option<Spectrum>,
}

const BLACK: [u8; 3] = [0; 3];

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}

impl Picture {
    /// Reads and decodes a file. See [`Picture::decode`].
    ///
    /// # Errors
    /// [`DecodeError::InFile`], which names the path.
    pub fn open(path: &Path, limits: &Limits) -> Result<Picture, DecodeError> {
        decode::open(path, limits).map_err(|reason| reason.in_file(path))
    }

    /// Reads a file for [`Picture::decode`], for callers that also need its bytes (to hash them).
    ///
    /// # Errors
    /// [`DecodeError::InFile`], which names the path: unreadable, or over the size limit.
    pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
        decode::read(path, limits).map_err(|reason| reason.in_file(path))
    }

    /// Decodes a JPEG, PNG, WebP, BMP, GIF or TIFF file, recognised by its content.
    ///
    /// Of an animation or a multi-page file it takes the first picture. 16-bit samples keep their
    /// high byte, alpha is laid over white, CMYK becomes RGB as Pillow's `convert("RGB")` does it,
    /// and the EXIF orientation is applied. Colour profiles are ignored, as in Pillow.
    ///
    /// # Errors
    /// The file is empty, no image, over the limits, cut off, damaged or of an unsupported kind.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, DecodeError> {
        decode::decode(bytes, limits, None)
    }

    /// As [`Picture::decode`], but of a JPEG file only what is needed to resize the picture until its
    /// shorter side has `least` pixels or fewer, which takes a small part of the time.
    ///
    /// Such a picture has the pixels of an eighth of its sides, for a look. It remembers its size in
    /// full, and [`Picture::resize`] makes of it what it would make of the full picture, but for
    /// rounding. Where the sides become less than five times smaller, and of other formats and JPEG
    /// files of unusual kinds, the picture is the full one. What [`Picture::decode`] refuses is
    /// refused alike.
    ///
    /// # Errors
    /// As for [`Picture::decode`], with the same limits on the size in full.
    pub fn decode_at_least(
        bytes: &[u8],
        limits: &Limits,
        least: u32,
    ) -> Result<Picture, DecodeError> {
        decode::decode(bytes, limits, Some(least))
    }

    /// Width and height of what [`Picture::decode`] makes of a file, by its header: no pixel is decoded.
    ///
    /// # Errors
    /// As for [`Picture::decode`], as far as the header and the file's end tell. A file that is damaged in
    /// the middle has a size all the same.
    pub fn size_in_file(bytes: &[u8], limits: &Limits) -> Result<(u32, u32), DecodeError> {
        decode::size(bytes, limits)
    }

    /// A picture from `width × height × 3` bytes, row by row, red first.
    ///
    /// # Errors
    /// When a side is 0 or the number of bytes is another one.
    pub fn from_rgb(width: u32, height: u32, pixels: Vec<u8>) -> Result<Picture, SizeError> {
        // u128: the product of two u32 and 3 may pass u64.
        let expected = u128::from(width) * u128::from(height) * 3;
        if expected == 0 || expected != pixels.len() as u128 {
            let expected = u64::try_from(expected).unwrap_or(u64::MAX);
            return Err(SizeError {
                width,
                height,
                expected,
                got: pixels.len() as u64,
            });
        }
        Ok(Picture::new(width, height, pixels))
    }

    /// For callers inside the crate that made the buffer from the size.
    pub(crate) fn new(width: u32, height: u32, pixels: Vec<u8>) -> Picture {
        debug_assert_eq!(pixels.len(), width as usize * height as usize * 3);
        Picture {
            width,
            height,
            pixels,
            reduced: None,
        }
    }

    /// A picture of an eighth of the sides that are known in waves.
    pub(crate) fn new_reduced(spectrum: Spectrum) -> Picture {
        let (width, height, pixels) = spectrum.eighth();
        Picture {
            reduced: Some(spectrum),
            ..Picture::new(width, height, pixels)
        }
    }

    /// Width and height of the upright image in the file that this picture was decoded from, which
    /// [`Picture::decode_at_least`] may have reduced. Any other picture's own width and height.
    pub fn full_size(&self) -> (u32, u32) {
        match &self.reduced {
            Some(spectrum) => spectrum.full_size(),
            None => (self.width, self.height),
        }
    }

    /// Pixels a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `height × width × 3` bytes: rows from the top, pixels from the left, red, green, blue.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The brightness of each pixel (ITU-R BT.601), row by row, 0…255.
    pub fn luminance(&self) -> Vec<u8> {
        let (pixels, _) = self.pixels.as_chunks::<3>();
        pixels.iter().map(|&rgb| luma(rgb).round() as u8).collect()
    }

    /// The bytes of [`Picture::pixels`], without a copy.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// Resizes to exactly `width × height` (a side of 0 counts as 1), byte for byte as Pillow's
    /// `Image.resize` on an RGB image: antialiased when shrinking, horizontal pass first, 8-bit
    /// between the passes, weights in 22-bit fixed point.
    ///
    /// A reduced picture is resized as what it stands for: its pixels at the right and lower edge,
    /// which may be part of the image only, count as such.
    pub fn resize(&self, width: u32, height: u32, filter: Filter) -> Picture {
        let (width, height) = (width.max(1), height.max(1));
        self.resize_window(
            width,
            height,
            Window {
                x: 0,
                y: 0,
                width,
                height,
            },
            filter,
        )
    }

    /// The same bytes as `resize(width, height, filter).crop(x, y, crop_width, crop_height)`, but
    /// only the pixels of the crop are computed and only they take memory.
    ///
    /// This is the shape of most model preprocessing (shortest side, then centre crop). It is also
    /// the only safe way for long thin images: a 30 000 × 1 image with its shortest side brought
    /// to 224 would be 6 720 000 pixels wide.
    // Eight plain numbers read better at the call than two structs made for one call.
    #[allow(clippy::too_many_arguments)]
    pub fn resize_crop(
        &self,
        width: u32,
        height: u32,
        x: i64,
        y: i64,
        crop_width: u32,
        crop_height: u32,
        filter: Filter,
    ) -> Picture {
        self.resize_crop_on(
            width,
            height,
            [x, y],
            [crop_width, crop_height],
            filter,
            BLACK,
        )
    }

    /// As [`Picture::resize_crop`], with another colour than black for what lies outside. `corner` is
    /// the crop's left and upper edge, `size` its width and height.
    pub fn resize_crop_on(
        &self,
        width: u32,
        height: u32,
        [x, y]: [i64; 2],
        size: [u32; 2],
        filter: Filter,
        around: [u8; 3],
    ) -> Picture {
        let (width, height) = (width.max(1), height.max(1));
        let [crop_width, crop_height] = size.map(|side| side.max(1));
        let (x0, x1) = overlap(x, crop_width, width);
        let (y0, y1) = overlap(y, crop_height, height);
        if x0 >= x1 || y0 >= y1 {
            return Picture::filled(crop_width, crop_height, around);
        }
        let window = Window {
            x: x0,
            y: y0,
            width: x1 - x0,
            height: y1 - y0,
        };
        let part = self.resize_window(width, height, window, filter);
        if (part.width, part.height) == (crop_width, crop_height) {
            return part;
        }
        part.crop_on(
            [x - i64::from(x0), y - i64::from(y0)],
            [crop_width, crop_height],
            around,
        )
    }

    fn resize_window(&self, width: u32, height: u32, window: Window, filter: Filter) -> Picture {
        let (size, to) = (self.source(), (width, height));
        let pixels = match &self.reduced {
            Some(spectrum) if filter != Filter::Nearest => spectrum.resize(to, window, filter),
            _ => resize::resize(&self.pixels, size, to, window, filter),
        };
        Picture::new(window.width, window.height, pixels)
    }

    fn source(&self) -> Source {
        let (width, height) = self.full_size();
        let divisor = if self.reduced.is_some() { 8.0 } else { 1.0 };
        Source {
            width: self.width,
            height: self.height,
            columns: f64::from(width) / divisor,
            rows: f64::from(height) / divisor,
        }
    }

    /// The part whose upper left corner is at (`x`, `y`); what lies outside is black, as the centre
    /// crops of torchvision and transformers pad with zeros. A side of 0 counts as 1.
    pub fn crop(&self, x: i64, y: i64, width: u32, height: u32) -> Picture {
        self.crop_on([x, y], [width, height], BLACK)
    }

    fn crop_on(&self, [x, y]: [i64; 2], size: [u32; 2], around: [u8; 3]) -> Picture {
        let [width, height] = size.map(|side| side.max(1));
        let mut out = Picture::filled(width, height, around);
        let (x0, x1) = overlap(x, out.width, self.width);
        let (y0, y1) = overlap(y, out.height, self.height);
        if x0 >= x1 {
            return out;
        }
        let bytes = (x1 - x0) as usize * 3;
        for source_y in y0..y1 {
            let from = (source_y as usize * self.width as usize + x0 as usize) * 3;
            let target_y = (i64::from(source_y) - y) as usize;
            let target_x = (i64::from(x0) - x) as usize;
            let to = (target_y * out.width as usize + target_x) * 3;
            out.pixels[to..to + bytes].copy_from_slice(&self.pixels[from..from + bytes]);
        }
        out
    }

    /// A copy whose longer side is at most `longest` pixels, the sides' ratio kept. A smaller
    /// picture stays as it is.
    pub fn thumbnail(&self, longest: u32) -> Picture {
        let longest = longest.max(1);
        let long_side = self.width.max(self.height);
        if long_side <= longest {
            return self.clone();
        }
        let scaled = |side: u32| {
            let (side, all) = (u64::from(side) * u64::from(longest), u64::from(long_side));
            u32::try_from((side + all / 2) / all)
                .unwrap_or(longest)
                .max(1)
        };
        self.resize(scaled(self.width), scaled(self.height), Filter::Bicubic)
    }

    /// Each pixel's colour looked up by its red value.
    pub(crate) fn recoloured(mut self, colours: &[[u8; 3]]) -> Picture {
        for pixel in self.pixels.chunks_exact_mut(3) {
            if let Some(colour) = colours.get(usize::from(pixel[0])) {
                pixel.copy_from_slice(colour);
            }
        }
        self
    }

    fn filled(width: u32, height: u32, colour: [u8; 3]) -> Picture {
        Picture {
            width,
            height,
            pixels: colour.repeat(width as usize * height as usize),
            reduced: None,
        }
    }
}

/// The half-open range of `0..side` that a window from `start` of `length` pixels sees.
fn overlap(start: i64, length: u32, side: u32) -> (u32, u32) {
    let end = start.saturating_add(i64::from(length));
    let clamp = |at: i64| u32::try_from(at.clamp(0, i64::from(side))).unwrap_or(side);
    (clamp(start), clamp(end))
}
