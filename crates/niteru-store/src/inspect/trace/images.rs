//! The images that were inspected in a period, with what is known of them.

use std::collections::{BTreeMap, HashMap};

use niteru_inspect::Verdict;
use rusqlite::{Transaction, named_params};

use super::TraceQuery;
use super::course::{hour, weekday};
use crate::StoreError;
use crate::error::Failure;
use crate::inspect::inspectors::{find_version, version_ids};
use crate::inspect::record::{defect_problem, read_defect};
use crate::inspect::verdict::StoredVerdict;

/// Most inspections that are looked at, the newest: about 100 MB.
const MOST_INSPECTIONS: usize = 500_000;

/// What is known of every inspection without its metadata; metadata of the same name come first.
const BUILT_IN: [&str; 4] = ["hour", "weekday", "operator", "inspector_version"];

/// An image by the inspection that counts for it.
pub(super) struct Inspected {
    pub(super) id: i64,
    pub(super) time: i64,
    inspector: i64,
    pub(super) sha256: [u8; 32],
    operator: Option<String>,
    verdict: Verdict,
    reviewed: bool,
    has_defect: bool,
}

/// Every image that was inspected once, the newest first.
pub(super) struct Images {
    pub(super) images: Vec<Inspected>,
    /// Number of other inspections of these images.
    pub(super) repeated: u64,
    /// Whether there are older inspections, which were too many.
    pub(super) cut_off: bool,
    /// Model fingerprint and version, by the id of a version.
    inspectors: HashMap<i64, (String, u32)>,
}

/// The values of a field.
pub(super) struct Column {
    pub(super) field: String,
    /// Every value once.
    pub(super) values: Vec<String>,
    /// By image, the place of its value.
    pub(super) of: Vec<Option<u32>>,
    /// Where a value is in `values`.
    places: HashMap<String, u32>,
}

impl Column {
    fn new(field: &str, images: usize) -> Self {
        Self {
            field: field.into(),
            values: Vec::new(),
            of: vec![None; images],
            places: HashMap::new(),
        }
    }

    fn set(&mut self, image: usize, value: &str) {
        let place = match self.places.get(value) {
            Some(&place) => place,
            None => {
                let place = self.values.len() as u32;
                self.values.push(value.to_owned());
                self.places.insert(value.to_owned(), place);
                place
            }
        };
        self.of[image] = Some(place);
    }
}

/// Vectors of what defects look like.
#[derive(Default)]
pub(super) struct Defects {
    /// By what can be compared: vectors of one model and one length.
    pub(super) parts: Vec<Part>,
    /// How many images have none.
    pub(super) without: u64,
    /// How many images were too many.
    pub(super) left_out: u64,
}

/// Vectors that can be compared.
pub(super) struct Part {
    /// Fingerprint of their model.
    pub(super) model: String,
    /// The places of their images.
    pub(super) places: Vec<usize>,
    pub(super) dimensions: usize,
    /// One after the other.
    pub(super) vectors: Vec<f32>,
}

impl Images {
    pub(super) fn read(tx: &Transaction<'_>, query: &TraceQuery) -> Result<Self, Failure> {
        let ids = match query.version {
            None => version_ids(tx, &query.inspector)?,
            version => vec![find_version(tx, &query.inspector, version)?],
        };
        let mut inspectors = HashMap::new();
        let mut all = Vec::new();
        for &id in &ids {
            let sql = "SELECT fingerprint, version FROM inspectors WHERE id = ?";
            let known = tx.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            inspectors.insert(id, known);
            read_version(tx, query, id, &mut all)?;
        }
        all.sort_unstable_by_key(|image| std::cmp::Reverse((image.time, image.id)));
        let cut_off = all.len() > MOST_INSPECTIONS;
        all.truncate(MOST_INSPECTIONS);
        let count = all.len();
        let images = once_each(all);
        Ok(Self {
            repeated: (count - images.len()) as u64,
            images,
            cut_off,
            inspectors,
        })
    }

    /// The places of those that are NG.
    pub(super) fn bad(&self) -> Vec<usize> {
        let places = 0..self.images.len();
        places
            .filter(|&at| self.images[at].verdict == Verdict::Ng)
            .collect()
    }

    /// What the defects look like in the images at these places, the first `most` that have a vector.
    pub(super) fn defects(
        &self,
        tx: &Transaction<'_>,
        places: &[usize],
        most: usize,
    ) -> rusqlite::Result<Defects> {
        let mut defects = Defects::default();
        let mut parts: HashMap<(&str, usize), usize> = HashMap::new();
        let mut taken = 0;
        let mut statement = tx.prepare_cached("SELECT defect FROM inspections WHERE id = ?")?;
        for &place in places {
            let image = &self.images[place];
            if image.has_defect && taken == most {
                defects.left_out += 1;
                continue;
            }
            let vector: Option<Vec<f32>> = statement.query_row([image.id], |row| {
                Ok(row.get_ref(0)?.as_blob_or_null()?.map(read_defect))
            })?;
            // In a damaged database they may be no unit vectors; `check` tells.
            let Some(vector) = vector.filter(|vector| defect_problem(vector).is_none()) else {
                defects.without += 1;
                continue;
            };
            taken += 1;
            let (model, _) = &self.inspectors[&image.inspector];
            let part = *parts.entry((model, vector.len())).or_insert_with(|| {
                defects.parts.push(Part {
                    model: model.clone(),
                    places: Vec::new(),
                    dimensions: vector.len(),
                    vectors: Vec::new(),
                });
                defects.parts.len() - 1
            });
            defects.parts[part].places.push(place);
            defects.parts[part].vectors.extend(vector);
        }
        Ok(defects)
    }

