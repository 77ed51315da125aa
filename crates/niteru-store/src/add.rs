use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::time::Instant;

use niteru_encoder::with_causes;
use rayon::prelude::*;
use serde::Serialize;

use crate::collection::{check_identity, check_name, find};
use crate::follow::Follow;
use crate::home::lock;
use crate::lookup::{Looked, Lookup, Verdict};
use crate::metadata_csv::MetadataFile;
use crate::sink::{Image, Sink, Write};
use crate::skip::{DuplicateFilter, SkippedDuplicate};
use crate::walk::{self, Found};
use crate::{
    Candidate, EmbeddedFile, EncoderSeconds, Exactly, Home, ImageEncoder, Skipped, StoreError,
    paths,
};

/// Total that the counting walk has not found yet.
const UNKNOWN: u64 = u64::MAX;

/// Files that are found together: their contents are compared in parallel.
const GROUP: usize = 32;

/// Files that wait for the encoder. Enough for all its threads to start a batch at once.
const AHEAD: usize = 256;

/// How to add.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct AddOptions<'a> {
    /// A CSV file with a `path` column; its other columns become metadata.
    pub metadata: Option<&'a Path>,
    /// Leave out new files that the collection has already: with the same contents, or as near
    /// duplicates as [`Collection::duplicates`](crate::Collection::duplicates) finds them.
    pub skip_duplicates: bool,
    /// Leave out symbolic links, the given paths included: for folders that others may write to, whose
    /// links could lead to what is none of theirs.
    pub without_links: bool,
    /// Set to true, from any thread, to stop: what is stored stays, the report says so.
    pub cancel: Option<&'a AtomicBool>,
    /// Called after every file, from one thread at a time.
    pub progress: Option<&'a (dyn Fn(&AddProgress) + Sync)>,
    /// Chooses files, and is told of every change.
    pub(crate) follow: Option<&'a dyn Follow>,
}

/// How far adding has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AddProgress {
    /// Files dealt with.
    pub done: u64,
    /// Files to deal with, once they are counted.
    pub total: Option<u64>,
    /// Files dealt with whose outcome is on the disk: they survive whatever happens now.
    pub stored: u64,
    /// Files and folders that could not be used.
    pub skipped: u64,
    /// Seconds since the start.
    pub seconds: f64,
}

/// What adding did. JSON: `{"collection", "model", "added", "updated", "unchanged", "missing",
/// "duplicates", "skipped": [{"path", "reason"}], "seconds", …}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AddReport {
    /// The collection.
    pub collection: String,
    /// Its model.
    pub model: String,
    /// Images that are new in the collection.
    pub added: u64,
    /// Images whose contents had changed; they were embedded again.
    pub updated: u64,
    /// Images that were in the collection with the same contents.
    pub unchanged: u64,
    /// Of the added and updated: contents that had an embedding already, which was copied.
    pub reused: u64,
    /// Images below the given paths whose files are gone. They keep their metadata, but searches
    /// leave them out until a file is there again.
    #[serde(serialize_with = "paths::serialize_all")]
    pub missing: Vec<PathBuf>,
    /// New files that were not added because the collection has them already.
    pub duplicates: Vec<SkippedDuplicate>,
    /// Files, folders and metadata rows that could not be used.
    pub skipped: Vec<Skipped>,
    /// What was read from the metadata file, if one was given.
    pub metadata: Option<MetadataReport>,
    /// Whether it was cancelled before the end.
    pub cancelled: bool,
    /// Wall time.
    pub seconds: f64,
    /// Where the time went.
    pub stages: AddStages,
}

/// What was read from a metadata file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MetadataReport {
    /// The file.
    #[serde(serialize_with = "paths::serialize")]
    pub path: PathBuf,
    /// Its text encoding, such as `UTF-8` or `Shift_JIS`; detected unless a byte order mark
    /// says it.
    pub encoding: String,
    /// Rows after the header.
    pub rows: u64,
    /// Rows that were applied to an image.
    pub applied: u64,
}

/// Seconds of work a stage. The encoder's stages are summed over its threads; they overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct AddStages {
    /// Walking folders, comparing with the database, hashing files that may be known.
    pub find: f64,
    /// The encoder's stages.
    #[serde(flatten)]
    pub encoder: EncoderSeconds,
    /// Writing to the database.
    pub store: f64,
}

