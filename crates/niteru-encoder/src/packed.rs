//! A network's parts in packed form, in one file: mapped into memory, a model is ready at once.
//!
//! The file is derived data. It carries a fingerprint of all that it was made from (weights,
//! architecture, precision, kernels, layout) and a checksum of each part; one that does not fit is
//! made anew. Numbers are little endian.
//!
//! ```text
//! 0   8 bytes   "NITERUPK"
//! 8   u32       version
//! 12  u32       CRC-32 of the table
//! 16  32 bytes  fingerprint
//! 48  u64       where the table begins
//! 56  u64       its length
//! 64            parts, each from a multiple of 64 on
//!               the table: a JSON list of parts
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use memmap2::Mmap;
use niteru_kernels::{Kernels, PACKED_LAYOUT_VERSION, PackedMatrix, Precision, SharedBytes};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

const MAGIC: &[u8; 8] = b"NITERUPK";
/// To be raised with every change of what a part is made of (folding, order of pixels, which layers
/// are sensitive), which the key does not see, and of this format.
const VERSION: u32 = 1;
const HEADER: usize = 64;
/// Parts begin on multiples of this, as kernels need it.
const ALIGNMENT: u64 = 64;
/// Longest table that is read; ViT-L/14's has 60 kB.
const MAX_TABLE: usize = 4 << 20;

/// What a packed file was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedKey([u8; 32]);

impl PackedKey {
    /// Of texts that are equal exactly when the packed parts are.
    pub(crate) fn of(
        weights_sha256: &str,
        architecture: &str,
        tower: &str,
        (kernels, precision): (Kernels, Precision),
    ) -> PackedKey {
        let text = format!(
            "niteru packed {VERSION} layout {PACKED_LAYOUT_VERSION}\nweights {weights_sha256}\n\
             architecture {architecture}\ntower {tower}\nprecision {precision}\nkernels {}\n",
            kernels.name()
        );
        PackedKey(Sha256::digest(text).into())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    /// `None` for a vector.
    matrix: Option<Sizes>,
    start: u64,
    bytes: u64,
    crc32: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Sizes {
    inputs: usize,
    outputs: usize,
}

/// An opened packed file; every part was compared with its checksum.
pub(crate) struct PackedFile {
    map: SharedBytes,
    entries: HashMap<String, Entry>,
}

impl PackedFile {
    /// Opens a file that was made from `key`. `Ok(None)` when there is none.
    ///
    /// # Errors
    /// Says why the file is of no use.
    pub(crate) fn open(path: &Path, key: PackedKey) -> Result<Option<PackedFile>, String> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        // SAFETY: the mapping is read-only. Packed files are written under another name and then
        // renamed, never changed in place; whoever can write to the model cache can do worse.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| error.to_string())?;
        let table = table(&map, key)?;
        let entries: Vec<Entry> =
            serde_json::from_slice(table).map_err(|error| format!("its table: {error}"))?;
        let damaged = entries.par_iter().find_any(|entry| {
            entry
                .bytes(&map)
                .is_none_or(|bytes| crc32fast::hash(bytes) != entry.crc32)
        });
        if let Some(entry) = damaged {
            return Err(format!("part {:?} is damaged", entry.name));
        }
        let named = |entry: Entry| (entry.name.clone(), entry);
        Ok(Some(PackedFile {
            map: Arc::new(map),
            entries: entries.into_iter().map(named).collect(),
        }))
    }

    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, String> {
        let entry = self.entry(name, None)?;
        let bytes = entry.bytes((*self.map).as_ref()).unwrap_or_default();
        let (numbers, rest) = bytes.as_chunks::<4>();
        if numbers.len() != length || !rest.is_empty() {
            let bytes = bytes.len();
            return Err(format!(
                "part {name:?} has {bytes} bytes for {length} numbers"
            ));
        }
        Ok(numbers
            .iter()
            .map(|number| f32::from_le_bytes(*number))
            .collect())
    }

    pub(crate) fn matrix(
        &self,
        name: &str,
        kernels: Kernels,
        precision: Precision,
        (inputs, outputs): (usize, usize),
    ) -> Result<PackedMatrix, String> {
        let entry = self.entry(name, Some(Sizes { inputs, outputs }))?;
        let range = entry.range().ok_or("a part beyond memory")?;
        let map = Arc::clone(&self.map);
        PackedMatrix::from_bytes(kernels, precision, (inputs, outputs), map, range)
            .ok_or_else(|| format!("part {name:?} has another size"))
    }

    fn entry(&self, name: &str, matrix: Option<Sizes>) -> Result<&Entry, String> {
        let entry = self
            .entries
            .get(name)
            .filter(|entry| entry.matrix == matrix);
        entry.ok_or_else(|| format!("there is no such part {name:?}"))
    }
}

impl Entry {
    fn range(&self) -> Option<Range<usize>> {
        let end = self.start.checked_add(self.bytes)?;
        Some(usize::try_from(self.start).ok()?..usize::try_from(end).ok()?)
    }

