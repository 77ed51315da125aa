//! How exactly a model's matrices are held and multiplied.

use std::fmt;
use std::str::FromStr;

/// How a packed matrix holds its numbers, and what the other side of a product is rounded to.
///
/// Sums, biases, activations and everything between products are `f32` in every precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// Both sides as they are: the reference.
    #[default]
    F32,
    /// Both sides rounded to the nearest bfloat16 (8 bits of mantissa, the range of `f32`); a
    /// product of two of them is exact in `f32`. Half the memory of `f32`.
    Bf16,
    /// Both sides as whole numbers −127…127: the matrix with a scale for each output, the other
    /// side with a scale for each row, taken from its largest magnitude. Sums are exact. A quarter
    /// of the memory.
    Int8,
}

impl Precision {
    /// All there are, the most exact first.
    pub const ALL: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

    /// `f32`, `bf16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text names no precision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrecisionError(String);

impl fmt::Display for PrecisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no precision; there are f32, bf16 and int8",
            self.0
        )
    }
}

impl std::error::Error for PrecisionError {}

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |precision: &Precision| precision.name() == text;
        let found = Self::ALL.into_iter().find(named);
        found.ok_or_else(|| PrecisionError(text.to_owned()))
    }
}
