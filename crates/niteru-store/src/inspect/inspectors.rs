use rusqlite::types::Type;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::collection::{hex, name_problem};
use crate::error::Failure;
use crate::{Home, StoreError, time};

/// Most bytes of an inspector: what SQLite takes as one value.
const MAX_BYTES: usize = 1_000_000_000;

/// A trained inspector to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewInspector<'a> {
    /// Name of the model whose features it compares.
    pub model: &'a str,
    /// Fingerprint of that model.
    pub fingerprint: &'a str,
    /// How it was trained.
    pub settings: &'a Value,
    /// What came out: whatever is to be shown without reading the inspector.
    pub summary: &'a Value,
    /// The inspector, at most 1 000 000 000 bytes.
    pub bytes: &'a [u8],
}

/// A version of an inspector, without its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StoredInspector {
    /// Never changes, and is never given to another version.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// 1 for the first that was trained under the name, then one more each time.
    pub version: u32,
    /// When it was stored, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub created: i64,
    /// Name of the model whose features it compares.
    pub model: String,
    /// Fingerprint of that model.
    pub fingerprint: String,
    /// How it was trained.
    pub settings: Value,
    /// What came out.
    pub summary: Value,
    /// Length of the inspector.
    pub bytes: u64,
    /// Of the inspector, in hexadecimal.
    pub sha256: String,
    /// Number of its inspections.
    pub inspections: u64,
}

/// An inspector that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectorFile {
    /// What is known of it.
    pub inspector: StoredInspector,
    /// The inspector, as it was stored.
    pub bytes: Vec<u8>,
}

/// An inspector in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InspectorSummary {
    /// Its newest version.
    #[serde(flatten)]
    pub newest: StoredInspector,
    /// Number of versions.
    pub versions: u64,
    /// Number of inspections of all versions.
    pub all_inspections: u64,
}

impl Home {
    /// Stores a trained inspector as the next version of its name; 1 if the name is new.
    ///
    /// # Errors
    /// [`StoreError::InspectorName`], [`StoreError::InspectorSize`], and those of the database.
    pub fn save_inspector(
        &self,
        name: &str,
        new: &NewInspector<'_>,
    ) -> Result<StoredInspector, StoreError> {
        if let Some(reason) = name_problem(name) {
            let name = name.into();
            return Err(StoreError::InspectorName { name, reason });
        }
        if new.bytes.len() > MAX_BYTES {
            return Err(StoreError::InspectorSize {
                bytes: new.bytes.len() as u64,
                most: MAX_BYTES as u64,
            });
        }
        let sha256: [u8; 32] = Sha256::digest(new.bytes).into();
        self.write(|tx| {
            let sql = "INSERT INTO inspectors
                           (name, version, created, model, fingerprint, settings, summary, sha256, bytes)
                       SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
                       FROM inspectors WHERE name = ?1 RETURNING id";
            let id: i64 = tx.query_row(
                sql,
                params![
                    name,
                    time::now(),
                    new.model,
                    new.fingerprint,
                    new.settings.to_string(),
                    new.summary.to_string(),
                    sha256,
                    new.bytes
                ],
                |row| row.get(0),
            )?;
            let sql = format!("{SELECT_INSPECTOR} WHERE v.id = ?");
            Ok(tx.query_row(&sql, [id], inspector)?)
        })
    }

    /// An inspector with its bytes: the newest version, or the one asked for.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], [`StoreError::NoInspectorVersion`],
    /// [`StoreError::DamagedInspector`], and those of the database.
    pub fn inspector(&self, name: &str, version: Option<u32>) -> Result<InspectorFile, StoreError> {
        self.read(|tx| {
            let id = find_version(tx, name, version)?;
            let sql = format!("{SELECT_INSPECTOR} WHERE v.id = ?");
            let inspector = tx.query_row(&sql, [id], inspector)?;
            let sql = "SELECT bytes FROM inspectors WHERE id = ?";
            let bytes: Vec<u8> = tx.query_row(sql, [id], |row| row.get(0))?;
            if hex(&Sha256::digest(&bytes)) != inspector.sha256 {
                let version = inspector.version;
                let name = inspector.name;
                return Err(StoreError::DamagedInspector { name, version }.into());
            }
            Ok(InspectorFile { inspector, bytes })
        })
    }

