use std::path::{Path, PathBuf};

use half::f16;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Failure;
use crate::image_name::uploaded_as;
use crate::known::id_at;
use crate::lookup::sha256;
use crate::paths;
use crate::sink::open_collection;
use crate::{EncoderIdentity, Home, Metadata, Selection, StoreError, time};

/// Longest name of a collection, in characters.
const NAME_CHARS: usize = 100;

/// A named set of images that share one model.
#[derive(Debug, Clone)]
pub struct Collection<'h> {
    pub(crate) home: &'h Home,
    pub(crate) id: i64,
    name: String,
    identity: EncoderIdentity,
}

/// A collection in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CollectionSummary {
    /// Its name.
    pub name: String,
    /// Name of its model.
    pub model: String,
    /// Fingerprint of its model.
    pub fingerprint: String,
    /// Length of its embeddings.
    pub dimensions: usize,
    /// The precision that its embeddings are computed in.
    pub precision: String,
    /// Whether its images are decoded in full, also where they are much larger than the model's
    /// input.
    pub exact_decode: bool,
    /// Which part of an image its model sees: `centre`, `fit`, `object` or `object-handed`.
    pub framing: String,
    /// Number of images, the missing ones included.
    pub images: u64,
    /// Number of images whose files were gone when last looked for.
    pub missing: u64,
    /// When it was made, milliseconds since 1970 (UTC).
    pub created: i64,
}

/// An image of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Image {
    /// Never changes, and is never given to another image.
    pub id: u64,
    /// Absolute; the way by which the file was first added, while that leads to it. In JSON, what is not UTF-8 in it appears as U+FFFD.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// What an uploaded file was called where it came from; only of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded_as: Option<String>,
    /// Of the file's contents when it was embedded, in hexadecimal.
    pub sha256: String,
    /// Length of the file.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Whether the file was gone when last looked for. Searches leave such images out.
    pub missing: bool,
    /// When it was first added, milliseconds since 1970 (UTC).
    pub added: i64,
    /// Its metadata.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub metadata: Metadata,
}

impl Home {
    /// The collections by name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn collections(&self) -> Result<Vec<CollectionSummary>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT c.name, e.model, e.fingerprint, e.dimensions, c.created,
                        (SELECT count(*) FROM images i WHERE i.collection = c.id),
                        (SELECT count(*) FROM images i WHERE i.collection = c.id AND i.missing = 1),
                        e.precision, e.exact_decode, e.framing
                 FROM collections c JOIN encoders e ON e.id = c.encoder ORDER BY c.name",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(CollectionSummary {
                    name: row.get(0)?,
                    model: row.get(1)?,
                    fingerprint: row.get(2)?,
                    dimensions: dimensions(row, 3)?,
                    created: row.get(4)?,
                    images: row.get::<_, i64>(5)?.cast_unsigned(),
                    missing: row.get::<_, i64>(6)?.cast_unsigned(),
                    precision: row.get(7)?,
                    exact_decode: row.get(8)?,
                    framing: row.get(9)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Makes a collection without images, for embeddings of an encoder. One that is there with the same
    /// encoder stays as it is.
    ///
    /// # Errors
    /// [`StoreError::CollectionName`], [`StoreError::OtherModel`], and those of the database.
    pub fn add_collection(&self, name: &str, encoder: &EncoderIdentity) -> Result<(), StoreError> {
        check_name(name)?;
        self.write(|tx| open_collection(tx, name, encoder, time::now()).map(drop))
    }

    /// An existing collection.
    ///
    /// # Errors
    /// [`StoreError::NoCollection`], and those of the database.
    pub fn collection(&self, name: &str) -> Result<Collection<'_>, StoreError> {
        let found = self.read(|tx| Ok(find(tx, name)?))?;
        match found {
            Some((id, identity)) => Ok(Collection {
                home: self,
                id,
                name: name.into(),
                identity,
            }),
            None => {
                let names = self
                    .collections()?
                    .into_iter()
                    .map(|other| other.name)
                    .collect();
                Err(StoreError::NoCollection {
                    name: name.into(),
                    names,
                })
            }
        }
    }

    /// Removes a collection with its images' embeddings and metadata; the files stay.
    ///
    /// # Errors
    /// [`StoreError::NoCollection`], and those of the database.
    pub fn remove_collection(&self, name: &str) -> Result<(), StoreError> {
        let collection = self.collection(name)?;
        for url in collection.clusters()? {
            collection.leave(&url);
        }
        self.write(|tx| {
            tx.execute("DELETE FROM collections WHERE id = ?", [collection.id])?;
            Ok(())
        })?;
        crate::home::lock(&self.indexes).remove(&collection.id);
        collection.remove_index_files();
        collection.remove_map();
        Ok(())
    }
}

