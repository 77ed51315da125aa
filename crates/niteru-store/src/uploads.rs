//! Image files that were handed in: kept below the home under the sha256 of their contents. No name and
//! no path of a client's is used for a file.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use niteru_imaging::{DecodeError, Limits, Picture};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::backup::sync_folder;
use crate::collection::hex;
use crate::error::Failure;
use crate::home::create_private;
use crate::{Home, StoreError, paths, time};

/// Folder of the files below the home.
pub(crate) const UPLOADS: &str = "uploads";

/// Pixels along a side that a look at an upload keeps: enough for a thumbnail.
const LOOK: u32 = 256;

/// An image file that was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Upload {
    /// Of its contents, in hexadecimal; it is known by this.
    pub sha256: String,
    /// What it was called where it came from.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A file that is to be kept.
#[derive(Clone, Copy)]
pub struct NewUpload<'a> {
    /// Its contents.
    pub bytes: &'a [u8],
    /// What it is called where it comes from. Only shown.
    pub name: &'a str,
    /// Name of who hands it in.
    pub owner: &'a str,
}

/// What uploads may be.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// What a file may ask for before it is refused.
    pub image: Limits,
    /// Bytes that all uploads may have together.
    pub quota: u64,
}

/// Why a file was not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is no image of a kind that is taken.
    #[error("it is not a JPEG, PNG, WebP, BMP, GIF or TIFF image")]
    Kind,
    /// It is too large, damaged, or cut off.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// The home could not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks at an image file as [`Home::keep_upload`] does, and keeps nothing.
///
/// # Errors
/// [`UploadError::Kind`], [`UploadError::Picture`].
pub fn look_at_upload(bytes: &[u8], name: &str, limits: &Limits) -> Result<Upload, UploadError> {
    looked_at(bytes, name, limits).map(|(upload, ..)| upload)
}

/// The upload that a file would be, with its hash and the ending of its name.
fn looked_at(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<(Upload, [u8; 32], &'static str), UploadError> {
    let (format, _) = image_kind(bytes).ok_or(UploadError::Kind)?;
    let (width, height) = Picture::decode_at_least(bytes, limits, LOOK)?.full_size();
    let sha256: [u8; 32] = Sha256::digest(bytes).into();
    let upload = Upload {
        sha256: hex(&sha256),
        name: shown_name(name),
        bytes: bytes.len() as u64,
        width,
        height,
    };
    Ok((upload, sha256, format))
}

/// What an image file is, by its first bytes: the ending of its name and its media type. Only these kinds
/// are taken.
pub fn image_kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    match () {
        () if starts(b"\xFF\xD8\xFF") => Some(("jpg", "image/jpeg")),
        () if starts(b"\x89PNG\r\n\x1A\n") => Some(("png", "image/png")),
        () if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => Some(("webp", "image/webp")),
        () if starts(b"GIF87a") || starts(b"GIF89a") => Some(("gif", "image/gif")),
        () if starts(b"II*\0") || starts(b"MM\0*") => Some(("tif", "image/tiff")),
        () if starts(b"BM") => Some(("bmp", "image/bmp")),
        () => None,
    }
}

impl Home {
    /// Keeps an image file. Its first bytes decide whether it is of a kind that is taken, its header
    /// whether it is too large, before it is decoded; and what cannot be decoded is not kept. Contents that
    /// are here already are not kept twice; they are called what they were called last.
    ///
    /// # Errors
    /// [`UploadError::Kind`], [`UploadError::Picture`]; [`StoreError::Quota`], [`StoreError::WriteFile`],
    /// and those of the database.
    pub fn keep_upload(
        &self,
        new: &NewUpload<'_>,
        limits: &UploadLimits,
    ) -> Result<Upload, UploadError> {
        let (upload, sha256, format) = looked_at(new.bytes, new.name, &limits.image)?;
        let (width, height) = (upload.width, upload.height);
        let known = self.read(|tx| {
            let known = format_of(tx, &sha256)?;
            match known {
                Some(_) => {}
                None => check_quota(tx, upload.bytes, limits.quota)?,
            }
            Ok(known)
        })?;
        let path = self.upload_file(&upload.sha256, known.as_deref().unwrap_or(format));
        // Written also where it is known: the file may be gone.
        keep_whole(&path, new.bytes)?;
        self.write(|tx| {
            if format_of(tx, &sha256)?.is_none() {
                // Again, since others may have been quicker.
                check_quota(tx, upload.bytes, limits.quota)?;
            }
            let sql =
                "INSERT INTO uploads (sha256, format, bytes, width, height, name, owner, created)
                       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET name = excluded.name, created = excluded.created";
            tx.execute(
                sql,
                params![
                    sha256,
                    format,
                    upload.bytes.cast_signed(),
                    width,
                    height,
                    upload.name,
                    new.owner,
                    time::now()
                ],
            )?;
            // Others may have removed it as unused just before; from here on it has a row that is new.
            keep_whole(&path, new.bytes)?;
            Ok(())
        })?;
        Ok(upload)
    }

