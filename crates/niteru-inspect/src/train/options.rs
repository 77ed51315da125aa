//! What training is asked for, and what comes out of it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use niteru_imaging::{DecodeError, HeatError, Limits, Mask};
use niteru_learn::FitError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::exactly::Exactly;
use crate::inspector::{Inspector, InspectorError};
use crate::paths;

/// Tiles along a side at most.
pub const MOST_TILES: u32 = 8;

/// Suspicious pictures that an error names at most.
const MOST_LISTED: usize = 20;

/// How an inspector is trained.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Share of good parts that may be stopped, above 0 and below 1.
    pub false_alarm: f64,
    /// Confidence of what is said beyond the average, below 1.
    pub confidence: f64,
    /// Tiles along each side of a picture, 1…[`MOST_TILES`]; `None` chooses by the pictures' size.
    pub tiles: Option<u32>,
    /// What counts of each picture: any size, stretched to the picture's.
    pub area: Option<Mask>,
    /// Whether pictures are aligned, by shift and rotation, with one of the good ones before they are compared.
    pub align: bool,
    /// Files of bad pictures. From three on, and beside at least twelve good ones, what resembles one of them
    /// scores higher; fewer change nothing.
    pub bad: Vec<PathBuf>,
    /// What is done with good pictures that look like none of the others.
    pub suspicious: WithSuspicious,
    /// Bytes that what is read of the good pictures may take. Where they do not fit, so many of them that do are
    /// learnt from, spread evenly over all; training takes about twice as much in all.
    pub memory: usize,
    /// The same pictures and the same seed give the same inspector.
    pub seed: u64,
    /// What a file may ask for before it is refused.
    pub limits: Limits,
}

impl Default for TrainOptions {
    fn default() -> TrainOptions {
        TrainOptions {
            false_alarm: 0.01,
            confidence: 0.95,
            tiles: None,
            area: None,
            align: false,
            bad: Vec::new(),
            suspicious: WithSuspicious::Keep,
            memory: 2 << 30,
            seed: 0,
            limits: Limits::default(),
        }
    }
}

/// What is done with good pictures that look like none of the others. A bad part among the good makes an
/// inspector blind to its like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithSuspicious {
    /// They are told and learnt from, as all.
    #[default]
    Keep,
    /// They are told, and all is done again without them; once, so what looks suspicious then is kept. It
    /// is an error when they are more than a tenth of the pictures.
    LeaveOut,
    /// They are told, and nothing is learnt.
    Stop,
}

/// What training is at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainStep<'a> {
    /// So many of the pictures are read; bad ones after the good ones, counted anew.
    Reading {
        /// Read so far.
        done: usize,
        /// To read.
        total: usize,
    },
    /// These good pictures look like none of the others, the worst first. Told before the last memory is
    /// learnt, and only where there are some.
    Suspicious(&'a [Suspicious]),
    /// So many of the memories are learnt: one for each part that is held out, and the last of all. Counts
    /// anew when pictures are left out.
    Learning {
        /// Learnt so far.
        done: usize,
        /// To learn.
        total: usize,
    },
    /// The inspector is there, and so many of the bad pictures are judged by it. Told by who judges them.
    Judging {
        /// Judged so far.
        done: usize,
        /// To judge.
        total: usize,
    },
}

/// Is told how far training is, and may stop it. Called from several threads.
pub type OnStep<'a> = &'a (dyn Fn(TrainStep<'_>) -> ControlFlow<()> + Sync);

/// Something that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Skipped {
    /// The file or folder; for a row of metadata, the metadata file.
    #[serde(serialize_with = "paths::serialize_path")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// What is wrong, for people; for a row of metadata with its line number.
    pub reason: String,
    /// The same for programs, where it is known.
    #[serde(flatten)]
    pub exactly: Option<Exactly>,
}

impl Skipped {
    pub(crate) fn new(path: &Path, error: &DecodeError) -> Skipped {
        Skipped {
            path: path.to_path_buf(),
            reason: niteru_encoder::with_causes(error.reason()),
            exactly: Exactly::of(error),
        }
    }
}

/// A good picture with the same contents as another, so that it was not learnt from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Duplicate {
    /// Its file.
    #[serde(serialize_with = "paths::serialize_path")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// The other's, which came first.
    #[serde(serialize_with = "paths::serialize_path")]
    #[schema(value_type = String)]
    pub of: PathBuf,
}

/// A good picture that looks like none of the others.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Suspicious {
    /// Its file.
    #[serde(serialize_with = "paths::serialize_path")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Its score when it was held out.
    pub score: f64,
}

