//! Work that may never end, such as reading from a network share that has gone: it has a thread of its own, which is
//! left behind where nobody waits any longer.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How soon it is noticed that nobody waits any longer.
const GLANCE: Duration = Duration::from_millis(50);

/// How long work may take before it is told.
const SLOW: Duration = Duration::from_secs(10);

/// Does work and waits for it until `stop`; then, and where the system gives no thread, it is `None`. `slow` is called
/// once when it takes long.
pub(super) fn unless<T: Send + 'static>(
    stop: &dyn Fn() -> bool,
    slow: &mut dyn FnMut(),
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, wait) = mpsc::sync_channel(1);
    let begun = Instant::now();
    let mut told = false;
    thread::Builder::new()
        .name("niteru-folder".into())
        // Nobody may be waiting any longer.
        .spawn(move || drop(done.send(work())))
        .ok()?;
    loop {
        match wait.recv_timeout(GLANCE) {
            Ok(value) => return Some(value),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if stop() => return None,
            Err(RecvTimeoutError::Timeout) => {
                if !told && begun.elapsed() > SLOW {
                    told = true;
                    slow();
                }
            }
        }
    }
}

/// Waits, but for no longer than until `stop`.
pub(super) fn pause(stop: &dyn Fn() -> bool, length: Duration) {
    let until = Instant::now() + length;
    while !stop() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(GLANCE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Longer than even a busy computer takes for anything here.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn nobody_waits_for_work_that_does_not_end() {
        let (release, held) = mpsc::channel::<()>();
        let glances = std::cell::Cell::new(0);
        let stop = || {
            glances.set(glances.get() + 1);
            glances.get() > 2
        };
        let begun = Instant::now();
        let done = unless(&stop, &mut || {}, move || held.recv().is_ok());
        assert_eq!(done, None);
        assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
        drop(release);
        // Work that is done at once is waited for, be it only for a glance. On a busy computer it may not have begun by
        // then, and is tried again.
        let mut tries = 0..100;
        let done = tries.find_map(|_| unless(&|| true, &mut || {}, || 7));
        assert_eq!(done, Some(7));
        let begun = Instant::now();
        pause(&|| true, LONG);
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn a_fault_in_the_work_ends_the_wait() {
        let asked = AtomicBool::new(false);
        let slow = &mut || asked.store(true, Ordering::Relaxed);
        let done: Option<()> = unless(&|| false, slow, || panic!("on purpose"));
        assert_eq!(done, None);
        assert!(!asked.load(Ordering::Relaxed));
    }
}
