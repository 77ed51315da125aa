//! Metadata from CSV files as people have them: with or without a byte order mark, in Shift_JIS,
//! with semicolons, with paths written on another system.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;
use niteru_index::condition::{instant, number};
use rusqlite::{Transaction, params};
use unicode_normalization::UnicodeNormalization;

use crate::StoreError;
use crate::add::{AddOptions, MetadataReport};
use crate::collection::next_change;
use crate::error::{Failure, shortened};
use crate::known::id_at;
use crate::metadata_edit::remove_value;
use crate::paths;
use crate::sink::Sink;
use crate::spreadsheet::as_text;

/// Largest file read; detecting the encoding needs all of it in memory.
const MAX_BYTES: u64 = 512 << 20;

/// Name of the column that says which image a row is about; case does not count.
const PATH_COLUMN: &str = "path";

/// What that column is called where people make a table themselves; the first of these counts where none is called
/// [`PATH_COLUMN`].
pub(crate) const OTHER_PATH_COLUMNS: [&str; 12] = [
    "file",
    "filename",
    "file name",
    "image",
    "photo",
    "picture",
    "ファイル",
    "ファイル名",
    "画像",
    "画像名",
    "写真",
    "パス",
];

/// Columns that are named where none says which image a row is about.
const NAMED: usize = 10;

/// Most columns, with that of the path: more is no table of people's.
const MAX_COLUMNS: usize = 1000;

/// Rows applied in one transaction.
const BATCH: usize = 256;

/// A metadata file, read and decoded, with its header understood.
pub(crate) struct MetadataFile {
    path: PathBuf,
    /// Where relative paths may start: the file's folder, then the folder above it, for data
    /// sets whose lists name their own folder.
    folders: Vec<PathBuf>,
    encoding: &'static Encoding,
    text: String,
    delimiter: u8,
    /// Field names by column; `None` for the path and for columns that are not used.
    fields: Vec<Option<String>>,
    path_column: usize,
    /// What is wrong with the header, by line.
    remarks: Vec<(u64, String)>,
}

/// One row: which image, and its values by column.
pub(crate) struct Row {
    pub(crate) line: u64,
    record: csv::StringRecord,
}

