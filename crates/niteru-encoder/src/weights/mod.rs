//! Weight files: named tensors, read lazily and as `f32`, from safetensors and PyTorch files.
//!
//! A weight file is untrusted until its hash has been verified, and is read as such: it is
//! memory-mapped, its header is checked in full (types, sizes, strides and bounds of every
//! tensor) by [`Weights::open`], nothing in it is executed, and no buffer is allocated before
//! its size is known to be covered by bytes of the file.

mod dtype;
mod error;
mod pickle;
mod pytorch;
mod safetensors;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

pub use dtype::Dtype;
pub use error::WeightsError;

/// Most dimensions a tensor may have.
const MAX_RANK: usize = 8;

/// A tensor in memory: `f32`, row-major (the last axis varies fastest), contiguous.
///
/// The length of [`data`](Tensor::data) is always the product of [`shape`](Tensor::shape);
/// an empty shape is a single number.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor of these values, or `None` when their number is not the product of `shape`.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Option<Tensor> {
        (count(&shape)? == data.len()).then_some(Tensor { shape, data })
    }

    /// Sizes of the axes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, row-major, without a copy.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

/// Where a tensor's values lie in the file. Checked against the file by [`Weights::open`]:
/// every index that `shape` and `strides` can form lies in the file.
#[derive(Debug, Clone)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    /// First byte of the tensor's first value.
    start: usize,
    /// Elements to skip per axis; `None` when the values lie row-major without gaps.
    strides: Option<Vec<usize>>,
}

/// An opened weight file: its tensors' names, shapes and types are known and checked; values
/// are read, converted to `f32` and laid out contiguously when asked for.
///
/// The file is memory-mapped: it must not be changed in place while this value lives (files of
/// a model cache never are; replacing or removing them is harmless).
#[derive(Debug)]
pub struct Weights {
    path: PathBuf,
    map: Mmap,
    entries: BTreeMap<String, Entry>,
}

impl Weights {
    /// Opens a weight file; its kind is told by its content, not by its name.
    ///
    /// Understood are safetensors, PyTorch's zip files (version 1.6 and later) and PyTorch's
    /// earlier format, in which the EfficientNet-Lite weights are published. Of a PyTorch file
    /// the state dictionary is read: a dictionary of tensors, or one under the key `state_dict`.
    /// Its pickle is interpreted with an allow-list of operations that build numbers, texts,
    /// tuples, dictionaries and tensors; anything else is refused.
    ///
    /// # Errors
    /// When the file cannot be read, is of another kind, or holds a tensor whose type, shape,
    /// strides or offset do not fit the file. All tensors are checked.
    pub fn open(path: &Path) -> Result<Weights, WeightsError> {
        let io = |source| WeightsError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        let bad = |reason: String| WeightsError::Format {
            path: path.to_path_buf(),
            reason,
        };
        if !metadata.is_file() {
            return Err(bad("not a regular file".into()));
        }
        if metadata.len() == 0 {
            return Err(bad("the file is empty".into()));
        }
        // SAFETY: the mapping is read-only and private to this value. Files in the model cache
        // are written once under another name and then renamed, never changed in place, and
        // files to import are copied before they are opened; `Weights` says so to other callers.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let entries = read_entries(&map).map_err(bad)?;
        Ok(Weights {
            path: path.to_path_buf(),
            map,
            entries,
        })
    }

