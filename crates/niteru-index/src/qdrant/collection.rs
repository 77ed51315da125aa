//! A collection in a cluster: making it, and knowing what is in it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use niteru_kernels::Kernels;
use qdrant_client::qdrant::quantization_config::Quantization;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{
    CollectionInfo, CollectionOperationResponse, CountPoints, CreateCollection, DeleteCollection,
    Distance, GetCollectionInfoRequest, GetPoints, HnswConfigDiff, OptimizersConfigDiff, PointId,
    PointStruct, QuantizationConfig, QuantizationType, ScalarQuantization, UpsertPoints, Value,
    VectorParams, VectorParamsMap, VectorsConfig, vectors_config,
};

use super::Cluster;
use super::client::Patience;
use crate::IndexError;

/// Of how things are stored; another one is made again.
const FORMAT: i64 = 1;

/// The point that holds the state. Images have numbers, so it is none of them.
pub(super) const STATE: &str = "4e495445-5255-4000-8000-000000000001";

/// What a collection in a cluster is of, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Its name in the cluster: letters, digits, `-` and `_`.
    pub name: String,
    /// Fingerprint of the model that makes its vectors.
    pub fingerprint: String,
    /// Length of its vectors.
    pub dimensions: usize,
    /// What it is of; with another stamp it is another collection's.
    pub stamp: String,
}

/// How a cluster arranges a new collection. `None` leaves it to the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tuning {
    /// Kilobytes of vectors in a segment from which a graph is built for it.
    pub indexing_threshold: Option<u64>,
    /// Kilobytes of vectors below which Qdrant compares all vectors although there is a graph.
    pub full_scan_threshold: Option<u64>,
}

/// What a cluster holds under a collection's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// Nothing.
    Missing,
    /// A collection that was being made, and has no state yet.
    Unfinished,
    /// Something that cannot be used: of another home, model or format.
    Other(&'static str),
    /// The collection.
    At {
        /// The last change that the cluster has acknowledged.
        version: u64,
        /// Whose sending that was; see [`QdrantIndex::set_token`].
        token: String,
    },
}

/// An index in a Qdrant cluster, with the metadata that conditions are applied to.
///
/// Made without a look at the cluster: [`QdrantIndex::refresh`] learns what is there, and
/// [`QdrantIndex::reset`] makes it afresh. Searches in this process see whole changes; those of other
/// processes may see a part of a change that is under way.
#[derive(Debug)]
pub struct QdrantIndex {
    pub(super) cluster: Cluster,
    pub(super) spot: Spot,
    pub(super) kernels: Kernels,
    tuning: Tuning,
    state: RwLock<State>,
}

/// What this process knows of the collection. Held for writing while it is changed.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) version: u64,
    pub(super) token: String,
    /// Whether the collection is there.
    pub(super) exists: bool,
    /// Number of vectors, where it was counted since the last change.
    pub(super) count: OnceLock<usize>,
    /// Paths that have an index.
    pub(super) indexed: BTreeSet<String>,
}

impl QdrantIndex {
    /// A collection in that cluster, there or not. Vectors are brought to unit length by these kernels.
    pub fn new(cluster: Cluster, spot: Spot, kernels: Kernels) -> Self {
        Self {
            cluster,
            spot,
            kernels,
            tuning: Tuning::default(),
            state: RwLock::default(),
        }
    }

    /// The same, made in another way where it is made.
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// The cluster that it is in.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.spot.name
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under which the vectors are stored: unlike a fingerprint, short.
    pub(super) fn vector_name(&self) -> String {
        let good = |c: &char| c.is_ascii_alphanumeric();
        self.spot
            .fingerprint
            .chars()
            .filter(good)
            .take(16)
            .collect()
    }

