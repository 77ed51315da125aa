//! Paths in what is stored and told: what is no Unicode in them becomes U+FFFD.

use std::path::{Path, PathBuf};

use serde::Serializer;

/// The path as Unicode. Of one that is not, the file is no longer found; but what is known of it is kept.
pub(crate) fn unicode(path: PathBuf) -> PathBuf {
    match path.to_str() {
        Some(_) => path,
        None => PathBuf::from(path.to_string_lossy().into_owned()),
    }
}

/// Serialises a path as text; what is not Unicode becomes U+FFFD. For serde's `serialize_with`.
///
/// # Errors
/// The serialiser's.
pub fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// As [`serialize_path`], of several.
pub(crate) fn serialize_paths<S: Serializer>(
    paths: &[PathBuf],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
