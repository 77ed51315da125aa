//! Writing down what an inspector decided.

use std::collections::HashMap;
use std::path::PathBuf;

use niteru_inspect::Verdict;
use rusqlite::{Transaction, params};
use serde_json::Value;

use super::inspectors::no_inspector;
use crate::collection::sql_id;
use crate::error::Failure;
use crate::home::kernels;
use crate::{Home, Metadata, StoreError, paths, time};

/// The version of this program, which every decision is written down with.
pub(crate) const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// How far from 1 the square of a unit vector's length may be.
const UNIT_TOLERANCE: f32 = 1e-3;

/// A decision to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct NewInspection {
    /// The image file; a relative path counts from the working directory.
    pub path: PathBuf,
    /// Of the file's contents.
    pub sha256: [u8; 32],
    /// When it was inspected, milliseconds since 1970 (UTC), in the years 1 to 9999; `None`: now.
    pub time: Option<i64>,
    /// Who ran it, if that was said.
    pub operator: Option<String>,
    /// How unusual it is. Finite.
    pub score: f64,
    /// The score above which it is NG. Finite.
    pub threshold: f64,
    /// The probability that a good image scores so high, 0…1.
    pub p_value: f64,
    /// What was decided.
    pub verdict: Verdict,
    /// JSON: an array of what is wrong where.
    pub regions: Value,
    /// What the strongest defect looks like: a unit vector (to 0.001), which is compared with those of
    /// other inspections by inspectors with a model of the same fingerprint. [`Home::trace`] groups by
    /// it; without one, an inspection is in no group.
    pub defect: Option<Vec<f32>>,
    /// The instruction set that it was computed with.
    pub kernels: String,
    /// Where the image comes from: lot, machine, mould.
    pub metadata: Metadata,
}

impl NewInspection {
    /// Why it cannot be stored.
    fn problem(&self) -> Option<String> {
        let numbers = [
            ("score", self.score),
            ("threshold", self.threshold),
            ("p-value", self.p_value),
        ];
        if let Some((name, value)) = numbers.iter().find(|(_, value)| !value.is_finite()) {
            return Some(format!("its {name} is {value}, not a number"));
        }
        if !(0.0..=1.0).contains(&self.p_value) {
            return Some(format!("its p-value is {}, expected 0 to 1", self.p_value));
        }
        if let Some(time) = self.time.filter(|time| !time::is_writable(*time)) {
            return Some(format!(
                "its time, {time} ms, is not in the years 1 to 9999"
            ));
        }
        if !self.regions.is_array() {
            return Some("its regions are not a list".into());
        }
        if self
            .metadata
            .iter()
            .any(|(field, _)| field.trim().is_empty())
        {
            return Some("a field of its metadata has no name".into());
        }
        self.defect.as_deref().and_then(defect_problem)
    }
}

/// Why a vector cannot be what a defect looks like.
pub(super) fn defect_problem(defect: &[f32]) -> Option<String> {
    let square = kernels().dot(defect, defect);
    // NaN is in no range.
    let unit = (1.0 - UNIT_TOLERANCE..=1.0 + UNIT_TOLERANCE).contains(&square);
    (!unit).then(|| {
        let length = square.sqrt();
        format!("its defect vector has length {length:.3}, expected 1")
    })
}

