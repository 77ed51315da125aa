//! Arguments of `duplicates`, `map`, `backup`, `restore` and `check`.

use std::path::PathBuf;

use clap::Args;

use super::{ReportArgs, similarity};

#[derive(Args, Debug)]
pub(crate) struct DuplicatesArgs {
    /// The collection's name
    pub(crate) collection: String,

    /// Cosine similarity from which embeddings count as the same [default: 0.97]
    #[arg(long, value_name = "S", value_parser = similarity, allow_negative_numbers = true)]
    pub(crate) threshold: Option<f32>,

    /// Write a report with thumbnails
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Args, Debug)]
pub(crate) struct MapArgs {
    /// The collection's name
    pub(crate) collection: String,

    /// Another number gives another arrangement; the same one the same
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) seed: u64,

    /// Write the places as a CSV file: id, path, and x and y from 0 to 1
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,

    /// Write a report: the map with photos in it
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Colour the points of the report by a metadata field
    #[arg(long, value_name = "FIELD", requires = "html")]
    pub(crate) field: Option<String>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// The file to write
    pub(crate) file: PathBuf,

    /// Take the installed models along; without, they have to be fetched again
    #[arg(long)]
    pub(crate) with_models: bool,

    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The backup
    pub(crate) file: PathBuf,

    /// Replace a home that is not empty; the old one is kept beside it
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Read all image files, too, and tell which have changed or are gone
    #[arg(long)]
    pub(crate) files: bool,
}
