//! An index in a file: vectors and graph, as they are used when the file is mapped into memory.
//!
//! ```text
//! header            128 bytes, see `Header`
//! ids               rows × u64
//! inverse lengths   rows × f32, NaN for a buried row
//! vectors           rows × dimensions × f16
//! graph             what USearch writes
//! ```
//!
//! Sections begin on multiples of 64 bytes, with zeros between them. Each has a CRC-32 in the header,
//! zeros included, and the header has one of itself: one flipped bit anywhere is noticed. Numbers are
//! in the byte order of the machine, which the header tells: the file is derived and stays where it
//! was made.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher;
use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;
use rayon::prelude::*;

use crate::IndexError;
use crate::graph::Graph;
use crate::rows::Rows;
use crate::rows::vectors::{Mapped, Vectors};

/// Begins every file.
const MAGIC: [u8; 8] = *b"NITEINDX";

/// The format; also changed when the graph's is. Files of other formats are made anew.
const FORMAT: u32 = 1;

/// Reads as another number in the other byte order.
const BYTE_ORDER: u32 = 0x0102_0304;

const HEADER_BYTES: usize = 128;
const ALIGNMENT: usize = 64;
const SECTIONS: usize = 4;

/// Vectors that are copied at a time while a file is written: so long changes wait.
const ROWS_WRITTEN: usize = 1024;

/// Bytes that one thread sums at a time.
const SUMMED: usize = 4 << 20;

/// Says what an index is of: its collection and the model that made the vectors.
pub type Stamp = [u8; 32];

/// Why an index file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is none.
    #[error("it is not there")]
    Missing,
    /// Of another format, another collection or another model.
    #[error("it is {0}")]
    Other(&'static str),
    /// Its contents are not what was written.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The graph refuses its part of the file.
    #[error(transparent)]
    Graph(#[from] IndexError),
}

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSummary {
    /// The change number that it was saved at.
    pub version: u64,
    /// Vectors in it, those that were removed since the graph was made included.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
}

/// What is read from a file.
pub(crate) struct Opened {
    pub(crate) rows: Rows,
    pub(crate) graph: Graph,
    pub(crate) in_graph: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    dimensions: u64,
    rows: u64,
    in_graph: u64,
    version: u64,
    graph_bytes: u64,
    stamp: Stamp,
    sums: [u32; SECTIONS],
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_ne_bytes());
        bytes.extend(BYTE_ORDER.to_ne_bytes());
        for number in [
            self.dimensions,
            self.rows,
            self.in_graph,
            self.version,
            self.graph_bytes,
        ] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend(self.stamp);
        bytes.extend(self.sums.iter().flat_map(|sum| sum.to_ne_bytes()));
        let mut header = [0; HEADER_BYTES];
        header[..bytes.len()].copy_from_slice(&bytes);
        let sum = crc32fast::hash(&header[..HEADER_BYTES - 4]);
        header[HEADER_BYTES - 4..].copy_from_slice(&sum.to_ne_bytes());
        header
    }

    fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(FileError::Damaged("it ends in its header"));
        };
        let u32_at = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
        let u64_at =
            |at: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| bytes[at + i]));
        if crc32fast::hash(&bytes[..HEADER_BYTES - 4]) != u32_at(HEADER_BYTES - 4) {
            return Err(FileError::Damaged("its header does not fit its checksum"));
        }
        if bytes[..8] != MAGIC || u32_at(8) != FORMAT || u32_at(12) != BYTE_ORDER {
            return Err(FileError::Other("of another version of this program"));
        }
        let mut stamp = Stamp::default();
        stamp.copy_from_slice(&bytes[56..88]);
        Ok(Self {
            dimensions: u64_at(16),
            rows: u64_at(24),
            in_graph: u64_at(32),
            version: u64_at(40),
            graph_bytes: u64_at(48),
            stamp,
            sums: [0, 1, 2, 3].map(|i| u32_at(88 + 4 * i)),
        })
    }

    /// Where the sections lie, without the zeros behind them; `None` when no file is so large.
    fn sections(&self) -> Option<[Range<usize>; SECTIONS]> {
        let number = |x: u64| usize::try_from(x).ok();
        let rows = number(self.rows)?;
        let vector = number(self.dimensions)?.checked_mul(2)?;
        let lengths = [
            rows.checked_mul(8)?,
            rows.checked_mul(4)?,
            rows.checked_mul(vector)?,
            number(self.graph_bytes)?,
        ];
        let mut start = HEADER_BYTES;
        let mut sections = [const { 0..0 }; SECTIONS];
        for (section, length) in sections.iter_mut().zip(lengths) {
            *section = start..start.checked_add(length)?;
            start = section.end.checked_next_multiple_of(ALIGNMENT)?;
        }
        Some(sections)
    }
}

