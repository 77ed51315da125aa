use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use half::f16;
use niteru_kernels::Kernels;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::file::{self, FileError, Stamp};
use crate::graph::{Comparing, Graph};
use crate::rows::{self, Rows};
use crate::scan::Asked;
use crate::{Changes, Filter, Hit, IndexError, Search, VectorIndex};

/// Candidates that a search follows, at the least.
const SEARCH_WIDTH: usize = 128;

/// Among so few vectors a scan takes no longer.
const SMALL: u64 = 4096;

/// A filter that lets fewer ids through is answered by looking at just those.
const FEW_IDS: u64 = 20_000;

/// A filter that lets less than this share of the rows through is answered by a scan: a search would
/// follow so many links that lead to rows it may not return.
const FEW_OF: u64 = 12;

/// Vectors beyond a graph, over which searches scan, that make it worth extending.
pub const WAITING: usize = 10_000;

/// A graph is made anew when one of so many of its rows is buried.
const BURIED_OF: usize = 4;

/// Rows that are added to a graph under one read lock: so long changes wait, and searches behind them.
const BUILD_CHUNK: usize = 4;

/// Follows a graph of near neighbours (HNSW: Malkov and Yashunin, 2018; the `usearch` crate) instead of
/// comparing all vectors.
///
/// Approximate in which vectors it finds, exact in what it says of them: similarities equal those of
/// [`ExactIndex`](crate::ExactIndex) bit for bit, and so does the order of what is found. It *is* an
/// exact scan
/// - until [`build`](Self::build) has made the graph, and over the rows that came after;
/// - where a filter lets few ids through;
/// - where a large part of all vectors is asked for;
/// - where the graph finds fewer than `k`.
///
/// A vector that was removed or replaced stays in the graph as a way to others, until the next
/// [`build`](Self::build) after a quarter of them are of that kind.
///
/// Memory at 512 dimensions: 1 KiB a vector, about 80 bytes for ids and places, about 200 for links.
/// What was loaded from a file stays in it, but for ids and places.
#[derive(Debug)]
pub struct HnswIndex {
    dimensions: usize,
    kernels: Kernels,
    state: RwLock<State>,
    /// Held while a graph is built.
    building: Mutex<()>,
}

#[derive(Debug)]
struct State {
    rows: Rows,
    graph: Option<Arc<Graph>>,
    /// The graph holds the rows at places below this.
    in_graph: usize,
    /// Those rows hold everything up to this change.
    built: u64,
}

/// How to build a graph.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct BuildOptions<'a> {
    /// Threads; 0 for one for each core.
    pub threads: usize,
    /// Set to true, from any thread, to stop: the index stays as it was.
    pub cancel: Option<&'a AtomicBool>,
    /// Called after some vectors with how many are in the graph and how many will be; from any of the
    /// threads.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl BuildOptions<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, Into::into),
            threads => threads,
        }
    }
}

impl HnswIndex {
    /// An empty index for vectors of that length, compared by the given kernels.
    pub fn new(dimensions: usize, kernels: Kernels) -> Self {
        let (rows, graph) = (Rows::new(dimensions), None);
        Self::of(kernels, rows, graph)
    }

    fn of(kernels: Kernels, rows: Rows, graph: Option<(Graph, usize)>) -> Self {
        let (graph, in_graph) = graph.unzip();
        let in_graph = in_graph.unwrap_or(0);
        let built = if in_graph == rows.places() {
            rows.version
        } else {
            0
        };
        Self {
            dimensions: rows.dimensions(),
            kernels,
            state: RwLock::new(State {
                rows,
                graph: graph.map(Arc::new),
                in_graph,
                built,
            }),
            building: Mutex::default(),
        }
    }

    /// Opens what [`save`](Self::save) wrote. The file is mapped into memory after all of it was read
    /// once and compared with its checksums; it must not be written to afterwards, only replaced.
    ///
    /// # Errors
    /// Why the file cannot be used; it is derived, so make the index anew.
    pub fn open(
        path: &Path,
        dimensions: usize,
        kernels: Kernels,
        stamp: &Stamp,
    ) -> Result<Self, FileError> {
        let file::Opened {
            rows,
            graph,
            in_graph,
        } = file::open(path, dimensions, stamp)?;
        Ok(Self::of(kernels, rows, Some((graph, in_graph))))
    }

