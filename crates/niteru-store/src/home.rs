use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use niteru_index::qdrant::Cluster;
use niteru_kernels::Kernels;

use crate::error::Failure;
use crate::index::{Background, CachedIndex};
use crate::inspect::TrainedWith;
use crate::notice::{Notice, Notices};
use crate::turn::{Writers, is_being_restored};
use crate::{IndexPlace, IndexPolicy, StoreError, schema};

/// Name of the database in a home.
pub(crate) const DATABASE: &str = "niteru.sqlite3";

/// Name of the folder in the home that photos to be inspected can be written into.
pub(crate) const WATCHED: &str = "watched";

/// The data directory: the database, the model cache, the sample photos.
///
/// One `Home` serves all threads of a process, and any number of processes may open the same
/// directory: one writes at a time, the others wait for it, readers never wait. What a method has
/// reported as stored is on the disk (SQLite in WAL mode with `synchronous=FULL`).
///
/// ```text
/// home/niteru.sqlite3   everything that must not be lost
/// home/models/          model files
/// home/samples/         sample photos
/// home/backups/         backups that were made over the server
/// home/uploads/         images that were handed in over the server, by their sha256
/// home/thumbnails/      small pictures; derived, can be deleted at any time
/// home/index/           indexes of large collections; derived, can be deleted at any time
/// home/maps/            where images lie on maps; derived, can be deleted at any time
/// ```
pub struct Home {
    directory: PathBuf,
    database: PathBuf,
    access: Access,
    /// `None` where nothing can be written.
    writers: Option<Writers>,
    pub(crate) writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    pub(crate) indexes: Mutex<HashMap<i64, Arc<OnceLock<CachedIndex>>>>,
    pub(crate) index_policy: IndexPolicy,
    /// Where all indexes are for this process, whatever was recorded.
    pub(crate) index_place: Option<IndexPlace>,
    pub(crate) clusters: Mutex<Vec<Cluster>>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) background: Background,
    pub(crate) trained_with: TrainedWith,
}

/// How a home's database can be opened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Access {
    ReadWrite,
    /// Neither the database nor its directory can be written, and no writer left a log behind.
    Immutable,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Home {
    /// Opens the home in that directory; makes it if there is none (mode 0700 on Unix).
    ///
    /// An older format is brought up to date. A home that may not be written is opened for
    /// reading; what would write to it then fails with [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::NotAHome`], [`StoreError::Newer`],
    /// [`StoreError::Corrupt`], [`StoreError::DiskFull`], [`StoreError::Write`],
    /// [`StoreError::Busy`], [`StoreError::Restoring`].
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let directory = directory.as_ref();
        let cannot_open = |source: std::io::Error| {
            let path = directory.to_path_buf();
            StoreError::Open {
                path,
                source: source.into(),
            }
        };
        let directory = std::path::absolute(directory).map_err(cannot_open)?;
        if is_being_restored(&directory) {
            return Err(StoreError::Restoring { path: directory });
        }
        create_private(&directory).map_err(cannot_open)?;
        let database = directory.join(DATABASE);
        let (writer, access) = schema::open(&database)?;
        let writers = match access {
            Access::ReadWrite => Some(Writers::open(&directory)?),
            Access::Immutable => None,
        };
        Ok(Self {
            directory,
            database,
            access,
            writers,
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            indexes: Mutex::default(),
            index_policy: IndexPolicy::default(),
            index_place: None,
            clusters: Mutex::default(),
            notices: Arc::default(),
            background: Background::default(),
            trained_with: TrainedWith::default(),
        })
    }

    /// The same home with another policy for indexes.
    pub fn with_index_policy(mut self, policy: IndexPolicy) -> Self {
        self.index_policy = policy;
        self
    }

    /// What opens this home again, in the same way, once this value is gone.
    pub fn again(&self) -> impl Fn() -> Result<Home, StoreError> + Send + 'static {
        let directory = self.directory.clone();
        let (policy, place) = (self.index_policy, self.index_place.clone());
        move || {
            let home = Home::open(&directory)?;
            Ok(home
                .with_index_policy(policy)
                .with_index_place(place.clone()))
        }
    }

    /// What the user should know and no result tells, such as an index file that had to be made again;
    /// each once.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// The home's directory, absolute.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where model files are cached. Not made before it is needed.
    pub fn models(&self) -> PathBuf {
        self.directory.join("models")
    }

    /// Where sample photos are kept. Not made before it is needed.
    pub fn samples(&self) -> PathBuf {
        self.directory.join("samples")
    }

    /// Where photos to be inspected can be written. Not made before it is needed.
    pub fn watched(&self) -> PathBuf {
        self.directory.join(WATCHED)
    }

    /// The database file.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// Whether the home was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        self.access == Access::Immutable
    }

    /// Reads in one transaction: everything is seen as it was at one moment.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let mut reader = self.reader()?;
        let result = reader
            .transaction()
            .map_err(Failure::Sql)
            .and_then(|tx| work(&tx));
        lock(&self.readers).push(reader);
        result.map_err(|failure| self.failed(failure))
    }

    /// Writes in one transaction: all of it is on the disk when this returns, or none.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let Some(writers) = &self.writers else {
            return Err(StoreError::ReadOnly {
                path: self.database.clone(),
            });
        };
        let mut writer = lock(&self.writer);
        let _turn = writers.turn()?;
        let result = writer
            // Immediate: wait for the other writer here, not in the middle with an error.
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Failure::Sql)
            .and_then(|tx| {
                let value = work(&tx)?;
                tx.commit()?;
                Ok(value)
            });
        result.map_err(|failure| self.failed(failure))
    }

    /// A connection that only reads. Give it back to the pool by dropping it, or lose nothing.
    pub(crate) fn reader(&self) -> Result<Connection, StoreError> {
        if let Some(reader) = lock(&self.readers).pop() {
            return Ok(reader);
        }
        schema::connect_reader(&self.database, self.access)
            .map_err(|source| database_error(&self.database, source))
    }

    /// Adds the path of the database to a failure.
    pub(crate) fn failed(&self, failure: impl Into<Failure>) -> StoreError {
        match failure.into() {
            Failure::Store(error) => error,
            Failure::Sql(source) => database_error(&self.database, source),
        }
    }
}

/// The clear error for what SQLite reports.
pub(crate) fn database_error(database: &Path, source: rusqlite::Error) -> StoreError {
    let path = database.to_path_buf();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { path, source }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly { path },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        Some(ErrorCode::CannotOpen) => StoreError::Open {
            path,
            source: source.into(),
        },
        Some(ErrorCode::SystemIoFailure) if is_write(&source) => StoreError::Write { path, source },
        _ => StoreError::Database { path, source },
    }
}

/// Whether an input or output error is one of writing. Memory that processes share is a file, too.
fn is_write(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{
        SQLITE_IOERR_FSYNC, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE,
    };
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(
            SQLITE_IOERR_WRITE | SQLITE_IOERR_FSYNC | SQLITE_IOERR_TRUNCATE | SQLITE_IOERR_SHMSIZE
        )
    )
}

/// What the store compares vectors with. An unknown `NITERU_KERNELS` is the encoder's to report; here
/// the detected set is as right as any.
pub(crate) fn kernels() -> Kernels {
    Kernels::from_env().unwrap_or_else(|_| Kernels::detect())
}

/// Locks, also after a panic elsewhere: nothing behind these locks is left half-changed by one.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn create_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}
