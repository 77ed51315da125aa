//! What exactly went wrong, in a form that the page tells in its own language: a kind, and the values that belong
//! into its sentence. Each kind has a text in `web/texts/errors.en.js` and `errors.ja.js`.

mod of_errors;

use std::error::Error;

use niteru_store::Exactly;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Makes the kinds with their names and the values that each may carry.
macro_rules! kinds {
    ($($kind:ident = $name:literal [$($value:literal),*];)*) => {
        /// A kind of what goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($kind),*
        }

        impl Kind {
            /// All there are.
            const ALL: &[Kind] = &[$(Kind::$kind),*];

            /// For programs.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name),*
                }
            }

            /// The values that it may carry.
            fn values(self) -> &'static [&'static str] {
                match self {
                    $(Kind::$kind => &[$($value),*]),*
                }
            }
        }
    };
}

kinds! {
    // What the code already says, and no more. The page tells the server's sentence with them.
    BadRequest = "bad_request" [];
    NotFound = "not_found" [];
    Conflict = "conflict" [];
    Internal = "internal" [];
    Method = "method" [];
    NotJson = "not_json" [];
    NotAForm = "not_a_form" [];
    Model = "model" [];

    // Who asks, and how.
    LoginNeeded = "login_needed" [];
    RoleNeeded = "role_needed" ["role"];
    NotAsAnother = "not_as_another" ["role"];
    NotByToken = "not_by_token" [];
    WrongLogin = "wrong_login" [];
    WrongCode = "wrong_code" [];
    WrongPassword = "wrong_password" [];
    Locked = "locked" ["until"];
    TooManyAttempts = "too_many_attempts" [];
    HasAdministrator = "has_administrator" [];
    NoPassword = "no_password" [];
    PasswordShort = "password_short" ["least"];
    PasswordLong = "password_long" ["most_bytes"];
    WrongHost = "wrong_host" [];
    Forged = "forged" [];

    // The server, its disk and its home.
    Busy = "busy" [];
    QueueFull = "queue_full" ["waiting"];
    TooSlow = "too_slow" ["seconds"];
    Restoring = "restoring" ["percent"];
    NoSpace = "no_space" [];
    ReadOnly = "read_only" [];
    Quota = "quota" ["bytes", "most_bytes"];
    CannotRead = "cannot_read" ["file"];
    CannotWrite = "cannot_write" ["file"];
    HomeDamaged = "home_damaged" [];
    HomeRestoring = "home_restoring" [];
    HomeReplaced = "home_replaced" [];
    HomeNewer = "home_newer" [];

    // What was sent.
    TooLarge = "too_large" ["most_bytes"];
    TooManyFiles = "too_many_files" ["most"];
    NoFile = "no_file" [];
    CutOff = "cut_off" [];
    NotAnImage = "not_an_image" [];
    UnusableImage = "unusable_image" [];
    FileEmpty = "file_empty" [];
    FileTooLarge = "file_too_large" ["bytes", "most_bytes"];
    FileCutOff = "file_cut_off" ["format"];
    FileDamaged = "file_damaged" ["format"];
    ImageTooLarge = "image_too_large" ["width", "height", "side", "pixels"];
    ImageNeedsMemory = "image_needs_memory" ["bytes", "most_bytes"];
    ImageUnsupported = "image_unsupported" ["what"];
    NoUpload = "no_upload" [];

    // Images and collections.
    Unreadable = "unreadable" [];
    Changed = "changed" [];
    PhotoChanged = "photo_changed" [];
    NoCollection = "no_collection" ["name"];
    CollectionName = "collection_name" ["name"];
    FieldName = "field_name" ["name"];
    NoImage = "no_image" ["image", "collection"];
    NoField = "no_field" ["field"];
    NothingPasses = "nothing_passes" ["field"];
    OtherModel = "other_model" ["collection", "collection_model", "model"];
    MetadataFile = "metadata_file" ["file"];
    MetadataNoPath = "metadata_no_path" ["file", "columns"];
    Condition = "condition" ["text", "position"];
    NothingAsked = "nothing_asked" [];
    TooManyExamples = "too_many_examples" ["most"];
    TooManyConditions = "too_many_conditions" ["most"];
    CancelsOut = "cancels_out" [];
    IndexUnavailable = "index_unavailable" ["url"];
    IndexPlace = "index_place" ["collection"];
    NoIndexPlace = "no_index_place" [];
    MapTooLarge = "map_too_large" ["collection", "images", "most"];
    NothingReadable = "nothing_readable" [];
    TwoPhotos = "two_photos" [];
    DifferentShapes = "different_shapes" [];
    NothingInCommon = "nothing_in_common" [];

    // Inspectors.
    NoInspector = "no_inspector" ["name"];
    NoInspectorVersion = "no_inspector_version" ["name", "version"];
    NoInspection = "no_inspection" ["id"];
    NoInspectionField = "no_inspection_field" ["field"];
    InspectorName = "inspector_name" ["name"];
    InspectorSize = "inspector_size" ["bytes", "most_bytes"];
    InspectorDamaged = "inspector_damaged" [];
    InspectorInUse = "inspector_in_use" ["name", "inspections"];
    InspectorOtherModel = "inspector_other_model" ["trained", "given"];
    InspectionNotStored = "inspection_not_stored" [];
    NoGoodPhoto = "no_good_photo" [];
    GoodAndBad = "good_and_bad" ["file"];
    NeedsGoodAndBad = "needs_good_and_bad" [];
    EmptyArea = "empty_area" [];
    Suspicious = "suspicious" ["count", "of", "files"];
    Mixed = "mixed" ["count", "of"];
    NothingLearnt = "nothing_learnt" [];
    NoteLong = "note_long" ["most"];
    NoFolder = "no_folder" ["folder"];
    FolderUnreachable = "folder_unreachable" ["folder"];
    FolderGone = "folder_gone" [];
    FolderDenied = "folder_denied" [];
    FolderSilent = "folder_silent" [];
    FolderOther = "folder_other" [];
    WatchRuns = "watch_runs" ["folder"];
    FolderFollowed = "folder_followed" ["folder"];
    TooManyWatches = "too_many_watches" ["most"];

    // Models.
    ModelName = "model_name" ["name"];
    ModelUnknown = "model_unknown" ["name"];
    ModelNotInstalled = "model_not_installed" ["name"];
    ModelInstalled = "model_installed" ["name"];
    ModelDamaged = "model_damaged" ["name"];
    ModelChanged = "model_changed" ["name"];
    ModelUnusable = "model_unusable" ["name"];
    ModelReadsNoText = "model_reads_no_text" ["name"];
    NotAModel = "not_a_model" ["file"];
    NoModelFiles = "no_model_files" [];
    NoPhotosToCheck = "no_photos_to_check" [];
    NoPip = "no_pip" [];
    NotFetched = "not_fetched" [];
    FetchedDamaged = "fetched_damaged" [];
    FetchRefused = "fetch_refused" [];
    SentGone = "sent_gone" [];

    // Users, tokens, backups and jobs.
    NoUser = "no_user" [];
    UserName = "user_name" ["name"];
    UserExists = "user_exists" ["name"];
    LastAdministrator = "last_administrator" [];
    NoToken = "no_token" [];
    TokenLabel = "token_label" [];
    NoBackup = "no_backup" [];
    NoSuchBackup = "no_such_backup" ["name"];
    BackupExists = "backup_exists" ["name"];
    BackupDamaged = "backup_damaged" [];
    BackupNewer = "backup_newer" [];
    NoJob = "no_job" ["id"];
    JobOver = "job_over" [];
    JobFault = "job_fault" [];
    JobUnknown = "job_unknown" [];
    JobRestored = "job_restored" [];
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What exactly went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// For programs: `no_collection`, `file_too_large`, … A `code` may have several of them.
    #[schema(value_type = String)]
    kind: Kind,
    /// What belongs into its sentence, by names: `{"name": "plates"}`.
    #[schema(value_type = Object)]
    values: Map<String, Value>,
}

