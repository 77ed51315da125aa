//! Writing to the cache: one writer at a time, whole folders only, nothing left by the killed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::manifest::{MANIFEST, Manifest};
use crate::fetch::{self, FetchError, FetchEvent, Watch, io_error};

const LOCK: &str = ".lock";
/// Folders of these names belong to the writer that holds the lock.
const STAGING: &str = ".tmp-";
const TRASH: &str = ".trash-";

/// The right to change the cache, held while this value lives.
#[derive(Debug)]
pub(super) struct Writer {
    root: PathBuf,
    /// Unlocked when closed, also by the death of the process.
    _lock: File,
}

impl Writer {
    /// Waits for other writers, then removes what killed ones have left.
    pub(super) fn start(root: &Path, watch: &Watch<'_>) -> Result<Writer, FetchError> {
        fs::create_dir_all(root).map_err(|source| io_error("create", root, source))?;
        let path = root.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| io_error("write", &path, source))?;
        let mut told = false;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => (),
                Err(TryLockError::Error(source)) => return Err(io_error("lock", &path, source)),
            }
            if !told {
                watch.tell(FetchEvent::Note(
                    "waiting for another niteru that changes the models",
                ));
                told = true;
            }
            watch.check()?;
            std::thread::sleep(Duration::from_millis(50));
        }
        let writer = Writer {
            root: root.to_path_buf(),
            _lock: lock,
        };
        writer.clean()?;
        Ok(writer)
    }

    fn clean(&self) -> Result<(), FetchError> {
        let read = |source| io_error("read", &self.root, source);
        for entry in fs::read_dir(&self.root).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(STAGING) || name.starts_with(TRASH) {
                delete(&entry.path())?;
            }
        }
        Ok(())
    }

    /// A new empty folder to bring a model's files together in.
    pub(super) fn stage(&self, name: &str) -> Result<Staging, FetchError> {
        let path = self.root.join(format!("{STAGING}{name}"));
        fs::create_dir(&path).map_err(|source| io_error("create", &path, source))?;
        Ok(Staging { path, done: false })
    }

    /// Makes staged files the model `name`, in place of what there was.
    pub(super) fn install(
        &self,
        mut staging: Staging,
        name: &str,
        manifest: &Manifest,
    ) -> Result<(), FetchError> {
        let path = staging.path.join(MANIFEST);
        let write = |source| io_error("write", &path, source);
        let json = manifest
            .to_json()
            .map_err(|error| write(std::io::Error::other(error)))?;
        fetch::write_hashed(
            &mut json.as_bytes(),
            &path,
            &path,
            u64::MAX,
            None,
            &Watch::silent(),
        )?;
        fetch::sync_folder(&staging.path)?;
        self.discard(name)?;
        let home = self.root.join(name);
        fs::rename(&staging.path, &home).map_err(|source| io_error("create", &home, source))?;
        staging.done = true;
        fetch::sync_folder(&self.root)?;
        // What was there before; if this fails the next writer does it.
        let _ = self.clean();
        Ok(())
    }

    /// Removes the model `name`.
    pub(super) fn remove(&self, name: &str) -> Result<(), FetchError> {
        self.discard(name)?;
        fetch::sync_folder(&self.root)?;
        self.clean()
    }

    /// Renames what is under a model's name, if anything, to be deleted: a folder that is half
    /// deleted is never seen under its name.
    fn discard(&self, name: &str) -> Result<(), FetchError> {
        let path = self.root.join(name);
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        fs::rename(&path, self.root.join(format!("{TRASH}{name}")))
            .map_err(|source| io_error("remove", &path, source))
    }
}

/// A folder in which files are brought together. Dropped without being installed, it is removed.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    done: bool,
}

impl Staging {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.done {
            // If this fails the next writer does it.
            let _ = delete(&self.path);
        }
    }
}

/// Deletes a folder with all in it, or a file; links are deleted, not followed.
fn delete(path: &Path) -> Result<(), FetchError> {
    let remove = |source| io_error("remove", path, source);
    let metadata = path.symlink_metadata().map_err(remove)?;
    if metadata.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
    .map_err(remove)
}
