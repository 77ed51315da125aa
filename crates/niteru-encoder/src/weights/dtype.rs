//! Types of stored values, and their conversion to `f32`.

use std::fmt;

use half::{bf16, f16};

/// Type of a tensor's stored values. All are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dtype {
    /// 32-bit floating point.
    F32,
    /// 16-bit IEEE floating point.
    F16,
    /// 16-bit floating point with `f32`'s exponent.
    BF16,
    /// 64-bit floating point.
    F64,
    /// 64-bit signed integers.
    I64,
    /// 32-bit signed integers.
    I32,
    /// 16-bit signed integers.
    I16,
    /// 8-bit signed integers.
    I8,
    /// 8-bit unsigned integers.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl Dtype {
    /// Bytes a value takes.
    pub fn bytes(self) -> usize {
        match self {
            Dtype::F64 | Dtype::I64 => 8,
            Dtype::F32 | Dtype::I32 => 4,
            Dtype::F16 | Dtype::BF16 | Dtype::I16 => 2,
            Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
        }
    }

    /// Whether this is a floating-point type: only those can be read as weights.
    pub fn is_float(self) -> bool {
        matches!(self, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
    }

    /// Converts values that lie one after the other. A rest shorter than a value is ignored.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        // Arrays of known length let each loop compile to a plain conversion without checks.
        fn each<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes
                .as_chunks::<N>()
                .0
                .iter()
                .map(|value| convert(*value))
                .collect()
        }
        match self {
            Dtype::F32 => each(bytes, f32::from_le_bytes),
            Dtype::F16 => each(bytes, |value| f16::from_le_bytes(value).to_f32()),
            Dtype::BF16 => each(bytes, |value| bf16::from_le_bytes(value).to_f32()),
            Dtype::F64 => each(bytes, |value| f64::from_le_bytes(value) as f32),
            Dtype::I64 => each(bytes, |value| i64::from_le_bytes(value) as f32),
            Dtype::I32 => each(bytes, |value| i32::from_le_bytes(value) as f32),
            Dtype::I16 => each(bytes, |value| f32::from(i16::from_le_bytes(value))),
            Dtype::I8 => each(bytes, |value| f32::from(i8::from_le_bytes(value))),
            Dtype::U8 | Dtype::Bool => each(bytes, |value: [u8; 1]| f32::from(value[0])),
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dtype::F32 => "f32",
            Dtype::F16 => "f16",
            Dtype::BF16 => "bf16",
            Dtype::F64 => "f64",
            Dtype::I64 => "i64",
            Dtype::I32 => "i32",
            Dtype::I16 => "i16",
            Dtype::I8 => "i8",
            Dtype::U8 => "u8",
            Dtype::Bool => "bool",
        })
    }
}
