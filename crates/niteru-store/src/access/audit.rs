//! The audit log: who did what. Each entry's hash is over the hash before it, so an entry that was
//! changed, taken out or put in breaks the chain from there on.
//!
//! Who can write the database can also write a whole new chain. Against that, keep the last hash that
//! an export ends with in another place.

use std::io::{self, Write};
use std::path::Path;

use niteru_inspect::Exactly;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::check::{exactly, id};
use crate::collection::{hex, sql_id};
use crate::error::Failure;
use crate::home::Access;
use crate::spreadsheet::no_formula;
use crate::{Home, StoreError, schema, time};

/// Entries that are read at a time.
const PAGE: usize = 1000;

/// Longest text of an entry, in characters: what clients send must not fill the disk.
const MOST_CHARS: usize = 300;

/// Something that was done, or tried.
#[derive(Debug, Clone, Copy)]
pub struct NewAuditEntry<'a> {
    /// Name of the user or token.
    pub who: &'a str,
    /// Address that it came from.
    pub address: &'a str,
    /// What was done, such as `collection.remove`.
    pub action: &'a str,
    /// On what.
    pub target: &'a str,
    /// Status that the request was answered with: from 400 on, it was refused or failed.
    pub status: u16,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// 1 for the first, then one more each.
    pub id: u64,
    /// When, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub time: i64,
    /// Name of the user or token.
    pub who: String,
    /// Address that it came from.
    pub address: String,
    /// What was done, such as `collection.remove`.
    pub action: String,
    /// On what.
    pub target: String,
    /// Status that the request was answered with: from 400 on, it was refused or failed.
    pub status: u16,
    /// sha256 over the entry before and this one, in hexadecimal.
    pub hash: String,
}

/// Whether the log is as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditCheck {
    /// Entries looked at.
    pub entries: u64,
    /// The last hash, in hexadecimal: kept elsewhere, it shows later that nothing before it was changed.
    pub hash: String,
    /// What is wrong; `null`: nothing.
    pub problem: Option<String>,
    /// The same for who has sentences of their own; see [`FINDINGS`](crate::FINDINGS).
    pub exactly: Option<Exactly>,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditFormat {
    /// A table with a heading, UTF-8 with a byte order mark.
    Csv,
    /// An entry a line.
    Jsonl,
}

impl Home {
    /// Adds an entry to the audit log.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit(&self, new: &NewAuditEntry<'_>) -> Result<(), StoreError> {
        self.write(|tx| {
            let (entries, previous) = end(tx)?;
            let entry = Chained {
                id: entries + 1,
                time: time::now(),
                texts: [new.who, new.address, new.action, new.target].map(held),
                status: new.status,
            };
            let hash = entry.hash(&previous);
            entry.insert(tx, &hash)?;
            Ok(())
        })
    }

    /// Takes over the entries that another home's log has after the last one here: those that were written since a
    /// backup. Where that log does not go on from ours, or is not as it was written, an entry says so, with the hash
    /// that it ends with. Returns how many entries came along.
    ///
    /// # Errors
    /// Those of this database. A log that cannot be read is one that does not go on from ours.
    pub(crate) fn carry_audit(&self, database: &Path) -> Result<u64, StoreError> {
        let (last, hash) = self.read(|tx| Ok(end(tx)?))?;
        let apart = match Other::open(database) {
            Ok(None) => return Ok(0),
            Ok(Some(other)) if self.begins_with(&other)? => return Ok(0),
            Ok(Some(other)) => match other.goes_on(last, &hash) {
                Ok(true) => return self.append_audit(&other, last),
                Ok(false) => format!(
                    "it has {} entries and ends with {}",
                    other.last,
                    hex(&other.hash)
                ),
                Err(error) => format!(
                    "it ends with {}, and cannot be read: {error}",
                    hex(&other.hash)
                ),
            },
            Err(error) => format!("it cannot be read: {error}"),
        };
        self.audit(&NewAuditEntry {
            who: "-",
            address: "",
            action: "audit.apart",
            target: &format!("the log of the home that was replaced: {apart}"),
            status: 200,
        })?;
        Ok(0)
    }

    /// Whether all of another log is in ours.
    fn begins_with(&self, other: &Other) -> Result<bool, StoreError> {
        let hash: Option<[u8; 32]> = self.read(|tx| {
            let sql = "SELECT hash FROM audit WHERE id = ?";
            let hash = tx.query_row(sql, [other.last], |row| row.get(0));
            Ok(hash.optional()?)
        })?;
        Ok(other.last == 0 || hash == Some(other.hash))
    }

    /// Appends the entries of another log after one that both have.
    fn append_audit(&self, other: &Other, last: i64) -> Result<u64, StoreError> {
        self.write(|tx| {
            let mut carried = 0;
            other.each_after(last, &mut |entry, hash| {
                carried += 1;
                entry.insert(tx, hash)
            })?;
            Ok(carried)
        })
    }

    /// Up to `limit` entries before one, the newest first: a page at a time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit_entries(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_ENTRY} WHERE id < ? ORDER BY id DESC LIMIT ?");
            let mut statement = tx.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let before = before.map_or(i64::MAX, sql_id);
            let entries = statement.query_map(params![before, limit], entry)?;
            Ok(entries.collect::<Result<_, _>>()?)
        })
    }

    /// Looks whether the log is as it was written.
    ///
    /// # Errors
    /// Those of the database. That it was changed is none: see [`AuditCheck::problem`].
    pub fn check_audit(&self) -> Result<AuditCheck, StoreError> {
        self.read(check_chain)
    }

    /// Writes the whole log, the oldest entry first.
    ///
    /// # Errors
    /// Those of the database; what cannot be written ends as [`io::Error`] inside.
    pub fn export_audit(
        &self,
        format: AuditFormat,
        to: &mut dyn Write,
    ) -> Result<io::Result<()>, StoreError> {
        let mut writer = Export::new(format, to);
        let mut after = 0;
        loop {
            let page: Vec<AuditEntry> = self.read(|tx| {
                let sql = format!("{SELECT_ENTRY} WHERE id > ? ORDER BY id LIMIT ?");
                let mut statement = tx.prepare_cached(&sql)?;
                let entries = statement.query_map(params![after, PAGE as i64], entry)?;
                Ok(entries.collect::<Result<_, _>>()?)
            })?;
            let Some(last) = page.last() else {
                return Ok(writer.finish());
            };
            after = sql_id(last.id);
            for entry in &page {
                if let Err(error) = writer.write(entry) {
                    return Ok(Err(error));
                }
            }
        }
    }
}

