//! Decoding, Pillow-exact resizing, cropping and plots.
//!
//! A [`Picture`] is what every other room sees of an image file: 8-bit RGB, upright, row-major.
//! [`Picture::decode`] recognises the format by content, checks [`Limits`] on the header before
//! memory is used, applies the EXIF orientation and lays alpha over white.
//! [`Picture::resize`] gives the bytes that Pillow's `Image.resize` gives.
//! [`Picture::likeness`] tells the same picture saved anew. [`Region`] is a rectangle that someone chose,
//! [`find_object`] finds one around what lies on a plain background. [`MatrixPlot`] draws a similarity
//! matrix as SVG or PNG.
//!
//! For inspection: a [`HeatMap`] says where a picture differs, [`regions`] which places belong
//! together, a [`Mask`] what
//! counts, and [`align`] lays one picture on another.

mod align;
mod components;
mod decode;
mod encode;
mod error;
mod heat;
mod jpeg;
mod likeness;
mod limits;
mod mask;
mod mirror;
mod object;
mod orient;
mod outline;
mod picture;
mod plot;
mod region;
mod resize;
mod spectrum;
mod tiff;

pub use align::{AlignOptions, Alignment, align};
pub use components::{HeatRegion, regions};
pub use decode::is_image_path;
pub use error::{DecodeError, EncodeError, SizeError};
pub use heat::{HeatError, HeatMap, HeatScale};
pub use likeness::{Likeness, luma};
pub use limits::Limits;
pub use mask::Mask;
pub use mirror::Mirror;
pub use object::{Object, edge_colour, find_object, find_object_mask};
pub use outline::{Rect, outlined};
pub use picture::Picture;
pub use plot::{MatrixPlot, PlotError, colour, text_colour};
pub use region::{Region, RegionError};
pub use resize::Filter;
