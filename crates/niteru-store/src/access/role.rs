use std::fmt;

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody may do. Each may do what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at and searches what is there.
    Viewer,
    /// Inspects parts and reviews what was decided.
    Operator,
    /// Adds and removes images, collections and inspectors.
    Engineer,
    /// Manages users, tokens, models and the home itself.
    Administrator,
}

impl Role {
    /// All of them, rising.
    pub const ALL: [Role; 4] = [
        Role::Viewer,
        Role::Operator,
        Role::Engineer,
        Role::Administrator,
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Engineer => "engineer",
            Role::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromSql for Role {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let found = Role::ALL.into_iter().find(|role| role.name() == name);
        // The schema keeps others out, so the database is damaged.
        found.ok_or_else(|| FromSqlError::Other(format!("unknown role {name:?}").into()))
    }
}

impl ToSql for Role {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}
