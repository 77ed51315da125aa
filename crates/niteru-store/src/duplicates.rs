//! Groups of images that are the same.

use std::path::{Path, PathBuf};

use niteru_imaging::{Likeness, Limits, Picture};
use rayon::prelude::*;
use rusqlite::{Transaction, params};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::home::kernels;
use crate::image_name::uploaded_as;
use crate::near::{Judge, NearIndex, Node, Rule};
use crate::{Collection, StoreError, paths};

/// Similarity from which embeddings count as the same, unless another is asked for.
pub(crate) const THRESHOLD: f32 = 0.97;

/// Near duplicates of an image that are looked for when images are connected. Enough to hold a set
/// of equal frames together, and few enough that a million of them can be gone through.
const NEIGHBOURS: usize = 16;

/// Likenesses that are found out and stored at a time.
const PAGE: usize = 256;

/// Least pixels a side that a picture is decoded to for its likeness.
const LEAST_SIDE: u32 = 256;

/// How to look for duplicates.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DuplicateOptions<'a> {
    /// Similarity from which embeddings count as the same, −1…1.
    pub threshold: f32,
    /// Called with the number of files looked at and of those to look at, while likenesses of images
    /// that have none yet are found out.
    pub progress: Option<&'a (dyn Fn(u64, u64) + Sync)>,
}

impl Default for DuplicateOptions<'_> {
    fn default() -> Self {
        Self {
            threshold: THRESHOLD,
            progress: None,
        }
    }
}

/// The duplicates of a collection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Duplicates {
    /// The exact ones first, then the near ones; each kind with the largest group first.
    pub groups: Vec<DuplicateGroup>,
    /// Images that were compared.
    pub images: u64,
    /// Images that could be compared by their contents only: no likeness is known of them, and their
    /// files are gone, changed or cannot be read.
    pub unavailable: u64,
}

/// How images of a group are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateKind {
    /// The files have the same contents.
    Exact,
    /// The pictures were made of one another.
    Near,
}

/// Images that are the same.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DuplicateGroup {
    /// How they are.
    pub kind: DuplicateKind,
    /// Two or more. Each was compared with the first, which has the most duplicates, or else the most
    /// pixels, or else was added first. Of exact ones, the first that was added comes first.
    pub images: Vec<DuplicateImage>,
}

/// An image that has duplicates.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DuplicateImage {
    /// The image's id.
    pub id: u64,
    /// Its path; in JSON, what is not UTF-8 in it appears as U+FFFD.
    #[serde(serialize_with = "paths::serialize")]
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// What an uploaded file was called where it came from; only of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded_as: Option<String>,
    /// Cosine with the group's first image; 1 for that itself and for equal contents.
    pub similarity: f32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Length of the file.
    pub bytes: u64,
}

