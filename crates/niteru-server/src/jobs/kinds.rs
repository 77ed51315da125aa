//! The kinds of jobs there are.

use std::sync::Arc;

use serde_json::Value;

use super::handle::{Handle, JobError};
use super::{add, evaluate, folder, index, keeping, map, models, samples, train, watch};
use crate::app::App;

/// How much a kind of work takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// All cores: one at a time.
    Heavy,
    /// Little, for instance because it waits for a disk.
    Light,
    /// Next to nothing for most of the time, but it goes on until it is stopped: each has a thread of its own.
    Lasting,
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
        name: samples::KIND,
        weight: Weight::Heavy,
        resumes: true,
        run: samples::run,
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
    Kind {
        name: keeping::BACKUP,
        weight: Weight::Light,
        resumes: false,
        run: keeping::backup,
    },
    Kind {
        name: keeping::CHECK,
        weight: Weight::Heavy,
        resumes: true,
        run: keeping::check,
    },
    Kind {
        name: models::PULL,
        weight: Weight::Light,
        resumes: true,
        run: models::pull,
    },
    Kind {
        name: models::IMPORT,
        weight: Weight::Light,
        resumes: false,
        run: models::import,
    },
    Kind {
        name: models::CHECK,
        weight: Weight::Heavy,
        resumes: false,
        run: models::check,
    },
    Kind {
        name: models::VERIFY,
        weight: Weight::Light,
        resumes: true,
        run: models::verify,
    },
    Kind {
        name: evaluate::INSPECTOR,
        weight: Weight::Heavy,
        resumes: true,
        run: evaluate::inspector,
    },
    Kind {
        name: evaluate::COLLECTION,
        weight: Weight::Heavy,
        resumes: true,
        run: evaluate::collection,
    },
    Kind {
        name: index::BUILD,
        weight: Weight::Heavy,
        resumes: true,
        run: index::build,
    },
    Kind {
        name: index::VERIFY,
        weight: Weight::Heavy,
        resumes: true,
        run: index::verify,
    },
    Kind {
        name: index::MOVE,
        weight: Weight::Light,
        resumes: true,
        run: index::move_to,
    },
    Kind {
        name: folder::ADD,
        weight: Weight::Heavy,
        resumes: true,
        run: folder::add,
    },
    Kind {
        name: folder::FOLLOW,
        weight: Weight::Lasting,
        resumes: true,
        run: folder::follow,
    },
    Kind {
        name: watch::KIND,
        weight: Weight::Lasting,
        resumes: true,
        run: watch::run,
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
