//! Photos that people collect for an inspector: they stay until they are taken out, so that collecting may
//! take days and several devices, and the next version begins with what the last one had.

use rusqlite::params;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::collection::{hex, name_problem};
use crate::uploads::from_hex;
use crate::{Home, StoreError, Upload, time};

/// What a collected photo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shows {
    /// A good part.
    Good,
    /// A bad part.
    Bad,
    /// In white, the area of the photos that counts. There is one at most: the last.
    Area,
}

/// The photos of an inspector, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CollectedPhotos {
    /// Of good parts.
    pub good: Vec<Upload>,
    /// Of bad parts.
    pub bad: Vec<Upload>,
    /// What is white in it counts; `null`: all.
    pub area: Option<Upload>,
}

/// A name under which photos were collected and nothing was trained yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Collecting {
    /// The name.
    pub name: String,
    /// Photos of good parts.
    pub good: u64,
    /// Photos of bad parts.
    pub bad: u64,
}

impl Shows {
    fn name(self) -> &'static str {
        match self {
            Shows::Good => "good",
            Shows::Bad => "bad",
            Shows::Area => "area",
        }
    }
}

impl Home {
    /// Adds uploads to the photos of an inspector, which need not be there yet. One that is among them
    /// already shows from now on what is said now; returns how many showed something else before.
    ///
    /// # Errors
    /// [`StoreError::InspectorName`], and those of the database.
    pub fn collect_photos(
        &self,
        inspector: &str,
        shows: Shows,
        photos: &[Upload],
    ) -> Result<u64, StoreError> {
        if let Some(reason) = name_problem(inspector) {
            let name = inspector.into();
            return Err(StoreError::InspectorName { name, reason });
        }
        self.write(|tx| {
            if shows == Shows::Area {
                let sql = "DELETE FROM inspector_photos WHERE inspector = ? AND shows = 'area'";
                tx.execute(sql, [inspector])?;
            }
            let sql = "UPDATE inspector_photos SET shows = ?3
                       WHERE inspector = ?1 AND sha256 = ?2 AND shows <> ?3";
            let mut other = tx.prepare(sql)?;
            let sql =
                "INSERT INTO inspector_photos (inspector, sha256, shows, added) VALUES (?, ?, ?, ?)
                       ON CONFLICT DO NOTHING";
            let mut statement = tx.prepare(sql)?;
            let mut moved = 0;
            for (at, photo) in photos.iter().enumerate() {
                // Of one request, too, the order is kept.
                let added = time::now() + at as i64;
                let sha256 = from_hex(&photo.sha256);
                moved += other.execute(params![inspector, sha256, shows.name()])? as u64;
                statement.execute(params![inspector, sha256, shows.name(), added])?;
            }
            Ok(moved)
        })
    }

    /// The photos of an inspector; none of a name that nothing was collected under.
    ///
    /// # Errors
    /// Those of the database.
    pub fn collected_photos(&self, inspector: &str) -> Result<CollectedPhotos, StoreError> {
        self.read(|tx| {
            let sql = "SELECT p.shows, u.sha256, u.name, u.bytes, u.width, u.height
                       FROM inspector_photos p JOIN uploads u USING (sha256)
                       WHERE p.inspector = ? ORDER BY p.added, u.name, u.sha256";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query([inspector])?;
            let mut photos = CollectedPhotos::default();
            while let Some(row) = rows.next()? {
                let shows: String = row.get(0)?;
                let upload = Upload {
                    sha256: hex(&row.get::<_, Vec<u8>>(1)?),
                    name: row.get(2)?,
                    bytes: row.get::<_, i64>(3)?.cast_unsigned(),
                    width: row.get(4)?,
                    height: row.get(5)?,
                };
                match shows.as_str() {
                    "good" => photos.good.push(upload),
                    "bad" => photos.bad.push(upload),
                    _ => photos.area = Some(upload),
                }
            }
            Ok(photos)
        })
    }

    /// Takes photos out of those of an inspector, all where `only` is `None`; returns how many. The uploads
    /// themselves go when nothing else refers to them.
    ///
    /// # Errors
    /// Those of the database.
    pub fn discard_photos(
        &self,
        inspector: &str,
        only: Option<&[String]>,
    ) -> Result<u64, StoreError> {
        self.write(|tx| {
            let Some(only) = only else {
                let sql = "DELETE FROM inspector_photos WHERE inspector = ?";
                return Ok(tx.execute(sql, [inspector])? as u64);
            };
            let sql = "DELETE FROM inspector_photos WHERE inspector = ? AND sha256 = ?";
            let mut statement = tx.prepare(sql)?;
            let mut discarded = 0;
            for sha256 in only.iter().filter_map(|sha256| from_hex(sha256)) {
                discarded += statement.execute(params![inspector, sha256])? as u64;
            }
            Ok(discarded)
        })
    }

    /// The names that photos are collected under and that nothing was trained under yet.
    ///
    /// # Errors
    /// Those of the database.
    pub fn collecting(&self) -> Result<Vec<Collecting>, StoreError> {
        self.read(|tx| {
            let sql =
                "SELECT inspector, sum(shows = 'good'), sum(shows = 'bad') FROM inspector_photos
                       WHERE inspector NOT IN (SELECT name FROM inspectors)
                       GROUP BY inspector ORDER BY inspector";
            let mut statement = tx.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(Collecting {
                    name: row.get(0)?,
                    good: row.get::<_, i64>(1)?.cast_unsigned(),
                    bad: row.get::<_, i64>(2)?.cast_unsigned(),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
