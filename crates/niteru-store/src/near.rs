//! Which images are the same picture saved anew.
//!
//! Neither looks nor similarity are enough alone: many parts have one outline, and the embedding of a
//! small picture that was re-encoded is further off than that of another part. So two images are near
//! duplicates when their likenesses have structures within [`MAX_DISTANCE`] bits and no quarter of
//! another colour, and either the tones are the same and the embeddings close, or the embeddings are
//! the same and the tones close ([`Rule`]). docs/duplicates.md has what was measured.

use half::f16;
use niteru_imaging::Likeness;
use niteru_kernels::Kernels;
use rusqlite::{Connection, OptionalExtension};

use crate::collection::read_vector;

/// Most bits in which structures may differ.
pub(crate) const MAX_DISTANCE: u32 = 10;

/// Most levels that the blueness or redness of a quarter may differ.
const MAX_COLOUR: u8 = 16;

/// Correlation from which tones count as the same, and as close.
const SAME_TONES: f32 = 0.998;
const CLOSE_TONES: f32 = 0.9;

/// Embeddings are close when they are so much less similar than the same ones.
const CLOSE_BELOW: f32 = 0.12;

/// Multi-index hashing (Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index
/// hashing", 2012): of structures within 10 bits, one of four bands is within 2.
const BANDS: usize = 4;
const BAND_BITS: usize = 64 / BANDS;
const BAND_DISTANCE: u32 = MAX_DISTANCE / BANDS as u32;

/// When two images are the same picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// Similarity from which embeddings count as the same.
    pub(crate) threshold: f32,
}

impl Rule {
    /// Whether likenesses allow two images to be the same; else embeddings need not be compared.
    fn may_be_same(a: &Likeness, b: &Likeness) -> bool {
        a.distance(b) <= MAX_DISTANCE
            && a.colour_difference(b) <= MAX_COLOUR
            && a.correlation(b) >= CLOSE_TONES
    }

    fn is_same(self, a: &Likeness, b: &Likeness, similarity: f32) -> bool {
        Self::may_be_same(a, b)
            && (similarity >= self.threshold
                || (similarity >= self.threshold - CLOSE_BELOW && a.correlation(b) >= SAME_TONES))
    }
}

/// An image that may have near duplicates.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: i64,
    pub(crate) likeness: Likeness,
}

/// Images by bands of their structures. About 320 bytes an image.
pub(crate) struct NearIndex {
    nodes: Vec<Node>,
    /// Of the nodes, close together: most candidates go no further.
    structures: Vec<u64>,
    /// For each band and each of its values, the places of the images that have it.
    buckets: Vec<Vec<u32>>,
    /// What differs from a band's value by so few bits.
    probes: Vec<usize>,
}

impl NearIndex {
    pub(crate) fn new() -> Self {
        let probes = (0..1usize << BAND_BITS)
            .filter(|value| value.count_ones() <= BAND_DISTANCE)
            .collect();
        Self {
            nodes: Vec::new(),
            structures: Vec::new(),
            buckets: vec![Vec::new(); BANDS << BAND_BITS],
            probes,
        }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn insert(&mut self, node: Node) {
        let place = self.nodes.len() as u32;
        for band in 0..BANDS {
            let value = band_of(node.likeness.structure(), band);
            self.buckets[bucket(band, value)].push(place);
        }
        self.structures.push(node.likeness.structure());
        self.nodes.push(node);
    }

    /// The places of images whose likenesses allow them to be the same as this one, itself included
    /// where it is in the index. Each once.
    pub(crate) fn candidates(&self, likeness: &Likeness) -> impl Iterator<Item = usize> {
        let structure = likeness.structure();
        let found_before = move |other: u64, band: usize| {
            let near = |band| (band_of(structure, band) ^ band_of(other, band)).count_ones();
            (0..band).any(|band| near(band) <= BAND_DISTANCE)
        };
        (0..BANDS)
            .flat_map(move |band| {
                let value = band_of(structure, band);
                let buckets = self
                    .probes
                    .iter()
                    .map(move |flip| bucket(band, value ^ flip));
                buckets
                    .flat_map(|at| &self.buckets[at])
                    .map(move |&place| (band, place as usize))
            })
            .filter(move |&(band, place)| {
                let other = self.structures[place];
                (structure ^ other).count_ones() <= MAX_DISTANCE
                    && !found_before(other, band)
                    && Rule::may_be_same(likeness, &self.nodes[place].likeness)
            })
            .map(|(_, place)| place)
    }
}

fn band_of(structure: u64, band: usize) -> usize {
    (structure >> (band * BAND_BITS)) as usize & ((1 << BAND_BITS) - 1)
}

fn bucket(band: usize, value: usize) -> usize {
    (band << BAND_BITS) + value
}

/// Compares images by the embeddings that the database has of them.
pub(crate) struct Judge<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) kernels: Kernels,
    pub(crate) rule: Rule,
}

impl Judge<'_> {
    /// The similarity of two images if they are the same picture; `None` if not, or where one of
    /// them has gone.
    pub(crate) fn similarity(
        &self,
        a: &Likeness,
        vector: &[f32],
        b: &Node,
    ) -> rusqlite::Result<Option<f32>> {
        let Some(other) = self.vector(b.id)? else {
            return Ok(None);
        };
        let similarity = cosine(self.kernels, vector, &other);
        Ok(self
            .rule
            .is_same(a, &b.likeness, similarity)
            .then_some(similarity))
    }

    /// The embedding of an image.
    pub(crate) fn vector(&self, id: i64) -> rusqlite::Result<Option<Vec<f32>>> {
        self.connection
            .prepare_cached("SELECT vector FROM embeddings WHERE image = ?")?
            .query_row([id], |row| Ok(from_blob(row.get_ref(0)?.as_blob()?)))
            .optional()
    }
}

/// The embedding of a stored form.
pub(crate) fn from_blob(blob: &[u8]) -> Vec<f32> {
    let mut halves: Vec<f16> = Vec::new();
    read_vector(blob, &mut halves);
    niteru_index::from_f16(&halves)
}

/// 0 where one of them has no direction, or (in a damaged database) another length.
fn cosine(kernels: Kernels, a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return 0.0;
    }
    let lengths = kernels.dot(a, a).sqrt() * kernels.dot(b, b).sqrt();
    match lengths > 0.0 {
        true => (kernels.dot(a, b) / lengths).clamp(-1.0, 1.0),
        false => 0.0,
    }
}
