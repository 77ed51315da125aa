//! Looking at what a cluster holds, to compare it with what it should hold.

use std::collections::HashMap;

use half::f16;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    CollectionStatus, GetPoints, PointId, RetrievedPoint, ScrollPoints, Value, vector_output,
};

use super::QdrantIndex;
use super::client::Patience;
use super::payload::{payload, same};
use crate::{IdSet, IndexError};

/// Ids read at a time.
const PAGE: u32 = 10_000;

/// Largest difference of a stored value to what was sent: a cluster may bring vectors to unit length
/// once more.
const TOLERANCE: f32 = 1e-5;

/// How a collection is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterInfo {
    /// Number of vectors.
    pub points: usize,
    /// Of these, the ones that a graph leads to; the others are compared one by one.
    pub indexed: u64,
    /// Pieces that it is cut into.
    pub shards: u32,
    /// Copies of each piece.
    pub replicas: u32,
    /// Whether the cluster is done with arranging it.
    pub settled: bool,
    /// What the cluster says of its state: `green`, `yellow`, `grey` or `red`.
    pub condition: &'static str,
}

/// A point as it is in the cluster.
#[derive(Debug, Clone)]
pub struct Stored {
    vector: Vec<f32>,
    payload: HashMap<String, Value>,
}

impl QdrantIndex {
    /// How the collection is kept; `None` where it is not there.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn describe(&self) -> Result<Option<ClusterInfo>, IndexError> {
        let Some(info) = self.info()? else {
            return Ok(None);
        };
        let status = info.status();
        let indexed = info.indexed_vectors_count.unwrap_or(0);
        let params = info.config.and_then(|config| config.params);
        let params = params.unwrap_or_default();
        Ok(Some(ClusterInfo {
            points: self.count_points()?,
            indexed,
            shards: params.shard_number,
            replicas: params.replication_factor.unwrap_or(1),
            settled: status == CollectionStatus::Green,
            condition: match status {
                CollectionStatus::Green => "green",
                CollectionStatus::Yellow => "yellow",
                CollectionStatus::Red => "red",
                CollectionStatus::Grey | CollectionStatus::UnknownCollectionStatus => "grey",
            },
        }))
    }

    /// The ids of all vectors.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn ids(&self) -> Result<IdSet, IndexError> {
        let mut ids = IdSet::new();
        let mut offset: Option<PointId> = None;
        loop {
            let request = ScrollPoints {
                collection_name: self.spot.name.clone(),
                offset: offset.take(),
                limit: Some(PAGE),
                with_payload: Some(false.into()),
                with_vectors: Some(false.into()),
                ..ScrollPoints::default()
            };
            let answer = self.cluster.run(Patience::READ, || {
                let (mut points, request) = (self.cluster.points(), request.clone());
                async move { points.scroll(request).await }
            })?;
            let before = ids.len();
            ids.extend(answer.result.iter().filter_map(number));
            match answer.next_page_offset {
                // A page without a new id would lead round in circles.
                Some(next) if ids.len() > before => offset = Some(next),
                _ => return Ok(ids),
            }
        }
    }

    /// Whether a point is what that vector and metadata are sent as.
    pub fn is_sent_as<'m>(
        &self,
        stored: &Stored,
        vector: &[f16],
        metadata: impl IntoIterator<Item = (&'m str, &'m str)>,
    ) -> bool {
        let sent = self.unit(vector);
        let close = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE;
        sent.len() == stored.vector.len()
            && sent.iter().zip(&stored.vector).all(close)
            && same(&payload(metadata), &stored.payload)
    }

    /// What the cluster holds of these; ids that are not there are left out.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn stored(&self, ids: &[u64]) -> Result<HashMap<u64, Stored>, IndexError> {
        let request = GetPoints {
            collection_name: self.spot.name.clone(),
            ids: ids.iter().map(|&id| PointId::from(id)).collect(),
            with_payload: Some(true.into()),
            with_vectors: Some(true.into()),
            ..GetPoints::default()
        };
        let answer = self.cluster.run(Patience::READ, || {
            let (mut points, request) = (self.cluster.points(), request.clone());
            async move { points.get(request).await }
        })?;
        let name = self.vector_name();
        let stored = answer.result.into_iter().filter_map(|point| {
            let id = number(&point)?;
            let vector = vector(&point, &name).unwrap_or_default();
            let payload = point.payload;
            Some((id, Stored { vector, payload }))
        });
        Ok(stored.collect())
    }
}

fn number(point: &RetrievedPoint) -> Option<u64> {
    match point.id.as_ref()?.point_id_options.as_ref()? {
        PointIdOptions::Num(id) => Some(*id),
        PointIdOptions::Uuid(_) => None,
    }
}

fn vector(point: &RetrievedPoint, name: &str) -> Option<Vec<f32>> {
    match point.vectors.as_ref()?.get_vector_by_name(name)? {
        vector_output::Vector::Dense(dense) => Some(dense.data),
        _ => None,
    }
}
