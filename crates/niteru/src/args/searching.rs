//! Arguments of `search`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use niteru_imaging::Region;
use niteru_index::{Condition, ConditionError};

use super::{NumbersArgs, ReportArgs, in_range, similarity, up_to_1024};

#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// The collection's name
    pub(crate) collection: String,

    /// The image to look for; several photos of one thing are looked for together
    #[arg(value_name = "IMAGE", required_unless_present_any = ["text", "like"])]
    pub(crate) images: Vec<PathBuf>,

    /// Look for a rectangle of the image: fractions of its sides if all are at most 1, else pixels
    #[arg(long, value_name = "X,Y,W,H", allow_hyphen_values = true)]
    pub(crate) crop: Option<Region>,

    /// A text to look for, alone or together with an image
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,

    /// Weight of the text beside an image, from 0 (image only) to 1 (text only)
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.5, value_parser = unit_interval)]
    pub(crate) text_weight: f32,

    /// Look for images like this one of the collection; may be given more than once
    #[arg(long, value_name = "ID|PATH")]
    pub(crate) like: Vec<String>,

    /// Look away from images like this one of the collection; may be given more than once
    #[arg(long, value_name = "ID|PATH")]
    pub(crate) unlike: Vec<String>,

    /// Only images whose metadata fulfil this; may be given more than once
    #[arg(long, value_name = "CONDITION", value_parser = query_condition)]
    pub(crate) filter: Vec<String>,

    /// Only images whose metadata do not fulfil this, such as part_number=@query: the query image's own
    #[arg(long, value_name = "CONDITION", value_parser = query_condition)]
    pub(crate) not: Vec<String>,

    /// Show the best image of each value of this field
    #[arg(long, value_name = "FIELD")]
    pub(crate) group_by: Option<String>,

    /// Show so many of the best images of each value
    #[arg(long, value_name = "N", default_value = "1", requires = "group_by")]
    pub(crate) per_group: NonZeroUsize,

    /// How many results to show, or groups
    #[arg(short, value_name = "N", default_value = "10")]
    pub(crate) k: NonZeroUsize,

    /// Leave out results below this cosine similarity, from -1 to 1
    #[arg(long, value_name = "S", value_parser = similarity, allow_negative_numbers = true)]
    pub(crate) min_similarity: Option<f32>,

    /// Say why: the places of query and result that are most alike, drawn in the report
    #[arg(long)]
    pub(crate) explain: bool,

    /// Write a report with thumbnails
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) numbers: NumbersArgs,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = up_to_1024)]
    pub(crate) threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// Checks the form of a condition in which `@query` may stand, before images are read. What it
/// stands for is known only then.
fn query_condition(text: &str) -> Result<String, ConditionError> {
    Condition::parse_for_query(text, &|_| Ok(vec![String::new()]))?;
    Ok(text.to_string())
}

fn unit_interval(text: &str) -> Result<f32, String> {
    in_range(text, 0.0, 1.0)
}
