//! From bytes of a file to upright 8-bit RGB.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::error::{ImageError, LimitErrorKind, UnsupportedErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use crate::{DecodeError, Limits, Picture, jpeg, orient, tiff};

const EXTENSIONS: [&str; 11] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "gif", "tif", "tiff",
];

/// Whether the file name ends like an image's: jpg, jpeg, jpe, jfif, png, webp, bmp, dib, gif, tif
/// or tiff, in any case.
///
/// For choosing files in a folder; decoding goes by content, not by name.
pub fn is_image_path(path: &Path) -> bool {
    path.extension().is_some_and(|found| {
        EXTENSIONS
            .iter()
            .any(|known| found.eq_ignore_ascii_case(known))
    })
}

pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Picture, DecodeError> {
    decode(&read(path, limits)?, limits, None)
}

pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory").into());
    }
    limits.check_file(metadata.len())?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // The size may be unknown (pipe) or grow while reading: never read past the limit.
    file.take(limits.max_file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    limits.check_file(bytes.len() as u64)?;
    Ok(bytes)
}

/// Where `least` is given, the picture may be reduced as far as both sides keep that many pixels.
pub(crate) fn decode(
    bytes: &[u8],
    limits: &Limits,
    least: Option<u32>,
) -> Result<Picture, DecodeError> {
    guarded(bytes, limits, |format| match format {
        ImageFormat::Jpeg => jpeg::decode(bytes, limits, least),
        ImageFormat::Tiff => decode_tiff(bytes, limits),
        _ => decode_other(bytes, format, limits),
    })
}

/// Width and height of the upright picture, by the file's header.
pub(crate) fn size(bytes: &[u8], limits: &Limits) -> Result<(u32, u32), DecodeError> {
    let of_opened = |bytes: &[u8], format: ImageFormat| {
        let opened = open_other(bytes, format, limits)?;
        Ok(orient::upright_size(
            opened.width,
            opened.height,
            opened.orientation,
        ))
    };
    guarded(bytes, limits, |format| match format {
        ImageFormat::Jpeg => jpeg::size(bytes, limits),
        ImageFormat::Tiff => match palette(bytes)? {
            Some(palette) => of_opened(&palette.grey_file, format),
            None => of_opened(bytes, format),
        },
        _ => of_opened(bytes, format),
    })
}

/// Reads a file that may be hostile, once its format is known.
fn guarded<T>(
    bytes: &[u8],
    limits: &Limits,
    read: impl FnOnce(ImageFormat) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    limits.check_file(bytes.len() as u64)?;
    let format = recognise(bytes)?;
    // The container says how long it is; the decoder calls a cut one corrupt.
    if format == ImageFormat::WebP && webp_ends_early(bytes) {
        return Err(DecodeError::Truncated {
            format: name(format),
        });
    }
    // A bug in a decoder that hostile input reaches must cost one file, not the run of 100 000.
    // The closure only borrows the bytes and builds its own state, so nothing half-changed is
    // seen after a panic.
    let result = catch_unwind(AssertUnwindSafe(|| read(format)));
    result.unwrap_or_else(|_| {
        Err(DecodeError::corrupt(
            name(format),
            "the decoder could not cope with its content",
        ))
    })
}

fn recognise(bytes: &[u8]) -> Result<ImageFormat, DecodeError> {
    // Phones write these as IMG_0001.jpg often enough to deserve their name in the message.
    if bytes.get(4..8) == Some(b"ftyp") {
        let brand = bytes.get(8..12).unwrap_or_default();
        let heic = [&b"heic"[..], b"heix", b"hevc", b"hevx", b"mif1", b"msf1"].contains(&brand);
        let avif = brand.starts_with(b"avi");
        if heic || avif {
            return Err(DecodeError::unsupported(if heic { "HEIC" } else { "AVIF" }));
        }
    }
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Jpeg
            | ImageFormat::Png
            | ImageFormat::WebP
            | ImageFormat::Bmp
            | ImageFormat::Gif
            | ImageFormat::Tiff),
        ) => Ok(format),
        Ok(other) => Err(DecodeError::unsupported(format!("{other:?}"))),
        Err(_) => {
            let start = &bytes[..bytes.len().min(512)];
            let text = !start.iter().any(|&b| b < 9 || (b > 13 && b < 27));
            Err(DecodeError::NotAnImage { text })
        }
    }
}

fn webp_ends_early(bytes: &[u8]) -> bool {
    let length = bytes
        .get(4..8)
        .and_then(|field| field.first_chunk().copied());
    length.is_none_or(|length| u64::from(u32::from_le_bytes(length)) + 8 > bytes.len() as u64)
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        ImageFormat::Tiff => "TIFF",
        _ => "image",
    }
}

fn decode_tiff(bytes: &[u8], limits: &Limits) -> Result<Picture, DecodeError> {
    match palette(bytes)? {
        Some(palette) => {
            let grey = decode_other(&palette.grey_file, ImageFormat::Tiff, limits)?;
            Ok(grey.recoloured(&palette.colours))
        }
        None => decode_other(bytes, ImageFormat::Tiff, limits),
    }
}

/// The palette of a TIFF file that has one; an error when its directory is longer than the file.
fn palette(bytes: &[u8]) -> Result<Option<tiff::Palette>, DecodeError> {
    let Some(directory) = tiff::Directory::of(bytes) else {
        return Ok(None);
    };
    directory.check()?;
    Ok(directory.palette())
}

