//! The graph of USearch over rows that it does not hold.
//!
//! USearch keeps a vector of its own for each member; ours is four bytes, the row's place. Distances
//! are computed by our kernels on the rows where they lie, so vectors are in memory and in the file
//! once, and the graph ranks with the same numbers as a scan.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use memmap2::Mmap;
use niteru_kernels::Kernels;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind, b1x8};

use crate::IndexError;
use crate::rows::vectors::Vectors;

/// Links of a member on each upper level; twice as many on the lowest.
const LINKS: usize = 16;

/// Candidates that are kept while a member's neighbours are looked for.
const BUILD_WIDTH: usize = 128;

/// Calls at once; more wait. USearch has one set of scratch memory for each.
const CALLS: usize = 64;

/// Stands for the vector that is looked for, in place of a row's place.
const QUERY: u32 = u32::MAX;

/// A graph over the first rows of an index.
pub(crate) struct Graph {
    /// Dropped before what it looks into.
    index: Index,
    calls: Calls,
    _map: Option<Arc<Mmap>>,
}

/// What the distance function needs, for the time of a call.
pub(crate) struct Comparing<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) vectors: &'a Vectors,
    /// Unit length; empty while members are added.
    pub(crate) query: &'a [f32],
}

thread_local! {
    /// What this thread's call compares. USearch calls back on the thread that called it.
    static COMPARING: Cell<Option<NonNull<Comparing<'static>>>> = const { Cell::new(None) };
}

impl Graph {
    /// A graph without members, with room for those at the places below `places`.
    pub(crate) fn new(places: usize) -> Result<Self, IndexError> {
        let graph = Self::prepare(None)?;
        let room = graph.index.reserve_capacity_and_threads(places, CALLS);
        room.map_err(failed)?;
        Ok(graph)
    }

    /// A copy that members can be added to.
    pub(crate) fn extended(&self, places: usize) -> Result<Self, IndexError> {
        let mut graph = Self::prepare(None)?;
        let bytes = self.to_bytes()?;
        graph.index.load_from_buffer(&bytes).map_err(failed)?;
        graph.use_our_distances();
        let room = graph.index.reserve_capacity_and_threads(places, CALLS);
        room.map_err(failed)?;
        Ok(graph)
    }

    /// A graph that stays in a mapped file. The bytes must be those that [`to_bytes`](Self::to_bytes)
    /// gave: a checksum has to vouch for them, since USearch follows their links unchecked.
    pub(crate) fn view(map: Arc<Mmap>, bytes: std::ops::Range<usize>) -> Result<Self, IndexError> {
        let mut graph = Self::prepare(Some(Arc::clone(&map)))?;
        let bytes = map.get(bytes).unwrap_or_default();
        // SAFETY: the map, which nobody writes to, lives as long as the graph.
        unsafe { graph.index.view_from_buffer(bytes) }.map_err(failed)?;
        graph.use_our_distances();
        Ok(graph)
    }

    fn prepare(map: Option<Arc<Mmap>>) -> Result<Self, IndexError> {
        let options = IndexOptions {
            dimensions: 32,
            metric: MetricKind::Hamming,
            quantization: ScalarKind::B1,
            connectivity: LINKS,
            expansion_add: BUILD_WIDTH,
            // Searches say how many they want, which widens them.
            expansion_search: 1,
            multi: false,
        };
        let index = Index::new(&options).map_err(failed)?;
        // Also what a file is viewed with: without members, only the number of calls counts.
        index
            .reserve_capacity_and_threads(1, CALLS)
            .map_err(failed)?;
        let mut graph = Self {
            index,
            calls: Calls::new(CALLS),
            _map: map,
        };
        graph.use_our_distances();
        Ok(graph)
    }

    /// Reading a graph brings USearch's own distances back.
    fn use_our_distances(&mut self) {
        let distance = |a: *const b1x8, b: *const b1x8| {
            // SAFETY: members and queries are four bytes, of any alignment.
            let (a, b) = unsafe {
                (
                    a.cast::<u32>().read_unaligned(),
                    b.cast::<u32>().read_unaligned(),
                )
            };
            distance(a, b)
        };
        self.index.change_metric::<b1x8>(Box::new(distance));
    }

    /// Bytes that [`view`](Self::view) takes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, IndexError> {
        let mut bytes = vec![0; self.index.serialized_length()];
        self.index.save_to_buffer(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// Adds the row at a place. Several threads may, while nobody searches.
    pub(crate) fn add(&self, comparing: &Comparing<'_>, place: usize) -> Result<(), IndexError> {
        let member = (place as u32).to_ne_bytes();
        let add = || self.index.add(place as u64, b1x8::from_u8s(&member));
        let _turn = self.calls.take();
        comparing.during(add).map_err(failed)
    }

    /// About `wanted` of the nearest members that are allowed, in no order that counts.
    pub(crate) fn nearest(
        &self,
        comparing: &Comparing<'_>,
        wanted: usize,
        allows: Option<&dyn Fn(usize) -> bool>,
    ) -> Result<Vec<usize>, IndexError> {
        let query = QUERY.to_ne_bytes();
        let query = b1x8::from_u8s(&query);
        let search = || match allows {
            None => self.index.search(query, wanted),
            Some(allows) => {
                let allows = |key| allows(key as usize);
                self.index.filtered_search(query, wanted, allows)
            }
        };
        let _turn = self.calls.take();
        let found = comparing.during(search).map_err(failed)?;
        Ok(found.keys.into_iter().map(|key| key as usize).collect())
    }

    /// Bytes of memory beside a mapped file.
    pub(crate) fn memory(&self) -> usize {
        self.index.memory_usage()
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut graph = f.debug_struct("Graph");
        graph.field("members", &self.index.size()).finish()
    }
}

impl Comparing<'_> {
    /// Makes a call in which [`distance`] compares these.
    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        struct Restore(Option<NonNull<Comparing<'static>>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                COMPARING.set(self.0);
            }
        }
        let _restore = Restore(COMPARING.replace(Some(NonNull::from(self).cast())));
        call()
    }

    /// 1 − the inner product. Vectors have unit length but for their rounding, which the ranking of
    /// candidates may ignore.
    fn distance(&self, a: u32, b: u32) -> f32 {
        let row = |place: u32| self.vectors.bits(place as usize);
        let dot = match (a, b) {
            (QUERY, place) | (place, QUERY) => {
                row(place).map(|row| self.kernels.dot_half(self.query, row))
            }
            (a, b) => row(a)
                .zip(row(b))
                .map(|(a, b)| self.kernels.dot_halves(a, b)),
        };
        // Farther than anything: there is no such row. A panic could not pass through C++.
        dot.map_or(f32::MAX, |dot| 1.0 - dot)
    }
}

fn distance(a: u32, b: u32) -> f32 {
    match COMPARING.get() {
        // SAFETY: set by `during` of a call on this thread that has not returned, and whose `self` is
        // borrowed as long.
        Some(comparing) => unsafe { comparing.as_ref() }.distance(a, b),
        None => f32::MAX,
    }
}

/// A number of calls at once.
struct Calls {
    free: Mutex<usize>,
    returned: Condvar,
}

/// Given back when it is dropped.
struct Turn<'a>(&'a Calls);

impl Calls {
    fn new(free: usize) -> Self {
        Self {
            free: Mutex::new(free),
            returned: Condvar::new(),
        }
    }

    fn take(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.returned.wait_while(free, |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.returned.notify_one();
    }
}

fn failed(error: impl std::fmt::Display) -> IndexError {
    IndexError::Graph {
        reason: error.to_string(),
    }
}
