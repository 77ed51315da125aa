//! The home: SQLite truth, collections, adding images, search.
//!
//! [`Home`] is the entry: it opens the data directory, adds folders of images to a named
//! collection, and hands out [`Collection`]s to search, list and evaluate.
//!
//! ```no_run
//! use niteru_store::{AddOptions, Home, ImageEncoder, Query};
//!
//! # fn example(encoder: &dyn ImageEncoder, embedding: Vec<f32>) -> Result<(), niteru_store::StoreError> {
//! let home = Home::open("/srv/niteru")?;
//! let report = home.add("parts", &["photos"], encoder, AddOptions::default())?;
//! println!("{} added, {} skipped", report.added, report.skipped.len());
//!
//! let query = Query {
//!     encoder: encoder.identity(),
//!     embedding,
//!     k: 5,
//!     min_similarity: None,
//!     exclude: vec![],
//!     filter: None,
//! };
//! for result in home.collection("parts")?.search(&query)? {
//!     println!("{:.3} {}", result.similarity, result.path.display());
//! }
//! # Ok(()) }
//! ```

mod access;
mod add;
mod backup;
mod backups;
pub mod below;
mod check;
mod collection;
mod duplicates;
mod encoder;
mod error;
mod evaluate;
mod filter;
mod follow;
mod framings;
mod functions;
mod group;
mod home;
mod image_name;
mod index;
mod inspect;
mod jobs;
mod known;
mod load;
mod lookup;
mod map;
mod metadata;
mod metadata_csv;
mod metadata_edit;
mod metadata_import;
mod model_check;
mod models;
mod near;
mod notice;
mod paths;
mod restore;
mod samples;
mod schema;
mod search;
mod similarities;
mod sink;
mod skip;
mod spreadsheet;
mod thumbnails;
mod time;
mod turn;
mod uploads;
mod walk;
mod watch;

pub use access::{
    ApiToken, AuditCheck, AuditEntry, AuditFormat, Credentials, LoginTry, NewApiToken,
    NewAuditEntry, Role, User, UserChange,
};
pub use add::{AddOptions, AddProgress, AddReport, AddStages, MetadataReport};
pub use backup::{BackupError, BackupOptions, BackupReport};
pub use backups::StoredBackup;
pub use check::{CheckOptions, CheckReport, Checked, FINDINGS, Problem, ProblemKind, check};
pub use collection::{Collection, CollectionSummary, Image};
pub use duplicates::{DuplicateGroup, DuplicateImage, DuplicateKind, DuplicateOptions, Duplicates};
pub use encoder::{
    Candidate, EmbeddedFile, EncoderIdentity, EncoderSeconds, FileEncoder, ImageEncoder, OnResult,
};
pub use error::{Source, StoreError};
pub use evaluate::RetrievalReport;
pub use filter::Selection;
pub use framings::{FramingReport, FramingsReport};
pub use group::{Group, GroupBy, GroupedResults};
pub use home::Home;
pub use index::{
    ClusterStatus, IndexBuild, IndexPlace, IndexPolicy, IndexProgress, IndexReport, IndexState,
    IndexStatus, MoveReport, VerifyReport,
};
pub use inspect::{
    AppliedReviews, Cause, CollectedPhotos, Collecting, ComparedPhotos, DefectGroup, Direction,
    Drift, DriftBasis, DriftQuery, DriftWatch, Evaluation, HistoryQuery, InspectError,
    InspectedFile, Inspection, InspectorCheck, InspectorFile, InspectorSummary, JudgePhoto,
    JudgedPhoto, KnownFile, LEAST_DECISIONS, LOOK_BACK, NewInspection, NewInspector, NotJudged,
    PastInspection, PhotoAlignment, PhotoEvent, PhotoReach, PhotoRow, PhotoRows, PhotoWatch,
    Reproduced, Review, ReviewVerdict, ReviewedImage, ScoredPhoto, Shows, StoredInspector,
    ThresholdChoice, ThresholdError, TimeCount, TimeCourse, TimeUnit, ToldInspection, Trace,
    TraceQuery, TrainReport, Training, TrainingError, TypicalImage, Verdict, VerdictCounts,
    inspect_bytes, inspect_file, read_known, replay,
};
pub use jobs::{Job, JobProgress, JobState};
pub use load::{EncoderChoice, EncoderError, load_encoder};
pub use map::{MapColour, MapColours, MapOptions, MapPoints, MapReport, MapStage, MapState};
pub use metadata::Metadata;
pub use metadata_edit::{FieldValues, ValueCount};
pub use metadata_import::{ImportProblem, ImportProblemKind, ImportRow, MetadataImport};
pub use model_check::{CheckedPrecision, ModelCheck, ModelCheckError, check_model};
pub use models::ModelSummary;
pub use niteru_inspect::{Exactly, Skipped};
pub use notice::Notice;
pub use restore::{RestoreOptions, RestoreReport, restore};
pub use samples::{
    PART_SIZE, PartDefect, SAMPLES, Sample, SamplesError, SamplesReport, sample_part,
};
pub use search::{Query, SearchResult, Searched};
pub use similarities::similarity_matrix;
pub use skip::SkippedDuplicate;
pub use thumbnails::{THUMBNAIL_BYTES, ThumbnailError};
pub use time::rfc3339;
pub use uploads::{NewUpload, Upload, UploadError, UploadLimits, image_kind, look_at_upload};
pub use walk::image_files;
pub use watch::{WatchCounts, WatchEvent, WatchOptions, WatchReport};
