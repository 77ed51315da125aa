//! Drawing a map: neighbours from the index, and a layout of them.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use niteru_index::{Hit, IndexError, Search};
use niteru_learn::{LayoutOptions, Neighbours, Plane, layout};
use rusqlite::params;
use serde::Serialize;
use utoipa::ToSchema;

use super::Stored;
use crate::collection::sql_id;
use crate::error::Failure;
use crate::home::kernels;
use crate::index::CachedIndex;
use crate::near::from_blob;
use crate::{Collection, IndexBuild, StoreError, time};

/// Most images of a map: more would take an hour, and be no map any more.
const MOST: usize = 250_000;

/// Nearest neighbours that an image is kept together with.
const NEIGHBOURS: usize = 15;

/// Images that the first directions are found from, evenly taken from all.
const SAMPLE: usize = 4096;

/// Images that are read and searched at a time.
const PAGE: usize = 512;

/// Below this, embeddings differ by their rounding only.
const SAME: f32 = 1e-6;

/// What drawing is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapStage {
    /// The index of a large collection is built.
    Indexing,
    /// Each image's nearest neighbours are looked for.
    Neighbours,
    /// Images are moved to where their neighbours are; counted in steps.
    Arranging,
}

impl MapStage {
    /// One word, in small letters.
    pub fn name(self) -> &'static str {
        match self {
            MapStage::Indexing => "indexing",
            MapStage::Neighbours => "neighbours",
            MapStage::Arranging => "arranging",
        }
    }
}

/// How to draw.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct MapOptions<'a> {
    /// The same neighbours and the same number give the same map.
    pub seed: u64,
    /// Set to true, from any thread, to stop: the map that was there stays.
    pub cancel: Option<&'a AtomicBool>,
    /// Called with how much of a stage is done, and of how much; perhaps from several threads.
    pub progress: Option<&'a (dyn Fn(MapStage, usize, usize) + Sync)>,
}

impl MapOptions<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    fn tell(&self, stage: MapStage, done: usize, total: usize) {
        if let Some(progress) = self.progress {
            progress(stage, done, total);
        }
    }
}

/// What drawing did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MapReport {
    /// The collection.
    pub collection: String,
    /// Its model.
    pub model: String,
    /// Images on the map.
    pub images: usize,
    /// Whether it was cancelled; the map that was there stays.
    pub cancelled: bool,
    /// Wall time.
    pub seconds: f64,
}

