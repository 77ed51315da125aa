//! CPU detection and numeric kernels, each with a scalar twin.
//!
//! [`Kernels`] is the entry: it names an instruction set that this CPU was found to have, and its
//! methods are the kernels. All numbers are `f32`, matrices are row-major ([`Rows`], [`RowsMut`]),
//! images are NHWC ([`Image`]).

#[cfg(not(any(target_pointer_width = "64", target_pointer_width = "32")))]
compile_error!("the kernels assume pointers of at least 32 bits");

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod depthwise;
mod kernels;
mod math;
mod matmul;
mod narrow;
#[cfg(target_arch = "aarch64")]
mod neon;
mod packed;
mod packed_rows;
mod portable;
mod precision;
mod random;
mod rowwise;
mod simd;
mod storage;
#[cfg(test)]
mod tests;
mod tile;
mod tolerances;
#[cfg(test)]
mod twin;
mod vectors;
mod views;

pub use attention::AttentionScratch;
pub use depthwise::{DepthwiseConv, Padding};
pub use kernels::{KERNELS_VARIABLE, Kernels, KernelsError};
pub use math::Activation;
pub use matmul::Epilogue;
pub use packed::{Layout, PACKED_LAYOUT_VERSION, PackedMatrix};
pub use packed_rows::PackedRows;
pub use precision::{Precision, PrecisionError};
pub use random::SplitMix64;
pub use storage::SharedBytes;
pub use tolerances::{
    ACTIVATION_TOLERANCE, ATTENTION_TOLERANCE, EXP_TOLERANCE, LAYER_NORM_TOLERANCE,
    NORMALIZE_TOLERANCE, PRODUCT_TOLERANCE, SOFTMAX_TOLERANCE,
};
pub use views::{Image, Rows, RowsMut};