    /// The values of all fields there are: metadata, and what is known of every inspection.
    pub(super) fn columns(
        &self,
        tx: &Transaction<'_>,
        query: &TraceQuery,
    ) -> Result<Vec<Column>, Failure> {
        if self.images.is_empty() {
            return Ok(Vec::new());
        }
        let mut columns = self.metadata(tx)?;
        for name in BUILT_IN {
            if !columns.iter().any(|column| column.field == name) {
                columns.push(self.built_in(name, query.utc_offset()));
            }
        }
        let unknown = |field: &&String| !columns.iter().any(|column| column.field == **field);
        match query.fields.iter().find(unknown) {
            None => Ok(columns),
            Some(field) => Err(StoreError::NoInspectionField {
                inspector: query.inspector.clone(),
                field: field.clone(),
                names: columns.into_iter().map(|column| column.field).collect(),
            }
            .into()),
        }
    }

    /// Metadata fields in the order in which they first came.
    fn metadata(&self, tx: &Transaction<'_>) -> Result<Vec<Column>, Failure> {
        let mut names = tx.prepare_cached("SELECT id, name FROM inspection_fields")?;
        let names = names.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let names: HashMap<i64, String> = names.collect::<Result<_, _>>()?;
        let mut columns: BTreeMap<i64, Column> = BTreeMap::new();
        let sql = "SELECT field, value FROM inspection_metadata WHERE inspection = ?";
        let mut statement = tx.prepare_cached(sql)?;
        for (place, image) in self.images.iter().enumerate() {
            let mut rows = statement.query([image.id])?;
            while let Some(row) = rows.next()? {
                let field = row.get(0)?;
                let Some(name) = names.get(&field) else {
                    continue;
                };
                let value = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
                columns
                    .entry(field)
                    .or_insert_with(|| Column::new(name, self.images.len()))
                    .set(place, value);
            }
        }
        Ok(columns.into_values().collect())
    }

    fn built_in(&self, name: &str, offset: i64) -> Column {
        let mut column = Column::new(name, self.images.len());
        for (place, image) in self.images.iter().enumerate() {
            let local = image.time + offset;
            match (name, &image.operator) {
                ("hour", _) => column.set(place, &hour(local)),
                ("weekday", _) => column.set(place, weekday(local)),
                ("operator", Some(operator)) => column.set(place, operator),
                ("operator", None) => {}
                _ => {
                    let (_, version) = self.inspectors[&image.inspector];
                    column.set(place, &version.to_string());
                }
            }
        }
        column
    }
}

fn read_version(
    tx: &Transaction<'_>,
    query: &TraceQuery,
    inspector: i64,
    all: &mut Vec<Inspected>,
) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "SELECT i.id, i.time, i.sha256, i.operator, i.verdict, i.defect IS NOT NULL,
             (SELECT r.verdict FROM reviews r WHERE r.inspection = i.id ORDER BY r.id DESC LIMIT 1)
         FROM inspections i
         WHERE i.inspector = :inspector AND i.time >= :since AND i.time < :until
         ORDER BY i.time DESC, i.id DESC LIMIT :limit",
    )?;
    let mut rows = statement.query(named_params! {
        ":inspector": inspector,
        ":since": query.since.unwrap_or(i64::MIN),
        ":until": query.until.unwrap_or(i64::MAX),
        // One more, to know whether there are.
        ":limit": MOST_INSPECTIONS as i64 + 1,
    })?;
    while let Some(row) = rows.next()? {
        let review: Option<StoredVerdict> = row.get(6)?;
        all.push(Inspected {
            id: row.get(0)?,
            time: row.get(1)?,
            inspector,
            sha256: row.get(2)?,
            operator: row.get(3)?,
            verdict: review.map_or_else(|| row.get(4), Ok)?.0,
            reviewed: review.is_some(),
            has_defect: row.get(5)?,
        });
    }
    Ok(())
}

/// Keeps one inspection of each image (the same contents): the newest that a person has reviewed, else
/// the newest. An image that was inspected ten times is no evidence for ten bad parts.
fn once_each(all: Vec<Inspected>) -> Vec<Inspected> {
    let mut places: HashMap<[u8; 32], usize> = HashMap::with_capacity(all.len());
    let mut kept: Vec<Inspected> = Vec::with_capacity(all.len());
    for image in all {
        match places.get(&image.sha256) {
            None => {
                places.insert(image.sha256, kept.len());
                kept.push(image);
            }
            Some(&place) if image.reviewed && !kept[place].reviewed => kept[place] = image,
            Some(_) => {}
        }
    }
    kept.sort_unstable_by_key(|image| std::cmp::Reverse((image.time, image.id)));
    kept
}
