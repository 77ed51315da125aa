//! Sending changes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use half::f16;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    CreateFieldIndexCollection, DeletePoints, PointId, PointStruct, PointsIdsList,
    PointsOperationResponse, PointsSelector, UpdateStatus, Value,
};
use tonic::{Response, Status};

use super::QdrantIndex;
use super::collection::State;
use super::payload::{index_type, payload};
use crate::{Changes, IndexError, from_f16, rows};

/// Points sent at a time.
const BATCH: usize = 256;

/// Most paths that get an index: a spreadsheet with thousands of columns must not cost the cluster
/// thousands of indexes. Conditions on the others work all the same, slower.
const MAX_INDEXES: usize = 192;

impl QdrantIndex {
    /// As [`VectorIndex::apply`](crate::VectorIndex::apply), with the metadata of each image in
    /// `changes.ids`: fields with their values.
    ///
    /// The cluster has everything when this returns. After an error it may have a part of it; the
    /// version is the old one, and the same changes can be sent again.
    ///
    /// # Errors
    /// Those of [`VectorIndex::apply`](crate::VectorIndex::apply), [`IndexError::Unavailable`],
    /// [`IndexError::Cluster`].
    pub fn apply_with<'m>(
        &self,
        changes: &Changes<'_>,
        metadata: &dyn Fn(usize) -> Vec<(&'m str, &'m str)>,
    ) -> Result<(), IndexError> {
        rows::inverse_lengths(self.spot.dimensions, changes)?;
        let mut state = self.write();
        let (current, found) = (state.version, changes.version);
        if found < current {
            return Err(IndexError::OlderChange { current, found });
        }
        if !state.exists {
            self.create(&mut state)?;
            self.store_state(&state, 0)?;
        }
        self.delete(&removed_for_good(changes))?;
        for batch in last_of_each(changes.ids).chunks(BATCH) {
            let points = batch.iter().map(|&row| {
                let vector = &changes.vectors[row * self.spot.dimensions..][..self.spot.dimensions];
                self.point(changes.ids[row], vector, payload(metadata(row)))
            });
            let points: Vec<_> = points.collect();
            self.index_paths(&mut state, &points)?;
            self.upsert(points)?;
        }
        if found > current {
            self.store_state(&state, found)?;
        }
        state.version = found;
        state.count = OnceLock::new();
        Ok(())
    }

    pub(super) fn point(
        &self,
        id: u64,
        vector: &[f16],
        payload: HashMap<String, Value>,
    ) -> PointStruct {
        let vectors: HashMap<String, Vec<f32>> = [(self.vector_name(), self.unit(vector))].into();
        PointStruct {
            id: Some(PointId::from(id)),
            payload,
            vectors: Some(vectors.into()),
        }
    }

    /// A stored vector at unit length, so that it is not only almost one: Qdrant leaves vectors alone
    /// whose length is 1 up to 10⁻⁶.
    pub(super) fn unit(&self, vector: &[f16]) -> Vec<f32> {
        let mut wide = from_f16(vector);
        // One without a direction was refused before.
        let _ = self.kernels.normalize(&mut wide);
        wide
    }

    fn delete(&self, ids: &[u64]) -> Result<(), IndexError> {
        for batch in ids.chunks(BATCH * 16) {
            let ids = batch.iter().map(|&id| PointId::from(id)).collect();
            let request = DeletePoints {
                collection_name: self.spot.name.clone(),
                wait: Some(true),
                points: Some(PointsSelector {
                    points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList {
                        ids,
                    })),
                }),
                ..DeletePoints::default()
            };
            self.cluster.run(self.cluster.write_patience(), || {
                let (mut points, request) = (self.cluster.points(), request.clone());
                async move { completed(points.delete(request).await) }
            })?;
        }
        Ok(())
    }

    /// Makes indexes for the paths that have none yet.
    fn index_paths(&self, state: &mut State, points: &[PointStruct]) -> Result<(), IndexError> {
        let paths = points.iter().flat_map(|point| point.payload.keys());
        let new: BTreeSet<&String> = paths
            .filter(|path| !state.indexed.contains(*path))
            .collect();
        for path in new {
            if state.indexed.len() < MAX_INDEXES {
                self.index_path(state, path)?;
            }
        }
        Ok(())
    }

    pub(super) fn index_path(&self, state: &mut State, path: &str) -> Result<(), IndexError> {
        let request = CreateFieldIndexCollection {
            collection_name: self.spot.name.clone(),
            wait: Some(true),
            field_name: path.into(),
            field_type: Some(index_type(path).into()),
            ..CreateFieldIndexCollection::default()
        };
        self.cluster.run(self.cluster.write_patience(), || {
            let (mut points, request) = (self.cluster.points(), request.clone());
            async move { completed(points.create_field_index(request).await) }
        })?;
        state.indexed.insert(path.into());
        Ok(())
    }
}

/// An answer that says that the write was applied, not only taken note of.
// The error is the client's own.
#[allow(clippy::result_large_err)]
pub(super) fn completed(
    answer: Result<Response<PointsOperationResponse>, Status>,
) -> Result<Response<PointsOperationResponse>, Status> {
    let answer = answer?;
    let status = answer
        .get_ref()
        .result
        .as_ref()
        .map(|result| result.status());
    match status {
        Some(UpdateStatus::Completed) => Ok(answer),
        other => Err(Status::unavailable(format!(
            "the write was not acknowledged ({})",
            other.map_or("no status", |status| status.as_str_name())
        ))),
    }
}

/// The ids that are removed and not inserted again.
fn removed_for_good(changes: &Changes<'_>) -> Vec<u64> {
    let inserted: HashSet<u64> = changes.ids.iter().copied().collect();
    let removed: BTreeSet<u64> = changes.removed.iter().copied().collect();
    removed
        .into_iter()
        .filter(|id| !inserted.contains(id))
        .collect()
}

/// The rows that count: of ids that are given twice, the last.
fn last_of_each(ids: &[u64]) -> Vec<usize> {
    let last: HashMap<u64, usize> = ids.iter().enumerate().map(|(row, &id)| (id, row)).collect();
    let is_last = |row: &usize| last.get(&ids[*row]) == Some(row);
    (0..ids.len()).filter(is_last).collect()
}
