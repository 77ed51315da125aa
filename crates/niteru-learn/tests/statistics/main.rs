//! The statistics against reference values (fixtures/make.py), laws that they must obey, and input
//! that makes no sense.

#![allow(clippy::unwrap_used)]

mod conformal;
mod enrichment;
mod gaussian;
mod interval;
mod layout;
mod metrics;
mod pixels;
mod robust;
mod shift;
mod support;