impl FileSummary {
    /// Reads a file's header and nothing else.
    ///
    /// # Errors
    /// As when it is opened.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        use std::io::Read;
        let file = open_file(path)?;
        let bytes = file.metadata()?.len();
        let mut header = Vec::new();
        file.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
        let header = Header::parse(&header)?;
        Ok(Self {
            version: header.version,
            rows: header.rows,
            bytes,
        })
    }
}

/// What is written to a file beside vectors and graph.
pub(crate) struct Contents {
    pub(crate) version: u64,
    pub(crate) dimensions: usize,
    pub(crate) ids: Vec<u64>,
    /// One for each id.
    pub(crate) inverse_lengths: Vec<f32>,
}

/// Gives the first vectors of a range of rows, at least one.
pub(crate) type VectorsOf<'a> = dyn Fn(Range<usize>) -> Vec<f16> + 'a;

/// Nothing more can be done about a file that cannot be removed; the next save replaces it.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Where a file is written before it gets its name.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Writes an index beside its place, brings it to the disk and to its place, and returns its length.
pub(crate) fn write(
    path: &Path,
    contents: &Contents,
    vectors: &VectorsOf<'_>,
    graph: &Graph,
    stamp: &Stamp,
) -> io::Result<u64> {
    let temporary = temporary(path);
    let graph = graph.to_bytes().map_err(io::Error::other)?;
    let rows = contents.ids.len() as u64;
    let header = Header {
        dimensions: contents.dimensions as u64,
        rows,
        in_graph: rows,
        version: contents.version,
        graph_bytes: graph.len() as u64,
        stamp: *stamp,
        sums: [0; SECTIONS],
    };
    let written = write_sections(&temporary, header, contents, vectors, &graph);
    let finished = written.and_then(|file| {
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        file.metadata()
    });
    let finished = finished.inspect_err(|_| remove(&temporary))?;
    // The folder, too, where it can be opened; a rename that is lost leaves the older file.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(finished.len())
}

fn write_sections(
    temporary: &Path,
    mut header: Header,
    contents: &Contents,
    vectors: &VectorsOf<'_>,
    graph: &[u8],
) -> io::Result<File> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(temporary)?);
    // The real one comes when the sums are known.
    file.write_all(&[0; HEADER_BYTES])?;
    let ids = contents.ids.iter().map(|id| id.to_ne_bytes());
    header.sums[0] = section(&mut file, ids)?;
    let inverse = contents.inverse_lengths.iter().map(|x| x.to_ne_bytes());
    header.sums[1] = section(&mut file, inverse)?;
    header.sums[2] = section(&mut file, pieces(contents, vectors))?;
    header.sums[3] = section(&mut file, std::iter::once(graph))?;
    let mut file = file.into_inner().map_err(|error| error.into_error())?;
    io::Seek::rewind(&mut file)?;
    file.write_all(&header.to_bytes())?;
    Ok(file)
}

/// The vectors, some rows at a time.
fn pieces(contents: &Contents, vectors: &VectorsOf<'_>) -> impl Iterator<Item = Piece> {
    let (mut start, rows) = (0, contents.ids.len());
    std::iter::from_fn(move || {
        let end = rows.min(start + ROWS_WRITTEN);
        (start < end).then(|| {
            let piece = Piece(vectors(start..end));
            start += piece.0.len() / contents.dimensions;
            piece
        })
    })
}

/// Vectors as bytes.
struct Piece(Vec<f16>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        let bits: &[u16] = self.0.reinterpret_cast();
        // SAFETY: the same memory as bytes, which have no alignment and no wrong values.
        unsafe { std::slice::from_raw_parts(bits.as_ptr().cast(), 2 * bits.len()) }
    }
}

