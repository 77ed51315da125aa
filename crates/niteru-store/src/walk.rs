//! Finding image files below folders.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use niteru_imaging::is_image_path;
use walkdir::{DirEntry, WalkDir};

use crate::known::Place;
use crate::{Candidate, Skipped};

/// A file changed more recently than this may change again without its time showing it.
const TIME_RESOLUTION: Duration = Duration::from_secs(2);

/// What a walk comes across.
#[derive(Debug)]
pub(crate) enum Found {
    File(Candidate),
    /// Something that should have been read and cannot be.
    Unreadable(PathBuf, String),
}

/// The image files at and below a path, in the order of their names, one folder in memory at a
/// time.
///
/// Where `links` says so, symbolic links are followed; one that leads back to a folder it lies in is
/// left out. Else all are left out, the path itself included. Hidden files and folders (names with a
/// leading dot) are left out, unless they are the path itself.
pub(crate) fn walk(root: PathBuf, links: bool) -> impl Iterator<Item = Found> + Send {
    let mut targets = Targets::default();
    entries(&root, links).filter_map(move |entry| match entry {
        Ok(entry) => {
            if !is_image(&entry) {
                return None;
            }
            match entry.metadata() {
                Ok(metadata) => {
                    let target = targets.of(&entry);
                    let path = entry.into_path();
                    let place = Place { path, target };
                    Some(Found::File(candidate(place, &metadata)))
                }
                Err(error) => Some(unreadable(&root, error)),
            }
        }
        Err(error) if error.loop_ancestor().is_some() => None,
        Err(error) => Some(unreadable(&root, error)),
    })
}

/// Whether no folder between a path and the root that it is below is a link; of a path that is below none, not.
pub(crate) fn is_below_folders(roots: &[PathBuf], path: &Path) -> bool {
    let Some(root) = roots.iter().find(|root| path.starts_with(root)) else {
        return false;
    };
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|kind| kind.is_dir());
    let mut between = path
        .ancestors()
        .skip(1)
        .take_while(|path| path.starts_with(root));
    // What has gone with its folder is to be missed.
    between.all(|path| is_folder(path) || path.symlink_metadata().is_err())
}

/// The image files at and below the paths, found as [`Home::add`](crate::Home::add) finds them.
///
/// `Err` is something that should have been read and cannot be.
pub fn image_files(
    roots: impl IntoIterator<Item = PathBuf, IntoIter: Send>,
) -> impl Iterator<Item = Result<PathBuf, Skipped>> + Send {
    let found = roots.into_iter().flat_map(|root| walk(root, true));
    found.map(|found| match found {
        Found::File(candidate) => Ok(candidate.place.path),
        Found::Unreadable(path, reason) => Err(Skipped {
            path,
            reason,
            exactly: None,
        }),
    })
}

/// How many image files a walk will come across, found without opening any. `None` when `stop`
/// said so.
pub(crate) fn count(root: &Path, links: bool, stop: &dyn Fn() -> bool) -> Option<u64> {
    let mut count = 0;
    for entry in entries(root, links) {
        if stop() {
            return None;
        }
        count += u64::from(entry.is_ok_and(|entry| is_image(&entry)));
    }
    Some(count)
}

fn entries(
    root: &Path,
    links: bool,
) -> impl Iterator<Item = walkdir::Result<DirEntry>> + Send + use<> {
    WalkDir::new(root)
        .follow_links(links)
        .follow_root_links(links)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry))
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn is_image(entry: &DirEntry) -> bool {
    let file = entry.file_type().is_file();
    file && (entry.depth() == 0 || is_image_path(entry.path()))
}

/// Finds where paths lead. Files of one folder come one after the other, so that its own target is
/// looked up once for all of them.
#[derive(Default)]
struct Targets {
    folder: PathBuf,
    folder_target: Option<PathBuf>,
}

impl Targets {
    /// Where the entry's path leads, if that is another path.
    fn of(&mut self, entry: &DirEntry) -> Option<PathBuf> {
        let path = entry.path();
        // How a user has written the root may differ in case, too, where case does not count.
        let target = if entry.path_is_symlink() || entry.depth() == 0 {
            path.canonicalize().ok()
        } else {
            self.of_folder(path.parent()?)
                .map(|folder| folder.join(entry.file_name()))
        };
        target.filter(|target| target != path)
    }

    fn of_folder(&mut self, folder: &Path) -> Option<&Path> {
        if self.folder != folder {
            self.folder = folder.to_path_buf();
            self.folder_target = folder.canonicalize().ok();
        }
        self.folder_target.as_deref()
    }
}

fn candidate(place: Place, metadata: &Metadata) -> Candidate {
    let modified = metadata.modified().ok().and_then(stored_time);
    Candidate {
        place,
        bytes: metadata.len(),
        modified,
    }
}

/// Nanoseconds since 1970, or `None` for a time that cannot be relied on.
pub(crate) fn stored_time(modified: SystemTime) -> Option<i64> {
    // A time in the future has no elapsed time: contents are compared then, too.
    if modified.elapsed().ok()? < TIME_RESOLUTION {
        return None;
    }
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}

fn unreadable(root: &Path, error: walkdir::Error) -> Found {
    let path = error.path().unwrap_or(root).to_path_buf();
    let error = io::Error::from(error);
    let reason = match error.kind() {
        io::ErrorKind::NotFound if path.is_symlink() => "a link to a file that is not there".into(),
        io::ErrorKind::NotFound => "no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "no permission to read it".into(),
        _ => error.to_string(),
    };
    Found::Unreadable(path, reason)
}
