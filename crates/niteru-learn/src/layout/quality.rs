//! How well a layout keeps neighbours.

use niteru_kernels::Kernels;
use rayon::prelude::*;

/// How well neighbours are kept; 1 for a layout that keeps all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayoutQuality {
    /// Trustworthiness (Venna, Kaski, 2001): less the more those that the layout shows as neighbours
    /// are far away. About 0.5 by chance.
    pub trustworthiness: f64,
    /// Share of the nearest neighbours that are so in the layout, too.
    pub kept: f64,
}

/// The quality of a layout of rows, `[n, dimensions]`, by squared distances of the rows, among `k` nearest
/// neighbours. All pairs are compared: for some thousand points. 1 where there are not more than 2k.
///
/// # Panics
/// If there are not as many places as rows.
pub fn layout_quality(
    kernels: Kernels,
    rows: &[f32],
    dimensions: usize,
    places: &[[f32; 2]],
    k: usize,
) -> LayoutQuality {
    assert_eq!(
        rows.len(),
        places.len() * dimensions,
        "a place for each row"
    );
    let count = places.len();
    if count <= 2 * k || k == 0 {
        return LayoutQuality {
            trustworthiness: 1.0,
            kept: 1.0,
        };
    }
    let squares: Vec<f32> = rows
        .chunks_exact(dimensions)
        .map(|row| kernels.dot(row, row))
        .collect();
    let of_point = |point: usize| {
        let row = &rows[point * dimensions..][..dimensions];
        let mut dots = vec![0.0; count];
        kernels.dots(row, rows, &mut dots);
        let far = order(count, point, |other| squares[other] - 2.0 * dots[other]);
        let mut rank = vec![0usize; count];
        for (at, &other) in far.iter().enumerate() {
            rank[other] = at + 1;
        }
        let shown = order(count, point, |other| {
            (0..2)
                .map(|axis| (places[point][axis] - places[other][axis]).powi(2))
                .sum()
        });
        let ranks = shown.iter().take(k).map(|&other| rank[other]);
        let too_far: usize = ranks.clone().map(|rank| rank.saturating_sub(k)).sum();
        (too_far, ranks.filter(|&rank| rank <= k).count())
    };
    let sums = (0..count).into_par_iter().map(of_point);
    let (too_far, kept) = sums.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let worst = (count * k * (2 * count - 3 * k - 1)) as f64;
    LayoutQuality {
        trustworthiness: 1.0 - 2.0 * too_far as f64 / worst,
        kept: kept as f64 / (count * k) as f64,
    }
}

/// All others, the nearest first.
fn order(count: usize, point: usize, distance: impl Fn(usize) -> f32) -> Vec<usize> {
    let others = (0..count).filter(|&other| other != point);
    let mut others: Vec<(f32, usize)> = others.map(|other| (distance(other), other)).collect();
    others.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    others.into_iter().map(|(_, other)| other).collect()
}
