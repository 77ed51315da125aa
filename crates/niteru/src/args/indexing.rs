//! Arguments of `index`.

use std::num::NonZeroUsize;

use clap::Subcommand;

use super::up_to_1024;

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Show where a collection's index is and what is known of it
    #[command(after_help = "Examples:\n  niteru index status parts\n\n\
                      On this machine, all of its file is read and checked. In a cluster: the last change\n\
                      it has, how many wait, its points, shards and replicas.")]
    Status {
        /// The collection's name
        collection: String,
    },
    /// Build a collection's index, or bring it up to date; in a cluster, make it again
    #[command(after_help = "Examples:\n  niteru index build parts\n\n\
                      `niteru add` does this by itself. Interrupted, it leaves what was there before. In a\n\
                      cluster everything is removed and sent again.")]
    Build {
        /// The collection's name
        collection: String,
        /// Threads [default: one for each core]
        #[arg(long, value_name = "N", value_parser = up_to_1024)]
        threads: Option<NonZeroUsize>,
    },
    /// Move a collection's index into a Qdrant cluster, or back to this machine
    #[command(
        after_help = "Examples:\n  niteru index move parts qdrant+http://host:6334\n  \
                      niteru index move parts 'qdrant+https://host:6334?shards=3&replicas=2'\n  \
                      niteru index move parts local\n\n\
                      Everything is sent, then the place is recorded for all commands that come. The API key\n\
                      comes from the environment variable NITERU_QDRANT_API_KEY. docs/qdrant.md has all\n\
                      parameters of the URL."
    )]
    Move {
        /// The collection's name
        collection: String,
        /// `local`, or the URL of a cluster
        place: String,
    },
    /// Compare a collection's index with the database
    #[command(after_help = "Examples:\n  niteru index verify parts\n  \
                      niteru index verify parts --sample 100000\n\n\
                      Exit code 1 when they differ.")]
    Verify {
        /// The collection's name
        collection: String,
        /// Images whose vectors and metadata are compared in a cluster; ids are compared all
        #[arg(long, value_name = "N", default_value_t = 1000)]
        sample: usize,
    },
}
