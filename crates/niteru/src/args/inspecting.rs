//! Arguments of `inspect`.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use niteru_index::condition::instant;
use niteru_store::LEAST_DECISIONS;

use super::{ModelArgs, ReportArgs, up_to_1024};

#[derive(Debug, Subcommand)]
pub(crate) enum InspectCommand {
    /// Learn what good parts look like, from photos of good ones
    #[command(
        after_help = "Examples:\n  niteru inspect train tiles --good photos/good\n  \
                      niteru inspect train tiles --good photos/good --bad photos/bad --html tiles.html\n  \
                      niteru inspect train tiles --good photos/good --suspicious leave-out --false-alarm 0.05\n  \
                      niteru inspect train tiles --good photos/good --area mask.png --tiles 2\n\n\
                      Training again under the same name makes a new version; the old ones can still be run.\n\
                      docs/inspection.md tells how it works and what it promises."
    )]
    Train(InspectTrainArgs),
    /// Judge photos: OK or NG, where they differ and by how much
    #[command(after_help = "Examples:\n  niteru inspect run tiles photo.jpg\n  \
                      niteru inspect run tiles today/ --heatmaps heat/ --html today.html\n  \
                      niteru inspect run tiles today/ --operator Sato --field lot=A12 --field machine=M2\n  \
                      niteru inspect run tiles today/ --metadata today.csv --utc-offset 09:00\n\n\
                      Every decision is written into the home. With --json, one line for each photo.\n\
                      When the scores of the last photos have shifted as a whole, it says so at the end.")]
    Run(InspectRunArgs),
    /// Judge each photo that comes into a folder, until stopped
    #[command(
        after_help = "Examples:\n  niteru inspect watch tiles /mnt/camera1\n  \
                      niteru inspect watch tiles /mnt/camera1 --existing --operator Sato --field machine=M2\n\n\
                      A photo is judged once, when it is complete: also when the command was ended and starts again.\n\
                      Photos that lie there already are left alone without --existing. The folder is looked into twice\n\
                      a second, with those in it up to four deep (a camera may make one for each day). That works on\n\
                      network shares; one that goes away is waited for. No file is changed.\n\
                      With --json, one line for each photo. Ctrl-C stops."
    )]
    Watch(InspectWatchArgs),
    /// Measure how well an inspector tells good from bad
    #[command(
        after_help = "Examples:\n  niteru inspect eval tiles --good test/good --bad test/bad\n  \
                      niteru inspect eval tiles --good test/good --bad test/bad --masks test/masks --html eval.html\n\n\
                      A mask has the name of its photo, whatever the ending, and the defect in white."
    )]
    Eval(InspectEvalArgs),
    /// Compare two photos of the same thing: template and part, or before and after
    #[command(
        after_help = "Examples:\n  niteru inspect compare template.jpg board.jpg\n  \
                      niteru inspect compare before.jpg after.jpg --html difference.html\n  \
                      niteru inspect compare template.jpg board.jpg --area mask.png --heatmaps heat/\n\n\
                      No inspector and no training is needed, and nothing is written into the home. Places are\n\
                      are told in pixels of the second photo. docs/inspection.md tells what is seen and what\n\
                      is not."
    )]
    Compare(InspectCompareArgs),
    /// List the inspectors of the home
    List,
    /// Remove an inspector with all its versions
    Remove {
        /// The inspector's name
        name: String,
        /// Remove its decisions and what people said of them, too
        #[arg(long)]
        with_history: bool,
    },
    /// Say whether the scores of the last photos have shifted as a whole: a moved camera, another lamp
    #[command(after_help = "Examples:\n  niteru inspect drift tiles\n  \
                      niteru inspect drift tiles --last 200\n\n\
                      Photos of the training do not count, and a photo that was judged twice counts once.")]
    Drift(InspectDriftArgs),
    /// List what was decided, the newest first
    #[command(after_help = "Examples:\n  niteru inspect history tiles\n  \
                      niteru inspect history tiles --verdict NG --since 2026-11-01\n  \
                      niteru inspect history tiles --before 1234")]
    History(InspectHistoryArgs),
    /// Judge a photo again as it was judged, and compare
    #[command(after_help = "Examples:\n  niteru inspect replay 42")]
    Replay {
        /// A number from `history`
        id: u64,
    },
    /// Say what a decision should have been; it is kept beside the decision
    #[command(
        after_help = "Examples:\n  niteru inspect review 42 --verdict OK --note 'dust, wiped off'"
    )]
    Review {
        /// A number from `history`
        id: u64,
        /// What it is
        #[arg(long, value_enum, ignore_case = true)]
        verdict: ReviewedAs,
        /// Why
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Group what was NG by how it looks, and say what the groups have in common
    #[command(
        after_help = "Examples:\n  niteru inspect trace tiles --since 2026-11-01\n  \
                      niteru inspect trace tiles --fields lot,machine,hour --html causes.html"
    )]
    Trace(InspectTraceArgs),
}

