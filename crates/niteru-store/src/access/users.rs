use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::Role;
use crate::collection::{name_problem, sql_id};
use crate::error::Failure;
use crate::{Home, StoreError, time};

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    /// Never changes, and is never given to another user.
    pub id: u64,
    /// Name to log in with; capital and small letters are the same there.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Whether the user is kept out.
    pub disabled: bool,
    /// Wrong passwords since the last right one.
    pub failed: u32,
    /// Until then no password is looked at, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub locked_until: Option<i64>,
    /// When the user was added, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub created: i64,
    /// The last login. JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login: Option<i64>,
}

/// What a login is compared with.
#[derive(Clone)]
pub struct Credentials {
    /// Who it is.
    pub user: User,
    /// Of the password, as it was given to [`Home::add_user`].
    pub hash: String,
}

/// What is to change about a user; `None` leaves it as it is.
#[derive(Clone, Default)]
pub struct UserChange {
    /// What the user may do.
    pub role: Option<Role>,
    /// Whether the user is kept out.
    pub disabled: Option<bool>,
    /// The hash of a new password.
    pub hash: Option<String>,
}

impl Home {
    /// Adds a user. `hash` is the password's, in the PHC format; the password itself never comes here.
    ///
    /// # Errors
    /// [`StoreError::UserName`], [`StoreError::UserExists`], and those of the database.
    pub fn add_user(&self, name: &str, hash: &str, role: Role) -> Result<User, StoreError> {
        self.write(|tx| insert_user(tx, name, hash, role))
    }

    /// Adds the first administrator; `None` where there is one already.
    ///
    /// # Errors
    /// As for [`Home::add_user`].
    pub fn add_first_administrator(
        &self,
        name: &str,
        hash: &str,
    ) -> Result<Option<User>, StoreError> {
        self.write(|tx| match administrators(tx)? {
            0 => insert_user(tx, name, hash, Role::Administrator).map(Some),
            _ => Ok(None),
        })
    }

    /// Whether somebody could log in as an administrator.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_administrator(&self) -> Result<bool, StoreError> {
        self.read(|tx| Ok(administrators(tx)? > 0))
    }

    /// The users by name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_USER} ORDER BY name");
            let mut statement = tx.prepare_cached(&sql)?;
            let users = statement.query_map([], user)?;
            Ok(users.collect::<Result<_, _>>()?)
        })
    }

    /// What a login under a name is compared with.
    ///
    /// # Errors
    /// Those of the database.
    pub fn credentials(&self, name: &str) -> Result<Option<Credentials>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_USER} WHERE name = ?");
            let found = tx.query_row(&sql, [name], |row| {
                Ok(Credentials {
                    user: user(row)?,
                    hash: row.get(8)?,
                })
            });
            Ok(found.optional()?)
        })
    }

    /// Changes a user. A new password, another role and a user that is kept out end the user's sessions.
    ///
    /// # Errors
    /// [`StoreError::NoUser`], [`StoreError::LastAdministrator`], and those of the database.
    pub fn change_user(&self, id: u64, change: &UserChange) -> Result<User, StoreError> {
        self.write(|tx| {
            let sql =
                "UPDATE users SET role = coalesce(?2, role), disabled = coalesce(?3, disabled),
                           hash = coalesce(?4, hash),
                           failed = iif(?4 IS NULL, failed, 0),
                           locked_until = iif(?4 IS NULL, locked_until, NULL)
                       WHERE id = ?1";
            let (role, disabled, hash) = (change.role, change.disabled, change.hash.as_deref());
            let before = administrators(tx)?;
            match tx.execute(sql, params![sql_id(id), role, disabled, hash])? {
                0 => return Err(StoreError::NoUser { id }.into()),
                _ => keep_an_administrator(tx, before)?,
            }
            if role.is_some() || hash.is_some() || disabled == Some(true) {
                tx.execute("DELETE FROM sessions WHERE user = ?", [sql_id(id)])?;
            }
            Ok(tx.query_row(&format!("{SELECT_USER} WHERE id = ?"), [sql_id(id)], user)?)
        })
    }

    /// Removes a user with the user's sessions and tokens. What the user did stays in the audit log.
    ///
    /// # Errors
    /// [`StoreError::NoUser`], [`StoreError::LastAdministrator`], and those of the database.
    pub fn remove_user(&self, id: u64) -> Result<(), StoreError> {
        self.write(|tx| {
            let before = administrators(tx)?;
            match tx.execute("DELETE FROM users WHERE id = ?", [sql_id(id)])? {
                0 => Err(StoreError::NoUser { id }.into()),
                _ => keep_an_administrator(tx, before),
            }
        })
    }

    /// Counts a try at a password, before it is known whether it is right: tries that run beside each
    /// other are counted as well. With each `most` of them the user is locked out for so many
    /// milliseconds; the last of these may still be right. [`login_succeeded`](Self::login_succeeded) takes
    /// it all back.
    ///
    /// # Errors
    /// Those of the database.
    pub fn try_login(&self, id: u64, most: u32, lock: i64) -> Result<LoginTry, StoreError> {
        self.write(|tx| {
            let now = time::now();
            let sql = "SELECT locked_until FROM users WHERE id = ?1 AND locked_until > ?2";
            let locked = tx.query_row(sql, params![sql_id(id), now], |row| row.get(0));
            if let Some(until) = locked.optional()? {
                return Ok(LoginTry::Locked { until });
            }
            let sql = "UPDATE users SET failed = failed + 1,
                           locked_until = iif((failed + 1) % ?2 = 0, ?3, NULL)
                       WHERE id = ?1 RETURNING locked_until";
            let until = now.saturating_add(lock);
            let last = tx.query_row(sql, params![sql_id(id), most, until], |row| row.get(0));
            Ok(LoginTry::Allowed {
                locked_after: last.optional()?.flatten(),
            })
        })
    }

    /// Writes down a login.
    ///
    /// # Errors
    /// Those of the database.
    pub fn login_succeeded(&self, id: u64) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql =
                "UPDATE users SET failed = 0, locked_until = NULL, last_login = ? WHERE id = ?";
            tx.execute(sql, params![time::now(), sql_id(id)])?;
            Ok(())
        })
    }
}