    /// Where an upload is; `None` where there is none with these contents.
    ///
    /// # Errors
    /// Those of the database.
    pub fn upload(&self, sha256: &str) -> Result<Option<PathBuf>, StoreError> {
        let Some(hash) = from_hex(sha256) else {
            return Ok(None);
        };
        let format = self.read(|tx| Ok(format_of(tx, &hash)?))?;
        Ok(format.map(|format| self.upload_file(sha256, &format)))
    }

    /// The file at a path that was noted before; where the home has moved since, the upload that it was.
    ///
    /// # Errors
    /// Those of the database.
    pub fn noted_file(&self, path: &Path) -> Result<PathBuf, StoreError> {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        match stem {
            Some(stem) if !path.is_file() => {
                Ok(self.upload(stem)?.unwrap_or_else(|| path.to_path_buf()))
            }
            _ => Ok(path.to_path_buf()),
        }
    }

    /// Bytes that all uploads have together.
    ///
    /// # Errors
    /// Those of the database.
    pub fn uploaded_bytes(&self) -> Result<u64, StoreError> {
        self.read(|tx| Ok(total_bytes(tx)?))
    }

    /// Where uploads are kept. Not made before it is needed.
    pub fn uploads(&self) -> PathBuf {
        self.directory().join(UPLOADS)
    }

    /// Removes the uploads that no image, no inspection, no inspector, no inspector's photos and no job that is still to
    /// be done refer to, and that were handed in more than an hour ago: what refers to a newer one may be on its way.
    /// An inspector refers to the photos that it was trained with, so that it can go on showing them beside others.
    /// None while the home is backed up; they go the next time. Returns how many bytes they had.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_unused_uploads(&self) -> Result<u64, StoreError> {
        self.remove_uploads("1", |_| u64::MAX)
    }

    /// Makes room for so many bytes more, and a hundredth of the quota so that this is not asked for again at once,
    /// where there is none: removes uploads as [`remove_unused_uploads`](Self::remove_unused_uploads) does, then the
    /// oldest that only inspections refer to, all of which found the part good and nobody has reviewed. The decisions
    /// stay in the history, without their photo. Returns how many bytes were taken out of the quota.
    ///
    /// # Errors
    /// Those of the database.
    pub fn make_room(&self, bytes: u64, quota: u64) -> Result<u64, StoreError> {
        let wanted =
            "i.verdict <> 'OK' OR EXISTS (SELECT 1 FROM reviews r WHERE r.inspection = i.id)";
        self.remove_uploads(wanted, |total| {
            let needed = total.saturating_add(bytes);
            match needed > quota {
                true => needed.saturating_add(quota / 100) - quota,
                // Others have made room meanwhile.
                false => 0,
            }
        })
    }

    /// Removes uploads that nothing refers to but inspections, and of these none that an inspection `i` refers to of
    /// which `wanted` is true: as many bytes as `enough` says of how many there are.
    fn remove_uploads(&self, wanted: &str, enough: impl Fn(u64) -> u64) -> Result<u64, StoreError> {
        // Until what was removed is no longer in the database, either.
        let Some(_alone) = self.without_leases()? else {
            return Ok(0);
        };
        let sql = format!(
            "SELECT lower(hex(sha256)), format, bytes FROM uploads WHERE created < ?
                 AND sha256 NOT IN (SELECT sha256 FROM images)
                 AND NOT EXISTS (SELECT 1 FROM inspections i
                     WHERE i.sha256 = uploads.sha256 AND ({wanted}))
                 AND sha256 NOT IN (SELECT sha256 FROM inspector_photos)
                 AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.state IN ('queued', 'running')
                     AND instr(j.parameters, lower(hex(uploads.sha256))) > 0)
             ORDER BY EXISTS (SELECT 1 FROM inspections i WHERE i.sha256 = uploads.sha256), created"
        );
        let before = || time::now() - time::HOUR;
        // What inspectors were trained with is looked for before others have to wait, and only where it matters.
        self.read(|tx| {
            if enough(total_bytes(tx)?) > 0 && tx.prepare(&sql)?.exists([before()])? {
                self.trained_with.all(tx)?;
            }
            Ok(())
        })?;
        self.write(|tx| {
            let enough = enough(total_bytes(tx)?);
            let mut needed: Option<HashSet<[u8; 32]>> = None;
            let mut statement = tx.prepare(&sql)?;
            let mut rows = statement.query([before()])?;
            let mut unwanted: Vec<(String, String)> = Vec::new();
            let mut bytes = 0;
            while bytes < enough
                && let Some(row) = rows.next()?
            {
                let sha256: String = row.get(0)?;
                let needed = match &mut needed {
                    Some(needed) => needed,
                    none => none.insert(self.trained_with.all(tx)?),
                };
                if from_hex(&sha256).is_some_and(|sha256| needed.contains(&sha256)) {
                    continue;
                }
                bytes += row.get::<_, i64>(2)?.cast_unsigned();
                unwanted.push((sha256, row.get(1)?));
            }
            // While others wait: who hands the same contents in again finds the file gone, and writes it anew.
            for (sha256, format) in unwanted {
                tx.execute("DELETE FROM uploads WHERE sha256 = ?", [from_hex(&sha256)])?;
                // A file that stays has no row any more, and the next upload of its contents takes it over.
                let _ = std::fs::remove_file(self.upload_file(&sha256, &format));
            }
            Ok(bytes)
        })
    }

    /// Lets images and inspections of uploads refer to the folder that the home is about to have.
    pub(crate) fn move_uploads(&self, home: &Path) -> Result<(), StoreError> {
        let Some(folder) = paths::to_bytes(&home.join(UPLOADS)).map(<[u8]>::to_vec) else {
            return Ok(());
        };
        self.write(|tx| {
            for table in ["images", "inspections"] {
                // `substr` of what ends like an upload's path: other files keep theirs.
                let sql = format!(
                    "UPDATE {table} SET path = CAST(?1 || u.below AS BLOB)
                     FROM (SELECT sha256, '/' || substr(lower(hex(sha256)), 1, 2) || '/'
                               || lower(hex(sha256)) || '.' || format AS below FROM uploads) u
                     WHERE u.sha256 = {table}.sha256 AND CAST(substr({table}.path,
                         -length('/uploads' || u.below)) AS TEXT) = '/uploads' || u.below"
                );
                tx.execute(&sql, [&folder])?;
            }
            Ok(())
        })
    }

    fn upload_file(&self, sha256: &str, format: &str) -> PathBuf {
        self.uploads().join(below_uploads(sha256, format))
    }
}

