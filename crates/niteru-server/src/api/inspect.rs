//! Inspectors: which there are, judging photos with them, training new ones.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use axum::http::{Method, StatusCode};
use niteru_store::below::encoder::Encoder;
use niteru_store::below::imaging::{DecodeError, HeatScale};
use niteru_store::below::inspect::{Inspector, MOST_TILES};
use niteru_store::{
    Collecting, DriftBasis, InspectError, InspectedFile, Inspection, InspectorCheck, InspectorFile,
    InspectorSummary, JudgedPhoto, Metadata, NotJudged, Role, StoredInspector, ToldInspection,
    inspect_bytes, inspect_file, replay,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use utoipa::{IntoParams, ToSchema};

use super::history::moment;
use super::uploads::{keep_part, only_one};
use super::watched::MOST as MOST_WATCHES;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::Caller;
use crate::jobs::{JobView, TrainParameters};
use crate::problem::{Kind, Problem};
use crate::route::{
    About, Accepted, Form, InPath, Json, JsonBody, Query, Route, ask, change, read,
};
use crate::shelf::Shelves;

/// Inspectors whose newest version is kept ready: one for each watch that may run, which asks for its own with each photo,
/// and some for who asks between.
const READY: usize = MOST_WATCHES + 4;

/// Older versions that are kept ready, for who looks back. They take no place of those that judge.
const READY_OLD: usize = 4;

/// Who may say that somebody else has inspected, or at another time.
const ATTRIBUTES: Role = Role::Engineer;

/// Photos that wait for an inspector.
const AHEAD: usize = 64;

/// Largest photo that is inspected, in bytes of a request.
const PHOTO: usize = 66 << 20;

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/inspectors",
            "The inspectors, by name",
            Role::Viewer,
            list,
        ),
        read(
            "/api/inspectors/{name}",
            "The versions of an inspector, the newest first",
            Role::Viewer,
            versions,
        ),
        change(
            (Method::POST, "inspector.train"),
            "/api/inspectors/{name}/train",
            "Train the next version of an inspector; a job does it",
            Role::Engineer,
            train,
        ),
        change(
            (Method::DELETE, "inspector.remove"),
            "/api/inspectors/{name}",
            "Remove an inspector",
            Role::Engineer,
            remove,
        ),
        ask(
            "/api/inspectors/{name}/inspect",
            "Judge an uploaded photo; the decision goes to the history",
            Role::Operator,
            inspect,
        )
        .takes(PHOTO, std::time::Duration::from_secs(120)),
    ]
}

#[derive(Serialize, ToSchema)]
struct InspectorList {
    inspectors: Vec<InspectorSummary>,
    /// Names that photos are collected under and that nothing was trained under yet.
    collecting: Vec<Collecting>,
}

#[derive(Serialize, ToSchema)]
struct Versions {
    versions: Vec<StoredInspector>,
}

#[derive(Deserialize, IntoParams)]
struct Removing {
    /// Also remove all that it decided; without, an inspector that has decided something stays.
    #[serde(default)]
    with_history: bool,
}

#[derive(Serialize, ToSchema)]
struct RemovedInspector {
    /// The name.
    removed: String,
    /// Number of its inspections, which are gone, too.
    inspections: u64,
}

/// What is asked for beside the photo.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct InspectQuery {
    /// Another version than the newest.
    version: Option<u32>,
    /// Where the photo comes from: lot, machine, mould.
    metadata: BTreeMap<String, String>,
    /// Who inspects; left out: who asks. Where people log in, another than who asks needs the role engineer.
    operator: Option<String>,
    /// When it was inspected: `2026-11-25T08:30`, in UTC where it names no zone; left out: now. Where
    /// people log in, this needs the role engineer.
    time: Option<String>,
}

async fn list(app: Arc<App>) -> Result<Json<InspectorList>, ApiError> {
    let list = app.quick(|app| {
        Ok(InspectorList {
            inspectors: app.home.inspectors()?,
            collecting: app.home.collecting()?,
        })
    });
    Ok(Json(list.await?))
}

async fn versions(app: Arc<App>, InPath(name): InPath<String>) -> Result<Json<Versions>, ApiError> {
    let versions = app
        .quick(move |app| Ok(app.home.inspector_versions(&name)?))
        .await?;
    Ok(Json(Versions { versions }))
}

async fn remove(
    app: Arc<App>,
    InPath(name): InPath<String>,
    Query(Removing { with_history }): Query<Removing>,
) -> Result<Json<RemovedInspector>, ApiError> {
    let removed = app
        .quick(move |app| {
            let inspections = app.home.remove_inspector(&name, with_history)?;
            app.inspectors.forget(&name);
            app.home.discard_photos(&name, None)?;
            app.home.remove_unused_uploads()?;
            Ok(RemovedInspector {
                removed: name,
                inspections,
            })
        })
        .await?;
    Ok(Json(removed))
}

