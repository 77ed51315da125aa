//! The thread that notices that something has happened.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::pending::{Batch, Pending};
use crate::home::lock;

/// Longest time until a cancelled watch is noticed.
const TICK: Duration = Duration::from_millis(200);

/// What the noticing thread and the storing one share.
pub(super) struct Shared {
    pub(super) pending: Mutex<Pending>,
    pub(super) roots: Vec<PathBuf>,
    /// The thread is to end.
    ended: AtomicBool,
}

impl Shared {
    pub(super) fn new(pending: Pending, roots: Vec<PathBuf>) -> Self {
        Self {
            pending: Mutex::new(pending),
            roots,
            ended: AtomicBool::new(false),
        }
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits a moment for something that is ready; often there is nothing.
    pub(super) fn next(&self) -> Batch {
        let mut pending = lock(&self.pending);
        let now = Instant::now();
        let batch = pending.take(now);
        if !batch.is_empty() {
            return batch;
        }
        let wait = pending.next().map_or(TICK, |next| {
            let left = next.saturating_duration_since(now);
            left.clamp(Duration::from_millis(1), TICK)
        });
        drop(pending);
        std::thread::sleep(wait);
        Batch::default()
    }

    /// Something has happened at these paths.
    pub(super) fn touch(&self, paths: impl IntoIterator<Item = PathBuf>) {
        let now = Instant::now();
        let mut pending = lock(&self.pending);
        for path in paths {
            pending.touch(path, now);
        }
    }

    fn look_everywhere(&self) {
        lock(&self.pending).look_everywhere(Instant::now());
    }
}

/// How changes are noticed.
pub(super) enum Source {
    #[cfg(target_os = "linux")]
    Events(events::Events),
    /// All folders are gone through, with this time between.
    Polling(Duration),
}

impl Source {
    /// Notices changes until the watch ends. `on_polling` is called where the system has no more to tell.
    pub(super) fn run(self, shared: &Shared, on_polling: &dyn Fn(String)) {
        match self {
            #[cfg(target_os = "linux")]
            Source::Events(events) => {
                if let Err(reason) = events.run(shared) {
                    on_polling(reason);
                    shared.look_everywhere();
                    poll(shared, super::POLL);
                }
            }
            Source::Polling(every) => poll(shared, every),
        }
    }
}

fn poll(shared: &Shared, every: Duration) {
    while !shared.is_ended() {
        let started = Instant::now();
        while started.elapsed() < every {
            if shared.is_ended() {
                return;
            }
            std::thread::sleep(TICK.min(every.saturating_sub(started.elapsed())));
        }
        shared.touch(shared.roots.iter().cloned());
    }
}

#[cfg(target_os = "linux")]
pub(super) mod events {
    //! Changes as the kernel tells of them.

    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    use super::{Shared, TICK};
    use crate::watch::tree::{Told, Tree};

    /// Between two looks whether the folders are still the same: nobody tells of a disk that is mounted.
    const ROOTS: Duration = Duration::from_secs(1);

    /// Device and number of a folder.
    type Identity = Option<(u64, u64)>;

    pub(in crate::watch) struct Events {
        tree: Tree,
        roots: Vec<(PathBuf, Identity)>,
        looked: Instant,
    }

    impl Events {
        /// Starts watching.
        ///
        /// # Errors
        /// The reason why the system cannot tell of all changes, in words.
        pub(in crate::watch) fn new(roots: &[PathBuf], links: bool) -> Result<Self, String> {
            let mut tree = Tree::new(links).map_err(limit)?;
            let mut seen = Vec::new();
            for root in roots {
                seen.push((root.clone(), identity(root)));
                tree.watch_below(root).map_err(limit)?;
            }
            Ok(Self {
                tree,
                roots: seen,
                looked: Instant::now(),
            })
        }

        pub(super) fn run(mut self, shared: &Shared) -> Result<(), String> {
            while !shared.is_ended() {
                self.turn(shared).map_err(limit)?;
            }
            Ok(())
        }

        fn turn(&mut self, shared: &Shared) -> io::Result<()> {
            let mut told = Vec::new();
            self.tree.read(TICK, &mut told)?;
            if told.contains(&Told::Lost) {
                // Folders may have been made unseen, too.
                for (root, _) in &self.roots {
                    self.tree.forget_below(root);
                    self.tree.watch_below(root)?;
                }
                shared.look_everywhere();
            }
            shared.touch(told.into_iter().filter_map(|told| match told {
                Told::At(path) => Some(path),
                Told::Lost => None,
            }));
            if self.looked.elapsed() >= ROOTS {
                self.looked = Instant::now();
                self.look_at_roots(shared)?;
            }
            Ok(())
        }

        /// Watches a folder anew that is another one than before, such as a disk that is back. A folder
        /// that was removed and made again may get the number that it had; its watch has ended then.
        fn look_at_roots(&mut self, shared: &Shared) -> io::Result<()> {
            for (root, before) in &mut self.roots {
                let now = identity(root);
                let other = now != *before;
                let ended = now.is_some() && !self.tree.is_watched(root);
                if other || ended {
                    *before = now;
                    self.tree.forget_below(root);
                    self.tree.watch_below(root)?;
                    // One that may not be read is no news, however often it is looked at.
                    if other || self.tree.is_watched(root) {
                        shared.touch([root.clone()]);
                    }
                }
            }
            Ok(())
        }
    }

    fn identity(folder: &Path) -> Identity {
        let metadata = folder.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    fn limit(error: io::Error) -> String {
        match error
            .raw_os_error()
            .map(rustix::io::Errno::from_raw_os_error)
        {
            Some(rustix::io::Errno::NOSPC) => {
                "the limit on watched folders is reached (sysctl fs.inotify.max_user_watches)"
                    .into()
            }
            Some(rustix::io::Errno::MFILE) => {
                "the limit on watching programs is reached (sysctl fs.inotify.max_user_instances)"
                    .into()
            }
            _ => format!("the system cannot tell of changes ({error})"),
        }
    }
}
