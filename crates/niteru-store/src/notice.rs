//! What the user should know and no result tells.

use std::fmt;
use std::sync::Mutex;

use crate::home::lock;

/// One line for the user. The home gathers them; the program shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An index file could not be used; its contents come from the database instead.
    IndexUnusable {
        /// The collection.
        collection: String,
        /// What is wrong with the file.
        reason: String,
        /// Whether it is being made again; else searches compare all images until it is.
        rebuilding: bool,
    },
    /// A large collection has no index file: searches compare all images.
    NoIndex {
        /// The collection.
        collection: String,
        /// Number of images compared.
        images: usize,
    },
    /// An index was made and could not be saved: the next process has to do without.
    IndexNotSaved {
        /// The collection.
        collection: String,
        /// What went wrong.
        reason: String,
    },
    /// What a cluster had of a collection could not be used, and is sent again.
    ClusterRemade {
        /// The collection.
        collection: String,
        /// The cluster.
        url: String,
        /// What was wrong with it.
        reason: &'static str,
    },
    /// A collection could not be removed from a cluster that it is not in any more.
    LeftInCluster {
        /// The collection.
        collection: String,
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::IndexUnusable {
                collection,
                reason,
                rebuilding,
            } => {
                write!(
                    f,
                    "the index file of {collection:?} cannot be used ({reason}): "
                )?;
                f.write_str(match rebuilding {
                    true => "making it again from the database",
                    false => {
                        "searching all images of the database instead; the next `niteru add` or `niteru \
                         index build` makes it again"
                    }
                })
            }
            Notice::NoIndex { collection, images } => write!(
                f,
                "{collection:?} has no index: all {images} images were compared; `niteru index build` \
                 makes searches fast"
            ),
            Notice::IndexNotSaved { collection, reason } => write!(
                f,
                "the index of {collection:?} could not be saved ({reason}); nothing is lost, searches \
                 compare all images until `niteru index build` succeeds"
            ),
            Notice::ClusterRemade {
                collection,
                url,
                reason,
            } => write!(
                f,
                "the index of {collection:?} at {url} cannot be used ({reason}): sending all images again"
            ),
            Notice::LeftInCluster { collection, reason } => write!(
                f,
                "{collection:?} could not be removed from the cluster that held its index ({reason}); \
                 nothing needs it there any more"
            ),
        }
    }
}

/// Notices that were not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<Vec<Notice>>);

impl Notices {
    /// Adds one that is not there yet.
    pub(crate) fn add(&self, notice: Notice) {
        let mut notices = lock(&self.0);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    pub(crate) fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut lock(&self.0))
    }
}