/// Writes a section with zeros up to the next, and returns its sum.
fn section(
    file: &mut BufWriter<File>,
    parts: impl Iterator<Item = impl AsRef<[u8]>>,
) -> io::Result<u32> {
    let (mut hasher, mut length) = (Hasher::new(), 0_usize);
    for part in parts {
        let part = part.as_ref();
        hasher.update(part);
        file.write_all(part)?;
        length += part.len();
    }
    let zeros = &[0; ALIGNMENT][..length.next_multiple_of(ALIGNMENT) - length];
    hasher.update(zeros);
    file.write_all(zeros)?;
    Ok(hasher.finalize())
}

/// Maps a file into memory after all of it was compared with its checksums.
pub(crate) fn open(path: &Path, dimensions: usize, stamp: &Stamp) -> Result<Opened, FileError> {
    let file = open_file(path)?;
    // SAFETY: index files are written under another name and never afterwards, only replaced.
    let map = Arc::new(unsafe { Mmap::map(&file) }?);
    let header = Header::parse(&map)?;
    if header.stamp != *stamp || header.dimensions != dimensions as u64 {
        return Err(FileError::Other("of another collection or model"));
    }
    let sections = header.sections().filter(|_| header.in_graph <= header.rows);
    let sections = sections.ok_or(FileError::Damaged("its header has impossible numbers"))?;
    let end = sections[SECTIONS - 1].end.next_multiple_of(ALIGNMENT);
    if map.len() != end {
        return Err(FileError::Damaged(
            "it has not the length that it should have",
        ));
    }
    let names = [
        "its ids do not fit their checksum",
        "its lengths do not fit their checksum",
        "its vectors do not fit their checksum",
        "its graph does not fit its checksum",
    ];
    for ((section, sum), name) in sections.iter().zip(header.sums).zip(names) {
        if sum_of(&map[section.start..section.end.next_multiple_of(ALIGNMENT)]) != sum {
            return Err(FileError::Damaged(name));
        }
    }
    let [ids, inverse, vectors, graph] = sections;
    let (ids, _) = map[ids].as_chunks::<8>();
    let (inverse, _) = map[inverse].as_chunks::<4>();
    let graph = Graph::view(Arc::clone(&map), graph)?;
    let mapped = Mapped::new(Arc::clone(&map), vectors);
    let mapped = mapped.ok_or(FileError::Damaged("its vectors are not there"))?;
    let rows = Rows::from_parts(
        header.version,
        ids.iter().map(|&id| u64::from_ne_bytes(id)).collect(),
        inverse.iter().map(|&x| f32::from_ne_bytes(x)).collect(),
        Vectors::mapped(dimensions, mapped),
        header.rows as usize,
    );
    Ok(Opened {
        rows,
        graph,
        in_graph: header.in_graph as usize,
    })
}

fn open_file(path: &Path) -> Result<File, FileError> {
    match File::open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FileError::Missing),
        Err(error) => Err(error.into()),
    }
}

/// The CRC-32 of bytes, on all threads.
fn sum_of(bytes: &[u8]) -> u32 {
    let part = |part: &[u8]| {
        let mut hasher = Hasher::new();
        hasher.update(part);
        hasher
    };
    let join = |mut first: Hasher, second: Hasher| {
        first.combine(&second);
        first
    };
    let parts = bytes.par_chunks(SUMMED).map(part);
    parts.reduce(Hasher::new, join).finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_written_and_other_formats_refused() {
        let header = Header {
            dimensions: 512,
            rows: 3,
            in_graph: 2,
            version: 77,
            graph_bytes: 1000,
            stamp: [9; 32],
            sums: [1, 2, 3, 4],
        };
        let bytes = header.to_bytes();
        assert_eq!(Header::parse(&bytes).expect("a header"), header);
        let sections = [128..152, 192..204, 256..3328, 3328..4328];
        assert_eq!(header.sections(), Some(sections));
        // A whole header of another magic, format or byte order.
        for at in [0, 8, 12] {
            let mut other = bytes;
            other[at] ^= 1;
            let sum = crc32fast::hash(&other[..HEADER_BYTES - 4]);
            other[HEADER_BYTES - 4..].copy_from_slice(&sum.to_ne_bytes());
            assert!(
                matches!(Header::parse(&other), Err(FileError::Other(_))),
                "byte {at}"
            );
        }
        let huge = Header {
            rows: u64::MAX / 2,
            ..header
        };
        assert_eq!(huge.sections(), None);
    }
}
