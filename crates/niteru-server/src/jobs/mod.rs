//! Long work: kept in the home, run by a few threads, told to whoever listens.

mod add;
mod evaluate;
mod folder;
mod handle;
mod index;
mod keeping;
mod kinds;
mod map;
mod models;
mod runner;
mod samples;
mod train;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use niteru_store::{Job, JobProgress, JobState};
use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;
use utoipa::ToSchema;

pub(crate) use add::AddParameters;
pub(crate) use evaluate::{EvaluateCollectionParameters, EvaluateParameters};
pub(crate) use folder::{ADD as ADD_FOLDER, FOLLOW, FolderParameters};
pub(crate) use index::{IndexParameters, MoveParameters, place_offered, places};
pub(crate) use keeping::{BackupParameters, CheckHomeParameters};
pub(crate) use map::{KIND as MAP, MapParameters};
pub(crate) use models::{
    CheckParameters, ImportParameters, PullParameters, VerifyParameters, import_folder,
};
pub(crate) use runner::Runner;
pub(crate) use samples::SamplesParameters;
pub(crate) use train::TrainParameters;
pub(crate) use watch::{KIND as WATCH, WatchParameters, no_folder};

use crate::app::App;
use crate::error::ApiError;
use crate::leftovers;
use crate::problem::{Kind, Problem};

/// Changes that a listener may lag behind before it has to begin anew.
const BEHIND: usize = 256;

/// Jobs that are kept once they are over.
const KEPT: usize = 1000;

/// Entries of a list among a job's parameters that are told with each change.
const SHORT: usize = 64;

/// Jobs that may wait.
const WAITING: usize = 100;

/// A job as clients see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct JobView {
    #[serde(flatten)]
    pub(crate) job: Job,
    /// Seconds that it will still take, about; null: not known.
    pub(crate) seconds_left: Option<f64>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> JobView {
        let left = job.total.map(|total| total.saturating_sub(job.done) as f64);
        let rate = job.rate.filter(|rate| *rate > 0.0);
        let running = job.state == JobState::Running;
        let seconds = left.zip(rate).map(|(left, rate)| left / rate);
        JobView {
            seconds_left: seconds.filter(|_| running),
            job,
        }
    }
}

impl JobView {
    /// The same without long lists among its parameters: whoever hears of a job several times a second has
    /// no use for the names of thousands of photos.
    pub(crate) fn in_short(mut self) -> JobView {
        fn shorten(value: &mut Value) {
            if let Value::Object(fields) = value {
                fields.retain(|_, field| field.as_array().is_none_or(|list| list.len() <= SHORT));
                fields.values_mut().for_each(shorten);
            }
        }
        shorten(&mut self.job.parameters);
        self
    }
}

/// What is known of jobs beside the home.
pub(crate) struct Jobs {
    changes: broadcast::Sender<Arc<JobView>>,
    /// Of the jobs that run.
    running: Mutex<HashMap<u64, Running>>,
    /// Grows whenever there may be something to begin.
    woken: Mutex<u64>,
    wake: Condvar,
}

/// A job that runs.
struct Running {
    cancel: Arc<AtomicBool>,
    /// Newer than what the home has.
    progress: JobProgress,
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs {
            changes: broadcast::Sender::new(BEHIND),
            running: Mutex::default(),
            woken: Mutex::new(0),
            wake: Condvar::new(),
        }
    }
}

impl Jobs {
    /// All changes from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<JobView>> {
        self.changes.subscribe()
    }

    /// A job with the progress that the home does not have yet.
    pub(crate) fn view(&self, mut job: Job) -> JobView {
        if job.state == JobState::Running
            && let Some(running) = self.running.lock().get(&job.id)
        {
            let progress = running.progress.clone();
            (job.done, job.total) = (progress.done, progress.total);
            (job.rate, job.message) = (progress.rate, progress.message);
        }
        job.into()
    }

    /// Tells a change to those who listen.
    fn tell(&self, view: JobView) {
        // Nobody may be listening.
        let _ = self.changes.send(Arc::new(view.in_short()));
    }

    /// How often there may have been something to begin.
    fn woken(&self) -> u64 {
        *self.woken.lock()
    }

    /// Waits until there may be something to begin that there was not before.
    fn wait(&self, before: u64) {
        let mut woken = self.woken.lock();
        if *woken == before {
            self.wake.wait_for(&mut woken, Duration::from_secs(30));
        }
    }

    /// Wakes the threads that run jobs.
    pub(crate) fn wake(&self) {
        *self.woken.lock() += 1;
        self.wake.notify_all();
    }

    fn stop_running(&self) {
        for running in self.running.lock().values() {
            running.cancel.store(true, Ordering::Relaxed);
        }
    }
}

impl App {
    /// Queues a job.
    pub(crate) fn queue(
        &self,
        kind: &'static str,
        parameters: &Value,
        owner: &str,
    ) -> Result<JobView, ApiError> {
        let waiting = self.home.open_jobs()?.len();
        if waiting >= WAITING {
            let help = format!("{waiting} jobs wait already: wait for them, or cancel some");
            return Err(ApiError::busy()
                .help(help)
                .because(Problem::from(Kind::QueueFull).with("waiting", waiting)));
        }
        let view = JobView::from(self.home.add_job(kind, parameters, owner)?);
        self.home.forget_jobs(KEPT)?;
        self.jobs.tell(view.clone());
        self.jobs.wake();
        Ok(view)
    }

    /// Stops a job that waits or runs. One that runs ends as soon as it can.
    pub(crate) fn cancel_job(&self, id: u64) -> Result<JobView, ApiError> {
        let job = self.home.job(id)?;
        if job.state.is_over() {
            let state = job.state.name();
            return Err(
                ApiError::conflict(format!("job {id} is {state} already")).because(Kind::JobOver)
            );
        }
        let running = self.jobs.running.lock();
        let cancel = running.get(&id).map(|running| Arc::clone(&running.cancel));
        if let Some(cancel) = cancel {
            drop(running);
            cancel.store(true, Ordering::Relaxed);
            // Before it is answered: what was answered holds when the server is killed the moment after.
            self.home.job_stops(id)?;
            return Ok(self.jobs.view(job));
        }
        // While the lock is held no thread can begin it.
        let job = self.home.end_job(id, JobState::Cancelled, None, None)?;
        drop(running);
        leftovers::remove_of(self, &job);
        let view = JobView::from(job);
        self.jobs.tell(view.clone());
        Ok(view)
    }
}
