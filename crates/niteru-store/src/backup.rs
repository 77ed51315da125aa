//! One file that holds what a home must not lose.
//!
//! A backup is an uncompressed tar archive. Its first member, `niteru-backup.json`, is the
//! [`Manifest`]: the version, and the name, length and sha256 of each member that follows, in order.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use walkdir::WalkDir;

use crate::home::{DATABASE, database_error};
use crate::turn::open_lock;
use crate::uploads::{UPLOADS, below_uploads};
use crate::{Home, StoreError, time};

/// Version of the archive's form.
pub(crate) const VERSION: u32 = 1;

/// The first member.
pub(crate) const MANIFEST: &str = "niteru-backup.json";

/// Folder of the models' members.
pub(crate) const MODELS: &str = "models";

/// Locked together by those who back up, and alone by who removes what they may need. The lock ends with the process
/// that holds it, however it ends.
const LEASE: &str = "backup.lock";

/// How files are called until they are complete.
pub(crate) const UNFINISHED: &str = ".niteru-backup-";

/// Pages of the database that are copied between two calls of the progress function.
const PAGES: i32 = 1024;

/// What a backup says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`VERSION`] of the program that wrote it.
    pub(crate) version: u32,
    /// Milliseconds since 1970 (UTC).
    pub(crate) created: i64,
    pub(crate) files: Vec<Member>,
}

/// A member of the archive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Path below the home, with `/`.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// In hexadecimal.
    pub(crate) sha256: String,
}

/// How to back up.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct BackupOptions<'a> {
    /// Take the installed models along, too; without, they have to be fetched again.
    pub with_models: bool,
    /// Replace a file that is there.
    pub force: bool,
    /// Called with bytes done and bytes to do.
    pub progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
    /// Set to true, from any thread, to stop: then no file is there.
    pub cancel: Option<&'a AtomicBool>,
}

impl BackupOptions<'_> {
    /// Tells how far it is, and ends it when it is to stop.
    fn go_on(&self, done: u64, total: u64) -> Result<(), BackupError> {
        if let Some(progress) = self.progress {
            progress(done, total);
        }
        self.stopped()
    }

    fn stopped(&self) -> Result<(), BackupError> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(BackupError::Cancelled),
            _ => Ok(()),
        }
    }
}

/// What was backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// The backup.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Files in it.
    pub files: u64,
    /// Whether installed models are in it.
    pub with_models: bool,
}

/// Why a backup could not be made or restored. Nothing was replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file of that name is there.
    #[error("{} is there already: choose another name, or replace it with --force", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The home to restore to is in use.
    #[error("{} is not empty: choose another --home, or replace it with --force", path.display())]
    NotEmpty {
        /// The home.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The archive is none, incomplete, changed or hostile.
    #[error("{} cannot be restored: {reason}; nothing was changed, use another backup", path.display())]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Written by a newer program.
    #[error("{} is a backup of version {found}, this program knows up to {VERSION}: update niteru", path.display())]
    Newer {
        /// The archive.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It was told to stop.
    #[error("stopped")]
    Cancelled,
    /// The home's database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        |source| Self::Io { path, source }
    }
}

