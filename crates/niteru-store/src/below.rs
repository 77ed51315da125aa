//! The rooms below, for a room above that uses the store only.

pub use niteru_encoder as encoder;
pub use niteru_imaging as imaging;
pub use niteru_index as index;
pub use niteru_inspect as inspect;
pub use niteru_kernels as kernels;
pub use niteru_learn as learn;
