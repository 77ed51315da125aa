//! Where the results of adding are gathered and committed.

mod missing;
mod moved;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use niteru_imaging::Likeness;
use rusqlite::{Transaction, params};

use crate::collection::{check_identity, find, next_change, vector_blob};
use crate::error::Failure;
use crate::follow::Follow;
use crate::known::{Known, Place};
use crate::lookup::Lookup;
use crate::skip::{DuplicateFilter, SkippedDuplicate};
use crate::{
    AddProgress, AddReport, Candidate, EmbeddedFile, EncoderIdentity, Home, Skipped, StoreError,
    WatchEvent, paths, time,
};

pub(crate) use self::missing::is_gone;

/// Most results that wait for a commit: what a crash can cost, and what memory they take.
const BATCH: usize = 256;

/// Longest time that a result waits for a commit while others come in.
const PATIENCE: Duration = Duration::from_secs(1);

/// A change to be committed.
pub(crate) enum Write {
    /// An image with its embedding, new or changed.
    Put(Image),
    /// A known image with known contents: its time has changed, or its file is there again.
    Touch { file: Candidate, sha256: [u8; 32] },
}

/// An image to be stored.
pub(crate) struct Image {
    pub(crate) file: Candidate,
    pub(crate) sha256: [u8; 32],
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The stored form of the embedding.
    pub(crate) vector: Vec<u8>,
    pub(crate) likeness: Option<Box<Likeness>>,
    /// Whether the embedding was copied.
    pub(crate) reused: bool,
}