/// The number of entries, and the hash of the last one.
fn end(connection: &Connection) -> rusqlite::Result<(i64, [u8; 32])> {
    let sql = "SELECT entries, hash FROM audit_end";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The log of another home.
struct Other {
    database: Connection,
    last: i64,
    hash: [u8; 32],
}

impl Other {
    /// `None` where there is no log: no database, or one of a time before there were logs.
    fn open(database: &Path) -> rusqlite::Result<Option<Other>> {
        if !database.is_file() {
            return Ok(None);
        }
        let database = schema::connect_reader(database, Access::ReadWrite)?;
        let sql = "SELECT count(*) FROM sqlite_master WHERE name = 'audit_end'";
        if database.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(None);
        }
        let (last, hash) = end(&database)?;
        Ok(Some(Other {
            database,
            last,
            hash,
        }))
    }

    /// Whether it has the same entry at that place, and is as it was written from there to its end.
    fn goes_on(&self, last: i64, hash: &[u8; 32]) -> rusqlite::Result<bool> {
        let mut previous = match last {
            0 => [0; 32],
            _ => {
                let sql = "SELECT hash FROM audit WHERE id = ?";
                let found = self.database.query_row(sql, [last], |row| row.get(0));
                match found.optional()? {
                    Some(found) => found,
                    None => return Ok(false),
                }
            }
        };
        let mut whole = previous == *hash;
        let mut at = last;
        self.each_after(last, &mut |entry, stored| {
            at += 1;
            whole &= entry.id == at && entry.hash(&previous) == *stored;
            previous = *stored;
            Ok(())
        })?;
        Ok(whole && (at, previous) == (self.last, self.hash))
    }

    fn each_after(
        &self,
        last: i64,
        take: &mut dyn FnMut(Chained, &[u8; 32]) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let sql = format!("{SELECT_ENTRY} WHERE id > ? ORDER BY id");
        let mut statement = self.database.prepare(&sql)?;
        let mut rows = statement.query([last])?;
        while let Some(row) = rows.next()? {
            let (entry, hash) = chained(row)?;
            take(entry, &hash)?;
        }
        Ok(())
    }
}

/// What is wrong with the log, for [`check`](crate::check).
pub(crate) fn audit_problem(
    tx: &Transaction<'_>,
) -> Result<(u64, Option<(String, Exactly)>), Failure> {
    let check = check_chain(tx)?;
    Ok((check.entries, check.problem.zip(check.exactly)))
}

