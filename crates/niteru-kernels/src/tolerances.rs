//! How far a kernel's result may be from the exact one. Tests hold every instruction set to these.

/// Sums of products ([`dot`](crate::Kernels::dot), [`matmul`](crate::Kernels::matmul),
/// [`depthwise`](crate::Kernels::depthwise)), relative to the sum of the products' magnitudes, up
/// to 4096 terms.
pub const PRODUCT_TOLERANCE: f32 = 2e-6;

/// `e^x` where it is a normal number, relative.
pub const EXP_TOLERANCE: f32 = 2e-7;

/// [`Gelu`](crate::Activation::Gelu) and [`QuickGelu`](crate::Activation::QuickGelu), relative to
/// `max(|x|, 1)`.
pub const ACTIVATION_TOLERANCE: f32 = 6e-7;

/// [`softmax`](crate::Kernels::softmax), absolute, up to 4096 columns.
pub const SOFTMAX_TOLERANCE: f32 = 1e-6;

/// [`layer_norm`](crate::Kernels::layer_norm), relative to the largest output of the row (at least
/// 1), for rows whose spread is not under a thousandth of their mean.
pub const LAYER_NORM_TOLERANCE: f32 = 1e-4;

/// [`normalize`](crate::Kernels::normalize): the returned length relatively, and each element of
/// the unit vector absolutely.
pub const NORMALIZE_TOLERANCE: f32 = 5e-7;

/// [`attention`](crate::Kernels::attention), relative to the largest value.
pub const ATTENTION_TOLERANCE: f32 = 5e-6;
