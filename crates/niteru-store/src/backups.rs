//! Backups that are kept in the home itself, to be downloaded or restored over the server.
//!
//! They are beside the data that they hold: they help against mistakes, not against a lost disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Serialize;
use tempfile::TempPath;
use utoipa::ToSchema;

use crate::backup::{BackupError, UNFINISHED, sync_folder};
use crate::home::create_private;
use crate::restore::look_at;
use crate::{BackupOptions, BackupReport, Home, StoreError, time};

/// Folder of the backups in a home. A home that is restored keeps it.
pub(crate) const BACKUPS: &str = "backups";

/// Ending of their names.
const ENDING: &str = ".tar";

/// How the names of those begin that came from elsewhere.
const UPLOADED: &str = "uploaded-";

/// A backup that the home keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoredBackup {
    /// What it is known by.
    pub name: String,
    /// When it was written here, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub written: i64,
    /// Its length.
    pub bytes: u64,
    /// Whether it came from elsewhere.
    pub uploaded: bool,
}

impl Home {
    /// Where backups are kept. Not made before it is needed.
    pub fn backups(&self) -> PathBuf {
        self.directory().join(BACKUPS)
    }

    /// The backups that are kept, the newest first.
    ///
    /// # Errors
    /// [`BackupError::Io`].
    pub fn stored_backups(&self) -> Result<Vec<StoredBackup>, BackupError> {
        let folder = self.backups();
        let failed = || BackupError::io(&folder);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed())?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What is being written has a hidden name.
            let Ok(file) = entry.metadata() else { continue };
            if !file.is_file() || !is_name(&name) {
                continue;
            }
            let written = file.modified().ok();
            let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            found.push(StoredBackup {
                uploaded: name.starts_with(UPLOADED),
                written: written.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(0)),
                bytes: file.len(),
                name,
            });
        }
        found.sort_by(|a, b| (b.written, &b.name).cmp(&(a.written, &a.name)));
        Ok(found)
    }

    /// The file of a backup that is kept; `None`: there is none of that name.
    pub fn stored_backup(&self, name: &str) -> Option<PathBuf> {
        let file = self.backups().join(name);
        (is_name(name) && file.is_file()).then_some(file)
    }

    /// Writes a backup to those that are kept, under a name of its own.
    ///
    /// # Errors
    /// As [`Home::backup`].
    pub fn store_backup(&self, options: BackupOptions<'_>) -> Result<BackupReport, BackupError> {
        let models = if options.with_models {
            "-with-models"
        } else {
            ""
        };
        let folder = self.make_backups()?;
        let (archive, report) = self.archive(&folder, &options)?;
        let file = self.name_backup(archive.into_temp_path(), "niteru-", models)?;
        Ok(BackupReport { file, ..report })
    }

    /// Takes a backup that came from elsewhere to those that are kept, once it was looked at: `file` is in
    /// the folder of backups, and gets another name.
    ///
    /// # Errors
    /// [`BackupError::Damaged`], [`BackupError::Newer`]; the file is left then. [`BackupError::Io`].
    pub fn take_backup(&self, file: &Path) -> Result<StoredBackup, BackupError> {
        look_at(file)?;
        let came = TempPath::try_from_path(file).map_err(BackupError::io(file))?;
        let to = self.name_backup(came, UPLOADED, "")?;
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let found = self.stored_backups()?;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let found = found.into_iter().find(|backup| backup.name == name);
        found.ok_or_else(|| BackupError::io(&to)(gone()))
    }

    /// Removes what a killed program left of backups that it was writing into the folder. Nothing while one is
    /// written.
    ///
    /// # Errors
    /// [`StoreError::WriteFile`](crate::StoreError::WriteFile). What cannot be removed stays.
    pub fn remove_unfinished_backups(&self) -> Result<(), StoreError> {
        let folder = self.backups();
        let real = folder.symlink_metadata().is_ok_and(|about| about.is_dir());
        if !real {
            return Ok(());
        }
        let Some(_alone) = self.without_leases()? else {
            return Ok(());
        };
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let unfinished = entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(UNFINISHED.as_bytes());
            if unfinished && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Makes the folder for backups, readable by its owner only.
    ///
    /// # Errors
    /// [`BackupError::Io`].
    pub fn make_backups(&self) -> Result<PathBuf, BackupError> {
        let folder = self.backups();
        create_private(&folder).map_err(BackupError::io(&folder))?;
        Ok(folder)
    }

    /// Gives a file a name by the time that none has yet. Where that fails, it is gone.
    fn name_backup(
        &self,
        mut file: TempPath,
        begin: &str,
        end: &str,
    ) -> Result<PathBuf, BackupError> {
        let folder = self.make_backups()?;
        let mut now = time::now();
        loop {
            let second = time::rfc3339(now);
            let digits = |range: std::ops::Range<usize>| -> String {
                let part = second.get(range).unwrap_or_default();
                part.chars().filter(char::is_ascii_digit).collect()
            };
            let stamp = format!("{}-{}", digits(0..10), digits(11..19));
            let named = folder.join(format!("{begin}{stamp}{end}{ENDING}"));
            // Two may be named at once: a name is taken or refused, never looked at before.
            match file.persist_noclobber(&named) {
                Ok(()) => {
                    break sync_folder(&folder)
                        .map_err(BackupError::io(&named))
                        .map(|()| named);
                }
                Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {
                    file = refused.path;
                    now += 1000;
                }
                Err(refused) => break Err(BackupError::io(&named)(refused.error)),
            }
        }
    }
}

/// Whether a name is one that is given here: it stays in the folder.
fn is_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    name.ends_with(ENDING) && !name.starts_with('.') && name.len() <= 100 && name.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_stay_in_the_folder() {
        let table = [
            ("niteru-20260105-101112.tar", true),
            ("uploaded-20260105-101112.tar", true),
            ("../niteru.tar", false),
            ("a/b.tar", false),
            (".niteru-backup-x.tar", false),
            ("niteru.sqlite3", false),
            ("", false),
            ("..tar", false),
            ("a\\b.tar", false),
        ];
        let wrong: Vec<_> = table
            .iter()
            .filter(|(name, is)| is_name(name) != *is)
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
