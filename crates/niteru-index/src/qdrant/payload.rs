//! An image's metadata as a cluster keeps it, so that conditions can be applied there.
//!
//! A value is kept as what it is beside its text, in fields of one type each, which Qdrant indexes:
//!
//! | in Qdrant | holds |
//! | --- | --- |
//! | `has` | the keys of all fields that the image has |
//! | `text_KEY` | the text, where it has at most [`MAX_TEXT`] characters |
//! | `number_KEY` | the number ([`number`]) |
//! | `date_KEY` | the moment in milliseconds since 1970 ([`instant`]) |
//!
//! Names of fields are anything people type into a spreadsheet; in a path of Qdrant most of that has a
//! meaning. So a key is made of the name's plain characters and its hash.

use std::collections::{BTreeSet, HashMap};

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{FieldType, ListValue, Value};
use sha2::{Digest, Sha256};

use crate::condition::{instant, number};

/// Longest text that is kept, in characters. Longer ones are notes, which nobody compares as a whole.
pub(super) const MAX_TEXT: usize = 64;

/// Characters of a field's name that are kept readable in its key.
const SHOWN: usize = 24;

/// The field with the keys of what an image has.
pub(super) const HAS: &str = "has";

/// The key of a metadata field.
pub(super) fn key(field: &str) -> String {
    let good = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let mut key: String = field.chars().filter(good).take(SHOWN).collect();
    key.push('_');
    for byte in &Sha256::digest(field.as_bytes())[..12] {
        key += &format!("{byte:02x}");
    }
    key
}

/// A kind of value, which has fields of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Text,
    Number,
    Date,
}

impl Typed {
    /// The path of a field's values of this kind.
    pub(super) fn path(self, key: &str) -> String {
        format!("{}{key}", self.prefix())
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Text => "text_",
            Self::Number => "number_",
            Self::Date => "date_",
        }
    }
}

/// The type of the index for a path of ours.
pub(super) fn index_type(path: &str) -> FieldType {
    let is = |typed: Typed| path.starts_with(typed.prefix());
    if is(Typed::Number) {
        FieldType::Float
    } else if is(Typed::Date) {
        FieldType::Integer
    } else {
        FieldType::Keyword
    }
}

/// Whether a text is kept, and so can be compared in a cluster.
pub(super) fn is_kept(text: &str) -> bool {
    text.chars().nth(MAX_TEXT).is_none()
}

/// What a cluster keeps of an image's metadata, given as fields with their values.
pub(super) fn payload<'m>(
    metadata: impl IntoIterator<Item = (&'m str, &'m str)>,
) -> HashMap<String, Value> {
    let mut payload = HashMap::new();
    let mut has = BTreeSet::new();
    for (field, text) in metadata {
        let key = key(field);
        let mut put = |typed: Typed, kind| {
            payload.insert(typed.path(&key), Value { kind: Some(kind) });
        };
        if is_kept(text) {
            put(Typed::Text, Kind::StringValue(text.into()));
        }
        if let Some(number) = number(text) {
            put(Typed::Number, Kind::DoubleValue(plain_zero(number)));
        }
        if let Some(instant) = instant(text) {
            put(Typed::Date, Kind::IntegerValue(instant));
        }
        has.insert(key);
    }
    if !has.is_empty() {
        let values = has.into_iter().map(|key| Value {
            kind: Some(Kind::StringValue(key)),
        });
        let values = values.collect();
        let kind = Some(Kind::ListValue(ListValue { values }));
        payload.insert(HAS.into(), Value { kind });
    }
    payload
}

/// Whether two payloads say the same.
pub(super) fn same(a: &HashMap<String, Value>, b: &HashMap<String, Value>) -> bool {
    let equal = |a: &Value, b: &Value| match (&a.kind, &b.kind) {
        // What has no fraction may come back as a whole number.
        (Some(Kind::DoubleValue(a)), Some(Kind::IntegerValue(b)))
        | (Some(Kind::IntegerValue(b)), Some(Kind::DoubleValue(a))) => *a == *b as f64,
        (a, b) => a == b,
    };
    let found = |(key, value)| b.get(key).is_some_and(|other| equal(value, other));
    a.len() == b.len() && a.iter().all(found)
}

/// Zero is equal to minus zero, and must be found as that.
pub(super) fn plain_zero(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_by_what_they_are() {
        let long = "x".repeat(MAX_TEXT + 1);
        let metadata = [
            ("a.b[\"'", "20"),
            ("day", "2026-01-01"),
            ("note", &long),
            ("長さ", "錆"),
        ];
        let payload = payload(metadata);
        let mut paths: Vec<_> = payload.keys().cloned().collect();
        paths.sort();
        let expected = [
            Typed::Date.path(&key("day")),
            HAS.into(),
            Typed::Number.path(&key("a.b[\"'")),
            Typed::Text.path(&key("長さ")),
            Typed::Text.path(&key("a.b[\"'")),
            Typed::Text.path(&key("day")),
        ];
        assert_eq!(paths, expected);
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(paths.iter().all(|path| path.chars().all(safe)), "{paths:?}");
        let Some(Kind::ListValue(has)) = &payload[HAS].kind else {
            panic!("{payload:?}");
        };
        assert_eq!(has.values.len(), metadata.len());
        assert!(same(&payload, &payload.clone()));
        assert!(!same(&payload, &HashMap::new()));
    }
}
