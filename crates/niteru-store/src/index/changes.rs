//! What has changed in a collection, for an index that follows it.

use niteru_index::{Changes, VectorIndex, f16};
use rusqlite::{Transaction, params};

use crate::Collection;
use crate::collection::{read_vector, sql_id};
use crate::error::Failure;

/// The number of the last change in the home.
pub(super) fn latest(tx: &Transaction<'_>) -> rusqlite::Result<u64> {
    tx.prepare_cached("SELECT change FROM home")?
        .query_row([], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}

/// Images that searches cover: those of a collection that are not missing.
pub(super) fn searched_images(tx: &Transaction<'_>, collection: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM images WHERE collection = ? AND missing = 0";
    let images: i64 = tx.query_row(sql, [collection], |row| row.get(0))?;
    Ok(images.cast_unsigned())
}

/// The changes of a collection after a number.
pub(super) struct Since<'t> {
    tx: &'t Transaction<'t>,
    collection: i64,
    since: u64,
}

impl Collection<'_> {
    /// What has changed in it after this number.
    pub(super) fn since<'t>(&self, tx: &'t Transaction<'t>, since: u64) -> Since<'t> {
        Since {
            tx,
            collection: self.id,
            since,
        }
    }
}

/// Some of the changes, in order.
#[derive(Default)]
pub(super) struct Batch {
    removed: Vec<u64>,
    pub(super) ids: Vec<u64>,
    vectors: Vec<f16>,
}

impl Batch {
    /// What an index takes, which is at this change afterwards.
    pub(super) fn changes(&self, version: u64) -> Changes<'_> {
        Changes {
            version,
            removed: &self.removed,
            ids: &self.ids,
            vectors: &self.vectors,
        }
    }

    /// Number of images.
    pub(super) fn len(&self) -> usize {
        self.ids.len() + self.removed.len()
    }
}

impl Since<'_> {
    /// Images that were added, changed or removed.
    pub(super) fn count(&self) -> rusqlite::Result<u64> {
        let removed =
            self.number("SELECT count(*) FROM removed_images WHERE collection = ? AND change > ?")?;
        Ok(self.images()? + removed)
    }

    /// Images that [`Since::each`] hands over.
    pub(super) fn images(&self) -> rusqlite::Result<u64> {
        self.number("SELECT count(*) FROM images WHERE collection = ? AND change > ?")
    }

    fn number(&self, sql: &str) -> rusqlite::Result<u64> {
        let mut statement = self.tx.prepare_cached(sql)?;
        let parameters = params![self.collection, sql_id(self.since)];
        statement
            .query_row(parameters, |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    }

    /// Takes the images that are gone out of an index.
    ///
    /// To be done first, and under the version that the index has: if reading stops half-way, they are
    /// read again, and ids never come back.
    pub(super) fn remove_from(&self, index: &dyn VectorIndex) -> Result<(), Failure> {
        let sql = "SELECT image FROM removed_images WHERE collection = ? AND change > ?";
        let removed: Vec<u64> = self
            .tx
            .prepare_cached(sql)?
            .query_map(params![self.collection, sql_id(self.since)], |row| {
                row.get::<_, i64>(0)
            })?
            .map(|id| id.map(i64::cast_unsigned))
            .collect::<Result<_, _>>()?;
        if removed.is_empty() {
            return Ok(());
        }
        index.apply(&Changes {
            version: self.since,
            removed: &removed,
            ..Changes::default()
        })?;
        Ok(())
    }

    /// Hands over the images that were added or changed, so many at a time, with the change that the
    /// index is at afterwards: `latest` after the last of them, which may be none.
    pub(super) fn each(
        &self,
        size: usize,
        latest: u64,
        take: &mut dyn FnMut(Batch, u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut statement = self.tx.prepare_cached(
            "SELECT i.id, i.missing, i.change, e.vector
             FROM images i JOIN embeddings e ON e.image = i.id
             WHERE i.collection = ? AND i.change > ? ORDER BY i.change",
        )?;
        let mut rows = statement.query(params![self.collection, sql_id(self.since)])?;
        let mut batch = Batch::default();
        while let Some(row) = rows.next()? {
            let id = row.get::<_, i64>(0)?.cast_unsigned();
            if row.get(1)? {
                batch.removed.push(id);
            } else {
                batch.ids.push(id);
                let blob = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
                read_vector(blob, &mut batch.vectors);
            }
            if batch.len() == size {
                let change = row.get::<_, i64>(2)?.cast_unsigned();
                take(std::mem::take(&mut batch), change)?;
            }
        }
        take(batch, latest)
    }
}
