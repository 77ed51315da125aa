//! The kinds of jobs there are.

use std::sync::Arc;

use serde_json::Value;

use super::handle::{Handle, JobError};
use super::{add, map, train};
use crate::app::App;

/// How much a kind of work takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// All cores: one at a time.
    Heavy,
    /// Little, for instance because it waits for a disk.
    Light,
}

/// A kind of job.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) weight: Weight,
    /// Whether it can be begun again after the server ended in the middle, and does nothing twice then.
    pub(super) resumes: bool,
    /// Does the work; what it gives is the job's result.
    pub(super) run: fn(&Arc<App>, &Handle<'_>, Value) -> Result<Value, JobError>,
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: add::KIND,
        weight: Weight::Heavy,
        resumes: true,
        run: add::run,
    },
    Kind {
        name: map::KIND,
        weight: Weight::Heavy,
        resumes: true,
        run: map::run,
    },
    Kind {
        name: train::KIND,
        weight: Weight::Heavy,
        resumes: false,
        run: train::run,
    },
];

/// The names of the kinds that fit.
pub(super) fn names(fits: impl Fn(&Kind) -> bool) -> Vec<&'static str> {
    KINDS
        .iter()
        .filter(|kind| fits(kind))
        .map(|kind| kind.name)
        .collect()
}
