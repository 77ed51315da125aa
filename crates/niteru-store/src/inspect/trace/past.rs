//! What is known of such defects from before: earlier decisions that look alike, and what people said of them.

use std::collections::HashSet;
use std::path::PathBuf;

use niteru_inspect::Verdict;
use rusqlite::{Row, Transaction, named_params};
use serde::Serialize;
use utoipa::ToSchema;

use super::Found;
use super::images::Images;
use crate::collection::hex;
use crate::home::kernels;
use crate::inspect::record::{defect_problem, read_defect};
use crate::inspect::verdict::StoredVerdict;
use crate::{paths, time};

/// Most decisions that are looked at: those with notes, then the newest.
const MOST_LOOKED_AT: i64 = 20_000;

/// Most that are told of a group.
const MOST_TOLD: usize = 5;

/// A decision from before, of any inspector with the same model, that looks like those of a group.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PastInspection {
    /// The inspection.
    pub inspection: u64,
    /// Name of its inspector.
    pub inspector: String,
    /// The image file. It may be another one now.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// Of the file's contents when it was inspected, in hexadecimal.
    pub sha256: String,
    /// When it was inspected, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub time: i64,
    /// The verdict, after review.
    #[schema(value_type = String)]
    pub verdict: Verdict,
    /// Mean cosine similarity of its defect to those of the group, -1 to 1.
    pub similarity: f32,
    /// What the newest review with a note says: a later one without does not take it away. Empty where nobody wrote
    /// anything.
    pub note: String,
    /// Who wrote it, or, without a note, who reviewed it last; if that is known.
    pub reviewer: Option<String>,
}

/// What is told of a group, the best first.
struct Told<'g> {
    group: &'g Found,
    /// Contents of its images.
    members: HashSet<[u8; 32]>,
    /// When its last image was inspected.
    last: i64,
    best: Vec<([u8; 32], PastInspection)>,
}

/// What is told of each group: decisions with a note first, then the most alike; each image once, none later than
/// the group's last, none less alike than `similarity`. Of the group itself only what has a note.
pub(super) fn find(
    tx: &Transaction<'_>,
    groups: &[Found],
    images: &Images,
    similarity: f32,
) -> rusqlite::Result<Vec<Vec<PastInspection>>> {
    let image = |place: usize| &images.images[place];
    let mut told: Vec<Told<'_>> = groups
        .iter()
        .map(|group| Told {
            group,
            members: group.members.iter().map(|&at| image(at).sha256).collect(),
            // Places are by time, the newest first.
            last: image(group.members[0]).time,
            best: Vec::new(),
        })
        .collect();
    let Some(newest) = told.iter().map(|group| group.last).max() else {
        return Ok(Vec::new());
    };
    let mut statement = tx.prepare_cached(
        "SELECT i.id, n.name, i.path, i.time, coalesce(r.verdict, i.verdict), coalesce(w.note, ''),
             CASE WHEN w.id IS NULL THEN r.reviewer ELSE w.reviewer END, n.fingerprint, i.sha256, i.defect
         FROM inspections i
         JOIN inspectors n ON n.id = i.inspector
         LEFT JOIN reviews r ON r.id = (SELECT max(id) FROM reviews WHERE inspection = i.id)
         LEFT JOIN reviews w ON w.id = (SELECT max(id) FROM reviews WHERE inspection = i.id AND note <> '')
         WHERE i.id = ?",
    )?;
    for id in candidates(tx, newest)? {
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let model = row.get_ref(7)?.as_str()?;
            let defect = read_defect(row.get_ref(9)?.as_blob()?);
            // In a damaged database it may be no unit vector; `check` tells.
            if defect_problem(&defect).is_some() {
                continue;
            }
            let sha256 = row.get(8)?;
            for told in &mut told {
                let group = told.group;
                if *group.model != *model || group.mean.len() != defect.len() {
                    continue;
                }
                let alike = kernels().dot(&defect, &group.mean).clamp(-1.0, 1.0);
                if alike >= similarity {
                    told.consider(sha256, read(row, alike)?);
                }
            }
        }
    }
    Ok(told.into_iter().map(Told::list).collect())
}

impl Told<'_> {
    fn consider(&mut self, sha256: [u8; 32], past: PastInspection) {
        let noted = !past.note.is_empty();
        if past.time > self.last || (!noted && self.members.contains(&sha256)) {
            return;
        }
        let rank = |past: &PastInspection| (!past.note.is_empty(), past.similarity, past.time);
        let same = self.best.iter().position(|(known, _)| *known == sha256);
        match same {
            Some(at) if rank(&past) <= rank(&self.best[at].1) => return,
            Some(at) => drop(self.best.remove(at)),
            None => {}
        }
        let better = |(_, other): &([u8; 32], PastInspection)| rank(other) >= rank(&past);
        let at = self.best.partition_point(better);
        self.best.insert(at, (sha256, past));
        self.best.truncate(MOST_TOLD);
    }

    fn list(self) -> Vec<PastInspection> {
        self.best.into_iter().map(|(_, past)| past).collect()
    }
}

/// The decisions up to a time that are looked at: what is NG, after review, or has a note.
fn candidates(tx: &Transaction<'_>, until: i64) -> rusqlite::Result<Vec<i64>> {
    let mut statement = tx.prepare_cached(
        "SELECT i.id FROM inspections i
         LEFT JOIN reviews r ON r.id = (SELECT max(id) FROM reviews WHERE inspection = i.id)
         LEFT JOIN reviews w ON w.id = (SELECT max(id) FROM reviews WHERE inspection = i.id AND note <> '')
         WHERE i.defect IS NOT NULL AND i.time <= :until
             AND (coalesce(r.verdict, i.verdict) = 'NG' OR w.id IS NOT NULL)
         ORDER BY w.id IS NOT NULL DESC, i.time DESC, i.id DESC LIMIT :limit",
    )?;
    let values = named_params! { ":until": until, ":limit": MOST_LOOKED_AT };
    let ids = statement.query_map(values, |row| row.get(0))?;
    ids.collect()
}

fn read(row: &Row<'_>, similarity: f32) -> rusqlite::Result<PastInspection> {
    Ok(PastInspection {
        inspection: row.get::<_, i64>(0)?.cast_unsigned(),
        inspector: row.get(1)?,
        path: paths::from_bytes(row.get(2)?),
        sha256: hex(row.get_ref(8)?.as_blob()?),
        time: row.get(3)?,
        verdict: row.get::<_, StoredVerdict>(4)?.0,
        similarity,
        note: row.get(5)?,
        reviewer: row.get(6)?,
    })
}
