//! Whether recent decisions of an inspector still lie where its good pictures did.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use niteru_inspect::Inspector;
use niteru_learn::shift;
use rusqlite::{OptionalExtension, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collection::sql_id;
use crate::error::Failure;
use crate::inspect::inspectors::no_inspector;
use crate::{Home, StoreError, paths};

/// Fewer decisions than this say nothing.
pub const LEAST_DECISIONS: usize = 20;

/// Decisions that are looked back at where no other number is asked for.
pub const LOOK_BACK: usize = 50;

/// On a running line it is looked back after so many decisions.
const EACH: usize = 25;

/// A shift is believed when it is chance at most so often.
const MOST_CHANCE: f64 = 0.001;

/// Scores have risen when a recent one is above a good one so often. NG among good parts does not reach it:
/// where they are a fifth of all, that is 0.6.
const RISEN: f64 = 0.8;

/// Scores have fallen when a recent one is above a good one at most so often. Far from 0.5, as good pictures
/// lie a little lower than those that were held out: the memory that judges them holds more of them
/// (docs/inspection.md has the figures).
const FALLEN: f64 = 0.1;

/// With fewer good scores than this the memories that gave them held so much less that lower ones are usual.
const LEAST_FALLEN: usize = 10;

/// What is asked about drift.
#[derive(Debug, Clone, Copy)]
pub struct DriftQuery<'a> {
    /// The id of a version of an inspector.
    pub inspector: u64,
    /// The scores that its good pictures had when they were held out.
    pub good_scores: &'a [f64],
    /// The files of its good pictures: decisions on what was learnt are left out, as it is known too well.
    pub learnt: &'a [PathBuf],
    /// Most decisions, the newest.
    pub last: usize,
}

/// What an inspector's decisions are compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftBasis {
    good_scores: Vec<f64>,
    learnt: Vec<PathBuf>,
}

impl DriftBasis {
    /// Of an inspector. The only good picture was never held out: then there are no scores.
    pub fn of(inspector: &Inspector<'_>) -> DriftBasis {
        let good = inspector.good();
        DriftBasis {
            good_scores: match good.len() {
                ..=1 => Vec::new(),
                _ => inspector.good_scores().to_vec(),
            },
            learnt: good.iter().map(|good| good.path.clone()).collect(),
        }
    }

    /// What is asked of the version with this id.
    pub fn query(&self, inspector: u64, last: usize) -> DriftQuery<'_> {
        DriftQuery {
            inspector,
            good_scores: &self.good_scores,
            learnt: &self.learnt,
            last,
        }
    }
}

/// When it is looked back on a running line.
#[derive(Debug, Default)]
pub struct DriftWatch {
    decisions: usize,
    told: Option<Direction>,
}

impl DriftWatch {
    /// Counts a decision; whether it is time to look back: at the first one, as there may be others from before,
    /// and after some dozens each.
    pub fn is_due(&mut self) -> bool {
        let due = self.decisions.is_multiple_of(EACH);
        self.decisions += 1;
        due
    }

    /// Whether a drift says something else than the last one did: it is told once, not every time. Where nothing can
    /// be said, as of a version that has just been trained, it begins anew.
    pub fn is_news(&mut self, drift: &Drift) -> bool {
        if drift.drift.is_none() {
            self.told = None;
            return false;
        }
        let before = self.told.replace(drift.direction);
        before.unwrap_or(Direction::None) != drift.direction
    }
}

/// Where recent scores have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Pictures look less like the good ones.
    Up,
    /// Pictures look more like the good ones than good ones do.
    Down,
    /// Nowhere that matters.
    None,
}

/// Recent decisions beside the good pictures that the threshold was made with.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Drift {
    /// Name of the inspector.
    pub inspector: String,
    /// Its version.
    pub version: u32,
    /// Decisions that were looked at: the newest of each image, whatever the verdict.
    pub decisions: usize,
    /// The probability that a recent score is above one of a good picture, 0…1; `None` with too few
    /// decisions, or good scores.
    pub superiority: Option<f64>,
    /// The probability of such a superiority when nothing has changed.
    pub p_value: Option<f64>,
    /// Whether scores have shifted as a whole; `None` as above.
    pub drift: Option<bool>,
    /// Where they have gone, if they have.
    pub direction: Direction,
    /// How many more decisions it takes until something can be said.
    pub needed: usize,
}

