//! Is everything in a home as it should be?

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use niteru_imaging::Likeness;
use niteru_inspect::{Exactly, Figure};
use rayon::prelude::*;
use rusqlite::Transaction;
use serde::Serialize;

use crate::access::audit_problem;
use crate::error::Failure;
use crate::home::kernels;
use crate::index::IndexProblem;
use crate::inspect::check_inspections;
use crate::jobs::job_problems;
use crate::near::from_blob;
use crate::uploads::upload_problems;
use crate::{Home, StoreError, lookup, paths};

/// Lines of SQLite's that are reported: one damaged page gives many.
const LINES: u32 = 100;

/// Files that are read at a time.
const PAGE: usize = 256;

/// What to look at.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct CheckOptions<'a> {
    /// Read all image files and compare their sha256 with what was embedded.
    pub files: bool,
    /// Called with the number of files read and of those to read.
    pub progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
    /// Set to true, from any thread, to read no more files: the report then tells of fewer.
    pub cancel: Option<&'a AtomicBool>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Empty when all is well.
    pub problems: Vec<Problem>,
    /// What was looked at.
    pub checked: Checked,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Images.
    pub images: u64,
    /// Metadata values.
    pub values: u64,
    /// Versions of inspectors.
    pub inspectors: u64,
    /// Inspections.
    pub inspections: u64,
    /// Entries of the audit log.
    pub audit: u64,
    /// Jobs.
    pub jobs: u64,
    /// Uploaded images.
    pub uploads: u64,
    /// Index files.
    pub indexes: u64,
    /// Image files read; 0 unless asked for.
    pub files: u64,
    /// Embeddings that were stored before there were checksums: damage to them may go unnoticed.
    pub without_checksum: u64,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it concerns.
    pub kind: ProblemKind,
    /// A sentence.
    pub what: String,
    /// What to do about it.
    pub way_out: String,
    /// The same for who has sentences of their own: one of [`FINDINGS`], and its values.
    pub exactly: Exactly,
}

/// What [`Problem::exactly`] and that of the audit log may be, with the values of each.
pub const FINDINGS: &[(&str, &[&str])] = &[
    ("database_unreadable", &["reason"]),
    ("database_damaged", &["reason"]),
    ("rows_apart", &["table", "parent"]),
    ("audit_gone", &["entry"]),
    ("audit_changed", &["entry"]),
    ("audit_end", &["entry", "last"]),
    ("job_unreadable", &["id"]),
    ("upload_gone", &["file"]),
    ("index_unusable", &["collection"]),
    ("file_changed", &["file", "id"]),
    ("file_unreadable", &["file", "id"]),
    ("no_embedding", &["id", "collection"]),
    ("other_embedding", &["id", "collection"]),
    ("damaged_embedding", &["id", "collection"]),
    ("change_outside", &["change"]),
    ("change_twice", &["change"]),
    ("value_differs", &["field", "id"]),
    ("likeness_damaged", &["id"]),
    ("inspector_unreadable", &["name", "version"]),
    ("inspector_damaged", &["name", "version"]),
    ("inspection_damaged", &["id"]),
];

/// One of [`FINDINGS`] with its values, in their order.
pub(crate) fn exactly<const N: usize>(kind: &str, values: [Figure; N]) -> Exactly {
    let known = FINDINGS.iter().find(|(name, _)| *name == kind);
    debug_assert!(
        known.is_some_and(|(_, names)| names.len() == N),
        "{kind} with {N} values"
    );
    let (kind, names) = known.copied().unwrap_or_default();
    Exactly {
        kind,
        values: names.iter().copied().zip(values).collect(),
    }
}

/// The number of a row.
pub(crate) fn id(id: i64) -> Figure {
    Figure::Number(id.cast_unsigned())
}

/// A name.
pub(crate) fn name(text: impl Into<String>) -> Figure {
    Figure::Text(text.into())
}

