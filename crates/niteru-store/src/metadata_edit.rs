//! Metadata as people see and change it: the values that a field has, and new values for one image or many.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collection::{name_problem, next_change, sql_id};
use crate::error::Failure;
use crate::metadata_csv::{field_id, set_value};
use crate::{Collection, StoreError};

/// A metadata field of a collection, with what it holds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FieldValues {
    /// Its name.
    pub name: String,
    /// Images that have a value.
    pub images: u64,
    /// Images whose value is a number.
    pub numbers: u64,
    /// Images whose value is a date.
    pub dates: u64,
    /// The smallest number; `None` where there is none.
    pub smallest: Option<f64>,
    /// The largest number.
    pub largest: Option<f64>,
    /// How many different values there are.
    pub different: u64,
    /// The most frequent ones first, equally frequent ones by their text; perhaps not all.
    pub values: Vec<ValueCount>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValueCount {
    /// The value.
    pub value: String,
    /// Images that have it.
    pub images: u64,
}

impl Collection<'_> {
    /// The metadata fields in the order in which they first came, each with up to `most` of its values.
    /// Fields that no image has a value of are left out.
    ///
    /// # Errors
    /// Those of the database.
    pub fn field_values(&self, most: usize) -> Result<Vec<FieldValues>, StoreError> {
        self.home.read(|tx| {
            let sql =
                "SELECT f.id, f.name, count(*), count(m.number), count(m.instant), min(m.number),
                              max(m.number), count(DISTINCT m.value)
                       FROM fields f JOIN metadata m ON m.field = f.id
                       WHERE f.collection = ? GROUP BY f.id ORDER BY f.id";
            let mut statement = tx.prepare_cached(sql)?;
            let rows = statement.query_map([self.id], |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
                let field = FieldValues {
                    name: row.get(1)?,
                    images: count(2)?,
                    numbers: count(3)?,
                    dates: count(4)?,
                    smallest: row.get(5)?,
                    largest: row.get(6)?,
                    different: count(7)?,
                    values: Vec::new(),
                };
                Ok((row.get::<_, i64>(0)?, field))
            })?;
            rows.map(|row| {
                let (id, field) = row?;
                let values = values(tx, id, most)?;
                Ok(FieldValues { values, ..field })
            })
            .collect()
        })
    }

    /// Gives images new values, all or none of them. An empty value removes what the image has in that
    /// field; fields that are not named stay as they are. Returns how many images that changed.
    ///
    /// # Errors
    /// [`StoreError::NoImage`], [`StoreError::FieldName`], and those of the database.
    pub fn set_metadata(
        &self,
        ids: &[u64],
        values: &BTreeMap<String, String>,
    ) -> Result<u64, StoreError> {
        for name in values.keys() {
            if let Some(reason) = name_problem(name) {
                let name = name.clone();
                return Err(StoreError::FieldName { name, reason });
            }
        }
        for &id in ids {
            self.image(id)?;
        }
        self.home.write(|tx| {
            let mut changed = 0;
            for &id in ids {
                let pairs = values.iter().map(|(name, value)| (&**name, &**value));
                changed += u64::from(set_values(tx, self.id, sql_id(id), pairs)?);
            }
            Ok(changed)
        })
    }
}

fn values(tx: &Transaction<'_>, field: i64, most: usize) -> rusqlite::Result<Vec<ValueCount>> {
    let sql = "SELECT value, count(*) AS images FROM metadata WHERE field = ?
               GROUP BY value ORDER BY images DESC, value LIMIT ?";
    let mut statement = tx.prepare_cached(sql)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement.query_map([field, most], |row| {
        Ok(ValueCount {
            value: row.get(0)?,
            images: row.get::<_, i64>(1)?.cast_unsigned(),
        })
    })?;
    rows.collect()
}

/// Gives an image of a collection values; whether that changed anything. An image that is not there has none.
pub(crate) fn set_values<'v>(
    tx: &Transaction<'_>,
    collection: i64,
    image: i64,
    values: impl IntoIterator<Item = (&'v str, &'v str)>,
) -> Result<bool, Failure> {
    let mut changed = false;
    for (name, value) in values {
        changed |= match value.trim().is_empty() {
            true => remove_value(tx, collection, image, name)?,
            false => {
                let field = field_id(tx, collection, name)?;
                set_value(tx, image, field, value)?
            }
        };
    }
    if changed {
        let change = next_change(tx)?;
        tx.prepare_cached("UPDATE images SET change = ? WHERE id = ?")?
            .execute(params![change, image])?;
    }
    Ok(changed)
}

/// Takes an image's value in a field away; whether there was one.
pub(crate) fn remove_value(
    tx: &Transaction<'_>,
    collection: i64,
    image: i64,
    field: &str,
) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM metadata WHERE image = ? AND field =
                   (SELECT id FROM fields WHERE collection = ? AND name = ?)";
    let removed = tx
        .prepare_cached(sql)?
        .execute(params![image, collection, field])?;
    Ok(removed > 0)
}
