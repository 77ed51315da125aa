//! A watch in a thread of its own, and what it tells.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use niteru_store::{Home, WatchEvent, WatchOptions, WatchReport};

use super::{FakeEncoder, Place, name};

/// Longest wait for anything: only a test that fails takes so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const SETTLE: Duration = Duration::from_millis(300);

/// What a watch tells, in order.
pub struct Told {
    receiver: Receiver<WatchEvent>,
    pub seen: RefCell<Vec<WatchEvent>>,
}

impl Told {
    /// Waits for the first event of which `take` makes something.
    pub fn wait<T>(&self, what: &str, take: impl Fn(&WatchEvent) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(started.elapsed());
            match self.receiver.recv_timeout(left) {
                Ok(event) => {
                    self.seen.borrow_mut().push(event.clone());
                    if let Some(taken) = take(&event) {
                        return taken;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {what}: {:#?}", self.seen.borrow()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!(
                        "the watch has ended before {what}: {:#?}",
                        self.seen.borrow()
                    )
                }
            }
        }
    }

    pub fn watching(&self) {
        self.wait("start", |event| {
            matches!(event, WatchEvent::Watching(_)).then_some(())
        });
    }

    pub fn synced(&self) {
        self.wait("end of the batch", |event| {
            matches!(event, WatchEvent::Synced(_)).then_some(())
        });
    }

    /// The number of the image that is told of in these words, as of [`line`].
    pub fn line(&self, expected: &str) -> u64 {
        self.wait(expected, |event| {
            let (told, id) = line(event)?;
            (told == expected).then_some(id)
        })
    }

    /// All changes told so far, without those that were seen before.
    pub fn lines(&self) -> Vec<String> {
        self.seen.borrow_mut().extend(self.receiver.try_iter());
        self.lines_until_then()
    }

    /// The same, until that which was waited for last.
    pub fn lines_until_then(&self) -> Vec<String> {
        let seen = std::mem::take(&mut *self.seen.borrow_mut());
        let mut lines: Vec<String> = seen
            .iter()
            .filter_map(|event| Some(line(event)?.0))
            .collect();
        lines.sort();
        lines
    }
}

/// A change in words, such as `added a.jpg`, and the number of its image.
pub fn line(event: &WatchEvent) -> Option<(String, u64)> {
    Some(match event {
        WatchEvent::Added { path, id } => (format!("added {}", name(path)), *id),
        WatchEvent::Updated { path, id } => (format!("updated {}", name(path)), *id),
        WatchEvent::Moved { path, from, id } => {
            (format!("moved {} from {}", name(path), name(from)), *id)
        }
        WatchEvent::Missing { path, id } => (format!("missing {}", name(path)), *id),
        WatchEvent::Returned { path, id } => (format!("returned {}", name(path)), *id),
        WatchEvent::Skipped { path, reason } => (format!("skipped {}: {reason}", name(path)), 0),
        WatchEvent::Duplicate { path, image, .. } => (format!("duplicate {}", name(path)), *image),
        _ => return None,
    })
}

pub fn options() -> WatchOptions<'static> {
    let mut options = WatchOptions::default();
    options.settle = SETTLE;
    options
}

/// Sets the flag also when the test fails: its threads would else never end.
struct Cancel<'a>(&'a AtomicBool);

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Watches folders while `body` runs, and returns what the watch did.
pub fn watched(
    home: &Home,
    folders: &[PathBuf],
    encoder: &FakeEncoder,
    options: WatchOptions<'static>,
    body: impl FnOnce(&Told),
) -> WatchReport {
    let stop = AtomicBool::new(false);
    let mut options: WatchOptions<'_> = options;
    options.cancel = Some(&stop);
    let (sender, receiver) = mpsc::channel();
    let told = Told {
        receiver,
        seen: RefCell::default(),
    };
    std::thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let on_event = |event: &WatchEvent| drop(sender.send(event.clone()));
            home.watch("things", folders, encoder, options, &on_event)
        });
        let cancel = Cancel(&stop);
        body(&told);
        drop(cancel);
        watch.join().unwrap().unwrap()
    })
}

impl Place {
    /// Watches the folder of pictures.
    pub fn watch(&self, body: impl FnOnce(&Told)) -> WatchReport {
        self.watch_with(options(), body)
    }

    /// The same in another way.
    pub fn watch_with(
        &self,
        options: WatchOptions<'static>,
        body: impl FnOnce(&Told),
    ) -> WatchReport {
        let folders = [self.pictures()];
        watched(&self.home, &folders, &self.encoder, options, body)
    }

    /// Watches one other folder.
    pub fn watch_folder(&self, folder: &Path, body: impl FnOnce(&Told)) -> WatchReport {
        let folders = [folder.to_path_buf()];
        watched(&self.home, &folders, &self.encoder, options(), body)
    }
}
