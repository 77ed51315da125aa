use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::users::read_user;
use super::{Role, token_hash};
use crate::collection::{name_problem, sql_id};
use crate::{Home, StoreError, time};

/// How often a token's last use is written down, at most.
const SEEN_EVERY: i64 = 60_000;

/// What a program logs in with; without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApiToken {
    /// Never changes, and is never given to another token.
    pub id: u64,
    /// What it is for.
    pub label: String,
    /// What it may do: not more than its owner may.
    pub role: Role,
    /// Name of the user who made it; `null`: it was made on the computer itself, without a login.
    pub owner: Option<String>,
    /// When it was made, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub created: i64,
    /// From then on it is no use; `null`: never. JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<i64>,
    /// When it was last used, to the minute. JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen: Option<i64>,
}

/// A token to be kept.
#[derive(Clone, Copy)]
pub struct NewApiToken<'a> {
    /// The secret. Only its hash is kept.
    pub token: &'a str,
    /// What it is for.
    pub label: &'a str,
    /// What it may do.
    pub role: Role,
    /// The user who makes it.
    pub owner: Option<u64>,
    /// After so many days it is no use any more; `None`: it always is.
    pub days: Option<u32>,
}

impl Home {
    /// Keeps a token.
    ///
    /// # Errors
    /// [`StoreError::TokenLabel`], and those of the database.
    pub fn add_api_token(&self, new: &NewApiToken<'_>) -> Result<ApiToken, StoreError> {
        let label = new.label.trim();
        if let Some(reason) = name_problem(label) {
            return Err(StoreError::TokenLabel { reason });
        }
        self.write(|tx| {
            let sql = "INSERT INTO api_tokens (token, label, role, owner, created, expires)
                       VALUES (?, ?, ?, ?, ?, ?)";
            let owner = new.owner.map(sql_id);
            let hash = token_hash(new.token);
            let now = time::now();
            let expires = new.days.map(|days| now + i64::from(days) * time::DAY);
            tx.execute(sql, params![hash, label, new.role, owner, now, expires])?;
            let sql = format!("{SELECT_TOKEN} WHERE t.id = ?");
            Ok(tx.query_row(&sql, [tx.last_insert_rowid()], token)?)
        })
    }

    /// The tokens, the oldest first: of one user, or all.
    ///
    /// # Errors
    /// Those of the database.
    pub fn api_tokens(&self, owner: Option<u64>) -> Result<Vec<ApiToken>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_TOKEN} WHERE ?1 IS NULL OR t.owner = ?1 ORDER BY t.id");
            let mut statement = tx.prepare_cached(&sql)?;
            let tokens = statement.query_map([owner.map(sql_id)], token)?;
            Ok(tokens.collect::<Result<_, _>>()?)
        })
    }

    /// The token with this secret, and what it may do now: not more than its owner may. One that has
    /// expired is none, and neither is that of a user who is kept out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn api_token(&self, secret: &str) -> Result<Option<(ApiToken, Role)>, StoreError> {
        let now = time::now();
        let hash = token_hash(secret);
        let found = self.read(|tx| {
            let sql = format!("{SELECT_TOKEN} WHERE t.token = ? AND coalesce(t.expires > ?, 1)");
            let row = tx
                .prepare_cached(&sql)?
                .query_row(params![hash, now], |row| Ok((token(row)?, row.get(7)?)))
                .optional()?;
            let Some((token, owner)) = row else {
                return Ok(None);
            };
            let owner: Option<i64> = owner;
            let role = match owner.map(|id| read_user(tx, id)).transpose()?.flatten() {
                Some(user) if user.disabled => return Ok(None),
                Some(user) => token.role.min(user.role),
                None => token.role,
            };
            Ok(Some((token, role)))
        })?;
        if let Some((token, _)) = &found
            && token.seen.is_none_or(|seen| seen < now - SEEN_EVERY)
            && !self.is_read_only()
        {
            self.write(|tx| {
                let sql = "UPDATE api_tokens SET seen = ? WHERE id = ?";
                Ok(tx.execute(sql, params![now, sql_id(token.id)])?)
            })?;
        }
        Ok(found)
    }

    /// Takes a token back: one of a user, or any.
    ///
    /// # Errors
    /// [`StoreError::NoToken`], and those of the database.
    pub fn remove_api_token(&self, id: u64, owner: Option<u64>) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "DELETE FROM api_tokens WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)";
            match tx.execute(sql, params![sql_id(id), owner.map(sql_id)])? {
                0 => Err(StoreError::NoToken { id }.into()),
                _ => Ok(()),
            }
        })
    }
}

const SELECT_TOKEN: &str =
    "SELECT t.id, t.label, t.role, u.name, t.created, t.expires, t.seen, t.owner
     FROM api_tokens t LEFT JOIN users u ON u.id = t.owner";

fn token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        label: row.get(1)?,
        role: row.get(2)?,
        owner: row.get(3)?,
        created: row.get(4)?,
        expires: row.get(5)?,
        seen: row.get(6)?,
    })
}
