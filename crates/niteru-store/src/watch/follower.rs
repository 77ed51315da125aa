//! Chooses the files of a batch, and tells what became of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::memory::Memory;
use super::pending::Stamp;
use super::source::Shared;
use super::{WatchCounts, WatchEvent};
use crate::follow::Follow;
use crate::home::lock;
use crate::walk::stored_time;
use crate::{AddReport, Candidate, Skipped};

/// The end of a watch that [`Home::add`](crate::Home::add) asks and tells.
pub(super) struct Follower<'a> {
    pub(super) shared: &'a Shared,
    pub(super) on_event: &'a (dyn Fn(&WatchEvent) + Sync),
    settle: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    /// Files of the batch, which are complete, with how they looked before they were read.
    batch: BTreeMap<PathBuf, Stamp>,
    /// Paths of the batch at which nothing was: not even a link that leads nowhere.
    absent: HashSet<PathBuf>,
    /// Files of the batch that could not be added.
    attempts: HashMap<PathBuf, Attempt>,
    counts: WatchCounts,
}

/// Why a file could not be added.
enum Attempt {
    /// Its contents are no usable image.
    Refused,
    /// Its contents cannot be read.
    Unreadable,
    /// It has changed meanwhile, and will be looked at again.
    Overtaken,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        settle: Duration,
        on_event: &'a (dyn Fn(&WatchEvent) + Sync),
    ) -> Self {
        Self {
            shared,
            on_event,
            settle,
            state: Mutex::default(),
        }
    }

    /// A batch begins: of these files, which are complete, and of these folders and gone paths.
    pub(super) fn begin(&self, complete: BTreeMap<PathBuf, Stamp>, others: &[PathBuf]) {
        let absent = others.iter().filter(|path| is_absent(path)).cloned();
        let absent = absent.collect();
        let mut state = lock(&self.state);
        state.absent = absent;
        state.batch = complete;
    }

    /// The files of the batch are dealt with; others are found in folders.
    pub(super) fn files_are_done(&self) {
        lock(&self.state).batch.clear();
    }

    /// Takes what adding these paths did.
    pub(super) fn end(&self, paths: &[PathBuf], report: &AddReport) {
        if !report.cancelled {
            self.remember_unsteady();
        }
        self.tell_left_out(paths, report);
        lock(&self.state).attempts.clear();
    }

    /// What was told since the last call.
    pub(super) fn take_counts(&self, worked: Duration) -> WatchCounts {
        lock(&self.state).counts.take(worked)
    }

    /// Remembers the files of the batch whose times say nothing: the database cannot tell that they
    /// have not changed.
    fn remember_unsteady(&self) {
        let state = &mut *lock(&self.state);
        for (path, stamp) in &state.batch {
            if let Stamp::File { modified, .. } = stamp
                && modified.and_then(stored_time).is_none()
                && !state.attempts.contains_key(path)
            {
                state.memory.dealt_with(path, *stamp);
            }
        }
    }

    /// Tells of what was not added, each once.
    fn tell_left_out(&self, paths: &[PathBuf], report: &AddReport) {
        let skipped: HashSet<&Path> = report.skipped.iter().map(|own| &*own.path).collect();
        for path in paths.iter().filter(|path| !skipped.contains(&***path)) {
            lock(&self.state).memory.is_well(path);
        }
        for Skipped { path, reason, .. } in &report.skipped {
            // A file that has come and gone is no news; a link that leads nowhere is.
            let absent = lock(&self.state).absent.contains(path) || is_absent(path);
            let told = !absent || self.shared.roots.contains(path);
            if told && self.is_news(path, reason) {
                self.tell(WatchEvent::Skipped {
                    path: path.clone(),
                    reason: reason.clone(),
                });
            }
        }
        for duplicate in &report.duplicates {
            self.tell(WatchEvent::Duplicate {
                path: duplicate.path.clone(),
                kind: duplicate.kind,
                image: duplicate.image,
                image_path: duplicate.image_path.clone(),
            });
        }
    }

    fn is_news(&self, path: &Path, reason: &str) -> bool {
        let state = &mut *lock(&self.state);
        match state.attempts.get(path) {
            Some(Attempt::Overtaken) => false,
            Some(Attempt::Refused) => true,
            Some(Attempt::Unreadable) | None => state.memory.is_news(path, reason),
        }
    }

    /// Whether a file that was found in a folder has been quiet for the settle time.
    fn is_quiet(&self, stamp: Stamp) -> bool {
        let Stamp::File { modified, .. } = stamp else {
            return false;
        };
        // A time in the future has no elapsed time.
        let elapsed = modified.and_then(|modified| modified.elapsed().ok());
        elapsed.is_some_and(|elapsed| elapsed >= self.settle)
    }
}

impl Follow for Follower<'_> {
    fn wants(&self, file: &Candidate) -> bool {
        let path = file.as_ref();
        let mut state = lock(&self.state);
        if let Some(&stamp) = state.batch.get(path) {
            return !state.memory.was_refused(path, stamp);
        }
        let stamp = stamp_of(file);
        if state.memory.looks_the_same(path, stamp) {
            return false;
        }
        if file.modified.is_some() && self.is_quiet(stamp) {
            return !state.memory.was_refused(path, stamp);
        }
        drop(state);
        // It may still be written, or its time says nothing: it waits, and is looked at again.
        self.shared.touch([path.to_path_buf()]);
        false
    }

    fn refused(&self, file: &Candidate) {
        let path = file.as_ref();
        let mut state = lock(&self.state);
        let before = state.batch.get(path).copied();
        let before = before.unwrap_or_else(|| stamp_of(file));
        let attempt = if Stamp::of(path) != before {
            Attempt::Overtaken
        } else if state.memory.refuse(path, before) {
            Attempt::Refused
        } else {
            Attempt::Unreadable
        };
        state.attempts.insert(path.to_path_buf(), attempt);
    }

    fn covers(&self, path: &Path) -> bool {
        // Below a folder that is gone itself, nothing has moved: it will be back.
        let roots = &self.shared.roots;
        roots
            .iter()
            .any(|root| path.starts_with(root) && root.is_dir())
    }

    fn tell(&self, event: WatchEvent) {
        let mut state = lock(&self.state);
        state.counts.count(&event);
        if let WatchEvent::Missing { path, .. } = &event {
            state.memory.forget(path);
        }
        drop(state);
        (self.on_event)(&event);
    }
}

fn is_absent(path: &Path) -> bool {
    path.symlink_metadata().is_err()
}

/// How a file looked when it was found.
fn stamp_of(file: &Candidate) -> Stamp {
    match file.modified.map(u64::try_from) {
        Some(Ok(nanos)) => Stamp::File {
            bytes: file.bytes,
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)),
        },
        // A time that the store does not rely on.
        _ => Stamp::of(file.as_ref()),
    }
}