/// What became of a try at a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginTry {
    /// It does not count: the user is locked out until then, in milliseconds since 1970.
    Locked {
        /// When it ends.
        until: i64,
    },
    /// The password may be looked at.
    Allowed {
        /// Until when the user is locked out if it is wrong, where it was the last try.
        locked_after: Option<i64>,
    },
}

const SELECT_USER: &str =
    "SELECT id, name, role, disabled, failed, locked_until, created, last_login, hash FROM users";

pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        name: row.get(1)?,
        role: row.get(2)?,
        disabled: row.get(3)?,
        failed: row.get(4)?,
        locked_until: row.get(5)?,
        created: row.get(6)?,
        last_login: row.get(7)?,
    })
}

pub(super) fn read_user(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<User>> {
    let mut statement = tx.prepare_cached(&format!("{SELECT_USER} WHERE id = ?"))?;
    statement.query_row([id], user).optional()
}

fn insert_user(tx: &Transaction<'_>, name: &str, hash: &str, role: Role) -> Result<User, Failure> {
    let name = name.trim();
    let shown = || name.to_owned();
    if let Some(reason) = name_problem(name) {
        let name = shown();
        return Err(StoreError::UserName { name, reason }.into());
    }
    let sql = "INSERT INTO users (name, hash, role, created) VALUES (?, ?, ?, ?)
               ON CONFLICT DO NOTHING";
    match tx.execute(sql, params![name, hash, role, time::now()])? {
        0 => Err(StoreError::UserExists { name: shown() }.into()),
        _ => {
            let sql = format!("{SELECT_USER} WHERE id = ?");
            Ok(tx.query_row(&sql, [tx.last_insert_rowid()], user)?)
        }
    }
}

/// Number of administrators who are not kept out.
fn administrators(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    let sql = "SELECT count(*) FROM users WHERE role = 'administrator' AND disabled = 0";
    tx.query_row(sql, [], |row| row.get(0))
}

/// Nobody could undo a change that leaves no administrator.
fn keep_an_administrator(tx: &Transaction<'_>, before: i64) -> Result<(), Failure> {
    match administrators(tx)? {
        0 if before > 0 => Err(StoreError::LastAdministrator.into()),
        _ => Ok(()),
    }
}
