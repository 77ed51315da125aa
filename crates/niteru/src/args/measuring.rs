//! Arguments of `eval` and `bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use niteru_index::Condition;

use super::{NumbersArgs, condition, seconds, up_to_1024};

#[derive(Debug, Subcommand)]
pub(crate) enum EvalCommand {
    /// Leave each image out in turn and look whether its nearest neighbours share a label
    #[command(after_help = "Examples:\n  niteru eval retrieval parts --label part_number")]
    Retrieval {
        /// The collection's name
        collection: String,
        /// The metadata field that says what belongs together
        #[arg(long, value_name = "FIELD")]
        label: String,
        /// Take only images whose metadata fulfil this
        #[arg(long, value_name = "CONDITION", value_parser = condition)]
        filter: Option<Condition>,
    },
    /// Compare what the model may see of the images (--framing), and recommend the best
    ///
    /// Every image is embedded anew once for each framing; nothing is stored.
    #[command(after_help = "Examples:\n  niteru eval framing parts --label part_number")]
    Framing {
        /// The collection's name
        collection: String,
        /// The metadata field that says what belongs together
        #[arg(long, value_name = "FIELD")]
        label: String,
        /// Take only images whose metadata fulfil this
        #[arg(long, value_name = "CONDITION", value_parser = condition)]
        filter: Option<Condition>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Measure images per second of decoding, preprocessing and the network
    #[command(after_help = "Examples:\n  niteru bench embed --images photos/\n  \
                      niteru bench embed --random clip-vit-b-32 --batch 8 --threads 2")]
    Embed(BenchEmbedArgs),
    /// Measure searches among made-up vectors: time, and the share of the exact answer that is found
    #[command(
        after_help = "Examples:\n  niteru bench search\n  niteru bench search --vectors 1000000 --dimensions 512"
    )]
    Search(BenchSearchArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BenchSearchArgs {
    /// Vectors to search
    #[arg(long, value_name = "N", default_value = "100000")]
    pub(crate) vectors: NonZeroUsize,

    /// Their length
    #[arg(long, value_name = "D", default_value = "512")]
    pub(crate) dimensions: NonZeroUsize,

    /// Searches to measure
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) queries: NonZeroUsize,

    /// Makes the vectors: the same ones for the same number
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,

    /// Threads that build; searches take one [default: one for each core]
    #[arg(long, value_name = "N", value_parser = up_to_1024)]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Measure the exact scan and build no graph
    #[arg(long)]
    pub(crate) exact_only: bool,

    /// Write vectors and queries to this folder, as rows of little-endian f32, for other programs
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct BenchEmbedArgs {
    /// An installed model [default: efficientnet-lite0]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// Random weights of a real model's shapes, without a download
    #[arg(long, value_name = "NAME", conflicts_with = "model", value_parser = ["clip-vit-b-32"])]
    pub(crate) random: Option<String>,

    #[command(flatten)]
    pub(crate) numbers: NumbersArgs,

    /// Photos to decode [default: a made-up photo, decoded again and again]
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,

    /// Images in one pass of the network
    #[arg(long, value_name = "N", default_value = "8", value_parser = up_to_1024)]
    pub(crate) batch: NonZeroUsize,

    /// Threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = up_to_1024)]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Measure at least this long, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    pub(crate) seconds: f64,
}