async fn train(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    about: About,
    JsonBody(mut parameters): JsonBody<TrainParameters>,
) -> Result<Accepted<JobView>, ApiError> {
    about.say(&name);
    let share = parameters.false_alarm;
    if !(share > 0.0 && share < 1.0) {
        return Err(ApiError::bad(format!(
            "false_alarm is above 0 and below 1, not {share}"
        )));
    }
    if parameters
        .tiles
        .is_some_and(|tiles| !(1..=MOST_TILES).contains(&tiles))
    {
        return Err(ApiError::bad(format!("tiles is from 1 to {MOST_TILES}")));
    }
    parameters.name = name;
    let job = app
        .quick(move |app| {
            parameters.check(app)?;
            app.queue("train", &json!(parameters), &caller.name)
        })
        .await?;
    Ok(Accepted(job))
}

async fn inspect(
    app: Arc<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    form: Form<InspectQuery>,
) -> Result<Json<ToldInspection>, ApiError> {
    // Before a photo is kept, and another may go for it.
    let known = name.clone();
    app.quick(move |app| Ok(app.home.newest_version(&known)?))
        .await?;
    let (query, upload) = only_one(keep_part(&app, &caller, form).await?)?;
    let query = query.unwrap_or_default();
    let has_time = query.time.is_some();
    check_attribution(&app, &caller, query.operator.as_deref(), has_time)?;
    let metadata: Metadata = query.metadata.into_iter().collect();
    let time = query.time.as_deref().map(moment).transpose()?;
    let operator = query.operator.unwrap_or(caller.name);
    let ready = app.ready_inspector(&name, query.version).await?;
    app.heavy(move |app| {
        let path = app
            .home
            .upload(&upload.sha256)?
            .ok_or_else(ApiError::busy)?;
        let inspected = ready.inspect(path.clone())?;
        let mut record = inspected.record(&path, Some(&operator), ready.kernels, metadata);
        record.time = time;
        let ids = app
            .home
            .record_inspections(ready.id, std::slice::from_ref(&record))?;
        let id = ids.first().copied();
        let id = id.ok_or_else(|| ApiError::internal("an inspection got no number"))?;
        Ok(Json(inspected.told(id, path, None)))
    })
    .await
}

/// Whose decision it is, and when it was made, is told by who asks and by the clock. Another name or time is for people
/// who may change more than that; where nobody logs in, names say nothing anyway.
pub(super) fn check_attribution(
    app: &App,
    caller: &Caller,
    operator: Option<&str>,
    has_time: bool,
) -> Result<(), ApiError> {
    let other = operator.is_some_and(|who| who != caller.name);
    if !app.settings.login || caller.role >= ATTRIBUTES || !(other || has_time) {
        return Ok(());
    }
    let message = format!("an inspection under another name or time needs the role {ATTRIBUTES}");
    Err(
        ApiError::new(StatusCode::FORBIDDEN, Kind::RoleNeeded, message)
            .help("leave out operator and time: who asks and now are noted")
            .because(Problem::from(Kind::NotAsAnother).with("role", ATTRIBUTES.name())),
    )
}

/// What is to be judged.
enum ToJudge {
    /// A photo.
    File(PathBuf),
    /// A photo that was read already.
    Read(PathBuf, Vec<u8>),
    /// The photo of a decision, once more.
    Again(Box<Inspection>),
}

/// What is to be judged, and where to send what was found.
type Asked = (ToJudge, SyncSender<Result<InspectedFile, InspectError>>);

/// An inspector that is ready: threads of its own hold it with its encoder. They end when nobody has this
/// any more.
pub(crate) struct ReadyInspector {
    pub(crate) id: u64,
    name: String,
    pub(super) kernels: &'static str,
    /// The scale of its heat maps.
    pub(super) scale: HeatScale,
    /// What is to be looked at before it is used.
    pub(super) check: InspectorCheck,
    /// What its decisions are compared with.
    pub(crate) basis: DriftBasis,
    ask: SyncSender<Asked>,
}

/// The inspectors that were used last, by the ids of their versions: a name and a version may become another inspector.
pub(crate) struct Inspectors(Shelves<u64, ReadyInspector>);

impl Default for Inspectors {
    fn default() -> Inspectors {
        Inspectors(Shelves::new(READY, READY_OLD))
    }
}

impl Inspectors {
    fn forget(&self, name: &str) {
        let other = |ready: &ReadyInspector| ready.name != name;
        self.0.retain(|_, ready| ready.is_some_and(other));
    }
}

