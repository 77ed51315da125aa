use niteru_inspect::Verdict;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person says about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReviewVerdict {
    /// It is good.
    Ok,
    /// It is bad.
    Ng,
}

impl ReviewVerdict {
    /// `OK` or `NG`, as it is stored and shown.
    pub fn name(self) -> &'static str {
        Verdict::from(self).name()
    }
}

impl From<ReviewVerdict> for Verdict {
    fn from(verdict: ReviewVerdict) -> Self {
        match verdict {
            ReviewVerdict::Ok => Self::Ok,
            ReviewVerdict::Ng => Self::Ng,
        }
    }
}

/// A verdict in a column: its name.
#[derive(Clone, Copy)]
pub(in crate::inspect) struct StoredVerdict(pub(in crate::inspect) Verdict);

impl FromSql for StoredVerdict {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let all = [Verdict::Ok, Verdict::Ng, Verdict::Unlike];
        let found = all.into_iter().find(|verdict| verdict.name() == name);
        found.map(Self).ok_or_else(|| unknown(name))
    }
}

impl FromSql for ReviewVerdict {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let found = [Self::Ok, Self::Ng]
            .into_iter()
            .find(|verdict| verdict.name() == name);
        found.ok_or_else(|| unknown(name))
    }
}

/// The schema keeps others out, so the database is damaged.
fn unknown(verdict: &str) -> FromSqlError {
    FromSqlError::Other(format!("unknown verdict {verdict:?}").into())
}