impl MetadataFile {
    /// Reads the file and its header.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let cannot_read = |source| StoreError::Read {
            path: path.to_path_buf(),
            source,
        };
        let unusable = |reason| StoreError::MetadataFile {
            path: path.to_path_buf(),
            reason,
        };
        let absolute = paths::absolute(path).map_err(cannot_read)?;
        let file = std::fs::File::open(&absolute).map_err(cannot_read)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(cannot_read)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(unusable(format!(
                "it is larger than {} MiB",
                MAX_BYTES >> 20
            )));
        }
        let above = absolute.ancestors().skip(1).take(2);
        let folders = above.map(Path::to_path_buf).collect();
        Ok(Self {
            path: absolute.clone(),
            folders,
            ..Self::of_bytes(path, &bytes)?
        })
    }

    /// As [`MetadataFile::open`], of a file that lies in no folder. The path is only told.
    pub(crate) fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self, StoreError> {
        let unusable = |reason| StoreError::MetadataFile {
            path: path.to_path_buf(),
            reason,
        };
        let (encoding, text, remark) = decode(bytes);
        let (delimiter, header) = header(&text).map_err(unusable)?;
        let mut this = Self {
            path: path.to_path_buf(),
            folders: Vec::new(),
            encoding,
            text,
            delimiter,
            fields: Vec::with_capacity(header.len()),
            path_column: 0,
            remarks: remark.map(|remark| (1, remark)).into_iter().collect(),
        };
        this.read_header(&header)?;
        Ok(this)
    }

    fn read_header(&mut self, header: &csv::StringRecord) -> Result<(), StoreError> {
        if header.len() > MAX_COLUMNS {
            return Err(StoreError::MetadataFile {
                path: self.path.clone(),
                reason: format!(
                    "it has {} columns, and at most {MAX_COLUMNS} are read: leave out those that are no metadata",
                    header.len()
                ),
            });
        }
        let names: Vec<&str> = header.iter().map(|name| as_text(name.trim())).collect();
        let is_one = |known: fn(&str) -> bool| names.iter().position(|name| known(name));
        let path_column = is_one(is_path)
            .or_else(|| is_one(is_other_path))
            .ok_or_else(|| no_path(&self.path, &names))?;
        self.path_column = path_column;
        let mut known = HashSet::from([names[path_column]]);
        for (column, &name) in names.iter().enumerate() {
            let field = if column == path_column {
                None
            } else if name.is_empty() {
                self.remark(format!("column {} has no name: not used", column + 1));
                None
            } else if is_path(name) || !known.insert(name) {
                self.remark(format!(
                    "column {} is another {name:?}: not used",
                    column + 1
                ));
                None
            } else {
                Some(name.to_owned())
            };
            self.fields.push(field);
        }
        Ok(())
    }

    fn remark(&mut self, remark: String) {
        self.remarks.push((1, remark));
    }

    /// The file, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is told of the file before any row is used.
    pub(crate) fn report(&self) -> MetadataReport {
        MetadataReport {
            path: self.path.clone(),
            encoding: self.encoding.name().to_owned(),
            ..MetadataReport::default()
        }
    }

    /// The columns that are fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().flatten().map(String::as_str)
    }

    /// What is wrong with the header, by line.
    pub(crate) fn remarks(&self) -> &[(u64, String)] {
        &self.remarks
    }

    /// The path as it is written in a row.
    pub(crate) fn written_path<'r>(&self, row: &'r Row) -> Result<&'r str, String> {
        match &row.record[self.path_column] {
            "" => Err("the path is empty".into()),
            written => Ok(written),
        }
    }

    /// The fields of a row with their values, which may be empty.
    pub(crate) fn values<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (&'r str, &'r str)> {
        let pairs = self.fields.iter().zip(&row.record);
        pairs.filter_map(|(field, value)| Some((field.as_deref()?, value)))
    }

    /// The rows after the header, or what is wrong with them, with their lines.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Result<Row, (u64, String)>> {
        let columns = self.fields.len();
        // The records, not the iterator's header: a missing value shall be a remark, not an end.
        let reader = reader(&self.text, self.delimiter);
        let mut lines = Lines::new(&self.text);
        reader
            .into_records()
            .skip(1)
            .map(move |record| match record {
                Ok(record) => {
                    let line = lines.line(record.position());
                    if record.len() == columns {
                        // What was written for spreadsheets is read as it was before that.
                        let record = record.iter().map(as_text).collect();
                        Ok(Row { line, record })
                    } else {
                        Err((
                            line,
                            format!("expected {columns} values, got {}", record.len()),
                        ))
                    }
                }
                Err(error) => Err((lines.line(error.position()), error.to_string())),
            })
    }

    /// The absolute paths that a written one may mean, the likeliest first.
    pub(crate) fn candidates(&self, written: &str) -> Vec<PathBuf> {
        let slashes = written.replace('\\', "/");
        let mut spellings = vec![written.to_owned(), slashes.clone()];
        // File systems differ in how they write が: as one character or as two.
        spellings.extend([slashes.nfc().collect(), slashes.nfd().collect()]);
        let mut candidates: Vec<PathBuf> = Vec::new();
        for folder in &self.folders {
            for spelling in &spellings {
                let joined = folder.join(spelling);
                let candidate = paths::absolute(&joined).unwrap_or(joined);
                if !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
        candidates
    }
}

/// Finds the lines of ascending positions. The reader's own numbers count a record from the end
/// of the one before it, empty lines and all.
struct Lines<'a> {
    text: &'a [u8],
    byte: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            byte: 0,
            line: 1,
        }
    }

    fn line(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok());
        while let Some(&byte) = self.text.get(self.byte)
            && (start.is_some_and(|start| self.byte < start) || matches!(byte, b'\r' | b'\n'))
        {
            let next = self.text.get(self.byte + 1);
            // A line ends with \n, \r or both.
            let ends = byte == b'\n' || (byte == b'\r' && next != Some(&b'\n'));
            self.line += u64::from(ends);
            self.byte += 1;
        }
        self.line
    }
}

/// Which encoding the bytes are in, their text, and a remark if some could not be read.
fn decode(bytes: &[u8]) -> (&'static Encoding, String, Option<String>) {
    const ESCAPE: u8 = 0x1B;
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        // ISO-2022-JP is valid UTF-8 to the letter, but nothing else in CSV files has escapes.
        None if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&ESCAPE) => {
            encoding_rs::UTF_8
        }
        None => {
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
            detector.feed(bytes, true);
            // Among encodings that fit equally well, those used in Japan come first.
            detector.guess(Some(b"jp"), Utf8Detection::Allow)
        }
    };
    let (text, _, malformed) = encoding.decode(bytes);
    let remark = malformed.then(|| {
        format!(
            "read as {}, some characters could not be: save it as UTF-8",
            encoding.name()
        )
    });
    (encoding, text.into_owned(), remark)
}

/// The delimiter and the header record: the first delimiter with which there is a path column.
fn header(text: &str) -> Result<(u8, csv::StringRecord), String> {
    let read = |delimiter| {
        let mut record = csv::StringRecord::new();
        let read = reader(text, delimiter).read_record(&mut record);
        read.map(|_| record).map_err(|error| error.to_string())
    };
    let meant: [fn(&str) -> bool; 2] = [is_path, is_other_path];
    for means_path in meant {
        for delimiter in [b',', b';', b'\t'] {
            let record = read(delimiter)?;
            if record.iter().any(|name| means_path(name.trim())) {
                return Ok((delimiter, record));
            }
        }
    }
    read(b',').map(|record| (b',', record))
}

fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

fn is_path(name: &str) -> bool {
    name.eq_ignore_ascii_case(PATH_COLUMN)
}

fn is_other_path(name: &str) -> bool {
    let mut all = OTHER_PATH_COLUMNS.iter();
    all.any(|other| name.eq_ignore_ascii_case(other))
}

