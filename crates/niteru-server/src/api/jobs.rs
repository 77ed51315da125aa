//! Jobs: what waits, what runs, what became of it; and all changes as they come.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use axum::response::sse::Event;
use futures_util::stream;
use niteru_store::Role;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::ApiError;
use crate::jobs::JobView;
use crate::route::{About, Events, InPath, Json, Query, Route, change, read};

/// Most jobs of a page.
const MOST: usize = 500;

/// Jobs that a listener is told of at first, beside those that are not over.
const SHOWN: usize = 50;

/// Silence after which a listener is told that the server is still there.
const ALIVE: Duration = Duration::from_secs(15);

/// A listener comes again after this, so that who has lost a role does not go on listening.
const ENOUGH: Duration = Duration::from_secs(10 * 60);

pub(super) fn routes() -> Vec<Route> {
    vec![
        read(
            "/api/jobs",
            "The jobs, the newest first; long lists among their parameters are left out",
            Role::Viewer,
            list,
        ),
        read(
            "/api/jobs/events",
            "Changes of all jobs as they come; the first event, `snapshot`, has the newest 50 jobs \
             and all that are not over",
            Role::Viewer,
            events,
        ),
        read("/api/jobs/{id}", "A job, whole", Role::Viewer, one),
        read(
            "/api/jobs/{id}/events",
            "Changes of a job as they come; the first event, `snapshot`, has it as it is",
            Role::Viewer,
            events_of,
        ),
        change(
            (Method::POST, "job.cancel"),
            "/api/jobs/{id}/cancel",
            "Stop a job; what it has stored stays",
            Role::Operator,
            cancel,
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Page {
    /// Only jobs before this one.
    before: Option<u64>,
    /// Most jobs, up to 500.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct JobList {
    jobs: Vec<JobView>,
}

async fn list(app: Arc<App>, Query(page): Query<Page>) -> Result<Json<JobList>, ApiError> {
    let limit = page.limit.unwrap_or(SHOWN).min(MOST);
    let jobs = app
        .quick(move |app| newest(app, page.before, limit))
        .await?;
    Ok(Json(JobList { jobs }))
}

fn newest(app: &App, before: Option<u64>, limit: usize) -> Result<Vec<JobView>, ApiError> {
    let jobs = app.home.jobs(before, limit)?;
    let short = |job| app.jobs.view(job).in_short();
    Ok(jobs.into_iter().map(short).collect())
}

/// The newest jobs, and of those before them the ones that are not over: what lasts is not pushed out by what is short.
fn open_and_newest(app: &App) -> Result<Vec<JobView>, ApiError> {
    // First: what ends between the two is among the newest, or was told as open.
    let open = app.home.open_jobs()?;
    let mut jobs = newest(app, None, SHOWN)?;
    let oldest = jobs.last().map_or(u64::MAX, |oldest| oldest.job.id);
    let before = open.into_iter().rev().filter(|job| job.id < oldest);
    jobs.extend(before.map(|job| app.jobs.view(job).in_short()));
    Ok(jobs)
}

async fn one(app: Arc<App>, InPath(id): InPath<u64>) -> Result<Json<JobView>, ApiError> {
    let view = app
        .quick(move |app| Ok(app.jobs.view(app.home.job(id)?)))
        .await?;
    Ok(Json(view))
}

async fn cancel(
    app: Arc<App>,
    InPath(id): InPath<u64>,
    about: About,
) -> Result<Json<JobView>, ApiError> {
    let view = app.quick(move |app| app.cancel_job(id)).await?;
    let job = &view.job;
    let of = ["name", "collection"].map(|what| job.parameters[what].as_str());
    let of = of.into_iter().flatten().next().unwrap_or_default();
    about.say(format!("job {id}: {} {of}", job.kind).trim_end());
    Ok(Json(view))
}

async fn events(app: Arc<App>, _: HeaderMap) -> Result<Events, ApiError> {
    listen(app, None).await
}

async fn events_of(app: Arc<App>, InPath(id): InPath<u64>) -> Result<Events, ApiError> {
    app.quick(move |app| Ok(app.home.job(id)?)).await?;
    listen(app, Some(id)).await
}

/// A listener to the changes of one job, or of all.
struct Listener {
    app: Arc<App>,
    only: Option<u64>,
    changes: broadcast::Receiver<Arc<JobView>>,
    stop: watch::Receiver<bool>,
    until: Instant,
    /// What is to be sent before anything else.
    waiting: VecDeque<Event>,
}

/// Whoever comes, or comes again, is first told how everything stands: nothing has to be remembered of what
/// it was told before.
async fn listen(app: Arc<App>, only: Option<u64>) -> Result<Events, ApiError> {
    let mut listener = Listener {
        // Before the snapshot, so that nothing falls between.
        changes: app.jobs.listen(),
        stop: app.stop.subscribe(),
        app,
        only,
        until: Instant::now() + ENOUGH,
        waiting: VecDeque::new(),
    };
    let snapshot = listener.snapshot().await?;
    listener.waiting.push_back(snapshot);
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((event, listener))
    });
    Ok(Events(Box::pin(events)))
}

impl Listener {
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let change = tokio::select! {
                change = self.changes.recv() => change,
                _ = self.stop.wait_for(|stop| *stop) => return None,
                () = tokio::time::sleep_until(self.until) => return None,
                // Also tells of a client that has gone unnoticed.
                () = tokio::time::sleep(ALIVE) => return Some(Event::default().comment("")),
            };
            match change {
                Ok(view) if self.only.is_none_or(|only| only == view.job.id) => {
                    return event("job", &*view);
                }
                Ok(_) => {}
                // It missed some: tell it how everything stands.
                Err(broadcast::error::RecvError::Lagged(_)) => return self.snapshot().await.ok(),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    async fn snapshot(&self) -> Result<Event, ApiError> {
        let only = self.only;
        let jobs = self
            .app
            .quick(move |app| match only {
                Some(id) => Ok(vec![app.jobs.view(app.home.job(id)?).in_short()]),
                None => open_and_newest(app),
            })
            .await?;
        event("snapshot", &JobList { jobs })
            .ok_or_else(|| ApiError::internal("a snapshot of jobs is no JSON"))
    }
}

fn event(name: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}
