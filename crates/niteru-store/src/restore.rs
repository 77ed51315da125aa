//! A home from a backup. The archive is hostile until it is verified.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;

use crate::backup::{
    BackupError, Hashing, MANIFEST, MODELS, Manifest, Member, VERSION, is_ours, sync_folder,
};
use crate::backups::BACKUPS;
use crate::home::{DATABASE, WATCHED, lock};
use crate::turn::Restoring;
use crate::{Home, StoreError};

/// Longest manifest, in bytes, and most files, before any is read.
const MANIFEST_BYTES: u64 = 256 << 20;
const FILES: usize = 1_000_000;

/// Folders that stay when a home is replaced, where the backup does not bring its own.
const KEPT: [&str; 4] = [MODELS, "samples", BACKUPS, WATCHED];

/// How to restore.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct RestoreOptions<'a> {
    /// Replace a home that is not empty. The old one is kept beside it.
    pub force: bool,
    /// Called with bytes done and bytes to do.
    pub progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// The home.
    pub home: PathBuf,
    /// When the backup was made, milliseconds since 1970 (UTC).
    pub created: i64,
    /// Files restored.
    pub files: u64,
    /// Their length.
    pub bytes: u64,
    /// Where the home that was replaced is now. Nothing needs it; remove it when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<PathBuf>,
    /// Folders of the replaced home that are part of the new one.
    pub kept: Vec<String>,
    /// Entries of the replaced home's audit log, written since the backup, that are in the new one.
    pub audit_entries: u64,
}

/// Makes a home of a backup.
///
/// Everything is unpacked beside the home, each hash is compared, the database is brought up to date
/// and looked through. Only then the new home is renamed into place: before that, whatever fails,
/// nothing has changed. Meanwhile other processes can neither open the home nor write to it; those that had it open
/// cannot write to it afterwards, either.
///
/// # Errors
/// [`BackupError::NotEmpty`], [`BackupError::Damaged`], [`BackupError::Newer`], [`BackupError::Io`],
/// and those of opening a home.
pub fn restore(
    file: &Path,
    home: &Path,
    options: RestoreOptions<'_>,
) -> Result<RestoreReport, BackupError> {
    let home = std::path::absolute(home).map_err(BackupError::io(home))?;
    // A home that is a link stays one: what it leads to is replaced.
    let home = home.canonicalize().unwrap_or(home);
    let occupied = is_occupied(&home)?;
    if occupied && !options.force {
        return Err(BackupError::NotEmpty { path: home });
    }
    let parent = home.parent().unwrap_or(Path::new(".")).to_path_buf();
    std::fs::create_dir_all(&parent).map_err(BackupError::io(&parent))?;
    let _alone = Restoring::begin(&home).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => StoreError::Restoring { path: home.clone() }.into(),
        _ => BackupError::io(&parent)(error),
    })?;
    let stage = tempfile::Builder::new()
        .prefix(".niteru-restore-")
        .tempdir_in(&parent)
        .map_err(BackupError::io(&parent))?;
    let manifest = Archive::open(file, options.progress)?.unpack(stage.path())?;
    verify_database(file, stage.path())?;
    let audit_entries = {
        let new = Home::open(stage.path())?;
        new.move_uploads(&home)?;
        // Who did what since the backup does not go with the home that is replaced.
        new.carry_audit(&home.join(DATABASE))?
    };
    let replaced = put_in_place(stage, &home, occupied)?;
    let kept = match &replaced {
        Some(old) => keep(old, &home),
        None => Vec::new(),
    };
    sync_folder(&parent).map_err(BackupError::io(&parent))?;
    Ok(RestoreReport {
        home,
        created: manifest.created,
        files: manifest.files.len() as u64,
        bytes: manifest.files.iter().map(|member| member.bytes).sum(),
        replaced,
        kept,
        audit_entries,
    })
}

