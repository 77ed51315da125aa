//! Which photos were dealt with, in the database.

use std::path::Path;

use rusqlite::{OptionalExtension, Transaction, params};

use super::photo::{Arrived, Stamp};
use crate::{Home, NewInspection, StoreError, paths};

/// What became of a photo.
#[derive(Clone, Copy)]
pub(super) enum Became {
    /// It was there before the watch began.
    Left,
    /// Its contents of this hash were judged.
    Judged([u8; 32]),
    /// It cannot be used.
    Refused,
}

impl Home {
    /// Those of some photos that look otherwise than when they were dealt with, or never were.
    pub(super) fn not_dealt_with(
        &self,
        inspector: &str,
        photos: Vec<Arrived>,
    ) -> Result<Vec<Arrived>, StoreError> {
        if photos.is_empty() {
            return Ok(photos);
        }
        self.read(|tx| {
            let mut news = Vec::new();
            for photo in photos {
                // What this system cannot store could not be recorded, either.
                let Some(path) = paths::to_bytes(&photo.path) else {
                    continue;
                };
                let sql =
                    "SELECT bytes, modified FROM watched_photos WHERE inspector = ? AND path = ?";
                let known = tx
                    .prepare_cached(sql)?
                    .query_row(params![inspector, path], |row| {
                        Ok(Stamp {
                            bytes: row.get::<_, i64>(0)?.cast_unsigned(),
                            modified: row.get(1)?,
                        })
                    })
                    .optional()?;
                if known != Some(photo.stamp) {
                    news.push(photo);
                }
            }
            Ok(news)
        })
    }

    /// Writes down what became of photos.
    pub(super) fn deal_with(
        &self,
        inspector: &str,
        photos: &[Arrived],
        became: Became,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            for photo in photos {
                write_down(tx, inspector, photo, became)?;
            }
            Ok(())
        })
    }

    /// Whether these contents of a photo were judged already, however its time has changed.
    pub(super) fn was_judged(
        &self,
        inspector: &str,
        photo: &Arrived,
        sha256: &[u8; 32],
    ) -> Result<bool, StoreError> {
        self.read(|tx| Ok(is_judged(tx, inspector, &photo.path, sha256)?))
    }

    /// Records the decision on a photo, and that it was dealt with: both or neither. `None` where somebody else has
    /// judged it meanwhile.
    pub(super) fn record_watched(
        &self,
        name: &str,
        photo: &Arrived,
        inspector: u64,
        record: &NewInspection,
    ) -> Result<Option<u64>, StoreError> {
        let ids = self.record_if(inspector, std::slice::from_ref(record), |tx| {
            let judged = is_judged(tx, name, &photo.path, &record.sha256)?;
            write_down(tx, name, photo, Became::Judged(record.sha256))?;
            Ok(!judged)
        })?;
        Ok(ids.first().copied())
    }

    /// Forgets what became of photos, but for those that were judged.
    pub(super) fn forget_unjudged(
        &self,
        inspector: &str,
        photos: &[Arrived],
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "DELETE FROM watched_photos
                       WHERE inspector = ? AND path = ? AND became <> 'judged'";
            let mut statement = tx.prepare_cached(sql)?;
            for photo in photos {
                statement.execute(params![inspector, paths::to_bytes(&photo.path)])?;
            }
            Ok(())
        })
    }
}

fn is_judged(
    tx: &Transaction<'_>,
    inspector: &str,
    path: &Path,
    sha256: &[u8; 32],
) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM watched_photos
                   WHERE inspector = ? AND path = ? AND became = 'judged' AND sha256 = ?)";
    tx.prepare_cached(sql)?
        .query_row(params![inspector, paths::to_bytes(path), sha256], |row| {
            row.get(0)
        })
}

fn write_down(
    tx: &Transaction<'_>,
    inspector: &str,
    photo: &Arrived,
    became: Became,
) -> rusqlite::Result<()> {
    let Some(path) = paths::to_bytes(&photo.path) else {
        return Ok(());
    };
    let (became, sha256) = match became {
        Became::Left => ("left", None),
        Became::Judged(sha256) => ("judged", Some(sha256)),
        Became::Refused => ("refused", None),
    };
    let sql = "INSERT INTO watched_photos (inspector, path, bytes, modified, became, sha256)
               VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET bytes = excluded.bytes, modified = excluded.modified,
                   became = excluded.became, sha256 = excluded.sha256";
    let Stamp { bytes, modified } = photo.stamp;
    let values = params![
        inspector,
        path,
        bytes.cast_signed(),
        modified,
        became,
        sha256
    ];
    tx.prepare_cached(sql)?.execute(values).map(drop)
}
