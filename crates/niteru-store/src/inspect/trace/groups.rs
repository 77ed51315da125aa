//! Groups of vectors that resemble each other.
//!
//! Average linkage: the two groups whose members are most alike on average are joined, again and again.
//! Where to stop, if that is not said, the silhouettes decide (Rousseeuw, *J. Comput. Appl. Math.* 20,
//! 1987): how much more alike a vector is to its own group than to the nearest other one. They need no
//! scale, and features of one model may all be much more alike than those of another.

use niteru_kernels::Kernels;

use super::similarities::Similarities;

/// Most vectors that are compared pair by pair: their similarities take 50 MB. Of more, so many are, and
/// each other one joins the group that it is most alike on average.
const MOST_COMPARED: usize = 5000;

/// Most groups among which the silhouettes choose.
const MOST_CHOSEN: usize = 40;

/// Mean silhouette from which on there is structure; below it all is one group. Kaufman and Rousseeuw
/// (*Finding Groups in Data*, 1990) call structure above 0.5 reasonable, and say that it may be artificial
/// below: a few vectors that scatter by chance have 0.3.
const LEAST_SILHOUETTE: f64 = 0.5;

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

/// Vectors in groups.
pub(super) struct Grouping {
    /// Indices of the members, rising; groups by their first members.
    pub(super) groups: Vec<Vec<usize>>,
    /// Groups whose members are on average at least so alike were joined. 1 where there was nothing to
    /// join.
    pub(super) cut: f32,
}

/// Groups vectors: those on average at least `cut` alike, or as the silhouettes choose.
pub(super) fn group(kernels: Kernels, vectors: Vectors<'_>, cut: Option<f32>) -> Grouping {
    let count = vectors.len();
    let compared: Vec<usize> = match count <= MOST_COMPARED {
        true => (0..count).collect(),
        // Evenly spread: the vectors come by time.
        false => (0..MOST_COMPARED)
            .map(|i| i * count / MOST_COMPARED)
            .collect(),
    };
    let sample: Vec<f32> = compared
        .iter()
        .flat_map(|&index| vectors.get(index))
        .copied()
        .collect();
    let sample = Vectors {
        values: &sample,
        ..vectors
    };
    let mut found = group_all(kernels, sample, cut);
    for member in found.groups.iter_mut().flatten() {
        *member = compared[*member];
    }
    if compared.len() < count {
        let rest = (0..count).filter(|index| compared.binary_search(index).is_err());
        join_rest(kernels, vectors, &mut found, rest);
    }
    found
}

fn group_all(kernels: Kernels, vectors: Vectors<'_>, cut: Option<f32>) -> Grouping {
    let count = vectors.len();
    let mut joins = Similarities::of(kernels, vectors).joins();
    // The order in which they would be made one by one. Stable, so equal ones stay as they were found.
    joins.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    let after = |joined: usize| groups_after(count, joins[..joined].iter().map(|join| join.pair));
    if let Some(cut) = cut {
        let joined = joins.partition_point(|join| join.similarity >= cut);
        return Grouping {
            groups: after(joined),
            cut,
        };
    }
    let mut best = (LEAST_SILHOUETTE, joins.len());
    for wanted in 2..=MOST_CHOSEN.min(count.saturating_sub(1)) {
        let silhouette = silhouette(kernels, vectors, &after(count - wanted));
        if silhouette > best.0 {
            best = (silhouette, count - wanted);
        }
    }
    let joined = best.1;
    let last = joined.checked_sub(1).map_or(1.0, |at| joins[at].similarity);
    let next = joins.get(joined).map_or(last, |join| join.similarity);
    Grouping {
        groups: after(joined),
        cut: f32::midpoint(last, next),
    }
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

/// The mean silhouette, −1…1. Distances are 1 − similarity, so the mean one to a group comes from the
/// sum of its vectors. Who is alone has 0.
fn silhouette(kernels: Kernels, vectors: Vectors<'_>, groups: &[Vec<usize>]) -> f64 {
    let sums: Vec<f32> = groups
        .iter()
        .flat_map(|members| vectors.sum(members))
        .collect();
    let mut products = vec![0.0; groups.len()];
    let mut total = 0.0;
    for (own, members) in groups
        .iter()
        .enumerate()
        .filter(|(_, group)| group.len() > 1)
    {
        for &member in members {
            let vector = vectors.get(member);
            kernels.dots(vector, &sums, &mut products);
            let mut nearest = f64::INFINITY;
            for (other, product) in products.iter().enumerate().filter(|(at, _)| *at != own) {
                nearest = nearest.min(distance(*product, groups[other].len()));
            }
            let others = members.len() - 1;
            let inside = distance(products[own] - kernels.dot(vector, vector), others);
            let scale = inside.max(nearest);
            if scale > 1e-6 {
                total += (nearest - inside) / scale;
            }
        }
    }
    total / vectors.len() as f64
}

/// The mean distance to so many vectors, from the product with their sum.
fn distance(product: f32, count: usize) -> f64 {
    (1.0 - f64::from(product) / count as f64).max(0.0)
}

/// Each joins the group that it is most alike on average, or stays alone.
fn join_rest(
    kernels: Kernels,
    vectors: Vectors<'_>,
    found: &mut Grouping,
    rest: impl Iterator<Item = usize>,
) {
    // What the groups are when the rest comes: the result does not depend on its order.
    let mut means = Vec::new();
    for members in &found.groups {
        let count = members.len() as f32;
        means.extend(vectors.sum(members).iter().map(|sum| sum / count));
    }
    let known = found.groups.len();
    let mut similarities = vec![0.0; known];
    for index in rest {
        kernels.dots(vectors.get(index), &means, &mut similarities);
        let best = (0..known).max_by(|&a, &b| {
            // Of equal ones the first.
            similarities[a].total_cmp(&similarities[b]).then(b.cmp(&a))
        });
        match best.filter(|&best| similarities[best] >= found.cut) {
            Some(best) => found.groups[best].push(index),
            None => found.groups.push(vec![index]),
        }
    }
    for members in &mut found.groups {
        members.sort_unstable();
    }
    found.groups.sort_unstable_by_key(|members| members[0]);
}
