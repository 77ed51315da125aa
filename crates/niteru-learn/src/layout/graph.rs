//! From each point's nearest neighbours to a graph whose edges weigh how near they are.

/// Halvings that a point's scale is found with.
const HALVINGS: usize = 64;

/// The least scale, as a part of the mean distance: points with neighbours that are all as far weigh them
/// evenly.
const LEAST_SCALE: f64 = 1e-3;

/// For each point the most similar others, in any order.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// Where each point's list ends.
    ends: Vec<usize>,
    points: Vec<u32>,
    distances: Vec<f32>,
}

impl Neighbours {
    /// No points yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the list of the next point: other points by their numbers from 0 on, with their distances, 0
    /// and above. The point itself, numbers that are no point's, and distances that are NaN count nothing.
    pub fn push(&mut self, list: impl IntoIterator<Item = (u32, f32)>) {
        for (point, distance) in list {
            if !distance.is_nan() {
                self.points.push(point);
                self.distances.push(distance.clamp(0.0, f32::MAX));
            }
        }
        self.ends.push(self.points.len());
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The list of a point.
    fn of(&self, point: usize) -> impl Iterator<Item = (u32, f32)> + Clone {
        let start = point.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[point];
        let points = self.points[range.clone()].iter().copied();
        let distances = self.distances[range].iter().copied();
        let count = self.len();
        let others =
            move |(other, _): &(u32, f32)| *other as usize != point && (*other as usize) < count;
        points.zip(distances).filter(others)
    }
}

/// Edges in both directions, each point's together.
pub(super) struct Graph {
    ends: Vec<usize>,
    points: Vec<u32>,
    /// How often an edge pulls, of all steps: 0…1, and 1 for the heaviest.
    shares: Vec<f32>,
}

impl Graph {
    /// Edges that would pull in none of so many steps are left out.
    pub(super) fn new(neighbours: &Neighbours, steps: usize) -> Self {
        let mut edges = directed(neighbours);
        edges.sort_unstable_by_key(|edge| (edge.0, edge.1));
        let union = |a: f32, b: f32| a + b - a * b;
        edges.dedup_by(|later, first| {
            let same = (later.0, later.1) == (first.0, first.1);
            if same {
                first.2 = union(first.2, later.2);
            }
            same
        });
        let heaviest = edges
            .iter()
            .map(|edge| edge.2)
            .fold(f32::MIN_POSITIVE, f32::max);
        edges.retain(|edge| edge.2 * steps as f32 >= heaviest);
        Self::of_edges(neighbours.len(), &edges, heaviest)
    }

    fn of_edges(points: usize, edges: &[(u32, u32, f32)], heaviest: f32) -> Self {
        // Counts, then where each point's edges begin, which move to where they end.
        let mut ends = vec![0usize; points];
        for &(a, b, _) in edges {
            ends[a as usize] += 1;
            ends[b as usize] += 1;
        }
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        let mut graph = Self {
            points: vec![0; before],
            shares: vec![0.0; before],
            ends,
        };
        for &(a, b, weight) in edges {
            for (from, to) in [(a, b), (b, a)] {
                let at = &mut graph.ends[from as usize];
                graph.points[*at] = to;
                graph.shares[*at] = weight / heaviest;
                *at += 1;
            }
        }
        graph
    }

    /// The edges of a point: to where, and how often they pull.
    pub(super) fn of(&self, point: usize) -> impl Iterator<Item = (usize, f32)> {
        let start = point.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[point];
        let points = self.points[range.clone()]
            .iter()
            .map(|&point| point as usize);
        points.zip(self.shares[range].iter().copied())
    }
}

/// How much each point counts its neighbours among those near it, with the smaller number first.
///
/// The nearest neighbour (that is no duplicate) counts in full, and the others fall off at a scale at which
/// all together count as log₂ of their number and one: so points in thin places have neighbours, too.
fn directed(neighbours: &Neighbours) -> Vec<(u32, u32, f32)> {
    let mut edges = Vec::with_capacity(neighbours.points.len());
    let mut distances = Vec::new();
    for point in 0..neighbours.len() {
        let list = neighbours.of(point);
        distances.clear();
        distances.extend(list.clone().map(|(_, distance)| f64::from(distance)));
        let above = distances.iter().copied().filter(|distance| *distance > 0.0);
        let nearest = above.fold(f64::INFINITY, f64::min);
        let beyond = |distance: f64| match nearest.is_finite() {
            true => (distance - nearest).max(0.0),
            false => 0.0,
        };
        let scale = scale(&distances, beyond);
        for (other, distance) in list {
            let weight = (-beyond(f64::from(distance)) / scale).exp() as f32;
            let (a, b) = (point as u32, other);
            edges.push((a.min(b), a.max(b), weight));
        }
    }
    edges
}

/// The scale at which the weights sum up to log₂(n + 1), by halving; above 0.
fn scale(distances: &[f64], beyond: impl Fn(f64) -> f64) -> f64 {
    let count = distances.len() as f64;
    let mean = distances
        .iter()
        .map(|distance| distance / count)
        .sum::<f64>();
    let wanted = (count + 1.0).log2();
    let (mut low, mut high, mut scale) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..HALVINGS {
        let weights = distances
            .iter()
            .map(|&distance| (-beyond(distance) / scale).exp());
        match weights.sum::<f64>() > wanted {
            true => high = scale,
            false => low = scale,
        }
        scale = match high.is_finite() {
            true => f64::midpoint(low, high),
            false => scale * 2.0,
        };
    }
    scale.max(LEAST_SCALE * mean).max(f64::MIN_POSITIVE)
}
