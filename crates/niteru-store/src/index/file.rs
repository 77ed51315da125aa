//! Where an index lies, and who may write it.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use niteru_index::{FileSummary, HnswIndex, Stamp};
use rusqlite::{OptionalExtension, Transaction};
use sha2::{Digest, Sha256};

use crate::{Collection, StoreError};

/// A collection's index file.
#[derive(Debug, Clone)]
pub(super) struct IndexFile {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

impl Collection<'_> {
    /// When it was made, in milliseconds since 1970; 0 where it is gone.
    pub(crate) fn created(&self, tx: &Transaction<'_>) -> rusqlite::Result<i64> {
        let sql = "SELECT created FROM collections WHERE id = ?";
        let created = tx.query_row(sql, [self.id], |row| row.get(0));
        Ok(created.optional()?.unwrap_or(0))
    }

    pub(super) fn index_file(&self) -> Result<IndexFile, StoreError> {
        let created = self.home.read(|tx| Ok(self.created(tx)?))?;
        // What it is of: another home's collection has another time of making.
        let mut stamp = Sha256::new();
        stamp.update(self.id.to_le_bytes());
        stamp.update(created.to_le_bytes());
        stamp.update(&self.identity().fingerprint);
        let path = self.home.directory().join("index");
        Ok(IndexFile {
            path: path.join(format!("{}.index", self.id)),
            stamp: stamp.finalize().into(),
        })
    }
}

impl IndexFile {
    /// Saves an index, unless another process has saved a newer one. The lock ends with the process
    /// that holds it, however it ends.
    pub(super) fn save(&self, index: &HnswIndex) -> io::Result<Option<u64>> {
        if let Some(folder) = self.path.parent() {
            crate::home::create_private(folder)?;
        }
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock()?;
        if FileSummary::read(&self.path).is_ok_and(|there| there.version > index.built_version()) {
            return Ok(None);
        }
        index.save(&self.path, &self.stamp)
    }

    /// Removes the file and what belongs to it, as far as that works.
    pub(super) fn remove(&self) {
        for extension in ["index", "index.new", "lock"] {
            let _ = fs::remove_file(self.path.with_extension(extension));
        }
    }
}