impl Collection<'_> {
    /// The images that are in the collection more than once: with the same contents, or as pictures
    /// that were re-encoded, resized, a little cropped or made brighter. docs/duplicates.md says how
    /// well, and what is not found.
    ///
    /// An image may stand in several near groups. Images that are missing are left out. Of images with the same contents, only the one that was
    /// added first can be in a near group.
    ///
    /// Likenesses that are not known yet are found out from the files and stored.
    ///
    /// # Errors
    /// Those of the database. A home that cannot be written gives no error: what is not known stays so.
    pub fn duplicates(&self, options: DuplicateOptions<'_>) -> Result<Duplicates, StoreError> {
        if !self.home.is_read_only() {
            self.find_likenesses(options.progress)?;
        }
        self.home.read(|tx| {
            let rows = self.rows(tx)?;
            let images = rows.len() as u64;
            let (mut groups, unique) = exact_groups(rows);
            let mut index = NearIndex::new();
            let mut nodes = Vec::new();
            let mut unavailable = 0;
            for row in unique {
                match &row.likeness {
                    Some(likeness) => {
                        index.insert(Node {
                            id: row.image.id.cast_signed(),
                            likeness: likeness.clone(),
                        });
                        nodes.push(row.image);
                    }
                    None => unavailable += 1,
                }
            }
            let judge = Judge {
                connection: tx,
                kernels: kernels(),
                rule: Rule {
                    threshold: options.threshold,
                },
            };
            groups.extend(near_groups(&index, &nodes, &judge)?);
            Ok(Duplicates {
                groups,
                images,
                unavailable,
            })
        })
    }

    /// The images that are there, by id.
    fn rows(&self, tx: &Transaction<'_>) -> rusqlite::Result<Vec<Row>> {
        let mut statement = tx.prepare_cached(
            "SELECT i.id, i.path, i.width, i.height, i.bytes, i.sha256, l.likeness
             FROM images i LEFT JOIN likenesses l ON l.image = i.id
             WHERE i.collection = ? AND i.missing = 0 ORDER BY i.id",
        )?;
        let rows = statement.query_map([self.id], |row| {
            let path = paths::from_bytes(row.get(1)?);
            let sha256: [u8; 32] = row.get(5)?;
            Ok(Row {
                image: DuplicateImage {
                    uploaded_as: uploaded_as(tx, &path, &sha256)?,
                    id: row.get::<_, i64>(0)?.cast_unsigned(),
                    path,
                    similarity: 1.0,
                    width: row.get(2)?,
                    height: row.get(3)?,
                    bytes: row.get::<_, i64>(4)?.cast_unsigned(),
                },
                sha256,
                likeness: row
                    .get_ref(6)?
                    .as_blob_or_null()?
                    .and_then(Likeness::from_bytes),
            })
        })?;
        rows.collect()
    }

    /// Finds out what images look like whose rows are older than likenesses.
    fn find_likenesses(
        &self,
        progress: Option<&(dyn Fn(u64, u64) + Sync)>,
    ) -> Result<(), StoreError> {
        type Wanted = (i64, Vec<u8>, [u8; 32]);
        let wanted: Vec<Wanted> = self.home.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, path, sha256 FROM images WHERE collection = ? AND missing = 0
                 AND NOT EXISTS (SELECT 1 FROM likenesses l WHERE l.image = images.id)",
            )?;
            let rows = statement
                .query_map([self.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let total = wanted.len() as u64;
        let mut done = 0;
        for page in wanted.chunks(PAGE) {
            let found: Vec<(i64, [u8; 32], Likeness)> = page
                .par_iter()
                .filter_map(|(id, path, sha256)| {
                    let likeness = likeness_of(&paths::from_bytes(path.clone()), sha256)?;
                    Some((*id, *sha256, likeness))
                })
                .collect();
            self.home.write(|tx| {
                // The image may have changed or gone since.
                let mut insert = tx.prepare_cached(
                    "INSERT OR REPLACE INTO likenesses (image, likeness)
                     SELECT id, ?2 FROM images WHERE id = ?1 AND sha256 = ?3",
                )?;
                for (id, sha256, likeness) in &found {
                    insert.execute(params![id, likeness.to_bytes(), sha256])?;
                }
                Ok(())
            })?;
            done += page.len() as u64;
            if let Some(progress) = progress {
                progress(done, total);
            }
        }
        Ok(())
    }
}

/// The likeness of a file's picture, if its contents are still these.
fn likeness_of(path: &Path, sha256: &[u8; 32]) -> Option<Likeness> {
    let limits = Limits::default();
    let bytes = Picture::read(path, &limits).ok()?;
    if Sha256::digest(&bytes)[..] != sha256[..] {
        return None;
    }
    let picture = Picture::decode_at_least(&bytes, &limits, LEAST_SIDE).ok()?;
    Some(picture.likeness())
}

struct Row {
    image: DuplicateImage,
    sha256: [u8; 32],
    likeness: Option<Likeness>,
}

/// Groups of equal contents, and the first image of each contents, by id.
fn exact_groups(mut rows: Vec<Row>) -> (Vec<DuplicateGroup>, Vec<Row>) {
    rows.sort_by_key(|row| (row.sha256, row.image.id));
    let mut groups = Vec::new();
    let same = rows.chunk_by(|a, b| a.sha256 == b.sha256);
    for same in same.filter(|same| same.len() > 1) {
        groups.push(DuplicateGroup {
            kind: DuplicateKind::Exact,
            images: same.iter().map(|row| row.image.clone()).collect(),
        });
    }
    largest_first(&mut groups);
    // Duplicates may have been added before there were likenesses; one that is known is enough.
    rows.dedup_by(|later, first| {
        let same = later.sha256 == first.sha256;
        if same && first.likeness.is_none() {
            first.likeness = later.likeness.take();
        }
        same
    });
    rows.sort_by_key(|row| row.image.id);
    (groups, rows)
}