/// A file, by its name alone.
fn file(path: &Path) -> Figure {
    let of_path = path.file_name().unwrap_or(path.as_os_str());
    name(of_path.to_string_lossy())
}

/// What a problem concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemKind {
    /// The database file is damaged.
    Database,
    /// Rows that do not fit together.
    Truth,
    /// An index file is damaged, or is not what the database would make.
    Index,
    /// An image file has other contents than were embedded.
    Changed,
    /// An image file is gone or cannot be read.
    Missing,
}

pub(crate) const RESTORE: &str =
    "restore a backup (niteru restore), or move the database file away and add the images again";
const AUDIT: &str =
    "somebody changed the database beside the server: compare with an export of the audit log";
const REMOVE: &str = "remove the image (niteru images COLLECTION remove ID) and add its file again";

/// Looks through a home. A database that is too damaged to be opened is a problem, not an error.
///
/// # Errors
/// What keeps a home from being looked at: it is not there, in use, of a newer format.
pub fn check(home: &Path, options: CheckOptions<'_>) -> Result<CheckReport, StoreError> {
    let database = |source: &dyn std::fmt::Display| CheckReport {
        problems: vec![Problem {
            kind: ProblemKind::Database,
            what: format!("the database cannot be read: {source}"),
            way_out: RESTORE.into(),
            exactly: exactly("database_unreadable", [name(source.to_string())]),
        }],
        checked: Checked::default(),
    };
    let result = Home::open(home).and_then(|home| home.check(options));
    match result {
        Err(StoreError::Corrupt { source, .. }) => Ok(database(&source)),
        result => result,
    }
}

impl Home {
    fn check(&self, options: CheckOptions<'_>) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport::default();
        let sound = self.read(|tx| {
            check_database(tx, &mut report)?;
            Ok(report.problems.is_empty())
        })?;
        // Of a damaged database the rest would be noise, or end in an error.
        if !sound {
            return Ok(report);
        }
        self.read(|tx| {
            check_embeddings(tx, &mut report)?;
            check_changes(tx, &mut report)?;
            check_values(tx, &mut report)?;
            check_likenesses(tx, &mut report)?;
            check_inspections(tx, &mut report)?;
            self.check_server(tx, &mut report)
        })?;
        self.check_indexes(&mut report)?;
        if options.files {
            self.check_files(&options, &mut report)?;
        }
        Ok(report)
    }

    /// The audit log is as it was written, jobs can be read, and uploads are where they were put.
    fn check_server(&self, tx: &Transaction<'_>, report: &mut CheckReport) -> Result<(), Failure> {
        let (entries, problem) = audit_problem(tx)?;
        report.checked.audit = entries;
        if let Some((what, exactly)) = problem {
            truth(report, what, AUDIT, exactly);
        }
        let (jobs, unreadable) = job_problems(tx)?;
        report.checked.jobs = jobs;
        for job in unreadable {
            let what = format!("what job {job} was asked for, or what came out, cannot be read");
            truth(
                report,
                what,
                RESTORE,
                exactly("job_unreadable", [Figure::Number(job)]),
            );
        }
        let (uploads, wrong) = upload_problems(tx, self)?;
        report.checked.uploads = uploads;
        report.problems.extend(wrong.iter().map(|path| Problem {
            kind: ProblemKind::Missing,
            what: format!("the uploaded image {} is gone or cut off", path.display()),
            way_out: "restore a backup (niteru restore), or upload the image again".into(),
            exactly: exactly("upload_gone", [file(path)]),
        }));
        Ok(())
    }

    /// Index files are intact, and with what they catch up they hold what the database holds.
    fn check_indexes(&self, report: &mut CheckReport) -> Result<(), StoreError> {
        for summary in self.collections()? {
            let of = summary.name;
            let collection = self.collection(&of)?;
            if !collection.has_index_file()? {
                continue;
            }
            report.checked.indexes += 1;
            if let Some(IndexProblem { file, what }) = collection.index_problem()? {
                let file = file.display();
                report.problems.push(Problem {
                    kind: ProblemKind::Index,
                    what: format!("the index of collection {of:?}, {file}, cannot be used: {what}"),
                    way_out:
                        "remove that file, then build it again (niteru index build COLLECTION)"
                            .into(),
                    exactly: exactly("index_unusable", [name(of)]),
                });
            }
        }
        Ok(())
    }

