//! Deciding, without decoding it, what a file needs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use niteru_imaging::Likeness;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::Candidate;
use crate::known::Known;
use crate::paths;
use crate::sink::{Image, Write};

/// What is to be done with a file.
pub(crate) enum Verdict {
    /// Nothing: it is known, and looks as it did.
    Unchanged,
    /// Its embedding is known; this is to be written.
    Write(Write),
    /// The encoder must look at it.
    Embed(Candidate),
    /// It cannot be added.
    Skip(PathBuf, String),
}

/// A file between the two looks at the database, without and with its contents.
pub(crate) enum Looked {
    /// Its contents do not matter.
    Settled(Verdict),
    /// Its contents may be known.
    Compare {
        file: Candidate,
        known: Option<Known>,
    },
}

/// Looks files up in the database, on a connection of its own.
pub(crate) struct Lookup {
    connection: Connection,
    collection: String,
    fingerprint: String,
}

impl Lookup {
    pub(crate) fn new(connection: Connection, collection: String, fingerprint: String) -> Self {
        Self {
            connection,
            collection,
            fingerprint,
        }
    }

    /// Decides about a file by its path, size and time, where these are enough.
    pub(crate) fn look(&self, file: Candidate) -> rusqlite::Result<Looked> {
        if paths::to_bytes(&file.place.path).is_none() {
            let reason = "its path is not Unicode, which this system cannot store".into();
            return Ok(Looked::Settled(Verdict::Skip(file.place.path, reason)));
        }
        let bytes = stored_length(&file);
        let known = self.known(&file)?.filter(|known| known.bytes == bytes);
        if let Some(known) = &known
            && file.modified.is_some()
            && file.modified == known.modified
        {
            let as_stored = !known.missing && *known.place_for(&file) == known.place;
            return Ok(Looked::Settled(match as_stored {
                true => Verdict::Unchanged,
                false => touch(file, known.sha256),
            }));
        }
        // Reading a file is worth it only if some stored image has the same length.
        if known.is_some() || self.has_twin_candidate(bytes)? {
            return Ok(Looked::Compare { file, known });
        }
        Ok(Looked::Settled(Verdict::Embed(file)))
    }

    /// Decides about a file whose contents have this hash. `None`: it could not be read.
    pub(crate) fn compare(
        &self,
        file: Candidate,
        known: Option<&Known>,
        hash: Option<[u8; 32]>,
    ) -> rusqlite::Result<Verdict> {
        // A file that cannot be read is the encoder's to report.
        let Some(sha256) = hash else {
            return Ok(Verdict::Embed(file));
        };
        if known.is_some_and(|known| known.sha256 == sha256) {
            return Ok(touch(file, sha256));
        }
        Ok(match self.twin(&file, sha256)? {
            Some(image) => Verdict::Write(Write::Put(image)),
            None => Verdict::Embed(file),
        })
    }

    fn known(&self, file: &Candidate) -> rusqlite::Result<Option<Known>> {
        let collection = self
            .connection
            .prepare_cached("SELECT id FROM collections WHERE name = ?")?
            .query_row([&self.collection], |row| row.get(0))
            .optional()?;
        match collection {
            Some(collection) => Known::find(&self.connection, collection, file),
            None => Ok(None),
        }
    }

    fn has_twin_candidate(&self, bytes: i64) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM images WHERE bytes = ?)")?
            .query_row([bytes], |row| row.get(0))
    }

    /// The image row for contents that the same encoder has embedded before.
    fn twin(&self, file: &Candidate, sha256: [u8; 32]) -> rusqlite::Result<Option<Image>> {
        let bytes = stored_length(file);
        self.connection
            .prepare_cached(
                "SELECT i.width, i.height, e.vector, l.likeness
                 FROM images i
                 JOIN embeddings e ON e.image = i.id
                 JOIN encoders c ON c.id = e.encoder
                 LEFT JOIN likenesses l ON l.image = i.id
                 WHERE i.bytes = ? AND i.sha256 = ? AND c.fingerprint = ? LIMIT 1",
            )?
            .query_row(params![bytes, sha256, self.fingerprint], |row| {
                Ok(Image {
                    file: file.clone(),
                    sha256,
                    width: row.get(0)?,
                    height: row.get(1)?,
                    vector: row.get(2)?,
                    likeness: row
                        .get_ref(3)?
                        .as_blob_or_null()?
                        .and_then(Likeness::from_bytes)
                        .map(Box::new),
                    reused: true,
                })
            })
            .optional()
    }
}

impl Looked {
    /// The hash of the contents, where it matters and the file can be read.
    pub(crate) fn hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::Settled(_) => None,
            Self::Compare { file, .. } => sha256(file.as_ref()).ok(),
        }
    }
}

fn touch(file: Candidate, sha256: [u8; 32]) -> Verdict {
    Verdict::Write(Write::Touch { file, sha256 })
}

fn stored_length(file: &Candidate) -> i64 {
    i64::try_from(file.bytes).unwrap_or(i64::MAX)
}

/// The sha256 of a file's contents.
pub(crate) fn sha256(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
