//! Writers and restores take turns: a home is not replaced while something is written to it, and nothing is written
//! to one that is being replaced or was. Locks of the operating system do it; they end with the process that holds
//! them, however it ends. Where a disk has none, nobody is held up.

use std::ffi::OsString;
use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::home::DATABASE;

/// In the home: locked together by those who write, and alone by a restore. It moves with the home.
const WRITERS: &str = "writers.lock";

/// The lock of an open home.
#[derive(Debug)]
pub(crate) struct Writers {
    home: PathBuf,
    file: File,
}

/// A turn to write; it ends with the value.
pub(crate) struct Turn<'a>(&'a File);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // It ends with the file at the latest.
        let _ = self.0.unlock();
    }
}

impl Writers {
    pub(crate) fn open(home: &Path) -> Result<Writers, StoreError> {
        let path = home.join(WRITERS);
        let failed = |source| StoreError::WriteFile {
            path: path.clone(),
            source,
        };
        Ok(Writers {
            home: home.to_path_buf(),
            file: open_lock(&path).map_err(failed)?,
        })
    }

    /// Whoever writes, one thread at a time.
    ///
    /// # Errors
    /// [`StoreError::Restoring`], [`StoreError::Replaced`].
    pub(crate) fn turn(&self) -> Result<Turn<'_>, StoreError> {
        let path = || self.home.clone();
        let failed = |source| StoreError::WriteFile {
            path: self.home.join(WRITERS),
            source,
        };
        match self.file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Restoring { path: path() }),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let turn = Turn(&self.file);
        let opened = self.file.metadata().map_err(failed)?;
        // With the lock: from here on it stays where it is.
        match std::fs::metadata(self.home.join(WRITERS)) {
            Ok(there) if is_same(&opened, &there) => Ok(turn),
            _ => Err(StoreError::Replaced { path: path() }),
        }
    }
}

/// A restore over a home. While the value is there, nobody writes to the home, and nobody opens it.
pub(crate) struct Restoring {
    beside: PathBuf,
    _locks: (File, Option<File>),
}

impl Restoring {
    /// Waits for those who write just now.
    ///
    /// # Errors
    /// As [`io::Error`]; `WouldBlock`: another restore is under way.
    pub(crate) fn begin(home: &Path) -> io::Result<Restoring> {
        let beside = beside(home);
        let file = open_lock(&beside)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let writers = match home.join(DATABASE).is_file() {
            true => {
                let writers = open_lock(&home.join(WRITERS))?;
                match writers.lock() {
                    Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
                    _ => Some(writers),
                }
            }
            false => None,
        };
        Ok(Restoring {
            beside,
            _locks: (file, writers),
        })
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        // Nobody minds one that stays: it is not locked.
        let _ = std::fs::remove_file(&self.beside);
    }
}

/// Whether a backup is being restored over a home, or where one is to be.
pub(crate) fn is_being_restored(home: &Path) -> bool {
    let home = home.canonicalize().unwrap_or_else(|_| home.to_path_buf());
    let Ok(file) = File::open(beside(&home)) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The lock of a restore: beside the home, since the home itself gets another name.
fn beside(home: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(home.file_name().unwrap_or_default());
    name.push(".niteru-restoring");
    home.with_file_name(name)
}

/// The file of a lock, made where it is not there.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true).open(path)
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere no folder gets another name while files in it are open.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}