    /// The inspectors by name, each with its newest version.
    ///
    /// # Errors
    /// Those of the database.
    pub fn inspectors(&self) -> Result<Vec<InspectorSummary>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_INSPECTOR} ORDER BY v.name, v.version");
            let mut statement = tx.prepare_cached(&sql)?;
            let mut summaries: Vec<InspectorSummary> = Vec::new();
            for version in statement.query_map([], inspector)? {
                let version = version?;
                match summaries.last_mut() {
                    Some(last) if last.newest.name == version.name => {
                        last.versions += 1;
                        last.all_inspections += version.inspections;
                        last.newest = version;
                    }
                    _ => summaries.push(InspectorSummary {
                        versions: 1,
                        all_inspections: version.inspections,
                        newest: version,
                    }),
                }
            }
            Ok(summaries)
        })
    }

    /// The versions of an inspector, the newest first.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], and those of the database.
    pub fn inspector_versions(&self, name: &str) -> Result<Vec<StoredInspector>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_INSPECTOR} WHERE v.name = ? ORDER BY v.version DESC");
            let versions: Vec<StoredInspector> = tx
                .prepare_cached(&sql)?
                .query_map([name], inspector)?
                .collect::<Result<_, _>>()?;
            match versions.is_empty() {
                true => Err(no_inspector(tx, name)?),
                false => Ok(versions),
            }
        })
    }

    /// The newest version of an inspector.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], and those of the database.
    pub fn newest_version(&self, name: &str) -> Result<u32, StoreError> {
        self.read(|tx| {
            let sql = "SELECT max(version) FROM inspectors WHERE name = ?";
            let newest: Option<u32> = tx
                .prepare_cached(sql)?
                .query_row([name], |row| row.get(0))?;
            newest.map_or_else(|| Err(no_inspector(tx, name)?), Ok)
        })
    }

    /// The id of a version of an inspector, the newest where none is asked for. Another id is another inspector, also
    /// where name and version are the same: one that was removed, and what was trained after it.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], [`StoreError::NoInspectorVersion`], and those of the database.
    pub fn inspector_id(&self, name: &str, version: Option<u32>) -> Result<u64, StoreError> {
        self.read(|tx| find_version(tx, name, version).map(i64::cast_unsigned))
    }

    /// Removes all versions of an inspector. Its inspections, with their reviews, are removed only where
    /// `with_history` says so; returns how many there were. What was only in them is lost: they cannot
    /// be replayed, nor traced.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], [`StoreError::InspectorInUse`] while there are inspections, and those
    /// of the database.
    pub fn remove_inspector(&self, name: &str, with_history: bool) -> Result<u64, StoreError> {
        self.write(|tx| {
            let mut inspections = 0;
            for id in version_ids(tx, name)? {
                inspections += match with_history {
                    true => tx.execute("DELETE FROM inspections WHERE inspector = ?", [id])? as u64,
                    false => count_inspections(tx, id)?,
                };
            }
            if inspections > 0 && !with_history {
                let name = name.into();
                return Err(StoreError::InspectorInUse { name, inspections }.into());
            }
            tx.execute("DELETE FROM inspectors WHERE name = ?", [name])?;
            tx.execute("DELETE FROM watched_photos WHERE inspector = ?", [name])?;
            Ok(inspections)
        })
    }
}

const SELECT_INSPECTOR: &str =
    "SELECT v.id, v.name, v.version, v.created, v.model, v.fingerprint, v.settings, v.summary,
            v.sha256, length(v.bytes), (SELECT count(*) FROM inspections i WHERE i.inspector = v.id)
     FROM inspectors v";

fn inspector(row: &Row<'_>) -> rusqlite::Result<StoredInspector> {
    Ok(StoredInspector {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        name: row.get(1)?,
        version: row.get(2)?,
        created: row.get(3)?,
        model: row.get(4)?,
        fingerprint: row.get(5)?,
        settings: json(row, 6)?,
        summary: json(row, 7)?,
        sha256: hex(row.get_ref(8)?.as_blob()?),
        bytes: row.get::<_, i64>(9)?.cast_unsigned(),
        inspections: row.get::<_, i64>(10)?.cast_unsigned(),
    })
}

/// A column of JSON text.
pub(super) fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// The ids of an inspector's versions, the newest version first; never empty.
pub(super) fn version_ids(tx: &Transaction<'_>, name: &str) -> Result<Vec<i64>, Failure> {
    let sql = "SELECT id FROM inspectors WHERE name = ? ORDER BY version DESC";
    let ids: Vec<i64> = tx
        .prepare_cached(sql)?
        .query_map([name], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    match ids.is_empty() {
        true => Err(no_inspector(tx, name)?),
        false => Ok(ids),
    }
}

/// The id of a version of an inspector; of the newest one where none is asked for.
pub(super) fn find_version(
    tx: &Transaction<'_>,
    name: &str,
    version: Option<u32>,
) -> Result<i64, Failure> {
    let ids = version_ids(tx, name)?;
    let Some(version) = version else {
        return Ok(ids[0]);
    };
    let sql = "SELECT id FROM inspectors WHERE name = ? AND version = ?";
    let found = tx
        .query_row(sql, params![name, version], |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => {
            let sql = "SELECT version FROM inspectors WHERE name = ? ORDER BY version";
            let mut statement = tx.prepare_cached(sql)?;
            let versions = statement.query_map([name], |row| row.get::<_, u32>(0))?;
            Err(StoreError::NoInspectorVersion {
                name: name.into(),
                version,
                versions: versions.collect::<Result<_, _>>()?,
            }
            .into())
        }
    }
}

fn count_inspections(tx: &Transaction<'_>, inspector: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM inspections WHERE inspector = ?";
    tx.query_row(sql, [inspector], |row| row.get(0))
        .map(i64::cast_unsigned)
}

/// The error that names the inspectors there are.
pub(super) fn no_inspector(tx: &Transaction<'_>, shown: &str) -> rusqlite::Result<Failure> {
    let mut statement = tx.prepare_cached("SELECT DISTINCT name FROM inspectors ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?;
    let names = names.collect::<Result<_, _>>()?;
    let name = shown.into();
    Ok(StoreError::NoInspector { name, names }.into())
}
