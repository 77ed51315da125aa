use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use niteru_index::{Condition, f16, from_f16};
use rayon::prelude::*;
use rusqlite::{Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collection::read_vector;
use crate::error::Failure;
use crate::filter::{Selection, select};
use crate::home::kernels;
use crate::known::Place;
use crate::{Candidate, Collection, EncoderIdentity, ImageEncoder, StoreError, paths};

/// Queries compared together: their similarities to every image are what one task keeps.
const QUERY_ROWS: usize = 32;

/// Values of the images compared together, 256 KiB: read once from memory for all queries.
const TILE_VALUES: usize = 64 * 1024;

/// Images of a collection that carry a field and are there.
const LABELLED: &str = "FROM fields f
     JOIN metadata m ON m.field = f.id
     JOIN images i ON i.id = m.image
     JOIN embeddings e ON e.image = i.id
     WHERE f.collection = ? AND f.name = ? AND i.missing = 0";

/// How well the nearest images of a collection share a field's value.
///
/// Leave-one-out: every image that carries the field and is not missing is a query against all
/// *other* images that carry it. An other image is *relevant* if its value is equal to the
/// query's, character by character. The others are ranked by similarity descending, equal
/// similarities by id ascending.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RetrievalReport {
    /// The collection.
    pub collection: String,
    /// Its model.
    pub model: String,
    /// The field.
    pub field: String,
    /// Images that carry the field.
    pub images: usize,
    /// Different values among them.
    pub values: usize,
    /// Images with at least one relevant other: those that the figures below are means over.
    pub queries: usize,
    /// Images whose value no other has; they are no queries, but others may find them.
    pub singletons: usize,
    /// Share of queries whose nearest other image is relevant.
    pub recall_at_1: f64,
    /// Share of queries with at least one relevant image among the 5 nearest others.
    pub recall_at_5: f64,
    /// Share of queries with at least one relevant image among the 10 nearest others.
    pub recall_at_10: f64,
    /// Mean over queries of average precision: the mean over *all* relevant images of the share
    /// of relevant ones among the images ranked up to and with it.
    pub mean_average_precision: f64,
}

/// What one query contributes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Score {
    /// Rank of the first relevant image, from 1.
    first: usize,
    average_precision: f64,
}

