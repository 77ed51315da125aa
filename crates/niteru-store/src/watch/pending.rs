//! Paths on which something has happened, until they are quiet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Most paths that wait; more, and all folders are gone through instead.
const MOST: usize = 1 << 16;

/// Most files that are handed out together.
const BATCH: usize = 512;

/// What is seen of a path without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Nothing is there, or it may not be looked at.
    Gone,
    Folder,
    File {
        bytes: u64,
        modified: Option<SystemTime>,
    },
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Stamp {
        match path.metadata() {
            Err(_) => Stamp::Gone,
            Ok(metadata) if metadata.is_dir() => Stamp::Folder,
            Ok(metadata) => Stamp::File {
                bytes: metadata.len(),
                modified: metadata.modified().ok(),
            },
        }
    }
}

/// What is to be looked at now.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Files that are complete, with how they looked.
    pub(super) files: BTreeMap<PathBuf, Stamp>,
    /// Folders, and paths where nothing is any more.
    pub(super) folders: Vec<PathBuf>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }
}

struct Waiting {
    stamp: Stamp,
    since: Instant,
}

impl Waiting {
    fn ready(&self, settle: Duration) -> Instant {
        self.since
            + match self.stamp {
                Stamp::Gone => settle * 2,
                Stamp::Folder | Stamp::File { .. } => settle,
            }
    }
}

/// Paths that wait until nothing has happened on them for the settle time.
pub(super) struct Pending {
    settle: Duration,
    roots: Vec<PathBuf>,
    paths: BTreeMap<PathBuf, Waiting>,
}

impl Pending {
    pub(super) fn new(settle: Duration, roots: Vec<PathBuf>) -> Self {
        Self {
            settle,
            roots,
            paths: BTreeMap::new(),
        }
    }

    /// Something has happened at a path.
    pub(super) fn touch(&mut self, path: PathBuf, now: Instant) {
        if self.paths.len() >= MOST {
            self.look_everywhere(now);
        }
        let stamp = Stamp::of(&path);
        let waits = self.paths.get(&path).map(|waiting| waiting.stamp);
        // A folder that goes on changing is gone through nevertheless: its files have times of their own.
        if matches!(stamp, Stamp::File { .. }) || waits != Some(stamp) {
            self.paths.insert(path, Waiting { stamp, since: now });
        }
    }

    /// All folders are to be gone through, in place of whatever waits.
    pub(super) fn look_everywhere(&mut self, now: Instant) {
        self.paths.clear();
        for root in &self.roots {
            let stamp = Stamp::of(root);
            let waiting = Waiting { stamp, since: now };
            self.paths.insert(root.clone(), waiting);
        }
    }

    /// When the next path may be ready.
    pub(super) fn next(&self) -> Option<Instant> {
        let waiting = self.paths.values();
        waiting.map(|waiting| waiting.ready(self.settle)).min()
    }

    /// Takes what has been quiet for the settle time, or twice that where nothing is any more. Folders
    /// and gone paths come only with the last of the files. So a file that has moved is seen where
    /// it is before it is missed where it was.
    pub(super) fn take(&mut self, now: Instant) -> Batch {
        let mut batch = Batch::default();
        if self.next().is_none_or(|next| next > now) {
            return batch;
        }
        let mut others = Vec::new();
        let mut more = false;
        for (path, waiting) in &mut self.paths {
            if waiting.ready(self.settle) > now {
                continue;
            }
            let stamp = Stamp::of(path);
            if stamp != waiting.stamp {
                *waiting = Waiting { stamp, since: now };
            } else if !matches!(stamp, Stamp::File { .. }) {
                others.push(path.clone());
            } else if batch.files.len() < BATCH {
                batch.files.insert(path.clone(), stamp);
            } else {
                more = true;
                break;
            }
        }
        for path in batch.files.keys() {
            self.paths.remove(path);
        }
        if !more {
            for path in &others {
                self.paths.remove(path);
            }
            batch.folders = without_nested(others);
        }
        batch
    }
}

/// Sorted paths without those that lie below another one.
fn without_nested(sorted: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut outer: Vec<PathBuf> = Vec::new();
    for path in sorted {
        if outer.last().is_none_or(|last| !path.starts_with(last)) {
            outer.push(path);
        }
    }
    outer
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    fn pending(root: &Path) -> Pending {
        Pending::new(SETTLE, vec![root.to_path_buf()])
    }

    fn names(batch: &Batch) -> Vec<String> {
        let paths = batch.files.keys().chain(&batch.folders);
        paths
            .map(|path| {
                path.file_name()
                    .map_or_else(String::new, |name| name.to_string_lossy().into())
            })
            .collect()
    }

    #[test]
    fn a_file_waits_until_it_is_quiet() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, "half").expect("a file");
        let mut pending = pending(folder.path());
        let start = Instant::now();
        pending.touch(path.clone(), start);
        assert!(pending.take(start + SETTLE / 2).is_empty());
        // No event has told of this: the system may have lost it.
        std::fs::write(&path, "half and half").expect("a file");
        assert!(pending.take(start + SETTLE).is_empty());
        assert!(pending.take(start + SETTLE * 3 / 2).is_empty());
        assert_eq!(names(&pending.take(start + SETTLE * 2)), ["a.jpg"]);
        assert!(
            pending.take(start + SETTLE * 4).is_empty(),
            "handed out once"
        );
        assert_eq!(pending.next(), None);
    }

    #[test]
    fn gone_paths_and_folders_come_with_the_last_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pending = pending(folder.path());
        let start = Instant::now();
        for i in 0..=BATCH {
            let path = folder.path().join(format!("{i:04}.jpg"));
            std::fs::write(&path, "file").expect("a file");
            pending.touch(path, start);
        }
        pending.touch(folder.path().join("0000-gone.jpg"), start);
        std::fs::create_dir_all(folder.path().join("sub/sub")).expect("folders");
        pending.touch(folder.path().join("sub/sub"), start);
        pending.touch(folder.path().join("sub"), start);
        let first = pending.take(start + SETTLE * 2);
        assert_eq!((first.files.len(), first.folders.len()), (BATCH, 0));
        let second = pending.take(start + SETTLE * 2);
        assert_eq!(names(&second), ["0512.jpg", "0000-gone.jpg", "sub"]);
        assert_eq!(pending.next(), None);
    }

    #[test]
    fn a_gone_path_waits_for_where_it_has_moved_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, "file").expect("a file");
        let mut pending = pending(folder.path());
        let start = Instant::now();
        pending.touch(folder.path().join("gone.jpg"), start);
        pending.touch(path, start + SETTLE / 2);
        assert!(pending.take(start + SETTLE).is_empty());
        assert_eq!(
            names(&pending.take(start + SETTLE * 2)),
            ["a.jpg", "gone.jpg"]
        );
    }

    #[test]
    fn a_folder_does_not_wait_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pending = pending(folder.path());
        let start = Instant::now();
        for second in 0..4 {
            pending.touch(
                folder.path().to_path_buf(),
                start + Duration::from_secs(second),
            );
        }
        assert_eq!(pending.take(start + SETTLE).folders, [folder.path()]);
    }

    #[test]
    fn too_many_paths_become_their_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pending = pending(folder.path());
        let start = Instant::now();
        for i in 0..=MOST {
            pending.touch(folder.path().join(i.to_string()), start);
        }
        assert!(pending.paths.len() <= 2, "{}", pending.paths.len());
        assert!(pending.paths.contains_key(folder.path()));
    }
}
