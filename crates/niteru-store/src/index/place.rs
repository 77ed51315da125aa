//! Where indexes are: on this machine, or in a cluster.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use niteru_index::qdrant::{Cluster, ClusterUrl, ClusterUrlError};
use niteru_index::{Condition, Hit, IndexError, Search};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

use super::changes::searched_images;
use super::cluster::ClusterIndex;
use super::local::LocalIndex;
use super::{IndexBuild, IndexProgress};
use crate::error::Failure;
use crate::home::lock;
use crate::{Collection, Notice, StoreError};

/// Where an index is. Written as `local` or as a [`ClusterUrl`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexPlace {
    /// On this machine.
    Local,
    /// In a Qdrant cluster.
    Cluster(ClusterUrl),
}

impl FromStr for IndexPlace {
    type Err = ClusterUrlError;

    fn from_str(text: &str) -> Result<Self, ClusterUrlError> {
        match text {
            "local" => Ok(Self::Local),
            url => url.parse().map(Self::Cluster),
        }
    }
}

impl fmt::Display for IndexPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Cluster(url) => url.fmt(f),
        }
    }
}

/// A collection's index in this process.
#[derive(Clone)]
pub(crate) enum CachedIndex {
    Local(Arc<LocalIndex>),
    Cluster(Arc<ClusterIndex>),
}

impl CachedIndex {
    /// Applies what changed since the index's version.
    pub(crate) fn catch_up(
        &self,
        collection: &Collection<'_>,
        tx: &Transaction<'_>,
    ) -> Result<(), Failure> {
        match self {
            Self::Local(index) => index.catch_up(collection, tx),
            Self::Cluster(index) => index.catch_up(collection, tx, &IndexBuild::default()),
        }
    }

    /// Whether it applies conditions itself.
    pub(crate) fn takes_conditions(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// The most similar that pass the search's filter and, where the index takes one, the condition.
    pub(crate) fn search(
        &self,
        query: &[f32],
        search: &Search<'_>,
        condition: Option<&Condition>,
    ) -> Result<Vec<Hit>, IndexError> {
        match (self, condition) {
            (Self::Local(index), None) => index.index().search(query, search),
            (Self::Local(_), Some(_)) => Err(IndexError::Untranslatable),
            (Self::Cluster(index), _) => index.search(query, search, condition),
        }
    }
}

/// What moving an index did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MoveReport {
    /// The collection.
    pub collection: String,
    /// Where its index was.
    pub from: String,
    /// Where it is now.
    pub to: String,
    /// Images in it.
    pub images: usize,
    /// Wall time.
    pub seconds: f64,
}

impl Collection<'_> {
    /// Where the index is: where this process was told, else where it was moved to.
    ///
    /// # Errors
    /// [`StoreError::IndexUrl`], and those of the database.
    pub fn index_place(&self) -> Result<IndexPlace, StoreError> {
        match &self.home.index_place {
            Some(place) => Ok(place.clone()),
            None => self.recorded_place(),
        }
    }

    fn recorded_place(&self) -> Result<IndexPlace, StoreError> {
        let url: Option<String> = self.home.read(|tx| {
            let sql = "SELECT index_url FROM collections WHERE id = ?";
            let url = tx.query_row(sql, [self.id], |row| row.get(0)).optional()?;
            Ok(url.flatten())
        })?;
        let place = url.as_deref().unwrap_or("local").parse();
        place.map_err(|error: ClusterUrlError| StoreError::IndexUrl {
            collection: self.name().into(),
            reason: error.to_string(),
        })
    }

    /// The index in a cluster, without a look at it.
    pub(super) fn cluster_index(&self, url: &ClusterUrl) -> Result<ClusterIndex, StoreError> {
        let cluster = self.home.cluster(url)?;
        ClusterIndex::new(self, cluster)
    }

    /// Moves the index to another place: sends everything, then records the place for all commands
    /// that come. What is in a cluster that is left is removed there, if that cluster can be reached.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Index`] where a cluster is unavailable (then the index
    /// stays where it was), and those of the database.
    pub fn move_index(
        &self,
        place: &IndexPlace,
        progress: Option<&IndexProgress<'_>>,
    ) -> Result<MoveReport, StoreError> {
        let options = IndexBuild {
            progress,
            ..IndexBuild::default()
        };
        self.move_index_with(place, &options)
    }

    /// As [`Collection::move_index`], and it can be stopped between two batches that are sent: the index then stays
    /// where it was, and moving it again goes on after what was sent.
    ///
    /// # Errors
    /// Those of [`Collection::move_index`]; [`StoreError::Stopped`] when it was stopped.
    pub fn move_index_with(
        &self,
        place: &IndexPlace,
        options: &IndexBuild<'_>,
    ) -> Result<MoveReport, StoreError> {
        let started = std::time::Instant::now();
        let from = self.recorded_place()?;
        let images = match place {
            IndexPlace::Local => {
                let images = self.home.read(|tx| Ok(searched_images(tx, self.id)?))?;
                usize::try_from(images).unwrap_or(usize::MAX)
            }
            IndexPlace::Cluster(url) => {
                let index = self.cluster_index(url)?;
                index.rearrange(self)?;
                self.home.read(|tx| index.catch_up(self, tx, options))?;
                index.count()?
            }
        };
        let url = match place {
            IndexPlace::Local => None,
            IndexPlace::Cluster(url) => Some(url.to_string()),
        };
        self.home.write(|tx| {
            let sql = "UPDATE collections SET index_url = ? WHERE id = ?";
            tx.execute(sql, params![url, self.id])?;
            Ok(())
        })?;
        lock(&self.home.indexes).remove(&self.id);
        if let IndexPlace::Cluster(old) = &from {
            let stays = matches!(place, IndexPlace::Cluster(new) if new.address() == old.address());
            if !stays {
                self.leave(old);
            }
        }
        Ok(MoveReport {
            collection: self.name().into(),
            from: from.to_string(),
            to: place.to_string(),
            images,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// The clusters that hold something of the collection, as far as is known.
    pub(crate) fn clusters(&self) -> Result<Vec<ClusterUrl>, StoreError> {
        self.home.read(|tx| {
            let sql = "SELECT address FROM clusters WHERE collection = ?";
            let mut statement = tx.prepare_cached(sql)?;
            let rows = statement.query_map([self.id], |row| row.get::<_, String>(0))?;
            let addresses = rows.collect::<Result<Vec<_>, _>>()?;
            Ok(addresses
                .iter()
                .filter_map(|address| address.parse().ok())
                .collect())
        })
    }

    /// Removes the collection from a cluster. What cannot be reached stays there, of no use to anyone,
    /// which is told.
    pub(crate) fn leave(&self, url: &ClusterUrl) {
        let removed = self.cluster_index(url).and_then(|index| index.remove(self));
        if let Err(error) = removed {
            self.home.notices.add(Notice::LeftInCluster {
                collection: self.name().into(),
                reason: error.to_string(),
            });
        }
    }
}

impl crate::Home {
    /// The same home with all indexes at one place, wherever they were moved to.
    pub fn with_index_place(mut self, place: Option<IndexPlace>) -> Self {
        self.index_place = place;
        self
    }

    /// The connection to a cluster; one for all collections there.
    fn cluster(&self, url: &ClusterUrl) -> Result<Cluster, StoreError> {
        let mut clusters = lock(&self.clusters);
        if let Some(cluster) = clusters.iter().find(|cluster| cluster.url() == url) {
            return Ok(cluster.clone());
        }
        let cluster = Cluster::new(url.clone())?;
        clusters.push(cluster.clone());
        Ok(cluster)
    }
}
