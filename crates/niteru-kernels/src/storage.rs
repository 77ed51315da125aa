//! Bytes that begin on a cache line, our own or somebody else's.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that live elsewhere, for instance in a memory-mapped file.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Where [`Storage`] begins, at least: a cache line, and the widest register.
pub(crate) const ALIGNMENT: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "read through pointers")] [u8; ALIGNMENT]);

/// A whole number of cache lines.
#[derive(Clone)]
pub(crate) enum Storage {
    Owned(Lines),
    Shared(Window),
}

#[derive(Clone, Default)]
pub(crate) struct Lines(Vec<Line>);

/// Part of shared bytes, looked up anew at each use: an owner may be any code.
#[derive(Clone)]
pub(crate) struct Window {
    owner: SharedBytes,
    range: Range<usize>,
}

impl Window {
    /// The bytes if they are there and begin on a line.
    fn bytes(&self) -> Option<&[u8]> {
        let bytes = (*self.owner).as_ref().get(self.range.clone())?;
        let aligned = bytes.as_ptr().addr().is_multiple_of(ALIGNMENT);
        aligned.then_some(bytes)
    }
}

impl Storage {
    /// Zeros, at least `len` of them.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut lines = Lines::default();
        lines.reset(len);
        Storage::Owned(lines)
    }

    /// A window of shared bytes; `None` when it is not there or does not begin on a line.
    pub(crate) fn shared(owner: SharedBytes, range: Range<usize>) -> Option<Self> {
        let window = Window { owner, range };
        let len = window.bytes()?.len();
        len.is_multiple_of(ALIGNMENT)
            .then_some(Storage::Shared(window))
    }

    /// Becomes our own zeros, at least `len` of them, in the memory that is there if it suffices.
    pub(crate) fn renew(&mut self, len: usize) -> &mut [u8] {
        if let Storage::Shared(_) = self {
            *self = Storage::zeros(0);
        }
        match self {
            Storage::Owned(lines) => {
                lines.reset(len);
                lines.bytes_mut()
            }
            Storage::Shared(_) => unreachable!("replaced above"),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Storage::Owned(lines) => lines.bytes(),
            // An owner whose bytes changed place breaks its promise: then there is nothing to
            // multiply with, and the kernels' checks of lengths panic.
            Storage::Shared(window) => window.bytes().unwrap_or_default(),
        }
    }
}

impl Lines {
    /// Becomes zeros, at least `len` of them, in the memory that is there if it suffices.
    pub(crate) fn reset(&mut self, len: usize) {
        self.0.clear();
        self.0.resize(len.div_ceil(ALIGNMENT), Line([0; ALIGNMENT]));
    }

    /// Has at least `len` bytes; what they are is left over from earlier use.
    pub(crate) fn grow(&mut self, len: usize) {
        let lines = len.div_ceil(ALIGNMENT);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0; ALIGNMENT]));
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a Line is its bytes, without padding: its size is its alignment.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * ALIGNMENT) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.0.len() * ALIGNMENT;
        // SAFETY: as in `bytes`; the borrow of self is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), len) }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Storage::Owned(_) => "owned",
            Storage::Shared(_) => "shared",
        };
        write!(f, "{} {kind} bytes", self.bytes().len())
    }
}

/// The bytes as numbers.
///
/// # Panics
/// When they are not a whole number of them or not aligned, which lines always are.
macro_rules! cast {
    ($name:ident, $name_mut:ident, $type:ty) => {
        pub(crate) fn $name(bytes: &[u8]) -> &[$type] {
            assert!(bytes.as_ptr().cast::<$type>().is_aligned());
            let len = bytes.len() / size_of::<$type>();
            // SAFETY: aligned, in bounds, and every bit pattern is such a number.
            unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), len) }
        }

        pub(crate) fn $name_mut(bytes: &mut [u8]) -> &mut [$type] {
            assert!(bytes.as_ptr().cast::<$type>().is_aligned());
            let len = bytes.len() / size_of::<$type>();
            // SAFETY: as above; the borrow is exclusive.
            unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), len) }
        }
    };
}

cast!(floats, floats_mut, f32);
cast!(integers, integers_mut, i32);
cast!(words, words_mut, u32);
