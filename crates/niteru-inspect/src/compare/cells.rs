//! How far the network's features of two pictures differ, place by place.

use niteru_encoder::FeatureMap;

use super::plane::Plane;

/// Cells around a place in which the same feature may lie.
const REACH: usize = 1;

/// For each cell, the distance to the nearest of the other picture's cells around the same place, seen
/// from either picture; the larger counts, as a missing thing is seen from one side only.
pub(super) fn distances(a: &FeatureMap, b: &FeatureMap) -> Plane {
    let (rows, columns) = (a.rows.min(b.rows), a.columns.min(b.columns));
    let near = |at: usize, side: usize| at.saturating_sub(REACH)..(at + REACH + 1).min(side);
    let nearest = |own: &[f32], other: &FeatureMap, row: usize, column: usize| {
        let cells = near(row, rows).flat_map(|y| near(column, columns).map(move |x| (y, x)));
        let squares = cells.map(|(y, x)| square(own, cell(other, y, x)));
        squares.fold(f32::INFINITY, f32::min)
    };
    let distance = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        let there = nearest(cell(b, row, column), a, row, column);
        let back = nearest(cell(a, row, column), b, row, column);
        there.max(back).sqrt()
    };
    Plane {
        width: columns,
        height: rows,
        data: (0..rows * columns).map(distance).collect(),
    }
}

fn cell(map: &FeatureMap, row: usize, column: usize) -> &[f32] {
    &map.data[(row * map.columns + column) * map.dimensions..][..map.dimensions]
}

fn square(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
