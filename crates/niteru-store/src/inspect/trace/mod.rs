//! From bad images to their cause: groups that look alike, and what they have in common.

mod causes;
mod course;
mod groups;
mod images;
mod past;
mod similarities;

use std::path::PathBuf;

use rusqlite::Transaction;
use serde::Serialize;
use utoipa::ToSchema;

pub use causes::Cause;
pub use course::{TimeCount, TimeCourse, TimeUnit};
pub use past::PastInspection;

use self::course::Spans;
use self::groups::{Vectors, group};
use self::images::{Defects, Images};
use crate::collection::hex;
use crate::error::Failure;
use crate::home::kernels;
use crate::{Home, StoreError, paths, time};

/// Most bad images that are grouped, the newest.
const MOST_BAD: usize = 20_000;

/// Where groups end if nothing else is asked for. Of six values from 0.2 to 0.5, more bring more NG photos of magnetic
/// tiles into groups of 3 and more, and fewer make groups of one kind: here 55 % are in such groups, and 95 % of these are
/// of their group's most frequent kind (`eval/inspect.sh --parts groups`).
const SIMILARITY: f32 = 0.35;

/// What is to be traced.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceQuery {
    /// Name of the inspector.
    pub inspector: String,
    /// One of its versions; `None`: all of them.
    pub version: Option<u32>,
    /// Not before this, milliseconds since 1970 (UTC).
    pub since: Option<i64>,
    /// Before this, milliseconds since 1970 (UTC).
    pub until: Option<i64>,
    /// The fields that may tell the cause: metadata fields, `hour` (`0`…`23`), `weekday` (`Monday`…),
    /// `operator`, `inspector_version`. Empty: all there are. Of a built-in name, metadata come first.
    pub fields: Vec<String>,
    /// Most groups, the largest.
    pub most_groups: usize,
    /// Groups whose members are on average at least so alike (−1…1) are one.
    pub similarity: f32,
    /// Minutes that local time is ahead of UTC, for hours, days and weeks.
    pub utc_offset_minutes: i32,
}

impl TraceQuery {
    /// All of an inspector's history, all fields, the 10 largest groups, in UTC.
    pub fn new(inspector: impl Into<String>) -> Self {
        Self {
            inspector: inspector.into(),
            version: None,
            since: None,
            until: None,
            fields: Vec::new(),
            most_groups: 10,
            similarity: SIMILARITY,
            utc_offset_minutes: 0,
        }
    }

    /// Milliseconds that local time is ahead of UTC.
    fn utc_offset(&self) -> i64 {
        i64::from(self.utc_offset_minutes) * 60_000
    }
}

/// What the bad images have in common.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Trace {
    /// Name of the inspector.
    pub inspector: String,
    /// Images that were inspected, each once: by the newest inspection that was reviewed, else the
    /// newest.
    pub images: u64,
    /// Inspections of the same images that were left out for that.
    pub repeated: u64,
    /// Whether there are older inspections in the period: the newest 500 000 are looked at.
    pub older_left_out: bool,
    /// Images that are NG, after review.
    pub bad: u64,
    /// Of these, those without anything to group them by.
    pub bad_without_defect: u64,
    /// Of these, those that are older than the newest 20 000, which are grouped.
    pub bad_left_out: u64,
    /// The fields that were asked about.
    pub fields: Vec<String>,
    /// The fields that could be asked about.
    pub known_fields: Vec<String>,
    /// Number of questions that were asked; p-values are corrected for it.
    pub tests: u64,
    /// Groups that are on average at least so alike were joined.
    pub similarity: f32,
    /// The largest groups, the largest first.
    pub groups: Vec<DefectGroup>,
    /// Number of smaller groups, which are not in the list.
    pub other_groups: u64,
    /// Number of their images.
    pub in_other_groups: u64,
}

/// Bad images that look alike where they are bad.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DefectGroup {
    /// Number of images.
    pub count: u64,
    /// The image that is most alike to all others of the group.
    pub typical: TypicalImage,
    /// Mean similarity of two images of the group; 1 where there is but one.
    pub similarity: f32,
    /// When the first was inspected, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub first: i64,
    /// When the last was.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub last: i64,
    /// How many there were when.
    pub time_course: TimeCourse,
    /// Values that are over-represented in the group, against all images, the good ones too; the
    /// strongest first. That need not be the cause, but it is no chance.
    pub causes: Vec<Cause>,
    /// What is known of such defects from before, at most 5: decisions that a person wrote a note about first,
    /// also on images of the group, then those outside of the group that are most alike. None is later than the
    /// group's last, nor less alike than images of a group are.
    pub past: Vec<PastInspection>,
    /// The inspections, newest first.
    pub inspections: Vec<u64>,
}

/// An image that stands for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TypicalImage {
    /// The inspection.
    pub inspection: u64,
    /// The image file. It may be another one now.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Of the file's contents when it was inspected, in hexadecimal.
    pub sha256: String,
}

/// A group by the places of its images.
struct Found {
    members: Vec<usize>,
    typical: usize,
    similarity: f32,
    /// Fingerprint of the model whose vectors they have.
    model: String,
    /// The mean of their vectors.
    mean: Vec<f32>,
}

