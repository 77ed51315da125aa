//! Turns of requests that bring files: so many at a time for each purpose, so that none takes the place of another. What
//! only looks, however slowly it comes, never holds up the line.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::ApiError;

/// How long a request waits for its turn before the client is told to come again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Photos of parts that come to be judged, at a time. Each request has one file in memory; so it is below.
const LINE: usize = 8;

/// Requests at a time whose files are only looked at.
const LOOKS: usize = 6;

/// Requests at a time whose files are kept.
const KEPT: usize = 6;

/// Models and backups at a time: for hours, and written to the disk as they come.
const LARGE: usize = 2;

/// So many requests of one purpose.
pub(crate) struct Turn(Semaphore);

impl Turn {
    /// Waits until one may begin. The turn ends with the value.
    pub(crate) async fn begin(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        match tokio::time::timeout(PATIENCE, self.0.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(ApiError::busy()),
        }
    }
}

/// The turns of all purposes.
pub(crate) struct Turns {
    pub(crate) line: Turn,
    pub(crate) looks: Turn,
    pub(crate) kept: Turn,
    pub(crate) large: Turn,
}

impl Default for Turns {
    fn default() -> Turns {
        let turn = |most| Turn(Semaphore::new(most));
        Turns {
            line: turn(LINE),
            looks: turn(LOOKS),
            kept: turn(KEPT),
            large: turn(LARGE),
        }
    }
}
