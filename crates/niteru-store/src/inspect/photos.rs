//! What a CSV file says of photos that are to be inspected: where each comes from, when it was taken, by whom.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use niteru_index::condition::instant;

use crate::metadata_csv::{MetadataFile, Row};
use crate::{Metadata, MetadataReport, Skipped, StoreError, time};

/// Columns that are no metadata fields; case does not count.
const TIME_COLUMN: &str = "time";
const OPERATOR_COLUMN: &str = "operator";

/// What is known of one photo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhotoRow {
    /// When it was inspected, milliseconds since 1970 (UTC).
    pub time: Option<i64>,
    /// Who ran the inspection.
    pub operator: Option<String>,
    /// The other columns with their values; an empty one says that there is none.
    values: Vec<(String, String)>,
}

impl PhotoRow {
    /// What the photo's inspection gets as metadata: `of_all` photos, but what the row says where it says
    /// something of a field.
    pub fn metadata(&self, of_all: &Metadata) -> Metadata {
        let own = self
            .values
            .iter()
            .map(|(field, value)| (&**field, &**value));
        of_all.iter().chain(own).collect()
    }
}

/// The rows of a metadata file that are about some photos.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhotoRows {
    /// What was read: rows after the header, and those about one of the photos.
    pub report: MetadataReport,
    /// Rows about files that exist but are none of the photos.
    pub about_others: u64,
    /// What could not be used, each with its line.
    pub skipped: Vec<Skipped>,
    rows: HashMap<PathBuf, PhotoRow>,
}

impl PhotoRows {
    /// Reads a CSV file with the same rules as [`Home::add`](crate::Home::add): a column `path`, paths
    /// relative to the file or to the folder above it, any usual encoding and delimiter. `photos` are
    /// absolute.
    ///
    /// A column `time` is the time of the inspection, where it has no zone in local time, which is
    /// `utc_offset_minutes` ahead of UTC; a column `operator` is who ran it. Of a photo with several rows
    /// the last value of each column counts. A row about another file that exists is only counted.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::MetadataFile`] when the file as a whole cannot be used.
    pub fn read(
        file: &Path,
        photos: &[PathBuf],
        utc_offset_minutes: i32,
    ) -> Result<PhotoRows, StoreError> {
        let file = MetadataFile::open(file)?;
        let mut found = PhotoRows {
            report: file.report(),
            ..PhotoRows::default()
        };
        for (line, remark) in file.remarks() {
            found.skip(&file, *line, remark);
        }
        let photos = Photos::of(photos);
        for row in file.rows() {
            found.report.rows += 1;
            let row = match row {
                Ok(row) => row,
                Err((line, reason)) => {
                    found.skip(&file, line, &reason);
                    continue;
                }
            };
            match photos.named(&file, &row) {
                Ok(Some(photo)) => {
                    found.report.applied += 1;
                    found.apply(&file, &row, photo, utc_offset_minutes);
                }
                Ok(None) => found.about_others += 1,
                Err(reason) => found.skip(&file, row.line, &reason),
            }
        }
        Ok(found)
    }

    /// What is known of a photo.
    pub fn of(&self, photo: &Path) -> Option<&PhotoRow> {
        self.rows.get(photo)
    }

    fn skip(&mut self, file: &MetadataFile, line: u64, reason: &str) {
        self.skipped.push(Skipped {
            path: file.path().to_path_buf(),
            reason: format!("line {line}: {reason}"),
            exactly: None,
        });
    }

    fn apply(&mut self, file: &MetadataFile, row: &Row, photo: &Path, utc_offset_minutes: i32) {
        let known = self.rows.entry(photo.to_path_buf()).or_default();
        let mut unreadable = None;
        for (field, value) in file.values(row) {
            if field.eq_ignore_ascii_case(OPERATOR_COLUMN) {
                known.operator = (!value.trim().is_empty()).then(|| value.trim().to_owned());
            } else if field.eq_ignore_ascii_case(TIME_COLUMN) {
                known.time = moment(value, utc_offset_minutes);
                unreadable = (known.time.is_none() && !value.trim().is_empty()).then_some(value);
            } else {
                known.values.push((field.to_owned(), value.to_owned()));
            }
        }
        if let Some(value) = unreadable {
            let reason = format!(
                "{value:?} is no time: write it as 2026-11-25 08:30, or 2026-11-25T08:30:00+09:00"
            );
            self.skip(file, row.line, &reason);
        }
    }
}

/// A day with a time, in milliseconds since 1970 (UTC).
fn moment(text: &str, utc_offset_minutes: i32) -> Option<i64> {
    let text = text.trim();
    let sign = if utc_offset_minutes < 0 { '-' } else { '+' };
    let minutes = utc_offset_minutes.unsigned_abs();
    let local = format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    // With a zone of its own a second one makes it no time; so does a zone after a day alone.
    let has_hours = text.contains([':', '：']);
    let time = instant(&local).or_else(|| instant(text).filter(|_| has_hours));
    time.filter(|time| time::is_writable(*time))
}

/// Photos by the paths that may name them.
struct Photos<'p> {
    paths: HashMap<&'p Path, &'p Path>,
    /// Where symbolic links lead.
    real: HashMap<PathBuf, &'p Path>,
}

impl<'p> Photos<'p> {
    fn of(photos: &'p [PathBuf]) -> Photos<'p> {
        let pairs = photos
            .iter()
            .map(|photo| (photo.as_path(), photo.as_path()));
        let real = photos
            .iter()
            .filter_map(|photo| Some((photo.canonicalize().ok()?, photo.as_path())));
        Photos {
            paths: pairs.collect(),
            real: real.collect(),
        }
    }

    /// The photo that a row is about; `None` when it is about a file that is none of them. An error when
    /// it names no file.
    fn named(&self, file: &MetadataFile, row: &Row) -> Result<Option<&'p Path>, String> {
        let written = file.written_path(row)?;
        let candidates = file.candidates(written);
        let by_path = candidates
            .iter()
            .find_map(|path| self.paths.get(path.as_path()));
        if let Some(photo) = by_path {
            return Ok(Some(photo));
        }
        let real = candidates
            .iter()
            .filter_map(|path| path.canonicalize().ok());
        let real: Vec<PathBuf> = real.collect();
        match real.iter().find_map(|path| self.real.get(path)) {
            Some(photo) => Ok(Some(photo)),
            None if real.is_empty() => Err(format!("{written} does not exist")),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_a_zone() {
        const HALF_PAST_EIGHT: i64 = 1_795_595_400_000;
        // text, minutes ahead of UTC, milliseconds
        let table = [
            ("2026-11-25 08:30", 0, Some(HALF_PAST_EIGHT)),
            ("2026-11-25T08:30:00Z", 540, Some(HALF_PAST_EIGHT)),
            ("2026-11-25T17:30:00+09:00", 0, Some(HALF_PAST_EIGHT)),
            ("2026-11-25 17:30:00", 540, Some(HALF_PAST_EIGHT)),
            ("2026/11/25 5:00:00", -210, Some(HALF_PAST_EIGHT)),
            ("2026年11月25日 8:30", 0, Some(HALF_PAST_EIGHT)),
            ("2026-11-25", 540, None),
            ("2026-11-25", 0, None),
            ("08:30", 0, None),
            ("2026-11-31 08:30", 0, None),
            ("0001-01-01 00:00", 540, None),
            ("yesterday", 0, None),
        ];
        let mut wrong = Vec::new();
        for (text, offset, expected) in table {
            let found = moment(text, offset);
            if found != expected {
                wrong.push(format!("{text} {offset}: {found:?}, not {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