impl Collection<'_> {
    /// Evaluates how well similarity finds images with the same value of a field, among those that
    /// pass the filter.
    ///
    /// Takes time with the square of the number of images. Memory: their embeddings in f32, once,
    /// plus 136 bytes an image for each thread. Set, `cancel` ends it.
    ///
    /// # Errors
    /// [`StoreError::Stopped`], [`StoreError::NoField`], [`StoreError::NothingPasses`], [`StoreError::Condition`] as in
    /// [`Collection::select`], and those of the database.
    pub fn evaluate_retrieval(
        &self,
        field: &str,
        filter: Option<&Condition>,
        cancel: Option<&AtomicBool>,
    ) -> Result<RetrievalReport, StoreError> {
        let labelled = self.labelled(field, filter)?;
        self.report(self.identity(), field, filter, labelled, cancel)
    }

    /// The same for another encoder: the images' files are embedded anew, and nothing is stored.
    ///
    /// Files that cannot be embedded are left out. `on_image` is called after each file with how many
    /// are done and how many there are.
    ///
    /// # Errors
    /// Those of [`Collection::evaluate_retrieval`], and [`StoreError::Encoder`].
    pub fn evaluate_encoder(
        &self,
        encoder: &dyn ImageEncoder,
        field: &str,
        filter: Option<&Condition>,
        on_image: &mut dyn FnMut(usize, usize),
        cancel: Option<&AtomicBool>,
    ) -> Result<RetrievalReport, StoreError> {
        let (files, values) = self.labelled_files(field, filter)?;
        let (mut vectors, mut labels) = (Vec::new(), Vec::new());
        let mut done = 0;
        encoder
            .embed_files(&mut files.into_iter(), &mut |_, embedded| {
                if let Ok(embedded) = embedded {
                    vectors.extend(embedded.embedding);
                    labels.push(values[done]);
                }
                done += 1;
                on_image(done, values.len());
                match is_set(cancel) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })
            .map_err(|source| StoreError::Encoder {
                model: encoder.identity().model,
                source,
            })?;
        if is_set(cancel) {
            return Err(StoreError::Stopped);
        }
        let labelled = (vectors, renumbered(labels));
        self.report(&encoder.identity(), field, filter, labelled, cancel)
    }

    fn report(
        &self,
        encoder: &EncoderIdentity,
        field: &str,
        filter: Option<&Condition>,
        (vectors, labels): (Vec<f32>, Vec<u32>),
        cancel: Option<&AtomicBool>,
    ) -> Result<RetrievalReport, StoreError> {
        if labels.is_empty() {
            let (collection, field, names) = (self.name().into(), field.into(), self.fields()?);
            return Err(if filter.is_some() && names.contains(&field) {
                StoreError::NothingPasses { collection, field }
            } else {
                StoreError::NoField {
                    collection,
                    field,
                    names,
                }
            });
        }
        let scores = score(vectors, encoder.dimensions, &labels, cancel);
        if is_set(cancel) {
            return Err(StoreError::Stopped);
        }
        let queries = scores.len();
        let mean = |value: &dyn Fn(&Score) -> f64| match queries {
            0 => 0.0,
            _ => scores.iter().map(value).sum::<f64>() / queries as f64,
        };
        let recall = |k| mean(&|score| f64::from(score.first <= k));
        Ok(RetrievalReport {
            collection: self.name().into(),
            model: encoder.model.clone(),
            field: field.into(),
            images: labels.len(),
            values: labels.iter().max().map_or(0, |&last| last as usize + 1),
            queries,
            singletons: labels.len() - queries,
            recall_at_1: recall(1),
            recall_at_5: recall(5),
            recall_at_10: recall(10),
            mean_average_precision: mean(&|score| score.average_precision),
        })
    }

    /// The files of labelled images by id, and a number for each one's value of the field.
    fn labelled_files(
        &self,
        field: &str,
        filter: Option<&Condition>,
    ) -> Result<(Vec<Candidate>, Vec<u32>), StoreError> {
        let mut files = Vec::new();
        let labels = self.home.read(|tx| {
            self.each_labelled(tx, field, filter, "i.path, i.bytes", &mut |row| {
                files.push(Candidate {
                    place: Place {
                        path: paths::from_bytes(row.get(2)?),
                        target: None,
                    },
                    bytes: row.get::<_, i64>(3)?.cast_unsigned(),
                    modified: None,
                });
                Ok(())
            })
        })?;
        Ok((files, labels))
    }

    /// Embeddings, row after row by id, and a number for each one's value of the field.
    fn labelled(
        &self,
        field: &str,
        filter: Option<&Condition>,
    ) -> Result<(Vec<f32>, Vec<u32>), StoreError> {
        let dimensions = self.identity().dimensions;
        self.home.read(|tx| {
            let count: i64 = tx
                .prepare_cached(&format!("SELECT count(*) {LABELLED}"))?
                .query_row(params![self.id, field], |row| row.get(0))?;
            let count = usize::try_from(count).unwrap_or(0);
            // All at once: a vector that grows holds its values twice while it moves them.
            let mut vectors = Vec::with_capacity(count * dimensions);
            let mut vector: Vec<f16> = Vec::new();
            let labels = self.each_labelled(tx, field, filter, "e.vector", &mut |row| {
                vector.clear();
                read_vector(row.get_ref(2)?.as_blob()?, &mut vector);
                vector.resize(dimensions, f16::ZERO);
                vectors.extend(from_f16(&vector));
                Ok(())
            })?;
            Ok((vectors, labels))
        })
    }

    /// Hands over each image that carries the field and passes the filter, by id, with these columns
    /// from the third on; returns a number for each one's value.
    fn each_labelled(
        &self,
        tx: &Transaction<'_>,
        field: &str,
        filter: Option<&Condition>,
        columns: &str,
        take: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<Vec<u32>, Failure> {
        let selection = match filter {
            Some(condition) => select(tx, self, condition)?,
            None => Selection::all(),
        };
        let sql = format!("SELECT m.value, i.id, {columns} {LABELLED} ORDER BY i.id");
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.id, field])?;
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut labels = Vec::new();
        while let Some(row) = rows.next()? {
            if !selection.allows(row.get::<_, i64>(1)?.cast_unsigned()) {
                continue;
            }
            let next = numbers.len() as u32;
            labels.push(*numbers.entry(row.get(0)?).or_insert(next));
            take(row)?;
        }
        Ok(labels)
    }
}

