//! What people know an image by: its file's name, and of an uploaded one the name that it had where it came from.

use std::path::Path;

use rusqlite::{OptionalExtension, Transaction};

/// The name that an upload had where it came from; `None` for images that were not uploaded.
///
/// `sha256` is that of the image's contents: uploads are kept in files of that name.
pub(crate) fn uploaded_as(
    tx: &Transaction<'_>,
    path: &Path,
    sha256: &[u8],
) -> rusqlite::Result<Option<String>> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    if stem != Some(&*crate::collection::hex(sha256)) {
        return Ok(None);
    }
    let sql = "SELECT name FROM uploads WHERE sha256 = ?";
    tx.prepare_cached(sql)?
        .query_row([sha256], |row| row.get(0))
        .optional()
}