    /// Learns what the cluster holds.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn refresh(&self) -> Result<Remote, IndexError> {
        let mut state = self.write();
        *state = State::default();
        let Some(info) = self.info()? else {
            return Ok(Remote::Missing);
        };
        state.exists = true;
        if !self.has_our_vectors(&info) {
            return Ok(Remote::Other("its vectors are of another model"));
        }
        let Some(mut payload) = self.state_point()? else {
            return Ok(Remote::Unfinished);
        };
        let mut text = |key| match payload.remove(key).and_then(|value: Value| value.kind) {
            Some(Kind::StringValue(text)) => Some(text),
            _ => None,
        };
        let (stamp, token) = (text("stamp"), text("token"));
        let mut number = |key| match payload.remove(key).and_then(|value| value.kind) {
            Some(Kind::IntegerValue(number)) => u64::try_from(number).ok(),
            _ => None,
        };
        if number("format") != Some(FORMAT.unsigned_abs()) {
            return Ok(Remote::Other("it is of another format"));
        }
        if stamp.as_ref() != Some(&self.spot.stamp) {
            return Ok(Remote::Other("it is of another collection"));
        }
        let (Some(version), Some(token)) = (number("version"), token) else {
            return Ok(Remote::Other("its state cannot be read"));
        };
        state.indexed = info.payload_schema.into_keys().collect();
        state.version = version;
        state.token.clone_from(&token);
        state.count = OnceLock::from(self.count_points()?);
        Ok(Remote::At { version, token })
    }

    /// Makes the collection afresh: empty, at change 0.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn reset(&self, token: &str) -> Result<(), IndexError> {
        let mut state = self.write();
        *state = State::default();
        self.delete_collection()?;
        self.create(&mut state)?;
        state.token = token.into();
        self.store_state(&state, 0)
    }

    /// From the next change on, the state carries this token: a random word by which a home
    /// recognises what it has sent itself.
    pub fn set_token(&self, token: &str) {
        self.write().token = token.into();
    }

    /// Removes the collection from the cluster, if it is there.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn remove(&self) -> Result<(), IndexError> {
        let mut state = self.write();
        *state = State::default();
        self.delete_collection()
    }

    /// Number of vectors, asked of the cluster.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn count(&self) -> Result<usize, IndexError> {
        self.known_count(&self.read())
    }

    pub(super) fn known_count(&self, state: &State) -> Result<usize, IndexError> {
        let count = match state.count.get() {
            Some(&count) => count,
            None if !state.exists => return Ok(0),
            None => self.count_points()?,
        };
        // Set by another thread meanwhile, it is the same: changes wait for readers.
        let _ = state.count.set(count);
        Ok(count)
    }

    pub(super) fn info(&self) -> Result<Option<CollectionInfo>, IndexError> {
        let answer = self.cluster.run_if_there(Patience::READ, || {
            let mut collections = self.cluster.collections();
            let collection_name = self.spot.name.clone();
            async move {
                collections
                    .get(GetCollectionInfoRequest { collection_name })
                    .await
            }
        })?;
        Ok(answer.and_then(|answer| answer.result))
    }

    fn has_our_vectors(&self, info: &CollectionInfo) -> bool {
        let params = info
            .config
            .as_ref()
            .and_then(|config| config.params.as_ref());
        let vectors = params.and_then(|params| params.vectors_config.as_ref());
        match vectors.and_then(|vectors| vectors.config.as_ref()) {
            Some(vectors_config::Config::ParamsMap(named)) => {
                let ours = named.map.get(&self.vector_name());
                ours.is_some_and(|ours| ours.size == self.spot.dimensions as u64)
            }
            _ => false,
        }
    }

    fn state_point(&self) -> Result<Option<HashMap<String, Value>>, IndexError> {
        let request = GetPoints {
            collection_name: self.spot.name.clone(),
            ids: vec![PointId::from(STATE)],
            with_payload: Some(true.into()),
            ..GetPoints::default()
        };
        let answer = self.cluster.run(Patience::READ, || {
            let (mut points, request) = (self.cluster.points(), request.clone());
            async move { points.get(request).await }
        })?;
        Ok(answer.result.into_iter().next().map(|point| point.payload))
    }

    /// Writes down that everything up to a change is there.
    pub(super) fn store_state(&self, state: &State, version: u64) -> Result<(), IndexError> {
        let text = |text: &str| Kind::StringValue(text.into());
        let payload = [
            ("format", Kind::IntegerValue(FORMAT)),
            ("stamp", text(&self.spot.stamp)),
            ("token", text(&state.token)),
            ("version", Kind::IntegerValue(version.cast_signed())),
        ];
        let payload = payload.map(|(key, kind)| (key.into(), Value { kind: Some(kind) }));
        let none: HashMap<String, Vec<f32>> = HashMap::new();
        self.upsert(vec![PointStruct {
            id: Some(PointId::from(STATE)),
            payload: payload.into(),
            vectors: Some(none.into()),
        }])
    }

    /// Writes points, and returns when the cluster has applied them.
    pub(super) fn upsert(&self, points: Vec<PointStruct>) -> Result<(), IndexError> {
        let request = UpsertPoints {
            collection_name: self.spot.name.clone(),
            wait: Some(true),
            points,
            ..UpsertPoints::default()
        };
        let patience = self.cluster.write_patience();
        self.cluster.run(patience, || {
            let (mut points, request) = (self.cluster.points(), request.clone());
            async move { super::apply::completed(points.upsert(request).await) }
        })?;
        Ok(())
    }

    pub(super) fn count_points(&self) -> Result<usize, IndexError> {
        let all = self.count_where(None, true)?;
        // All but the state's.
        Ok(all.saturating_sub(1))
    }

    pub(super) fn count_where(
        &self,
        filter: Option<qdrant_client::qdrant::Filter>,
        exact: bool,
    ) -> Result<usize, IndexError> {
        let request = CountPoints {
            collection_name: self.spot.name.clone(),
            filter,
            exact: Some(exact),
            ..CountPoints::default()
        };
        let answer = self.cluster.run(Patience::READ, || {
            let (mut points, request) = (self.cluster.points(), request.clone());
            async move { points.count(request).await }
        })?;
        let count = answer.result.map_or(0, |result| result.count);
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Makes the collection as the cluster's URL says.
    pub(super) fn create(&self, state: &mut State) -> Result<(), IndexError> {
        let url = self.cluster.url();
        let vectors = VectorParams {
            size: self.spot.dimensions as u64,
            distance: Distance::Cosine.into(),
            // Memory is for the 8-bit integers; few of these are read.
            on_disk: Some(true),
            ..VectorParams::default()
        };
        let named = VectorParamsMap {
            map: [(self.vector_name(), vectors)].into(),
        };
        let request = CreateCollection {
            collection_name: self.spot.name.clone(),
            vectors_config: Some(VectorsConfig {
                config: Some(vectors_config::Config::ParamsMap(named)),
            }),
            quantization_config: Some(QuantizationConfig {
                quantization: Some(Quantization::Scalar(ScalarQuantization {
                    r#type: QuantizationType::Int8.into(),
                    quantile: Some(0.99),
                    always_ram: Some(true),
                })),
            }),
            hnsw_config: self.tuning.full_scan_threshold.map(|full_scan_threshold| {
                HnswConfigDiff {
                    full_scan_threshold: Some(full_scan_threshold),
                    ..HnswConfigDiff::default()
                }
            }),
            optimizers_config: self.tuning.indexing_threshold.map(|indexing_threshold| {
                OptimizersConfigDiff {
                    indexing_threshold: Some(indexing_threshold),
                    ..OptimizersConfigDiff::default()
                }
            }),
            on_disk_payload: Some(true),
            shard_number: url.shards,
            replication_factor: url.replicas,
            write_consistency_factor: url.write_consistency,
            ..CreateCollection::default()
        };
        self.cluster.run(self.cluster.write_patience(), || {
            let (mut collections, request) = (self.cluster.collections(), request.clone());
            async move {
                match collections.create(request).await {
                    // An earlier try got through, and its answer did not.
                    Err(status) if status.code() == tonic::Code::AlreadyExists => {
                        Ok(tonic::Response::new(CollectionOperationResponse::default()))
                    }
                    answer => answer,
                }
            }
        })?;
        state.exists = true;
        self.index_path(state, super::payload::HAS)
    }

    fn delete_collection(&self) -> Result<(), IndexError> {
        self.cluster
            .run_if_there(self.cluster.write_patience(), || {
                let mut collections = self.cluster.collections();
                let request = DeleteCollection {
                    collection_name: self.spot.name.clone(),
                    ..DeleteCollection::default()
                };
                async move { collections.delete(request).await }
            })?;
        Ok(())
    }
}