impl Collection<'_> {
    /// Draws the map anew: all images that are not missing, those that are alike beside each other.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::MapTooLarge`], [`StoreError::MapFile`], and those of the
    /// database and the index.
    pub fn draw_map(&self, options: MapOptions<'_>) -> Result<MapReport, StoreError> {
        let started = Instant::now();
        if self.home.is_read_only() {
            let path = self.home.database().to_path_buf();
            return Err(StoreError::ReadOnly { path });
        }
        let stored = self.arranged(&options)?;
        if let Some(stored) = &stored {
            self.map_file()?.write(stored)?;
        }
        Ok(MapReport {
            collection: self.name().into(),
            model: self.identity().model.clone(),
            images: stored.as_ref().map_or(0, |stored| stored.ids.len()),
            cancelled: stored.is_none(),
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// The map; `None`: it was cancelled.
    fn arranged(&self, options: &MapOptions<'_>) -> Result<Option<Stored>, StoreError> {
        let (ids, plane) = self.sampled()?;
        if self.wants_index()? && !self.build_for_map(options)? {
            return Ok(None);
        }
        let cached = self.cached_index()?;
        self.home.read(|tx| cached.catch_up(self, tx))?;
        let mut start = vec![[f64::NAN; 2]; ids.len()];
        let mut neighbours = Neighbours::new();
        let total = ids.len();
        for page in ids.chunks(PAGE) {
            if options.is_cancelled() {
                return Ok(None);
            }
            options.tell(MapStage::Neighbours, neighbours.len(), total);
            let rows = self.embeddings_of(page)?;
            for (row, hits) in rows.iter().zip(search_all(&cached, &rows)?) {
                if let Some(row) = row {
                    start[neighbours.len()] = plane.project(row);
                }
                neighbours.push(hits.iter().filter_map(|hit| {
                    let point = ids.binary_search(&hit.id).ok()?;
                    let distance = 1.0 - hit.similarity;
                    let distance = if distance < SAME { 0.0 } else { distance };
                    Some((u32::try_from(point).ok()?, distance))
                }));
            }
        }
        let progress = |done, total| {
            options.tell(MapStage::Arranging, done, total);
            match options.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let mut arranging = LayoutOptions::default();
        arranging.seed = options.seed;
        arranging.progress = Some(&progress);
        Ok(layout(&start, &neighbours, arranging)
            .ok()
            .map(|places| Stored {
                made: Some(time::now()),
                ids,
                places: in_square(&places),
            }))
    }

    /// The images' ids, and the plane in which they differ most.
    fn sampled(&self) -> Result<(Vec<u64>, Plane), StoreError> {
        let dimensions = self.identity().dimensions;
        let ids = self.home.read(|tx| super::ids_there(tx, self.id))?;
        if ids.len() > MOST {
            return Err(StoreError::MapTooLarge {
                collection: self.name().into(),
                images: ids.len(),
                most: MOST,
            });
        }
        let every = ids.len().div_ceil(SAMPLE).max(1);
        let some: Vec<u64> = ids.iter().copied().step_by(every).collect();
        let rows = self.embeddings_of(&some)?.into_iter().flatten();
        let rows: Vec<f32> = rows.flatten().collect();
        let plane = Plane::fit(kernels(), &rows, dimensions);
        let damaged = |error| {
            StoreError::from(IndexError::Graph {
                reason: format!("{error}"),
            })
        };
        Ok((ids, plane.map_err(damaged)?))
    }

    /// Their embeddings; `None` for images that are gone, or that are not as they should be.
    fn embeddings_of(&self, ids: &[u64]) -> Result<Vec<Option<Vec<f32>>>, StoreError> {
        let dimensions = self.identity().dimensions;
        self.home.read(|tx| {
            let sql = "SELECT e.vector FROM embeddings e JOIN images i ON i.id = e.image
                       WHERE i.id = ? AND i.collection = ?";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = Vec::with_capacity(ids.len());
            for &id in ids {
                let mut found = statement.query(params![sql_id(id), self.id])?;
                let row = match found.next()? {
                    Some(row) => {
                        let blob = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
                        Some(from_blob(blob))
                    }
                    None => None,
                };
                let whole = |row: &Vec<f32>| {
                    row.len() == dimensions && row.iter().all(|value| value.is_finite())
                };
                rows.push(row.filter(whole));
            }
            Ok::<_, Failure>(rows)
        })
    }

    /// Without a graph each search would compare all images. False when it was cancelled.
    fn build_for_map(&self, options: &MapOptions<'_>) -> Result<bool, StoreError> {
        let progress = |done, total| options.tell(MapStage::Indexing, done, total);
        let built = self.build_index(IndexBuild {
            threads: 0,
            cancel: options.cancel,
            progress: Some(&progress),
        })?;
        Ok(!built.cancelled)
    }
}

/// The nearest neighbours of each row, on all cores. Threads of their own: a scan of many images runs on
/// rayon's while it holds the index's lock.
fn search_all(
    cached: &CachedIndex,
    rows: &[Option<Vec<f32>>],
) -> Result<Vec<Vec<Hit>>, IndexError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let search = |row: &Option<Vec<f32>>| match row {
        // The image itself is found, too.
        Some(row) => cached.search(row, &Search::top(NEIGHBOURS + 1), None),
        None => Ok(Vec::new()),
    };
    let parts = rows.chunks(rows.len().div_ceil(cores).max(1));
    thread::scope(|scope| {
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(search).collect::<Result<Vec<_>, _>>()))
            .collect();
        let mut all = Vec::with_capacity(rows.len());
        for thread in threads {
            let panicked = |_| IndexError::Graph {
                reason: "a thread that searches it panicked".into(),
            };
            all.extend(thread.join().map_err(panicked).flatten()?);
        }
        Ok(all)
    })
}

/// Places in a square of 65 535 a side: both axes by one scale, the narrower one in its middle.
fn in_square(places: &[[f32; 2]]) -> Vec<[u16; 2]> {
    let ends = |axis: usize| {
        let along = places.iter().map(|place| place[axis]);
        along.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), at| {
            (low.min(at), high.max(at))
        })
    };
    let ends = [ends(0), ends(1)];
    let width = ends.map(|(low, high)| high - low);
    // A single image has no width, and lies in the middle.
    let scale = match width[0].max(width[1]) {
        width if width > 0.0 => 65_535.0 / width,
        _ => 0.0,
    };
    let place = |place: &[f32; 2]| {
        [0, 1].map(|axis| {
            let (low, high) = ends[axis];
            let middle = f32::midpoint(low, high);
            let at = 32_767.5 + (place[axis] - middle) * scale;
            at.round().clamp(0.0, 65_535.0) as u16
        })
    };
    places.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_fill_the_square_in_one_direction() {
        assert_eq!(in_square(&[]), [[0u16; 2]; 0]);
        assert_eq!(in_square(&[[7.0, -3.0]]), [[32_768, 32_768]]);
        let places = in_square(&[[-2.0, 0.0], [2.0, 1.0], [0.0, 0.5]]);
        assert_eq!(places, [[0, 24_576], [65_535, 40_959], [32_768, 32_768]]);
    }
}
