//! A map's file: `niteruMP`, format (`u32`), number of images (`u32`), what it is of (32 bytes), when it was
//! drawn (`i64`), then all ids (`u64`, ascending), all x and all y (`u16`), and a CRC-32 of all before it
//! (`u32`). Little endian.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::Collection;
use crate::StoreError;
use crate::uploads::write_whole;

const MAGIC: &[u8; 8] = b"niteruMP";
const FORMAT: u32 = 1;
const HEADER: usize = 56;
const CRC: usize = 4;

/// Bytes of an image.
const EACH: usize = 8 + 2 + 2;

/// Where a collection's map is, and what it is of.
pub(super) struct MapFile {
    path: PathBuf,
    stamp: [u8; 32],
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stored {
    /// Milliseconds since 1970; `None`: there is no map.
    pub(super) made: Option<i64>,
    /// Ascending.
    pub(super) ids: Vec<u64>,
    pub(super) places: Vec<[u16; 2]>,
}

impl Stored {
    pub(super) fn points(&self) -> impl Iterator<Item = (u64, [u16; 2])> {
        self.ids.iter().copied().zip(self.places.iter().copied())
    }
}

impl Collection<'_> {
    pub(super) fn map_file(&self) -> Result<MapFile, StoreError> {
        let created = self.home.read(|tx| Ok(self.created(tx)?))?;
        // Another home's collection of this number has another time of making.
        let mut stamp = Sha256::new();
        stamp.update(self.id.to_le_bytes());
        stamp.update(created.to_le_bytes());
        stamp.update(&self.identity().fingerprint);
        Ok(MapFile {
            path: self.home.maps().join(format!("{}.map", self.id)),
            stamp: stamp.finalize().into(),
        })
    }

    /// Removes the map, as far as that works: nobody would find it any more.
    pub(crate) fn remove_map(&self) {
        if let Ok(file) = self.map_file() {
            let _ = std::fs::remove_file(file.path);
        }
    }
}

impl crate::Home {
    /// Where maps are kept. Not made before it is needed.
    pub fn maps(&self) -> PathBuf {
        self.directory().join("maps")
    }
}

impl MapFile {
    /// What it holds; `None` where there is none, or none that can be used.
    pub(super) fn read(&self) -> Option<Stored> {
        parse(&std::fs::read(&self.path).ok()?, &self.stamp)
    }

    /// It appears whole, in place of the one that is there.
    pub(super) fn write(&self, stored: &Stored) -> Result<(), StoreError> {
        write_whole(&self.path, &to_bytes(stored, &self.stamp)).map_err(|source| {
            StoreError::MapFile {
                path: self.path.clone(),
                source,
            }
        })
    }
}

fn to_bytes(stored: &Stored, stamp: &[u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + stored.ids.len() * EACH + CRC);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(stored.ids.len() as u32).to_le_bytes());
    bytes.extend_from_slice(stamp);
    bytes.extend_from_slice(&stored.made.unwrap_or(0).to_le_bytes());
    bytes.extend(stored.ids.iter().flat_map(|id| id.to_le_bytes()));
    for axis in 0..2 {
        bytes.extend(
            stored
                .places
                .iter()
                .flat_map(|place| place[axis].to_le_bytes()),
        );
    }
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn parse(bytes: &[u8], stamp: &[u8; 32]) -> Option<Stored> {
    let (contents, crc) = bytes.split_last_chunk::<CRC>()?;
    let (header, points) = contents.split_at_checked(HEADER)?;
    let (magic, rest) = header.split_first_chunk::<8>()?;
    let (format, rest) = rest.split_first_chunk::<4>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (of, made) = rest.split_first_chunk::<32>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let right = magic == MAGIC
        && u32::from_le_bytes(*format) == FORMAT
        && of == stamp
        && Some(points.len()) == count.checked_mul(EACH)
        && u32::from_le_bytes(*crc) == crc32fast::hash(contents);
    if !right {
        return None;
    }
    let (ids, places) = points.split_at(count * 8);
    let ids: Vec<u64> = ids
        .as_chunks()
        .0
        .iter()
        .map(|&id| u64::from_le_bytes(id))
        .collect();
    let (xs, ys) = places.split_at(count * 2);
    let (xs, ys) = (xs.as_chunks().0, ys.as_chunks().0);
    let places = xs
        .iter()
        .zip(ys)
        .map(|(&x, &y)| [u16::from_le_bytes(x), u16::from_le_bytes(y)]);
    Some(Stored {
        made: Some(i64::from_le_bytes(made.try_into().ok()?)),
        places: places.collect(),
        ids,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_not() {
        let stored = Stored {
            made: Some(1_700_000_000_000),
            ids: vec![3, 7, u64::MAX],
            places: vec![[0, 65_535], [1, 2], [300, 4]],
        };
        let stamp = [9; 32];
        let bytes = to_bytes(&stored, &stamp);
        assert_eq!(parse(&bytes, &stamp), Some(stored));
        assert_eq!(parse(&bytes, &[8; 32]), None, "of another collection");
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end], &stamp), None, "cut off at {end}");
        }
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            assert_eq!(parse(&damaged, &stamp), None, "another byte {place}");
        }
    }
}
