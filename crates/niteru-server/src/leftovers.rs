//! What is being sent lies in folders of its own below `incoming`, and goes with the request. After a kill it goes when
//! the server starts again: only what has a name of ours, and only below the home.

use std::collections::HashSet;
use std::fs::{DirEntry, Metadata};
use std::path::{Path, PathBuf};

use niteru_store::{Job, StoreError};

use crate::app::App;
use crate::error::ApiError;
use crate::jobs::import_folder;
use crate::route::unwritable;
use crate::secret;

/// How files are called in the folder of backups while they come.
pub(crate) const INCOMING_BACKUP: &str = ".incoming-";

/// A folder for what is being sent; gone with the value unless it is kept.
pub(crate) struct Incoming {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Incoming {
    pub(crate) fn make(app: &App) -> Result<Incoming, ApiError> {
        let name = secret::token().map_err(|error| ApiError::internal(error.to_string()))?;
        let path = app.incoming().join(&name);
        std::fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(Incoming { name, path })
    }

    pub(crate) fn keep(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be removed goes when the server starts.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes what earlier servers left: files that were being sent, and models that no import will take up any more.
///
/// # Errors
/// Those of the database. What cannot be removed stays until the next start.
pub(crate) fn remove(app: &App) -> Result<(), StoreError> {
    let wanted: HashSet<String> = app
        .home
        .open_jobs()?
        .iter()
        .filter_map(import_folder)
        .collect();
    for (entry, about) in entries(&app.incoming()) {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(is_token) && about.is_dir();
        if ours && !name.to_str().is_some_and(|name| wanted.contains(name)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    for (entry, about) in entries(&app.home.backups()) {
        let name = entry.file_name();
        let token = name
            .to_str()
            .and_then(|name| name.strip_prefix(INCOMING_BACKUP));
        if token.is_some_and(is_token) && about.is_file() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    app.home.remove_unfinished_backups()
}

/// Removes what was sent for a job that will not be done.
pub(crate) fn remove_of(app: &App, job: &Job) {
    if let Some(folder) = import_folder(job) {
        // What cannot be removed goes when the server starts.
        let _ = std::fs::remove_dir_all(app.incoming().join(folder));
    }
}

/// What is in a folder that is no link to another; nothing where there is none. Links in it are links here, too.
fn entries(folder: &Path) -> impl Iterator<Item = (DirEntry, Metadata)> {
    let real = folder.symlink_metadata().is_ok_and(|about| about.is_dir());
    let entries = real.then(|| std::fs::read_dir(folder).ok()).flatten();
    entries.into_iter().flatten().flatten().filter_map(|entry| {
        let about = entry.path().symlink_metadata().ok()?;
        Some((entry, about))
    })
}

/// Whether it is a name as is given to what is sent: no path leads anywhere else.
pub(crate) fn is_token(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (16..=64).contains(&name.len()) && name.bytes().all(fits)
}