    /// Writes the graph and its vectors to a file, which appears whole or not at all, and returns its
    /// bytes; `None` when there is no graph. What came after the last [`build`](Self::build) is not in
    /// it: the file is at [`built_version`](Self::built_version).
    ///
    /// `stamp` says what the vectors are; a file is opened only with the stamp it was saved with.
    /// Only one thread or process may save to a path at a time: hold a lock. Searches and changes go on
    /// meanwhile.
    ///
    /// # Errors
    /// What writing the file failed with, and [`IndexError::Graph`] as
    /// [`std::io::ErrorKind::Other`].
    pub fn save(&self, path: &Path, stamp: &Stamp) -> std::io::Result<Option<u64>> {
        // Rows in the graph keep their places and vectors until another build: those are read bit by
        // bit, and nobody waits for the disk.
        let _turn = self.building.lock();
        let (graph, contents) = {
            let State {
                rows,
                graph,
                in_graph,
                built,
            } = &*self.read();
            let Some(graph) = graph else {
                return Ok(None);
            };
            let contents = file::Contents {
                version: *built,
                dimensions: self.dimensions,
                ids: rows.ids[..*in_graph].to_vec(),
                inverse_lengths: rows.inverse_lengths[..*in_graph].to_vec(),
            };
            (Arc::clone(graph), contents)
        };
        let vectors = |range| self.read().rows.vectors.run(range).to_vec();
        file::write(path, &contents, &vectors, &graph, stamp).map(Some)
    }

    /// The change up to which the graph, and a file that is [saved](Self::save) now, have everything; 0
    /// without a graph.
    pub fn built_version(&self) -> u64 {
        self.read().built
    }

    /// Whether the index has exactly this vector under the id.
    pub fn holds(&self, id: u64, vector: &[f16]) -> bool {
        let state = self.read();
        let place = state.rows.place_of(id);
        place.is_some_and(|place| state.rows.vectors.row(place) == vector)
    }

    /// Whether there is a graph, and [`build`](Self::build) would have nothing to do.
    pub fn is_built(&self) -> bool {
        let state = self.read();
        state.graph.is_some() && state.in_graph == state.rows.places()
    }

    /// Whether there is a graph.
    pub fn has_graph(&self) -> bool {
        self.read().graph.is_some()
    }

    /// Whether so much has changed that searches would gain by a [`build`](Self::build): `least` rows
    /// without a graph, or many beyond it, or many that are buried in it.
    pub fn wants_build(&self, least: usize) -> bool {
        let state = self.read();
        match state.graph {
            None => state.rows.len() >= least,
            Some(_) => state.rows.places() - state.in_graph >= WAITING || state.is_worn(),
        }
    }

    /// Brings the graph up to date with all vectors that are there when it begins. Searches and
    /// changes go on meanwhile. Returns false when it was cancelled.
    ///
    /// # Errors
    /// [`IndexError::Graph`]; the index stays as it was.
    pub fn build(&self, options: BuildOptions<'_>) -> Result<bool, IndexError> {
        let _turn = self.building.lock();
        let (old, done, places, version) = {
            let mut state = self.write();
            if state.is_worn() {
                // Places change, so this graph is no use any more.
                state.graph = None;
                state.in_graph = 0;
                state.built = 0;
                state.rows.compact();
            }
            let places = state.rows.fix();
            let version = state.rows.version;
            if state.graph.is_some() && state.in_graph == places {
                state.built = version;
                return Ok(true);
            }
            (state.graph.clone(), state.in_graph, places, version)
        };
        let graph = match old {
            Some(old) => old.extended(places)?,
            None => Graph::new(places)?,
        };
        let insertion = Insertion {
            index: self,
            graph: &graph,
            next: AtomicUsize::new(done),
            places,
            options,
        };
        insertion.run()?;
        if options.is_cancelled() {
            return Ok(false);
        }
        let mut state = self.write();
        state.graph = Some(Arc::new(graph));
        state.in_graph = places;
        state.built = version;
        Ok(true)
    }

    /// Bytes of memory that links take, beside a mapped file.
    pub fn graph_memory(&self) -> usize {
        self.read().graph.as_ref().map_or(0, |graph| graph.memory())
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write()
    }
}

