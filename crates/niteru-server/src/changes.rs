//! Requests that change something, which are done to their end whoever waits for them.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinError;

/// How many are under way.
pub(crate) struct Changes(watch::Sender<usize>);

impl Default for Changes {
    fn default() -> Changes {
        Changes(watch::Sender::new(0))
    }
}

/// One that is under way, until it is dropped.
struct UnderWay(watch::Sender<usize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Changes {
    /// Does something to its end, also where what is given back is dropped: when the client hangs up.
    ///
    /// # Errors
    /// When it panicked.
    pub(crate) async fn done<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        self.0.send_modify(|count| *count += 1);
        let under_way = UnderWay(self.0.clone());
        let all = async move {
            let _under_way = under_way;
            work.await
        };
        tokio::spawn(all).await
    }

    /// Waits until none is under way.
    pub(crate) async fn all_done(&self) {
        // The sender is here, so it does not end before.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }

    /// How many are under way.
    pub(crate) fn count(&self) -> usize {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_is_done_and_waited_for() {
        let changes = Changes::default();
        changes.all_done().await;
        let (written, mut read) = watch::channel(false);
        let work = async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            written.send_replace(true);
        };
        // As when the client hangs up.
        let hung_up = tokio::time::timeout(Duration::from_millis(1), changes.done(work)).await;
        assert!(hung_up.is_err());
        assert_eq!((changes.count(), *read.borrow_and_update()), (1, false));
        changes.all_done().await;
        assert_eq!((changes.count(), *read.borrow_and_update()), (0, true));
        // One that panics is over, too.
        let panicked = changes.done(async { panic!("on purpose") }).await;
        assert!(panicked.is_err_and(|error| error.is_panic()));
        changes.all_done().await;
    }
}