    fn bytes<'m>(&self, map: &'m [u8]) -> Option<&'m [u8]> {
        map.get(self.range()?)
    }
}

/// The table of a file that has everything in order up to there.
fn table(map: &[u8], key: PackedKey) -> Result<&[u8], String> {
    let header: &[u8; HEADER] = map.first_chunk().ok_or("too short")?;
    let word = |at: usize| {
        header[at..]
            .first_chunk()
            .map_or(0, |word| u32::from_le_bytes(*word))
    };
    let long = |at: usize| {
        header[at..]
            .first_chunk()
            .map_or(0, |word| u64::from_le_bytes(*word))
    };
    if !header.starts_with(MAGIC) || word(8) != VERSION {
        return Err("of another version".to_string());
    }
    if header[16..48] != key.0 {
        return Err("made from something else".to_string());
    }
    let length = usize::try_from(long(56))
        .ok()
        .filter(|&length| length <= MAX_TABLE);
    let start = usize::try_from(long(48)).ok();
    let range = start
        .zip(length)
        .and_then(|(start, length)| Some(start..start.checked_add(length)?));
    let table = range.and_then(|range| map.get(range)).ok_or("truncated")?;
    if crc32fast::hash(table) != word(12) {
        return Err("its table is damaged".to_string());
    }
    Ok(table)
}

/// Writes a packed file beside its final name; nothing is seen of it before [`finish`](Self::finish).
///
/// The first failure is kept and told at the end: a network does not fail to load because a copy
/// of it cannot be kept.
pub(crate) struct PackedWriter {
    path: PathBuf,
    key: PackedKey,
    file: BufWriter<NamedTempFile>,
    entries: Vec<Entry>,
    end: u64,
    failure: Option<io::Error>,
}

impl PackedWriter {
    /// Begins a file that will be at `path`, whose folder is made if need be.
    pub(crate) fn create(path: &Path, key: PackedKey) -> io::Result<PackedWriter> {
        let file = temporary_file(path.parent().unwrap_or(Path::new(".")))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&[0; HEADER])?;
        Ok(PackedWriter {
            path: path.to_path_buf(),
            key,
            file,
            entries: Vec::new(),
            end: HEADER as u64,
            failure: None,
        })
    }

    pub(crate) fn vector(&mut self, name: &str, numbers: &[f32]) {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        self.part(name, None, &bytes);
    }

    pub(crate) fn matrix(&mut self, name: &str, matrix: &PackedMatrix) {
        let sizes = Sizes {
            inputs: matrix.k(),
            outputs: matrix.n(),
        };
        self.part(name, Some(sizes), matrix.as_bytes());
    }

    fn part(&mut self, name: &str, matrix: Option<Sizes>, bytes: &[u8]) {
        if self.failure.is_none()
            && let Err(error) = self.write_part(name, matrix, bytes)
        {
            self.failure = Some(error);
        }
    }

    fn write_part(&mut self, name: &str, matrix: Option<Sizes>, bytes: &[u8]) -> io::Result<()> {
        let start = self.end.next_multiple_of(ALIGNMENT);
        let gap = usize::try_from(start - self.end).unwrap_or_default();
        self.file.write_all(&[0; ALIGNMENT as usize][..gap])?;
        self.file.write_all(bytes)?;
        self.end = start + bytes.len() as u64;
        self.entries.push(Entry {
            name: name.to_string(),
            matrix,
            start,
            bytes: bytes.len() as u64,
            crc32: crc32fast::hash(bytes),
        });
        Ok(())
    }

    /// Completes the file and gives it its name.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let table = serde_json::to_vec(&self.entries)?;
        self.file.write_all(&table)?;
        self.file.seek(SeekFrom::Start(0))?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend(crc32fast::hash(&table).to_le_bytes());
        header.extend(self.key.0);
        header.extend(self.end.to_le_bytes());
        header.extend((table.len() as u64).to_le_bytes());
        self.file.write_all(&header)?;
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        // Not flushed to the disk: what a power failure leaves fails its checksums and is made anew.
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// How names of files begin that are being written.
const TEMPORARY: &str = ".tmp-";
/// A file that nobody has written to for so long was left by a writer that was killed.
const LEFT_AFTER: Duration = Duration::from_secs(3600);

