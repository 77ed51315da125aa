//! A metadata file that was handed in: what it would change, and changing it.
//!
//! Its rows name images by the names that people know them by. A file that was handed in lies in no folder, so
//! paths in it are compared from their ends: `photos\a.jpg` is the image that was uploaded as `a.jpg`, or whose
//! path ends so.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use crate::collection::sql_id;
use crate::metadata_csv::{MetadataFile, Row};
use crate::metadata_edit::set_values;
use crate::{Collection, StoreError};

/// Rows applied in one transaction.
const BATCH: usize = 256;

/// What a metadata file says, and of how much of it use can be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MetadataImport {
    /// The encoding that it was read in.
    pub encoding: String,
    /// Its columns that are fields.
    pub fields: Vec<String>,
    /// Rows after the header.
    pub rows: u64,
    /// Rows whose image was found.
    pub matched: u64,
    /// Images that were changed; 0 where nothing was to be changed yet.
    pub changed: u64,
    /// The first rows.
    pub first: Vec<ImportRow>,
    /// What is wrong with the header and with rows, the first of it.
    pub problems: Vec<ImportProblem>,
    /// How much is wrong in all.
    pub wrong: u64,
}

/// A row of a metadata file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportRow {
    /// Its line.
    pub line: u64,
    /// How it names its image.
    pub path: String,
    /// The image; `None`: none, or not only one.
    pub image: Option<u64>,
    /// Field by field.
    pub values: BTreeMap<String, String>,
}

/// Something in a metadata file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportProblem {
    /// The line.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// What it concerns.
    pub kind: ImportProblemKind,
    /// How the line names its image, where that is the problem.
    pub path: Option<String>,
}

/// What a problem of a metadata file concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportProblemKind {
    /// The names of the columns, or characters that cannot be read.
    Header,
    /// The row as a whole: its number of values, or no path.
    Row,
    /// No image of the collection has that name.
    Unknown,
    /// More than one image has that name.
    Several,
}

impl Collection<'_> {
    /// What a metadata file that was handed in would change, with up to `shown` rows and problems.
    ///
    /// # Errors
    /// [`StoreError::MetadataNoPath`] for a table without a column `path`, [`StoreError::MetadataFile`] for what is no
    /// table, and those of the database.
    pub fn preview_metadata(
        &self,
        name: &str,
        bytes: &[u8],
        shown: usize,
    ) -> Result<MetadataImport, StoreError> {
        self.read_metadata(name, bytes, shown, |_, _| Ok(0))
    }

    /// Gives images the values of a metadata file that was handed in. An empty value removes what the image had
    /// in that field.
    ///
    /// # Errors
    /// As of [`Collection::preview_metadata`].
    pub fn import_metadata(
        &self,
        name: &str,
        bytes: &[u8],
        shown: usize,
    ) -> Result<MetadataImport, StoreError> {
        self.read_metadata(name, bytes, shown, |file, rows| {
            self.home.write(|tx| {
                let mut changed = 0;
                for (image, row) in rows {
                    let (image, values) = (sql_id(*image), file.values(row));
                    changed += u64::from(set_values(tx, self.id, image, values)?);
                }
                Ok(changed)
            })
        })
    }

    /// Reads a metadata file. Rows whose image was found go to `take` with it, a batch at a time, so that never all of
    /// them are in memory beside the file; it gives how many images it has changed.
    fn read_metadata(
        &self,
        name: &str,
        bytes: &[u8],
        shown: usize,
        mut take: impl FnMut(&MetadataFile, &[(u64, Row)]) -> Result<u64, StoreError>,
    ) -> Result<MetadataImport, StoreError> {
        let file = MetadataFile::of_bytes(Path::new(name), bytes)?;
        let images = self.images_by_name()?;
        let mut import = MetadataImport {
            encoding: file.report().encoding,
            fields: file.fields().map(str::to_owned).collect(),
            rows: 0,
            matched: 0,
            changed: 0,
            first: Vec::new(),
            problems: Vec::new(),
            wrong: 0,
        };
        let mut matched = Vec::with_capacity(BATCH);
        for (line, reason) in file.remarks() {
            let problem = ImportProblem::at(*line, ImportProblemKind::Header, reason.clone());
            import.wrong(problem, shown);
        }
        for row in file.rows() {
            import.rows += 1;
            let row = match row {
                Ok(row) => row,
                Err((line, reason)) => {
                    let problem = ImportProblem::at(line, ImportProblemKind::Row, reason);
                    import.wrong(problem, shown);
                    continue;
                }
            };
            let written = file.written_path(&row);
            let line = row.line;
            let image = match &written {
                Ok(written) => images
                    .find(written)
                    .map_err(|kind| ImportProblem::of_image(line, kind, written)),
                Err(reason) => Err(ImportProblem::at(
                    line,
                    ImportProblemKind::Row,
                    reason.clone(),
                )),
            };
            if import.first.len() < shown {
                import.first.push(ImportRow {
                    line: row.line,
                    path: written.unwrap_or_default().to_owned(),
                    image: image.as_ref().ok().copied(),
                    values: file
                        .values(&row)
                        .map(|(field, value)| (field.to_owned(), value.to_owned()))
                        .collect(),
                });
            }
            match image {
                Ok(image) => {
                    import.matched += 1;
                    matched.push((image, row));
                    if matched.len() == BATCH {
                        import.changed += take(&file, &matched)?;
                        matched.clear();
                    }
                }
                Err(problem) => import.wrong(problem, shown),
            }
        }
        if !matched.is_empty() {
            import.changed += take(&file, &matched)?;
        }
        Ok(import)
    }

    fn images_by_name(&self) -> Result<Names, StoreError> {
        let mut names = Names::default();
        let mut after = None;
        loop {
            let page = self.images(after, 1000)?;
            let Some(last) = page.last() else {
                return Ok(names);
            };
            after = Some(last.id);
            for image in &page {
                let name = match &image.uploaded_as {
                    Some(name) => parts(name),
                    None => parts(&image.path.to_string_lossy()),
                };
                names.add(image.id, name);
            }
        }
    }
}

