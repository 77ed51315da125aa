//! What people say about inspections. It stands beside what the inspector decided, and never replaces it.

use std::collections::{HashMap, HashSet};
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
use crate::uploads::from_hex;
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

/// What became of the photos that people have judged, in a training that learns from them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AppliedReviews {
    /// Photos among the good ones that people called good.
    pub good: usize,
    /// Photos among the bad ones that people called bad.
    pub bad: usize,
    /// Photos that people have judged and that are nowhere any more: each where it was last reviewed. The file is gone,
    /// or another one now.
    #[serde(serialize_with = "paths::serialize_all")]
    #[schema(value_type = Vec<String>)]
    pub missing: Vec<PathBuf>,
}

/// The sha256 of the files at some paths, each read once.
fn hashes<'p>(paths: &[&'p Path]) -> HashMap<&'p Path, Option<String>> {
    let paths: HashSet<&Path> = paths.iter().copied().collect();
    let hashed = |path: &'p Path| (path, contents(path));
    paths.into_par_iter().map(hashed).collect()
}

/// Whether a file has the contents of an image, by the hashes of files.
fn is(image: &ReviewedImage, path: &Path, now: &HashMap<&Path, Option<String>>) -> bool {
    now.get(path).and_then(|sha256| sha256.as_deref()) == Some(&*image.sha256)
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
    /// since are left as they are; what was judged then is looked for wherever it was inspected, and among the
    /// uploads. All paths are absolute; what joins a list comes last.
    ///
    /// # Errors
    /// Those of the database. That there is no such inspector yet is none.
    pub fn apply_reviews(
        &self,
        inspector: &str,
        good: &mut Vec<PathBuf>,
        bad: &mut Vec<PathBuf>,
    ) -> Result<AppliedReviews, StoreError> {
        let mut applied = AppliedReviews::default();
        let reviewed = match self.reviewed_images(inspector) {
            Ok(reviewed) => reviewed,
            Err(StoreError::NoInspector { .. }) => return Ok(applied),
            Err(error) => return Err(error),
        };
        if reviewed.is_empty() {
            return Ok(applied);
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
            let (here, others): (Vec<&ReviewedImage>, Vec<&ReviewedImage>) = called
                .into_iter()
                .partition(|image| have.contains(&*image.sha256));
            let mut more = Vec::new();
            for (image, found) in self.files_of(&others)? {
                match found {
                    Some(path) => more.push(path),
                    None => applied.missing.push(image.path.clone()),
                }
            }
            let count = here.len() + more.len();
            match verdict {
                ReviewVerdict::Ok => applied.good = count,
                ReviewVerdict::Ng => applied.bad = count,
            }
            more.sort();
            // Photos that follow each other may be of one part: the order stays.
            files.extend(kept.into_iter().map(|(_, path)| path).chain(more));
        }
        applied.missing.sort();
        Ok(applied)
    }

    /// For each image a file that still has its contents: where it was last reviewed, else wherever it was inspected,
    /// else the upload. A camera may have written another photo under the name.
    fn files_of<'i>(
        &self,
        images: &[&'i ReviewedImage],
    ) -> Result<Vec<(&'i ReviewedImage, Option<PathBuf>)>, StoreError> {
        let first: Vec<&Path> = images.iter().map(|image| &*image.path).collect();
        let now = hashes(&first);
        let lost = images.iter().filter(|image| !is(image, &image.path, &now));
        let elsewhere: HashMap<&str, Vec<PathBuf>> = lost
            .map(|image| Ok((&*image.sha256, self.known_files(&image.sha256)?)))
            .collect::<Result<_, StoreError>>()?;
        let all: Vec<&Path> = elsewhere.values().flatten().map(|path| &**path).collect();
        let there = hashes(&all);
        let found = images.iter().map(|image| {
            let other = || {
                let mut paths = elsewhere.get(&*image.sha256)?.iter();
                paths.find(|path| is(image, path, &there)).cloned()
            };
            let path = match is(image, &image.path, &now) {
                true => Some(image.path.clone()),
                false => other(),
            };
            (*image, path)
        });
        Ok(found.collect())
    }

    /// Where contents were inspected, the last first, and the upload of them, if there is one.
    fn known_files(&self, sha256: &str) -> Result<Vec<PathBuf>, StoreError> {
        let hash = from_hex(sha256);
        let mut paths: Vec<PathBuf> = self.read(|tx| {
            let sql =
                "SELECT path FROM inspections WHERE sha256 = ? GROUP BY path ORDER BY max(id) DESC";
            let mut statement = tx.prepare_cached(sql)?;
            let rows = statement.query_map([hash], |row| Ok(paths::from_bytes(row.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        paths.extend(self.upload(sha256)?);
        Ok(paths)
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
