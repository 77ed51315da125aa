//! Files that were dealt with and that the database says nothing about.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::pending::Stamp;
use crate::lookup::sha256;

/// Most files that are remembered. When there are more, all are forgotten: bad files are then tried,
/// and told, once more.
const MOST: usize = 1 << 16;

/// Remembers files by how they looked, so that they are not read in a loop.
#[derive(Default)]
pub(super) struct Memory {
    files: HashMap<PathBuf, Remembered>,
    /// Why other paths could not be used, as told.
    reasons: HashMap<PathBuf, String>,
}

struct Remembered {
    stamp: Stamp,
    /// Of contents that were refused.
    sha256: Option<[u8; 32]>,
}

impl Memory {
    /// Takes a file whose contents were refused. Returns whether it can be read; one that cannot is
    /// not remembered, since that may change unseen.
    pub(super) fn refuse(&mut self, path: &Path, stamp: Stamp) -> bool {
        let sha256 = sha256(path).ok();
        if sha256.is_some() {
            self.remember(path, stamp, sha256);
        }
        sha256.is_some()
    }

    /// Takes a file that was dealt with and whose time cannot be relied on.
    pub(super) fn dealt_with(&mut self, path: &Path, stamp: Stamp) {
        if !self.files.contains_key(path) {
            self.remember(path, stamp, None);
        }
    }

    fn remember(&mut self, path: &Path, stamp: Stamp, sha256: Option<[u8; 32]>) {
        if self.files.len() >= MOST {
            self.files.clear();
        }
        let remembered = Remembered { stamp, sha256 };
        self.files.insert(path.to_path_buf(), remembered);
    }

    /// Whether the file looks as it did when it was dealt with.
    pub(super) fn looks_the_same(&self, path: &Path, stamp: Stamp) -> bool {
        let remembered = self.files.get(path);
        remembered.is_some_and(|remembered| remembered.stamp == stamp)
    }

    /// Whether the file has contents that were refused. Reads it if only its time has changed.
    pub(super) fn was_refused(&mut self, path: &Path, stamp: Stamp) -> bool {
        let Some(remembered) = self.files.get_mut(path) else {
            return false;
        };
        if remembered.stamp == stamp && remembered.sha256.is_some() {
            return true;
        }
        let same = match (remembered.stamp, stamp, remembered.sha256) {
            (Stamp::File { bytes: old, .. }, Stamp::File { bytes, .. }, Some(contents)) => {
                old == bytes && sha256(path).is_ok_and(|found| found == contents)
            }
            _ => false,
        };
        match same {
            true => remembered.stamp = stamp,
            false => drop(self.files.remove(path)),
        }
        same
    }

    /// Whether this is the first time that this is wrong with the path.
    pub(super) fn is_news(&mut self, path: &Path, reason: &str) -> bool {
        if self.reasons.get(path).is_some_and(|told| told == reason) {
            return false;
        }
        if self.reasons.len() >= MOST {
            self.reasons.clear();
        }
        self.reasons.insert(path.to_path_buf(), reason.into());
        true
    }

    /// Nothing is wrong with the path itself.
    pub(super) fn is_well(&mut self, path: &Path) {
        self.reasons.remove(path);
    }

    /// The path is gone.
    pub(super) fn forget(&mut self, path: &Path) {
        self.files.remove(path);
        self.reasons.remove(path);
    }
}
