//! Decoding, Pillow-exact resizing, cropping and plots.
