//! What a job's work sees of the job.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use niteru_store::JobProgress;
use parking_lot::Mutex;
use serde_json::Value;

use crate::app::App;
use crate::error::ApiError;
use crate::problem::Problem;

/// How often listeners are told of progress, at most.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// How often progress is written down, at most.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// Why a job did not come to its end.
#[derive(Debug)]
pub(crate) enum JobError {
    /// It was told to stop.
    Stopped,
    /// The same, with what came out until then, which stays.
    StoppedWith(Value),
    /// What went wrong.
    Failed {
        /// For people.
        message: String,
        /// For the page, where it is known.
        problem: Option<Problem>,
    },
}

impl JobError {
    pub(crate) fn failed(problem: impl Into<Problem>, message: impl Into<String>) -> JobError {
        JobError::Failed {
            message: message.into(),
            problem: Some(problem.into()),
        }
    }
}

impl From<ApiError> for JobError {
    fn from(error: ApiError) -> JobError {
        let message = error.log.as_deref().unwrap_or(error.message());
        JobError::failed(error.problem().clone(), message)
    }
}

impl<E: std::error::Error + 'static> From<E> for JobError {
    fn from(error: E) -> JobError {
        JobError::Failed {
            message: niteru_store::below::encoder::with_causes(&error),
            problem: Problem::of(&error),
        }
    }
}

/// A job that runs.
pub(crate) struct Handle<'a> {
    app: &'a App,
    id: u64,
    cancel: Arc<AtomicBool>,
    times: Mutex<Times>,
}

struct Times {
    started: Instant,
    told: Option<Instant>,
    written: Instant,
    message: Option<String>,
}

impl<'a> Handle<'a> {
    pub(super) fn new(app: &'a App, id: u64, cancel: Arc<AtomicBool>) -> Handle<'a> {
        let now = Instant::now();
        Handle {
            app,
            id,
            cancel,
            times: Mutex::new(Times {
                started: now,
                told: None,
                written: now,
                message: None,
            }),
        }
    }

    /// The job's number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Set once it is to end.
    pub(crate) fn cancel(&self) -> &AtomicBool {
        &self.cancel
    }

    /// [`JobError::Stopped`] once it is to end.
    pub(crate) fn go_on(&self) -> Result<(), JobError> {
        match self.cancel.load(Ordering::Relaxed) {
            true => Err(JobError::Stopped),
            false => Ok(()),
        }
    }

    /// As [`Handle::progress`], of a stage by its name. Steps are counted anew with each stage, and so is
    /// their rate.
    pub(crate) fn progress_of(
        &self,
        stage: &str,
        done: u64,
        total: Option<u64>,
    ) -> ControlFlow<()> {
        {
            let mut times = self.times.lock();
            if times.message.as_deref() != Some(stage) {
                times.message = Some(stage.to_owned());
                times.started = Instant::now();
                times.told = None;
            }
        }
        self.progress(done, total)
    }

    /// Says how far it is in a stage, at once: what is seldom told, and must not be missed.
    pub(crate) fn tell_now(&self, stage: &str, done: u64) {
        self.times.lock().told = None;
        // Whoever works looks itself whether it is to stop.
        let _ = self.progress_of(stage, done, None);
    }

    /// Says how far it is, as often as it likes and from any thread; and whether to go on.
    pub(crate) fn progress(&self, done: u64, total: Option<u64>) -> ControlFlow<()> {
        let mut times = self.times.lock();
        let now = Instant::now();
        let due = times.told.is_none_or(|told| now - told >= TELL_EVERY);
        if due {
            times.told = Some(now);
            let seconds = (now - times.started).as_secs_f64();
            let progress = JobProgress {
                done,
                total,
                rate: (done > 0 && seconds > 0.5).then(|| done as f64 / seconds),
                message: times.message.clone(),
            };
            let write = now - times.written >= WRITE_EVERY;
            if write {
                times.written = now;
            }
            drop(times);
            self.tell(progress, write);
        }
        match self.cancel.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn tell(&self, progress: JobProgress, write: bool) {
        if let Some(running) = self.app.jobs.running.lock().get_mut(&self.id) {
            // Threads may report out of order.
            if progress.message == running.progress.message && progress.done < running.progress.done
            {
                return;
            }
            running.progress = progress.clone();
        }
        if write && let Err(error) = self.app.home.job_progress(self.id, &progress) {
            self.app.log(&format!("job {}: {error}", self.id));
        }
        if let Ok(job) = self.app.home.job(self.id) {
            let view = self.app.jobs.view(job);
            self.app.jobs.tell(view);
        }
    }
}
