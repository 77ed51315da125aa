//! Recognising a file that has moved by its contents.

use std::path::PathBuf;

use rusqlite::{Transaction, params};

use super::{Image, is_gone};
use crate::follow::Follow;
use crate::paths;

/// Most images with equal contents that are looked at: each costs a look at the disk, while others
/// wait to write.
const MOST: i64 = 64;

/// A known image that an unknown file continues.
pub(super) struct Moved {
    pub(super) id: i64,
    /// Where its file was.
    pub(super) from: PathBuf,
}

/// The image whose file was moved to where `image` is: one with equal contents that the follower
/// watches and whose file is gone. Of several, one whose file has the same name.
pub(super) fn find(
    tx: &Transaction<'_>,
    collection: i64,
    image: &Image,
    follow: &dyn Follow,
) -> rusqlite::Result<Option<Moved>> {
    let bytes = i64::try_from(image.file.bytes).unwrap_or(i64::MAX);
    let mut statement = tx.prepare_cached(
        "SELECT id, path FROM images WHERE bytes = ? AND sha256 = ? AND collection = ?
         ORDER BY id LIMIT ?",
    )?;
    let rows = statement.query_map(params![bytes, image.sha256, collection, MOST], |row| {
        let from = paths::from_bytes(row.get(1)?);
        Ok(Moved {
            id: row.get(0)?,
            from,
        })
    })?;
    let mut found: Option<Moved> = None;
    for moved in rows {
        let moved = moved?;
        let same_name = moved.from.file_name() == image.file.place.path.file_name();
        if (found.is_none() || same_name) && follow.covers(&moved.from) && is_gone(&moved.from) {
            found = Some(moved);
            if same_name {
                break;
            }
        }
    }
    Ok(found)
}