impl From<Kind> for Problem {
    fn from(kind: Kind) -> Problem {
        Problem {
            kind,
            values: Map::new(),
        }
    }
}

impl Problem {
    /// The same with a value of its sentence.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Problem {
        let known = self.kind.values().contains(&name);
        debug_assert!(known, "{} has no value {name}", self.kind.name());
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// What a room below has told; a test sees to it that there is a kind of each name.
    fn told(exactly: &Exactly) -> Option<Problem> {
        let kind = Kind::ALL.iter().find(|kind| kind.name() == exactly.kind)?;
        let values = exactly.values.iter();
        let values = values.map(|(name, value)| ((*name).to_owned(), json!(value)));
        Some(Problem {
            kind: *kind,
            values: values.collect(),
        })
    }

    /// What an error is, or the nearest of its causes that has a kind.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Problem> {
        let mut at = Some(error);
        while let Some(error) = at {
            if let Some(problem) = of_errors::one(error) {
                return Some(problem);
            }
            at = error.source();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    use niteru_store::StoreError;
    use niteru_store::below::imaging::DecodeError;
    use niteru_store::below::inspect::TrainError;
    use niteru_store::{TrainingError, UploadError};

    /// The texts of errors in a language, by the kinds.
    fn texts(language: &str) -> BTreeMap<String, String> {
        let file = format!("web/texts/errors.{language}.js");
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let lines = text.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix("\"errors.")?.split_once("\": "))
            .map(|(kind, text)| (kind.to_owned(), text.to_owned()))
            .collect()
    }