/// Groups of near duplicates; `images` are those of the index, place by place.
///
/// Images are connected where they are near duplicates, and each connected set is cut into groups
/// in which every image is a near duplicate of the first one: a chain of images that change little
/// by little does not become one group. An image whose duplicates all went to groups that it does
/// not fit into gets a group with them: these stand in two groups, and no duplicate is lost.
fn near_groups(
    index: &NearIndex,
    images: &[DuplicateImage],
    judge: &Judge<'_>,
) -> rusqlite::Result<Vec<DuplicateGroup>> {
    let mut sets = Sets::new(images.len());
    let mut neighbours = vec![0usize; images.len()];
    for (place, node) in index.nodes().iter().enumerate() {
        let mut vector: Option<Vec<f32>> = None;
        for other in index
            .candidates(&node.likeness)
            .filter(|&other| other != place)
        {
            if neighbours[place] >= NEIGHBOURS {
                break;
            }
            if vector.is_none() {
                vector = judge.vector(node.id)?;
            }
            let Some(vector) = &vector else { break };
            if judge
                .similarity(&node.likeness, vector, &index.nodes()[other])?
                .is_some()
            {
                neighbours[place] += 1;
                sets.join(place, other);
            }
        }
    }
    let mut groups = Vec::new();
    for mut set in sets.into_lists() {
        let pixels =
            |place: usize| u64::from(images[place].width) * u64::from(images[place].height);
        set.sort_by_key(|&place| {
            use std::cmp::Reverse;
            (Reverse(neighbours[place]), Reverse(pixels(place)), place)
        });
        let all = set.clone();
        while let Some((&first, rest)) = set.split_first() {
            let (mut group, left) = star(first, rest, index, images, judge)?;
            if group.images.len() == 1 {
                let others: Vec<usize> = all.iter().copied().filter(|&o| o != first).collect();
                group = star(first, &others, index, images, judge)?.0;
            }
            groups.extend((group.images.len() > 1).then_some(group));
            set = left;
        }
    }
    largest_first(&mut groups);
    Ok(groups)
}

/// The group around one image, and what is left.
fn star(
    first: usize,
    rest: &[usize],
    index: &NearIndex,
    images: &[DuplicateImage],
    judge: &Judge<'_>,
) -> rusqlite::Result<(DuplicateGroup, Vec<usize>)> {
    let nodes = index.nodes();
    let mut group = vec![images[first].clone()];
    let mut left = Vec::new();
    let vector = judge.vector(nodes[first].id)?.unwrap_or_default();
    for &place in rest {
        match judge.similarity(&nodes[first].likeness, &vector, &nodes[place])? {
            Some(similarity) => group.push(DuplicateImage {
                similarity,
                ..images[place].clone()
            }),
            None => left.push(place),
        }
    }
    group[1..].sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.id.cmp(&b.id)));
    let group = DuplicateGroup {
        kind: DuplicateKind::Near,
        images: group,
    };
    Ok((group, left))
}

fn largest_first(groups: &mut [DuplicateGroup]) {
    groups.sort_by_key(|group| (std::cmp::Reverse(group.images.len()), group.images[0].id));
}

/// Disjoint sets of places (union-find with path halving).
struct Sets(Vec<usize>);

impl Sets {
    fn new(places: usize) -> Self {
        Self((0..places).collect())
    }

    fn root(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }

    /// The sets of two or more.
    fn into_lists(mut self) -> Vec<Vec<usize>> {
        let places = self.0.len();
        let mut lists = vec![Vec::new(); places];
        for place in 0..places {
            let root = self.root(place);
            lists[root].push(place);
        }
        lists.retain(|list| list.len() > 1);
        lists
    }
}