impl Image {
    /// What people know it by: the name that an uploaded file had where it came from, else the file's name.
    pub fn shown_name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        let of_file = || name.to_string_lossy().into_owned();
        self.uploaded_as.clone().unwrap_or_else(of_file)
    }
}

impl Collection<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model that made its embeddings.
    pub fn identity(&self) -> &EncoderIdentity {
        &self.identity
    }

    /// Refuses an encoder whose embeddings cannot be compared with the collection's.
    ///
    /// # Errors
    /// [`StoreError::OtherModel`].
    pub fn check_encoder(&self, encoder: &EncoderIdentity) -> Result<(), StoreError> {
        check_identity(&self.name, &self.identity, encoder)
    }

    /// Up to `limit` images in the order of their ids, those after `after`: a page at a time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn images(&self, after: Option<u64>, limit: usize) -> Result<Vec<Image>, StoreError> {
        self.home.read(|tx| {
            let sql = format!("{SELECT_IMAGE} WHERE collection = ? AND id > ? ORDER BY id LIMIT ?");
            let mut statement = tx.prepare_cached(&sql)?;
            let after = after.map_or(0, sql_id);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![self.id, after, limit], image)?;
            rows.map(|image| with_metadata(tx, image?)).collect()
        })
    }

    /// As [`Collection::images`], only those of a selection.
    ///
    /// # Errors
    /// Those of the database.
    pub fn images_in(
        &self,
        selection: &Selection,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Image>, StoreError> {
        let allowed = |id| selection.allows(id);
        self.images_that(("", &allowed), after, limit)
    }

    /// As [`Collection::images`], only those whose file has vanished; of a selection, where one is given.
    ///
    /// # Errors
    /// Those of the database.
    pub fn missing_images(
        &self,
        selection: Option<&Selection>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Image>, StoreError> {
        let allowed = |id| selection.is_none_or(|selection| selection.allows(id));
        self.images_that(("AND missing = 1", &allowed), after, limit)
    }

    /// A page of the images that the database's condition and the ids' hold of.
    fn images_that(
        &self,
        (and, allowed): (&str, &dyn Fn(u64) -> bool),
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Image>, StoreError> {
        self.home.read(|tx| {
            let sql =
                format!("SELECT id FROM images WHERE collection = ? AND id > ? {and} ORDER BY id");
            let mut statement = tx.prepare_cached(&sql)?;
            let mut ids = statement.query(params![self.id, after.map_or(0, sql_id)])?;
            let mut images = Vec::new();
            while images.len() < limit
                && let Some(row) = ids.next()?
            {
                let id: i64 = row.get(0)?;
                if allowed(id.cast_unsigned()) {
                    images.extend(self.read_image(tx, id)?);
                }
            }
            Ok(images)
        })
    }

    /// One image.
    ///
    /// # Errors
    /// [`StoreError::NoImage`], and those of the database.
    pub fn image(&self, id: u64) -> Result<Image, StoreError> {
        let found = self.home.read(|tx| self.read_image(tx, sql_id(id)))?;
        found.ok_or_else(|| self.no_image(&id))
    }

    /// The image whose file is at that path, or where that path leads through symbolic links; a
    /// relative one counts from the working directory.
    ///
    /// # Errors
    /// [`StoreError::NoImage`], and those of the database.
    pub fn image_at(&self, path: &Path) -> Result<Image, StoreError> {
        let absolute = paths::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let target = absolute.canonicalize().ok();
        let found = self.home.read(|tx| {
            for path in std::iter::once(absolute).chain(target) {
                if let Some(id) = id_at(tx, self.id, &path)? {
                    return self.read_image(tx, id);
                }
            }
            Ok(None)
        })?;
        found.ok_or_else(|| self.no_image(&path.display()))
    }

    /// The images that a file is: the one at its path, as [`Collection::image_at`] finds it, else
    /// all with its contents.
    ///
    /// # Errors
    /// [`StoreError::NoImage`], [`StoreError::Read`], and those of the database.
    pub fn images_of_file(&self, path: &Path) -> Result<Vec<Image>, StoreError> {
        match self.image_at(path) {
            Err(StoreError::NoImage { .. }) => {}
            found => return Ok(vec![found?]),
        }
        let cannot_read = |source| StoreError::Read {
            path: path.to_path_buf(),
            source,
        };
        let length = std::fs::metadata(path).map_err(cannot_read)?.len();
        let sha256 = sha256(path).map_err(cannot_read)?;
        let images = self.home.read(|tx| {
            let sql = format!(
                "{SELECT_IMAGE} WHERE collection = ? AND bytes = ? AND sha256 = ? ORDER BY id"
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let images = statement.query_map(params![self.id, sql_id(length), sha256], image)?;
            let images = images.map(|image| with_metadata(tx, image?));
            images.collect::<Result<Vec<_>, Failure>>()
        })?;
        match images.is_empty() {
            true => Err(self.no_image(&path.display())),
            false => Ok(images),
        }
    }

    pub(crate) fn read_image(
        &self,
        tx: &Transaction<'_>,
        id: i64,
    ) -> Result<Option<Image>, Failure> {
        let sql = format!("{SELECT_IMAGE} WHERE collection = ? AND id = ?");
        let found = tx.query_row(&sql, params![self.id, id], image).optional()?;
        found.map(|image| with_metadata(tx, image)).transpose()
    }

    /// The stored embedding of an image, unit length up to the rounding to f16.
    ///
    /// # Errors
    /// [`StoreError::NoImage`], and those of the database.
    pub fn embedding(&self, id: u64) -> Result<Vec<f32>, StoreError> {
        let vector = self.home.read(|tx| {
            let sql = "SELECT e.vector FROM embeddings e JOIN images i ON i.id = e.image
                       WHERE i.collection = ? AND i.id = ?";
            let found = tx.query_row(sql, params![self.id, sql_id(id)], |row| {
                let mut vector = Vec::new();
                read_vector(row.get_ref(0)?.as_blob()?, &mut vector);
                Ok(vector)
            });
            Ok(found.optional()?)
        })?;
        let vector = vector.ok_or_else(|| self.no_image(&id))?;
        Ok(niteru_index::from_f16(&vector))
    }

    /// Removes images with their embeddings and metadata; the files stay. Returns how many there
    /// were; ids that are not in the collection are ignored.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove(&self, ids: &[u64]) -> Result<u64, StoreError> {
        self.home.write(|tx| {
            let mut removed = 0;
            for &id in ids {
                let deleted = tx
                    .prepare_cached("DELETE FROM images WHERE collection = ? AND id = ?")?
                    .execute(params![self.id, sql_id(id)])?;
                if deleted > 0 {
                    removed += 1;
                    let change = next_change(tx)?;
                    tx.prepare_cached(
                        "INSERT INTO removed_images (change, collection, image) VALUES (?, ?, ?)",
                    )?
                    .execute(params![change, self.id, sql_id(id)])?;
                }
            }
            Ok(removed)
        })
    }

    /// The metadata fields, in the order in which they first came.
    ///
    /// # Errors
    /// Those of the database.
    pub fn fields(&self) -> Result<Vec<String>, StoreError> {
        self.home.read(|tx| Ok(self.read_fields(tx)?))
    }

    pub(crate) fn read_fields(&self, tx: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT name FROM fields WHERE collection = ? ORDER BY id";
        let mut statement = tx.prepare_cached(sql)?;
        let names = statement.query_map([self.id], |row| row.get(0))?;
        names.collect()
    }

    fn no_image(&self, shown: &dyn std::fmt::Display) -> StoreError {
        StoreError::NoImage {
            collection: self.name.clone(),
            image: shown.to_string(),
        }
    }
}

/// Refuses a name that no collection may have.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    match name_problem(name) {
        None => Ok(()),
        Some(reason) => {
            let name = name.into();
            Err(StoreError::CollectionName { name, reason })
        }
    }
}

