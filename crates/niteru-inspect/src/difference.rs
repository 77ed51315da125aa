//! How a place differs from the good ones: by its colour, its texture, its shape, or by where it lies.
//!
//! Each cell is compared with the good patch that its features are nearest to: what that patch looks like
//! is known. Differences of the two looks are measured in those between good pictures and their nearest
//! good patches. A thing that would be good elsewhere differs by its position: its features are far from all good
//! ones of the same place, and near to some of another.

use niteru_learn::Spread;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::looks::{GROUPS, LOOKS, Look};

/// Of a region, so many cells that differ most tell how.
const TELLING: usize = 4;

/// Differences of good looks are at least so large: a level of colour, a hundredth of a logarithm.
const LEAST_COLOUR: f32 = 1.0;
const LEAST_LOGARITHM: f32 = 0.05;

/// Robust standard deviations of good places from which on a place is not as in good pictures, for whoever shows a
/// [`Difference`].
pub const UNUSUAL: f64 = 3.0;

/// Robust standard deviations beyond this say no more.
const MOST: f64 = 1e6;

/// What a place differs in most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DifferenceGroup)]
pub enum Group {
    /// Lighter, darker, or of another colour.
    Colour,
    /// Rougher, smoother, of another weave.
    Texture,
    /// Edges that are not there in good parts, or that are missing.
    Shape,
    /// Something good in a place where it is not.
    Position,
}

/// How a place differs from the good ones, by groups of what is seen: each in robust standard deviations of
/// the differences between good pictures, finite. A good place has about 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// Of brightness and colour.
    pub colour: f64,
    /// Of fine texture.
    pub texture: f64,
    /// Of edges.
    pub shape: f64,
    /// Of where it lies; `None` where good pictures are of several shapes or few, so that places are
    /// not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<f64>,
    /// What it differs in most: the largest that is [`UNUSUAL`], or the position where that is and more than half
    /// of what is unusual there would be good in another place. `None` where all are as usual: the network sees
    /// what colour, texture and edges do not tell.
    pub most: Option<Group>,
}

impl Difference {
    /// The groups, each with its difference.
    pub fn groups(&self) -> impl Iterator<Item = (Group, f64)> {
        let seen = [
            (Group::Colour, Some(self.colour)),
            (Group::Texture, Some(self.texture)),
            (Group::Shape, Some(self.shape)),
            (Group::Position, self.position),
        ];
        seen.into_iter()
            .filter_map(|(group, value)| Some((group, value?)))
    }
}

/// A cell beside the good patch that is nearest to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Beside {
    pub(crate) look: Look,
    pub(crate) good: Look,
    /// Distances to the nearest good patch of the same place, and of any place; `None` where places are
    /// not known.
    pub(crate) place: Option<(f32, f32)>,
}

/// How differences between good pictures are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Differences {
    /// Usual differences of each number of a look, above 0.
    scales: Vec<f32>,
    /// Of colour, texture and shape.
    groups: Vec<Spread>,
    /// Of distances to good patches of the same place.
    position: Option<Spread>,
}

impl Differences {
    /// From cells of good pictures beside patches of others.
    pub(crate) fn of(cells: &[Beside]) -> Option<Differences> {
        if cells.is_empty() {
            return None;
        }
        let scale = |at: usize| {
            let least = match GROUPS[0].contains(&at) {
                true => LEAST_COLOUR,
                false => LEAST_LOGARITHM,
            };
            let differences = cells.iter().flat_map(|cell| {
                let difference = f64::from(cell.look[at] - cell.good[at]);
                [difference, -difference]
            });
            (Spread::of(&differences.collect::<Vec<f64>>()).scale() as f32).max(least)
        };
        let mut found = Differences {
            scales: (0..LOOKS).map(scale).collect(),
            groups: Vec::new(),
            position: None,
        };
        found.groups = (0..GROUPS.len())
            .map(|group| {
                let lengths = cells.iter().map(|cell| found.length(cell, group));
                Spread::of(&lengths.collect::<Vec<f64>>())
            })
            .collect();
        let near = cells.iter().filter_map(|cell| cell.place);
        let near: Vec<f64> = near.map(|(near, _)| f64::from(near)).collect();
        found.position = (!near.is_empty()).then(|| Spread::of(&near));
        Some(found)
    }

