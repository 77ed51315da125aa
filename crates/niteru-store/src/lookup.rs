//! Deciding, without decoding it, what a file needs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::Candidate;
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

/// Looks files up in the database, on a connection of its own.
pub(crate) struct Lookup {
    connection: Connection,
    collection: String,
    fingerprint: String,
}

struct Known {
    sha256: [u8; 32],
    bytes: i64,
    modified: Option<i64>,
    missing: bool,
}

impl Lookup {
    pub(crate) fn new(connection: Connection, collection: String, fingerprint: String) -> Self {
        Self {
            connection,
            collection,
            fingerprint,
        }
    }

    pub(crate) fn classify(&self, file: Candidate) -> Result<Verdict, rusqlite::Error> {
        let Some(stored) = paths::to_bytes(&file.path) else {
            let reason = "its path is not Unicode, which this system cannot store".into();
            return Ok(Verdict::Skip(file.path, reason));
        };
        let known = self.known(stored)?;
        let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
        let mut hash = None;
        if let Some(known) = known
            && known.bytes == bytes
        {
            if file.modified.is_some() && file.modified == known.modified {
                return Ok(match known.missing {
                    false => Verdict::Unchanged,
                    true => Verdict::Write(Write::Touch {
                        file,
                        sha256: known.sha256,
                    }),
                });
            }
            // A file that cannot be read is the encoder's to report.
            hash = sha256(&file.path).ok();
            if hash == Some(known.sha256) {
                return Ok(Verdict::Write(Write::Touch {
                    file,
                    sha256: known.sha256,
                }));
            }
        }
        // Contents are hashed here only if some stored image has the same length.
        if hash.is_none() && self.has_twin_candidate(bytes)? {
            hash = sha256(&file.path).ok();
        }
        match hash {
            Some(sha256) => Ok(match self.twin(&file, bytes, sha256)? {
                Some(image) => Verdict::Write(Write::Put(image)),
                None => Verdict::Embed(file),
            }),
            None => Ok(Verdict::Embed(file)),
        }
    }

    fn known(&self, path: &[u8]) -> rusqlite::Result<Option<Known>> {
        self.connection
            .prepare_cached(
                "SELECT i.sha256, i.bytes, i.modified, i.missing
                 FROM images i JOIN collections c ON c.id = i.collection
                 WHERE c.name = ? AND i.path = ?",
            )?
            .query_row(params![self.collection, path], |row| {
                Ok(Known {
                    sha256: row.get(0)?,
                    bytes: row.get(1)?,
                    modified: row.get(2)?,
                    missing: row.get(3)?,
                })
            })
            .optional()
    }

    fn has_twin_candidate(&self, bytes: i64) -> rusqlite::Result<bool> {
        self.connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM images WHERE bytes = ?)")?
            .query_row([bytes], |row| row.get(0))
    }

    /// The image row for contents that the same encoder has embedded before.
    fn twin(
        &self,
        file: &Candidate,
        bytes: i64,
        sha256: [u8; 32],
    ) -> rusqlite::Result<Option<Image>> {
        self.connection
            .prepare_cached(
                "SELECT i.width, i.height, e.vector
                 FROM images i
                 JOIN embeddings e ON e.image = i.id
                 JOIN encoders c ON c.id = e.encoder
                 WHERE i.bytes = ? AND i.sha256 = ? AND c.fingerprint = ? LIMIT 1",
            )?
            .query_row(params![bytes, sha256, self.fingerprint], |row| {
                Ok(Image {
                    file: file.clone(),
                    sha256,
                    width: row.get(0)?,
                    height: row.get(1)?,
                    vector: row.get(2)?,
                    reused: true,
                })
            })
            .optional()
    }
}

/// The sha256 of a file's contents.
fn sha256(path: &Path) -> io::Result<[u8; 32]> {
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