    /// The file these weights are read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether a tensor of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Shape of a tensor, outermost axis first, or `None` when it is not there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Type of a tensor's stored values, or `None` when it is not there.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.entries.get(name).map(|entry| entry.dtype)
    }

    /// Reads a tensor that must have this shape; its values become contiguous row-major `f32`.
    ///
    /// `f16` and `bf16` convert exactly, `f64` rounds to nearest.
    ///
    /// # Errors
    /// When the tensor is not there, has another shape, is of an integer type (those hold
    /// counters and positions, never weights), or holds NaN or infinite values.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let entry = self.entry(name)?;
        if entry.shape != shape {
            return Err(WeightsError::Shape {
                path: self.path.clone(),
                name: name.to_string(),
                expected: shape.to_vec(),
                got: entry.shape.clone(),
            });
        }
        self.read(name, entry)
    }

    /// Reads a tensor of whatever shape it has.
    ///
    /// # Errors
    /// As [`Weights::tensor`], but for the shape.
    pub fn tensor_of_any_shape(&self, name: &str) -> Result<Tensor, WeightsError> {
        self.read(name, self.entry(name)?)
    }

    fn entry(&self, name: &str) -> Result<&Entry, WeightsError> {
        self.entries.get(name).ok_or_else(|| WeightsError::Missing {
            path: self.path.clone(),
            name: name.to_string(),
            tensors: self.entries.len(),
        })
    }

    /// Lets go of a tensor's pages: they are read once, and a model's weights together are larger
    /// than all else in memory. Touched again they come from the file.
    fn release(&self, entry: &Entry) {
        #[cfg(unix)]
        if entry.strides.is_none()
            && let Some(bytes) = count(&entry.shape).map(|count| count * entry.dtype.bytes())
        {
            // The system wants whole pages; what is shared with a neighbour stays.
            const PAGE: usize = 64 << 10;
            let start = entry.start.next_multiple_of(PAGE);
            let end = (entry.start + bytes) / PAGE * PAGE;
            if start < end {
                // SAFETY: the mapping is of a file and read-only: dropped pages read the same again.
                // A refusal costs memory and nothing else.
                let _ = unsafe {
                    self.map.unchecked_advise_range(
                        memmap2::UncheckedAdvice::DontNeed,
                        start,
                        end - start,
                    )
                };
            }
        }
        #[cfg(not(unix))]
        let _ = entry;
    }

    fn read(&self, name: &str, entry: &Entry) -> Result<Tensor, WeightsError> {
        let error = |reason: &str| WeightsError::Values {
            path: self.path.clone(),
            name: name.to_string(),
            reason: reason.to_string(),
        };
        if !entry.dtype.is_float() {
            return Err(error(&format!(
                "holds {} values, not floating-point ones",
                entry.dtype
            )));
        }
        let data = gather(&self.map, entry).ok_or_else(|| error("does not lie in the file"))?;
        self.release(entry);
        if !data.iter().all(|value| value.is_finite()) {
            return Err(error("holds NaN or infinite values"));
        }
        Ok(Tensor {
            shape: entry.shape.clone(),
            data,
        })
    }
}

/// Tells the kind of file by its first bytes and lists its tensors.
fn read_entries(bytes: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    if bytes.starts_with(b"PK\x03\x04") {
        return pytorch::read_zip(bytes);
    }
    if bytes.starts_with(pytorch::LEGACY_MAGIC) {
        return pytorch::read_legacy(bytes);
    }
    if bytes.get(8) == Some(&b'{') {
        return safetensors::read(bytes);
    }
    let known: &[(&[u8], &str)] = &[
        (
            b"version https://git-lfs",
            "this is a Git LFS pointer, not the file it points to",
        ),
        (
            b"<",
            "this is a web page or XML, not the file that was asked for",
        ),
        (
            b"\x89HDF",
            "this is a TensorFlow (HDF5) file; use the PyTorch or safetensors file",
        ),
        (
            b"\x80",
            "this is a pickle, but not one that PyTorch's save made",
        ),
        (
            b"GGUF",
            "GGUF files are not supported; use the PyTorch or safetensors file",
        ),
    ];
    for (start, what) in known {
        if bytes.starts_with(start) {
            return Err((*what).to_string());
        }
    }
    Err("neither a safetensors nor a PyTorch file".to_string())
}

/// Product of a shape, or `None` when it does not fit `usize`.
fn count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
}

/// Strides of a row-major tensor without gaps. The shape's product must fit `usize`.
fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

/// Copies a tensor's values out of the file, row-major. `None` when they do not lie in it.
fn gather(bytes: &[u8], entry: &Entry) -> Option<Vec<f32>> {
    let total = count(&entry.shape)?;
    let width = entry.dtype.bytes();
    let Some(strides) = &entry.strides else {
        let end = entry.start.checked_add(total.checked_mul(width)?)?;
        return Some(entry.dtype.decode(bytes.get(entry.start..end)?));
    };
    if total == 0 {
        return Some(Vec::new());
    }
    // Axes of size 1 are never stepped along; their strides may be anything.
    let axes = entry
        .shape
        .iter()
        .zip(strides)
        .map(|(&size, &stride)| (size, stride));
    let axes: Vec<(usize, usize)> = axes.filter(|(size, _)| *size > 1).collect();
    let mut span = 1usize;
    for (size, stride) in &axes {
        span = span.checked_add(stride.checked_mul(size - 1)?)?;
    }
    let end = entry.start.checked_add(span.checked_mul(width)?)?;
    let stored = entry.dtype.decode(bytes.get(entry.start..end)?);

    let mut values = Vec::with_capacity(total);
    let Some((&(size, stride), outer)) = axes.split_last() else {
        return Some(stored);
    };
    let mut index = vec![0usize; outer.len()];
    let mut first = 0usize;
    loop {
        values.extend((0..size).map(|step| stored[first + step * stride]));
        // Count up like an odometer, last axis first.
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return Some(values);
            }
            axis -= 1;
            let (size, stride) = outer[axis];
            index[axis] += 1;
            if index[axis] < size {
                first += stride;
                break;
            }
            first -= stride * (size - 1);
            index[axis] = 0;
        }
    }
}
