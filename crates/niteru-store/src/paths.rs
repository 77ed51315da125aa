//! Paths as the database keeps them.
//!
//! On Unix a path is bytes and need not be text; on other systems a path that is not Unicode is
//! refused. Where a path is shown (JSON, reports), what is not UTF-8 appears as U+FFFD; such an
//! image is named by its id.

use std::io;
use std::path::{Component, Path, PathBuf};

pub(crate) use niteru_inspect::serialize_path as serialize;
use serde::Serializer;

/// The stored form, or `None` for a path that this system cannot store.
#[cfg(unix)]
pub(crate) fn to_bytes(path: &Path) -> Option<&[u8]> {
    use std::os::unix::ffi::OsStrExt;
    Some(path.as_os_str().as_bytes())
}

/// The stored form, or `None` for a path that this system cannot store.
#[cfg(not(unix))]
pub(crate) fn to_bytes(path: &Path) -> Option<&[u8]> {
    path.to_str().map(str::as_bytes)
}

/// The path of a stored form.
#[cfg(unix)]
pub(crate) fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

/// The path of a stored form.
#[cfg(not(unix))]
pub(crate) fn from_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// The path made absolute, symbolic links kept as the user wrote them.
///
/// `..` is resolved through the file system, so that one file does not get two paths.
pub(crate) fn absolute(path: &Path) -> io::Result<PathBuf> {
    if path.components().any(|part| part == Component::ParentDir)
        && let Ok(resolved) = path.canonicalize()
    {
        return Ok(resolved);
    }
    let absolute = std::path::absolute(path)?;
    // Ends a trailing separator and `.` in the middle.
    Ok(absolute.components().collect())
}

/// Everything below a folder, as a range of stored forms: from the first, up to the second.
pub(crate) fn below(folder: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let separator = std::path::MAIN_SEPARATOR as u8;
    let mut start = folder.to_vec();
    if start.last() != Some(&separator) {
        start.push(separator);
    }
    let mut end = start.clone();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    (start, end)
}

/// As [`niteru_inspect::serialize_path`], for a list.
pub(crate) fn serialize_all<S: Serializer>(
    paths: &[PathBuf],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