/// Where an upload is below their folder, with `/`.
pub(crate) fn below_uploads(sha256: &str, format: &str) -> String {
    let folder = sha256.get(..2).unwrap_or("00");
    // A restored database may say anything: only endings that uploads get lead to a file.
    let known = ["jpg", "png", "webp", "gif", "tif", "bmp"];
    let format = known
        .into_iter()
        .find(|&one| one == format)
        .unwrap_or("none");
    format!("{folder}/{sha256}.{format}")
}

/// Uploads whose files are gone or have another length, for [`check`](crate::check); and how many there are.
pub(crate) fn upload_problems(
    tx: &Transaction<'_>,
    home: &Home,
) -> Result<(u64, Vec<PathBuf>), Failure> {
    let mut statement = tx.prepare("SELECT lower(hex(sha256)), format, bytes FROM uploads")?;
    let mut rows = statement.query([])?;
    let (mut uploads, mut wrong) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        uploads += 1;
        let (sha256, format): (String, String) = (row.get(0)?, row.get(1)?);
        let path = home.upload_file(&sha256, &format);
        if !is_whole(&path, row.get::<_, i64>(2)?.cast_unsigned()) {
            wrong.push(path);
        }
    }
    Ok((uploads, wrong))
}

fn format_of(tx: &Transaction<'_>, sha256: &[u8; 32]) -> rusqlite::Result<Option<String>> {
    let mut statement = tx.prepare_cached("SELECT format FROM uploads WHERE sha256 = ?")?;
    statement.query_row([sha256], |row| row.get(0)).optional()
}

fn total_bytes(tx: &Transaction<'_>) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(sum(bytes), 0) FROM uploads";
    tx.query_row(sql, [], |row| row.get(0))
        .map(i64::cast_unsigned)
}

fn check_quota(tx: &Transaction<'_>, more: u64, most: u64) -> Result<(), Failure> {
    let bytes = total_bytes(tx)?.saturating_add(more);
    match bytes <= most {
        true => Ok(()),
        false => Err(StoreError::Quota { bytes, most }.into()),
    }
}

fn is_whole(path: &Path, bytes: u64) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.is_file() && file.len() == bytes)
}

/// Writes a file, unless it is there with as many bytes.
fn keep_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if is_whole(path, bytes.len() as u64) {
        return Ok(());
    }
    write_whole(path, bytes).map_err(|source| StoreError::WriteFile {
        path: path.to_path_buf(),
        source,
    })
}

/// The file appears whole, and is on the disk when this returns.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// The last part of what a client calls a file, of a length that can be shown.
fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let plain = |c: char| if c.is_control() { '\u{FFFD}' } else { c };
    last.chars().take(200).map(plain).collect()
}

/// 32 bytes of 64 small hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}
