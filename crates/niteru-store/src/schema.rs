//! The database's format and how connections to it are made.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::StoreError;
use crate::functions;
use crate::home::{Access, database_error};

/// Marks the file as ours: "NITE".
const APPLICATION_ID: i64 = 0x4E49_5445;

/// Each brings the format one version further; `user_version` counts them. Never edit one that
/// was released, append another.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1-collections.sql"),
    include_str!("schema/2-links.sql"),
    include_str!("schema/3-precision.sql"),
    include_str!("schema/4-typed-metadata.sql"),
    include_str!("schema/5-likenesses.sql"),
    include_str!("schema/6-framing.sql"),
    include_str!("schema/7-clusters.sql"),
    include_str!("schema/8-inspections.sql"),
    include_str!("schema/9-server.sql"),
    include_str!("schema/10-inspector-photos.sql"),
    include_str!("schema/11-watched-photos.sql"),
    include_str!("schema/12-program-and-cancel.sql"),
];

/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(60);

/// Two embeddings of 1280 dimensions fit on a page of 8 KiB, only one on a page of 4 KiB.
const PAGE_BYTES: i64 = 8192;

/// Opens the database, made or brought up to date where needed.
pub(crate) fn open(database: &Path) -> Result<(Connection, Access), StoreError> {
    let failed = |source| database_error(database, source);
    let existing = match std::fs::metadata(database) {
        Ok(metadata) if metadata.is_dir() => {
            let path = database.to_path_buf();
            return Err(StoreError::Open {
                path,
                source: "it is a folder".into(),
            });
        }
        Ok(metadata) => metadata.len() > 0,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(source) => {
            let path = database.to_path_buf();
            return Err(StoreError::Open {
                path,
                source: source.into(),
            });
        }
    };
    match open_read_write(database) {
        Ok(writer) => Ok((writer, Access::ReadWrite)),
        Err(StoreError::ReadOnly { .. } | StoreError::Open { .. })
            if existing && !is_writable(database) =>
        {
            open_immutable(database).map(|reader| (reader, Access::Immutable))
        }
        Err(StoreError::ReadOnly { .. }) if !existing => {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
            Err(failed(rusqlite::Error::SqliteFailure(
                code,
                Some("permission denied".into()),
            )))
        }
        Err(error) => Err(error),
    }
}

/// A connection for reading.
pub(crate) fn connect_reader(database: &Path, access: Access) -> rusqlite::Result<Connection> {
    let connection = match access {
        // Opened for writing all the same: readers of a WAL database share memory with writers.
        Access::ReadWrite => connect(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?,
        Access::Immutable => connect_immutable(database)?,
    };
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(database: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(database, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Each commit reaches the disk before it is acknowledged.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(64);
    functions::register(&connection)?;
    Ok(connection)
}

fn connect_immutable(database: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for &byte in crate::paths::to_bytes(database).unwrap_or_default() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect(Path::new(&uri), flags)
}

fn open_read_write(database: &Path) -> Result<Connection, StoreError> {
    let failed = |source| database_error(database, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = connect(database, flags).map_err(failed)?;
    let (application, version) = identify(&connection).map_err(failed)?;
    let empty = application == 0 && version == 0 && is_empty(&connection).map_err(failed)?;
    if !empty {
        check(database, application, version)?;
    }
    if connection.is_readonly("main").map_err(failed)? {
        return Err(StoreError::ReadOnly {
            path: database.to_path_buf(),
        });
    }
    if empty {
        connection
            .pragma_update(None, "page_size", PAGE_BYTES)
            .map_err(failed)?;
    }
    use_wal(&connection).map_err(failed)?;
    migrate(database, &mut connection)?;
    Ok(connection)
}

fn open_immutable(database: &Path) -> Result<Connection, StoreError> {
    let failed = |source| database_error(database, source);
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    // Without its log the database would be read as it was before the last changes.
    if std::fs::metadata(Path::new(&log)).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::ReadOnly {
            path: database.to_path_buf(),
        });
    }
    let connection = connect_immutable(database).map_err(failed)?;
    let (application, version) = identify(&connection).map_err(failed)?;
    check(database, application, version)?;
    if version < MIGRATIONS.len() as i64 {
        return Err(StoreError::ReadOnly {
            path: database.to_path_buf(),
        });
    }
    Ok(connection)
}

fn identify(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

fn check(database: &Path, application: i64, version: i64) -> Result<(), StoreError> {
    let path = database.to_path_buf();
    let supported = MIGRATIONS.len() as i64;
    if application != APPLICATION_ID || version < 1 {
        return Err(StoreError::NotAHome { path });
    }
    if version > supported {
        return Err(StoreError::Newer {
            path,
            found: version,
            supported,
        });
    }
    Ok(())
}

/// SQLite does not wait for other openers when it switches a new file to WAL; this does.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let give_up = Instant::now() + BUSY;
    loop {
        let result = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match result {
            Ok(_) => return Ok(()),
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < give_up =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error),
        }
    }
}

fn migrate(database: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = |source| database_error(database, source);
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    // Read again: another process may have migrated while this one waited for the lock.
    let (application, version) = identify(&tx).map_err(failed)?;
    if version > 0 {
        check(database, application, version)?;
    }
    let done = usize::try_from(version).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(migration).map_err(failed)?;
    }
    if done < MIGRATIONS.len() {
        tx.pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(failed)?;
        tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)
            .map_err(failed)?;
    }
    tx.commit().map_err(failed)
}

/// Whether this user may write the database and make files beside it.
fn is_writable(database: &Path) -> bool {
    let file = std::fs::OpenOptions::new().append(true).open(database);
    let directory = database.parent().unwrap_or(Path::new("."));
    file.is_ok() && can_make_files(directory)
}

fn can_make_files(directory: &Path) -> bool {
    let probe = directory.join(format!(".probe-{}", std::process::id()));
    let made = std::fs::File::create(&probe).is_ok();
    if made {
        // Nothing depends on it; what cannot be removed is an empty file.
        let _ = std::fs::remove_file(&probe);
    }
    made
}