impl Image {
    pub(crate) fn embedded(mut file: Candidate, embedded: &EmbeddedFile) -> Self {
        if file.bytes != embedded.bytes {
            // It changed between looking and reading: what was read counts, the time does not.
            file.bytes = embedded.bytes;
            file.modified = None;
        }
        let EmbeddedFile {
            sha256,
            width,
            height,
            ..
        } = *embedded;
        let vector = vector_blob(&embedded.embedding);
        let likeness = embedded.likeness.clone().map(Box::new);
        Self {
            file,
            sha256,
            width,
            height,
            vector,
            likeness,
            reused: false,
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
enum Outcome {
    Added {
        id: u64,
        reused: bool,
    },
    Updated {
        id: u64,
        reused: bool,
    },
    /// A known image whose file was there before.
    Moved {
        id: u64,
        from: PathBuf,
    },
    /// A known image whose file had been gone.
    Returned {
        id: u64,
    },
    Unchanged,
    /// The collection has it already, under another path.
    Duplicate(SkippedDuplicate),
    /// The image to be touched was removed or altered by someone else meanwhile.
    Overtaken,
}

/// Gathers results and commits them in batches.
pub(crate) struct Sink<'a> {
    home: &'a Home,
    name: &'a str,
    identity: &'a EncoderIdentity,
    collection: Option<i64>,
    started: Instant,
    pending: Vec<Write>,
    pending_since: Option<Instant>,
    done: u64,
    /// What new images are compared with, where duplicates are to be skipped.
    duplicates: Option<DuplicateFilter>,
    /// Who is told of every change, and keeps images that have moved.
    follow: Option<&'a dyn Follow>,
    report: AddReport,
    /// The error that ended the run.
    pub(crate) failure: Option<StoreError>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(
        home: &'a Home,
        name: &'a str,
        identity: &'a EncoderIdentity,
        collection: Option<i64>,
        duplicates: Option<DuplicateFilter>,
        follow: Option<&'a dyn Follow>,
        started: Instant,
    ) -> Self {
        let report = AddReport {
            collection: name.into(),
            model: identity.model.clone(),
            ..AddReport::default()
        };
        Self {
            home,
            name,
            identity,
            collection,
            started,
            pending: Vec::with_capacity(BATCH),
            pending_since: None,
            done: 0,
            duplicates,
            follow,
            report,
            failure: None,
        }
    }

    pub(crate) fn lookup(&self, connection: rusqlite::Connection) -> Lookup {
        Lookup::new(
            connection,
            self.name.into(),
            self.identity.fingerprint.clone(),
        )
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.identity.dimensions
    }

    pub(crate) fn add_find_time(&mut self, time: Duration) {
        self.report.stages.find += time.as_secs_f64();
    }

    pub(crate) fn unchanged(&mut self) {
        self.done += 1;
        self.report.unchanged += 1;
    }

    pub(crate) fn push(&mut self, write: Write) {
        self.done += 1;
        self.pending.push(write);
        self.pending_since.get_or_insert_with(Instant::now);
    }

    /// A file that is not added.
    pub(crate) fn skip_file(&mut self, skipped: Skipped) {
        self.done += 1;
        self.report.skipped.push(skipped);
    }

    /// Something else that is not used.
    pub(crate) fn skip(&mut self, path: PathBuf, reason: String) {
        self.report.skipped.push(Skipped {
            path,
            reason,
            exactly: None,
        });
    }

    pub(crate) fn fail(&mut self, error: rusqlite::Error) {
        self.failure = Some(self.home.failed(error));
    }

    pub(crate) fn report_mut(&mut self) -> &mut AddReport {
        &mut self.report
    }

    pub(crate) fn into_report(self) -> AddReport {
        self.report
    }

    pub(crate) fn progress(&self, total: Option<u64>) -> AddProgress {
        AddProgress {
            done: self.done,
            total,
            stored: self.done - self.pending.len() as u64,
            skipped: self.report.skipped.len() as u64,
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }

    pub(crate) fn flush_if_due(&mut self) -> Result<(), StoreError> {
        let waited = self
            .pending_since
            .is_some_and(|since| since.elapsed() >= PATIENCE);
        if self.pending.len() >= BATCH || waited {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Commits what waits.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let now = time::now();
        let mut duplicates = self.duplicates.take();
        let follow = self.follow;
        let (collection, outcomes) = self.home.write(|tx| {
            let (collection, encoder) = open_collection(tx, self.name, self.identity, now)?;
            if let Some(duplicates) = &mut duplicates {
                duplicates.catch_up(tx, collection)?;
            }
            let outcomes: Result<Vec<Outcome>, Failure> = self
                .pending
                .iter()
                .map(|write| match write {
                    Write::Put(image) => {
                        let duplicates = duplicates.as_mut();
                        put(tx, collection, encoder, image, duplicates, follow, now)
                    }
                    Write::Touch { file, sha256 } => touch(tx, collection, file, sha256),
                })
                .collect();
            Ok((collection, outcomes?))
        })?;
        self.duplicates = duplicates;
        self.collection = Some(collection);
        let pending = std::mem::take(&mut self.pending);
        for (write, outcome) in pending.into_iter().zip(outcomes) {
            self.count(write, outcome);
        }
        self.pending_since = None;
        self.report.stages.store += started.elapsed().as_secs_f64();
        Ok(())
    }

    fn count(&mut self, write: Write, outcome: Outcome) {
        let (Write::Put(Image { file, .. }) | Write::Touch { file, .. }) = write;
        match outcome {
            Outcome::Added { id, reused } => {
                self.report.added += 1;
                self.report.reused += u64::from(reused);
                self.tell(|| WatchEvent::Added {
                    path: file.place.path,
                    id,
                });
            }
            Outcome::Updated { id, reused } => {
                self.report.updated += 1;
                self.report.reused += u64::from(reused);
                self.tell(|| WatchEvent::Updated {
                    path: file.place.path,
                    id,
                });
            }
            Outcome::Moved { id, from } => {
                self.report.unchanged += 1;
                self.tell(|| WatchEvent::Moved {
                    path: file.place.path,
                    from,
                    id,
                });
            }
            Outcome::Returned { id } => {
                self.report.unchanged += 1;
                self.tell(|| WatchEvent::Returned {
                    path: file.place.path,
                    id,
                });
            }
            Outcome::Unchanged => self.report.unchanged += 1,
            Outcome::Duplicate(duplicate) => {
                if let Some(follow) = self.follow {
                    follow.refused(&file);
                }
                self.report.duplicates.push(duplicate);
            }
            Outcome::Overtaken => {
                let reason = "removed or changed by another process meanwhile: add it again";
                self.skip(file.place.path, reason.into());
            }
        }
    }

    fn tell(&self, event: impl FnOnce() -> WatchEvent) {
        if let Some(follow) = self.follow {
            follow.tell(event());
        }
    }

    /// The collection's id, if it exists by now.
    pub(crate) fn collection(&self) -> Option<i64> {
        self.collection
    }

    pub(crate) fn home(&self) -> &'a Home {
        self.home
    }
}

/// The collection and its encoder, made if need be; refused if it has another encoder by now.
pub(crate) fn open_collection(
    tx: &Transaction<'_>,
    name: &str,
    identity: &EncoderIdentity,
    now: i64,
) -> Result<(i64, i64), Failure> {
    let encoder = "SELECT id FROM encoders WHERE fingerprint = ?";
    if let Some((id, own)) = find(tx, name)? {
        check_identity(name, &own, identity)?;
        let encoder = tx.query_row(encoder, [&own.fingerprint], |row| row.get(0))?;
        return Ok((id, encoder));
    }
    tx.execute(
        "INSERT INTO encoders (fingerprint, model, dimensions, precision, exact_decode, framing)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING",
        params![
            identity.fingerprint,
            identity.model,
            identity.dimensions as i64,
            identity.precision,
            identity.exact_decode,
            identity.framing
        ],
    )?;
    let encoder: i64 = tx.query_row(encoder, [&identity.fingerprint], |row| row.get(0))?;
    tx.execute(
        "INSERT INTO collections (name, encoder, created) VALUES (?, ?, ?)",
        params![name, encoder, now],
    )?;
    Ok((tx.last_insert_rowid(), encoder))
}

/// Inserts or alters an image. What is in the database now decides, not what was when the file
/// was looked at.
fn put(
    tx: &Transaction<'_>,
    collection: i64,
    encoder: i64,
    image: &Image,
    duplicates: Option<&mut DuplicateFilter>,
    follow: Option<&dyn Follow>,
    now: i64,
) -> Result<Outcome, Failure> {
    let Image {
        file,
        sha256,
        width,
        height,
        vector,
        likeness,
        reused,
    } = image;
    let known = Known::find(tx, collection, file)?;
    if known.as_ref().is_some_and(|known| known.sha256 == *sha256) {
        return touch(tx, collection, file, sha256);
    }
    let moved = match (&known, follow) {
        (None, Some(follow)) => moved::find(tx, collection, image, follow)?,
        _ => None,
    };
    if known.is_none()
        && moved.is_none()
        && let Some(duplicates) = &duplicates
        && let Some(duplicate) = duplicates.find(tx, collection, image)?
    {
        return Ok(Outcome::Duplicate(duplicate));
    }
    let place = match &known {
        Some(known) => known.place_for(file),
        None => &file.place,
    };
    let (path, target) = stored_place(place);
    let change = next_change(tx)?;
    let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
    let own = known.as_ref().map(|known| known.id);
    let own = own.or(moved.as_ref().map(|moved| moved.id));
    let id = if let Some(id) = own {
        tx.prepare_cached(
            "UPDATE images SET path = ?, target = ?, sha256 = ?, bytes = ?, modified = ?,
                               width = ?, height = ?, missing = 0, change = ? WHERE id = ?",
        )?
        .execute(params![
            path,
            target,
            sha256,
            bytes,
            file.modified,
            width,
            height,
            change,
            id
        ])?;
        id
    } else {
        tx.prepare_cached(
            "INSERT INTO images (collection, path, target, sha256, bytes, modified, width, height,
                                 added, change)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            collection,
            path,
            target,
            sha256,
            bytes,
            file.modified,
            width,
            height,
            now,
            change
        ])?;
        tx.last_insert_rowid()
    };
    tx.prepare_cached(
        "INSERT OR REPLACE INTO embeddings (image, encoder, vector, crc32) VALUES (?, ?, ?, ?)",
    )?
    .execute(params![id, encoder, vector, crc32fast::hash(vector)])?;
    put_likeness(tx, id, likeness.as_deref())?;
    if let (Some(duplicates), Some(likeness)) = (duplicates, likeness) {
        duplicates.insert(id, likeness);
    }
    let (id, reused) = (id.cast_unsigned(), *reused);
    Ok(match moved {
        Some(moved) => Outcome::Moved {
            id,
            from: moved.from,
        },
        None if known.is_some() => Outcome::Updated { id, reused },
        None => Outcome::Added { id, reused },
    })
}

/// Stores what an image looks like, or forgets what it looked like before.
fn put_likeness(
    tx: &Transaction<'_>,
    image: i64,
    likeness: Option<&Likeness>,
) -> rusqlite::Result<()> {
    match likeness {
        Some(likeness) => tx
            .prepare_cached("INSERT OR REPLACE INTO likenesses (image, likeness) VALUES (?, ?)")?
            .execute(params![image, likeness.to_bytes()])?,
        None => tx
            .prepare_cached("DELETE FROM likenesses WHERE image = ?")?
            .execute([image])?,
    };
    Ok(())
}

/// Remembers the time, and the place, of an image whose contents are as they were.
fn touch(
    tx: &Transaction<'_>,
    collection: i64,
    file: &Candidate,
    sha256: &[u8; 32],
) -> Result<Outcome, Failure> {
    let known = Known::find(tx, collection, file)?.filter(|known| known.sha256 == *sha256);
    let Some(known) = known else {
        return Ok(Outcome::Overtaken);
    };
    let place = known.place_for(file);
    let (path, target) = stored_place(place);
    tx.prepare_cached("UPDATE images SET modified = ?, path = ?, target = ? WHERE id = ?")?
        .execute(params![file.modified, path, target, known.id])?;
    if known.missing || *place != known.place {
        let change = next_change(tx)?;
        tx.prepare_cached("UPDATE images SET missing = 0, change = ? WHERE id = ?")?
            .execute(params![change, known.id])?;
    }
    let id = known.id.cast_unsigned();
    Ok(match known.missing {
        true => Outcome::Returned { id },
        false => Outcome::Unchanged,
    })
}

/// The stored form of a place. A target that cannot be stored is left out: the path is enough.
fn stored_place(place: &Place) -> (&[u8], Option<&[u8]>) {
    let path = paths::to_bytes(&place.path).unwrap_or_default();
    let target = place.target.as_deref().and_then(paths::to_bytes);
    (path, target)
}