#[derive(Args, Debug)]
pub(crate) struct InspectTrainArgs {
    /// The inspector's name
    pub(crate) name: String,

    /// Photos of good parts, or folders of them
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    pub(crate) good: Vec<PathBuf>,

    /// Photos of bad parts, or folders of them: they say how many would be missed, and from three on it
    /// learns from them
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub(crate) bad: Vec<PathBuf>,

    /// A picture that is white where parts are inspected, and black where not
    #[arg(long, value_name = "FILE")]
    pub(crate) area: Option<PathBuf>,

    /// Turn and shift every photo to lie as the good ones do before it is compared (up to 15 degrees,
    /// and 15 % of the shorter side)
    #[arg(long)]
    pub(crate) align: bool,

    /// Share of good parts that may be stopped by mistake, above 0 and below 1
    #[arg(long, value_name = "SHARE", default_value = "0.01")]
    pub(crate) false_alarm: f64,

    /// Cut each photo into N × N tiles, for small defects on large photos: auto, or 1 to 8
    #[arg(long, value_name = "N", default_value = "auto", value_parser = tiles)]
    pub(crate) tiles: Tiles,

    /// What to do with good photos that look like none of the others: a bad one among them makes the
    /// inspector blind to its like
    #[arg(long, value_enum, value_name = "WHAT", default_value = "keep")]
    pub(crate) suspicious: Suspicious,

    /// Also learn from photos that people have called OK in reviews, and leave out those called NG
    #[arg(long)]
    pub(crate) with_reviews: bool,

    /// The same photos and the same number give the same inspector
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) seed: u64,

    /// Write a report: how far to trust it, the scores, suspicious photos, and with --bad what is missed
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What `train --suspicious` can be.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Suspicious {
    /// Warn, and learn from them
    Keep,
    /// Warn, and learn without them; at most a tenth of the photos
    LeaveOut,
    /// Store nothing
    Stop,
}

/// What `--tiles` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tiles(pub(crate) Option<u32>);

#[derive(Args, Debug)]
pub(crate) struct InspectRunArgs {
    /// The inspector's name
    pub(crate) name: String,

    /// Photos, or folders of photos
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// Another version than the newest
    #[arg(long = "inspector-version", value_name = "N")]
    pub(crate) version: Option<u32>,

    /// Write a heat map of each photo to this folder: as a picture over the photo, and as 16-bit numbers
    #[arg(long, value_name = "DIR")]
    pub(crate) heatmaps: Option<PathBuf>,

    /// Write a report
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Who runs it
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,

    /// Where the photos come from, such as lot=A12; may be given more than once
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    pub(crate) field: Vec<(String, String)>,

    /// A CSV file with a column `path`: its other columns say where each photo comes from; `time` is when it
    /// was inspected, `operator` by whom
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) metadata: Option<PathBuf>,

    /// How far local time is ahead of UTC, for times of --metadata that do not say it, such as 09:00
    /// [default: as this computer's clock]
    #[arg(long, value_name = "HH:MM", value_parser = utc_offset, default_value_t = UtcOffset::here(),
          hide_default_value = true, allow_hyphen_values = true, requires = "metadata")]
    pub(crate) utc_offset: UtcOffset,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = up_to_1024)]
    pub(crate) threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Args, Debug)]
pub(crate) struct InspectWatchArgs {
    /// The inspector's name
    pub(crate) name: String,

    /// The folder that photos are written into; photos in folders below it are left alone
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// Also judge the photos that are there already, but for those that were judged before
    #[arg(long)]
    pub(crate) existing: bool,

    /// Who runs it
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,

    /// Where the photos come from, such as lot=A12; may be given more than once
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    pub(crate) field: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(crate) struct InspectDriftArgs {
    /// The inspector's name
    pub(crate) name: String,

    /// Look at so many photos, the last ones
    #[arg(long, value_name = "N", default_value = "50", value_parser = enough)]
    pub(crate) last: usize,

    /// Another version than the newest
    #[arg(long = "inspector-version", value_name = "N")]
    pub(crate) version: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct InspectCompareArgs {
    /// The first photo: the template, or how it was before
    #[arg(value_name = "A")]
    pub(crate) first: PathBuf,

    /// The second photo: the part, or how it is now
    #[arg(value_name = "B")]
    pub(crate) second: PathBuf,

    /// A picture that is white where the first photo is compared, and black where not
    #[arg(long, value_name = "FILE")]
    pub(crate) area: Option<PathBuf>,

    /// Compare the photos as they lie, without laying the second on the first
    #[arg(long)]
    pub(crate) no_align: bool,

    /// Cut each photo into N × N tiles, for small differences on large photos: auto, or 1 to 8
    #[arg(long, value_name = "N", default_value = "auto", value_parser = tiles)]
    pub(crate) tiles: Tiles,

    /// Write the heat map to this folder: as a picture over the second photo, and as 16-bit numbers
    #[arg(long, value_name = "DIR")]
    pub(crate) heatmaps: Option<PathBuf>,

    /// Write a report
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Args, Debug)]
pub(crate) struct InspectEvalArgs {
    /// The inspector's name
    pub(crate) name: String,

