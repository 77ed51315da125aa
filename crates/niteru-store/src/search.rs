use std::path::PathBuf;

use niteru_index::{Condition, Hit, IdSet, Search};
use rusqlite::{OptionalExtension, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collection::{hex, metadata, sql_id};
use crate::error::Failure;
use crate::filter::{Selection, select, split};
use crate::group::Group;
use crate::image_name::uploaded_as;
use crate::index::CachedIndex;
use crate::{Collection, EncoderIdentity, Metadata, StoreError, paths};

/// What to look for in a collection.
#[derive(Debug, Clone)]
pub struct Query {
    /// What made the embedding; must be what made the collection's.
    pub encoder: EncoderIdentity,
    /// Any length but zero; its direction counts.
    pub embedding: Vec<f32>,
    /// Most results to return.
    pub k: usize,
    /// Leave out everything less similar.
    pub min_similarity: Option<f32>,
    /// Ids that may not be results, such as the query image itself.
    pub exclude: Vec<u64>,
    /// What results must be like. Applied inside the search: `k` results come back if `k` exist.
    pub filter: Option<Condition>,
}

/// One image found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SearchResult {
    /// 1 for the most similar; of groups, all results of one have its rank.
    pub rank: usize,
    /// Cosine of the two embeddings, −1…1.
    pub similarity: f32,
    /// The image's id.
    pub id: u64,
    /// The image's path; in JSON, what is not UTF-8 in it appears as U+FFFD.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Of the file's contents, in hexadecimal.
    pub sha256: String,
    /// What an uploaded file was called where it came from; only of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded_as: Option<String>,
    /// The image's metadata.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub metadata: Metadata,
    /// The group that it was found in; only in [`Collection::search_groups`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
}

/// What a search found, as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Searched<R> {
    /// The collection.
    pub collection: String,
    /// Its model.
    pub model: String,
    /// [`SearchResult`]s, perhaps with more than they hold.
    pub results: Vec<R>,
    /// Images left out because they have no value to be grouped by; only of groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ungrouped: Option<u64>,
}

/// A search in one transaction, with an index that is in step with it.
pub(crate) struct Searcher<'a, 't> {
    pub(crate) tx: &'a Transaction<'t>,
    index: &'a CachedIndex,
    pub(crate) query: &'a Query,
    /// The images that may be results, where they pass the condition too.
    pub(crate) allowed: Selection,
    /// What the index itself makes sure of.
    condition: Option<Condition>,
    /// Whether to make do with the images that are there, where the index knows others.
    pub(crate) lenient: bool,
}

/// Times that a search is repeated because the index was ahead of its transaction.
const RETRIES: usize = 3;

impl Collection<'_> {
    /// The images most similar to the query: similarity descending, equal ones by id ascending.
    ///
    /// Everything that was stored before the call, by this or another process, is considered.
    /// Images that are missing are left out.
    ///
    /// # Errors
    /// [`StoreError::OtherModel`], [`StoreError::Index`] for a query without direction or of
    /// another length, [`StoreError::Condition`] as in [`Collection::select`], and those of the
    /// database.
    pub fn search(&self, query: &Query) -> Result<Vec<SearchResult>, StoreError> {
        self.search_in_step(query, &|searcher| {
            let hits = searcher.hits(query.k, &searcher.allowed)?;
            searcher.results(&hits)
        })
    }

    /// Runs a search, again when it says (`None`) that the index is ahead of its transaction: another
    /// thread may have brought it further, and an image may be gone since.
    pub(crate) fn search_in_step<T>(
        &self,
        query: &Query,
        search: &dyn Fn(&Searcher<'_, '_>) -> Result<Option<T>, Failure>,
    ) -> Result<T, StoreError> {
        self.check_encoder(&query.encoder)?;
        let cached = self.cached_index()?;
        let mut retries = 0;
        loop {
            let found = self.home.read(|tx| {
                cached.catch_up(self, tx)?;
                let (allowed, condition) = self.allowed(tx, query, cached.takes_conditions())?;
                search(&Searcher {
                    tx,
                    index: &cached,
                    query,
                    allowed,
                    condition,
                    lenient: retries == RETRIES,
                })
            })?;
            if let Some(found) = found {
                self.after_search(&cached);
                return Ok(found);
            }
            retries += 1;
        }
    }

    /// The images that may be results, and the part of the filter that is left to the index.
    fn allowed(
        &self,
        tx: &Transaction<'_>,
        query: &Query,
        index_takes_conditions: bool,
    ) -> Result<(Selection, Option<Condition>), Failure> {
        let exclude: IdSet = query.exclude.iter().copied().collect();
        let (selection, condition) = match &query.filter {
            Some(condition) if index_takes_conditions => split(tx, self, condition)?,
            Some(condition) => (select(tx, self, condition)?, None),
            None => (Selection::all(), None),
        };
        Ok((selection.without(&exclude), condition))
    }
}

impl Searcher<'_, '_> {
    /// The `k` most similar among these images.
    pub(crate) fn hits(&self, k: usize, among: &Selection) -> Result<Vec<Hit>, Failure> {
        let search = Search::top(k)
            .min_similarity(self.query.min_similarity)
            .filter(among.filter());
        let condition = self.condition.as_ref();
        Ok(self
            .index
            .search(&self.query.embedding, &search, condition)?)
    }

    /// All images that may be results, the index's part of the filter included.
    pub(crate) fn passing(&self, collection: &Collection<'_>) -> Result<Selection, Failure> {
        let allowed = self.allowed.clone();
        Ok(match &self.condition {
            Some(condition) => allowed.and(select(self.tx, collection, condition)?),
            None => allowed,
        })
    }

    /// What is known of the hits. `None`: one is not there.
    pub(crate) fn results(&self, hits: &[Hit]) -> Result<Option<Vec<SearchResult>>, Failure> {
        let sql = "SELECT path, sha256 FROM images WHERE id = ? AND missing = 0";
        let mut statement = self.tx.prepare_cached(sql)?;
        let mut results = Vec::with_capacity(hits.len());
        for hit in hits {
            let found = statement
                .query_row([sql_id(hit.id)], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((path, sha256)) = found else {
                continue;
            };
            let (path, sha256): (_, Vec<u8>) = (paths::from_bytes(path), sha256);
            results.push(SearchResult {
                rank: results.len() + 1,
                similarity: hit.similarity,
                id: hit.id,
                uploaded_as: uploaded_as(self.tx, &path, &sha256)?,
                path,
                sha256: hex(&sha256),
                metadata: metadata(self.tx, hit.id)?,
                group: None,
            });
        }
        let complete = results.len() == hits.len();
        Ok((complete || self.lenient).then_some(results))
    }
}