/// Looks whether a file begins as a backup of this program does. Its contents are compared when it is
/// restored.
///
/// # Errors
/// [`BackupError::Damaged`], [`BackupError::Newer`], [`BackupError::Io`].
pub(crate) fn look_at(file: &Path) -> Result<Manifest, BackupError> {
    Archive::open(file, None)?.look()
}

/// Whether anything is there that would be lost.
fn is_occupied(home: &Path) -> Result<bool, BackupError> {
    match std::fs::read_dir(home) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(BackupError::io(home)(error)),
    }
}

/// An archive that is being read.
struct Archive<'a> {
    path: &'a Path,
    file: File,
    length: u64,
    progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
}

impl<'a> Archive<'a> {
    fn open(
        path: &'a Path,
        progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
    ) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(BackupError::io(path))?;
        let length = file.metadata().map_err(BackupError::io(path))?.len();
        Ok(Self {
            path,
            file,
            length,
            progress,
        })
    }

    fn damaged(&self, reason: impl Into<String>) -> BackupError {
        BackupError::Damaged {
            path: self.path.to_path_buf(),
            reason: reason.into(),
        }
    }

    /// What it says that it holds.
    fn look(&self) -> Result<Manifest, BackupError> {
        let mut tar = tar::Archive::new(BufReader::new(&self.file));
        let no_archive =
            |error: io::Error| self.damaged(format!("it is no complete archive ({error})"));
        let mut entries = tar.entries().map_err(no_archive)?.raw(true);
        let first = entries.next().ok_or_else(|| self.damaged("it is empty"))?;
        self.manifest(first.map_err(no_archive)?)
    }

    /// Unpacks into an empty folder. Members are taken in the manifest's order and nothing else is.
    fn unpack(&self, stage: &Path) -> Result<Manifest, BackupError> {
        let mut tar = tar::Archive::new(BufReader::new(&self.file));
        let no_archive =
            |error: io::Error| self.damaged(format!("it is no complete archive ({error})"));
        // Raw: what a header claims about the next name is a member like any other here, and refused.
        let mut entries = tar.entries().map_err(no_archive)?.raw(true);
        let first = entries.next().ok_or_else(|| self.damaged("it is empty"))?;
        let manifest = self.manifest(first.map_err(no_archive)?)?;
        let total = manifest.files.iter().map(|member| member.bytes).sum();
        let mut done = 0;
        for member in &manifest.files {
            let entry = entries
                .next()
                .ok_or_else(|| self.damaged(format!("{} is not in it", member.name)))?;
            self.unpack_member(entry.map_err(no_archive)?, member, stage)?;
            done += member.bytes;
            if let Some(progress) = self.progress {
                progress(done, total);
            }
        }
        match entries.next() {
            None => Ok(manifest),
            Some(_) => Err(self.damaged("it holds more than it says")),
        }
    }

    fn manifest(&self, entry: tar::Entry<'_, impl Read>) -> Result<Manifest, BackupError> {
        if &*entry.path_bytes() != MANIFEST.as_bytes() || !entry.header().entry_type().is_file() {
            return Err(self.damaged("it is no backup of niteru"));
        }
        if entry.size() > MANIFEST_BYTES {
            return Err(self.damaged(format!("its list of files has {} bytes", entry.size())));
        }
        let mut text = Vec::new();
        let read = entry.take(MANIFEST_BYTES).read_to_end(&mut text);
        read.map_err(|error| self.damaged(format!("it is no complete archive ({error})")))?;
        /// All that a later version is sure to have.
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u32,
        }
        let unreadable =
            |error| self.damaged(format!("its list of files cannot be read ({error})"));
        let Versioned { version } = serde_json::from_slice(&text).map_err(unreadable)?;
        if version > VERSION {
            let path = self.path.to_path_buf();
            return Err(BackupError::Newer {
                path,
                found: version,
            });
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(unreadable)?;
        self.check(&manifest)?;
        Ok(manifest)
    }

    /// Refuses a list that no backup has, before anything is written.
    fn check(&self, manifest: &Manifest) -> Result<(), BackupError> {
        if manifest.files.len() > FILES {
            return Err(self.damaged(format!("it lists {} files", manifest.files.len())));
        }
        let mut names = HashSet::new();
        let mut left = self.length;
        for Member { name, bytes, .. } in &manifest.files {
            if !is_ours(name) || !names.insert(name.to_lowercase()) {
                return Err(self.damaged(format!("it lists a file named {name:?}")));
            }
            // Members are not compressed: together they are no longer than the archive.
            left = left
                .checked_sub(*bytes)
                .ok_or_else(|| self.damaged("it is shorter than the files that it lists"))?;
        }
        match names.contains(DATABASE) {
            true => Ok(()),
            false => Err(self.damaged("it holds no database")),
        }
    }

    fn unpack_member(
        &self,
        mut entry: tar::Entry<'_, impl Read>,
        member: &Member,
        stage: &Path,
    ) -> Result<(), BackupError> {
        let name = &member.name;
        let plain = entry.header().entry_type().is_file();
        if !plain || &*entry.path_bytes() != name.as_bytes() || entry.size() != member.bytes {
            return Err(self.damaged(format!("{name} is not where it should be")));
        }
        let path = stage.join(name);
        let failed = || BackupError::io(&path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed())?;
        }
        let mut file = Hashing::new(File::create_new(&path).map_err(failed())?);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = entry
                .read(&mut buffer)
                .map_err(|error| self.damaged(format!("{name} is incomplete ({error})")))?;
            if count == 0 {
                break;
            }
            file.write_all(&buffer[..count]).map_err(failed())?;
        }
        file.inner().sync_all().map_err(failed())?;
        match file.finish() == member.sha256 {
            true => Ok(()),
            false => Err(self.damaged(format!("{name} is not what was backed up (other sha256)"))),
        }
    }
}