    fn check_files(
        &self,
        options: &CheckOptions<'_>,
        report: &mut CheckReport,
    ) -> Result<(), StoreError> {
        type Stored = (i64, Vec<u8>, [u8; 32], bool);
        let images: Vec<Stored> = self.read(|tx| {
            let sql = "SELECT id, path, sha256, missing FROM images ORDER BY id";
            let mut statement = tx.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let total = images.len() as u64;
        for page in images.chunks(PAGE) {
            let look = |(id, path, sha256, missing): &Stored| {
                let path = paths::from_bytes(path.clone());
                match missing {
                    // Known to be gone; `images list --missing` has these.
                    true => None,
                    false => file_problem(*id, &path, sha256),
                }
            };
            report.problems.par_extend(page.par_iter().filter_map(look));
            report.checked.files += page.len() as u64;
            if let Some(progress) = options.progress {
                progress(report.checked.files, total);
            }
            if options
                .cancel
                .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
            {
                break;
            }
        }
        Ok(())
    }
}

fn file_problem(image: i64, path: &Path, sha256: &[u8; 32]) -> Option<Problem> {
    let again = || "add the file's folder again (niteru add COLLECTION FOLDER)".to_owned();
    match lookup::sha256(path) {
        Ok(found) if found == *sha256 => None,
        Ok(_) => Some(Problem {
            kind: ProblemKind::Changed,
            what: format!(
                "{} (image {image}) has changed since it was embedded",
                path.display()
            ),
            way_out: again(),
            exactly: exactly("file_changed", [file(path), id(image)]),
        }),
        Err(error) => Some(Problem {
            kind: ProblemKind::Missing,
            what: format!("{} (image {image}) cannot be read: {error}", path.display()),
            way_out: format!("bring the file back, or {}", again()),
            exactly: exactly("file_unreadable", [file(path), id(image)]),
        }),
    }
}

pub(crate) fn truth(report: &mut CheckReport, what: String, way_out: &str, exactly: Exactly) {
    report.problems.push(Problem {
        kind: ProblemKind::Truth,
        what,
        way_out: way_out.into(),
        exactly,
    });
}

/// What SQLite itself finds.
fn check_database(tx: &Transaction<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let mut problem = |what: String, exactly: Exactly| {
        report.problems.push(Problem {
            kind: ProblemKind::Database,
            what: format!("the database is damaged: {what}"),
            way_out: RESTORE.into(),
            exactly,
        });
    };
    let mut statement = tx.prepare(&format!("PRAGMA integrity_check({LINES})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            let found = exactly("database_damaged", [name(&*line)]);
            problem(line, found);
        }
    }
    let mut statement = tx.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        problem(
            format!("a row of {table} belongs to no row of {parent}"),
            exactly("rows_apart", [name(table), name(parent)]),
        );
    }
    Ok(())
}

/// Each image has one embedding, of its collection's encoder, unchanged, with a direction.
fn check_embeddings(tx: &Transaction<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let mut statement = tx.prepare(
        "SELECT i.id, c.name, n.dimensions, c.encoder = e.encoder, e.vector, e.crc32
         FROM images i JOIN collections c ON c.id = i.collection JOIN encoders n ON n.id = c.encoder
         LEFT JOIN embeddings e ON e.image = i.id ORDER BY i.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.checked.images += 1;
        let dimensions: i64 = row.get(2)?;
        let own: Option<bool> = row.get(3)?;
        let crc: Option<u32> = row.get(5)?;
        report.checked.without_checksum += u64::from(crc.is_none());
        let (kind, what) = match row
            .get_ref(4)?
            .as_blob_or_null()
            .map_err(rusqlite::Error::from)?
        {
            None => ("no_embedding", "has no embedding".into()),
            Some(_) if own != Some(true) => (
                "other_embedding",
                "has an embedding of another model".into(),
            ),
            Some(vector) => match vector_problem(vector, dimensions, crc) {
                Some(what) => ("damaged_embedding", what),
                None => continue,
            },
        };
        let (image, collection): (i64, String) = (row.get(0)?, row.get(1)?);
        truth(
            report,
            format!("image {image} of collection {collection:?} {what}"),
            REMOVE,
            exactly(kind, [id(image), name(collection)]),
        );
    }
    Ok(())
}

fn vector_problem(vector: &[u8], dimensions: i64, crc: Option<u32>) -> Option<String> {
    let expected = usize::try_from(dimensions).unwrap_or(0) * 2;
    if vector.len() != expected {
        return Some(format!(
            "has an embedding of {} bytes, expected {expected}",
            vector.len()
        ));
    }
    if crc.is_some_and(|crc| crc != crc32fast::hash(vector)) {
        return Some("has an embedding that was damaged on the disk (other checksum)".into());
    }
    // Rounding to f16 moves the length by far less.
    let vector = from_blob(vector);
    let square = kernels().dot(&vector, &vector);
    let unit = (0.98..1.02).contains(&square);
    (!unit).then(|| {
        format!(
            "has an embedding of length {:.3}, expected 1",
            square.sqrt()
        )
    })
}

/// Change numbers are used once, and none is ahead of the home's.
fn check_changes(tx: &Transaction<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let last: i64 = tx.query_row("SELECT change FROM home", [], |row| row.get(0))?;
    let mut statement = tx.prepare(
        "SELECT change, count(*) FROM
             (SELECT change FROM images UNION ALL SELECT change FROM removed_images)
         GROUP BY change HAVING count(*) > 1 OR change > ? OR change < 1",
    )?;
    let mut rows = statement.query([last])?;
    while let Some(row) = rows.next()? {
        let (change, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (kind, what) = match count {
            1 => (
                "change_outside",
                format!("change number {change} is not between 1 and the home's last, {last}"),
            ),
            _ => (
                "change_twice",
                format!("change number {change} was given {count} times"),
            ),
        };
        truth(
            report,
            what,
            RESTORE,
            exactly(kind, [name(change.to_string())]),
        );
    }
    Ok(())
}

/// Values of metadata beside their texts are what the texts say.
fn check_values(tx: &Transaction<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let count: i64 = tx.query_row("SELECT count(*) FROM metadata", [], |row| row.get(0))?;
    report.checked.values = count.cast_unsigned();
    let mut statement = tx.prepare(
        "SELECT m.image, f.name FROM metadata m JOIN fields f ON f.id = m.field
         JOIN images i ON i.id = m.image
         WHERE m.number IS NOT niteru_number(m.value) OR m.instant IS NOT niteru_instant(m.value)
            OR f.collection != i.collection",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (image, field): (i64, String) = (row.get(0)?, row.get(1)?);
        let what =
            format!("{field:?} of image {image} is stored as another number or date than its text");
        truth(
            report,
            what,
            "add the metadata again (niteru add COLLECTION FOLDER --metadata FILE)",
            exactly("value_differs", [name(field), id(image)]),
        );
    }
    Ok(())
}

/// Likenesses can be read.
fn check_likenesses(tx: &Transaction<'_>, report: &mut CheckReport) -> Result<(), Failure> {
    let mut statement = tx.prepare("SELECT image, likeness FROM likenesses")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let blob = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        if Likeness::from_bytes(blob).is_none() {
            let image: i64 = row.get(0)?;
            truth(
                report,
                format!("the likeness of image {image} has {} bytes", blob.len()),
                REMOVE,
                exactly("likeness_damaged", [id(image)]),
            );
        }
    }
    Ok(())
}