/// A file under a temporary name, with the permissions of any other file; its folder is made if need
/// be, and what killed writers left there is removed.
pub(crate) fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    remove_leftovers(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    builder.tempfile_in(folder)
}

/// Nothing depends on it: what cannot be removed costs space.
fn remove_leftovers(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let named = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|modified| modified.elapsed().unwrap_or_default());
        if named && age.is_ok_and(|age| age > LEFT_AFTER) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use niteru_kernels::Layout;

    use super::*;

    fn key(weights: &str) -> PackedKey {
        PackedKey::of(weights, "a", "vision", (Kernels::detect(), Precision::Bf16))
    }

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("packed").join("file");
        let mut writer = PackedWriter::create(&path, key("w")).unwrap();
        writer.vector("bias", &[1.0, -2.5, 3.25]);
        let data: Vec<f32> = (0..15).map(|i| i as f32).collect();
        let kernels = Kernels::detect();
        for (name, precision) in [("bf16", Precision::Bf16), ("f32", Precision::F32)] {
            let layout = Layout::OutputByInput;
            writer.matrix(
                name,
                &PackedMatrix::pack(kernels, precision, &data, 3, 5, layout),
            );
        }
        writer.finish().unwrap();
        path
    }

    #[test]
    fn parts_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let file = PackedFile::open(&path, key("w")).unwrap().unwrap();
        assert_eq!(file.vector("bias", 3).unwrap(), [1.0, -2.5, 3.25]);
        let matrix = |name, sizes| file.matrix(name, Kernels::detect(), Precision::Bf16, sizes);
        assert_eq!(matrix("bf16", (3, 5)).unwrap().n(), 5);
        assert!(file.vector("bias", 4).is_err(), "another length");
        assert!(file.vector("bf16", 15).is_err(), "a matrix is no vector");
        assert!(matrix("bf16", (5, 3)).is_err(), "other sizes");
        assert!(matrix("f32", (3, 5)).is_err(), "another precision");
        assert!(matrix("none", (3, 5)).is_err(), "another name");
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "temporary files are gone");
    }

    #[test]
    fn what_killed_writers_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (
            folder.path().join(".tmp-old"),
            folder.path().join(".tmp-new"),
        );
        for path in [&old, &new] {
            std::fs::write(path, "left").unwrap();
        }
        let yesterday = std::time::SystemTime::now() - 24 * LEFT_AFTER;
        let file = File::options().write(true).open(&old).unwrap();
        file.set_modified(yesterday).unwrap();
        drop(temporary_file(folder.path()).unwrap());
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        assert!(PackedFile::open(&path, key("other weights")).is_err());
        assert!(
            PackedFile::open(&folder.path().join("none"), key("w"))
                .unwrap()
                .is_none()
        );
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, &bad).unwrap();
            // Only the filling between parts may change unseen.
            if let Ok(file) = PackedFile::open(&path, key("w")) {
                let file = file.unwrap();
                assert_eq!(
                    file.vector("bias", 3).unwrap(),
                    [1.0, -2.5, 3.25],
                    "byte {at}"
                );
                assert_eq!(good[at], 0, "byte {at} changed unseen");
            }
        }
        for length in [0, 1, 63, 64, 100, good.len() / 2, good.len() - 1] {
            std::fs::write(&path, &good[..length]).unwrap();
            assert!(PackedFile::open(&path, key("w")).is_err(), "{length} bytes");
        }
    }
}