/// Opens the unpacked home, which brings it up to date, and looks through its database.
fn verify_database(archive: &Path, stage: &Path) -> Result<(), BackupError> {
    let home = Home::open(stage)?;
    let sound: String = lock(&home.writer)
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| home.failed(error))?;
    match sound.as_str() {
        "ok" => Ok(()),
        _ => Err(BackupError::Damaged {
            path: archive.to_path_buf(),
            reason: format!(
                "its database is damaged ({})",
                sound.lines().next().unwrap_or_default()
            ),
        }),
    }
}

/// Renames the new home into place; the old one, if there is any, gets another name.
fn put_in_place(
    stage: TempDir,
    home: &Path,
    occupied: bool,
) -> Result<Option<PathBuf>, BackupError> {
    let failed = || BackupError::io(home);
    let old = match occupied {
        true => {
            let old = free_name(home);
            std::fs::rename(home, &old).map_err(failed())?;
            Some(old)
        }
        false => {
            if home.is_dir() {
                // Empty: not every system renames over it.
                std::fs::remove_dir(home).map_err(failed())?;
            }
            None
        }
    };
    if let Err(error) = std::fs::rename(stage.path(), home) {
        if let Some(old) = &old {
            std::fs::rename(old, home).map_err(BackupError::io(old))?;
        }
        return Err(failed()(error));
    }
    // It has another name now.
    let _ = stage.keep();
    Ok(old)
}

/// A name beside the home that is not taken.
fn free_name(home: &Path) -> PathBuf {
    let name = |number: u32| {
        let mut name = home.file_name().unwrap_or_default().to_owned();
        name.push(format!(".replaced-{number}"));
        home.with_file_name(name)
    };
    (1..)
        .map(name)
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| name(0))
}

/// Moves the folders that can be fetched again but need not be, where the backup has none. One that
/// cannot be moved stays in the old home.
fn keep(old: &Path, home: &Path) -> Vec<String> {
    let moved = |name: &&str| {
        let to = home.join(name);
        !to.exists() && old.join(name).is_dir() && std::fs::rename(old.join(name), to).is_ok()
    };
    KEPT.iter()
        .filter(|name| moved(name))
        .map(|name| (*name).to_owned())
        .collect()
}
