use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{AddReport, DuplicateKind, paths};

/// What happened while watching. JSON: one object with the variant's name in lower case as `event`.
///
/// A change is told when it is on the disk: nothing that was told is lost.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[non_exhaustive]
pub enum WatchEvent {
    /// A new image.
    Added {
        /// Its file.
        #[serde(serialize_with = "paths::serialize")]
        path: PathBuf,
        /// Its number in the collection.
        id: u64,
    },
    /// An image's contents have changed.
    Updated {
        /// Its file.
        #[serde(serialize_with = "paths::serialize")]
        path: PathBuf,
        /// Its number in the collection.
        id: u64,
    },
    /// An image's file is elsewhere now; the image keeps its number and metadata.
    Moved {
        /// Its file.
        #[serde(serialize_with = "paths::serialize")]
        path: PathBuf,
        /// Where it was before.
        #[serde(serialize_with = "paths::serialize")]
        from: PathBuf,
        /// Its number in the collection.
        id: u64,
    },
    /// An image's file is gone; searches leave it out until it is back.
    Missing {
        /// Where it was.
        #[serde(serialize_with = "paths::serialize")]
        path: PathBuf,
        /// Its number in the collection.
        id: u64,
    },
    /// The file of a missing image is back, unchanged.
    Returned {
        /// Its file.
        #[serde(serialize_with = "paths::serialize")]
        path: PathBuf,
        /// Its number in the collection.
        id: u64,
    },
    /// A file or folder that cannot be used; told once, until it changes.
    Skipped {
        /// The file or folder.
        #[serde(serialize_with = "paths::serialize")]
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A new file that was not added because the collection has it already; told once, until it changes.
    Duplicate {
        /// The file.
        #[serde(serialize_with = "paths::serialize")]
        path: PathBuf,
        /// How it is the same.
        kind: DuplicateKind,
        /// Number of the image that the collection has.
        image: u64,
        /// Path of that image.
        #[serde(serialize_with = "paths::serialize")]
        image_path: PathBuf,
    },
    /// The end of a batch: what was told since the last one.
    Synced(WatchCounts),
    /// The folders were gone through, and changes are now followed.
    Watching(Box<AddReport>),
    /// Folders are looked through at intervals from now on, since the system tells of no changes.
    Polling {
        /// Why.
        reason: String,
        /// Time between two looks.
        seconds: f64,
    },
    /// A batch could not be stored and is tried again.
    Retrying {
        /// Why.
        reason: String,
    },
}

/// Numbers of what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct WatchCounts {
    /// Images that are new.
    pub added: u64,
    /// Images whose contents had changed.
    pub updated: u64,
    /// Images whose files were moved.
    pub moved: u64,
    /// Images whose files have gone.
    pub missing: u64,
    /// Images whose files are back.
    pub returned: u64,
    /// Files and folders that could not be used.
    pub skipped: u64,
    /// Files that the collection has already.
    pub duplicates: u64,
    /// Seconds of work.
    pub seconds: f64,
}

impl WatchCounts {
    /// Whether there was nothing to tell.
    pub fn is_empty(&self) -> bool {
        let told = self.skipped + self.duplicates;
        self.changes() + told == 0
    }

    /// Changes of the collection.
    pub fn changes(&self) -> u64 {
        self.added + self.updated + self.moved + self.missing + self.returned
    }

    pub(super) fn count(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Added { .. } => self.added += 1,
            WatchEvent::Updated { .. } => self.updated += 1,
            WatchEvent::Moved { .. } => self.moved += 1,
            WatchEvent::Missing { .. } => self.missing += 1,
            WatchEvent::Returned { .. } => self.returned += 1,
            WatchEvent::Skipped { .. } => self.skipped += 1,
            WatchEvent::Duplicate { .. } => self.duplicates += 1,
            WatchEvent::Synced(_)
            | WatchEvent::Watching(_)
            | WatchEvent::Polling { .. }
            | WatchEvent::Retrying { .. } => {}
        }
    }

    /// These counts, and zeros in their place; the time of work so far is given.
    pub(super) fn take(&mut self, worked: Duration) -> WatchCounts {
        let seconds = worked.as_secs_f64();
        WatchCounts {
            seconds,
            ..std::mem::take(self)
        }
    }

    /// Counts these, too.
    pub fn add(&mut self, other: &WatchCounts) {
        self.added += other.added;
        self.updated += other.updated;
        self.moved += other.moved;
        self.missing += other.missing;
        self.returned += other.returned;
        self.skipped += other.skipped;
        self.duplicates += other.duplicates;
        self.seconds += other.seconds;
    }
}