/// A file of which the header is read and within the limits.
struct Opened<D> {
    decoder: D,
    /// As stored.
    width: u32,
    height: u32,
    orientation: Orientation,
}

fn open_other<'b>(
    bytes: &'b [u8],
    format: ImageFormat,
    limits: &Limits,
) -> Result<Opened<impl ImageDecoder + 'b>, DecodeError> {
    let failed = |error| explain(error, format, limits);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut strict = image::Limits::no_limits();
    strict.max_image_width = Some(limits.max_side);
    strict.max_image_height = Some(limits.max_side);
    strict.max_alloc = Some(limits.max_alloc);
    reader.limits(strict);
    let mut decoder = reader.into_decoder().map_err(failed)?;

    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    if width == 0 || height == 0 {
        return Err(DecodeError::corrupt(
            name(format),
            "the image has no pixels",
        ));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let rgb = u64::from(width) * u64::from(height) * 3;
    let decoded = decoder.total_bytes();
    let turned = if orient::swaps_sides(orientation) {
        2 * rgb
    } else {
        rgb
    };
    limits.check_alloc(decoded.saturating_add(turned))?;
    Ok(Opened {
        decoder,
        width,
        height,
        orientation,
    })
}

fn decode_other(
    bytes: &[u8],
    format: ImageFormat,
    limits: &Limits,
) -> Result<Picture, DecodeError> {
    let opened = open_other(bytes, format, limits)?;
    let decoded = DynamicImage::from_decoder(opened.decoder)
        .map_err(|error| explain(error, format, limits))?;
    let pixels = to_rgb(decoded)?;
    let (width, height, pixels) =
        orient::upright(opened.width, opened.height, pixels, opened.orientation);
    Ok(Picture::new(width, height, pixels))
}

/// 8-bit RGB from whatever the decoder gave.
fn to_rgb(decoded: DynamicImage) -> Result<Vec<u8>, DecodeError> {
    Ok(match decoded {
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageLuma8(image) => {
            image.as_raw().iter().flat_map(|&grey| [grey; 3]).collect()
        }
        DynamicImage::ImageLumaA8(image) => {
            let (pixels, _) = image.as_raw().as_chunks::<2>();
            pixels
                .iter()
                .flat_map(|&[grey, alpha]| [over_white(grey, alpha); 3])
                .collect()
        }
        DynamicImage::ImageRgba8(image) => {
            let (pixels, _) = image.as_raw().as_chunks::<4>();
            pixels
                .iter()
                .flat_map(|&[r, g, b, a]| [r, g, b].map(|c| over_white(c, a)))
                .collect()
        }
        DynamicImage::ImageLuma16(image) => image
            .as_raw()
            .iter()
            .flat_map(|&grey| [high(grey); 3])
            .collect(),
        DynamicImage::ImageLumaA16(image) => {
            let (pixels, _) = image.as_raw().as_chunks::<2>();
            pixels
                .iter()
                .flat_map(|&[grey, a]| [over_white(high(grey), high(a)); 3])
                .collect()
        }
        DynamicImage::ImageRgb16(image) => image.as_raw().iter().map(|&c| high(c)).collect(),
        DynamicImage::ImageRgba16(image) => {
            let (pixels, _) = image.as_raw().as_chunks::<4>();
            pixels
                .iter()
                .flat_map(|&[r, g, b, a]| [r, g, b].map(|c| over_white(high(c), high(a))))
                .collect()
        }
        // Floating-point samples have no agreed range, so any scale here would be a guess.
        other => {
            let what = format!("an image of {:?} pixels", other.color());
            return Err(DecodeError::unsupported(what));
        }
    })
}

/// The high byte: what Pillow keeps of 16-bit samples. 0 stays 0 and 65 535 becomes 255.
fn high(sample: u16) -> u8 {
    (sample >> 8) as u8
}

/// `colour` at `alpha` over white, rounded to nearest, as Pillow's `paste` with a mask.
fn over_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn explain(error: ImageError, format: ImageFormat, limits: &Limits) -> DecodeError {
    let format = name(format);
    match error {
        ImageError::Limits(error) => match error.kind() {
            LimitErrorKind::DimensionError => DecodeError::corrupt(
                format,
                format!("its sides are over the limit of {} pixels", limits.max_side),
            ),
            _ => DecodeError::TooMuchMemory {
                needed: limits.max_alloc.saturating_add(1),
                limit: limits.max_alloc,
            },
        },
        ImageError::Unsupported(error) => {
            let what = match error.kind() {
                UnsupportedErrorKind::GenericFeature(what) => what.clone(),
                _ => error.to_string(),
            };
            DecodeError::unsupported(format!("this kind of {format} ({what})"))
        }
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        error if ended_early(&error) => DecodeError::Truncated { format },
        error => DecodeError::corrupt(format, error),
    }
}

/// Whether an end of file is what lies beneath the error.
fn ended_early(error: &ImageError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = cause {
        let io = at.downcast_ref::<io::Error>();
        if io.is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof) {
            return true;
        }
        cause = at.source();
    }
    let text = error.to_string().to_ascii_lowercase();
    text.contains("unexpected eof") || text.contains("unexpected end") || text.contains("truncat")
}
