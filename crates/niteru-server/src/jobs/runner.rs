//! The threads that run jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use niteru_store::{Job, JobProgress, JobState};
use serde_json::{Value, json};

use super::handle::{Handle, JobError};
use super::kinds::{KINDS, Weight, names};
use super::{JobView, Running};
use crate::ServerError;
use crate::app::App;
use crate::leftovers;
use crate::problem::Kind;

/// Told of a job that the end of the server interrupted.
const INTERRUPTED: &str = "the server ended while this ran; start it again";

/// One thread for heavy work, and some for light: a download does not hold up a backup. One more begins what lasts, each
/// on a thread of its own.
pub(crate) struct Runner {
    app: Arc<App>,
    threads: Vec<JoinHandle<()>>,
}

impl Runner {
    /// Deals with jobs that an earlier server left running, and begins with those that wait.
    pub(crate) fn start(app: &Arc<App>) -> Result<Runner, ServerError> {
        let mut runner = Runner {
            app: Arc::clone(app),
            threads: Vec::new(),
        };
        if app.home.is_read_only() {
            return Ok(runner);
        }
        runner.recover()?;
        leftovers::remove(app)?;
        for weight in [Weight::Heavy, Weight::Light, Weight::Light] {
            let app = Arc::clone(app);
            let thread = std::thread::Builder::new()
                .name("niteru-jobs".into())
                .spawn(move || work(&app, weight))
                .map_err(|error| ServerError::System(error.to_string()))?;
            runner.threads.push(thread);
        }
        let app = Arc::clone(app);
        let thread = std::thread::Builder::new()
            .name("niteru-jobs".into())
            .spawn(move || begin_lasting(&app))
            .map_err(|error| ServerError::System(error.to_string()))?;
        runner.threads.push(thread);
        Ok(runner)
    }

    fn recover(&self) -> Result<(), ServerError> {
        let resumed = names(|kind| kind.resumes);
        self.app.home.recover_jobs(&resumed, INTERRUPTED)?;
        Ok(())
    }

    /// Stops the jobs that run, waits for them, and writes down that they were interrupted.
    pub(crate) fn end(mut self) -> Result<(), ServerError> {
        self.stop();
        match self.app.home.is_read_only() {
            true => Ok(()),
            false => self.recover(),
        }
    }

    fn stop(&mut self) {
        self.app.stop.send_replace(true);
        self.app.jobs.stop_running();
        self.app.jobs.wake();
        for thread in self.threads.drain(..) {
            // That one panicked was told.
            let _ = thread.join();
        }
    }
}

/// A server that was never run ends, too.
impl Drop for Runner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_stopping(app: &App) -> bool {
    *app.stop.borrow()
}

/// Does one job after the other.
fn work(app: &Arc<App>, weight: Weight) {
    begin_each(app, weight, |job, cancel| run(app, job, cancel));
}

/// Begins jobs that last, and waits for them when the server ends.
fn begin_lasting(app: &Arc<App>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    begin_each(app, Weight::Lasting, |job, cancel| {
        threads.retain(|thread| !thread.is_finished());
        let (id, own) = (job.id, Arc::clone(app));
        let started = std::thread::Builder::new()
            .name("niteru-lasting".into())
            .spawn(move || run(&own, job, cancel));
        match started {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                app.jobs.running.lock().remove(&id);
                end(
                    app,
                    id,
                    Err(JobError::failed(Kind::Busy, error.to_string())),
                );
            }
        }
    });
    for thread in threads {
        // That one panicked was told.
        let _ = thread.join();
    }
}

/// Takes the jobs of a weight in their order, until the server ends.
fn begin_each(app: &Arc<App>, weight: Weight, mut take: impl FnMut(Job, Arc<AtomicBool>)) {
    let kinds = names(|kind| kind.weight == weight);
    while !is_stopping(app) {
        let woken = app.jobs.woken();
        match begin(app, &kinds) {
            Ok(Some((job, cancel))) => take(job, cancel),
            Ok(None) => app.jobs.wait(woken),
            Err(error) => {
                app.log(&format!("the next job cannot be begun: {error}"));
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

/// Begins the next job. Under the lock of those that run, so that it is either cancelled before, or can be
/// told to stop.
fn begin(
    app: &App,
    kinds: &[&str],
) -> Result<Option<(Job, Arc<AtomicBool>)>, niteru_store::StoreError> {
    let mut running = app.jobs.running.lock();
    if is_stopping(app) {
        return Ok(None);
    }
    let Some(job) = app.home.start_next_job(kinds)? else {
        return Ok(None);
    };
    let cancel = Arc::new(AtomicBool::new(false));
    running.insert(
        job.id,
        Running {
            cancel: Arc::clone(&cancel),
            progress: JobProgress::default(),
        },
    );
    Ok(Some((job, cancel)))
}

fn run(app: &Arc<App>, job: Job, cancel: Arc<AtomicBool>) {
    app.jobs.tell(JobView::from(job.clone()));
    let handle = Handle::new(app, job.id, cancel);
    let kind = KINDS.iter().find(|kind| kind.name == job.kind);
    let outcome = match kind {
        // A panic ends this job, not the thread: what it held behind locks survives panics.
        Some(kind) => catch_unwind(AssertUnwindSafe(|| {
            (kind.run)(app, &handle, job.parameters.clone())
        }))
        .unwrap_or_else(|_| {
            let message = "it ended by a fault of the program";
            Err(JobError::failed(Kind::JobFault, message))
        }),
        None => {
            let message = format!("{:?} is no kind of job", job.kind);
            Err(JobError::failed(Kind::JobUnknown, message))
        }
    };
    app.jobs.running.lock().remove(&job.id);
    end(app, job.id, outcome);
}

/// Writes down how a job ended, and tells it.
fn end(app: &App, id: u64, outcome: Result<Value, JobError>) {
    let ended = match outcome {
        Ok(result) => app.home.end_job(id, JobState::Done, None, Some(&result)),
        // It still counts as running: that is dealt with when all threads have ended.
        Err(JobError::Stopped | JobError::StoppedWith(_)) if is_stopping(app) => return,
        Err(JobError::Stopped) => app.home.end_job(id, JobState::Cancelled, None, None),
        Err(JobError::StoppedWith(result)) => {
            let state = JobState::Cancelled;
            app.home.end_job(id, state, None, Some(&result))
        }
        Err(JobError::Failed { message, problem }) => {
            let problem = problem.map(|problem| json!(problem));
            let state = JobState::Failed;
            let (message, problem) = (Some(&*message), problem.as_ref());
            app.home.end_job(id, state, message, problem)
        }
    };
    match ended {
        Ok(job) => app.jobs.tell(JobView::from(job)),
        Err(error) => app.log(&format!("the end of job {id} cannot be stored: {error}")),
    }
}
