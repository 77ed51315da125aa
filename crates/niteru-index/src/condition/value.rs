use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::date::Date;
use super::{Order, date};

/// Longest text that can be a number or a date, in bytes. Longer ones are not even looked at.
const MAX_TYPED_BYTES: usize = 128;

/// Most digits of a whole number. An f64 holds these exactly; with more, two serial numbers that
/// differ in the last digit would be equal.
const MAX_WHOLE_DIGITS: usize = 15;

/// What a metadata value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text, compared character by character.
    Text(String),
    /// A number. NaN equals nothing.
    Number(f64),
    /// A span of time: a day, a minute, a moment.
    Date(Date),
    /// True or false.
    Boolean(bool),
}

impl Value {
    /// What an unquoted word means.
    ///
    /// # Errors
    /// What is wrong with a word that looks like a number or a date but is none.
    pub(super) fn of_word(word: &str) -> Result<Self, String> {
        if let Some(value) = boolean(word) {
            return Ok(Self::Boolean(value));
        }
        match read_number(word) {
            Some(value) if value.is_finite() => return Ok(Self::Number(value)),
            Some(_) => return Err("the number is too large; quote it if it is a text".into()),
            None => {}
        }
        match date::read(&plain(word)) {
            Some(Ok(date)) => Ok(Self::Date(date)),
            Some(Err(reason)) => Err(format!("{reason}; quote it if it is a text")),
            None => Ok(Self::Text(word.to_owned())),
        }
    }

    /// What a quoted text means where only numbers and dates make sense.
    pub(super) fn ordered(text: &str) -> Option<Self> {
        let date = || Date::parse(text).map(Self::Date);
        number(text).map(Self::Number).or_else(date)
    }

    /// Whether an image's value stands in that relation to this literal.
    pub(super) fn compares(&self, order: Order, own: &str) -> bool {
        match self {
            Self::Text(text) => order == Order::Equal && text == own,
            Self::Boolean(value) => order == Order::Equal && boolean(own) == Some(*value),
            Self::Number(value) => number(own).is_some_and(|own| match order {
                Order::Equal => own == *value,
                Order::Less => own < *value,
                Order::AtMost => own <= *value,
                Order::Greater => own > *value,
                Order::AtLeast => own >= *value,
            }),
            Self::Date(date) => instant(own).is_some_and(|own| match order {
                Order::Equal => date.start() <= own && own < date.end(),
                Order::Less => own < date.start(),
                Order::AtMost => own < date.end(),
                Order::Greater => own >= date.end(),
                Order::AtLeast => own >= date.start(),
            }),
        }
    }
}

/// The number that a metadata value is: `20`, `-0.5`, `.5`, `1.5e-3`, in full-width digits too,
/// with white space around it. Always finite.
///
/// Not a number: what has a leading zero (`007`) or is whole and longer than 15 digits, since part
/// and serial numbers look like that; `NaN`, `inf`, thousands separators, units.
pub fn number(text: &str) -> Option<f64> {
    read_number(text).filter(|value| value.is_finite())
}

/// The moment that a metadata value is, in milliseconds since 1970 (UTC): where [`Date`] says that
/// its span starts.
pub fn instant(text: &str) -> Option<i64> {
    Date::parse(text).map(|date| date.start())
}

/// The boolean that a metadata value is: one of the [`spellings`].
pub fn boolean(text: &str) -> Option<bool> {
    let is = |value| spellings(value).contains(&text).then_some(value);
    is(true).or_else(|| is(false))
}

/// The texts that are `true`, or `false`: as people, Python and Excel write them.
pub fn spellings(value: bool) -> [&'static str; 3] {
    if value {
        ["true", "True", "TRUE"]
    } else {
        ["false", "False", "FALSE"]
    }
}

/// The form in which `contains` compares: NFKC (ｻﾋﾞ becomes サビ, Ａ becomes A), then lower case.
pub fn fold(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(text.nfkc().flat_map(char::to_lowercase).collect());
    }
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

/// The text without white space around it, and with the ASCII forms of full-width characters.
/// Empty if it is too long to be a number or a date.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.len() > MAX_TYPED_BYTES {
        Cow::Borrowed("")
    } else if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        // The minus sign is what Japanese input methods give for the key beside the zero.
        Cow::Owned(text.nfkc().collect::<String>().replace('\u{2212}', "-"))
    }
}

/// As [`number`], but infinite where it is too large.
fn read_number(text: &str) -> Option<f64> {
    let text = plain(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole_is_good = match whole.as_bytes() {
        [] => fraction.is_some(),
        [b'0'] => true,
        [b'0', ..] => false,
        _ => digits(whole),
    };
    let exponent_is_good = exponent
        .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let is_whole = fraction.is_none() && exponent.is_none();
    let good = whole_is_good
        && fraction.is_none_or(digits)
        && exponent_is_good
        && !(is_whole && whole.len() > MAX_WHOLE_DIGITS);
    good.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        let table: &[(&str, Option<f64>)] = &[
            ("20", Some(20.0)),
            (" 20 ", Some(20.0)),
            ("+1.50", Some(1.5)),
            ("-.5", Some(-0.5)),
            ("1.5E-3", Some(0.0015)),
            ("0", Some(0.0)),
            ("0.30000000000000004", Some(0.300_000_000_000_000_04)),
            ("２０．５", Some(20.5)),
            ("－３", Some(-3.0)),
            ("−3", Some(-3.0)),
            ("999999999999999", Some(999_999_999_999_999.0)),
            ("1000000000000000", None),
            ("007", None),
            ("1.", None),
            (".", None),
            ("", None),
            ("-", None),
            ("e5", None),
            ("1e", None),
            ("1e999", None),
            ("NaN", None),
            ("inf", None),
            ("infinity", None),
            ("0x10", None),
            ("1_000", None),
            ("1,000", None),
            ("5 mm", None),
            ("2026-01-01", None),
        ];
        let wrong: Vec<_> = table
            .iter()
            .filter(|(text, expected)| number(text) != *expected)
            .map(|(text, expected)| format!("{text:?}: {:?}, not {expected:?}", number(text)))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(number(&"1".repeat(10_000)), None);
    }

    #[test]
    fn folding_joins_what_people_write_differently() {
        for (a, b) in [
            ("ｻﾋﾞ", "サビ"),
            ("Ａ１", "a1"),
            ("か\u{3099}", "が"),
            ("RUST", "rust"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("さび"), fold("サビ"));
    }
}
