//! Why two pictures count as alike: the places whose patch features agree most.

use niteru_imaging::Picture;
use niteru_kernels::Kernels;
use serde::Serialize;

use crate::{Encoder, FeatureMap};

/// Neighbours of a pair of patches join its places while they agree at least so well, as a share of the
/// pair's own agreement.
const JOINS: f32 = 0.5;

/// Places after the first agree at least so well, as a share of its best pair's agreement: weaker ones are
/// edges and shadows.
const COUNTS: f32 = 0.4;

/// Patches agree at all from this share of a patch's mean square on: below lies rounding.
const AGREES: f32 = 0.01;

/// A rectangle of a picture, in fractions of its sides from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Place {
    /// Left edge, 0…1.
    pub x: f64,
    /// Upper edge, 0…1.
    pub y: f64,
    /// Width, up to 1 − x.
    pub w: f64,
    /// Height, up to 1 − y.
    pub h: f64,
}

/// Places of two pictures that look alike to the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AlikePlaces {
    /// In the first picture.
    pub query: Place,
    /// In the second.
    pub result: Place,
    /// Cosine of the mean patch features of the two places, −1…1.
    pub similarity: f32,
}

impl Encoder {
    /// The places of two pictures that make them alike, the strongest first, at most `count`.
    ///
    /// Patches are compared less the mean patch of both pictures, so that what all of both pictures is
    /// made of (a plain background) says nothing. Two patches are a pair when each is the other's best;
    /// neighbours that lie to each other as the pair does, or as in its mirror image where the framing
    /// takes both for the same, join it. Places do not overlap. Pictures that share nothing but their
    /// background have none.
    pub fn alike_places(
        &self,
        query: &Picture,
        result: &Picture,
        count: usize,
    ) -> Vec<AlikePlaces> {
        let sides = [query, result].map(|picture| Side {
            features: self.patch_features(picture),
            view: self.preprocess().seen(picture),
        });
        let mirrored = self.preprocess().framing().mirrors();
        Pairs::new(self.kernels(), &sides).places(&sides, mirrored, count)
    }
}

/// One of the two pictures.
struct Side {
    features: FeatureMap,
    /// What the network sees: left, top, width and height in fractions of the picture.
    view: [f64; 4],
}

impl Side {
    fn patches(&self) -> usize {
        self.features.rows * self.features.columns
    }

    fn patch(&self, patch: usize) -> &[f32] {
        &self.features.data[patch * self.features.dimensions..][..self.features.dimensions]
    }

    /// The part of the picture under some rows and columns of patches; `None` beyond its edges.
    fn place(&self, span: Span) -> Option<Place> {
        let [left, top, width, height] = self.view;
        let (columns, rows) = (self.features.columns as f64, self.features.rows as f64);
        let x = |column: usize| (left + width * column as f64 / columns).clamp(0.0, 1.0);
        let y = |row: usize| (top + height * row as f64 / rows).clamp(0.0, 1.0);
        let place = Place {
            x: x(span.left),
            y: y(span.top),
            w: x(span.right + 1) - x(span.left),
            h: y(span.bottom + 1) - y(span.top),
        };
        (place.w > 0.0 && place.h > 0.0).then_some(place)
    }
}

/// Rows and columns of patches, both ends included.
#[derive(Clone, Copy)]
struct Span {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Span {
    fn one(patch: usize, columns: usize) -> Span {
        let (x, y) = (patch % columns, patch / columns);
        Span {
            left: x,
            right: x,
            top: y,
            bottom: y,
        }
    }