fn check_chain(tx: &Transaction<'_>) -> Result<AuditCheck, Failure> {
    let mut statement = tx.prepare(&format!("{SELECT_ENTRY} ORDER BY id"))?;
    let mut rows = statement.query([])?;
    let mut previous = [0; 32];
    let mut entries = 0;
    let mut problem = None;
    while let Some(row) = rows.next()? {
        entries += 1;
        let (chained, stored) = chained(row)?;
        if problem.is_none() {
            problem = match () {
                () if chained.id != entries => Some((
                    format!("entry {entries} of the audit log is gone"),
                    exactly("audit_gone", [id(entries)]),
                )),
                () if chained.hash(&previous) != stored => Some((
                    format!("entry {entries} of the audit log, or the one before it, was changed"),
                    exactly("audit_changed", [id(entries)]),
                )),
                () => None,
            };
        }
        previous = stored;
    }
    let (expected, hash) = end(tx)?;
    if problem.is_none() && (expected, hash) != (entries, previous) {
        problem = Some((
            format!("the audit log ends with entry {entries}, but entry {expected} was its last"),
            exactly("audit_end", [id(entries), id(expected)]),
        ));
    }
    let (problem, exactly) = problem.unzip();
    Ok(AuditCheck {
        entries: entries.cast_unsigned(),
        hash: hex(&previous),
        problem,
        exactly,
    })
}

/// What an entry's hash is over.
struct Chained {
    id: i64,
    time: i64,
    texts: [String; 4],
    status: u16,
}

impl Chained {
    /// Lengths stand before texts, so that no two entries are the same bytes.
    fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(self.id.to_le_bytes());
        hash.update(self.time.to_le_bytes());
        for text in &self.texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(self.status.to_le_bytes());
        hash.finalize().into()
    }

    /// Adds it at the end of the log.
    fn insert(&self, tx: &Transaction<'_>, hash: &[u8; 32]) -> rusqlite::Result<()> {
        let [who, address, action, target] = &self.texts;
        tx.prepare_cached(
            "INSERT INTO audit (id, time, who, address, action, target, status, hash)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            self.id,
            self.time,
            who,
            address,
            action,
            target,
            self.status,
            hash
        ])?;
        let sql = "UPDATE audit_end SET entries = ?, hash = ?";
        tx.prepare_cached(sql)?.execute(params![self.id, hash])?;
        Ok(())
    }
}

/// An entry and its hash.
fn chained(row: &Row<'_>) -> rusqlite::Result<(Chained, [u8; 32])> {
    let entry = Chained {
        id: row.get(0)?,
        time: row.get(1)?,
        texts: [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?],
        status: row.get(6)?,
    };
    Ok((entry, row.get(7)?))
}

/// A text as it is kept: of a bounded length, on one line.
fn held(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{FFFD}' } else { c };
    text.chars().take(MOST_CHARS).map(plain).collect()
}

const SELECT_ENTRY: &str = "SELECT id, time, who, address, action, target, status, hash FROM audit";

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        time: row.get(1)?,
        who: row.get(2)?,
        address: row.get(3)?,
        action: row.get(4)?,
        target: row.get(5)?,
        status: row.get(6)?,
        hash: hex(row.get_ref(7)?.as_blob()?),
    })
}

enum Export<'w> {
    Csv(Box<csv::Writer<&'w mut dyn Write>>, bool),
    Lines(&'w mut dyn Write),
}

impl<'w> Export<'w> {
    fn new(format: AuditFormat, to: &'w mut dyn Write) -> Self {
        match format {
            AuditFormat::Csv => Self::Csv(Box::new(csv::Writer::from_writer(to)), false),
            AuditFormat::Jsonl => Self::Lines(to),
        }
    }

    fn write(&mut self, entry: &AuditEntry) -> io::Result<()> {
        match self {
            Self::Csv(csv, begun) => {
                if !std::mem::replace(begun, true) {
                    // The mark tells spreadsheets that it is UTF-8.
                    csv.write_record([
                        "\u{FEFF}id",
                        "time",
                        "who",
                        "address",
                        "action",
                        "target",
                        "status",
                        "hash",
                    ])?;
                }
                csv.write_record([
                    entry.id.to_string(),
                    time::rfc3339(entry.time),
                    no_formula(&entry.who),
                    entry.address.clone(),
                    entry.action.clone(),
                    no_formula(&entry.target),
                    entry.status.to_string(),
                    entry.hash.clone(),
                ])?;
            }
            Self::Lines(to) => {
                serde_json::to_writer(&mut **to, entry)?;
                writeln!(to)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv(mut csv, _) => csv.flush(),
            Self::Lines(to) => to.flush(),
        }
    }
}
