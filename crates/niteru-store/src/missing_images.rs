//! The images of a collection whose files have vanished.

use rusqlite::params;

use crate::collection::sql_id;
use crate::{Collection, Image, Selection, StoreError};

impl Collection<'_> {
    /// As [`Collection::images`], only those whose file has vanished; of a selection, where one is given.
    ///
    /// # Errors
    /// Those of the database.
    pub fn missing_images(
        &self,
        selection: Option<&Selection>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Image>, StoreError> {
        self.home.read(|tx| {
            let sql = "SELECT id FROM images WHERE collection = ? AND id > ? AND missing = 1
                       ORDER BY id";
            let mut statement = tx.prepare_cached(sql)?;
            let mut ids = statement.query(params![self.id, after.map_or(0, sql_id)])?;
            let mut images = Vec::new();
            while images.len() < limit
                && let Some(row) = ids.next()?
            {
                let id: i64 = row.get(0)?;
                if selection.is_none_or(|selection| selection.allows(id.cast_unsigned())) {
                    images.extend(self.read_image(tx, id)?);
                }
            }
            Ok(images)
        })
    }
}
