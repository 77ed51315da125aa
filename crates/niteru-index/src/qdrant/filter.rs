//! From a condition to Qdrant's filter that lets the same images through.

use qdrant_client::qdrant::{Condition as Part, Filter, Range};

use super::payload::{HAS, Typed, is_kept, key, plain_zero};
use crate::condition::{Order, Test, Value, spellings};
use crate::{Condition, Filter as Ids};

/// Whether a cluster can apply all of a condition exactly. What it cannot (a part of a text, a text
/// longer than is kept, numbers that are none) is to be turned into a set of ids instead.
pub fn translates(condition: &Condition) -> bool {
    part(condition).is_some()
}

/// The filter for what a search may find: no filter where that is everything, `None` where the
/// condition cannot be translated.
pub(super) fn filter(condition: Option<&Condition>, ids: Ids<'_>) -> Option<Filter> {
    let mut filter = Filter::default();
    if let Some(condition) = condition {
        filter.must.push(part(condition)?);
    }
    match ids {
        Ids::All => {}
        Ids::Only(ids) => filter.must.push(Part::has_id(ids.iter())),
        Ids::Except(ids) if ids.is_empty() => {}
        Ids::Except(ids) => filter.must_not.push(Part::has_id(ids.iter())),
    }
    Some(filter)
}

fn part(condition: &Condition) -> Option<Part> {
    let parts = |conditions: &[Condition]| conditions.iter().map(part).collect::<Option<Vec<_>>>();
    Some(match condition {
        Condition::And(all) => Filter::must(parts(all)?).into(),
        Condition::Or(any) if any.is_empty() => nothing(),
        Condition::Or(any) => Filter::should(parts(any)?).into(),
        Condition::Not(inner) => Filter::must_not([part(inner)?]).into(),
        Condition::Field { field, test } => {
            let key = key(&field.name);
            match test {
                Test::Exists => Part::matches(HAS, key),
                Test::Contains(_) => return None,
                Test::Compare { order, literal } => compare(&key, *order, &literal.value)?,
                Test::In(literals) if literals.is_empty() => nothing(),
                Test::In(literals) => {
                    let equal = |literal: &crate::condition::Literal| {
                        compare(&key, Order::Equal, &literal.value)
                    };
                    let any: Option<Vec<_>> = literals.iter().map(equal).collect();
                    Filter::should(any?).into()
                }
            }
        }
    })
}

fn compare(key: &str, order: Order, value: &Value) -> Option<Part> {
    Some(match value {
        Value::Text(_) | Value::Boolean(_) if order != Order::Equal => nothing(),
        Value::Text(text) if !is_kept(text) => return None,
        Value::Text(text) => Part::matches(Typed::Text.path(key), text.clone()),
        Value::Boolean(value) => {
            let texts = spellings(*value).map(String::from).to_vec();
            Part::matches(Typed::Text.path(key), texts)
        }
        Value::Number(number) if !number.is_finite() => return None,
        Value::Number(number) => {
            let number = Some(plain_zero(*number));
            let range = match order {
                Order::Equal => Range {
                    gte: number,
                    lte: number,
                    ..Range::default()
                },
                Order::Less => below(number),
                Order::AtMost => Range {
                    lte: number,
                    ..Range::default()
                },
                Order::Greater => Range {
                    gt: number,
                    ..Range::default()
                },
                Order::AtLeast => from(number),
            };
            Part::range(Typed::Number.path(key), range)
        }
        Value::Date(date) => {
            // Milliseconds of the years 1 to 9999: an f64 holds them exactly.
            let (start, end) = (Some(date.start() as f64), Some(date.end() as f64));
            let range = match order {
                Order::Equal => Range {
                    gte: start,
                    lt: end,
                    ..Range::default()
                },
                Order::Less => below(start),
                Order::AtMost => below(end),
                Order::Greater => from(end),
                Order::AtLeast => from(start),
            };
            Part::range(Typed::Date.path(key), range)
        }
    })
}

fn below(lt: Option<f64>) -> Range {
    Range {
        lt,
        ..Range::default()
    }
}

fn from(gte: Option<f64>) -> Range {
    Range {
        gte,
        ..Range::default()
    }
}

/// Lets nothing through.
fn nothing() -> Part {
    Part::has_id(std::iter::empty::<u64>())
}
