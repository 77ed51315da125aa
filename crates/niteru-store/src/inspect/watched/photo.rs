//! A photo in a watched folder: how it looks from outside, and what is in it.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use niteru_imaging::{DecodeError, Limits};

/// How a file looks without being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    /// When it was changed, nanoseconds since 1970; 0 where the system does not say.
    pub(super) modified: i64,
}

impl Stamp {
    /// Of a file that is none of a link, a folder, or gone.
    pub(super) fn of_file(path: &Path) -> Option<Stamp> {
        let metadata = path.symlink_metadata().ok()?;
        metadata.is_file().then(|| Stamp::of(&metadata))
    }

    fn of(metadata: &Metadata) -> Stamp {
        let nanos = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Stamp {
            bytes: metadata.len(),
            modified: metadata.modified().map_or(0, nanos),
        }
    }
}

/// A photo that is complete, as far as can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) path: PathBuf,
    /// How many folders lie between it and the watched one.
    pub(super) below: usize,
    pub(super) stamp: Stamp,
    /// How often it could not be used before, looking the same.
    pub(super) tries: u32,
}

/// What is in a photo; `None` where it is not what was seen: it goes on changing, has gone, or is a link now, as
/// may be a folder that it is in.
pub(super) fn read(photo: &Arrived, limits: &Limits) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut folders = photo.path.ancestors().skip(1).take(photo.below);
    if !folders.all(|folder| folder.symlink_metadata().is_ok_and(|kind| kind.is_dir())) {
        return Ok(None);
    }
    let Ok(seen) = photo.path.symlink_metadata() else {
        return Ok(None);
    };
    let limit = limits.max_file_bytes;
    if seen.is_file() && seen.len() > limit {
        let bytes = seen.len();
        return Err(DecodeError::FileTooLarge { bytes, limit });
    }
    if !seen.is_file() || Stamp::of(&seen) != photo.stamp {
        return Ok(None);
    }
    let file = File::open(&photo.path)?;
    let opened = file.metadata()?;
    if !is_same_file(&seen, &opened) || Stamp::of(&opened) != photo.stamp {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(opened.len()).unwrap_or(0));
    (&file)
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    let steady = Stamp::of(&file.metadata()?) == photo.stamp;
    Ok((steady && bytes.len() as u64 == photo.stamp.bytes).then_some(bytes))
}

/// Whether what was opened is what was seen, and nothing that was put in its place.
#[cfg(unix)]
fn is_same_file(seen: &Metadata, opened: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (seen.dev(), seen.ino()) == (opened.dev(), opened.ino())
}

/// Whether what was opened is what was seen, as far as this system tells.
#[cfg(not(unix))]
fn is_same_file(_: &Metadata, opened: &Metadata) -> bool {
    opened.is_file()
}
