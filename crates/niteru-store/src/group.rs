//! Searching for groups of images: the best image of each part number.

use niteru_index::{Hit, IdSet};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collection::sql_id;
use crate::error::Failure;
use crate::filter::{Selection, find_field, text_is};
use crate::search::{Query, SearchResult, Searcher};
use crate::{Collection, StoreError};

/// Hits asked for at first, for each group wanted.
const HITS_A_GROUP: usize = 4;

/// How results are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBy {
    /// The field whose value is shared by the images of a group, character by character.
    pub field: String,
    /// Most results of a group.
    pub per_group: usize,
}

/// The group that a result belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    /// The field that results are grouped by.
    pub field: String,
    /// The value that the group's images share.
    pub value: String,
    /// Number of images that share it and pass the search's filter, however similar they are.
    pub images: u64,
}

/// Groups found.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupedResults {
    /// Results group after group, each with [`SearchResult::group`]. All of a group have its rank: 1
    /// for the group whose best image is the most similar. Inside a group, similarity descends.
    pub results: Vec<SearchResult>,
    /// Number of images without the field, which form no group, that would stand before the last
    /// group's best image; all of them, where there are fewer groups than were asked for.
    pub ungrouped: u64,
}

/// A group while it is looked for.
struct Found {
    value: String,
    best: Hit,
    images: IdSet,
}

/// What is known of an image's value.
enum Own {
    Value(String),
    None,
    /// The image is not there, or not any more.
    Gone,
}

impl Collection<'_> {
    /// The `query.k` groups whose best images are most similar to the query.
    ///
    /// Exact, as far as the index is: `k` groups come back if `k` exist. A search gives the most
    /// similar images; the first one of a value is the best of its group, since the group's others
    /// were allowed too and come later. Then the search is repeated without the groups found and
    /// without the images seen that have no value, until `k` groups are found or nothing is left. What
    /// a later round finds ranks behind all that an earlier one did, so the order is right, too. The
    /// other images of a group come from one more search each, among its images only.
    ///
    /// # Errors
    /// [`StoreError::NoField`], and those of [`Collection::search`].
    pub fn search_groups(&self, query: &Query, by: &GroupBy) -> Result<GroupedResults, StoreError> {
        self.search_in_step(query, &|searcher| {
            let Some(field) = find_field(searcher.tx, self, &by.field)? else {
                return Err(StoreError::NoField {
                    collection: self.name().into(),
                    field: by.field.clone(),
                    names: self.read_fields(searcher.tx)?,
                }
                .into());
            };
            let grouping = Grouping {
                searcher,
                by,
                field,
                passing: searcher.passing(self)?,
            };
            grouping.run()
        })
    }
}

struct Grouping<'a, 't> {
    searcher: &'a Searcher<'a, 't>,
    by: &'a GroupBy,
    field: i64,
    /// All images that may be results, to count those of a group.
    passing: Selection,
}

impl Grouping<'_, '_> {
    /// `None`: the index is ahead of the transaction.
    fn run(&self) -> Result<Option<GroupedResults>, Failure> {
        let Some((groups, ungrouped)) = self.find()? else {
            return Ok(None);
        };
        let mut results = Vec::new();
        for (i, group) in groups.into_iter().enumerate() {
            let Some(members) = self.results(i + 1, group)? else {
                return Ok(None);
            };
            results.extend(members);
        }
        Ok(Some(GroupedResults { results, ungrouped }))
    }

    /// The groups, best first, and the number of images passed over that have no value.
    fn find(&self) -> Result<Option<(Vec<Found>, u64)>, Failure> {
        let k = match self.by.per_group {
            0 => 0,
            _ => self.searcher.query.k,
        };
        let mut groups: Vec<Found> = Vec::new();
        let mut seen = IdSet::new();
        let mut ungrouped = 0;
        let mut width = k.saturating_mul(HITS_A_GROUP);
        while groups.len() < k {
            let left = self.searcher.allowed.clone().without(&seen);
            let hits = self.searcher.hits(width, &left)?;
            for &hit in &hits {
                if groups.len() == k {
                    break;
                }
                // Another image of its group came before it.
                if seen.contains(hit.id) {
                    continue;
                }
                seen.insert(hit.id);
                match self.own_value(hit.id)? {
                    Own::Value(value) => {
                        let images = self.images(&value)?;
                        seen |= &images;
                        groups.push(Found {
                            value,
                            best: hit,
                            images,
                        });
                    }
                    Own::None => ungrouped += 1,
                    Own::Gone if self.searcher.lenient => {}
                    Own::Gone => return Ok(None),
                }
            }
            if hits.len() < width {
                break;
            }
            // Wider: many images without a value must not take many rounds.
            width = width.saturating_mul(2);
        }
        Ok(Some((groups, ungrouped)))
    }

    fn results(&self, rank: usize, group: Found) -> Result<Option<Vec<SearchResult>>, Failure> {
        let allowed = &self.passing;
        let shown = Group {
            field: self.by.field.clone(),
            images: allowed.count(&group.images),
            value: group.value,
        };
        let hits = match self.by.per_group {
            1 => vec![group.best],
            most => {
                let members = Selection::only(group.images).and(allowed.clone());
                self.searcher.hits(most, &members)?
            }
        };
        let Some(mut results) = self.searcher.results(&hits)? else {
            return Ok(None);
        };
        for result in &mut results {
            result.rank = rank;
            result.group = Some(shown.clone());
        }
        Ok(Some(results))
    }

    fn own_value(&self, image: u64) -> rusqlite::Result<Own> {
        let sql = "SELECT m.value FROM images i
                   LEFT JOIN metadata m ON m.image = i.id AND m.field = ?
                   WHERE i.id = ? AND i.missing = 0";
        let mut statement = self.searcher.tx.prepare_cached(sql)?;
        let value = statement
            .query_row(params![self.field, sql_id(image)], |row| row.get(0))
            .optional()?;
        Ok(match value {
            Some(Some(value)) => Own::Value(value),
            Some(None) => Own::None,
            None => Own::Gone,
        })
    }

    /// The images of a group, whatever the filter is; without the missing ones.
    fn images(&self, value: &str) -> rusqlite::Result<IdSet> {
        let sql = format!(
            "SELECT m.image FROM metadata m JOIN images i ON i.id = m.image
             WHERE m.field = ?1 AND {} AND i.missing = 0",
            text_is(value)
        );
        let mut statement = self.searcher.tx.prepare_cached(&sql)?;
        let ids = statement.query_map(params![self.field, value], |row| row.get::<_, i64>(0))?;
        ids.map(|id| id.map(i64::cast_unsigned)).collect()
    }
}
