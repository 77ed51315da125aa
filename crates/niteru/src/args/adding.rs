//! Arguments of `add`.

use std::path::PathBuf;

use clap::Args;

use super::{ModelArgs, in_range};

#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// The collection's name; made when it is not there
    pub(crate) collection: String,

    /// Images, or folders of images
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// A CSV file with a `path` column; its other columns become metadata
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Option<PathBuf>,

    /// Leave out new files that the collection has already, as equal files or near duplicates
    #[arg(long)]
    pub(crate) skip_duplicates: bool,

    #[command(flatten)]
    pub(crate) watch: WatchArgs,

    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// How folders are followed.
#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// Go on, and keep the collection in step with the folders until stopped
    #[arg(long, conflicts_with = "metadata")]
    pub(crate) watch: bool,

    /// Look through the folders every so many seconds, for network shares
    #[arg(long, value_name = "SECONDS", value_parser = poll_seconds, requires = "watch")]
    pub(crate) poll: Option<f64>,

    /// Take a file as complete when nothing has changed it for so long
    #[arg(long, value_name = "SECONDS", value_parser = settle_seconds, default_value = "2", requires = "watch")]
    pub(crate) settle: f64,
}

fn poll_seconds(text: &str) -> Result<f64, String> {
    in_range(text, 1.0, 86_400.0).map(f64::from)
}

/// Not below the resolution of file times.
fn settle_seconds(text: &str) -> Result<f64, String> {
    in_range(text, 2.0, 3600.0).map(f64::from)
}