impl Home {
    /// Compares the newest decisions of a version of an inspector with its good pictures, by the rank-sum
    /// test ([`niteru_learn::shift`]): a drift is a shift that is large and not chance, so a few NG are
    /// none. Decisions of any verdict count, each image once, and those of versions that have another threshold and
    /// the same scores.
    ///
    /// # Errors
    /// [`StoreError::NoInspector`], and those of the database.
    pub fn drift(&self, query: &DriftQuery<'_>) -> Result<Drift, StoreError> {
        // As decisions have them: a file that was learnt over `..` has one path there.
        let as_stored = |path: &PathBuf| paths::absolute(path).unwrap_or_else(|_| path.clone());
        let learnt: HashSet<PathBuf> = query.learnt.iter().map(as_stored).collect();
        self.read(|tx| {
            let id = sql_id(query.inspector);
            let sql = "SELECT name, version FROM inspectors WHERE id = ?";
            let named = tx.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)));
            let named: Option<(String, u32)> = named.optional()?;
            let Some((inspector, version)) = named else {
                return Err(no_inspector(tx, &format!("#{}", query.inspector))?);
            };
            let ids = with_the_same_scores(tx, &inspector, version)?;
            let recent = recent_scores(tx, &ids, query.last, &learnt)?;
            let told = Drift {
                inspector,
                version,
                decisions: recent.len(),
                superiority: None,
                p_value: None,
                drift: None,
                direction: Direction::None,
                needed: LEAST_DECISIONS.saturating_sub(recent.len()),
            };
            Ok(told.judged(query.good_scores, &recent))
        })
    }
}

impl Drift {
    fn judged(self, good: &[f64], recent: &[f64]) -> Self {
        let shift = match self.needed {
            0 => shift(good, recent),
            _ => None,
        };
        let Some(shift) = shift else { return self };
        let direction = match shift.superiority {
            _ if shift.p_value > MOST_CHANCE => Direction::None,
            RISEN.. => Direction::Up,
            ..=FALLEN if good.len() >= LEAST_FALLEN => Direction::Down,
            _ => Direction::None,
        };
        Self {
            superiority: Some(shift.superiority),
            p_value: Some(shift.p_value),
            drift: Some(direction != Direction::None),
            direction,
            ..self
        }
    }
}

/// The ids of the versions that score as this one does: they differ in the threshold only.
fn with_the_same_scores(
    tx: &Transaction<'_>,
    name: &str,
    version: u32,
) -> Result<Vec<i64>, Failure> {
    let sql =
        "SELECT id, version, settings ->> '$.threshold_of_version' FROM inspectors WHERE name = ?
               ORDER BY version";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([name])?;
    // Of each version the one that was trained, which a later one can only come after.
    let mut trained: HashMap<u32, u32> = HashMap::new();
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, own): (i64, u32) = (row.get(0)?, row.get(1)?);
        let of: Option<u32> = row.get(2)?;
        // A removed one is its own beginning.
        let first = of.map_or(own, |of| trained.get(&of).copied().unwrap_or(of));
        trained.insert(own, first);
        ids.push((id, own));
    }
    let first = trained.get(&version).copied();
    let same = ids
        .into_iter()
        .filter(|(_, own)| trained.get(own).copied() == first);
    Ok(same.map(|(id, _)| id).collect())
}

/// The newest score of each image, of the last ones that were judged.
fn recent_scores(
    tx: &Transaction<'_>,
    inspectors: &[i64],
    last: usize,
    learnt: &HashSet<PathBuf>,
) -> Result<Vec<f64>, Failure> {
    // The index gives them in order, of each version; no more are read than are needed.
    let sql = "SELECT sha256, path, score, time, id FROM inspections WHERE inspector = ?
               ORDER BY time DESC, id DESC";
    let mut statement = tx.prepare_cached(sql)?;
    let mut found: Vec<((i64, i64), [u8; 32], f64)> = Vec::new();
    for &inspector in inspectors {
        let mut rows = statement.query([inspector])?;
        let mut seen: HashSet<[u8; 32]> = HashSet::new();
        while seen.len() < last
            && let Some(row) = rows.next()?
        {
            let path: PathBuf = paths::from_bytes(row.get(1)?);
            let sha256 = row.get(0)?;
            if !learnt.contains(&path) && seen.insert(sha256) {
                found.push(((row.get(3)?, row.get(4)?), sha256, row.get(2)?));
            }
        }
    }
    found.sort_unstable_by_key(|(when, ..)| std::cmp::Reverse(*when));
    let mut seen: HashSet<[u8; 32]> = HashSet::new();
    found.retain(|(_, sha256, _)| seen.insert(*sha256));
    found.truncate(last);
    Ok(found.into_iter().map(|(.., score)| score).collect())
}
