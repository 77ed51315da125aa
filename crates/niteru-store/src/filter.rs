//! From a condition to the set of images that pass it.
//!
//! Each test becomes one small parameterised statement that an index answers; `and`, `or` and `not`
//! are set operations. What a condition says never becomes part of a statement's text.

use niteru_index::condition::{Field, Literal, Order, Test, Value, fold, spellings};
use niteru_index::qdrant::translates;
use niteru_index::{Condition, ConditionError, Filter, IdSet};
use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::{Failure, known, shortened};
use crate::{Collection, StoreError};

/// Compares a value with `?2` by way of the index on texts. SQLite would put the parameter for
/// `value` everywhere if it read `value = ?2`, and then not see that the index fits.
const SHORT_TEXT_IS: &str = "value BETWEEN ?2 AND ?2 AND length(value) <= 40";
const LONG_TEXT_IS: &str =
    "substr(value, 1, 40) = substr(?2, 1, 40) AND +value = ?2 AND length(value) > 40";

/// How a value is compared with this text as `?2`.
pub(crate) fn text_is(text: &str) -> &'static str {
    // As SQLite's length() counts: up to the first NUL.
    let length = text.chars().take_while(|c| *c != '\0').count();
    if length <= 40 {
        SHORT_TEXT_IS
    } else {
        LONG_TEXT_IS
    }
}

/// Most characters of a field's name that a misspelt one is compared with.
const MAX_COMPARED: usize = 64;

/// The images that pass a condition, as they were when it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection(Which);

/// A complement costs no more than what it leaves out: nobody asks for all ids of a collection.
#[derive(Debug, Clone, PartialEq)]
enum Which {
    Only(IdSet),
    Except(IdSet),
}
use Which::{Except, Only};

impl Selection {
    /// Whether the image passes.
    pub fn allows(&self, id: u64) -> bool {
        self.filter().allows(id)
    }

    /// Every image.
    pub(crate) fn all() -> Self {
        Self(Except(IdSet::new()))
    }

    pub(crate) fn only(ids: IdSet) -> Self {
        Self(Only(ids))
    }

    /// What an index takes.
    pub(crate) fn filter(&self) -> Filter<'_> {
        match &self.0 {
            Only(ids) => Filter::Only(ids),
            Except(ids) if ids.is_empty() => Filter::All,
            Except(ids) => Filter::Except(ids),
        }
    }

    /// Number of these ids that pass.
    pub(crate) fn count(&self, ids: &IdSet) -> u64 {
        match &self.0 {
            Only(own) => own.intersection_len(ids),
            Except(out) => ids.len() - out.intersection_len(ids),
        }
    }

    pub(crate) fn without(self, ids: &IdSet) -> Self {
        match self.0 {
            Only(mut own) => {
                own -= ids;
                Self(Only(own))
            }
            Except(mut out) => {
                out |= ids;
                Self(Except(out))
            }
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (Only(mut a), Only(b)) => {
                a &= &b;
                Only(a)
            }
            (Only(mut a), Except(b)) | (Except(b), Only(mut a)) => {
                a -= &b;
                Only(a)
            }
            (Except(mut a), Except(b)) => {
                a |= &b;
                Except(a)
            }
        })
    }

    fn negated(self) -> Self {
        Self(match self.0 {
            Only(ids) => Except(ids),
            Except(ids) => Only(ids),
        })
    }
}

impl Collection<'_> {
    /// The images that pass a condition, the missing ones included.
    ///
    /// # Errors
    /// [`StoreError::Condition`] for a field that the collection does not have, and for an order by
    /// number or date in a field that holds none; and those of the database.
    pub fn select(&self, condition: &Condition) -> Result<Selection, StoreError> {
        self.home.read(|tx| select(tx, self, condition))
    }
}

/// As [`Collection::select`], in a transaction.
pub(crate) fn select(
    tx: &Transaction<'_>,
    collection: &Collection<'_>,
    condition: &Condition,
) -> Result<Selection, Failure> {
    let select = |condition| select(tx, collection, condition);
    Ok(match condition {
        Condition::And(all) => {
            let mut selection = Selection::all();
            for condition in all {
                selection = selection.and(select(condition)?);
            }
            selection
        }
        Condition::Or(any) => {
            // Not all of them not.
            let mut none = Selection::all();
            for condition in any {
                none = none.and(select(condition)?.negated());
            }
            none.negated()
        }
        Condition::Not(inner) => select(inner)?.negated(),
        Condition::Field { field, test } => {
            let mut images = Images::of(tx, collection, field)?;
            images.add(test)?;
            Selection::only(images.passing)
        }
    })
}

