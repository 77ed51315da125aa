//! An index in this process, and how it follows the database.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use niteru_index::{BuildOptions, FileError, HnswIndex, VectorIndex};
use rusqlite::Transaction;

use super::changes::latest;
use super::file::IndexFile;
use super::verify::GoOn;
use crate::collection::read_vector;
use crate::error::Failure;
use crate::home::{kernels, lock};
use crate::{Collection, Notice, StoreError};

/// Rows that are read before they are handed to the index: bounds memory beside the index.
const BATCH_ROWS: usize = 1024;

/// A collection's index in this process, kept in step with the database by change numbers.
pub(crate) struct LocalIndex {
    index: HnswIndex,
    collection: String,
    file: IndexFile,
    /// Held while changes are read and applied, so that each is applied once and in order.
    catching_up: Mutex<()>,
    /// Why the file could not be used, until that is told.
    problem: Mutex<Option<String>>,
    told_slow: AtomicBool,
    building: AtomicBool,
}

impl LocalIndex {
    /// From the file where it is usable and not of a later state than the database, else empty.
    pub(super) fn open(file: IndexFile, collection: &str, dimensions: usize, latest: u64) -> Self {
        let opened = HnswIndex::open(&file.path, dimensions, kernels(), &file.stamp);
        let opened = opened.and_then(|index| match index.version() <= latest {
            true => Ok(index),
            false => Err(FileError::Other("of a later state than the database")),
        });
        let (index, problem) = match opened {
            Ok(index) => (Some(index), None),
            Err(FileError::Missing) => (None, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            index: index.unwrap_or_else(|| HnswIndex::new(dimensions, kernels())),
            collection: collection.into(),
            file,
            catching_up: Mutex::default(),
            problem: Mutex::new(problem),
            told_slow: AtomicBool::default(),
            building: AtomicBool::default(),
        }
    }

    pub(crate) fn index(&self) -> &dyn VectorIndex {
        &self.index
    }

    pub(super) fn images(&self) -> usize {
        self.index.len()
    }

    pub(super) fn take_problem(&self) -> Option<String> {
        lock(&self.problem).take()
    }

    /// Whether searches scan a collection that should have a graph.
    pub(super) fn is_slow(&self, least: usize) -> bool {
        !self.index.has_graph() && self.index.len() >= least
    }

    /// True for the first who asks.
    pub(super) fn first_slow(&self) -> bool {
        !self.told_slow.swap(true, Ordering::Relaxed)
    }

    pub(super) fn wants_build(&self, least: usize) -> bool {
        self.index.wants_build(least)
    }

    /// Takes the turn to build in the background; false when another has it.
    pub(super) fn start_building(&self) -> bool {
        !self.building.swap(true, Ordering::AcqRel)
    }

    pub(super) fn end_building(&self) {
        self.building.store(false, Ordering::Release);
    }

    pub(super) fn build(&self, options: BuildOptions<'_>) -> Result<bool, StoreError> {
        Ok(self.index.build(options)?)
    }

    /// Saves the index and returns the file's length; `None` when another process has saved a newer
    /// one.
    pub(super) fn save(&self) -> Result<Option<u64>, StoreError> {
        let saved = self.file.save(&self.index);
        saved.map_err(|source| StoreError::IndexFile {
            path: self.file.path.clone(),
            source,
        })
    }

    pub(super) fn not_saved(&self, error: &StoreError) -> Notice {
        Notice::IndexNotSaved {
            collection: self.collection.clone(),
            reason: error.to_string(),
        }
    }

    /// The images of the index that the database knows otherwise, after it has caught up: other
    /// vectors, or images that only one of the two has.
    pub(super) fn differing(
        &self,
        tx: &Transaction<'_>,
        collection: i64,
        go_on: GoOn<'_>,
    ) -> Result<u64, Failure> {
        let mut statement = tx.prepare_cached(
            "SELECT i.id, e.vector FROM images i JOIN embeddings e ON e.image = i.id
             WHERE i.collection = ? AND i.missing = 0",
        )?;
        let mut rows = statement.query([collection])?;
        let (mut images, mut alike) = (0_u64, 0_u64);
        let mut vector = Vec::new();
        while let Some(row) = rows.next()? {
            go_on()?;
            vector.clear();
            let blob = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            read_vector(blob, &mut vector);
            images += 1;
            let id = row.get::<_, i64>(0)?.cast_unsigned();
            alike += u64::from(self.index.holds(id, &vector));
        }
        Ok(images.max(self.index.len() as u64) - alike)
    }

    /// Applies what changed since the index's version.
    pub(crate) fn catch_up(
        &self,
        collection: &Collection<'_>,
        tx: &Transaction<'_>,
    ) -> Result<(), Failure> {
        let _turn = lock(&self.catching_up);
        let latest = latest(tx)?;
        let since = self.index.version();
        if since >= latest {
            return Ok(());
        }
        let changes = collection.since(tx, since);
        changes.remove_from(&self.index)?;
        changes.each(BATCH_ROWS, latest, &mut |batch, version| {
            Ok(self.index.apply(&batch.changes(version))?)
        })
    }
}
