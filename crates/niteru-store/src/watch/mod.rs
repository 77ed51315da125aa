//! Keeping a collection in step with folders.
//!
//! A thread notices paths on which something has happened (`source.rs`; on Linux told by the kernel,
//! `tree.rs`), which wait until they are quiet (`pending.rs`). The caller's thread takes batches of them
//! through [`Home::add`], which knows what has changed by the database: nothing else is remembered,
//! so a restart is the same as a first start.

mod event;
mod follower;
mod memory;
mod pending;
mod source;
#[cfg(target_os = "linux")]
mod tree;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use self::event::{WatchCounts, WatchEvent};
use self::follower::Follower;
use self::pending::{Batch, Pending};
use self::source::{Shared, Source};
use crate::{AddOptions, AddProgress, AddReport, Home, ImageEncoder, StoreError, paths};

/// Time between two looks where the system tells of no changes and nothing else was asked for.
const POLL: Duration = Duration::from_secs(10);

/// How to watch.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct WatchOptions<'a> {
    /// A file whose size and time have not changed for so long is complete.
    pub settle: Duration,
    /// Go through the folders with so much time between, and do not rely on the system to tell of
    /// changes: for network shares, which other computers write to.
    pub poll: Option<Duration>,
    /// As of [`AddOptions`].
    pub skip_duplicates: bool,
    /// As of [`AddOptions`].
    pub without_links: bool,
    /// Set to true, from any thread, to stop: what is stored stays. Noticed within a fifth of a second
    /// between files.
    pub cancel: Option<&'a AtomicBool>,
    /// Called while the folders are gone through for the first time.
    pub progress: Option<&'a (dyn Fn(&AddProgress) + Sync)>,
}

impl Default for WatchOptions<'_> {
    fn default() -> Self {
        Self {
            // Also the resolution of file times that the store relies on.
            settle: Duration::from_secs(2),
            poll: None,
            skip_duplicates: false,
            without_links: false,
            cancel: None,
            progress: None,
        }
    }
}

/// What a watch did until it was stopped. JSON: `{"event": "stopped", "collection", "added", …}`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename = "stopped")]
pub struct WatchReport {
    /// The collection.
    pub collection: String,
    /// All that happened.
    #[serde(flatten)]
    pub counts: WatchCounts,
    /// Batches in which something has changed.
    pub batches: u64,
}

impl Home {
    /// Brings a collection up to date with folders, as [`Home::add`] does, and keeps it so until
    /// cancelled: created, changed, moved and deleted files, in folders that come and go.
    ///
    /// A file is taken when its size and time have been the same for the settle time. A file that has
    /// moved below the folders, known by its contents, stays the same image: number and metadata
    /// are kept, also where it moved while nobody watched. A folder that is not there is waited for;
    /// while one is gone, its images are missing.
    ///
    /// Everything goes through [`Home::add`] in batches, with the promises of that. `on_event` is
    /// called from several threads, one at a time for changes, and gets [`WatchEvent::Synced`] on the
    /// caller's thread.
    ///
    /// A change of a file that a link leads to outside of the folders is seen when the folders are
    /// gone through: at the start, or by polling.
    ///
    /// # Errors
    /// Those of [`Home::add`]; [`StoreError::ReadOnly`], and [`StoreError::Read`] for a path that is a
    /// file, at once. A locked home is waited for, except at the start.
    pub fn watch(
        &self,
        collection: &str,
        folders: &[impl AsRef<Path>],
        encoder: &dyn ImageEncoder,
        options: WatchOptions<'_>,
        on_event: &(dyn Fn(&WatchEvent) + Sync),
    ) -> Result<WatchReport, StoreError> {
        if self.is_read_only() {
            let path = self.database().to_path_buf();
            return Err(StoreError::ReadOnly { path });
        }
        let roots: Vec<PathBuf> = folders
            .iter()
            .map(|folder| {
                paths::absolute(folder.as_ref()).unwrap_or_else(|_| folder.as_ref().into())
            })
            .collect();
        if let Some(file) = roots.iter().find(|root| root.is_file()) {
            return Err(StoreError::Read {
                path: file.clone(),
                source: std::io::ErrorKind::NotADirectory.into(),
            });
        }
        let pending = Pending::new(options.settle, roots.clone());
        let shared = Shared::new(pending, roots);
        let watch = Watch {
            home: self,
            collection,
            encoder,
            options,
            follower: Follower::new(&shared, options.settle, on_event),
        };
        let source = watch.source();
        let polls = |reason| {
            let seconds = POLL.as_secs_f64();
            on_event(&WatchEvent::Polling { reason, seconds });
        };
        std::thread::scope(|scope| {
            scope.spawn(|| source.run(&shared, &polls));
            let _end = EndOnDrop(&shared);
            watch.run()
        })
    }
}

