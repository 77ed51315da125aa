//! Searching: exact where little is to be compared, by the cluster's graph elsewhere; ties by id.

use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    Filter as Parts, QuantizationSearchParams, ScoredPoint, SearchParams, SearchPoints,
};

use super::QdrantIndex;
use super::client::Patience;
use super::filter::filter;
use crate::scan;
use crate::{Changes, Condition, Filter, Hit, IndexError, Search, TopK, VectorIndex};

/// Where at most so many vectors can be hits, all of them are compared.
const SMALL: usize = 4096;

/// An estimate from which on a filter surely lets more than [`SMALL`] through.
const SURELY_LARGE: usize = 64 * SMALL;

/// Hits asked for beyond those wanted, to see where ties end.
const MARGIN: usize = 16;

/// Candidates of the graph: at least so many, and some for each hit.
const LEAST_CANDIDATES: usize = 128;

/// What a search asks of the cluster again and again.
struct Asked<'a> {
    index: &'a QdrantIndex,
    query: Vec<f32>,
    filter: Option<Parts>,
    k: usize,
    least: f32,
}

impl QdrantIndex {
    /// As [`VectorIndex::search`], among the images that also pass a condition.
    ///
    /// # Errors
    /// Those of [`VectorIndex::search`], [`IndexError::Untranslatable`] for a condition that does not
    /// [`translate`](super::translates), [`IndexError::Unavailable`], [`IndexError::Cluster`].
    pub fn search_where(
        &self,
        query: &[f32],
        search: &Search<'_>,
        condition: Option<&Condition>,
    ) -> Result<Vec<Hit>, IndexError> {
        let scan::Asked { query, .. } =
            scan::Asked::new(self.kernels, self.spot.dimensions, query, search)?;
        let state = self.read();
        let nothing = matches!(search.filter, Filter::Only(ids) if ids.is_empty());
        let Some(filter) = filter(condition, search.filter) else {
            return Err(IndexError::Untranslatable);
        };
        if !state.exists || search.k == 0 || nothing {
            return Ok(Vec::new());
        }
        let count = self.known_count(&state)?;
        let asked = Asked {
            index: self,
            query,
            filter: Some(filter),
            k: search.k.min(count),
            least: search.min_similarity.unwrap_or(f32::NEG_INFINITY),
        };
        asked.run(self.is_small(count, search, condition, &asked)?)
    }

    /// Whether few enough vectors can be hits to compare all of them.
    fn is_small(
        &self,
        count: usize,
        search: &Search<'_>,
        condition: Option<&Condition>,
        asked: &Asked<'_>,
    ) -> Result<bool, IndexError> {
        let ids = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (most, least) = match (search.filter, condition) {
            (Filter::All, None) => (count, count),
            (Filter::Only(set), _) => (count.min(ids(set.len())), 0),
            (Filter::Except(set), None) => (count, count.saturating_sub(ids(set.len()))),
            (_, Some(_)) => (count, 0),
        };
        if most <= SMALL || least > SMALL {
            return Ok(most <= SMALL);
        }
        if self.count_where(asked.filter.clone(), false)? > SURELY_LARGE {
            return Ok(false);
        }
        Ok(self.count_where(asked.filter.clone(), true)? <= SMALL)
    }
}

impl Asked<'_> {
    fn run(&self, exact: bool) -> Result<Vec<Hit>, IndexError> {
        let mut limit = self.k.saturating_add(MARGIN);
        loop {
            let points = self.points(limit, exact)?;
            if points.len() < self.k.min(limit) && !exact && !self.ends(&points) {
                // The graph led nowhere further: all of them, then.
                return self.run(true);
            }
            let tied = match (points.get(self.k.saturating_sub(1)), points.last()) {
                (Some(last_wanted), Some(last)) => last_wanted.score == last.score,
                _ => false,
            };
            if tied && points.len() == limit {
                limit = limit.saturating_mul(2);
                continue;
            }
            return Ok(self.hits(&points));
        }
    }

    /// Whether what follows is not similar enough anyway.
    fn ends(&self, points: &[ScoredPoint]) -> bool {
        points.last().is_some_and(|point| point.score < self.least)
    }

    fn points(&self, limit: usize, exact: bool) -> Result<Vec<ScoredPoint>, IndexError> {
        let candidates = limit.saturating_mul(2).max(LEAST_CANDIDATES);
        let request = SearchPoints {
            collection_name: self.index.spot.name.clone(),
            vector: self.query.clone(),
            vector_name: Some(self.index.vector_name()),
            filter: self.filter.clone(),
            limit: limit as u64,
            params: Some(SearchParams {
                exact: Some(exact),
                hnsw_ef: Some(candidates as u64),
                quantization: Some(QuantizationSearchParams {
                    ignore: Some(exact),
                    rescore: Some(true),
                    oversampling: Some(2.0),
                }),
                ..SearchParams::default()
            }),
            ..SearchPoints::default()
        };
        let cluster = &self.index.cluster;
        let answer = cluster.run(Patience::READ, || {
            let (mut points, request) = (cluster.points(), request.clone());
            async move { points.search(request).await }
        })?;
        Ok(answer.result)
    }

    fn hits(&self, points: &[ScoredPoint]) -> Vec<Hit> {
        let mut top = TopK::new(self.k, self.least);
        for point in points {
            let id = point
                .id
                .as_ref()
                .and_then(|id| id.point_id_options.as_ref());
            if let Some(&PointIdOptions::Num(id)) = id {
                let similarity = point.score.clamp(-1.0, 1.0);
                top.offer(Hit { id, similarity });
            }
        }
        top.into_hits()
    }
}

impl VectorIndex for QdrantIndex {
    fn dimensions(&self) -> usize {
        self.spot.dimensions
    }

    /// Asked of the cluster; 0 where it does not answer: ask [`QdrantIndex::count`] to tell that apart.
    fn len(&self) -> usize {
        self.count().unwrap_or(0)
    }

    /// As far as this process knows.
    fn version(&self) -> u64 {
        self.read().version
    }

    fn apply(&self, changes: &Changes<'_>) -> Result<(), IndexError> {
        self.apply_with(changes, &|_| Vec::new())
    }

    fn search(&self, query: &[f32], search: &Search<'_>) -> Result<Vec<Hit>, IndexError> {
        self.search_where(query, search, None)
    }
}