/// What is wrong with a name: it would be lost in a list or a log, or lead nowhere: browsers fold `.` and `..` out of
/// an address, however they are written.
pub(crate) fn name_problem(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("a name has at least one character")
    } else if name.chars().count() > NAME_CHARS {
        Some("a name has at most 100 characters")
    } else if name.chars().any(char::is_control) {
        Some("a name has no control characters")
    } else if matches!(name, "." | "..") {
        Some("a name is not . or ..")
    } else {
        None
    }
}

/// The collection's id and encoder.
pub(crate) fn find(
    tx: &Transaction<'_>,
    name: &str,
) -> rusqlite::Result<Option<(i64, EncoderIdentity)>> {
    tx.prepare_cached(
        "SELECT c.id, e.model, e.fingerprint, e.dimensions, e.precision, e.exact_decode,
                e.framing
         FROM collections c JOIN encoders e ON e.id = c.encoder WHERE c.name = ?",
    )?
    .query_row([name], |row| {
        let (model, fingerprint) = (row.get(1)?, row.get(2)?);
        let dimensions = dimensions(row, 3)?;
        Ok((
            row.get(0)?,
            EncoderIdentity {
                model,
                fingerprint,
                dimensions,
                precision: row.get(4)?,
                exact_decode: row.get(5)?,
                framing: row.get(6)?,
            },
        ))
    })
    .optional()
}