/// Ends the noticing thread, also after a panic: the scope waits for it.
struct EndOnDrop<'a>(&'a Shared);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Watch<'a> {
    home: &'a Home,
    collection: &'a str,
    encoder: &'a dyn ImageEncoder,
    options: WatchOptions<'a>,
    follower: Follower<'a>,
}

impl Watch<'_> {
    fn source(&self) -> Source {
        if let Some(every) = self.options.poll {
            return Source::Polling(every);
        }
        #[cfg(target_os = "linux")]
        let reason = match source::events::Events::new(
            &self.follower.shared.roots,
            !self.options.without_links,
        ) {
            Ok(events) => return Source::Events(events),
            Err(reason) => reason,
        };
        #[cfg(not(target_os = "linux"))]
        let reason = "changes are told of on Linux only".to_string();
        let seconds = POLL.as_secs_f64();
        self.tell(&WatchEvent::Polling { reason, seconds });
        Source::Polling(POLL)
    }

    fn tell(&self, event: &WatchEvent) {
        (self.follower.on_event)(event);
    }

    fn run(&self) -> Result<WatchReport, StoreError> {
        let mut report = WatchReport {
            collection: self.collection.into(),
            counts: WatchCounts::default(),
            batches: 0,
        };
        let started = Instant::now();
        let first = self.add(&self.follower.shared.roots, self.options.progress);
        self.synced(started, &mut report);
        let first = first?;
        if !self.is_cancelled() {
            self.tell(&WatchEvent::Watching(Box::new(first)));
        }
        while !self.is_cancelled() {
            let batch = self.follower.shared.next();
            if batch.is_empty() {
                continue;
            }
            let started = Instant::now();
            let paths: Vec<PathBuf> = batch.files.keys().chain(&batch.folders).cloned().collect();
            let done = self.take(batch);
            self.synced(started, &mut report);
            match done {
                Ok(()) => {}
                // Others use the home, too: what waits longer than usual is no reason to end.
                Err(error @ StoreError::Busy { .. }) => {
                    let reason = error.to_string();
                    self.tell(&WatchEvent::Retrying { reason });
                    self.follower.shared.touch(paths);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(report)
    }

    fn is_cancelled(&self) -> bool {
        self.options
            .cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    /// Tells the end of a batch in which something has happened.
    fn synced(&self, started: Instant, report: &mut WatchReport) {
        let counts = self.follower.take_counts(started.elapsed());
        report.counts.add(&counts);
        if !counts.is_empty() {
            report.batches += 1;
            self.tell(&WatchEvent::Synced(counts));
        }
    }

    /// Brings files and folders up to date.
    fn take(&self, batch: Batch) -> Result<(), StoreError> {
        let Batch {
            mut files,
            mut folders,
        } = batch;
        if self.options.without_links {
            // What something has happened at may be reached through a link by now.
            let roots = &self.follower.shared.roots;
            files.retain(|path, _| crate::walk::is_below_folders(roots, path));
            folders.retain(|path| crate::walk::is_below_folders(roots, path));
        }
        let mut paths: Vec<PathBuf> = files.keys().cloned().collect();
        self.follower.begin(files, &folders);
        // Gone through by themselves: a file would else be found twice, by its name and in its folder.
        let walked = folders.iter().any(|path| path.is_dir());
        if walked && !paths.is_empty() {
            self.add(&paths, None)?;
            self.follower.files_are_done();
            paths.clear();
        }
        paths.extend(folders);
        let added = self.add(&paths, None);
        self.follower.files_are_done();
        added.map(drop)
    }

    fn add(
        &self,
        paths: &[PathBuf],
        progress: Option<&(dyn Fn(&AddProgress) + Sync)>,
    ) -> Result<AddReport, StoreError> {
        if paths.is_empty() || self.is_cancelled() {
            return Ok(AddReport::default());
        }
        let mut options = AddOptions::default();
        options.skip_duplicates = self.options.skip_duplicates;
        options.without_links = self.options.without_links;
        options.cancel = self.options.cancel;
        options.progress = progress;
        options.follow = Some(&self.follower);
        let report = self
            .home
            .add(self.collection, paths, self.encoder, options)?;
        self.follower.end(paths, &report);
        Ok(report)
    }
}
