//! Conditions on metadata: `category = bolt and (length >= 20 or not supplier in (A, B))`.
//!
//! A [`Condition`] is what filters mean, whichever index applies them. [`Condition::matches`] is the
//! plain evaluator: what the store makes of a condition in SQL, and what another index makes of it,
//! must let the same images through.
//!
//! # Meaning
//! A metadata value is text. Beside its text it may be a number, a date or a boolean
//! ([`number`], [`instant`], [`boolean`]); the *literal* decides how a value is compared:
//!
//! | literal | compared with | operators |
//! | --- | --- | --- |
//! | text | the text, character by character: no case folding, no normalisation | `=` `in` |
//! | number | values that are numbers: `20` equals `20.0` | `=` `in` `<` `<=` `>` `>=` |
//! | date | values that are dates. `2026-01-01` covers that day: `<=` includes all of it | the same |
//! | boolean | `true`, `True` and `TRUE`, or `false`, `False` and `FALSE` | `=` `in` |
//!
//! `contains` looks for a part of the text after [`fold`]: NFKC and lower case on both sides, so
//! that ｻﾋﾞ finds サビ.
//!
//! Logic has two values. A test of a field that the image does not have is false; `not` turns that
//! into true. `a != b` is `not a = b`, so it lets images without the field through.
//!
//! ```
//! use niteru_index::Condition;
//!
//! let condition = Condition::parse("category = bolt and length >= 20")?;
//! let bolt = |field: &str| match field {
//!     "category" => Some("bolt"),
//!     "length" => Some("25.0"),
//!     _ => None,
//! };
//! assert!(condition.matches(&bolt));
//!
//! let error = Condition::parse("length >= abc").unwrap_err();
//! assert_eq!(error.position(), 10);
//! # Ok::<(), niteru_index::ConditionError>(())
//! ```

mod date;
mod error;
mod lex;
mod parse;
mod value;

pub use date::Date;
pub use error::{ConditionError, Place};
pub use parse::{MAX_CHARS, MAX_DEPTH, MAX_TESTS, MAX_VALUES, QueryValues};
pub use value::{Value, boolean, fold, instant, number, spellings};

/// What an image's metadata must be like.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of these; true when there are none.
    And(Vec<Condition>),
    /// At least one of these; false when there are none.
    Or(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// The image has the field, and its value passes the test.
    Field {
        /// The field.
        field: Field,
        /// What its value must be like.
        test: Test,
    },
}

/// What a value must be like.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It stands in this relation to the literal. [`Order`]s other than [`Order::Equal`] never hold
    /// for texts and booleans.
    Compare {
        /// The relation.
        order: Order,
        /// What the value is compared with.
        literal: Literal,
    },
    /// It equals one of the literals.
    In(Vec<Literal>),
    /// It contains this text, after [`fold`] of both.
    Contains(String),
    /// Nothing: any value will do.
    Exists,
}

/// How a value is compared with a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// A field's name, and where it was written. Fields are equal if their names are.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Where it stands in the condition's text.
    pub place: Place,
}

/// A literal, and where it was written. Literals are equal if their values are.
#[derive(Debug, Clone)]
pub struct Literal {
    /// The value.
    pub value: Value,
    /// Where it stands in the condition's text.
    pub place: Place,
}

impl Condition {
    /// Whether an image with these values passes. `value` gives the image's value of a field.
    pub fn matches<'v>(&self, value: &dyn Fn(&str) -> Option<&'v str>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|condition| condition.matches(value)),
            Self::Or(any) => any.iter().any(|condition| condition.matches(value)),
            Self::Not(inner) => !inner.matches(value),
            Self::Field { field, test } => value(&field.name).is_some_and(|own| test.passes(own)),
        }
    }

    /// The condition that is true where this one is false.
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }
}

impl Test {
    fn passes(&self, own: &str) -> bool {
        match self {
            Self::Compare { order, literal } => literal.value.compares(*order, own),
            Self::In(literals) => {
                let mut literals = literals.iter();
                literals.any(|literal| literal.value.compares(Order::Equal, own))
            }
            Self::Contains(text) => fold(own).contains(&*fold(text)),
            Self::Exists => true,
        }
    }
}

impl From<&str> for Field {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            place: Place::default(),
        }
    }
}

impl From<Value> for Literal {
    fn from(value: Value) -> Self {
        Self {
            value,
            place: Place::default(),
        }
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
