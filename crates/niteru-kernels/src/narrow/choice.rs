//! Which micro-kernels a set of kernels multiplies narrow numbers with.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::{Micro, portable};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::precision::Precision;

/// What multiplies narrow numbers. A value means that the instructions were detected:
/// [`Kernels::available`](crate::Kernels::available) alone makes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrow {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Amx,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    #[cfg(target_arch = "aarch64")]
    NeonI8mm,
}

impl Narrow {
    /// What a set of kernels with these instructions is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Narrow::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Narrow::AvxVnni => "avx2-vnni",
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx512Bf16 => "avx512-bf16",
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Narrow::Amx => "amx",
            #[cfg(target_arch = "aarch64")]
            Narrow::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Narrow::NeonDot => "neon-dot",
            #[cfg(target_arch = "aarch64")]
            Narrow::NeonI8mm => "neon-i8mm",
        }
    }

    /// See [`Kernels::prefers_bf16`](crate::Kernels::prefers_bf16).
    pub(crate) fn prefers_bf16(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx512Bf16 => avx512::bf16_is_fast(),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Narrow::Amx => true,
            _ => false,
        }
    }

    /// The innermost loop for narrow numbers; `None` for `f32`, which needs none.
    pub(crate) fn micro(self, precision: Precision) -> Option<Micro> {
        let (bf16, int8) = match self {
            Narrow::Portable => (portable::BF16, portable::INT8),
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx2 => (avx2::BF16_BY_F32, avx2::INT8_BY_16),
            #[cfg(target_arch = "x86_64")]
            Narrow::AvxVnni => (avx2::BF16_BY_F32, avx2::INT8),
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx512 => (avx512::BF16_BY_F32, avx2::INT8_BY_16),
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx512Vnni => (avx512::BF16_BY_F32, avx512::INT8),
            #[cfg(target_arch = "x86_64")]
            Narrow::Avx512Bf16 => (avx512::BF16, avx512::INT8),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            Narrow::Amx => (amx::BF16, amx::INT8),
            #[cfg(target_arch = "aarch64")]
            Narrow::Neon => (neon::BF16_BY_F32, portable::INT8),
            #[cfg(target_arch = "aarch64")]
            Narrow::NeonDot => (neon::BF16_BY_F32, neon::INT8),
            #[cfg(target_arch = "aarch64")]
            Narrow::NeonI8mm => (neon::BF16_BY_F32, neon::INT8_BY_MATRICES),
        };
        match precision {
            Precision::F32 => None,
            Precision::Bf16 => Some(bf16),
            Precision::Int8 => Some(int8),
        }
    }
}
