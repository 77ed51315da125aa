//! What people say about inspections. It stands beside what the inspector decided, and never replaces it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use niteru_imaging::{Limits, Picture};
use rayon::prelude::*;
use rusqlite::{Row, Transaction, params};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::inspectors::version_ids;
use super::verdict::ReviewVerdict;
use crate::collection::{hex, sql_id};
use crate::{Home, StoreError, paths, time};

/// What a person said about an inspection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Review {
    /// Later reviews have larger ones.
    pub id: u64,
    /// What it should have been.
    pub verdict: ReviewVerdict,
    /// Why; may be empty.
    pub note: String,
    /// Who says so, if that was said.
    pub reviewer: Option<String>,
    /// When, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub time: i64,
}

/// An image that a person has judged, for the next training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewedImage {
    /// The image file, as it was last reviewed.
    #[serde(serialize_with = "paths::serialize")]
    pub path: PathBuf,
    /// Of the file's contents that were judged, in hexadecimal. The file may have changed since.
    pub sha256: String,
    /// What the newest review says.
    pub verdict: ReviewVerdict,
}

/// sha256 of a file's contents, in hexadecimal; `None` of one that cannot be read.
pub(super) fn contents(path: &Path) -> Option<String> {
    let bytes = Picture::read(path, &Limits::default()).ok()?;
    Some(hex(&Sha256::digest(&bytes)))
}

impl Home {
    /// Writes down what a person says about an inspection. The newest review counts.
    ///
    /// # Errors
    /// [`StoreError::NoInspection`], and those of the database.
    pub fn review(
        &self,
        inspection: u64,
        verdict: ReviewVerdict,
        note: &str,
        reviewer: Option<&str>,
    ) -> Result<Review, StoreError> {
        let reviewer = reviewer.filter(|name| !name.trim().is_empty());
        let time = time::now();
        self.write(|tx| {
            let id = sql_id(inspection);
            let sql = "SELECT EXISTS (SELECT 1 FROM inspections WHERE id = ?)";
            if !tx.query_row(sql, [id], |row| row.get::<_, bool>(0))? {
                return Err(StoreError::NoInspection { id: inspection }.into());
            }
            let sql = "INSERT INTO reviews (inspection, verdict, note, reviewer, time)
                       VALUES (?, ?, ?, ?, ?)";
            tx.execute(sql, params![id, verdict.name(), note, reviewer, time])?;
            Ok(Review {
                id: tx.last_insert_rowid().cast_unsigned(),
                verdict,
                note: note.into(),
                reviewer: reviewer.map(Into::into),
                time,
            })
        })
    }

    /// Sorts files by what people have said of their contents in inspections of an inspector: what was called
    /// good joins `good` and leaves `bad`, and the other way round, whatever its name. Files that have changed
    /// since are left as they are. All paths are absolute; what joins a list comes last.
    ///
    /// # Errors
    /// Those of the database. That there is no such inspector yet is none.
    pub fn apply_reviews(
        &self,
        inspector: &str,
        good: &mut Vec<PathBuf>,
        bad: &mut Vec<PathBuf>,
    ) -> Result<(), StoreError> {
        let reviewed = match self.reviewed_images(inspector) {
            Ok(reviewed) => reviewed,
            Err(StoreError::NoInspector { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if reviewed.is_empty() {
            return Ok(());
        }
        for (files, verdict) in [(good, ReviewVerdict::Ok), (bad, ReviewVerdict::Ng)] {
            let (called, otherwise): (Vec<&ReviewedImage>, Vec<&ReviewedImage>) =
                reviewed.iter().partition(|image| image.verdict == verdict);
            let otherwise: HashSet<&str> = otherwise.iter().map(|image| &*image.sha256).collect();
            let hashed = |path: PathBuf| (contents(&path), path);
            let mut kept: Vec<(Option<String>, PathBuf)> =
                std::mem::take(files).into_par_iter().map(hashed).collect();
            kept.retain(|(sha256, _)| {
                sha256
                    .as_deref()
                    .is_none_or(|sha256| !otherwise.contains(sha256))
            });
            let have: HashSet<&str> = kept
                .iter()
                .filter_map(|(sha256, _)| sha256.as_deref())
                .collect();
            // A camera may have written another photo under the name.
            let more = called.into_par_iter().filter(|image| {
                !have.contains(&*image.sha256)
                    && contents(&image.path).is_some_and(|sha256| sha256 == image.sha256)
            });
            let mut more: Vec<PathBuf> = more.map(|image| image.path.clone()).collect();
            more.sort();
            // Photos that follow each other may be of one part: the order stays.
            files.extend(kept.into_iter().map(|(_, path)| path).chain(more));
        }
        Ok(())
    }

    /// The images that people have judged in inspections of any version of an inspector, the last
    /// judged first. An image (the same contents) is there once, with the newest of all its reviews.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], and those of the database.
    pub fn reviewed_images(&self, inspector: &str) -> Result<Vec<ReviewedImage>, StoreError> {
        self.read(|tx| {
            version_ids(tx, inspector)?;
            let sql = "SELECT i.sha256, i.path, r.verdict FROM reviews r
                       JOIN inspections i ON i.id = r.inspection
                       JOIN inspectors v ON v.id = i.inspector
                       WHERE v.name = ? ORDER BY r.id DESC";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([inspector])?;
            let mut seen: HashSet<[u8; 32]> = HashSet::new();
            let mut images = Vec::new();
            while let Some(row) = rows.next()? {
                let sha256 = row.get(0)?;
                if seen.insert(sha256) {
                    images.push(ReviewedImage {
                        path: paths::from_bytes(row.get(1)?),
                        sha256: hex(&sha256),
                        verdict: row.get(2)?,
                    });
                }
            }
            Ok(images)
        })
    }
}

/// The reviews of an inspection, the oldest first.
pub(super) fn reviews(tx: &Transaction<'_>, inspection: i64) -> rusqlite::Result<Vec<Review>> {
    let sql = "SELECT id, verdict, note, reviewer, time FROM reviews
               WHERE inspection = ? ORDER BY id";
    let mut statement = tx.prepare_cached(sql)?;
    statement.query_map([inspection], review)?.collect()
}

fn review(row: &Row<'_>) -> rusqlite::Result<Review> {
    Ok(Review {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        verdict: row.get(1)?,
        note: row.get(2)?,
        reviewer: row.get(3)?,
        time: row.get(4)?,
    })
}
