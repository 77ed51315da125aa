//! The history as a table for spreadsheet programs.

use std::io::{self, Write};

use super::{HistoryQuery, Inspection};
use crate::{Home, StoreError, time};

/// The columns that every inspection has; its metadata follow.
const COLUMNS: [&str; 14] = [
    "id",
    "time",
    "inspector",
    "version",
    "verdict",
    "final_verdict",
    "score",
    "threshold",
    "p_value",
    "operator",
    "reviewer",
    "note",
    "path",
    "sha256",
];

impl Home {
    /// Writes the inspections that fit as CSV: UTF-8 with a byte order mark, a heading, a column for each field
    /// of their metadata. The outer error is that of the home, the inner one that of the writer.
    ///
    /// # Errors
    /// As [`Home::inspections`].
    pub fn export_history(
        &self,
        query: &HistoryQuery,
        to: &mut dyn Write,
    ) -> Result<io::Result<()>, StoreError> {
        let inspections = self.inspections(query)?;
        Ok(write(&inspections, to))
    }
}

fn write(inspections: &[Inspection], to: &mut dyn Write) -> io::Result<()> {
    let mut fields: Vec<&str> = Vec::new();
    for (field, _) in inspections.iter().flat_map(|one| one.metadata.iter()) {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    to.write_all("\u{FEFF}".as_bytes())?;
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(to);
    csv.write_record(COLUMNS.iter().copied().chain(fields.iter().copied()))?;
    for one in inspections {
        let review = one.reviews.last();
        let known = [
            one.id.to_string(),
            time::rfc3339(one.time),
            one.inspector.clone(),
            one.version.to_string(),
            one.verdict.name().to_owned(),
            one.final_verdict.name().to_owned(),
            one.score.to_string(),
            one.threshold.to_string(),
            one.p_value.to_string(),
            one.operator.clone().unwrap_or_default(),
            review
                .and_then(|review| review.reviewer.clone())
                .unwrap_or_default(),
            review.map_or_else(String::new, |review| review.note.clone()),
            one.path.to_string_lossy().into_owned(),
            one.sha256.clone(),
        ];
        let values = fields
            .iter()
            .map(|field| one.metadata.get(field).unwrap_or_default().to_owned());
        csv.write_record(known.into_iter().chain(values))?;
    }
    csv.flush()
}