/// Splits a condition into the part that an index in a cluster applies, and the images that pass the
/// rest.
pub(crate) fn split(
    tx: &Transaction<'_>,
    collection: &Collection<'_>,
    condition: &Condition,
) -> Result<(Selection, Option<Condition>), Failure> {
    let parts = match condition {
        Condition::And(all) => &all[..],
        one => std::slice::from_ref(one),
    };
    let (theirs, ours): (Vec<_>, Vec<_>) = parts.iter().partition(|part| translates(part));
    let mut selection = Selection::all();
    for part in ours {
        selection = selection.and(select(tx, collection, part)?);
    }
    for part in &theirs {
        check(tx, collection, part)?;
    }
    let theirs: Vec<Condition> = theirs.into_iter().cloned().collect();
    let condition = (!theirs.is_empty()).then_some(Condition::And(theirs));
    Ok((selection, condition))
}

/// Refuses what [`select`] refuses, without looking for the images.
fn check(
    tx: &Transaction<'_>,
    collection: &Collection<'_>,
    condition: &Condition,
) -> Result<(), Failure> {
    match condition {
        Condition::And(all) | Condition::Or(all) => {
            let mut all = all.iter();
            all.try_for_each(|condition| check(tx, collection, condition))
        }
        Condition::Not(inner) => check(tx, collection, inner),
        Condition::Field { field, test } => {
            let images = Images::of(tx, collection, field)?;
            match test {
                Test::Compare { order, literal } => images.check_order(*order, literal),
                Test::In(_) | Test::Contains(_) | Test::Exists => Ok(()),
            }
        }
    }
}

/// The images that pass the test of a field.
struct Images<'t> {
    tx: &'t Transaction<'t>,
    field: &'t Field,
    /// The field's number.
    id: i64,
    passing: IdSet,
}

impl<'t> Images<'t> {
    /// None yet.
    fn of(
        tx: &'t Transaction<'t>,
        collection: &Collection<'_>,
        field: &'t Field,
    ) -> Result<Self, Failure> {
        Ok(Self {
            tx,
            id: field_id(tx, collection, field)?,
            field,
            passing: IdSet::new(),
        })
    }

    fn add(&mut self, test: &Test) -> Result<(), Failure> {
        match test {
            Test::Compare { order, literal } => {
                self.check_order(*order, literal)?;
                self.compare(*order, &literal.value)
            }
            Test::In(literals) => {
                let mut literals = literals.iter();
                literals.try_for_each(|literal| self.compare(Order::Equal, &literal.value))
            }
            Test::Contains(text) => self.whose("niteru_contains(value, ?2)", &[&fold(text)]),
            Test::Exists => self.whose("true", &[]),
        }
    }

    fn compare(&mut self, order: Order, value: &Value) -> Result<(), Failure> {
        match value {
            Value::Text(text) if order == Order::Equal => self.whose(text_is(text), &[text]),
            Value::Boolean(value) if order == Order::Equal => spellings(*value)
                .iter()
                .try_for_each(|text| self.whose(text_is(text), &[text])),
            // These have no order.
            Value::Text(_) | Value::Boolean(_) => Ok(()),
            Value::Number(number) => {
                let test = match order {
                    Order::Equal => "number = ?2",
                    Order::Less => "number < ?2",
                    Order::AtMost => "number <= ?2",
                    Order::Greater => "number > ?2",
                    Order::AtLeast => "number >= ?2",
                };
                self.whose(test, &[number])
            }
            Value::Date(date) => {
                let (start, end) = (date.start(), date.end());
                match order {
                    Order::Equal => self.whose("instant >= ?2 AND instant < ?3", &[&start, &end]),
                    Order::Less => self.whose("instant < ?2", &[&start]),
                    Order::AtMost => self.whose("instant < ?2", &[&end]),
                    Order::Greater => self.whose("instant >= ?2", &[&end]),
                    Order::AtLeast => self.whose("instant >= ?2", &[&start]),
                }
            }
        }
    }

    /// Adds the images whose value passes `test`, which is one of this file's own texts; its
    /// parameters start at `?2`.
    fn whose(&mut self, test: &str, values: &[&dyn ToSql]) -> Result<(), Failure> {
        let mut statement = self.tx.prepare_cached(&images_whose(test))?;
        let mut parameters: Vec<&dyn ToSql> = vec![&self.id];
        parameters.extend(values);
        let mut rows = statement.query(&parameters[..])?;
        while let Some(row) = rows.next()? {
            self.passing.insert(row.get::<_, i64>(0)?.cast_unsigned());
        }
        Ok(())
    }

