//! Folders of the server that collections are filled from, and those that collections are kept in step with.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use niteru_store::{Home, WatchCounts};
use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::watched::{SkippedPhoto, is_inside};

/// Files that cannot be used and that are named, the last ones.
const NAMED: usize = 20;

/// How long a folder may take to answer: a network share may never.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks whether to stop.
const TICK: Duration = Duration::from_millis(100);

/// A folder that a collection is kept in step with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FollowedFolder {
    /// The job that does it; cancel that to end it.
    pub(crate) job: u64,
    pub(crate) collection: String,
    /// Name of the folder.
    pub(crate) folder: String,
    /// Who started it.
    pub(crate) by: String,
    /// When. RFC 3339.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// What happened since then, or since the server started.
    #[serde(flatten)]
    pub(crate) counts: WatchCounts,
    /// Whether all that was there has been gone through, and changes are followed.
    pub(crate) watching: bool,
    /// The last files that could not be used, by their places in the folder.
    pub(crate) last_skipped: Vec<SkippedPhoto>,
    /// Why the folder cannot be reached; null: it can, as far as is known.
    pub(crate) unreachable: Option<String>,
    /// Why the folder is looked through at intervals; null: the system tells of changes.
    pub(crate) polling: Option<String>,
    /// Why the last changes could not be stored yet; null: they are.
    pub(crate) retrying: Option<String>,
}

impl FollowedFolder {
    pub(crate) fn skip(&mut self, file: SkippedPhoto) {
        self.last_skipped.insert(0, file);
        self.last_skipped.truncate(NAMED);
    }
}

/// The folders that are followed, by their jobs.
#[derive(Default)]
pub(crate) struct Followed(Mutex<BTreeMap<u64, FollowedFolder>>);

impl Followed {
    /// Those of a collection.
    pub(crate) fn of(&self, collection: &str) -> Vec<FollowedFolder> {
        let all = self.0.lock();
        let own = all.values().filter(|one| one.collection == collection);
        own.cloned().collect()
    }

    /// Keeps one until what is given back is dropped.
    pub(crate) fn keep(&self, folder: FollowedFolder) -> Kept<'_> {
        let job = folder.job;
        self.0.lock().insert(job, folder);
        Kept { all: self, job }
    }
}

/// One that is kept.
pub(crate) struct Kept<'a> {
    all: &'a Followed,
    job: u64,
}

impl Kept<'_> {
    pub(crate) fn change(&self, change: impl FnOnce(&mut FollowedFolder)) {
        if let Some(folder) = self.all.0.lock().get_mut(&self.job) {
            change(folder);
        }
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.job);
    }
}

/// Looks whether a folder of the list can be read now, and gives its path without a link at its end: links below it are
/// not followed. A folder in the home's own, into which others may write, may be no link itself. `None`: it was to
/// stop.
///
/// # Errors
/// What the system says; that it does not answer in time.
pub(crate) fn reach(
    home: &Home,
    folder: &Path,
    stop: &dyn Fn() -> bool,
) -> Option<io::Result<PathBuf>> {
    let (folder, shared) = (folder.to_path_buf(), is_inside(home, folder));
    let (send, answer) = mpsc::channel();
    let look = move || {
        // Nobody may be waiting any more.
        let _ = send.send(looked_at(&folder, shared));
    };
    let begun = Instant::now();
    if let Err(error) = std::thread::Builder::new().spawn(look) {
        return Some(Err(error));
    }
    while !stop() {
        match answer.recv_timeout(TICK) {
            Ok(looked) => return Some(looked),
            Err(RecvTimeoutError::Timeout) if begun.elapsed() < PATIENCE => {}
            Err(_) => {
                let error = io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
                return Some(Err(error));
            }
        }
    }
    None
}

fn looked_at(folder: &Path, shared: bool) -> io::Result<PathBuf> {
    let linked = folder.symlink_metadata()?.is_symlink();
    if linked && shared {
        return Err(io::Error::other("it is a link to another place"));
    }
    let folder = match linked {
        true => folder.canonicalize()?,
        false => folder.to_path_buf(),
    };
    folder.read_dir()?;
    Ok(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_are_reached_and_shared_ones_are_no_links() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::open(place.path().join("home")).unwrap();
        let own = home.watched();
        std::fs::create_dir_all(own.join("line")).unwrap();
        let camera = place.path().join("camera");
        std::fs::create_dir(&camera).unwrap();
        symlink(&camera, own.join("link")).unwrap();
        symlink(&camera, place.path().join("given")).unwrap();
        std::fs::write(place.path().join("file"), "x").unwrap();
        let reached = |path: &Path| reach(&home, path, &|| false).unwrap().ok();
        assert_eq!(reached(&own), Some(own.clone()));
        assert_eq!(reached(&own.join("line")), Some(own.join("line")));
        assert_eq!(reached(&own.join("link")), None);
        let real = camera.canonicalize().unwrap();
        assert_eq!(reached(&place.path().join("given")), Some(real));
        assert_eq!(reached(&place.path().join("file")), None);
        assert_eq!(reached(&place.path().join("nothing")), None);
        assert!(reach(&home, &own, &|| true).is_none());
    }
}
