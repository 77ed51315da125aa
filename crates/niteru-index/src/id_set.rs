use std::ops::{BitAndAssign, BitOrAssign, SubAssign};

use roaring::RoaringTreemap;

/// A set of image ids, compressed (roaring bitmap).
///
/// A set and not a function: an index can ask for its size to choose between walking the set and
/// walking its vectors, and can send it to another machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IdSet(RoaringTreemap);

impl IdSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an id; false if it was there.
    pub fn insert(&mut self, id: u64) -> bool {
        self.0.insert(id)
    }

    /// Whether the id is in the set.
    pub fn contains(&self, id: u64) -> bool {
        self.0.contains(id)
    }

    /// Number of ids.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether no id is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of ids that are in both sets.
    pub fn intersection_len(&self, other: &Self) -> u64 {
        self.0.intersection_len(&other.0)
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter()
    }
}

/// Keeps the ids that are in both sets.
impl BitAndAssign<&IdSet> for IdSet {
    fn bitand_assign(&mut self, other: &IdSet) {
        self.0 &= &other.0;
    }
}

/// Adds the other set's ids.
impl BitOrAssign<&IdSet> for IdSet {
    fn bitor_assign(&mut self, other: &IdSet) {
        self.0 |= &other.0;
    }
}

/// Removes the other set's ids.
impl SubAssign<&IdSet> for IdSet {
    fn sub_assign(&mut self, other: &IdSet) {
        self.0 -= &other.0;
    }
}

impl FromIterator<u64> for IdSet {
    fn from_iter<I: IntoIterator<Item = u64>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl Extend<u64> for IdSet {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, ids: I) {
        self.0.extend(ids);
    }
}