impl App {
    /// A version of an inspector, the newest where none is asked for, made ready if it is not yet. Who asks for another
    /// does not wait for that.
    pub(crate) fn inspector(
        self: &Arc<App>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Arc<ReadyInspector>, ApiError> {
        let (ready, newest) = (&self.inspectors.0, version.is_none());
        let id = self.home.inspector_id(name, version)?;
        if let Some(found) = ready.get(&id, newest) {
            return Ok(found);
        }
        let made = ready.get_or_make(&id, newest, || {
            let file = self.home.inspector(name, version)?;
            if file.inspector.id != id {
                // Another version has come since.
                return Err(ApiError::busy());
            }
            let encoder = self.encoder(&file.inspector.identity())?;
            ReadyInspector::start(self, file, encoder).map(Arc::new)
        })?;
        if newest {
            // The version before it judges no more.
            let before = |one: &ReadyInspector| one.name == name && one.id != made.id;
            ready.retain_newest(|_, one| !one.is_some_and(before));
        }
        Ok(made)
    }

    /// As [`App::inspector`]. One that has to be made ready first takes no turn from work that needs others.
    pub(crate) async fn ready_inspector(
        self: &Arc<App>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Arc<ReadyInspector>, ApiError> {
        let asked = name.to_owned();
        let there = self.quick(move |app| {
            let id = app.home.inspector_id(&asked, version)?;
            Ok(app.inspectors.0.get(&id, version.is_none()))
        });
        match there.await? {
            Some(ready) => Ok(ready),
            None => {
                let asked = name.to_owned();
                self.loading(move |app| app.inspector(&asked, version))
                    .await
            }
        }
    }
}

impl ReadyInspector {
    fn start(
        app: &App,
        file: InspectorFile,
        encoder: Arc<Encoder>,
    ) -> Result<ReadyInspector, ApiError> {
        let (ask, asked) = mpsc::sync_channel(AHEAD);
        let (tell, told) = mpsc::sync_channel(1);
        let limits = app.settings.uploads.image;
        let id = file.inspector.id;
        let name = file.inspector.name.clone();
        let kernels = encoder.kernels().name();
        let work = move || {
            let InspectorFile { inspector, bytes } = file;
            let ready = Inspector::from_bytes(&bytes, &encoder)
                .map_err(|error| ApiError::conflict(error.to_string()).because_of(&error))
                .and_then(|ready| {
                    let scale = ready.heat_scale().map_err(InspectError::from)?;
                    let basis = DriftBasis::of(&ready);
                    let check = InspectorCheck::of(&inspector, &ready);
                    Ok(((scale, check, basis), ready))
                });
            drop(bytes);
            let inspector = match ready {
                Ok((known, inspector)) => {
                    let _ = tell.send(Ok(known));
                    inspector
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                    return;
                }
            };
            let asked: Mutex<Receiver<Asked>> = Mutex::new(asked);
            // As many as there are cores: each judges one photo at a time.
            let threads = thread::available_parallelism().map_or(1, usize::from);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        loop {
                            let next = asked.lock().recv();
                            let Ok((what, answer)) = next else { return };
                            let inspected = match what {
                                ToJudge::File(path) => inspect_file(&inspector, &path, &limits),
                                ToJudge::Read(path, bytes) => {
                                    inspect_bytes(&inspector, &path, &bytes, &limits)
                                }
                                ToJudge::Again(was) => replay(&inspector, &was, &limits),
                            };
                            // Who asked may have gone.
                            let _ = answer.send(inspected);
                        }
                    });
                }
            });
        };
        let started = thread::Builder::new()
            .name("niteru-inspector".into())
            .spawn(work);
        started.map_err(|error| ApiError::internal(error.to_string()))?;
        let ready = told.recv();
        let (scale, check, basis) =
            ready.map_err(|_| ApiError::internal("an inspector's thread ended"))??;
        Ok(ReadyInspector {
            id,
            name,
            kernels,
            scale,
            check,
            basis,
            ask,
        })
    }

    fn inspect(&self, path: PathBuf) -> Result<InspectedFile, ApiError> {
        Ok(self.judge(ToJudge::File(path))??)
    }

    /// Judges the photo of a decision of its own again.
    pub(super) fn again(&self, was: Inspection) -> Result<InspectedFile, ApiError> {
        Ok(self.judge(ToJudge::Again(Box::new(was)))??)
    }

    /// Judges a photo that has come into a watched folder.
    pub(crate) fn judge_arrived(
        &self,
        path: &Path,
        bytes: Vec<u8>,
        operator: &str,
        metadata: Metadata,
    ) -> Result<JudgedPhoto, NotJudged<ApiError>> {
        let inspected = self
            .judge(ToJudge::Read(path.to_path_buf(), bytes))
            .map_err(NotJudged::Watch)?
            .map_err(|error| match error {
                InspectError::Decode(error) => NotJudged::Photo(error),
                error => NotJudged::Watch(error.into()),
            })?;
        Ok(JudgedPhoto {
            inspector: self.id,
            record: inspected.record(path, Some(operator), self.kernels, metadata),
            inspected,
        })
    }

    fn judge(&self, what: ToJudge) -> Result<Result<InspectedFile, InspectError>, ApiError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let gone = || ApiError::internal("an inspector's thread ended");
        self.ask.send((what, answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())
    }
}

impl From<InspectError> for ApiError {
    fn from(error: InspectError) -> ApiError {
        match &error {
            InspectError::Decode(decode) => unusable(decode),
            InspectError::Heat(_) => ApiError::internal(error.to_string()),
            _ => ApiError::conflict(error.to_string()).because_of(&error),
        }
    }
}

fn unusable(error: &DecodeError) -> ApiError {
    let reason = niteru_store::below::encoder::with_causes(error.reason());
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        Kind::UnusableImage,
        reason,
    )
    .because_of(error)
}
