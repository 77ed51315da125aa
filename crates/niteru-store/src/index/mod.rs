//! Collections' indexes: kept in step with the database, in files where collections are large.
//!
//! An index is a scan over all vectors until a graph is built for it. Graph and vectors are saved to
//! `home/index/<collection>.index`, and mapped into memory by the next process, which reads from the
//! database only what changed since. Everything in such a file is derived.
//!
//! A collection's index can be in a Qdrant cluster instead (`place.rs`), which is sent what changed by
//! the same numbers (`cluster.rs`).

mod changes;
mod cluster;
mod file;
mod local;
mod place;
mod verify;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use niteru_index::{BuildOptions, FileError, FileSummary, HnswIndex, WAITING};
use serde::Serialize;
use utoipa::ToSchema;

use self::changes::{latest, searched_images};
use self::file::IndexFile;
use self::local::LocalIndex;
pub(crate) use self::place::CachedIndex;
pub use self::place::{IndexPlace, MoveReport};
pub use self::verify::{ClusterStatus, VerifyReport};
use crate::home::{kernels, lock};
use crate::{Collection, Notice, StoreError, paths};

/// From so many images on, a graph is built: below, a scan takes less than a few milliseconds on one
/// core. `niteru bench search --vectors N` shows both.
const LEAST_IMAGES: usize = 20_000;

/// When and how indexes are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexPolicy {
    /// Collections with at least so many images get a graph; smaller ones are scanned.
    pub least_images: usize,
    /// Whether searches that find a graph missing or outdated start a thread that builds it while they
    /// and others go on. For processes that live long; else [`Collection::build_index`] is called.
    pub in_background: bool,
}

impl Default for IndexPolicy {
    fn default() -> Self {
        Self {
            least_images: LEAST_IMAGES,
            in_background: false,
        }
    }
}

/// Told how many images are done and how many there are to do, from several threads.
pub type IndexProgress<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// How to build.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct IndexBuild<'a> {
    /// Threads; 0 for one for each core.
    pub threads: usize,
    /// Set to true, from any thread, to stop: what was there stays; of an index in a cluster, what was sent.
    pub cancel: Option<&'a AtomicBool>,
    /// Called with how many images are in the graph and how many will be; from several threads.
    pub progress: Option<&'a IndexProgress<'a>>,
}

/// What building did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexReport {
    /// The collection.
    pub collection: String,
    /// Images in the index.
    pub images: usize,
    /// Whether there is a graph now; false where the collection is small, or it was cancelled.
    pub built: bool,
    /// Length of the file, where one was written.
    pub bytes: Option<u64>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Wall time.
    pub seconds: f64,
}

/// What is known of a collection's index file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IndexState {
    /// The collection is small, and all images are compared.
    Exact,
    /// The file is intact and has everything but what searches quickly catch up with.
    Ready,
    /// The file is intact, and much has changed since.
    Behind,
    /// There is no file, though the collection is large.
    Missing,
    /// The file cannot be used.
    Unusable,
}

/// A collection's index.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IndexStatus {
    /// The collection.
    pub collection: String,
    /// Images that searches cover.
    pub images: u64,
    /// From so many on, there is a graph.
    pub least_images: usize,
    /// What is known of the file.
    pub state: IndexState,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// The file, there or not.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub file: PathBuf,
    /// Its length.
    pub bytes: Option<u64>,
    /// Images that were added, changed or removed since it was saved.
    pub behind: Option<u64>,
}

/// An index file that cannot be relied on.
pub(crate) struct IndexProblem {
    pub(crate) file: PathBuf,
    pub(crate) what: String,
}