impl Home {
    /// Writes all that must not be lost into one file: the database as it is at one moment, while
    /// others go on writing, the uploaded images that it knows, and the models if asked for. Other images stay
    /// where they are and are not in it. Meanwhile no upload is removed, by whatever process.
    ///
    /// The file gets its name when it is complete and on the disk. It can be read by its owner only.
    ///
    /// # Errors
    /// [`BackupError::Exists`], [`BackupError::Io`]; [`StoreError::Corrupt`] for a damaged database.
    pub fn backup(
        &self,
        file: &Path,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport, BackupError> {
        if !options.force && file.symlink_metadata().is_ok() {
            let path = file.to_path_buf();
            return Err(BackupError::Exists { path });
        }
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let (archive, report) = self.archive(folder, &options)?;
        publish(archive, file, options.force)?;
        sync_folder(folder).map_err(BackupError::io(file))?;
        Ok(BackupReport {
            file: file.to_path_buf(),
            ..report
        })
    }

    /// Writes a backup that has no name yet into a folder. The report names that file.
    pub(crate) fn archive(
        &self,
        folder: &Path,
        options: &BackupOptions<'_>,
    ) -> Result<(NamedTempFile, BackupReport), BackupError> {
        let failed = || BackupError::io(folder);
        // Before the database is copied: what the copy knows is there until the end.
        let _lease = self.lease()?;
        let snapshot = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(folder)
            .map_err(failed())?;
        let uploads = self.copy_database(snapshot.path(), options)?;

        let mut sources = vec![(DATABASE.to_owned(), snapshot.path().to_path_buf())];
        // Nowhere else are they. One that was lost before can be in no backup: a check tells of it.
        sources.extend(uploads.into_iter().filter(|(_, path)| path.is_file()));
        if options.with_models {
            sources.extend(files_below(&self.models(), MODELS)?);
        }
        let hashed = |(name, path): &(String, PathBuf)| {
            options.stopped()?;
            member(name, path)
        };
        let files: Vec<Member> = sources.iter().map(hashed).collect::<Result<_, _>>()?;
        let manifest = Manifest {
            version: VERSION,
            created: time::now(),
            files,
        };
        let archive = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(folder)
            .map_err(failed())?;
        write_archive(&archive, &manifest, &sources, options)?;
        let report = BackupReport {
            file: archive.path().to_path_buf(),
            bytes: archive.as_file().metadata().map_err(failed())?.len(),
            files: manifest.files.len() as u64,
            with_models: options.with_models,
        };
        Ok((archive, report))
    }

    /// Held while uploads are read. `None` where nobody can hold one: then nobody removes uploads, either.
    fn lease(&self) -> Result<Option<File>, BackupError> {
        if self.is_read_only() {
            return Ok(None);
        }
        let path = self.directory().join(LEASE);
        let file = open_lock(&path).map_err(BackupError::io(&path))?;
        match file.lock_shared() {
            Ok(()) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(BackupError::io(&path)(error)),
        }
    }

    /// Held while uploads are removed; `None` while somebody backs up.
    pub(crate) fn without_leases(&self) -> Result<Option<File>, StoreError> {
        let path = self.directory().join(LEASE);
        let failed = |source| StoreError::WriteFile {
            path: path.clone(),
            source,
        };
        let file = open_lock(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            // A disk without locks: backups hold none there.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Some(file))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Copies the database as it is now, and looks whether the copy is sound. Gives the uploads that it knows.
    fn copy_database(
        &self,
        to: &Path,
        options: &BackupOptions<'_>,
    ) -> Result<Vec<(String, PathBuf)>, BackupError> {
        let failed = |source| BackupError::Store(database_error(self.database(), source));
        let mut reader = self.reader()?;
        // What is seen stays as it is for the whole copy: else each commit of another process would
        // start it anew.
        let snapshot = reader.transaction().map_err(failed)?;
        snapshot
            .query_row("SELECT change FROM home", [], |_| Ok(()))
            .map_err(failed)?;
        let mut copy = Connection::open(to).map_err(failed)?;
        copy.pragma_update(None, "synchronous", "OFF")
            .map_err(failed)?;
        {
            let backup = Backup::new(&snapshot, &mut copy).map_err(failed)?;
            loop {
                match backup.step(PAGES).map_err(failed)? {
                    StepResult::Done => break,
                    StepResult::More => {
                        let pages = backup.progress();
                        let total = u64::try_from(pages.pagecount).unwrap_or(0);
                        let left = u64::try_from(pages.remaining).unwrap_or(0);
                        let page = 8192;
                        options.go_on(total.saturating_sub(left) * page, total * page)?;
                    }
                    _ => std::thread::sleep(Duration::from_millis(20)),
                }
            }
        }
        // One file, without a log beside it.
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
            .map_err(failed)?;
        let sound: String = copy
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        match sound.as_str() {
            "ok" => self.uploads_in(&copy).map_err(failed),
            _ => Err(failed(corrupt(&sound))),
        }
    }

    /// The uploads that a database knows, with the names of their members.
    fn uploads_in(&self, database: &Connection) -> rusqlite::Result<Vec<(String, PathBuf)>> {
        let sql = "SELECT lower(hex(sha256)), format FROM uploads ORDER BY sha256";
        let mut statement = database.prepare(sql)?;
        let uploads = statement.query_map([], |row| {
            let below = below_uploads(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?);
            Ok((format!("{UPLOADS}/{below}"), self.uploads().join(below)))
        })?;
        uploads.collect()
    }
}

/// SQLite's error for a damaged database.
pub(crate) fn corrupt(what: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(what.lines().next().unwrap_or_default().into()))
}

/// The regular files below a folder, by name, with the names of their members.
fn files_below(folder: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, BackupError> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| BackupError::io(folder)(error.into()))?;
        // What is being written has no name of its own yet.
        let unfinished = entry.file_name().as_encoded_bytes().starts_with(b".tmp");
        if !entry.file_type().is_file() || unfinished {
            continue;
        }
        let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
        let name = parts.map(|parts| format!("{prefix}/{}", parts.join("/")));
        match name.filter(|name| is_ours(name)) {
            Some(name) => files.push((name, entry.into_path())),
            // Better now than when the backup is needed.
            None => {
                let reason =
                    "no backup can hold a file of this name: rename it, or leave out the models";
                return Err(BackupError::io(entry.path())(io::Error::other(reason)));
            }
        }
    }
    Ok(files)
}

