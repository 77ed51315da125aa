//! Reading what was decided.

use std::path::PathBuf;

use niteru_inspect::Verdict;
use rusqlite::{OptionalExtension, Row, Transaction, named_params};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::inspectors::{find_version, json, version_ids};
use super::record::read_defect;
use super::review::{Review, reviews};
use super::verdict::StoredVerdict;
use crate::collection::{hex, sql_id};
use crate::error::Failure;
use crate::{Home, Metadata, StoreError, paths, time};

/// Which inspections are asked for: those that fit all that is given. Default: the newest 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Name of the inspector.
    pub inspector: Option<String>,
    /// Its version; without a name, of any inspector.
    pub version: Option<u32>,
    /// The verdict that counts: a person's, where there is one.
    pub verdict: Option<Verdict>,
    /// Not before this, milliseconds since 1970 (UTC).
    pub since: Option<i64>,
    /// Before this, milliseconds since 1970 (UTC).
    pub until: Option<i64>,
    /// The image file, or a folder that it is below.
    pub path: Option<PathBuf>,
    /// Whether a person has said something about it.
    pub reviewed: Option<bool>,
    /// Only what comes after this inspection in the list: the next page after the last one of a page.
    pub after: Option<u64>,
    /// Most inspections.
    pub limit: usize,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self {
            inspector: None,
            version: None,
            verdict: None,
            since: None,
            until: None,
            path: None,
            reviewed: None,
            after: None,
            limit: 100,
        }
    }
}

/// A decision, with what is needed to repeat it and what people said about it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Inspection)]
pub struct Inspection {
    /// Never changes, and is never given to another inspection.
    pub id: u64,
    /// Name of the inspector.
    pub inspector: String,
    /// Its version.
    pub version: u32,
    /// Name of the inspector's model.
    pub model: String,
    /// Fingerprint of that model.
    pub fingerprint: String,
    /// The image file, absolute. In JSON, what is not UTF-8 in it appears as U+FFFD.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Of the file's contents when it was inspected, in hexadecimal.
    pub sha256: String,
    /// When it was inspected, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub time: i64,
    /// Who ran it, if that was said.
    pub operator: Option<String>,
    /// How unusual it is.
    pub score: f64,
    /// The score above which it is NG.
    pub threshold: f64,
    /// The probability that a good image scores so high.
    pub p_value: f64,
    /// What the inspector decided.
    pub verdict: Verdict,
    /// The verdict that counts: that of the newest review, else the inspector's.
    pub final_verdict: Verdict,
    /// What is wrong where: an array.
    pub regions: Value,
    /// The instruction set that it was computed with.
    pub kernels: String,
    /// The version of the program that decided; `None` of decisions that are older than homes of format 12.
    pub program: Option<String>,
    /// What the strongest defect looks like: a unit vector. Not in JSON.
    #[serde(skip)]
    pub defect: Option<Vec<f32>>,
    /// Where the image comes from.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub metadata: Metadata,
    /// What people said about it, the oldest first: the last one counts.
    pub reviews: Vec<Review>,
}

impl Home {
    /// The inspections that fit, newest first; those of one time by their numbers, the largest first.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], [`StoreError::NoInspectorVersion`], [`StoreError::NoInspection`] for
    /// [`after`](HistoryQuery::after), and those of the database.
    pub fn inspections(&self, query: &HistoryQuery) -> Result<Vec<Inspection>, StoreError> {
        self.read(|tx| {
            let found = find(tx, query)?;
            found
                .into_iter()
                .map(|(_, id)| Ok(read_inspection(tx, id)?))
                .collect::<Result<Vec<Option<_>>, Failure>>()
                .map(|inspections| inspections.into_iter().flatten().collect())
        })
    }

    /// One inspection.
    ///
    /// # Errors
    /// [`StoreError::NoInspection`], and those of the database.
    pub fn inspection(&self, id: u64) -> Result<Inspection, StoreError> {
        let found = self.read(|tx| Ok(read_inspection(tx, sql_id(id))?))?;
        found.ok_or(StoreError::NoInspection { id })
    }
}

/// Where an inspection stands in the history: its time, and its number.
type Standing = (i64, i64);

/// The inspections of a version that fit, each with where it stands. The index on inspector and time
/// gives them in order, so no more are looked at than are needed.
const FIND: &str = "
    SELECT i.time, i.id FROM inspections i
    WHERE i.inspector = :inspector AND i.time >= :since AND i.time < :until
        AND (i.time, i.id) < (:after_time, :after_id)
        AND (:verdict IS NULL OR :verdict = coalesce(
            (SELECT r.verdict FROM reviews r WHERE r.inspection = i.id ORDER BY r.id DESC LIMIT 1),
            i.verdict))
        AND (:reviewed IS NULL
            OR :reviewed = EXISTS (SELECT 1 FROM reviews r WHERE r.inspection = i.id))
        AND (:path IS NULL OR i.path = :path OR (i.path >= :start AND i.path < :end))
    ORDER BY i.time DESC, i.id DESC LIMIT :limit";

