//! Which value of a metadata field each point of a map has.

use std::collections::{HashMap, HashSet};

use rusqlite::params;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Collection, StoreError};

/// Most values that are told apart: more colours than this cannot be.
const MOST: usize = 8;

/// Ranges that numbers are told apart in.
const RANGES: usize = 6;

/// The place of a point whose value is none of those that are told apart, and of one that has none.
const OTHER: u8 = 254;
const NONE: u8 = 255;

/// What a colour stands for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MapColour {
    /// The value; `None` for a range of numbers.
    pub value: Option<String>,
    /// The smallest number of a range.
    pub from: Option<f64>,
    /// The largest number of a range.
    pub to: Option<f64>,
    /// Points that have it.
    pub images: u64,
}

/// The values of a field on a map.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MapColours {
    /// The field.
    pub field: String,
    /// As in [`MapState`](super::MapState): of other points when it is another.
    pub version: String,
    /// The up to eight most frequent values, the most frequent first; or, of numbers with more values than
    /// that, six ranges with about as many points each, the smallest numbers first.
    pub colours: Vec<MapColour>,
    /// Points with another value.
    pub other: u64,
    /// Points without one.
    pub none: u64,
    /// For each point the place of its value in `colours`; 254: another, 255: none.
    pub points: Vec<u8>,
}

/// The values of the points.
struct Values {
    texts: HashMap<u64, String>,
    numbers: HashMap<u64, f64>,
}

impl Collection<'_> {
    /// The values that the points of the map have in a field, in the order of
    /// [`Collection::map_points`].
    ///
    /// # Errors
    /// [`StoreError::NoField`], and those of the database.
    pub fn map_colours(&self, field: &str) -> Result<MapColours, StoreError> {
        self.select_field(field)?;
        let current = self.current_map()?;
        let ids: Vec<u64> = current.ids().collect();
        let Values { mut texts, numbers } = self.values_of(field)?;
        let there: HashSet<u64> = ids.iter().copied().collect();
        texts.retain(|id, _| there.contains(id));
        let mut counts: HashMap<&str, u64> = HashMap::new();
        for text in texts.values() {
            *counts.entry(text).or_default() += 1;
        }
        let all_numbers = texts.keys().all(|id| numbers.contains_key(id));
        let (colours, points) = match all_numbers && counts.len() > MOST {
            true => ranges(&ids, &numbers),
            false => most_frequent(&ids, &texts, &counts),
        };
        let count = |wanted: u8| points.iter().filter(|&&place| place == wanted).count() as u64;
        Ok(MapColours {
            field: field.into(),
            version: current.state.version,
            other: count(OTHER),
            none: count(NONE),
            colours,
            points,
        })
    }

    fn select_field(&self, field: &str) -> Result<(), StoreError> {
        let fields = self.fields()?;
        match fields.iter().any(|known| known == field) {
            true => Ok(()),
            false => Err(StoreError::NoField {
                collection: self.name().into(),
                field: field.into(),
                names: fields,
            }),
        }
    }

    fn values_of(&self, field: &str) -> Result<Values, StoreError> {
        self.home.read(|tx| {
            let sql =
                "SELECT m.image, m.value, m.number FROM metadata m JOIN fields f ON f.id = m.field
                       WHERE f.collection = ? AND f.name = ?";
            let mut statement = tx.prepare_cached(sql)?;
            let mut rows = statement.query(params![self.id, field])?;
            let (mut texts, mut numbers) = (HashMap::new(), HashMap::new());
            while let Some(row) = rows.next()? {
                let id = row.get::<_, i64>(0)?.cast_unsigned();
                texts.insert(id, row.get(1)?);
                if let Some(number) = row.get(2)? {
                    numbers.insert(id, number);
                }
            }
            Ok(Values { texts, numbers })
        })
    }
}

fn most_frequent(
    ids: &[u64],
    texts: &HashMap<u64, String>,
    counts: &HashMap<&str, u64>,
) -> (Vec<MapColour>, Vec<u8>) {
    let mut order: Vec<(&str, u64)> = counts.iter().map(|(text, count)| (*text, *count)).collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    order.truncate(MOST);
    let place = |id: &u64| match texts.get(id) {
        None => NONE,
        Some(text) => order
            .iter()
            .position(|(known, _)| known == text)
            .map_or(OTHER, |place| place as u8),
    };
    let points = ids.iter().map(place).collect();
    let colour = |&(value, images): &(&str, u64)| MapColour {
        value: Some(value.into()),
        from: None,
        to: None,
        images,
    };
    (order.iter().map(colour).collect(), points)
}

/// Ranges with about as many points each; equal numbers are never parted.
fn ranges(ids: &[u64], numbers: &HashMap<u64, f64>) -> (Vec<MapColour>, Vec<u8>) {
    let mut sorted: Vec<f64> = ids
        .iter()
        .filter_map(|id| numbers.get(id).copied())
        .collect();
    sorted.sort_by(f64::total_cmp);
    let mut ends: Vec<f64> = (1..=RANGES)
        .filter_map(|range| {
            sorted
                .get((sorted.len() * range / RANGES).checked_sub(1)?)
                .copied()
        })
        .collect();
    ends.dedup();
    let mut colours: Vec<MapColour> = ends
        .iter()
        .map(|&end| MapColour {
            value: None,
            from: None,
            to: Some(end),
            images: 0,
        })
        .collect();
    for &number in &sorted {
        let at = ends.partition_point(|&end| end < number);
        if let Some(colour) = colours.get_mut(at) {
            colour.from.get_or_insert(number);
            colour.images += 1;
        }
    }
    let place = |id: &u64| match numbers.get(id) {
        None => NONE,
        Some(&number) => ends.partition_point(|&end| end < number) as u8,
    };
    (colours, ids.iter().map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_about_as_many_each_and_part_no_equal_numbers() {
        let ids: Vec<u64> = (0..60).collect();
        let numbers = |value: &dyn Fn(u64) -> f64| ids.iter().map(|&id| (id, value(id))).collect();
        let (even, places) = ranges(&ids, &numbers(&|id| id as f64));
        assert_eq!(even.iter().map(|c| c.images).collect::<Vec<_>>(), [10; 6]);
        assert_eq!((even[1].from, even[1].to), (Some(10.0), Some(19.0)));
        assert_eq!((places[0], places[10], places[59]), (0, 1, 5));
        let (equal, places) = ranges(&ids, &numbers(&|id| (id / 50) as f64));
        assert_eq!(equal.iter().map(|c| c.images).collect::<Vec<_>>(), [50, 10]);
        assert_eq!((places[49], places[50]), (0, 1));
        assert_eq!(ranges(&[], &HashMap::new()), (vec![], vec![]));
    }
}
