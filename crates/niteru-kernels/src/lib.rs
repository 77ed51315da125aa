//! CPU detection and numeric kernels, each with a scalar twin.