impl Home {
    /// Groups the bad images of a period by what their defects look like, and finds what the images of
    /// a group have in common and others have not.
    ///
    /// Groups are made by average linkage of the cosine similarities of
    /// [`defect`](crate::NewInspection::defect) vectors of one model. Of more than 5 000 vectors, as many are
    /// grouped, evenly spread over time, and each other one joins the group that it is most alike on
    /// average, or stays alone. A value is reported when the exact
    /// hypergeometric test, corrected for all questions asked (Holm), gives less than 0.05. Groups of
    /// fewer than 3 images, and values that fewer than 3 have, are not asked about. The same history
    /// gives the same answer on the same instruction set.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], [`StoreError::NoInspectorVersion`],
    /// [`StoreError::NoInspectionField`], [`StoreError::TraceSimilarity`], and those of the database.
    pub fn trace(&self, query: &TraceQuery) -> Result<Trace, StoreError> {
        let similarity = query.similarity;
        if !(-1.0..=1.0).contains(&similarity) {
            return Err(StoreError::TraceSimilarity { similarity });
        }
        self.read(|tx| trace(tx, query))
    }
}

fn trace(tx: &Transaction<'_>, query: &TraceQuery) -> Result<Trace, Failure> {
    let images = Images::read(tx, query)?;
    let mut columns = images.columns(tx, query)?;
    let known_fields = columns.iter().map(|column| column.field.clone()).collect();
    columns.retain(|column| query.fields.is_empty() || query.fields.contains(&column.field));
    let bad = images.bad();
    let defects = images.defects(tx, &bad, MOST_BAD)?;
    let mut found = find_groups(&defects, query.similarity);
    let others = found.split_off(query.most_groups.min(found.len()));
    let members: Vec<Vec<usize>> = found.iter().map(|group| group.members.clone()).collect();
    let findings = causes::find(&members, &columns);
    let times: Vec<i64> = images.images.iter().map(|image| image.time).collect();
    let spans = Spans::of(&times, query.utc_offset());
    let past = past::find(tx, &found, &images, query.similarity)?;
    let groups = found
        .iter()
        .zip(findings.causes.into_iter().zip(past))
        .map(|(group, known)| describe(tx, group, known, &images, &spans))
        .collect::<Result<_, _>>()?;
    Ok(Trace {
        inspector: query.inspector.clone(),
        images: images.images.len() as u64,
        repeated: images.repeated,
        older_left_out: images.cut_off,
        bad: bad.len() as u64,
        bad_without_defect: defects.without,
        bad_left_out: defects.left_out,
        fields: columns.into_iter().map(|column| column.field).collect(),
        known_fields,
        tests: findings.tests,
        similarity: query.similarity,
        groups,
        other_groups: others.len() as u64,
        in_other_groups: others.iter().map(|group| group.members.len() as u64).sum(),
    })
}

/// The largest first; of one size, the one with the newest image.
fn find_groups(defects: &Defects, similarity: f32) -> Vec<Found> {
    let mut found = Vec::new();
    for part in &defects.parts {
        let vectors = Vectors {
            values: &part.vectors,
            dimensions: part.dimensions,
        };
        let place = |member: usize| part.places[member];
        for members in group(kernels(), vectors, similarity) {
            let sum = vectors.sum(&members);
            let (typical, similarity) = middle(vectors, &members, &sum);
            let count = members.len() as f32;
            found.push(Found {
                members: members.iter().map(|&member| place(member)).collect(),
                typical: place(typical),
                similarity,
                model: part.model.clone(),
                mean: sum.iter().map(|value| value / count).collect(),
            });
        }
    }
    found.sort_by_key(|group| (std::cmp::Reverse(group.members.len()), group.members[0]));
    found
}

/// The member most alike to all others, the first of equal ones; and the mean similarity of two members.
/// `sum` is that of their vectors.
fn middle(vectors: Vectors<'_>, members: &[usize], sum: &[f32]) -> (usize, f32) {
    let kernels = kernels();
    let mut best = (members[0], f32::NEG_INFINITY);
    for &member in members {
        let similarity = kernels.dot(vectors.get(member), sum);
        if similarity > best.1 {
            best = (member, similarity);
        }
    }
    let count = members.len() as f32;
    let similarity = match members.len() {
        1 => 1.0,
        _ => (kernels.dot(sum, sum) - count) / (count * (count - 1.0)),
    };
    (best.0, similarity.clamp(-1.0, 1.0))
}

fn describe(
    tx: &Transaction<'_>,
    group: &Found,
    (causes, past): (Vec<Cause>, Vec<PastInspection>),
    images: &Images,
    spans: &Spans,
) -> rusqlite::Result<DefectGroup> {
    let member = |&place: &usize| &images.images[place];
    let times: Vec<i64> = group.members.iter().map(|at| member(at).time).collect();
    let typical = member(&group.typical).id;
    let sql = "SELECT path FROM inspections WHERE id = ?";
    let path = tx.query_row(sql, [typical], |row| row.get(0))?;
    let sha256 = hex(&member(&group.typical).sha256);
    // Places are by time, the newest first.
    let (last, first) = (times[0], times[times.len() - 1]);
    Ok(DefectGroup {
        count: group.members.len() as u64,
        typical: TypicalImage {
            inspection: typical.cast_unsigned(),
            path: paths::from_bytes(path),
            sha256,
        },
        similarity: group.similarity,
        first,
        last,
        time_course: spans.course(&times),
        causes,
        past,
        inspections: group
            .members
            .iter()
            .map(|at| member(at).id.cast_unsigned())
            .collect(),
    })
}
