//! Images that a collection knows, by the files they were made from.
//!
//! A file is one image, however it is reached: by its path, or through symbolic links. An image is
//! shown under the path that it was first added by, for as long as that leads to the file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Candidate, paths};

/// The image with path ?2 or, failing that, path or target ?3, in collection ?1. Alternatives joined
/// by OR would not be looked up in the indexes.
const FIND: &str = "
    SELECT i.id, i.path, i.target, i.sha256, i.bytes, i.modified, i.missing FROM (
        SELECT 1 AS way, id FROM images WHERE collection = ?1 AND path = ?2
        UNION ALL SELECT 2, id FROM images WHERE collection = ?1 AND path = ?3
        UNION ALL SELECT 3, id FROM images WHERE collection = ?1 AND target = ?3
    ) found JOIN images i ON i.id = found.id ORDER BY found.way, i.id LIMIT 1";

/// The id of the image with path or target ?2 in collection ?1.
const ID_AT: &str = "
    SELECT id FROM (
        SELECT 1 AS way, id FROM images WHERE collection = ?1 AND path = ?2
        UNION ALL SELECT 2, id FROM images WHERE collection = ?1 AND target = ?2
    ) ORDER BY way, id LIMIT 1";

/// An image of a collection, as far as adding needs it.
pub(crate) struct Known {
    pub(crate) id: i64,
    pub(crate) place: Place,
    pub(crate) sha256: [u8; 32],
    pub(crate) bytes: i64,
    pub(crate) modified: Option<i64>,
    pub(crate) missing: bool,
}

/// How a file is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Absolute, symbolic links kept: what a user understands.
    pub(crate) path: PathBuf,
    /// Where the path leads, if that is another path.
    pub(crate) target: Option<PathBuf>,
}

impl Place {
    /// The one path that all ways to the file lead to.
    fn real(&self) -> &Path {
        self.target.as_deref().unwrap_or(&self.path)
    }

    fn leads_to(&self, real: &Path) -> bool {
        self.path.canonicalize().is_ok_and(|found| found == real)
    }
}

impl Known {
    /// The image of a file, if the collection has it.
    pub(crate) fn find(
        connection: &Connection,
        collection: i64,
        file: &Candidate,
    ) -> rusqlite::Result<Option<Known>> {
        let path = paths::to_bytes(&file.place.path).unwrap_or_default();
        let real = paths::to_bytes(file.place.real()).unwrap_or(path);
        connection
            .prepare_cached(FIND)?
            .query_row(params![collection, path, real], |row| {
                Ok(Known {
                    id: row.get(0)?,
                    place: Place {
                        path: paths::from_bytes(row.get(1)?),
                        target: row.get::<_, Option<_>>(2)?.map(paths::from_bytes),
                    },
                    sha256: row.get(3)?,
                    bytes: row.get(4)?,
                    modified: row.get(5)?,
                    missing: row.get(6)?,
                })
            })
            .optional()
    }

    /// The place to show for the image, now that its file was reached as `file`.
    pub(crate) fn place_for<'a>(&'a self, file: &'a Candidate) -> &'a Place {
        let other_way = self.place.path != file.place.path;
        if other_way && self.place.leads_to(file.place.real()) {
            &self.place
        } else {
            &file.place
        }
    }
}

/// The id of the image that a path leads to: its own path, or the target of a link.
pub(crate) fn id_at(
    connection: &Connection,
    collection: i64,
    path: &Path,
) -> rusqlite::Result<Option<i64>> {
    let Some(path) = paths::to_bytes(path) else {
        return Ok(None);
    };
    connection
        .prepare_cached(ID_AT)?
        .query_row(params![collection, path], |row| row.get(0))
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;

    #[test]
    fn files_are_found_by_indexes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = Home::open(folder.path()).expect("a home");
        let reader = home.reader().expect("a connection");
        for sql in [FIND, ID_AT] {
            let mut statement = reader
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .expect("a plan");
            let unknown = vec![rusqlite::types::Null; statement.parameter_count()];
            let plan: Vec<String> = statement
                .query_map(rusqlite::params_from_iter(unknown), |row| row.get(3))
                .and_then(Iterator::collect)
                .expect("a plan");
            let slow = |step: &&String| {
                let by = ["path=?", "target=?", "rowid=?"];
                let search = step.starts_with("SEARCH") && by.iter().any(|by| step.contains(by));
                let table = step.starts_with("SEARCH") || step.starts_with("SCAN images");
                table && !search
            };
            assert_eq!(plan.iter().find(slow), None, "{plan:#?}");
        }
    }
}
