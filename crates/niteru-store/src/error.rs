use std::path::PathBuf;

use niteru_index::{ConditionError, IndexError};

use crate::metadata_csv::OTHER_PATH_COLUMNS;

/// A cause that another crate or the operating system gave.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the home could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The home's folder or database cannot be opened or created.
    #[error("cannot open the home {}: {source}", path.display())]
    Open {
        /// The home, or the file in it.
        path: PathBuf,
        /// What went wrong.
        source: Source,
    },
    /// A SQLite database, but not one of ours.
    #[error("{} is a database of another program: choose another home", path.display())]
    NotAHome {
        /// The database.
        path: PathBuf,
    },
    /// Written by a newer program.
    #[error(
        "{} has format {found}, this program knows formats up to {supported}: update niteru",
        path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known format.
        supported: i64,
    },
    /// The database file is damaged or no database at all.
    #[error(
        "{} is damaged ({source}): restore a backup, or move the file away and add the images again",
        path.display()
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The home can be read but not written.
    #[error("{} cannot be written: check its permissions, or choose another home", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// No room for the home to grow.
    #[error("no space left for {}: free some, then run the same command again", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// A write to the home failed; what SQLite does not tell apart: a quota or a limit on the size of
    /// files, a full disk that was noticed late, a broken disk.
    #[error(
        "cannot write {} ({source}): its disk, a quota or the limit on the size of files (ulimit -f) \
         may be reached; make room, then run the same command again",
        path.display()
    )]
    Write {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Another process kept the database locked for longer than writers wait.
    #[error("{} is locked by another process: try again when it has finished", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// A backup is being restored over the home.
    #[error(
        "{} is being restored from a backup: wait until that has ended, then run the same command again",
        path.display()
    )]
    Restoring {
        /// The home.
        path: PathBuf,
    },
    /// The home has another name now, and maybe another home its place.
    #[error(
        "{} is no longer the home that was opened: a backup was restored over it, or it was moved; nothing more \
         was written, run the same command again",
        path.display()
    )]
    Replaced {
        /// Where it was.
        path: PathBuf,
    },
    /// Any other failure of the database.
    #[error("cannot use {}: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A name that no collection may have.
    #[error("{name:?} cannot name a collection: {reason}")]
    CollectionName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name that no metadata field may have.
    #[error("{name:?} cannot name a metadata field: {reason}")]
    FieldName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such collection.
    #[error(
        "no collection {name:?}: {}",
        known(names, "there are none yet, add one")
    )]
    NoCollection {
        /// The name asked for.
        name: String,
        /// The names that exist.
        names: Vec<String>,
    },
    /// The embeddings of the collection and of the encoder cannot be compared.
    #[error(
        "collection {collection:?} was made with {collection_model} (fingerprint \
         {collection_fingerprint:.12}), not with {model} (fingerprint {fingerprint:.12}): use the \
         collection's model, or embed the images again by adding them to a new collection with \
         {model}"
    )]
    OtherModel {
        /// The collection.
        collection: String,
        /// Name of the model that made its embeddings.
        collection_model: String,
        /// Fingerprint of that model.
        collection_fingerprint: String,
        /// Name of the model that was to be used.
        model: String,
        /// Fingerprint of that model.
        fingerprint: String,
    },
    /// There is no such image in the collection.
    #[error("no image {image} in collection {collection:?}")]
    NoImage {
        /// The collection.
        collection: String,
        /// The id or path asked for.
        image: String,
    },
    /// No image of the collection carries the field.
    #[error(
        "no image of collection {collection:?} has a value for {field:?}: {}",
        known(names, "it has no metadata, add some with a CSV file")
    )]
    NoField {
        /// The collection.
        collection: String,
        /// The field asked for.
        field: String,
        /// The fields that exist.
        names: Vec<String>,
    },
    /// Images carry the field, but the filter lets none of them through.
    #[error(
        "no image of collection {collection:?} that passes the filter has a value for {field:?}"
    )]
    NothingPasses {
        /// The collection.
        collection: String,
        /// The field asked for.
        field: String,
    },
    /// A name that no inspector may have.
    #[error("{name:?} cannot name an inspector: {reason}", name = shortened(name))]
    InspectorName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An inspector that is too large for the database.
    #[error(
        "an inspector has at most {most} bytes, this one has {bytes}: train it with a smaller memory"
    )]
    InspectorSize {
        /// Its length.
        bytes: u64,
        /// The greatest length.
        most: u64,
    },
    /// There is no such inspector.
    #[error(
        "no inspector {name:?}: {}",
        known(names, "there are none yet, train one"),
        name = shortened(name)
    )]
    NoInspector {
        /// The name asked for.
        name: String,
        /// The names that exist.
        names: Vec<String>,
    },
    /// The inspector has no such version.
    #[error(
        "inspector {name:?} has no version {version}: {}",
        known_versions(versions)
    )]
    NoInspectorVersion {
        /// The inspector.
        name: String,
        /// The version asked for.
        version: u32,
        /// Those that exist, rising.
        versions: Vec<u32>,
    },
    /// The bytes of an inspector are not those that were stored.
    #[error(
        "inspector {name:?} version {version} was damaged on the disk (other checksum): restore a backup \
         (niteru restore), or train it again"
    )]
    DamagedInspector {
        /// The inspector.
        name: String,
        /// Its version.
        version: u32,
    },
    /// Inspections would be lost with their inspector.
    #[error(
        "inspector {name:?} has made {inspections} inspections, which could not be replayed without it: \
         remove it with its history, or keep it"
    )]
    InspectorInUse {
        /// The inspector.
        name: String,
        /// Number of its inspections.
        inspections: u64,
    },
    /// A decision that may not be stored.
    #[error("cannot store the inspection of {}: {reason}", path.display())]
    Inspection {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such inspection.
    #[error("no inspection {id}: see the history for those there are")]
    NoInspection {
        /// The number asked for.
        id: u64,
    },
    /// No inspection in the period carries the field.
    #[error(
        "no image that {inspector:?} inspected in that time has a value for {field:?}: {}",
        known(names, "there are no fields"),
        field = shortened(field)
    )]
    NoInspectionField {
        /// The inspector.
        inspector: String,
        /// The field asked for.
        field: String,
        /// The fields that exist.
        names: Vec<String>,
    },
    /// Not a similarity.
    #[error("cannot group by similarity {similarity}: it is a number from -1 to 1")]
    TraceSimilarity {
        /// What was asked for.
        similarity: f32,
    },
    /// A name that no user may have.
    #[error("{name:?} cannot name a user: {reason}", name = shortened(name))]
    UserName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Another user has the name.
    #[error("there is a user {name:?} already: choose another name")]
    UserExists {
        /// The name.
        name: String,
    },
    /// There is no such user.
    #[error("no user with number {id}")]
    NoUser {
        /// The number asked for.
        id: u64,
    },
    /// Nobody would be left who may undo it.
    #[error("this is the last administrator: make another one first")]
    LastAdministrator,
    /// A label that no token may have.
    #[error("this cannot label a token: {reason}")]
    TokenLabel {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is no such token.
    #[error("no token with number {id}")]
    NoToken {
        /// The number asked for.
        id: u64,
    },
    /// There is no such job.
    #[error("no job with number {id}")]
    NoJob {
        /// The number asked for.
        id: u64,
    },
    /// An upload that would make the uploaded files larger than they may become.
    #[error(
        "the uploaded images would have {bytes} bytes, at most {most} are allowed: remove some, or \
         start the server with a larger --quota"
    )]
    Quota {
        /// What they would have.
        bytes: u64,
        /// What they may have.
        most: u64,
    },
    /// A file of the home cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// An index file cannot be written; searches do without it.
    #[error("cannot write the index file {}: {source}", path.display())]
    IndexFile {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A map's file cannot be written.
    #[error("the map {} cannot be written: {source}", path.display())]
    MapFile {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A collection with too many images for a map.
    #[error(
        "collection {collection:?} has {images} images, and a map takes at most {most}: put those that \
         matter into a collection of their own"
    )]
    MapTooLarge {
        /// The collection.
        collection: String,
        /// Its images.
        images: usize,
        /// Most that a map takes.
        most: usize,
    },
    /// The place that was recorded for a collection's index cannot be understood.
    #[error(
        "the index of collection {collection:?} is at a place that cannot be used ({reason}): choose one \
         with `niteru index move {collection} local` or `niteru index move {collection} URL`"
    )]
    IndexUrl {
        /// The collection.
        collection: String,
        /// What is wrong with the place.
        reason: String,
    },
    /// A file that the user named cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// A metadata file that cannot be used at all.
    #[error("cannot use {} as metadata: {reason}", path.display())]
    MetadataFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A metadata file in which no column says which image a row is about.
    #[error(
        "cannot use {} as metadata: it has no column \"path\", only {:?}; it may also be called {}",
        path.display(),
        columns.join(", "),
        OTHER_PATH_COLUMNS.join(", ")
    )]
    MetadataNoPath {
        /// The file.
        path: PathBuf,
        /// The columns that it has, up to ten.
        columns: Vec<String>,
    },
    /// The encoder failed as a whole, not for one image.
    #[error("cannot embed with {model}: {source}")]
    Encoder {
        /// The model.
        model: String,
        /// What went wrong.
        source: Source,
    },
    /// The caller stopped it.
    #[error("stopped")]
    Stopped,
    /// A condition that does not fit the collection.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// The query or a stored embedding was refused by the index.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// The names there are, as far as they fit; `none` where there are none.
pub(crate) fn known(names: &[String], none: &str) -> String {
    const SHOWN: usize = 10;
    match names {
        [] => none.to_owned(),
        names if names.len() <= SHOWN => format!("there are {}", names.join(", ")),
        names => format!(
            "there are {} and {} more",
            names[..SHOWN].join(", "),
            names.len() - SHOWN
        ),
    }
}

/// The versions there are, as far as they fit.
fn known_versions(versions: &[u32]) -> String {
    let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
    known(&versions, "there are none")
}

/// The start of a text that may be very long.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a piece of work on the database can end with, before the home adds its path to it.
#[derive(Debug)]
pub(crate) enum Failure {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ConditionError> for Failure {
    fn from(error: ConditionError) -> Self {
        Self::Store(error.into())
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Self::Store(error.into())
    }
}
