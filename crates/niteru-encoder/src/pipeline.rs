//! From files to embeddings with every core busy.
//!
//! Each worker takes a few files, reads, decodes and prepares them, runs the network over them as
//! one batch on its own thread, and takes the next few. So decoding on one core overlaps the
//! network on another without queues between the stages, nothing waits for a full batch to be
//! handed over, and a batch's data stays in the cache of the core that made it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use niteru_imaging::{Likeness, Limits, Picture};
use sha2::{Digest, Sha256};

use crate::encoder::{EmbedError, Encoder};
use crate::preprocess::Pixels;

/// How files are embedded.
#[derive(Clone, Debug)]
pub struct EmbedOptions {
    /// Images in one pass of the network on one thread.
    pub batch: NonZeroUsize,
    /// Worker threads; `None` takes one for each core.
    pub threads: Option<NonZeroUsize>,
    /// What a file may ask for before it is refused.
    pub limits: Limits,
}

impl Default for EmbedOptions {
    fn default() -> EmbedOptions {
        const BATCH: NonZeroUsize = NonZeroUsize::new(8).unwrap();
        EmbedOptions {
            batch: BATCH,
            threads: None,
            limits: Limits::default(),
        }
    }
}

/// One embedded file.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// Unit vector.
    pub embedding: Vec<f32>,
    /// sha256 of the file's bytes.
    pub sha256: [u8; 32],
    /// Length of the file.
    pub bytes: u64,
    /// Pixels across, after the EXIF orientation.
    pub width: u32,
    /// Pixels down, after the EXIF orientation.
    pub height: u32,
    /// What the picture looks like, to find near duplicates.
    pub likeness: Likeness,
}

/// Where the time of a run went; the stages are summed over all workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageTimes {
    /// Reading the files and hashing their bytes.
    pub read: Duration,
    /// Bytes to pixels.
    pub decode: Duration,
    /// Resizing, cropping and normalising.
    pub preprocess: Duration,
    /// The network.
    pub forward: Duration,
    /// From start to end.
    pub wall: Duration,
    /// Number of workers: `wall` times this is the time that the stages could have used.
    pub workers: usize,
    /// Images that reached the network.
    pub images: usize,
}

/// The number of a batch's first file, and a result for each.
type Batch<T> = (usize, Vec<(T, Result<Embedded, EmbedError>)>);

impl StageTimes {
    fn add(&mut self, other: &StageTimes) {
        self.read += other.read;
        self.decode += other.decode;
        self.preprocess += other.preprocess;
        self.forward += other.forward;
        self.images += other.images;
    }
}