    pub(crate) fn is_sound(&self) -> bool {
        let positive = |scale: &f32| scale.is_finite() && *scale > 0.0;
        self.scales.len() == LOOKS
            && self.scales.iter().all(positive)
            && self.groups.len() == GROUPS.len()
    }

    /// Root mean square of a group's differences, in usual ones.
    fn length(&self, cell: &Beside, group: usize) -> f64 {
        let range = GROUPS[group].clone();
        let count = range.len() as f64;
        let square = |at: usize| {
            let difference = (cell.look[at] - cell.good[at]) / self.scales[at];
            f64::from(difference * difference)
        };
        (range.map(square).sum::<f64>() / count).sqrt()
    }

    /// How a place of some cells differs; each with its distance, of which the farthest tell. `None` without
    /// cells.
    pub(crate) fn tell(&self, mut cells: Vec<(f32, Beside)>) -> Option<Difference> {
        cells.sort_by(|a, b| b.0.total_cmp(&a.0));
        cells.truncate(TELLING);
        let mean = |value: &dyn Fn(&Beside) -> f64| {
            let sum: f64 = cells.iter().map(|(_, cell)| value(cell)).sum();
            (sum / cells.len() as f64).clamp(-MOST, MOST)
        };
        if cells.is_empty() {
            return None;
        }
        let group = |at: usize| mean(&|cell| self.groups[at].z(self.length(cell, at)));
        let placed = cells.iter().all(|(_, cell)| cell.place.is_some());
        let position = self.position.as_ref().filter(|_| placed);
        // What is as far from all good patches is not in the wrong place: it is wrong.
        let far = position.map(|spread| {
            let far = mean(&|cell| spread.z(f64::from(cell.place.unwrap_or_default().0)));
            let elsewhere = mean(&|cell| {
                let (near, anywhere) = cell.place.unwrap_or_default();
                spread.z(f64::from(anywhere.min(near)))
            });
            (far, elsewhere)
        });
        let mut told = Difference {
            colour: group(0),
            texture: group(1),
            shape: group(2),
            position: far.map(|(far, elsewhere)| far - elsewhere),
            most: None,
        };
        // Most of what is unusual would not be elsewhere: the looks there are then those of good parts.
        let elsewhere = far.is_some_and(|(far, elsewhere)| elsewhere < far / 2.0);
        let unusual = told.groups().filter(|(_, value)| *value >= UNUSUAL);
        let most = unusual.max_by(|a, b| {
            let placed = |group: Group| elsewhere && group == Group::Position;
            let (first, second) = (placed(a.0), placed(b.0));
            first.cmp(&second).then(a.1.total_cmp(&b.1))
        });
        told.most = most.map(|(group, _)| group);
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside a good patch that is all 0.
    fn cell(colour: f32, place: Option<(f32, f32)>) -> Beside {
        let mut look = [0.0; LOOKS];
        look[0] = colour;
        Beside {
            look,
            good: [0.0; LOOKS],
            place,
        }
    }

    #[test]
    fn what_is_as_usual_differs_mostly_in_nothing() {
        let usual = |at: u32| (at % 11) as f32 - 5.0;
        let near = |at: u32| Some((10.0 + (at % 7) as f32, 9.0));
        let good: Vec<Beside> = (0..99).map(|at| cell(usual(at), near(at))).collect();
        let differences = Differences::of(&good).unwrap();
        let told = |cell: Beside| differences.tell(vec![(1.0, cell); 4]).unwrap();
        // colour, distances to the same place and to any, what it differs in most
        let table = [
            (3.0, (12.0, 9.0), None),
            (200.0, (12.0, 9.0), Some(Group::Colour)),
            (3.0, (90.0, 9.0), Some(Group::Position)),
            // What is in the wrong place may look somewhat unusual, too.
            (60.0, (90.0, 9.0), Some(Group::Position)),
            // What is as far from all good patches is not in the wrong place.
            (3.0, (90.0, 90.0), None),
        ];
        for (colour, place, most) in table {
            let found = told(cell(colour, Some(place)));
            assert_eq!(found.most, most, "{colour} {place:?}: {found:?}");
            let largest = found.groups().map(|(_, value)| value);
            let largest = largest.fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(largest >= UNUSUAL, most.is_some(), "{found:?}");
        }
    }
}
