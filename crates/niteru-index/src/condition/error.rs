use std::fmt;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

/// Columns of a long line that are shown before the character that an error is about.
const COLUMNS_BEFORE: usize = 60;

/// Columns that are shown from that character on.
const COLUMNS_AFTER: usize = 30;

/// Where something stands in the text of a condition.
///
/// Every part keeps the text, so that conditions from several texts can be joined, and an error that
/// is found later, by the store, still points at the character. The default is nowhere: for
/// conditions that were not written by anyone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    text: Arc<str>,
    /// Characters before it.
    position: usize,
}

impl Place {
    pub(super) fn new(text: &Arc<str>, position: usize) -> Self {
        let text = Arc::clone(text);
        Self { text, position }
    }

    /// An error that points here.
    pub fn error(&self, reason: impl Into<String>) -> ConditionError {
        ConditionError {
            reason: reason.into(),
            place: self.clone(),
        }
    }
}

/// Why a condition cannot be used.
///
/// Displayed as the reason, the line it is about, and a caret below the character (full-width
/// characters take two columns, as in terminals).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    reason: String,
    place: Place,
}

impl ConditionError {
    /// What is wrong, without the text.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// How many characters of the text stand before the one that is wrong.
    pub fn position(&self) -> usize {
        self.place.position
    }

    /// The condition's text; empty for one that was not written by anyone.
    pub fn text(&self) -> &str {
        &self.place.text
    }

    /// The part of the line around the character, and the columns before it.
    fn excerpt(&self) -> (String, usize) {
        let mut line_start = 0;
        let line: Vec<char> = {
            let before = self.text().chars().take(self.position());
            for (i, c) in before.enumerate() {
                if c == '\n' {
                    line_start = i + 1;
                }
            }
            let line = self.text().chars().skip(line_start);
            line.take_while(|c| *c != '\n').map(visible).collect()
        };
        let at = (self.position() - line_start).min(line.len());

        let mut columns = 0;
        let mut start = at;
        while start > 0 && columns + width(line[start - 1]) <= COLUMNS_BEFORE {
            start -= 1;
            columns += width(line[start]);
        }
        let mut shown = String::new();
        if start > 0 {
            shown.push('…');
            columns += 1;
        }
        let mut left = COLUMNS_AFTER;
        let mut end = at;
        while end < line.len() && width(line[end]) <= left {
            left -= width(line[end]);
            end += 1;
        }
        shown.extend(&line[start..end]);
        if end < line.len() {
            shown.push('…');
        }
        (shown, columns)
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if self.text().trim().is_empty() {
            return Ok(());
        }
        let (line, columns) = self.excerpt();
        write!(f, "\n  {line}\n  {:columns$}^", "")
    }
}

impl std::error::Error for ConditionError {}

/// A tab or an escape sequence would move the caret, or more.
fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

fn width(c: char) -> usize {
    c.width().unwrap_or(0)
}