/// Rows on their way into a graph, on several threads.
struct Insertion<'a> {
    index: &'a HnswIndex,
    graph: &'a Graph,
    next: AtomicUsize,
    places: usize,
    options: BuildOptions<'a>,
}

impl Insertion<'_> {
    fn run(&self) -> Result<(), IndexError> {
        std::thread::scope(|scope| {
            let threads = 1..self.options.threads().max(1);
            let others: Vec<_> = threads.map(|_| scope.spawn(|| self.work())).collect();
            let mut result = self.work();
            for other in others {
                let failed = |_| IndexError::Graph {
                    reason: "a thread that builds it panicked".into(),
                };
                result = result.and(other.join().map_err(failed).flatten());
            }
            result
        })
    }

    /// One thread's part.
    fn work(&self) -> Result<(), IndexError> {
        while !self.options.is_cancelled() {
            let start = self.next.fetch_add(BUILD_CHUNK, Ordering::Relaxed);
            if start >= self.places {
                break;
            }
            let end = self.places.min(start + BUILD_CHUNK);
            let state = self.index.read();
            let comparing = Comparing {
                kernels: self.index.kernels,
                vectors: &state.rows.vectors,
                query: &[],
            };
            for place in start..end {
                if !state.rows.is_buried(place) {
                    let added = self.graph.add(&comparing, place);
                    // The other threads stop soon, too.
                    added.inspect_err(|_| self.next.store(self.places, Ordering::Relaxed))?;
                }
            }
            // To whoever waits to change something: taken again at once, it would keep them waiting.
            RwLockReadGuard::unlock_fair(state);
            if let Some(progress) = self.options.progress {
                progress(end, self.places);
            }
        }
        Ok(())
    }
}

impl State {
    fn is_worn(&self) -> bool {
        self.rows.buried() * BURIED_OF > self.rows.places()
    }

    /// Whether the graph would answer sooner than a scan, and as well.
    fn suits_graph(&self, search: &Search<'_>) -> bool {
        let rows = self.rows.len() as u64;
        let allowed = match search.filter {
            Filter::All => rows,
            Filter::Only(set) => set.len().min(rows),
            Filter::Except(set) => rows.saturating_sub(set.len()),
        };
        let many = |k: usize| (k as u64).saturating_mul(FEW_OF) >= allowed;
        allowed > FEW_IDS.min(rows / 8).max(SMALL) && allowed >= rows / FEW_OF && !many(search.k)
    }

    fn search(&self, asked: &Asked<'_>) -> Result<Vec<Hit>, IndexError> {
        let Some(graph) = &self.graph else {
            return Ok(asked.scan(&self.rows).into_hits());
        };
        if !self.suits_graph(&asked.search) {
            return Ok(asked.scan(&self.rows).into_hits());
        }
        let comparing = Comparing {
            kernels: asked.kernels,
            vectors: &self.rows.vectors,
            query: &asked.query,
        };
        let filter = asked.search.filter;
        let allows = |place: usize| {
            let ids = &self.rows.ids;
            ids.get(place).is_some_and(|&id| filter.allows(id)) && !self.rows.is_buried(place)
        };
        let wanted = asked.search.k.max(SEARCH_WIDTH);
        let all = matches!(filter, Filter::All) && self.rows.buried() == 0;
        let allows: Option<&dyn Fn(usize) -> bool> = if all { None } else { Some(&allows) };
        let near = graph.nearest(&comparing, wanted, allows)?;
        if near.len() < asked.search.k {
            return Ok(asked.scan(&self.rows).into_hits());
        }
        let newer = asked.scan_range(&self.rows, self.in_graph..self.rows.places());
        let top = asked.scan_places(&self.rows, &near).merge(newer);
        Ok(top.into_hits())
    }
}

impl VectorIndex for HnswIndex {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn len(&self) -> usize {
        self.read().rows.len()
    }

    fn version(&self) -> u64 {
        self.read().rows.version
    }

    fn apply(&self, changes: &Changes<'_>) -> Result<(), IndexError> {
        let inverse_lengths = rows::inverse_lengths(self.dimensions, changes)?;
        self.write().rows.apply(changes, &inverse_lengths)
    }

    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Hit>, IndexError> {
        let asked = Asked::new(self.kernels, self.dimensions, query, search)?;
        self.read().search(&asked)
    }
}
