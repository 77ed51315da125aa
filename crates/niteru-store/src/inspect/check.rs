//! The part of [`check`](crate::check) that looks at inspectors and inspections.

use rusqlite::{Row, Transaction};
use sha2::{Digest, Sha256};

use super::inspectors::json;
use super::record::{defect_problem, read_defect};
use crate::CheckReport;
use crate::check::{RESTORE, exactly, id, name, truth};
use crate::error::Failure;

const TRAIN: &str = "restore a backup (niteru restore), or train the inspector again";

/// Inspectors are what was stored; numbers of inspections are numbers, and what is JSON can be read.
pub(crate) fn check_inspections(
    tx: &Transaction<'_>,
    report: &mut CheckReport,
) -> Result<(), Failure> {
    check_inspectors(tx, report)?;
    let mut statement =
        tx.prepare("SELECT id, regions, defect, score, threshold FROM inspections ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.checked.inspections += 1;
        if let Some(what) = inspection_problem(row)? {
            let number: i64 = row.get(0)?;
            let what = format!("inspection {number} {what}");
            let exactly = exactly("inspection_damaged", [id(number)]);
            truth(report, what, RESTORE, exactly);
        }
    }
    Ok(())
}

fn check_inspectors(tx: &Transaction<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let mut statement = tx.prepare(
        "SELECT name, version, settings, summary, sha256, bytes FROM inspectors ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.checked.inspectors += 1;
        let (kind, what) = if json(row, 2).is_err() || json(row, 3).is_err() {
            (
                "inspector_unreadable",
                "has settings or a summary that cannot be read",
            )
        } else if Sha256::digest(blob(row, 5)?)[..] != *blob(row, 4)? {
            (
                "inspector_damaged",
                "was damaged on the disk (other checksum)",
            )
        } else {
            continue;
        };
        let (inspector, version): (String, u32) = (row.get(0)?, row.get(1)?);
        let what = format!("inspector {inspector:?} version {version} {what}");
        let exactly = exactly(kind, [name(inspector), id(version.into())]);
        truth(report, what, TRAIN, exactly);
    }
    Ok(())
}

fn inspection_problem(row: &Row<'_>) -> Result<Option<&'static str>, Failure> {
    let (score, threshold): (f64, f64) = (row.get(3)?, row.get(4)?);
    if !(score.is_finite() && threshold.is_finite()) {
        return Ok(Some("has a score or a threshold that is no number"));
    }
    if !json(row, 1).is_ok_and(|regions| regions.is_array()) {
        return Ok(Some("has regions that cannot be read"));
    }
    let defect = row
        .get_ref(2)?
        .as_blob_or_null()
        .map_err(rusqlite::Error::from)?;
    let defect = defect.map(read_defect);
    if defect.is_some_and(|defect| defect_problem(&defect).is_some()) {
        return Ok(Some("has a defect vector that is no unit vector"));
    }
    Ok(None)
}

fn blob<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    Ok(row.get_ref(column)?.as_blob()?)
}
