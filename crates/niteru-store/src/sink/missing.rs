//! Marking known images whose files are gone.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::params;

use super::Sink;
use crate::collection::next_change;
use crate::{StoreError, WatchEvent, paths};

/// Known images that are looked for on the disk at a time.
const PAGE: usize = 1024;

impl Sink<'_> {
    /// Marks the known images at and below the roots whose files are gone.
    pub(crate) fn mark_missing(&mut self, roots: &[PathBuf]) -> Result<(), StoreError> {
        let Some(collection) = self.collection else {
            return Ok(());
        };
        let started = Instant::now();
        for root in roots.iter().filter(|root| root.is_absolute()) {
            let mut any = false;
            // Known images may have been reached by another way to the same place.
            let target = root.canonicalize().ok().filter(|target| target != root);
            for folder in std::iter::once(root).chain(&target) {
                any |= self.mark_missing_below(collection, folder, "path")?;
                any |= self.mark_missing_below(collection, folder, "target")?;
            }
            // A path that is gone is no error when the images that it held are now known as gone.
            if any && is_gone(root) {
                self.report.skipped.retain(|skipped| skipped.path != *root);
            }
        }
        self.report.stages.find += started.elapsed().as_secs_f64();
        Ok(())
    }

    /// Looks at the known images whose `column` is the folder or lies below it. Returns whether
    /// there are any.
    fn mark_missing_below(
        &mut self,
        collection: i64,
        folder: &Path,
        column: &str,
    ) -> Result<bool, StoreError> {
        let Some(stored) = paths::to_bytes(folder) else {
            return Ok(false);
        };
        let sql = format!(
            "SELECT id, path, missing, {column} FROM images
             WHERE collection = ?1 AND {column} >= ?2 AND ({column} < ?3 OR (?4 AND {column} = ?3))
             ORDER BY {column}, id LIMIT ?5"
        );
        let mut any = self
            .mark_page_missing(&sql, collection, stored, stored, true)?
            .any;
        let (mut from, to) = paths::below(stored);
        loop {
            let page = self.mark_page_missing(&sql, collection, &from, &to, false)?;
            any |= page.any;
            let Some(last) = page.last else {
                return Ok(any);
            };
            // The smallest byte string after the last one.
            from = last;
            from.push(0);
        }
    }

    /// Looks at the known images from one stored path up to another.
    fn mark_page_missing(
        &mut self,
        sql: &str,
        collection: i64,
        from: &[u8],
        to: &[u8],
        inclusive: bool,
    ) -> Result<Page, StoreError> {
        type Row = (i64, Vec<u8>, bool, Vec<u8>);
        let known: Vec<Row> = self.home.read(|tx| {
            let mut statement = tx.prepare_cached(sql)?;
            let parameters = params![collection, from, to, inclusive, PAGE as i64];
            let rows = statement.query_map(parameters, |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let last = (known.len() == PAGE).then(|| known.last().map(|row| row.3.clone()));
        let page = Page {
            any: !known.is_empty(),
            last: last.flatten(),
        };
        let mut gone: Vec<(i64, PathBuf)> = Vec::new();
        for (id, path, missing, _) in known {
            let path = paths::from_bytes(path);
            if !missing && is_gone(&path) {
                gone.push((id, path));
            }
        }
        if !gone.is_empty() {
            self.home.write(|tx| {
                for (id, _) in &gone {
                    let change = next_change(tx)?;
                    tx.prepare_cached("UPDATE images SET missing = 1, change = ? WHERE id = ?")?
                        .execute(params![change, id])?;
                }
                Ok(())
            })?;
            for (id, path) in gone {
                self.tell(|| WatchEvent::Missing {
                    path: path.clone(),
                    id: id.cast_unsigned(),
                });
                self.report.missing.push(path);
            }
        }
        Ok(page)
    }
}

struct Page {
    any: bool,
    /// The last path, if there may be more.
    last: Option<Vec<u8>>,
}

/// Whether nothing is there; a file that may not be looked at is not gone.
pub(crate) fn is_gone(path: &Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let error = std::fs::metadata(path).map_err(|error| error.kind());
    matches!(error, Err(NotFound | NotADirectory))
}
