use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use serde::{Deserialize, Serialize};

/// What was decided about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// As good ones look.
    Ok,
    /// Not as good ones look.
    Ng,
    /// Unlike anything seen in training, such as another product: neither good nor bad.
    Unlike,
}

/// What a person says about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReviewVerdict {
    /// It is good.
    Ok,
    /// It is bad.
    Ng,
}

impl Verdict {
    /// `OK`, `NG` or `UNLIKE`, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Ng => "NG",
            Self::Unlike => "UNLIKE",
        }
    }
}

impl ReviewVerdict {
    /// `OK` or `NG`, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        Verdict::from(self).as_str()
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

impl FromSql for Verdict {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "OK" => Ok(Self::Ok),
            "NG" => Ok(Self::Ng),
            "UNLIKE" => Ok(Self::Unlike),
            other => Err(unknown(other)),
        }
    }
}

impl FromSql for ReviewVerdict {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "OK" => Ok(Self::Ok),
            "NG" => Ok(Self::Ng),
            other => Err(unknown(other)),
        }
    }
}

/// The schema keeps others out, so the database is damaged.
fn unknown(verdict: &str) -> FromSqlError {
    FromSqlError::Other(format!("unknown verdict {verdict:?}").into())
}
