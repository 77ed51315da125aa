use rusqlite::{OptionalExtension, params};

use super::users::read_user;
use super::{User, token_hash};
use crate::collection::sql_id;
use crate::{Home, StoreError, time};

/// How often a session's last use is written down, at most.
const SEEN_EVERY: i64 = 60_000;

impl Home {
    /// Begins a session that lasts so many milliseconds, known by a token. Only the token's hash is kept.
    /// Sessions that are over go.
    ///
    /// # Errors
    /// Those of the database.
    pub fn start_session(&self, user: u64, token: &str, lasts: i64) -> Result<(), StoreError> {
        let now = time::now();
        self.write(|tx| {
            tx.execute("DELETE FROM sessions WHERE expires <= ?", [now])?;
            let sql = "INSERT INTO sessions (token, user, created, seen, expires)
                       VALUES (?, ?, ?3, ?3, ?4)";
            let expires = now.saturating_add(lasts);
            tx.execute(sql, params![token_hash(token), sql_id(user), now, expires])?;
            Ok(())
        })
    }

    /// Who a session's token belongs to. A session that is over, or was not used for `idle` milliseconds,
    /// is none, and neither is that of a user who is kept out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn session(&self, token: &str, idle: i64) -> Result<Option<User>, StoreError> {
        let now = time::now();
        let hash = token_hash(token);
        let found = self.read(|tx| {
            let sql =
                "SELECT user, seen FROM sessions WHERE token = ? AND expires > ? AND seen > ?";
            let parameters = params![hash, now, now.saturating_sub(idle)];
            let row = tx
                .prepare_cached(sql)?
                .query_row(parameters, |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))
                .optional()?;
            let Some((id, seen)) = row else {
                return Ok(None);
            };
            let user = read_user(tx, id)?.filter(|user| !user.disabled);
            Ok(user.map(|user| (user, seen)))
        })?;
        let Some((user, seen)) = found else {
            return Ok(None);
        };
        // A home that is read only still knows who is logged in.
        if seen < now - SEEN_EVERY && !self.is_read_only() {
            self.write(|tx| {
                let sql = "UPDATE sessions SET seen = ? WHERE token = ?";
                Ok(tx.execute(sql, params![now, hash])?)
            })?;
        }
        Ok(Some(user))
    }

    /// Ends all sessions, as of a home that was another one before.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_sessions(&self) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute("DELETE FROM sessions", [])?;
            Ok(())
        })
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_session(&self, token: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute("DELETE FROM sessions WHERE token = ?", [token_hash(token)])?;
            Ok(())
        })
    }
}
