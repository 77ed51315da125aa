//! Maps: all images of a collection in two dimensions, those that are alike beside each other.
//!
//! A map is drawn when somebody asks for it, which takes seconds to minutes, and is kept in
//! `home/maps/<collection>.map`. It is derived and can be deleted at any time; a file that cannot be used
//! is as good as none. Images that are added later are shown beside the image that they are most like until
//! the map is drawn again; those that are gone are left out.

mod colours;
mod draw;
mod file;

use niteru_index::Search;
use rusqlite::{OptionalExtension, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::colours::{MapColour, MapColours};
pub use self::draw::{MapOptions, MapReport, MapStage};
use self::file::Stored;
use crate::collection::sql_id;
use crate::error::Failure;
use crate::near::from_blob;
use crate::{Collection, StoreError};

/// New images that are placed beside others when a map is looked at: each costs a search.
const PLACED: usize = 200;

/// Images that a new one is compared with, in case the first ones are new, too.
const COMPARED: usize = 8;

/// How far a new image lies from the one that it is most like: a 256th of the map, to any side.
const BESIDE: u16 = 256;

/// What is known of a collection's map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MapState {
    /// The collection.
    pub collection: String,
    /// Images that a map drawn now would have; the missing ones are not among them.
    pub images: u64,
    /// When it was drawn, milliseconds since 1970 (UTC); `None`: there is no map.
    pub drawn: Option<i64>,
    /// Images that came since.
    pub new: u64,
    /// Images of the map that are gone, or missing.
    pub gone: u64,
    /// Becomes another when the map, or the images on it, do.
    pub version: String,
}

/// The points of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapPoints {
    /// As in [`MapState`].
    pub version: String,
    /// Images by their ids: first those that were drawn, then those that came since.
    pub ids: Vec<u64>,
    /// Where each is, `[x, y]`; the map is a square of 65 535 a side, filled in one direction at least.
    pub places: Vec<[u16; 2]>,
    /// So many of them were drawn; the others are shown beside the image that they are most like.
    pub drawn: usize,
}

/// What a map shows now.
struct Current {
    state: MapState,
    /// Images that were drawn and are still there, with their places.
    drawn: Vec<(u64, [u16; 2])>,
    /// The first of those that came since.
    new: Vec<u64>,
}

impl Current {
    fn ids(&self) -> impl Iterator<Item = u64> {
        let drawn = self.drawn.iter().map(|(id, _)| *id);
        drawn.chain(self.new.iter().copied())
    }
}

impl Collection<'_> {
    /// What is known of the map.
    ///
    /// # Errors
    /// Those of the database.
    pub fn map_state(&self) -> Result<MapState, StoreError> {
        Ok(self.current_map()?.state)
    }

    /// The map as it is, with up to 200 of the images that came since; no points where there is none.
    ///
    /// # Errors
    /// Those of the database, and of the index.
    pub fn map_points(&self) -> Result<MapPoints, StoreError> {
        let current = self.current_map()?;
        let (mut ids, mut places): (Vec<u64>, Vec<[u16; 2]>) =
            current.drawn.iter().copied().unzip();
        let drawn = ids.len();
        if !current.new.is_empty() {
            for (&id, place) in current.new.iter().zip(self.beside(&current)?) {
                ids.push(id);
                places.push(place);
            }
        }
        Ok(MapPoints {
            version: current.state.version,
            ids,
            places,
            drawn,
        })
    }

    fn current_map(&self) -> Result<Current, StoreError> {
        let stored = self.map_file()?.read();
        self.home.read(|tx| {
            let there = ids_there(tx, self.id)?;
            let change = last_change(tx, self.id)?;
            let stored = stored.unwrap_or_default();
            let drawn: Vec<(u64, [u16; 2])> = stored
                .points()
                .filter(|(id, _)| there.binary_search(id).is_ok())
                .collect();
            let is_new = |id: &u64| stored.ids.binary_search(id).is_err();
            let is_drawn = stored.made.is_some();
            let mut new = there.iter().copied().filter(|id| is_drawn && is_new(id));
            let first: Vec<u64> = new.by_ref().take(PLACED).collect();
            let state = MapState {
                collection: self.name().into(),
                images: there.len() as u64,
                drawn: stored.made,
                new: (first.len() + new.count()) as u64,
                gone: (stored.ids.len() - drawn.len()) as u64,
                version: format!("{:x}-{change:x}", stored.made.unwrap_or(0)),
            };
            Ok(Current {
                state,
                drawn,
                new: first,
            })
        })
    }

    /// Where new images are shown: beside the drawn image that they are most like, else in the middle.
    fn beside(&self, current: &Current) -> Result<Vec<[u16; 2]>, StoreError> {
        let cached = self.cached_index()?;
        let mut places = Vec::with_capacity(current.new.len());
        for &id in &current.new {
            let vector = self.home.read(|tx| {
                cached.catch_up(self, tx)?;
                let sql = "SELECT vector FROM embeddings WHERE image = ?";
                let mut statement = tx.prepare_cached(sql)?;
                let vector = statement.query_row([sql_id(id)], |row| {
                    Ok(from_blob(row.get_ref(0)?.as_blob()?))
                });
                Ok(vector.optional()?)
            })?;
            let hits = match vector {
                Some(vector) => cached.search(&vector, &Search::top(COMPARED), None)?,
                None => Vec::new(),
            };
            let place_of = |id: u64| {
                let found = current.drawn.binary_search_by_key(&id, |(id, _)| *id);
                found.ok().map(|at| current.drawn[at].1)
            };
            let nearest = hits.iter().find_map(|hit| place_of(hit.id));
            places.push(shifted(nearest.unwrap_or([u16::MAX / 2; 2]), id));
        }
        Ok(places)
    }
}

/// A place beside another, to a side that depends on the image only.
fn shifted(place: [u16; 2], id: u64) -> [u16; 2] {
    let angle = (id % 16) as f64 / 16.0 * std::f64::consts::TAU;
    let [x, y] = place.map(f64::from);
    let far = f64::from(BESIDE);
    [x + far * angle.cos(), y + far * angle.sin()].map(|at| at.clamp(0.0, 65_535.0) as u16)
}

/// The images that a map has: those that are not missing, by id.
fn ids_there(tx: &Transaction<'_>, collection: i64) -> Result<Vec<u64>, Failure> {
    let sql = "SELECT id FROM images WHERE collection = ? AND missing = 0 ORDER BY id";
    let mut statement = tx.prepare_cached(sql)?;
    let ids = statement.query_map([collection], |row| row.get::<_, i64>(0))?;
    Ok(ids
        .map(|id| id.map(i64::cast_unsigned))
        .collect::<Result<_, _>>()?)
}

/// The last change of a collection's images.
fn last_change(tx: &Transaction<'_>, collection: i64) -> Result<u64, Failure> {
    let sql = "SELECT max(
                   coalesce((SELECT max(change) FROM images WHERE collection = ?1), 0),
                   coalesce((SELECT max(change) FROM removed_images WHERE collection = ?1), 0))";
    let change: i64 = tx.query_row(sql, [collection], |row| row.get(0))?;
    Ok(change.cast_unsigned())
}