impl Home {
    /// Adds the images at and below the paths to a collection, which is made with the first one.
    ///
    /// A file is known by its path and the sha256 of its contents. One that is in the collection
    /// with equal contents costs no more than a look at its size and time (and its contents, if
    /// that time has changed); changed contents are embedded again; contents that any collection
    /// of the home holds an embedding of, by the same encoder, are not computed again. A bad file
    /// is skipped and listed. Files are looked for, embedded and stored as a stream, and commits
    /// come at least every 256 files: after a crash, run it again to go on.
    ///
    /// Inside folders, files with the usual image extensions count, hidden ones do not, and
    /// symbolic links are followed unless they are to be left out. A file that is reached on several ways is one image, shown
    /// under the path that it was first added by while that leads to it. Images that the collection knows below the paths and whose
    /// files are gone are marked missing, and reported.
    ///
    /// Several threads and processes may add to one collection at once.
    ///
    /// # Errors
    /// [`StoreError::CollectionName`], [`StoreError::OtherModel`], [`StoreError::MetadataFile`],
    /// [`StoreError::MetadataNoPath`] before anything is stored; [`StoreError::Encoder`] and those of the database
    /// also later: what was reported as stored is.
    pub fn add(
        &self,
        collection: &str,
        paths: &[impl AsRef<Path>],
        encoder: &dyn ImageEncoder,
        options: AddOptions<'_>,
    ) -> Result<AddReport, StoreError> {
        let started = Instant::now();
        check_name(collection)?;
        let identity = encoder.identity();
        let existing = self.read(|tx| Ok(find(tx, collection)?))?;
        if let Some((_, own)) = &existing {
            check_identity(collection, own, &identity)?;
        }
        // Opened first: a file that cannot be used ends the run before the long part.
        let metadata = options.metadata.map(MetadataFile::open).transpose()?;

        let sink = Sink::new(
            self,
            collection,
            &identity,
            existing.map(|(id, _)| id),
            options.skip_duplicates.then(DuplicateFilter::new),
            options.follow,
            started,
        );
        let roots = absolute_roots(paths);
        let run = Run {
            sink: Mutex::new(sink),
            options,
            total: AtomicU64::new(UNKNOWN),
            finished: AtomicBool::new(false),
        };
        let encoder_seconds = run.embed(self, &roots, encoder)?;
        let mut sink = run
            .sink
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sink.flush()?;
        if !run.options.is_cancelled() {
            sink.mark_missing(&roots)?;
            if let Some(metadata) = metadata {
                sink.apply_metadata(metadata, &run.options)?;
            }
        }
        let mut report = sink.into_report();
        report.cancelled = options.is_cancelled();
        report.stages.encoder = encoder_seconds;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }
}

impl AddOptions<'_> {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }
}

/// The paths to walk, each once.
fn absolute_roots(given: &[impl AsRef<Path>]) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in given.iter().map(AsRef::as_ref) {
        // Without a working directory, or for an empty path, walking gives the reason.
        let root = paths::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    roots
}

/// State that the file stream, the encoder's callback and the counting thread share.
struct Run<'a> {
    sink: Mutex<Sink<'a>>,
    options: AddOptions<'a>,
    total: AtomicU64,
    finished: AtomicBool,
}

