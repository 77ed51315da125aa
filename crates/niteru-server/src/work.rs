//! Blocking work beside the asynchronous threads: so much at a time, and only so much that waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::ApiError;

/// How long work waits for its turn before the client is told to come again.
const PATIENCE: Duration = Duration::from_secs(20);

/// What waits at most: one for each connection that an address may have, as what waits takes next to nothing.
const WAITING: usize = 256;

/// Lets so much blocking work run at a time.
#[derive(Clone)]
pub(crate) struct Gate {
    /// What works or waits.
    inside: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(working: usize) -> Gate {
        Gate {
            inside: Arc::new(Semaphore::new(working + WAITING)),
            working: Arc::new(Semaphore::new(working)),
        }
    }

    /// Runs blocking work. A client that goes away does not end it, and it keeps its place until it has
    /// ended by itself.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let busy = |_| ApiError::busy();
        let inside = Arc::clone(&self.inside).try_acquire_owned().map_err(busy)?;
        let turn = Arc::clone(&self.working).acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn)
            .await
            .map_err(|_| ApiError::busy())?
            .map_err(|_| ApiError::busy())?;
        let working = spawn_blocking(move || {
            let _held = (inside, turn);
            work()
        });
        match working.await {
            Ok(result) => result,
            Err(error) => Err(ApiError::internal(format!(
                "a request's work ended: {error}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_its_place() {
        let gate = Gate::new(1);
        for _ in 0..3 {
            let result: Result<(), ApiError> = gate.run(|| panic!("on purpose")).await;
            assert!(result.unwrap_err().log.is_some());
        }
        assert_eq!(gate.run(|| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn too_much_is_refused_at_once() {
        let gate = Gate::new(1);
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let held = gate.clone();
        let first = tokio::spawn(async move {
            held.run(move || {
                let _ = wait.recv();
                Ok(())
            })
            .await
        });
        let mut others: Vec<_> = (0..WAITING + 5)
            .map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move { gate.run(|| Ok(())).await })
            })
            .collect();
        let refused = || others.iter().filter(|other| other.is_finished()).count();
        while refused() < 5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // They came last: the others could have been refused by then, too.
        assert_eq!(refused(), 5, "the rest waits");
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        let mut done = 0;
        for other in others.drain(..) {
            done += usize::from(other.await.unwrap().is_ok());
        }
        assert_eq!(done, WAITING);
    }
}