impl Encoder {
    /// Embeds files, calling `on_result` on the calling thread once for each, in their order.
    ///
    /// A file that cannot be used gives an error of its own and does not stop the others.
    /// `on_result` returns [`ControlFlow::Break`] to cancel: files that are under way are dropped.
    /// Memory is bounded: workers stay within a window ahead of `on_result`.
    pub fn embed_files<T>(
        &self,
        files: impl Iterator<Item = T> + Send,
        options: &EmbedOptions,
        on_result: &mut dyn FnMut(T, Result<Embedded, EmbedError>) -> ControlFlow<()>,
    ) -> StageTimes
    where
        T: AsRef<Path> + Send,
    {
        let started = Instant::now();
        let workers = options
            .threads
            .or_else(|| thread::available_parallelism().ok());
        let workers = workers.map_or(1, NonZeroUsize::get);
        let source = Source::new(files, options.batch.get(), workers);
        let (send, receive) = mpsc::channel();
        let mut times = StageTimes::default();
        thread::scope(|scope| {
            // Also when `on_result` panics: workers that wait for it would else wait for ever.
            let _stop = StopOnDrop(&source);
            let handles: Vec<_> = (0..workers)
                .map(|_| {
                    let send = send.clone();
                    let source = &source;
                    scope.spawn(move || self.work(source, &options.limits, &send))
                })
                .collect();
            drop(send);
            let mut early = BTreeMap::new();
            let mut next = 0;
            'run: for (first, batch) in receive {
                early.insert(first, batch);
                while let Some(batch) = early.remove(&next) {
                    next += batch.len();
                    for (file, result) in batch {
                        if on_result(file, result).is_break() {
                            break 'run;
                        }
                    }
                    source.delivered(next);
                }
            }
            source.stop();
            for handle in handles {
                match handle.join() {
                    Ok(worker) => times.add(&worker),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
        times.wall = started.elapsed();
        times.workers = workers;
        times
    }

    /// Takes batches until the source is empty or stopped.
    fn work<T: AsRef<Path>>(
        &self,
        source: &Source<impl Iterator<Item = T>>,
        limits: &Limits,
        send: &mpsc::Sender<Batch<T>>,
    ) -> StageTimes {
        let _stop = StopOnPanic(source);
        let mut times = StageTimes::default();
        while let Some((first, files)) = source.take() {
            let mut pixels = Vec::with_capacity(files.len());
            let prepared: Vec<_> = files
                .into_iter()
                .map(|file| {
                    let prepared = prepare(self, file.as_ref(), limits, &mut times);
                    (
                        file,
                        prepared.map(|(embedded, input)| {
                            pixels.push(input);
                            embedded
                        }),
                    )
                })
                .collect();
            let started = Instant::now();
            let mut embeddings = self.embed_on_this_thread(&pixels).into_iter();
            times.forward += started.elapsed();
            times.images += pixels.len();
            let batch = prepared
                .into_iter()
                .map(|(file, prepared)| {
                    let result = prepared.and_then(|mut embedded| {
                        embedded.embedding =
                            embeddings.next().unwrap_or(Err(EmbedError::Degenerate))?;
                        Ok(embedded)
                    });
                    (file, result)
                })
                .collect();
            if send.send((first, batch)).is_err() {
                break;
            }
        }
        times
    }
}

/// Everything before the network; the embedding is still empty.
fn prepare(
    encoder: &Encoder,
    path: &Path,
    limits: &Limits,
    times: &mut StageTimes,
) -> Result<(Embedded, Pixels), EmbedError> {
    let mut clock = Instant::now();
    let mut lap = |stage: &mut Duration| {
        *stage += clock.elapsed();
        clock = Instant::now();
    };
    let bytes = Picture::read(path, limits)?;
    let sha256 = Sha256::digest(&bytes).into();
    lap(&mut times.read);
    let picture = encoder.preprocess().decode(&bytes, limits);
    lap(&mut times.decode);
    let picture = picture.map_err(|error| error.in_file(path))?;
    let pixels = encoder.preprocess().apply(&picture);
    let likeness = picture.likeness();
    lap(&mut times.preprocess);
    let (width, height) = picture.full_size();
    let embedded = Embedded {
        embedding: Vec::new(),
        sha256,
        bytes: bytes.len() as u64,
        width,
        height,
        likeness,
    };
    Ok((embedded, pixels))
}

/// Hands out files in batches to many workers, no further than a window ahead of what is delivered.
struct Source<I> {
    state: Mutex<State<I>>,
    moved: Condvar,
    batch: usize,
    window: usize,
}

struct State<I> {
    files: I,
    taken: usize,
    delivered: usize,
    stopped: bool,
}

impl<I: Iterator> Source<I> {
    fn new(files: I, batch: usize, workers: usize) -> Source<I> {
        let state = State {
            files,
            taken: 0,
            delivered: 0,
            stopped: false,
        };
        // Room for every worker to hold a batch and have two more waiting for a slow neighbour.
        let window = batch.saturating_mul(workers).saturating_mul(3);
        Source {
            state: Mutex::new(state),
            moved: Condvar::new(),
            batch,
            window,
        }
    }

    /// The next files and the number of the first; `None` at the end.
    ///
    /// The first batches are small, so that a short list is spread over all workers, and so are the
    /// last ones where the iterator tells how many files it has, so that all workers end together.
    fn take(&self) -> Option<(usize, Vec<I::Item>)> {
        let state = self.lock();
        let mut state = self
            .moved
            .wait_while(state, |s| {
                !s.stopped && s.taken >= s.delivered.saturating_add(self.window)
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return None;
        }
        let workers = self.window / self.batch / 3;
        let workers = workers.max(1);
        let (_, left) = state.files.size_hint();
        let share = left.map_or(self.batch, |left| left.div_ceil(2 * workers));
        let size = (state.taken / workers).min(share).clamp(1, self.batch);
        let first = state.taken;
        let files: Vec<I::Item> = state.files.by_ref().take(size).collect();
        state.taken += files.len();
        (!files.is_empty()).then_some((first, files))
    }

    fn delivered(&self, count: usize) {
        self.lock().delivered = count;
        self.moved.notify_all();
    }
}

impl<I> Source<I> {
    fn stop(&self) {
        self.lock().stopped = true;
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<I>> {
        // A panic in the caller's iterator poisons the lock; `stop` must still work then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the work of all workers when it goes out of scope.
struct StopOnDrop<'a, I>(&'a Source<I>);

impl<I> Drop for StopOnDrop<'_, I> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Wakes the other workers when one panics, so that the scope ends instead of waiting for ever.
struct StopOnPanic<'a, I>(&'a Source<I>);

impl<I> Drop for StopOnPanic<'_, I> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}
