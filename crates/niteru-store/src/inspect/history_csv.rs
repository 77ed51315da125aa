//! The history as a table for spreadsheet programs.

use std::io::{self, Write};

use super::{HistoryQuery, Inspection};
use crate::spreadsheet::no_formula;
use crate::{Home, StoreError, time};

/// The columns that every inspection has; its metadata follow.
const COLUMNS: [&str; 15] = [
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
    "program",
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
    let names = fields.iter().map(|field| no_formula(field));
    csv.write_record(COLUMNS.iter().map(|&name| name.to_owned()).chain(names))?;
    for one in inspections {
        let review = one.reviews.last();
        let known = [
            one.id.to_string(),
            time::rfc3339(one.time),
            no_formula(&one.inspector),
            one.version.to_string(),
            one.verdict.name().to_owned(),
            one.final_verdict.name().to_owned(),
            one.score.to_string(),
            one.threshold.to_string(),
            one.p_value.to_string(),
            no_formula(one.operator.as_deref().unwrap_or_default()),
            no_formula(
                review
                    .and_then(|review| review.reviewer.as_deref())
                    .unwrap_or_default(),
            ),
            no_formula(review.map_or("", |review| &review.note)),
            no_formula(&one.path.to_string_lossy()),
            one.sha256.clone(),
            one.program.clone().unwrap_or_default(),
        ];
        let values = fields
            .iter()
            .map(|field| no_formula(one.metadata.get(field).unwrap_or_default()));
        csv.write_record(known.into_iter().chain(values))?;
    }
    csv.flush()
}
