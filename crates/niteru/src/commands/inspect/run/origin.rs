//! Where the photos of a run come from: what the command line says of all, and a CSV file of each.

use std::path::{Path, PathBuf};

use anyhow::Result;
use niteru_store::{InspectedFile, Metadata, NewInspection, PhotoRows};

use crate::args::InspectRunArgs;
use crate::commands::add::described;
use crate::commands::{Context, count};

/// Photos without a row that are named; of the others, the number is told.
const MOST_NAMED: usize = 20;

pub(super) struct Origin {
    operator: Option<String>,
    of_all: Metadata,
    rows: Option<PhotoRows>,
}

impl Origin {
    /// Reads the CSV file, if there is one, and tells what of it cannot be used.
    pub(super) fn of(
        context: &Context,
        args: &InspectRunArgs,
        photos: &[PathBuf],
    ) -> Result<Origin> {
        let rows = match &args.metadata {
            Some(file) => {
                let rows = PhotoRows::read(file, photos, args.utc_offset.0)?;
                context.output.note(format!(
                    "{}: times without a zone are those of UTC{} (--utc-offset)",
                    file.display(),
                    args.utc_offset
                ));
                tell(context, &rows, photos);
                Some(rows)
            }
            None => None,
        };
        Ok(Origin {
            operator: args.operator.clone(),
            of_all: args.field.iter().cloned().collect(),
            rows,
        })
    }

    /// Whether something of the CSV file could not be used.
    pub(super) fn any_skipped(&self) -> bool {
        let rows = self.rows.as_ref();
        rows.is_some_and(|rows| !rows.skipped.is_empty())
    }

    /// What is written down of a photo: where its row says something, that counts.
    pub(super) fn record(
        &self,
        photo: &Path,
        inspected: &InspectedFile,
        kernels: &str,
    ) -> NewInspection {
        let row = self.rows.as_ref().and_then(|rows| rows.of(photo));
        let own = row.and_then(|row| row.operator.as_deref());
        let operator = own.or(self.operator.as_deref());
        let metadata = match row {
            Some(row) => row.metadata(&self.of_all),
            None => self.of_all.clone(),
        };
        NewInspection {
            time: row.and_then(|row| row.time),
            ..inspected.record(photo, operator, kernels, metadata)
        }
    }
}

fn tell(context: &Context, rows: &PhotoRows, photos: &[PathBuf]) {
    let output = &context.output;
    for skipped in &rows.skipped {
        output.warn(format!("skipped: {}", described(skipped)));
    }
    let without = photos.iter().filter(|photo| rows.of(photo).is_none());
    let without: Vec<&PathBuf> = without.collect();
    let file = rows.report.path.display();
    for photo in without.iter().take(MOST_NAMED) {
        output.warn(format!("no row in {file}: {}", photo.display()));
    }
    if without.len() > MOST_NAMED {
        let more = count(without.len() - MOST_NAMED, "photo");
        output.warn(format!("no row in {file}: {more} more"));
    }
    if rows.about_others > 0 {
        let others = count(rows.about_others as usize, "row");
        output.note(format!(
            "{file}: {others} about files that are not among the photos"
        ));
    }
}