    fn with(self, other: Span) -> Span {
        Span {
            left: self.left.min(other.left),
            right: self.right.max(other.right),
            top: self.top.min(other.top),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn meets(self, other: Span) -> bool {
        self.left <= other.right
            && other.left <= self.right
            && self.top <= other.bottom
            && other.top <= self.bottom
    }
}

/// Pairs of patches beside each other, and what they span in each picture.
struct Grown {
    pairs: Vec<[usize; 2]>,
    spans: [Span; 2],
}

/// How well each patch of the first picture agrees with each of the second.
struct Pairs {
    kernels: Kernels,
    /// `[patches of the first][patches of the second]`: products of the features less their mean.
    agreement: Vec<f32>,
    /// From so much on, a pair agrees.
    least: f32,
    columns: [usize; 2],
    patches: [usize; 2],
}

impl Pairs {
    fn new(kernels: Kernels, sides: &[Side; 2]) -> Pairs {
        let dimensions = sides[0].features.dimensions;
        let patches = [0, 1].map(|side| sides[side].patches());
        let mut mean = vec![0.0; dimensions];
        for side in sides {
            for patch in 0..side.patches() {
                let share = 0.5 / side.patches() as f32;
                let values = mean.iter_mut().zip(side.patch(patch));
                values.for_each(|(mean, value)| *mean += share * value);
            }
        }
        let centred = sides.each_ref().map(|side| {
            let less = |patch: usize| side.patch(patch).iter().zip(&mean).map(|(a, b)| a - b);
            (0..side.patches()).flat_map(less).collect::<Vec<f32>>()
        });
        let mut agreement = Vec::with_capacity(patches[0] * patches[1]);
        for a in centred[0].chunks(dimensions) {
            agreement.extend(centred[1].chunks(dimensions).map(|b| kernels.dot(a, b)));
        }
        let squares = |side: &Side| kernels.dot(&side.features.data, &side.features.data);
        let square = sides.iter().map(squares).sum::<f32>() / (patches[0] + patches[1]) as f32;
        Pairs {
            kernels,
            agreement,
            least: AGREES * square,
            columns: [0, 1].map(|side| sides[side].features.columns),
            patches,
        }
    }

    fn agreement(&self, [a, b]: [usize; 2]) -> f32 {
        self.agreement[a * self.patches[1] + b]
    }

    fn places(&self, sides: &[Side; 2], mirrored: bool, count: usize) -> Vec<AlikePlaces> {
        let mut taken: [Vec<Span>; 2] = [vec![], vec![]];
        let (mut places, mut strongest) = (Vec::new(), None);
        for pair in self.best_pairs() {
            let strongest = *strongest.get_or_insert(self.agreement(pair));
            if places.len() == count || self.agreement(pair) < COUNTS * strongest {
                break;
            }
            let free = |spans: [Span; 2]| {
                let is_free = |side: usize| !taken[side].iter().any(|span| span.meets(spans[side]));
                is_free(0) && is_free(1)
            };
            let start = self.spans(pair);
            if !free(start) {
                continue;
            }
            let mut grown = self.grown(pair, start, false, &free);
            if mirrored {
                let other = self.grown(pair, start, true, &free);
                if other.pairs.len() > grown.pairs.len() {
                    grown = other;
                }
            }
            let Grown {
                pairs,
                spans: [query, result],
            } = grown;
            taken[0].push(query);
            taken[1].push(result);
            if let (Some(query), Some(result)) = (sides[0].place(query), sides[1].place(result)) {
                places.push(AlikePlaces {
                    query,
                    result,
                    similarity: similarity(self.kernels, sides, &pairs),
                });
            }
        }
        places
    }

    /// Pairs of patches of which each is the other's best, and that agree at all: the best first.
    fn best_pairs(&self) -> Vec<[usize; 2]> {
        let best = |values: &mut dyn Iterator<Item = (usize, f32)>| {
            values
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map_or(0, |(at, _)| at)
        };
        let for_first: Vec<usize> = (0..self.patches[0])
            .map(|a| best(&mut (0..self.patches[1]).map(|b| (b, self.agreement([a, b])))))
            .collect();
        let for_second: Vec<usize> = (0..self.patches[1])
            .map(|b| best(&mut (0..self.patches[0]).map(|a| (a, self.agreement([a, b])))))
            .collect();
        let pairs = for_first.iter().enumerate().map(|(a, &b)| [a, b]);
        let mut pairs: Vec<_> = pairs
            .filter(|&[a, b]| for_second[b] == a && self.agreement([a, b]) > self.least)
            .collect();
        pairs.sort_by(|&a, &b| self.agreement(b).total_cmp(&self.agreement(a)));
        pairs
    }

    fn spans(&self, pair: [usize; 2]) -> [Span; 2] {
        [0, 1].map(|side| Span::one(pair[side], self.columns[side]))
    }

    /// A pair with the neighbours that join it, on both sides in the same direction, or left on one and
    /// right on the other. What they span stays free of earlier places.
    fn grown(
        &self,
        pair: [usize; 2],
        start: [Span; 2],
        mirrored: bool,
        free: &dyn Fn([Span; 2]) -> bool,
    ) -> Grown {
        let least = JOINS * self.agreement(pair);
        let (mut pairs, mut spans) = (vec![pair], start);
        let mut next = 0;
        while let Some(&from) = pairs.get(next) {
            next += 1;
            for (right, down) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
                let other = if mirrored { -right } else { right };
                let there = [
                    self.neighbour(0, from[0], (right, down)),
                    self.neighbour(1, from[1], (other, down)),
                ];
                let [Some(a), Some(b)] = there else { continue };
                let added = self.spans([a, b]);
                let wider = [0, 1].map(|side| spans[side].with(added[side]));
                if self.agreement([a, b]) >= least && !pairs.contains(&[a, b]) && free(wider) {
                    pairs.push([a, b]);
                    spans = wider;
                }
            }
        }
        Grown { pairs, spans }
    }

    fn neighbour(&self, side: usize, patch: usize, (right, down): (isize, isize)) -> Option<usize> {
        let columns = self.columns[side];
        let x = (patch % columns).checked_add_signed(right)?;
        let y = (patch / columns).checked_add_signed(down)?;
        let there = y * columns + x;
        (x < columns && there < self.patches[side]).then_some(there)
    }
}

/// Cosine of the means of both sides' patches; 0 where one has no direction.
fn similarity(kernels: Kernels, sides: &[Side; 2], pairs: &[[usize; 2]]) -> f32 {
    let direction = |side: usize| {
        let mut sum = vec![0.0; sides[side].features.dimensions];
        for pair in pairs {
            let values = sum.iter_mut().zip(sides[side].patch(pair[side]));
            values.for_each(|(sum, value)| *sum += value);
        }
        kernels.normalize(&mut sum).map(|_| sum)
    };
    match (direction(0), direction(1)) {
        (Some(a), Some(b)) => kernels.dot(&a, &b).clamp(-1.0, 1.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grid of 4 × 3 patches of background, with marked ones.
    fn side(view: [f64; 4], marked: &[(usize, [f32; 3])]) -> Side {
        let mut data = [1.0, 0.0, 0.0].repeat(12);
        for (patch, values) in marked {
            data[patch * 3..][..3].copy_from_slice(values);
        }
        Side {
            features: FeatureMap {
                rows: 3,
                columns: 4,
                dimensions: 3,
                data,
            },
            view,
        }
    }

    fn places(sides: &[Side; 2]) -> Vec<AlikePlaces> {
        Pairs::new(Kernels::detect(), sides).places(sides, false, 3)
    }

    const WHOLE: [f64; 4] = [0.0, 0.0, 1.0, 1.0];

    #[test]
    fn what_both_have_is_found_wherever_it_lies() {
        // A thing of two patches, upper left and lower right, and a thing that only one has.
        let (head, foot) = ([0.0, 3.0, 0.5], [0.0, 2.5, 0.0]);
        let sides = [
            side(WHOLE, &[(0, head), (4, foot), (3, [0.0, 0.0, 2.0])]),
            side(WHOLE, &[(7, head), (11, foot)]),
        ];
        let places = places(&sides);
        let (first, near) = (places[0], |a: f64, b: f64| (a - b).abs() < 1e-9);
        assert!(first.similarity > 0.99, "{first:?}");
        let Place { x, y, w, h } = first.query;
        assert!(
            near(x, 0.0) && near(y, 0.0) && near(w, 0.25) && near(h, 2.0 / 3.0),
            "{first:?}"
        );
        let Place { x, y, w, h } = first.result;
        assert!(
            near(x, 0.75) && near(y, 1.0 / 3.0) && near(w, 0.25) && near(h, 2.0 / 3.0),
            "{first:?}"
        );
    }

    #[test]
    fn a_view_beyond_the_edges_is_cut() {
        // The picture is as wide as the view and half as high.
        let view = [0.0, -0.5, 1.0, 2.0];
        let thing = [0.0, 3.0, 0.0];
        let sides = [side(view, &[(5, thing)]), side(WHOLE, &[(5, thing)])];
        let first = places(&sides)[0].query;
        assert!(first.y >= 0.0 && first.y + first.h <= 1.0, "{first:?}");
        // A thing in the padding is no place.
        let sides = [
            side([0.0, 1.5, 1.0, 1.0], &[(0, thing)]),
            side(WHOLE, &[(5, thing)]),
        ];
        assert_eq!(places(&sides), []);
    }

    #[test]
    fn a_mirror_image_is_followed_where_it_counts_as_alike() {
        let thing = |patches: [usize; 2]| {
            let [head, foot] = patches;
            side(WHOLE, &[(head, [0.0, 3.0, 0.5]), (foot, [0.0, 2.5, -0.5])])
        };
        let sides = [thing([0, 1]), thing([7, 6])];
        let width = |mirrored| {
            let pairs = Pairs::new(Kernels::detect(), &sides);
            pairs.places(&sides, mirrored, 3)[0].query.w
        };
        assert_eq!((width(false), width(true)), (0.25, 0.5));
    }

    #[test]
    fn nothing_in_common_but_the_background_is_nothing() {
        let sides = [side(WHOLE, &[]), side(WHOLE, &[])];
        assert_eq!(places(&sides), []);
    }
}