fn find(tx: &Transaction<'_>, query: &HistoryQuery) -> Result<Vec<Standing>, Failure> {
    let (after_time, after_id) = match query.after {
        Some(id) => standing(tx, id)?,
        None => (i64::MAX, i64::MAX),
    };
    let path = query.path.as_deref();
    let path = path.map(|path| paths::absolute(path).unwrap_or_else(|_| path.to_path_buf()));
    // What this system cannot store was never stored, and nothing is empty.
    let path = path.map(|path| paths::to_bytes(&path).unwrap_or_default().to_vec());
    let (start, end) = path.as_deref().map(paths::below).unzip();
    let mut found: Vec<Standing> = Vec::new();
    for inspector in versions(tx, query)? {
        let mut statement = tx.prepare_cached(FIND)?;
        let mut rows = statement.query(named_params! {
            ":inspector": inspector,
            ":since": query.since.unwrap_or(i64::MIN),
            ":until": query.until.unwrap_or(i64::MAX),
            ":after_time": after_time,
            ":after_id": after_id,
            ":verdict": query.verdict.map(Verdict::name),
            ":reviewed": query.reviewed,
            ":path": path,
            ":start": start,
            ":end": end,
            ":limit": i64::try_from(query.limit).unwrap_or(i64::MAX),
        })?;
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, row.get(1)?));
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(query.limit);
    Ok(found)
}

/// The ids of the versions of inspectors that are asked for.
fn versions(tx: &Transaction<'_>, query: &HistoryQuery) -> Result<Vec<i64>, Failure> {
    match (&query.inspector, query.version) {
        (Some(name), None) => version_ids(tx, name),
        (Some(name), version) => Ok(vec![find_version(tx, name, version)?]),
        (None, version) => {
            let sql = "SELECT id FROM inspectors WHERE ?1 IS NULL OR version = ?1";
            let mut statement = tx.prepare_cached(sql)?;
            let ids = statement.query_map([version], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        }
    }
}

fn standing(tx: &Transaction<'_>, id: u64) -> Result<Standing, Failure> {
    let sql = "SELECT time, id FROM inspections WHERE id = ?";
    let found = tx.query_row(sql, [sql_id(id)], |row| Ok((row.get(0)?, row.get(1)?)));
    let found = found.optional()?;
    found.ok_or_else(|| StoreError::NoInspection { id }.into())
}

fn read_inspection(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<Inspection>> {
    let sql = "SELECT i.id, v.name, v.version, v.model, v.fingerprint, i.path, i.sha256, i.time,
                   i.operator, i.score, i.threshold, i.p_value, i.verdict, i.regions, i.kernels,
                   i.defect, i.program
               FROM inspections i JOIN inspectors v ON v.id = i.inspector WHERE i.id = ?";
    let found = tx
        .prepare_cached(sql)?
        .query_row([id], inspection)
        .optional()?;
    let Some(mut inspection) = found else {
        return Ok(None);
    };
    inspection.metadata = metadata(tx, id)?;
    inspection.reviews = reviews(tx, id)?;
    if let Some(newest) = inspection.reviews.last() {
        inspection.final_verdict = newest.verdict.into();
    }
    Ok(Some(inspection))
}

/// As far as its own row knows.
fn inspection(row: &Row<'_>) -> rusqlite::Result<Inspection> {
    let StoredVerdict(verdict) = row.get(12)?;
    Ok(Inspection {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        inspector: row.get(1)?,
        version: row.get(2)?,
        model: row.get(3)?,
        fingerprint: row.get(4)?,
        path: paths::from_bytes(row.get(5)?),
        sha256: hex(row.get_ref(6)?.as_blob()?),
        time: row.get(7)?,
        operator: row.get(8)?,
        score: row.get(9)?,
        threshold: row.get(10)?,
        p_value: row.get(11)?,
        verdict,
        final_verdict: verdict,
        regions: json(row, 13)?,
        kernels: row.get(14)?,
        program: row.get(16)?,
        defect: row.get_ref(15)?.as_blob_or_null()?.map(read_defect),
        metadata: Metadata::default(),
        reviews: Vec::new(),
    })
}

fn metadata(tx: &Transaction<'_>, inspection: i64) -> rusqlite::Result<Metadata> {
    let sql = "SELECT f.name, m.value FROM inspection_metadata m
               JOIN inspection_fields f ON f.id = m.field WHERE m.inspection = ? ORDER BY f.id";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([inspection], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect::<Result<_, _>>().map(Metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path()).unwrap();
        let reader = home.reader().unwrap();
        let mut statement = reader
            .prepare(&format!("EXPLAIN QUERY PLAN {FIND}"))
            .unwrap();
        let unknown = vec![rusqlite::types::Null; statement.parameter_count()];
        let parameters = rusqlite::params_from_iter(unknown);
        let steps = statement.query_map(parameters, |row| row.get::<_, String>(3));
        let steps = steps.unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        let plan = steps.join("; ");
        assert!(
            plan.contains("i USING INDEX inspections_by_time (inspector=? AND time>"),
            "{plan}"
        );
        assert!(
            plan.contains("r USING INDEX reviews_by_inspection"),
            "{plan}"
        );
        // In the index's order, so the limit ends the search.
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