impl Collection<'_> {
    /// Builds the index where the collection is large enough, or brings it up to date, and saves it. In
    /// a cluster it is made afresh, with everything.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::IndexFile`], [`StoreError::Index`], and those of the
    /// database.
    pub fn build_index(&self, options: IndexBuild<'_>) -> Result<IndexReport, StoreError> {
        let started = std::time::Instant::now();
        if self.home.is_read_only() {
            let path = self.home.database().to_path_buf();
            return Err(StoreError::ReadOnly { path });
        }
        let cached = match self.cached_index()? {
            CachedIndex::Local(cached) => cached,
            CachedIndex::Cluster(cached) => {
                let cancelled = match cached.remake(self, &options) {
                    Err(StoreError::Stopped) => true,
                    done => done.map(|()| false)?,
                };
                return Ok(IndexReport {
                    collection: self.name().into(),
                    images: cached.count()?,
                    built: !cancelled,
                    bytes: None,
                    cancelled,
                    seconds: started.elapsed().as_secs_f64(),
                });
            }
        };
        self.home.read(|tx| cached.catch_up(self, tx))?;
        // It is being made again, which is what the notice would ask for.
        cached.take_problem();
        let large = cached.images() >= self.home.index_policy.least_images;
        let mut graph = BuildOptions::default();
        graph.threads = options.threads;
        graph.cancel = options.cancel;
        graph.progress = options.progress;
        let finished = !large || cached.build(graph)?;
        let bytes = match large && finished {
            true => cached.save()?,
            false => None,
        };
        Ok(IndexReport {
            collection: self.name().into(),
            images: cached.images(),
            built: large && finished,
            bytes,
            cancelled: !finished,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Sends a cluster what it does not have yet. Searches do that, too; this is for who has just
    /// added. Nothing happens where the index is on this machine.
    ///
    /// # Errors
    /// [`StoreError::Index`] where the cluster is unavailable: what was not sent is sent with the next
    /// call or search. And those of the database.
    pub fn send_changes(&self, progress: Option<&IndexProgress<'_>>) -> Result<(), StoreError> {
        match self.cached_index()? {
            CachedIndex::Local(_) => Ok(()),
            CachedIndex::Cluster(cached) => {
                let options = IndexBuild {
                    progress,
                    ..IndexBuild::default()
                };
                self.home.read(|tx| cached.catch_up(self, tx, &options))
            }
        }
    }

    /// Whether the index is on this machine, the collection is large, and its file is missing,
    /// unusable, or far behind. Reads the file's header only.
    ///
    /// # Errors
    /// [`StoreError::IndexUrl`], and those of the database.
    pub fn wants_index(&self) -> Result<bool, StoreError> {
        if self.index_place()? != IndexPlace::Local {
            return Ok(false);
        }
        let status = self.status(|file| FileSummary::read(&file.path))?;
        Ok(!matches!(
            status.state,
            IndexState::Exact | IndexState::Ready
        ))
    }

    /// What is known of the index on this machine; reads and checks all of its file.
    ///
    /// # Errors
    /// Those of the database.
    pub fn index_status(&self) -> Result<IndexStatus, StoreError> {
        let dimensions = self.identity().dimensions;
        self.status(|file| {
            HnswIndex::open(&file.path, dimensions, kernels(), &file.stamp)?;
            FileSummary::read(&file.path)
        })
    }

    fn status(
        &self,
        look: impl FnOnce(&IndexFile) -> Result<FileSummary, FileError>,
    ) -> Result<IndexStatus, StoreError> {
        let file = self.index_file()?;
        let found = look(&file);
        let (images, behind) = self.home.read(|tx| {
            let images = searched_images(tx, self.id)?;
            let Ok(summary) = &found else {
                return Ok((images, None));
            };
            Ok((images, Some(self.since(tx, summary.version).count()?)))
        })?;
        let least_images = self.home.index_policy.least_images;
        let state = match &found {
            Err(FileError::Missing) if images < least_images as u64 => IndexState::Exact,
            Err(FileError::Missing) => IndexState::Missing,
            Err(_) => IndexState::Unusable,
            Ok(_) if behind.is_some_and(|behind| behind >= WAITING as u64) => IndexState::Behind,
            Ok(_) => IndexState::Ready,
        };
        let problem = match &found {
            Err(FileError::Missing) | Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        Ok(IndexStatus {
            collection: self.name().into(),
            images,
            least_images,
            state,
            problem,
            file: file.path,
            bytes: found.ok().map(|summary| summary.bytes),
            behind,
        })
    }

    pub(crate) fn has_index_file(&self) -> Result<bool, StoreError> {
        Ok(self.index_file()?.path.exists())
    }

    /// What is wrong with the index file, held against the database.
    pub(crate) fn index_problem(&self) -> Result<Option<IndexProblem>, StoreError> {
        let file = self.index_file()?;
        let path = file.path.clone();
        let problem = |what| Ok(Some(IndexProblem { file: path, what }));
        let latest = self.home.read(|tx| Ok(latest(tx)?))?;
        let dimensions = self.identity().dimensions;
        let index = LocalIndex::open(file, self.name(), dimensions, latest);
        if let Some(what) = index.take_problem() {
            return problem(what);
        }
        let differing = self.home.read(|tx| {
            index.catch_up(self, tx)?;
            index.differing(tx, self.id, &|| Ok(()))
        })?;
        match differing {
            0 => Ok(None),
            images => problem(format!("it differs from the database in {images} images")),
        }
    }

    /// The index of this process, opened with the first call.
    pub(crate) fn cached_index(&self) -> Result<CachedIndex, StoreError> {
        let slot = Arc::clone(lock(&self.home.indexes).entry(self.id).or_default());
        if let Some(cached) = slot.get() {
            return Ok(cached.clone());
        }
        let opened = match self.index_place()? {
            IndexPlace::Cluster(url) => {
                let index = Arc::new(self.cluster_index(&url)?);
                return Ok(slot.get_or_init(|| CachedIndex::Cluster(index)).clone());
            }
            IndexPlace::Local => {
                let file = self.index_file()?;
                let latest = self.home.read(|tx| Ok(latest(tx)?))?;
                // Two threads may come here at once: one of them opens, the other waits.
                slot.get_or_init(|| {
                    let dimensions = self.identity().dimensions;
                    let index = LocalIndex::open(file, self.name(), dimensions, latest);
                    CachedIndex::Local(Arc::new(index))
                })
            }
        };
        Ok(opened.clone())
    }

    /// Tells what is wrong with the index, and lets a thread put it right where that is wanted.
    pub(crate) fn after_search(&self, cached: &CachedIndex) {
        let CachedIndex::Local(cached) = cached else {
            return;
        };
        let policy = self.home.index_policy;
        let builds = policy.in_background && !self.home.is_read_only();
        if let Some(reason) = cached.take_problem() {
            // One line says it all.
            cached.first_slow();
            self.home.notices.add(Notice::IndexUnusable {
                collection: self.name().into(),
                reason,
                rebuilding: builds,
            });
        } else if !builds && cached.is_slow(policy.least_images) && cached.first_slow() {
            self.home.notices.add(Notice::NoIndex {
                collection: self.name().into(),
                images: cached.images(),
            });
        }
        if builds && cached.wants_build(policy.least_images) {
            let (cached, notices) = (Arc::clone(cached), Arc::clone(&self.home.notices));
            self.home
                .background
                .start(cached, move |notice| notices.add(notice));
        }
    }

    /// Files that stay are of no use to anyone, and are replaced when their number comes again: never.
    pub(crate) fn remove_index_files(&self) {
        if let Ok(file) = self.index_file() {
            file.remove();
        }
    }
}

/// Half the cores, so that searches have the other half.
fn background_threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// Threads that build indexes while searches go on. They end with the home.
#[derive(Default)]
pub(crate) struct Background {
    ending: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    fn start(&self, cached: Arc<LocalIndex>, tell: impl Fn(Notice) + Send + 'static) {
        if !cached.start_building() {
            return;
        }
        let ending = Arc::clone(&self.ending);
        let thread = thread::spawn(move || {
            let mut options = BuildOptions::default();
            options.cancel = Some(&ending);
            options.threads = background_threads();
            let built = match cached.build(options) {
                Ok(true) => cached.save().map(drop),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = built {
                tell(cached.not_saved(&error));
            }
            cached.end_building();
        });
        let mut threads = lock(&self.threads);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        for thread in lock(&self.threads).drain(..) {
            // One that panicked has built nothing, and nothing depends on it.
            let _ = thread.join();
        }
    }
}
