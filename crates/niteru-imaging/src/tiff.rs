//! What the TIFF decoder does not do: bounds on the directory, and colour palettes.
//!
//! Samples of a palette image are stored as those of a grey one. So such a file is decoded as
//! grey, after its photometric tag has been changed in a copy, and the grey values are looked up.

use crate::DecodeError;

const BITS: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const COLOUR_MAP: u16 = 320;
const SHORT: u16 = 3;
const MOST_ENTRIES: usize = 1000;

/// The fields of the first directory of a classic TIFF file. BigTIFF has none here: it is left to
/// the decoder, which bounds a list of values at 256 MiB of its own accord.
pub(crate) struct Directory<'a> {
    file: Fields<'a>,
    entries: Vec<Entry>,
}

struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    /// Where the value stands, or the offset of the values.
    at: usize,
}

/// The file as a grey one, and the colour of each of the 256 grey values.
pub(crate) struct Palette {
    pub(crate) grey_file: Vec<u8>,
    pub(crate) colours: Vec<[u8; 3]>,
}

impl<'a> Directory<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Directory<'a>> {
        let file = Fields {
            bytes,
            little: bytes.starts_with(b"II"),
        };
        if file.u16(2)? != 42 {
            return None;
        }
        let start = usize::try_from(file.u32(4)?).ok()?;
        let count = usize::from(file.u16(start)?).min(MOST_ENTRIES);
        let entry = |at: usize| {
            let (tag, kind, count) = (file.u16(at)?, file.u16(at + 2)?, file.u32(at + 4)?);
            Some(Entry {
                tag,
                kind,
                count,
                at: at + 8,
            })
        };
        let entries = (0..count)
            .map_while(|number| entry(start + 2 + number * 12))
            .collect();
        Some(Directory { file, entries })
    }

    /// Refuses lists of values that are longer than the file. The decoder would reserve memory
    /// for them, up to 256 MiB, before it reads them and before our limits reach it.
    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        let length = self.file.bytes.len() as u64;
        let too_long = |entry: &Entry| u64::from(entry.count) * size_of_kind(entry.kind) > length;
        if self.entries.iter().any(too_long) {
            return Err(DecodeError::Truncated { format: "TIFF" });
        }
        Ok(())
    }

    /// `None` where the image is not one of 8-bit palette samples.
    pub(crate) fn palette(&self) -> Option<Palette> {
        let file = &self.file;
        let entry = |tag: u16| self.entries.iter().find(|entry| entry.tag == tag);
        let (photometric, bits, map) = (entry(PHOTOMETRIC)?, entry(BITS)?, entry(COLOUR_MAP)?);
        let palette = file.u16(photometric.at)? == 3;
        let one_byte = bits.count == 1 && file.u16(bits.at)? == 8;
        if !palette || !one_byte || (map.kind, map.count) != (SHORT, 3 * 256) {
            return None;
        }
        let map = usize::try_from(file.u32(map.at)?).ok()?;
        // All reds, then all greens, then all blues, 16 bits each.
        let high = |channel: usize, at: usize| {
            Some((file.u16(map + (channel * 256 + at) * 2)? >> 8) as u8)
        };
        let colours = (0..256)
            .map(|at| Some([high(0, at)?, high(1, at)?, high(2, at)?]))
            .collect::<Option<Vec<_>>>()?;
        let mut grey_file = file.bytes.to_vec();
        let black_is_zero = if file.little { [1, 0] } else { [0, 1] };
        let field = grey_file.get_mut(photometric.at..photometric.at + 2)?;
        field.copy_from_slice(&black_is_zero);
        Some(Palette { grey_file, colours })
    }
}

/// Bytes of one value; 1 for kinds that do not exist.
fn size_of_kind(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

/// Numbers of the file in its byte order; `None` behind its end.
struct Fields<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Fields<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let field = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little {
            u16::from_le_bytes(field)
        } else {
            u16::from_be_bytes(field)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let field = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little {
            u32::from_le_bytes(field)
        } else {
            u32::from_be_bytes(field)
        })
    }
}