/// What came out of training beside the inspector.
pub struct Trained<'e> {
    /// The inspector.
    pub inspector: Inspector<'e>,
    /// Files that were left out.
    pub skipped: Vec<Skipped>,
    /// Good pictures that it was learnt from, but are to be looked at before it is used, the worst first.
    pub suspicious: Vec<Suspicious>,
    /// Good pictures that it was not learnt from, as they were suspicious, the worst first.
    pub left_out: Vec<Suspicious>,
    /// The good pictures that scored highest when they were held out, the worst first, up to 60; of one alone none.
    pub highest: Vec<Suspicious>,
    /// Good pictures that were not read, as all together do not fit into [`TrainOptions::memory`].
    pub not_needed: usize,
    /// Good pictures that are copies of others: each content was learnt from once.
    pub duplicates: Vec<Duplicate>,
    /// Good pictures of another shape than the area: it was stretched, and may lie beside what it was drawn for.
    pub stretched: usize,
    /// Good pictures that it learnt from what belongs where: those of the shape that most have. 0 where that is not
    /// known, as they are few or of many shapes.
    pub placed: usize,
    /// Good pictures of which it is not certain how they lie, where they were to be aligned: they were learnt as they
    /// lie, and then others that lie as wrongly pass.
    pub unaligned: usize,
    /// Patches in all memory banks.
    pub patches: usize,
    /// Bytes of the stored inspector's banks and distributions, about.
    pub memory_bytes: usize,
}

/// Why nothing could be learnt.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// No usable good picture.
    #[error(
        "no usable good picture among {given}; give at least one, and better 30 or more: {reason}"
    )]
    NoGood {
        /// How many files were given.
        given: usize,
        /// The first file's problem, or that there was none.
        reason: String,
    },
    /// The area mask leaves nothing.
    #[error("the area mask is black all over; paint white what is to be inspected")]
    EmptyArea,
    /// The false-alarm rate or the confidence is not between 0 and 1.
    #[error("{what} must be above 0 and below 1, got {value}")]
    Share {
        /// Which of them.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// The numbers of tiles are 1 to 8.
    #[error("pictures are cut into 1 to {MOST_TILES} tiles along each side, got {0}")]
    Tiles(u32),
    /// A good picture has the same contents as a bad one.
    #[error(
        "{} is among the good photos, and {}, which has the same contents, among the bad ones; \
         take away what is wrong",
        good.display(), bad.display()
    )]
    GoodAndBad {
        /// The good one's file.
        good: PathBuf,
        /// The bad one's.
        bad: PathBuf,
    },
    /// Some of the good pictures look like none of the others, and that was to stop it.
    #[error(
        "{} of {of} good pictures {} like none of the others: {}; take away what is bad and train again",
        found.len(), look(found), listed(found)
    )]
    Suspicious {
        /// Which, the worst first.
        found: Vec<Suspicious>,
        /// How many good pictures there are.
        of: usize,
    },
    /// More of the good pictures than may be left out look like none of the others.
    #[error(
        "{} of {of} good pictures {} like none of the others, and more than a tenth is not left out: {}; \
         they may be a mix of products, cameras or lamps: sort them and train one inspector for each",
        found.len(), look(found), listed(found)
    )]
    Mixed {
        /// Which, the worst first.
        found: Vec<Suspicious>,
        /// How many good pictures there are.
        of: usize,
    },
    /// The caller stopped it.
    #[error("training was stopped")]
    Stopped,
    /// The model gave numbers that nothing can be learnt from.
    #[error("the model's features of the good pictures cannot be learnt from")]
    Features(#[from] FitError),
    /// A heat map had a number that is not finite.
    #[error("a heat map could not be made")]
    Heat(#[from] HeatError),
    /// The inspector could not be made ready.
    #[error(transparent)]
    Inspector(#[from] InspectorError),
}

fn look(found: &[Suspicious]) -> &'static str {
    match found {
        [_] => "looks",
        _ => "look",
    }
}

/// Pictures with their scores, for people: the first ones, and how many more.
fn listed(found: &[Suspicious]) -> String {
    let shown = found.iter().take(MOST_LISTED);
    let mut shown: Vec<String> = shown
        .map(|one| format!("{} (score {:.1})", one.path.display(), one.score))
        .collect();
    match found.len() - shown.len() {
        0 => {}
        more => shown.push(format!("and {more} more")),
    }
    shown.join(", ")
}