/// The same labels numbered from 0 in the order in which they come, without gaps.
fn renumbered(labels: Vec<u32>) -> Vec<u32> {
    let mut numbers = HashMap::new();
    let number = |label| {
        let next = numbers.len() as u32;
        *numbers.entry(label).or_insert(next)
    };
    labels.into_iter().map(number).collect()
}

fn is_set(cancel: Option<&AtomicBool>) -> bool {
    cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
}

/// The scores of all queries that have a relevant image, in order; some of them once it is cancelled. Takes the
/// vectors to normalise them where they are.
fn score(
    mut unit: Vec<f32>,
    dimensions: usize,
    labels: &[u32],
    cancel: Option<&AtomicBool>,
) -> Vec<Score> {
    let kernels = kernels();
    for row in unit.chunks_exact_mut(dimensions) {
        // A stored vector has a direction; one that has none would rank last with its zeros.
        let _ = kernels.normalize(row);
    }
    let mut counts = vec![0_u32; labels.len()];
    labels.iter().for_each(|&label| counts[label as usize] += 1);

    let images = labels.len();
    let tile_rows = (TILE_VALUES / dimensions).max(1);
    let blocks = unit.par_chunks(QUERY_ROWS * dimensions).enumerate();
    let blocks = blocks.filter(|_| !is_set(cancel));
    let scores = blocks.flat_map_iter(|(block, queries)| {
        let rows = queries.len() / dimensions;
        let mut similarities = vec![0.0_f32; rows * images];
        for (tile, others) in unit.chunks(tile_rows * dimensions).enumerate() {
            let start = tile * tile_rows;
            let count = others.len() / dimensions;
            for (query, row) in queries
                .chunks_exact(dimensions)
                .zip(similarities.chunks_exact_mut(images))
            {
                kernels.dots(query, others, &mut row[start..start + count]);
            }
        }
        let mut keys = Vec::with_capacity(images);
        let mut scores = Vec::with_capacity(rows);
        for (i, row) in similarities.chunks_exact(images).enumerate() {
            let query = block * QUERY_ROWS + i;
            let relevant = counts[labels[query] as usize] - 1;
            if relevant > 0 {
                scores.push(score_query(query, row, labels, relevant, &mut keys));
            }
        }
        scores
    });
    scores.collect()
}

fn score_query(
    query: usize,
    similarities: &[f32],
    labels: &[u32],
    relevant: u32,
    keys: &mut Vec<u64>,
) -> Score {
    keys.clear();
    let others = similarities
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != query);
    keys.extend(others.map(|(other, &similarity)| key(similarity, other)));
    keys.sort_unstable();
    let mut score = Score::default();
    let mut found = 0;
    for (i, &key) in keys.iter().enumerate() {
        let other = (key & u64::from(u32::MAX)) as usize;
        if labels[other] == labels[query] {
            found += 1;
            if found == 1 {
                score.first = i + 1;
            }
            score.average_precision += f64::from(found) / (i + 1) as f64;
            if found == relevant {
                break;
            }
        }
    }
    score.average_precision /= f64::from(relevant);
    score
}

/// Sorts ascending as similarity descending, then position ascending. Images beyond 2³² would
/// need more memory than a similarity row can have.
fn key(similarity: f32, position: usize) -> u64 {
    // Zero has one sign here, or −0 would rank after 0 instead of beside it.
    let bits = (similarity + 0.0).to_bits();
    // Bits that order as the numbers do: flip the sign of positives, everything of negatives.
    let ascending = if bits >> 31 == 0 {
        bits | 1 << 31
    } else {
        !bits
    };
    u64::from(!ascending) << 32 | position as u64
}