impl MetadataImport {
    fn wrong(&mut self, problem: ImportProblem, shown: usize) {
        self.wrong += 1;
        if self.problems.len() < shown {
            self.problems.push(problem);
        }
    }
}

impl ImportProblem {
    fn at(line: u64, kind: ImportProblemKind, reason: String) -> ImportProblem {
        ImportProblem {
            line,
            reason,
            kind,
            path: None,
        }
    }

    fn of_image(line: u64, kind: ImportProblemKind, written: &str) -> ImportProblem {
        let reason = match kind {
            ImportProblemKind::Several => {
                format!("{written} is more than one image of the collection")
            }
            _ => format!("{written} is not in the collection"),
        };
        ImportProblem {
            path: Some(written.to_owned()),
            ..ImportProblem::at(line, kind, reason)
        }
    }
}

/// Images by the parts of their paths, the last part first.
#[derive(Default)]
struct Names(HashMap<String, Vec<(u64, Vec<String>)>>);

impl Names {
    fn add(&mut self, id: u64, parts: Vec<String>) {
        if let Some(last) = parts.first() {
            self.0.entry(last.clone()).or_default().push((id, parts));
        }
    }

    /// The image whose path ends most like the written one, or why it is none.
    fn find(&self, written: &str) -> Result<u64, ImportProblemKind> {
        let wanted = parts(written);
        let same = wanted.first().and_then(|last| self.0.get(last));
        let Some(same) = same else {
            return Err(ImportProblemKind::Unknown);
        };
        let common = |parts: &[String]| {
            let pairs = parts.iter().zip(&wanted);
            pairs.take_while(|(a, b)| a == b).count()
        };
        let most = same.iter().map(|(_, parts)| common(parts)).max();
        let mut best = same.iter().filter(|(_, parts)| Some(common(parts)) == most);
        match (best.next(), best.next()) {
            (Some((id, _)), None) => Ok(*id),
            _ => Err(ImportProblemKind::Several),
        }
    }
}

/// The parts of a path, the last one first, written in one way.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split(['/', '\\']).rev();
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != ".")
        .map(|part| part.nfc().collect::<String>().to_lowercase())
        .collect()
}