pub(crate) fn check_identity(
    collection: &str,
    own: &EncoderIdentity,
    other: &EncoderIdentity,
) -> Result<(), StoreError> {
    if own.fingerprint == other.fingerprint {
        return Ok(());
    }
    Err(StoreError::OtherModel {
        collection: collection.into(),
        collection_model: own.to_string(),
        collection_fingerprint: own.fingerprint.clone(),
        model: other.to_string(),
        fingerprint: other.fingerprint.clone(),
    })
}

/// The next change number; one a changed image.
pub(crate) fn next_change(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("UPDATE home SET change = change + 1 RETURNING change")?
        .query_row([], |row| row.get(0))
}

/// Ids are SQLite's, so every one that exists fits.
pub(crate) fn sql_id(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// Appends a stored vector (little endian) to `vectors`.
pub(crate) fn read_vector(blob: &[u8], vectors: &mut Vec<f16>) {
    let (values, _) = blob.as_chunks::<2>();
    vectors.extend(values.iter().map(|&bytes| f16::from_le_bytes(bytes)));
}

/// The stored form of an embedding.
pub(crate) fn vector_blob(embedding: &[f32]) -> Vec<u8> {
    niteru_index::to_f16(embedding)
        .into_iter()
        .flat_map(f16::to_le_bytes)
        .collect()
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Metadata of one image.
pub(crate) fn metadata(tx: &Transaction<'_>, image: u64) -> rusqlite::Result<Metadata> {
    let mut statement = tx.prepare_cached(
        "SELECT f.name, m.value FROM metadata m JOIN fields f ON f.id = m.field
         WHERE m.image = ? ORDER BY f.id",
    )?;
    let rows = statement.query_map([sql_id(image)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect::<Result<_, _>>().map(Metadata)
}

const SELECT_IMAGE: &str =
    "SELECT id, path, sha256, bytes, width, height, missing, added FROM images";

fn image(row: &Row<'_>) -> rusqlite::Result<Image> {
    Ok(Image {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        path: paths::from_bytes(row.get(1)?),
        sha256: hex(row.get_ref(2)?.as_blob()?),
        bytes: row.get::<_, i64>(3)?.cast_unsigned(),
        width: row.get(4)?,
        height: row.get(5)?,
        missing: row.get(6)?,
        added: row.get(7)?,
        uploaded_as: None,
        metadata: Metadata::default(),
    })
}

fn with_metadata(tx: &Transaction<'_>, image: Image) -> Result<Image, Failure> {
    let sha256 = crate::uploads::from_hex(&image.sha256).unwrap_or_default();
    Ok(Image {
        metadata: metadata(tx, image.id)?,
        uploaded_as: uploaded_as(tx, &image.path, &sha256)?,
        ..image
    })
}

fn dimensions(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    let value: i64 = row.get(column)?;
    usize::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

#[cfg(test)]
mod tests {
    use super::{NAME_CHARS, name_problem};

    #[test]
    fn names_can_be_shown_on_a_line_and_stand_in_an_address() {
        let longest = "板".repeat(NAME_CHARS);
        let longer = "板".repeat(NAME_CHARS + 1);
        let table = [
            ("plates", true),
            ("部品 1/2", true),
            ("a..b", true),
            ("...", true),
            (&*longest, true),
            (&*longer, false),
            ("", false),
            (" \t", false),
            ("a\nb", false),
            (".", false),
            ("..", false),
        ];
        let mut wrong = Vec::new();
        for (name, usable) in table {
            let problem = name_problem(name);
            if problem.is_none() != usable {
                wrong.push(format!("{name:?}: {problem:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
