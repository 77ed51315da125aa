//! What adding asks of, and tells, whoever keeps a collection in step with folders.

use std::path::Path;

use crate::{Candidate, WatchEvent};

/// The watching end of [`Home::add`](crate::Home::add).
///
/// With one, images keep their number and metadata when their file moves below what it covers.
pub(crate) trait Follow: Sync {
    /// Whether to deal with a file that was found now. Others are left alone, as if not found.
    fn wants(&self, file: &Candidate) -> bool;

    /// Takes a file that was not added for what is in it.
    fn refused(&self, file: &Candidate);

    /// Whether a gone file at this path is its business.
    fn covers(&self, path: &Path) -> bool;

    /// Takes a change that is on the disk.
    fn tell(&self, event: WatchEvent);
}
