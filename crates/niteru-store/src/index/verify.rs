//! What is known of an index in a cluster, and whether it holds what the database holds.

use std::sync::atomic::{AtomicBool, Ordering};

use niteru_index::qdrant::QdrantIndex;
use niteru_index::{IdSet, IndexError, f16};
use rusqlite::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

use super::changes::{latest, searched_images};
use super::cluster::ClusterIndex;
use super::place::CachedIndex;
use crate::collection::{metadata, read_vector, sql_id};
use crate::error::Failure;
use crate::{Collection, StoreError};

/// Points that are read at a time.
const PAGE: usize = 128;

/// Most ids that a report names.
const NAMED: usize = 20;

/// A collection's index in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClusterStatus {
    /// The collection.
    pub collection: String,
    /// The cluster.
    pub url: String,
    /// The collection's name in the cluster.
    pub name: String,
    /// Why the cluster cannot be asked, or what it holds cannot be used. What follows is then what
    /// the database knows.
    pub problem: Option<String>,
    /// Images that searches cover.
    pub images: u64,
    /// The last change in the home.
    pub latest: u64,
    /// The last change that the cluster has acknowledged.
    pub version: u64,
    /// Images that were added, changed or removed since, and wait to be sent.
    pub behind: u64,
    /// Vectors in the cluster.
    pub points: Option<u64>,
    /// Pieces that the collection is cut into.
    pub shards: Option<u32>,
    /// Copies of each piece.
    pub replicas: Option<u32>,
    /// What the cluster says of its state: `green`, `yellow`, `grey` or `red`.
    pub condition: Option<&'static str>,
}

/// How an index compares with the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The collection.
    pub collection: String,
    /// Where the index is.
    pub place: String,
    /// Images in the database.
    pub images: u64,
    /// Vectors in the index.
    pub points: u64,
    /// Images that the index does not have.
    pub missing: u64,
    /// Vectors of the index that are no image's.
    pub extra: u64,
    /// Images whose vectors, and in a cluster metadata, were compared.
    pub compared: u64,
    /// Of these, the ones that differ.
    pub differing: u64,
    /// Some of all these images.
    pub examples: Vec<u64>,
}

impl VerifyReport {
    fn new(collection: &Collection<'_>, place: String, images: &IdSet) -> Self {
        Self {
            collection: collection.name().into(),
            place,
            images: images.len(),
            points: 0,
            missing: 0,
            extra: 0,
            compared: 0,
            differing: 0,
            examples: Vec::new(),
        }
    }

    /// Whether both sides hold the same, as far as was looked.
    pub fn is_good(&self) -> bool {
        self.missing + self.extra + self.differing == 0
    }
}