/// Whether a member's name is one that backups have: it stays below the home on every system.
pub(crate) fn is_ours(name: &str) -> bool {
    let plain = |part: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !part.is_empty() && !part.ends_with('.') && part.len() <= 200 && part.chars().all(known)
    };
    match name.split_once('/') {
        None => name == DATABASE,
        Some((folder, rest)) => {
            [MODELS, UPLOADS].contains(&folder) && rest.split('/').all(plain) && name.len() <= 90
        }
    }
}

fn member(name: &str, path: &Path) -> Result<Member, BackupError> {
    let mut file = File::open(path).map_err(BackupError::io(path))?;
    let mut hash = Hashing::new(io::sink());
    let bytes = io::copy(&mut file, &mut hash).map_err(BackupError::io(path))?;
    Ok(Member {
        name: name.into(),
        bytes,
        sha256: hash.finish(),
    })
}

fn write_archive(
    archive: &NamedTempFile,
    manifest: &Manifest,
    sources: &[(String, PathBuf)],
    options: &BackupOptions<'_>,
) -> Result<(), BackupError> {
    let failed = || BackupError::io(archive.path());
    let total: u64 = manifest.files.iter().map(|member| member.bytes).sum();
    let mut done = 0;
    let mut tar = tar::Builder::new(io::BufWriter::new(archive.as_file()));
    let text = serde_json::to_vec(manifest).map_err(|error| failed()(error.into()))?;
    append(
        &mut tar,
        MANIFEST,
        text.len() as u64,
        manifest.created,
        &text[..],
    )
    .map_err(failed())?;
    for ((_, path), member) in sources.iter().zip(&manifest.files) {
        let file = File::open(path).map_err(BackupError::io(path))?;
        let mut hashed = Hashing::new(io::sink());
        let reader = Tee(file.take(member.bytes), &mut hashed);
        append(
            &mut tar,
            &member.name,
            member.bytes,
            manifest.created,
            reader,
        )
        .map_err(failed())?;
        if hashed.finish() != member.sha256 {
            let changed = io::Error::other("it changed while it was read: run the command again");
            return Err(BackupError::io(path)(changed));
        }
        done += member.bytes;
        options.go_on(done, total)?;
    }
    let mut out = tar.into_inner().map_err(failed())?;
    out.flush().map_err(failed())?;
    archive.as_file().sync_all().map_err(failed())
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    name: &str,
    bytes: u64,
    created: i64,
    data: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime((created / 1000).unsigned_abs());
    tar.append_data(&mut header, name, data)
}

/// Gives the finished file its name.
fn publish(archive: NamedTempFile, file: &Path, force: bool) -> Result<(), BackupError> {
    let result = match force {
        true => archive.persist(file),
        false => archive.persist_noclobber(file),
    };
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            let path = file.to_path_buf();
            Err(BackupError::Exists { path })
        }
        Err(error) => Err(BackupError::io(file)(error.error)),
    }
}

/// Makes a new name in a folder last. Elsewhere than on Unix, folders cannot be synced.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

/// Hashes what goes through to a writer.
pub(crate) struct Hashing<W> {
    to: W,
    hash: Sha256,
}

impl<W: Write> Hashing<W> {
    pub(crate) fn new(to: W) -> Self {
        Self {
            to,
            hash: Sha256::new(),
        }
    }

    pub(crate) fn inner(&self) -> &W {
        &self.to
    }

    /// The sha256 of all that went through, in hexadecimal.
    pub(crate) fn finish(self) -> String {
        let digest = self.hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A reader whose bytes are also written.
struct Tee<'w, R, W>(R, &'w mut W);

impl<R: Read, W: Write> Read for Tee<'_, R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.write_all(&buffer[..count])?;
        Ok(count)
    }
}
