//! Leaving out files that a collection has already.

use std::path::PathBuf;

use niteru_imaging::Likeness;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::duplicates::{DuplicateKind, THRESHOLD};
use crate::home::kernels;
use crate::near::{Judge, NearIndex, Node, Rule, from_blob};
use crate::paths;
use crate::sink::Image;

/// A new file that was not added, since the collection has it already.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SkippedDuplicate {
    /// The file; in JSON, what is not UTF-8 in it appears as U+FFFD.
    #[serde(serialize_with = "paths::serialize")]
    pub path: PathBuf,
    /// How it is the same.
    pub kind: DuplicateKind,
    /// Id of the image that the collection has.
    pub image: u64,
    /// Path of that image.
    #[serde(serialize_with = "paths::serialize")]
    pub image_path: PathBuf,
    /// Cosine of the two; 1 for equal contents.
    pub similarity: f32,
}

/// What new images are compared with: a collection's likenesses, kept in step with the database.
pub(crate) struct DuplicateFilter {
    index: NearIndex,
    /// Change up to which the index has all images.
    change: i64,
}

impl DuplicateFilter {
    pub(crate) fn new() -> Self {
        Self {
            index: NearIndex::new(),
            change: 0,
        }
    }

    /// Takes up what this and other processes have stored since. An image that has changed stays
    /// known under its older look, too, until [`DuplicateFilter::find`] sees that it is old.
    pub(crate) fn catch_up(
        &mut self,
        tx: &Transaction<'_>,
        collection: i64,
    ) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "SELECT i.id, i.change, l.likeness FROM images i JOIN likenesses l ON l.image = i.id
             WHERE i.collection = ? AND i.change > ? ORDER BY i.change",
        )?;
        let mut rows = statement.query(params![collection, self.change])?;
        while let Some(row) = rows.next()? {
            self.change = row.get(1)?;
            if let Some(likeness) = Likeness::from_bytes(row.get_ref(2)?.as_blob()?) {
                let id = row.get(0)?;
                self.index.insert(Node { id, likeness });
            }
        }
        Ok(())
    }

    /// Takes up an image of a transaction that is under way. It comes again with the next
    /// [`DuplicateFilter::catch_up`]; knowing it twice does no harm.
    pub(crate) fn insert(&mut self, id: i64, likeness: &Likeness) {
        self.index.insert(Node {
            id,
            likeness: likeness.clone(),
        });
    }

    /// The image that a new one is a duplicate of, if there is any whose file is there.
    pub(crate) fn find(
        &self,
        tx: &Transaction<'_>,
        collection: i64,
        image: &Image,
    ) -> rusqlite::Result<Option<SkippedDuplicate>> {
        let duplicate = |kind, (id, path): (i64, Vec<u8>), similarity| SkippedDuplicate {
            path: image.file.place.path.clone(),
            kind,
            image: id.cast_unsigned(),
            image_path: paths::from_bytes(path),
            similarity,
        };
        let bytes = i64::try_from(image.file.bytes).unwrap_or(i64::MAX);
        let exact = tx
            .prepare_cached(
                "SELECT id, path FROM images
                 WHERE bytes = ? AND sha256 = ? AND collection = ? AND missing = 0 ORDER BY id",
            )?
            .query_row(params![bytes, image.sha256, collection], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        if let Some(exact) = exact {
            return Ok(Some(duplicate(DuplicateKind::Exact, exact, 1.0)));
        }
        let Some(likeness) = &image.likeness else {
            return Ok(None);
        };
        let judge = Judge {
            connection: tx,
            kernels: kernels(),
            rule: Rule {
                threshold: THRESHOLD,
            },
        };
        let vector = from_blob(&image.vector);
        for place in self.index.candidates(likeness) {
            let node = &self.index.nodes()[place];
            let Some(similarity) = judge.similarity(likeness, &vector, node)? else {
                continue;
            };
            let there = tx
                .prepare_cached(
                    "SELECT i.path FROM images i JOIN likenesses l ON l.image = i.id
                     WHERE i.id = ? AND i.collection = ? AND i.missing = 0 AND l.likeness = ?",
                )?
                .query_row(
                    params![node.id, collection, node.likeness.to_bytes()],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(path) = there {
                let found = duplicate(DuplicateKind::Near, (node.id, path), similarity);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