impl Collection<'_> {
    /// What is known of an index in a cluster; `None` where the index is on this machine.
    ///
    /// # Errors
    /// Those of the database. A cluster that cannot be reached is a part of the answer.
    pub fn cluster_status(&self) -> Result<Option<ClusterStatus>, StoreError> {
        let CachedIndex::Cluster(cached) = self.cached_index()? else {
            return Ok(None);
        };
        let index = cached.index();
        let looked = cached.look(self);
        let (version, info, problem) = match looked {
            Ok((version, info)) => (Some(version), info, None),
            Err(problem) => (None, None, Some(problem)),
        };
        self.home.read(|tx| {
            let version = match version {
                Some(version) => version,
                None => cached.remembered(tx, self.id)?,
            };
            Ok(Some(ClusterStatus {
                collection: self.name().into(),
                url: index.cluster().url().to_string(),
                name: index.name().into(),
                problem: problem.clone(),
                images: searched_images(tx, self.id)?,
                latest: latest(tx)?,
                version,
                behind: self.since(tx, version).count()?,
                points: info.as_ref().map(|info| info.points as u64),
                shards: info.as_ref().map(|info| info.shards),
                replicas: info.as_ref().map(|info| info.replicas),
                condition: info.as_ref().map(|info| info.condition),
            }))
        })
    }

    /// Images whose changes wait to be sent to a cluster, as far as is known without asking it; 0
    /// where the index is on this machine.
    ///
    /// # Errors
    /// Those of the database.
    pub fn waiting(&self) -> Result<u64, StoreError> {
        match self.cached_index()? {
            CachedIndex::Local(_) => Ok(0),
            CachedIndex::Cluster(cached) => self.home.read(|tx| {
                let version = cached.remembered(tx, self.id)?;
                Ok(self.since(tx, version).count()?)
            }),
        }
    }

    /// Brings the index up to date, then compares its ids with the database's, and the vectors (in a
    /// cluster, the metadata too) of up to `sample` images; on this machine, those of all. Set, `cancel` ends it.
    ///
    /// # Errors
    /// [`StoreError::Stopped`], [`StoreError::Index`], and those of the database.
    pub fn verify_index(
        &self,
        sample: usize,
        cancel: Option<&AtomicBool>,
    ) -> Result<VerifyReport, StoreError> {
        let go_on = || match cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            true => Err(StoreError::Stopped),
            false => Ok(()),
        };
        let cached = self.cached_index()?;
        self.home.read(|tx| {
            cached.catch_up(self, tx)?;
            match &cached {
                CachedIndex::Cluster(cached) => {
                    self.verify_cluster(tx, cached.index(), sample, &go_on)
                }
                CachedIndex::Local(index) => {
                    let images = self.ids(tx)?;
                    let differing = index.differing(tx, self.id, &go_on)?;
                    Ok(VerifyReport {
                        compared: images.len(),
                        differing,
                        points: index.images() as u64,
                        ..VerifyReport::new(self, "local".into(), &images)
                    })
                }
            }
        })
    }

    fn verify_cluster(
        &self,
        tx: &Transaction<'_>,
        index: &QdrantIndex,
        sample: usize,
        go_on: GoOn<'_>,
    ) -> Result<VerifyReport, Failure> {
        let (ours, theirs) = (self.ids(tx)?, index.ids()?);
        let (mut missing, mut extra) = (ours.clone(), theirs.clone());
        missing -= &theirs;
        extra -= &ours;
        let mut both = ours.clone();
        both &= &theirs;
        let compared = spread(&both, sample);
        let mut differing = Vec::new();
        for page in compared.chunks(PAGE) {
            go_on()?;
            differing.extend(self.differing_in_cluster(tx, index, page)?);
        }
        let examples = missing
            .iter()
            .chain(extra.iter())
            .chain(differing.iter().copied());
        Ok(VerifyReport {
            points: theirs.len(),
            missing: missing.len(),
            extra: extra.len(),
            compared: compared.len() as u64,
            differing: differing.len() as u64,
            examples: examples.take(NAMED).collect(),
            ..VerifyReport::new(self, index.cluster().url().to_string(), &ours)
        })
    }

    fn ids(&self, tx: &Transaction<'_>) -> rusqlite::Result<IdSet> {
        let sql = "SELECT id FROM images WHERE collection = ? AND missing = 0";
        let mut statement = tx.prepare_cached(sql)?;
        let ids = statement.query_map([self.id], |row| row.get::<_, i64>(0))?;
        ids.map(|id| id.map(i64::cast_unsigned)).collect()
    }

    fn differing_in_cluster(
        &self,
        tx: &Transaction<'_>,
        index: &QdrantIndex,
        ids: &[u64],
    ) -> Result<Vec<u64>, Failure> {
        let stored = index.stored(ids)?;
        let mut statement = tx.prepare_cached("SELECT vector FROM embeddings WHERE image = ?")?;
        let mut differing = Vec::new();
        for &id in ids {
            let vector = statement.query_row([sql_id(id)], |row| {
                let mut vector: Vec<f16> = Vec::new();
                read_vector(row.get_ref(0)?.as_blob()?, &mut vector);
                Ok(vector)
            })?;
            let metadata = metadata(tx, id)?;
            let same = stored
                .get(&id)
                .is_some_and(|point| index.is_sent_as(point, &vector, metadata.iter()));
            if !same {
                differing.push(id);
            }
        }
        Ok(differing)
    }
}

/// Whether to go on; [`StoreError::Stopped`] where not.
pub(super) type GoOn<'a> = &'a dyn Fn() -> Result<(), StoreError>;

type Looked = (u64, Option<niteru_index::qdrant::ClusterInfo>);

impl ClusterIndex {
    /// The cluster's version, and how the collection is kept there; or what is wrong.
    fn look(&self, collection: &Collection<'_>) -> Result<Looked, String> {
        let version = self.usable_version(collection)?;
        let info = self.index().describe();
        Ok((
            version,
            info.map_err(|error: IndexError| error.to_string())?,
        ))
    }
}

/// Up to so many of the ids, spread over all of them.
fn spread(ids: &IdSet, most: usize) -> Vec<u64> {
    let step = ids.len().div_ceil((most as u64).max(1)).max(1);
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    ids.iter().step_by(step).take(most).collect()
}
