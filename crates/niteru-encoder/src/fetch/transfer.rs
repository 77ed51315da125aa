//! Copying bytes into files that are new, limited in size, hashed, and on the disk when done.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{FetchError, FetchEvent, Watch};

/// Bytes moved between two looks at the cancel flag.
const STEP: usize = 256 << 10;

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    /// In hexadecimal.
    pub(crate) sha256: String,
}

pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> FetchError {
    let path = path.to_path_buf();
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FetchError::DiskFull { path },
        _ => FetchError::Io {
            action,
            path,
            source,
        },
    }
}

/// Lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes `source`, which errors call `from`, into a new file at `path`, flushed to the disk.
/// At most `limit` bytes are taken. A failure removes the file.
pub(crate) fn write_hashed(
    source: &mut dyn Read,
    from: &Path,
    path: &Path,
    limit: u64,
    total: Option<u64>,
    watch: &Watch<'_>,
) -> Result<Written, FetchError> {
    let mut file = create(path)?;
    let written = Sink::new(&mut file, path, limit, total)
        .fill(source, from, watch)
        .and_then(|written| {
            file.sync_all()
                .map_err(|source| io_error("write", path, source))?;
            Ok(written)
        });
    if written.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Copies a file as [`write_hashed`] does.
pub(crate) fn copy_hashed(
    from: &Path,
    to: &Path,
    limit: u64,
    watch: &Watch<'_>,
) -> Result<Written, FetchError> {
    let read = |source| io_error("read", from, source);
    let mut file = File::open(from).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    if !metadata.is_file() {
        return Err(read(io::Error::new(
            ErrorKind::InvalidInput,
            "not a regular file",
        )));
    }
    write_hashed(&mut file, from, to, limit, Some(metadata.len()), watch)
}

/// sha256 of a file, in hexadecimal, and its length.
pub(crate) fn hash_file(path: &Path, watch: &Watch<'_>) -> Result<Written, FetchError> {
    let read = |source| io_error("read", path, source);
    let mut file = File::open(path).map_err(read)?;
    let total = file.metadata().map_err(read)?.len();
    Sink::new(&mut io::sink(), path, u64::MAX, Some(total)).fill(&mut file, path, watch)
}

/// Makes the names in a folder durable. A no-op where folders cannot be opened (Windows).
pub(crate) fn sync_folder(path: &Path) -> Result<(), FetchError> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| io_error("write", path, source))
}

pub(super) fn create(path: &Path) -> Result<File, FetchError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|source| io_error("create", path, source))
}

/// Where bytes go: counted, hashed, limited, and reported.
pub(super) struct Sink<'a> {
    to: &'a mut dyn Write,
    path: &'a Path,
    name: String,
    limit: u64,
    total: Option<u64>,
    done: u64,
    hash: Sha256,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        to: &'a mut dyn Write,
        path: &'a Path,
        limit: u64,
        total: Option<u64>,
    ) -> Sink<'a> {
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        Sink {
            to,
            path,
            name,
            limit,
            total,
            done: 0,
            hash: Sha256::new(),
        }
    }

    /// Bytes written so far.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Bytes expected in all, where known.
    pub(super) fn total(&self) -> Option<u64> {
        self.total
    }

    /// Says how many bytes are expected in all: for progress, and to refuse what is too large
    /// before it is fetched.
    pub(super) fn expect(&mut self, total: Option<u64>) -> Result<(), FetchError> {
        self.total = total;
        if total.is_some_and(|total| total > self.limit) {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn too_large(&self) -> FetchError {
        FetchError::TooLarge {
            file: self.name.clone(),
            limit: self.limit,
        }
    }

    /// Takes the next bytes.
    pub(super) fn put(&mut self, part: &[u8], watch: &Watch<'_>) -> Result<(), FetchError> {
        self.done += part.len() as u64;
        if self.done > self.limit {
            return Err(self.too_large());
        }
        self.hash.update(part);
        self.to
            .write_all(part)
            .map_err(|error| io_error("write", self.path, error))?;
        let (file, done, total) = (&*self.name, self.done, self.total);
        watch.tell(FetchEvent::Progress { file, done, total });
        watch.check()
    }

    pub(super) fn finish(self) -> Written {
        Written {
            bytes: self.done,
            sha256: hex(&self.hash.finalize()),
        }
    }

    fn fill(
        mut self,
        source: &mut dyn Read,
        from: &Path,
        watch: &Watch<'_>,
    ) -> Result<Written, FetchError> {
        let mut buffer = vec![0; STEP];
        loop {
            watch.check()?;
            match source.read(&mut buffer) {
                Ok(0) => return Ok(self.finish()),
                Ok(count) => self.put(&buffer[..count], watch)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(io_error("read", from, error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_error() {
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let error = io_error("write", Path::new("models/x"), io::Error::from(kind));
            assert!(matches!(error, FetchError::DiskFull { .. }), "{error:?}");
            assert!(error.to_string().contains("models/x"), "{error}");
        }
    }

    /// A source that breaks off or has too much.
    #[test]
    fn what_cannot_be_written_or_read_in_full_is_removed() {
        struct Breaks(usize);
        impl Read for Breaks {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or(ErrorKind::ConnectionReset)?;
                Ok(buffer.len().min(1000))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let from = Path::new("the source");
        let cut = write_hashed(&mut Breaks(3), from, &path, 10_000, None, &Watch::silent());
        assert!(cut.unwrap_err().to_string().contains("the source"));
        assert!(!path.exists());
        let large = write_hashed(&mut Breaks(99), from, &path, 10_000, None, &Watch::silent());
        assert!(matches!(
            large,
            Err(FetchError::TooLarge { limit: 10_000, .. })
        ));
        assert!(!path.exists());
        // What was there before is not overwritten.
        std::fs::write(&path, "mine").unwrap();
        assert!(write_hashed(&mut &b"other"[..], from, &path, 10, None, &Watch::silent()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }
}