/// The stored form of a defect vector.
fn defect_blob(defect: &[f32]) -> Vec<u8> {
    defect
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// The defect vector of a stored form.
pub(super) fn read_defect(blob: &[u8]) -> Vec<f32> {
    let (values, _) = blob.as_chunks::<4>();
    values
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

impl Home {
    /// Writes down what a version of an inspector decided, all of it or nothing. Returns the numbers of
    /// the inspections, in order.
    ///
    /// # Errors
    /// [`StoreError::Inspection`] for what may not be stored, such as a score that is NaN,
    /// [`StoreError::NoInspector`], and those of the database.
    pub fn record_inspections(
        &self,
        inspector: u64,
        inspections: &[NewInspection],
    ) -> Result<Vec<u64>, StoreError> {
        self.record_if(inspector, inspections, |_| Ok(true))
    }

    /// As [`Home::record_inspections`], and in the same transaction looks first whether they are to be recorded; if
    /// not, nothing is, and no numbers are given.
    pub(super) fn record_if(
        &self,
        inspector: u64,
        inspections: &[NewInspection],
        wanted: impl FnOnce(&Transaction<'_>) -> Result<bool, Failure>,
    ) -> Result<Vec<u64>, StoreError> {
        let refused = |inspection: &NewInspection, reason| StoreError::Inspection {
            path: inspection.path.clone(),
            reason,
        };
        let mut stored_paths = Vec::with_capacity(inspections.len());
        for inspection in inspections {
            if let Some(reason) = inspection.problem() {
                return Err(refused(inspection, reason));
            }
            let path = paths::absolute(&inspection.path)
                .map_err(|error| refused(inspection, error.to_string()))?;
            let Some(bytes) = paths::to_bytes(&path) else {
                let reason = "its path is not Unicode, which this system cannot store";
                return Err(refused(inspection, reason.into()));
            };
            stored_paths.push(bytes.to_vec());
        }
        let now = time::now();
        self.write(|tx| {
            check_exists(tx, inspector)?;
            if !wanted(tx)? {
                return Ok(Vec::new());
            }
            let mut fields = HashMap::new();
            let mut ids = Vec::with_capacity(inspections.len());
            for (inspection, path) in inspections.iter().zip(&stored_paths) {
                let id = insert(tx, inspector, inspection, path, now)?;
                insert_metadata(tx, id, &inspection.metadata, &mut fields)?;
                ids.push(id.cast_unsigned());
            }
            Ok(ids)
        })
    }
}

fn check_exists(tx: &Transaction<'_>, inspector: u64) -> Result<(), Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM inspectors WHERE id = ?)";
    match tx.query_row(sql, [sql_id(inspector)], |row| row.get(0))? {
        true => Ok(()),
        false => Err(no_inspector(tx, &format!("#{inspector}"))?),
    }
}

fn insert(
    tx: &Transaction<'_>,
    inspector: u64,
    inspection: &NewInspection,
    path: &[u8],
    now: i64,
) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO inspections
                   (inspector, path, sha256, time, operator, score, threshold, p_value, verdict,
                    regions, kernels, defect, program)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    tx.prepare_cached(sql)?.insert(params![
        sql_id(inspector),
        path,
        inspection.sha256,
        inspection.time.unwrap_or(now),
        inspection
            .operator
            .as_deref()
            .filter(|name| !name.trim().is_empty()),
        inspection.score,
        inspection.threshold,
        inspection.p_value,
        inspection.verdict.name(),
        inspection.regions.to_string(),
        inspection.kernels,
        inspection.defect.as_deref().map(defect_blob),
        PROGRAM,
    ])
}

/// `fields` has the numbers of the fields that were met before in the transaction.
fn insert_metadata(
    tx: &Transaction<'_>,
    inspection: i64,
    metadata: &Metadata,
    fields: &mut HashMap<String, i64>,
) -> rusqlite::Result<()> {
    for (name, value) in metadata.iter() {
        let field = match fields.get(name) {
            Some(&field) => field,
            None => {
                let field = field_id(tx, name)?;
                fields.insert(name.to_owned(), field);
                field
            }
        };
        let sql = "INSERT INTO inspection_metadata (inspection, field, value) VALUES (?, ?, ?)";
        tx.prepare_cached(sql)?
            .execute(params![inspection, field, value])?;
    }
    Ok(())
}

fn field_id(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<i64> {
    tx.execute(
        "INSERT INTO inspection_fields (name) VALUES (?) ON CONFLICT DO NOTHING",
        [name],
    )?;
    let sql = "SELECT id FROM inspection_fields WHERE name = ?";
    tx.query_row(sql, [name], |row| row.get(0))
}