    /// Refuses to order by a kind of value that the field does not hold: it would find nothing, and
    /// leave people wondering why.
    fn check_order(&self, order: Order, literal: &Literal) -> Result<(), Failure> {
        let (column, kind) = match literal.value {
            Value::Number(_) => ("number", "a number"),
            Value::Date(_) => ("instant", "a date"),
            Value::Text(_) | Value::Boolean(_) => return Ok(()),
        };
        if order == Order::Equal || self.has(&format!("{column} IS NOT NULL"))? {
            return Ok(());
        }
        let sql = "SELECT value FROM metadata WHERE field = ? LIMIT 1";
        let example: Option<String> = self
            .tx
            .prepare_cached(sql)?
            .query_row([self.id], |row| row.get(0))
            .optional()?;
        let Some(example) = example else {
            return Ok(());
        };
        let (field, example) = (&self.field.name, shortened(&example));
        let reason = format!("no value of {field:?} is {kind}: one is {example:?}");
        Err(literal.place.error(reason).into())
    }

    fn has(&self, test: &str) -> rusqlite::Result<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM metadata WHERE field = ? AND {test})");
        let mut statement = self.tx.prepare_cached(&sql)?;
        statement.query_row([self.id], |row| row.get(0))
    }
}

/// The statement that gives the images whose value of field `?1` passes a test.
fn images_whose(test: &str) -> String {
    format!("SELECT image FROM metadata WHERE field = ?1 AND {test}")
}

/// The number of a collection's field, if it has it.
pub(crate) fn find_field(
    tx: &Transaction<'_>,
    collection: &Collection<'_>,
    name: &str,
) -> rusqlite::Result<Option<i64>> {
    tx.prepare_cached("SELECT id FROM fields WHERE collection = ? AND name = ?")?
        .query_row(params![collection.id, name], |row| row.get(0))
        .optional()
}

fn field_id(
    tx: &Transaction<'_>,
    collection: &Collection<'_>,
    field: &Field,
) -> Result<i64, Failure> {
    match find_field(tx, collection, &field.name)? {
        Some(id) => Ok(id),
        None => Err(unknown_field(field, &collection.read_fields(tx)?).into()),
    }
}

fn unknown_field(field: &Field, names: &[String]) -> ConditionError {
    let mut reason = format!(
        "no field {:?}: {}",
        shortened(&field.name),
        known(
            names,
            "the collection has no metadata, add some with a CSV file"
        )
    );
    if let Some(near) = nearest(&field.name, names) {
        reason += &format!("; did you mean {near:?}?");
    }
    field.place.error(reason)
}

/// The name that is fewest changes of characters away, if these are about a third of it at most.
fn nearest<'n>(name: &str, names: &'n [String]) -> Option<&'n str> {
    let name = fold(name);
    let distances = names
        .iter()
        .map(|other| (distance(&name, &fold(other)), other));
    let (changes, other) = distances.min_by_key(|(changes, _)| *changes)?;
    let length = other.chars().count();
    (changes <= length.div_ceil(3) && changes < length).then_some(other)
}

/// Levenshtein's distance between the starts of two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(MAX_COMPARED).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().take(MAX_COMPARED).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_answered_by_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let home = crate::Home::open(folder.path()).unwrap();
        let reader = home.reader().unwrap();
        let table = [
            (
                SHORT_TEXT_IS,
                "COVERING INDEX metadata_by_text (field=? AND value>? AND value<?)",
            ),
            (
                LONG_TEXT_IS,
                "INDEX metadata_by_long_text (field=? AND <expr>=?)",
            ),
            (
                "number = ?2",
                "COVERING INDEX metadata_by_number (field=? AND number=?)",
            ),
            (
                "number < ?2",
                "COVERING INDEX metadata_by_number (field=? AND number<?)",
            ),
            (
                "number >= ?2",
                "COVERING INDEX metadata_by_number (field=? AND number>?)",
            ),
            (
                "instant < ?2",
                "COVERING INDEX metadata_by_instant (field=? AND instant<?)",
            ),
            ("true", "COVERING INDEX metadata_by_field (field=?)"),
        ];
        let mut wrong = Vec::new();
        for (test, expected) in table {
            let sql = format!("EXPLAIN QUERY PLAN {}", images_whose(test));
            let mut statement = reader.prepare(&sql).unwrap();
            let unknown = vec![rusqlite::types::Null; statement.parameter_count()];
            let plan: String = statement
                .query_row(rusqlite::params_from_iter(unknown), |row| row.get(3))
                .unwrap();
            if plan != format!("SEARCH metadata USING {expected}") {
                wrong.push(format!("{test}: {plan}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn misspelt_fields_are_recognised() {
        let names = ["part_number", "colour", "分類", "x"].map(String::from);
        let table = [
            ("part_nmber", Some("part_number")),
            ("Part_Number", Some("part_number")),
            ("color", Some("colour")),
            ("分る", Some("分類")),
            ("height", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, &names), expected, "{name}");
        }
        assert_eq!(nearest("x", &[]), None);
        assert_eq!(distance(&"x".repeat(100_000), ""), MAX_COMPARED);
    }
}
