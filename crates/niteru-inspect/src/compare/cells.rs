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

#[cfg(test)]
mod tests {
    use super::*;

    /// One number a cell.
    fn map(rows: usize, columns: usize, special: &[(usize, f32)]) -> FeatureMap {
        let mut data = vec![0.0; rows * columns];
        special.iter().for_each(|&(at, value)| data[at] = value);
        FeatureMap {
            rows,
            columns,
            dimensions: 1,
            data,
        }
    }

    #[test]
    fn what_is_missing_is_seen_from_either_side_and_near_is_the_same() {
        let (ground, thing) = (map(4, 5, &[]), map(4, 5, &[(7, 3.0)]));
        let near = map(4, 5, &[(13, 3.0)]);
        let far = map(4, 5, &[(9, 3.0)]);
        for (a, b, told) in [
            (&ground, &thing, vec![7]),
            (&thing, &ground, vec![7]),
            (&thing, &near, vec![]),
            (&thing, &far, vec![7, 9]),
        ] {
            let got = distances(a, b);
            assert_eq!((got.width, got.height), (5, 4));
            let expected: Vec<f32> = (0..20)
                .map(|at| if told.contains(&at) { 3.0 } else { 0.0 })
                .collect();
            assert_eq!(got.data, expected);
        }
    }
}