impl Run<'_> {
    fn embed(
        &self,
        home: &Home,
        roots: &[PathBuf],
        encoder: &dyn ImageEncoder,
    ) -> Result<EncoderSeconds, StoreError> {
        let lookup = lock(&self.sink).lookup(home.reader()?);
        let result = std::thread::scope(|scope| {
            if self.options.progress.is_some() {
                scope.spawn(|| self.count(roots));
            }
            // Files are found, and hashed where need be, ahead of the encoder: its threads draw from
            // one source, and none of them may wait there while another one reads a file.
            let (found, files) = mpsc::sync_channel(AHEAD);
            scope.spawn(move || self.find(roots, &lookup, found));
            let mut files = files.into_iter().take_while(|_| !self.is_stopped());
            let result =
                encoder.embed_files(&mut files, &mut |file, embedded| self.take(file, embedded));
            // Ends the finding, where the encoder did not draw everything.
            drop(files);
            self.finished.store(true, Ordering::Relaxed);
            result
        });
        // The store's own failure comes first: it is why the encoder was stopped.
        if let Some(failure) = lock(&self.sink).failure.take() {
            return Err(failure);
        }
        result.map_err(|source| StoreError::Encoder {
            model: encoder.identity().model,
            source,
        })
    }

    /// Counts what the stream will come across, ahead of it, so that progress knows a total.
    fn count(&self, roots: &[PathBuf]) {
        let stop = || self.finished.load(Ordering::Relaxed) || self.options.is_cancelled();
        let links = !self.options.without_links;
        let counts = roots.iter().map(|root| walk::count(root, links, &stop));
        let total: Option<u64> = counts.sum();
        if let Some(total) = total {
            self.total.store(total, Ordering::Relaxed);
        }
    }

    /// Sends the files that the encoder has to look at, and deals with the others.
    fn find(&self, roots: &[PathBuf], lookup: &Lookup, found: SyncSender<Candidate>) {
        let wanted = |found: &Found| match (found, self.options.follow) {
            (Found::File(file), Some(follow)) => follow.wants(file),
            _ => true,
        };
        let mut walk = roots
            .iter()
            .cloned()
            .flat_map(|root| walk::walk(root, !self.options.without_links))
            .take_while(|_| !self.options.is_cancelled())
            .filter(wanted);
        loop {
            let started = Instant::now();
            let group: Vec<Found> = walk.by_ref().take(GROUP).collect();
            if group.is_empty() {
                return;
            }
            let verdicts = decide(lookup, group);
            lock(&self.sink).add_find_time(started.elapsed());
            for verdict in verdicts {
                let next = match verdict {
                    Ok(Verdict::Embed(file)) => match found.send(file) {
                        Ok(()) => ControlFlow::Continue(()),
                        // The encoder wants no more.
                        Err(_) => ControlFlow::Break(()),
                    },
                    other => self.settle(other),
                };
                if next.is_break() {
                    return;
                }
            }
        }
    }

    /// Deals with a file that the encoder does not need to look at.
    fn settle(&self, verdict: rusqlite::Result<Verdict>) -> ControlFlow<()> {
        let mut sink = lock(&self.sink);
        if sink.failure.is_some() || self.options.is_cancelled() {
            return ControlFlow::Break(());
        }
        match verdict {
            Ok(Verdict::Embed(_)) => {}
            Ok(Verdict::Unchanged) => sink.unchanged(),
            Ok(Verdict::Write(write)) => sink.push(write),
            Ok(Verdict::Skip(path, reason)) => sink.skip_file(Skipped {
                path,
                reason,
                exactly: None,
            }),
            Err(error) => sink.fail(error),
        }
        self.after(&mut sink)
    }

    fn is_stopped(&self) -> bool {
        self.options.is_cancelled() || lock(&self.sink).failure.is_some()
    }

    /// Takes the encoder's result for a file.
    fn take(
        &self,
        file: Candidate,
        embedded: Result<EmbeddedFile, crate::error::Source>,
    ) -> ControlFlow<()> {
        let mut sink = lock(&self.sink);
        let dimensions = sink.dimensions();
        match embedded
            .map_err(|error| (with_causes(&*error), Exactly::of_cause(&*error)))
            .and_then(|e| check(e, dimensions).map_err(|reason| (reason, None)))
        {
            Ok(embedded) => sink.push(Write::Put(Image::embedded(file, &embedded))),
            Err((reason, exactly)) => {
                if let Some(follow) = self.options.follow {
                    follow.refused(&file);
                }
                sink.skip_file(Skipped {
                    path: file.place.path,
                    reason,
                    exactly,
                });
            }
        }
        self.after(&mut sink)
    }

    /// Commits when it is time to, tells progress, and says whether to go on.
    fn after(&self, sink: &mut Sink<'_>) -> ControlFlow<()> {
        if sink.failure.is_none()
            && let Err(error) = sink.flush_if_due()
        {
            sink.failure = Some(error);
        }
        if let Some(progress) = self.options.progress {
            let total = self.total.load(Ordering::Relaxed);
            progress(&sink.progress((total != UNKNOWN).then_some(total)));
        }
        if sink.failure.is_some() || self.options.is_cancelled() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// What is to be done with each of the files found, in their order. Contents that must be compared
/// are read on all threads.
fn decide(lookup: &Lookup, group: Vec<Found>) -> Vec<rusqlite::Result<Verdict>> {
    let looked: Vec<rusqlite::Result<Looked>> = group
        .into_iter()
        .map(|found| match found {
            Found::File(file) => lookup.look(file),
            Found::Unreadable(path, reason) => Ok(Looked::Settled(Verdict::Skip(path, reason))),
        })
        .collect();
    let hashes: Vec<Option<[u8; 32]>> = looked
        .par_iter()
        .map(|looked| looked.as_ref().ok().and_then(Looked::hash))
        .collect();
    looked
        .into_iter()
        .zip(hashes)
        .map(|(looked, hash)| match looked? {
            Looked::Settled(verdict) => Ok(verdict),
            Looked::Compare { file, known } => lookup.compare(file, known.as_ref(), hash),
        })
        .collect()
}

/// Refuses an embedding that could never be found, or would be found always.
fn check(embedded: EmbeddedFile, dimensions: usize) -> Result<EmbeddedFile, String> {
    let found = embedded.embedding.len();
    if found != dimensions {
        return Err(format!(
            "expected an embedding of {dimensions} dimensions, got {found}"
        ));
    }
    let rounded = niteru_index::from_f16(&niteru_index::to_f16(&embedded.embedding));
    let square: f32 = rounded.iter().map(|x| x * x).sum();
    if !square.is_finite() || square == 0.0 {
        return Err("its embedding has no direction (all zeros, NaN or infinite)".into());
    }
    Ok(embedded)
}
