//! Groups of vectors that resemble each other.
//!
//! Average linkage: the two groups whose members are most alike on average are joined, again and again,
//! while they are alike enough.

use niteru_kernels::Kernels;

use super::similarities::Similarities;

/// Most vectors that are compared pair by pair: their similarities take 50 MB. Of more, so many are, and
/// each other one joins the group that it is most alike on average.
const MOST_COMPARED: usize = 5000;

/// Unit vectors of one length, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Vectors<'v> {
    pub(super) values: &'v [f32],
    pub(super) dimensions: usize,
}

impl<'v> Vectors<'v> {
    pub(super) fn len(self) -> usize {
        self.values.len() / self.dimensions.max(1)
    }

    pub(super) fn get(self, index: usize) -> &'v [f32] {
        &self.values[index * self.dimensions..][..self.dimensions]
    }

    /// The sum of some of them.
    pub(super) fn sum(self, members: &[usize]) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimensions];
        for &member in members {
            for (sum, value) in sum.iter_mut().zip(self.get(member)) {
                *sum += value;
            }
        }
        sum
    }
}

/// Groups vectors that are on average at least `cut` alike. Indices of the members, rising; groups by their
/// first members.
pub(super) fn group(kernels: Kernels, vectors: Vectors<'_>, cut: f32) -> Vec<Vec<usize>> {
    let count = vectors.len();
    if count <= MOST_COMPARED {
        return group_all(kernels, vectors, cut);
    }
    // Evenly spread: the vectors come by time.
    let compared: Vec<usize> = (0..MOST_COMPARED)
        .map(|i| i * count / MOST_COMPARED)
        .collect();
    let values: Vec<f32> = compared
        .iter()
        .flat_map(|&index| vectors.get(index))
        .copied()
        .collect();
    let sample = Vectors {
        values: &values,
        ..vectors
    };
    let mut groups = group_all(kernels, sample, cut);
    for member in groups.iter_mut().flatten() {
        *member = compared[*member];
    }
    let rest = (0..count).filter(|index| compared.binary_search(index).is_err());
    join_rest(kernels, vectors, cut, &mut groups, rest);
    groups
}

fn group_all(kernels: Kernels, vectors: Vectors<'_>, cut: f32) -> Vec<Vec<usize>> {
    let joins = Similarities::of(kernels, vectors).joins();
    // Joined groups are never more alike to others than their parts: what a join builds on is there.
    let made = joins.iter().filter(|join| join.similarity >= cut);
    groups_after(vectors.len(), made.map(|join| join.pair))
}

/// The groups that joins make of single things.
fn groups_after(count: usize, pairs: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut parents: Vec<usize> = (0..count).collect();
    let root = |parents: &mut [usize], mut at: usize| {
        while parents[at] != at {
            parents[at] = parents[parents[at]];
            at = parents[at];
        }
        at
    };
    for (a, b) in pairs {
        let (a, b) = (root(&mut parents, a), root(&mut parents, b));
        // The smaller index is the root, so groups come by their first members.
        parents[a.max(b)] = a.min(b);
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut places = vec![0; count];
    for index in 0..count {
        let root = root(&mut parents, index);
        if root == index {
            places[index] = groups.len();
            groups.push(vec![index]);
        } else {
            groups[places[root]].push(index);
        }
    }
    groups
}

/// Each joins the group that it is most alike on average, or stays alone.
fn join_rest(
    kernels: Kernels,
    vectors: Vectors<'_>,
    cut: f32,
    groups: &mut Vec<Vec<usize>>,
    rest: impl Iterator<Item = usize>,
) {
    // What the groups are when the rest comes: the result does not depend on its order.
    let mut means = Vec::new();
    for members in groups.iter() {
        let count = members.len() as f32;
        means.extend(vectors.sum(members).iter().map(|sum| sum / count));
    }
    let known = groups.len();
    let mut similarities = vec![0.0; known];
    for index in rest {
        kernels.dots(vectors.get(index), &means, &mut similarities);
        let best = (0..known).max_by(|&a, &b| {
            // Of equal ones the first.
            similarities[a].total_cmp(&similarities[b]).then(b.cmp(&a))
        });
        match best.filter(|&best| similarities[best] >= cut) {
            Some(best) => groups[best].push(index),
            None => groups.push(vec![index]),
        }
    }
    for members in groups.iter_mut() {
        members.sort_unstable();
    }
    groups.sort_unstable_by_key(|members| members[0]);
}
