//! What can go wrong with models and their files.

use std::path::PathBuf;

use crate::fetch::FetchError;

/// Why a model cannot be listed, opened, fetched, imported, verified or removed. Whatever
/// happens, a model is either installed in full or not at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The name cannot be a model's.
    #[error(
        "{name:?} cannot be a model's name: use 1 to 64 of a-z, 0-9, '.', '_' and '-', and start with a letter or digit"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// The name is neither in the catalogue nor imported.
    #[error("there is no model {name:?}; known are {}; import another one with: niteru models import {name} FOLDER", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// Names that are known.
        known: Vec<String>,
    },
    /// The model is in the catalogue, but not on this machine.
    #[error("model {name} is not installed; fetch it with: niteru models pull {name}")]
    NotInstalled {
        /// The model.
        name: String,
    },
    /// There is a model of this name already.
    #[error(
        "model {name} is installed already; to replace it, first run: niteru models remove {name}"
    )]
    AlreadyInstalled {
        /// The model.
        name: String,
    },
    /// An installed model's files are not what its manifest says.
    #[error("model {name} is damaged: {}: {reason}; install it again with: niteru models {repair}", file.display())]
    Damaged {
        /// The model.
        name: String,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The command line, after `niteru models`, that repairs it.
        repair: String,
    },
    /// What arrived is not what was there at the first pull.
    #[error(
        "model {name}: {file} is not the one that was recorded at the first pull (sha256 {recorded}, now {got}); if that is meant to be, first run: niteru models remove {name}"
    )]
    Changed {
        /// The model.
        name: String,
        /// The file.
        file: String,
        /// Its sha256 then.
        recorded: String,
        /// Its sha256 now.
        got: String,
    },
    /// Files to install are not a model that Niteru can use.
    #[error(
        "cannot use {from} as model {name}: {reason}; nothing was installed; bring complete and undamaged files, and run: niteru models import {name} FOLDER-or-FILE"
    )]
    Unusable {
        /// The model.
        name: String,
        /// Where the files come from.
        from: String,
        /// What is wrong with them.
        reason: String,
    },
    /// Files could not be fetched, read or written.
    #[error("model {name}: {source}{way_out}")]
    Files {
        /// The model.
        name: String,
        /// What went wrong.
        source: Box<FetchError>,
        /// What else can be done; empty, or starting with a separator.
        way_out: String,
    },
}