/// No column says which image a row is about: a table in which it is called otherwise, or no table at all.
fn no_path(path: &Path, names: &[&str]) -> StoreError {
    let path = path.to_path_buf();
    let binary =
        |c: char| c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace());
    let all = || names.iter().take(NAMED);
    if all().all(|name| name.is_empty()) || all().any(|name| name.contains(binary)) {
        let reason = format!("it has no column {PATH_COLUMN:?}");
        return StoreError::MetadataFile { path, reason };
    }
    let columns = all().map(|name| shortened(name)).collect();
    StoreError::MetadataNoPath { path, columns }
}

impl Sink<'_> {
    /// Gives images of the collection the values of the file's rows.
    ///
    /// A value replaces what the image had in that field; an empty value removes it. Fields that
    /// are no column stay as they are.
    pub(crate) fn apply_metadata(
        &mut self,
        file: MetadataFile,
        options: &AddOptions<'_>,
    ) -> Result<(), StoreError> {
        let mut report = file.report();
        for (line, remark) in &file.remarks {
            self.skip(file.path.clone(), format!("line {line}: {remark}"));
        }
        let collection = self.collection();
        let mut fields = HashMap::new();
        let mut rows = file.rows().peekable();
        while rows.peek().is_some() && !options.is_cancelled() {
            let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
            let results = self.home().write(|tx| {
                let apply = |row| apply_row(tx, collection, &file, &mut fields, row);
                batch
                    .into_iter()
                    .map(apply)
                    .collect::<Result<Vec<_>, Failure>>()
            })?;
            for result in results {
                report.rows += 1;
                match result {
                    Ok(()) => report.applied += 1,
                    Err((line, reason)) => {
                        self.skip(file.path.clone(), format!("line {line}: {reason}"));
                    }
                }
            }
        }
        self.report_mut().metadata = Some(report);
        Ok(())
    }
}

fn apply_row(
    tx: &Transaction<'_>,
    collection: Option<i64>,
    file: &MetadataFile,
    fields: &mut HashMap<usize, i64>,
    row: Result<Row, (u64, String)>,
) -> Result<Result<(), (u64, String)>, Failure> {
    let row = match row {
        Ok(row) => row,
        Err(remark) => return Ok(Err(remark)),
    };
    let written = match file.written_path(&row) {
        Ok(written) => written,
        Err(reason) => return Ok(Err((row.line, reason))),
    };
    let (collection, image) = match find_image(tx, collection, file, written)? {
        Ok(found) => found,
        Err(reason) => return Ok(Err((row.line, reason))),
    };
    let mut changed = false;
    for (column, value) in row.record.iter().enumerate() {
        let Some(name) = &file.fields[column] else {
            continue;
        };
        if value.is_empty() {
            changed |= remove_value(tx, collection, image, name)?;
            continue;
        }
        let field = match fields.get(&column) {
            Some(&field) => field,
            None => {
                let field = field_id(tx, collection, name)?;
                fields.insert(column, field);
                field
            }
        };
        changed |= set_value(tx, image, field, value)?;
    }
    if changed {
        let change = next_change(tx)?;
        tx.prepare_cached("UPDATE images SET change = ? WHERE id = ?")?
            .execute(params![change, image])?;
    }
    Ok(Ok(()))
}

/// Gives an image a value, with what it is beside its text; whether that changed anything.
pub(crate) fn set_value(
    tx: &Transaction<'_>,
    image: i64,
    field: i64,
    value: &str,
) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO metadata (image, field, value, number, instant) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE
               SET value = excluded.value, number = excluded.number, instant = excluded.instant
               WHERE value <> excluded.value";
    let (number, instant) = (number(value), instant(value));
    let changed = tx
        .prepare_cached(sql)?
        .execute(params![image, field, value, number, instant])?;
    Ok(changed > 0)
}

/// The collection's id with the image's, or why there is none.
fn find_image(
    tx: &Transaction<'_>,
    collection: Option<i64>,
    file: &MetadataFile,
    written: &str,
) -> rusqlite::Result<Result<(i64, i64), String>> {
    let candidates = file.candidates(written);
    // A link on the way to the file may have been written otherwise; the disk knows.
    let resolved = candidates
        .iter()
        .filter_map(|candidate| candidate.canonicalize().ok());
    for path in candidates.iter().cloned().chain(resolved) {
        let Some(collection) = collection else {
            continue;
        };
        if let Some(image) = id_at(tx, collection, &path)? {
            return Ok(Ok((collection, image)));
        }
    }
    Ok(Err(
        if candidates.iter().any(|candidate| candidate.exists()) {
            format!("{written} is not in the collection")
        } else {
            format!("{written} does not exist")
        },
    ))
}

pub(crate) fn field_id(tx: &Transaction<'_>, collection: i64, name: &str) -> rusqlite::Result<i64> {
    tx.execute(
        "INSERT INTO fields (collection, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
        params![collection, name],
    )?;
    let sql = "SELECT id FROM fields WHERE collection = ? AND name = ?";
    tx.query_row(sql, params![collection, name], |row| row.get(0))
}
