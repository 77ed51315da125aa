//! Inspectors and what they decided: trained detectors by name and version, every inspection, and what
//! people said about it.
//!
//! An inspector is bytes here; what they mean is the inspection room's. What is stored with an inspection
//! is enough to repeat it: the image's hash, the inspector's version, the instruction set.

mod check;
mod collected;
mod compared;
mod counts;
mod drift;
mod history;
mod history_csv;
mod inspectors;
mod photos;
mod quality;
mod record;
mod review;
mod run;
mod told;
mod trace;
mod trained_with;
mod training;
mod verdict;
mod watched;

pub use collected::{CollectedPhotos, Collecting, Shows};
pub use compared::{ComparedPhotos, Evaluation, PhotoAlignment};
pub use counts::VerdictCounts;
pub use drift::{Direction, Drift, DriftBasis, DriftQuery, DriftWatch, LEAST_DECISIONS, LOOK_BACK};
pub use history::{HistoryQuery, Inspection};
pub use inspectors::{InspectorFile, InspectorSummary, NewInspector, StoredInspector};
pub use niteru_inspect::Verdict;
pub use photos::{PhotoRow, PhotoRows};
pub use quality::{InspectorCheck, ScoredPhoto, ThresholdChoice, ThresholdError};
pub use record::NewInspection;
pub use review::{AppliedReviews, Review, ReviewedImage};
pub use run::{
    InspectError, InspectedFile, KnownFile, Reproduced, inspect_bytes, inspect_file, read_known,
    replay,
};
pub use told::ToldInspection;
pub use trace::{
    Cause, DefectGroup, PastInspection, TimeCount, TimeCourse, TimeUnit, Trace, TraceQuery,
    TypicalImage,
};
pub use training::{TrainReport, Training, TrainingError};
pub use verdict::ReviewVerdict;
pub use watched::{JudgePhoto, JudgedPhoto, NotJudged, PhotoEvent, PhotoReach, PhotoWatch};

pub(crate) use check::check_inspections;
pub(crate) use trained_with::TrainedWith;
