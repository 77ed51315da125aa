//! JPEG through zune-jpeg, made strict about files that end early; at reduced scale through
//! [`reduced`], where the file is one of the usual kinds.

mod reduced;

use image::metadata::Orientation;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use crate::spectrum::Spectrum;
use crate::{DecodeError, Limits, Picture, orient};

const FORMAT: &str = "JPEG";

/// A file of which the header is read and within the limits.
struct Opened<'b> {
    decoder: JpegDecoder<ZCursor<&'b [u8]>>,
    options: DecoderOptions,
    scan: Scan,
    /// As stored.
    width: u32,
    height: u32,
    orientation: Orientation,
}

fn open<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Opened<'b>, DecodeError> {
    let scan = Scan::of(bytes);
    // The sides are checked below with our own limits and message. Strict only about the picture
    // itself: stray bytes between headers, which some cameras write, harm nothing.
    let options = DecoderOptions::default()
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .set_strict_mode(false)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder
        .decode_headers()
        .map_err(|error| explain(&error, &scan))?;
    let (width, height) = decoder.dimensions().unwrap_or((0, 0));
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (side(width), side(height));
    limits.check_size(width, height)?;
    if width == 0 || height == 0 {
        return Err(DecodeError::corrupt(FORMAT, "the image has no pixels"));
    }

    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif))
        .unwrap_or(Orientation::NoTransforms);
    let pixels = u64::from(width) * u64::from(height);
    // A file in several scans keeps every coefficient, 2 bytes each, until the last scan is read.
    let coefficients = if scan.scans > 1 || scan.progressive {
        pixels * 2 * 4
    } else {
        0
    };
    let turned = if orient::swaps_sides(orientation) {
        pixels * 3
    } else {
        0
    };
    limits.check_alloc(pixels * 3 + coefficients.max(turned))?;
    Ok(Opened {
        decoder,
        options,
        scan,
        width,
        height,
        orientation,
    })
}

/// Width and height of the upright picture.
pub(crate) fn size(bytes: &[u8], limits: &Limits) -> Result<(u32, u32), DecodeError> {
    let opened = open(bytes, limits)?;
    match opened.scan.complete {
        true => Ok(orient::upright_size(
            opened.width,
            opened.height,
            opened.orientation,
        )),
        false => Err(DecodeError::Truncated { format: FORMAT }),
    }
}

/// The picture; where `least` is given, it may be reduced as far as resizing its shorter side to that
/// many pixels allows.
pub(crate) fn decode(
    bytes: &[u8],
    limits: &Limits,
    least: Option<u32>,
) -> Result<Picture, DecodeError> {
    let Opened {
        mut decoder,
        options,
        scan,
        width,
        height,
        orientation,
    } = open(bytes, limits)?;
    let pixels = u64::from(width) * u64::from(height);
    // Checked before decoding: the decoder itself notices a missing end only between rows of
    // blocks, and would fill what is missing of the last one with grey.
    if !scan.complete {
        return Err(DecodeError::Truncated { format: FORMAT });
    }
    let usual = matches!(
        decoder.input_colorspace(),
        Some(ColorSpace::YCbCr | ColorSpace::Luma)
    );
    let ratio = least.map(|least| f64::from(width.min(height)) / f64::from(least.max(1)));
    if let Some(ratio) = ratio.filter(|_| usual)
        && let Some(planes) = reduced::decode(bytes, (width, height), ratio)
    {
        let size = (width as usize, height as usize);
        return Ok(Picture::new_reduced(Spectrum::new(
            size,
            planes,
            orientation,
        )));
    }
    decoder.set_options(options.set_strict_mode(true));
    let rgb = decoder.decode().map_err(|error| explain(&error, &scan))?;
    if rgb.len() as u64 != pixels * 3 {
        let detail = format!("expected {} bytes of pixels, got {}", pixels * 3, rgb.len());
        return Err(DecodeError::corrupt(FORMAT, detail));
    }
    let (width, height, rgb) = orient::upright(width, height, rgb, orientation);
    Ok(Picture::new(width, height, rgb))
}

fn explain(error: &DecodeErrors, scan: &Scan) -> DecodeError {
    match error {
        DecodeErrors::Unsupported(scheme) => {
            DecodeError::unsupported(format!("this kind of JPEG ({scheme:?})"))
        }
        _ if !scan.complete => DecodeError::Truncated { format: FORMAT },
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            DecodeError::Truncated { format: FORMAT }
        }
        other => DecodeError::corrupt(FORMAT, format!("{other:?}")),
    }
}

/// What walking over the markers tells without decoding.
struct Scan {
    /// The end-of-image marker follows the last scan.
    complete: bool,
    scans: u32,
    progressive: bool,
}

impl Scan {
    fn of(bytes: &[u8]) -> Scan {
        let mut found = Scan {
            complete: false,
            scans: 0,
            progressive: false,
        };
        let mut at = 2;
        while let Some(marker) = next_marker(bytes, &mut at) {
            match marker {
                0xd9 if found.scans > 0 => {
                    found.complete = true;
                    return found;
                }
                // Markers without a length.
                0x01 | 0xd0..=0xd9 => {}
                _ => {
                    found.scans += u32::from(marker == 0xda);
                    found.progressive |= matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
                    let Some(&[high, low]) = bytes.get(at..at + 2) else {
                        return found;
                    };
                    at += usize::from(u16::from_be_bytes([high, low]));
                }
            }
        }
        found
    }
}

/// The next marker at or after `at`, which then stands behind it. Bytes of entropy-coded data
/// are passed over: there 0xff is always followed by 0.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = bytes.get(*at..)?;
        let offset = memchr::memchr(0xff, rest)?;
        match rest.get(offset + 1)? {
            0xff => *at += offset + 1,
            0 => *at += offset + 2,
            &marker => {
                *at += offset + 2;
                return Some(marker);
            }
        }
    }
}