    /// The names in braces.
    fn names(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1);
        parts
            .filter_map(|part| Some(part.split_once('}')?.0))
            .collect()
    }

    #[test]
    fn every_kind_has_a_text_in_both_languages_and_every_text_a_kind() {
        let kinds: BTreeSet<String> = Kind::ALL.iter().map(|kind| kind.name().into()).collect();
        assert_eq!(kinds.len(), Kind::ALL.len(), "two kinds have one name");
        for language in ["en", "ja"] {
            let texts = texts(language);
            let told: BTreeSet<String> = texts.keys().cloned().collect();
            assert_eq!(kinds, told, "{language}");
            for kind in Kind::ALL {
                let text = &texts[kind.name()];
                // The server's own sentence can be told with each.
                let known: BTreeSet<&str> =
                    kind.values().iter().copied().chain(["message"]).collect();
                let asked = names(text);
                assert!(
                    asked.is_subset(&known),
                    "{language}, {}: {text}",
                    kind.name()
                );
            }
        }
    }

    #[test]
    fn all_that_may_be_wrong_with_a_file_has_a_kind() {
        let format = "PNG";
        let all = [
            DecodeError::Io(std::io::Error::other("gone")),
            DecodeError::Empty,
            DecodeError::NotAnImage { text: true },
            DecodeError::FileTooLarge { bytes: 9, limit: 5 },
            DecodeError::TooMuchMemory {
                needed: 9,
                limit: 5,
            },
            DecodeError::TooLarge {
                width: 9,
                height: 9,
                max_side: 5,
                max_pixels: 25,
            },
            DecodeError::Truncated { format },
            DecodeError::Corrupt {
                format,
                detail: "x".into(),
            },
            DecodeError::Unsupported { what: "x".into() },
        ];
        for error in all {
            let told = Exactly::of(&error).unwrap();
            let problem = Problem::told(&told).unwrap_or_else(|| panic!("{}", told.kind));
            let known = problem.kind.values();
            for name in told.values.keys() {
                assert!(known.contains(name), "{}: {name}", told.kind);
            }
        }
    }

    #[test]
    fn errors_are_told_by_their_kinds_and_values() {
        let large = || DecodeError::FileTooLarge { bytes: 9, limit: 5 };
        let store = |error: StoreError| Box::new(error) as Box<dyn Error>;
        let table: Vec<(Box<dyn Error>, Value)> = vec![
            (
                store(StoreError::NoCollection {
                    name: "板".into(),
                    names: vec!["plates".into()],
                }),
                serde_json::json!({ "kind": "no_collection", "values": { "name": "板" } }),
            ),
            (
                store(StoreError::MetadataNoPath {
                    path: PathBuf::from("lists/list.csv"),
                    columns: vec!["name".into(), "c".into()],
                }),
                serde_json::json!({ "kind": "metadata_no_path", "values": { "file": "list.csv", "columns": ["name", "c"] } }),
            ),
            (
                Box::new(large().in_file(Path::new("a.jpg"))),
                serde_json::json!({ "kind": "file_too_large", "values": { "bytes": 9, "most_bytes": 5 } }),
            ),
            (
                Box::new(UploadError::Picture(large())),
                serde_json::json!({ "kind": "file_too_large", "values": { "bytes": 9, "most_bytes": 5 } }),
            ),
            (
                store(StoreError::Encoder {
                    model: "m".into(),
                    source: Box::new(DecodeError::Empty),
                }),
                serde_json::json!({ "kind": "file_empty", "values": {} }),
            ),
            (
                Box::new(TrainingError::Train(TrainError::EmptyArea)),
                serde_json::json!({ "kind": "empty_area", "values": {} }),
            ),
            (
                Box::new(TrainingError::Store(StoreError::DiskFull {
                    path: PathBuf::from("niteru.db"),
                })),
                serde_json::json!({ "kind": "no_space", "values": {} }),
            ),
        ];
        for (error, expected) in table {
            let problem = Problem::of(&*error).unwrap();
            assert_eq!(serde_json::json!(problem), expected, "{error}");
        }
        assert_eq!(Problem::of(&std::fmt::Error), None);
    }
}