    /// Photos of good parts that it was not trained with, or folders of them
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    pub(crate) good: Vec<PathBuf>,

    /// Photos of bad parts, or folders of them
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    pub(crate) bad: Vec<PathBuf>,

    /// A folder of masks with the names of the bad photos: NAME.png or NAME_mask.png
    #[arg(long, value_name = "DIR")]
    pub(crate) masks: Option<PathBuf>,

    /// Another version than the newest
    #[arg(long = "inspector-version", value_name = "N")]
    pub(crate) version: Option<u32>,

    /// Write a report with the worst mistakes
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = up_to_1024)]
    pub(crate) threads: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Args, Debug)]
pub(crate) struct InspectHistoryArgs {
    /// Only of this inspector
    pub(crate) name: Option<String>,

    /// Only with this verdict, a person's where there is one
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) verdict: Option<DecidedAs>,

    /// Not before this, in UTC: 2026-11-25, or 2026-11-25T08:30
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<i64>,

    /// Before this
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<i64>,

    /// Only what stands below this one in the list: the next page after the last number of a page
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<u64>,

    /// Show at most so many
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) limit: NonZeroUsize,
}

#[derive(Args, Debug)]
pub(crate) struct InspectTraceArgs {
    /// The inspector's name
    pub(crate) name: String,

    /// Not before this, in UTC: 2026-11-25, or 2026-11-25T08:30
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<i64>,

    /// Before this
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<i64>,

    /// The fields that may tell the cause, also hour, weekday, operator, inspector_version [default: all]
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,

    /// Defects that are on average at least so alike are one group, from -1 to 1 [default: 0.35]
    #[arg(long, value_name = "S", value_parser = super::similarity, allow_negative_numbers = true)]
    pub(crate) similarity: Option<f32>,

    /// Tell of so many groups, the largest
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) groups: u16,

    /// How far local time is ahead of UTC, for hours and days, such as 09:00 or -03:30
    /// [default: as this computer's clock]
    #[arg(long, value_name = "HH:MM", value_parser = utc_offset, default_value_t = UtcOffset::here(),
          hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) utc_offset: UtcOffset,

    /// Write a report
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What a person can say.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ReviewedAs {
    /// It is good
    #[value(name = "OK")]
    Ok,
    /// It is bad
    #[value(name = "NG")]
    Ng,
}

/// What can have been decided.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DecidedAs {
    /// Like the good ones
    #[value(name = "OK")]
    Ok,
    /// Not like the good ones
    #[value(name = "NG")]
    Ng,
    /// Unlike anything seen in training
    #[value(name = "UNLIKE")]
    Unlike,
}

fn tiles(text: &str) -> Result<Tiles, String> {
    match text.parse::<u32>() {
        _ if text == "auto" => Ok(Tiles(None)),
        Ok(number @ 1..=niteru_inspect::MOST_TILES) => Ok(Tiles(Some(number))),
        _ => Err(format!(
            "expected auto, or a number from 1 to {}",
            niteru_inspect::MOST_TILES
        )),
    }
}

/// Decisions to look at: fewer than it takes say nothing.
fn enough(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    let enough = number.filter(|&number| number >= LEAST_DECISIONS);
    enough.ok_or_else(|| format!("expected {LEAST_DECISIONS} or more: fewer say nothing"))
}

fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.trim().is_empty() => {
            Ok((field.trim().to_string(), value.trim().to_string()))
        }
        _ => Err("expected FIELD=VALUE, such as lot=A12".to_string()),
    }
}

/// How many minutes local time is ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UtcOffset(pub(crate) i32);

impl UtcOffset {
    /// This computer's now, by TZ or its settings; UTC where it is not known. It is asked for before there are
    /// threads, as another could change TZ meanwhile.
    fn here() -> UtcOffset {
        let offset = time::UtcOffset::current_local_offset();
        UtcOffset(offset.map_or(0, |offset| i32::from(offset.whole_minutes())))
    }
}

/// As it is written on the command line.
impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, minutes) = (if self.0 < 0 { '-' } else { '+' }, self.0.abs());
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

fn utc_offset(text: &str) -> Result<UtcOffset, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let parts = digits.split_once(':').unwrap_or((digits, "0"));
    match (parts.0.parse::<u8>(), parts.1.parse::<u8>()) {
        (Ok(hours @ 0..=14), Ok(minutes @ 0..60)) => Ok(UtcOffset(
            sign * (i32::from(hours) * 60 + i32::from(minutes)),
        )),
        _ => Err("expected hours and minutes, such as 09:00 or -03:30".to_string()),
    }
}

fn moment(text: &str) -> Result<i64, String> {
    instant(text)
        .ok_or_else(|| "expected a time such as 2026-11-25 or 2026-11-25T08:30".to_string())
}
