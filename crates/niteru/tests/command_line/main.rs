//! The real binary, run in homes of its own.

// A helper that cannot do its work fails the test it is called from.
#![allow(clippy::unwrap_used)]

#[cfg(unix)]
mod browser;
mod cli;
mod cluster;
mod collections;
mod compare;
mod dinov2;
mod filters;
mod index;
mod inspect;

mod inspect_eval;
mod inspect_runs;
mod inspect_training;
#[cfg(unix)]
mod inspect_watch;
mod keeping;
#[cfg(unix)]
mod limits;
mod map;
mod precision;
mod quality;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod signals;
mod support;
#[cfg(unix)]
mod watch;
