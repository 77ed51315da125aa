//! How often each verdict was decided, for the screen beside a line.

use rusqlite::params;
use serde::Serialize;
use utoipa::ToSchema;

use super::inspectors::version_ids;
use super::verdict::StoredVerdict;
use crate::{Home, StoreError, Verdict};

/// How often each verdict was decided; what a person said counts, where one did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct VerdictCounts {
    /// Like the good ones.
    pub ok: u64,
    /// Not like the good ones.
    pub ng: u64,
    /// Unlike anything seen in training.
    pub unlike: u64,
}

impl Home {
    /// What an inspector, in all its versions, has decided since a time in milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], and those of the database.
    pub fn verdict_counts(&self, inspector: &str, since: i64) -> Result<VerdictCounts, StoreError> {
        self.read(|tx| {
            let mut counts = VerdictCounts::default();
            for version in version_ids(tx, inspector)? {
                let sql = "SELECT coalesce((SELECT r.verdict FROM reviews r WHERE r.inspection = i.id
                               ORDER BY r.id DESC LIMIT 1), i.verdict) AS counts, count(*)
                           FROM inspections i WHERE i.inspector = ? AND i.time >= ? GROUP BY counts";
                let mut statement = tx.prepare_cached(sql)?;
                let mut rows = statement.query(params![version, since])?;
                while let Some(row) = rows.next()? {
                    let StoredVerdict(verdict) = row.get(0)?;
                    let count = match verdict {
                        Verdict::Ok => &mut counts.ok,
                        Verdict::Ng => &mut counts.ng,
                        Verdict::Unlike => &mut counts.unlike,
                    };
                    *count += row.get::<_, i64>(1)?.cast_unsigned();
                }
            }
            Ok(counts)
        })
    }
}
