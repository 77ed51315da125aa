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

/// Of a region, so many cells that differ most tell how; of these the two whose looks differ most: a defect may be no
/// larger than a cell.
const TELLING: usize = 4;
const MOST_DIFFERENT: usize = 2;

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
    /// of what is unusual there would be good in another place. `None` where neither is so: the network sees
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
    /// Of colour, texture and shape: of what [`Cells::Most`] tells of windows of good pictures; of stored inspectors
    /// of older formats, of single cells.
    groups: Vec<Spread>,
    /// Of distances to good patches of the same place, likewise.
    position: Option<Spread>,
}

/// What of a place's cells is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cells {
    /// The mean of all that tell, in what single cells of good pictures have: up to format 3.
    All,
    /// The mean of the two that differ most, in what good pictures have there.
    Most,
}

impl Cells {
    /// Of values of cells that tell.
    fn of(self, mut values: Vec<f64>) -> f64 {
        if self == Cells::Most {
            values.sort_by(|a, b| b.total_cmp(a));
            values.truncate(MOST_DIFFERENT);
        }
        values.iter().sum::<f64>() / values.len().max(1) as f64
    }
}

/// The cells that tell: the farthest.
fn telling(mut cells: Vec<(f32, Beside)>) -> Vec<Beside> {
    cells.sort_by(|a, b| b.0.total_cmp(&a.0));
    cells.truncate(TELLING);
    cells.into_iter().map(|(_, cell)| cell).collect()
}

impl Differences {
    /// From windows of good pictures: cells with their distances, beside patches of others.
    pub(crate) fn of(windows: &[Vec<(f32, Beside)>]) -> Option<Differences> {
        let cells = || windows.iter().flatten().map(|(_, cell)| cell);
        cells().next()?;
        let scale = |at: usize| {
            let least = match GROUPS[0].contains(&at) {
                true => LEAST_COLOUR,
                false => LEAST_LOGARITHM,
            };
            let differences = cells().flat_map(|cell| {
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
        let windows: Vec<Vec<Beside>> = windows
            .iter()
            .filter(|window| !window.is_empty())
            .map(|window| telling(window.clone()))
            .collect();
        found.groups = (0..GROUPS.len())
            .map(|group| {
                let lengths = windows
                    .iter()
                    .map(|cells| found.lengths(cells, group, Cells::Most));
                Spread::of(&lengths.collect::<Vec<f64>>())
            })
            .collect();
        let near = windows.iter().filter_map(|cells| {
            let near = cells.iter().map(|cell| Some(f64::from(cell.place?.0)));
            Some(Cells::Most.of(near.collect::<Option<Vec<f64>>>()?))
        });
        let near: Vec<f64> = near.collect();
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

    /// The same of some cells.
    fn lengths(&self, cells: &[Beside], group: usize, told: Cells) -> f64 {
        told.of(cells.iter().map(|cell| self.length(cell, group)).collect())
    }

    /// How a place of some cells differs; each with its distance, of which the farthest tell. `None` without
    /// cells.
    pub(crate) fn tell(&self, cells: Vec<(f32, Beside)>, told: Cells) -> Option<Difference> {
        let cells = telling(cells);
        if cells.is_empty() {
            return None;
        }
        let group = |at: usize| {
            let z = self.groups[at].z(self.lengths(&cells, at, told));
            z.clamp(-MOST, MOST)
        };
        // Of the same cells: those that are farthest from their place come first.
        let placed: Option<Vec<(f32, f32)>> = cells.iter().map(|cell| cell.place).collect();
        let position = self.position.as_ref().zip(placed);
        // What is as far from all good patches is not in the wrong place: it is wrong.
        let far = position.map(|(spread, mut placed)| {
            if told == Cells::Most {
                placed.truncate(MOST_DIFFERENT);
            }
            let mean = |value: &dyn Fn(&(f32, f32)) -> f32| {
                let sum: f64 = placed.iter().map(|place| f64::from(value(place))).sum();
                spread.z(sum / placed.len() as f64).clamp(-MOST, MOST)
            };
            (
                mean(&|(near, _)| *near),
                mean(&|(near, anywhere)| anywhere.min(*near)),
            )
        });
        let mut found = Difference {
            colour: group(0),
            texture: group(1),
            shape: group(2),
            position: far.map(|(far, elsewhere)| far - elsewhere),
            most: None,
        };
        // Most of what is unusual would not be elsewhere: the looks there are then those of good parts.
        let elsewhere = far.is_some_and(|(far, elsewhere)| elsewhere < far / 2.0);
        let of_place = |group: Group| group == Group::Position;
        let unusual = found.groups().filter(|(group, value)| {
            // What is unusual anywhere is told by how it looks.
            *value >= UNUSUAL && (elsewhere || !of_place(*group))
        });
        let most = unusual.max_by(|a, b| {
            let first = of_place(a.0).cmp(&of_place(b.0));
            first.then(a.1.total_cmp(&b.1))
        });
        found.most = most.map(|(group, _)| group);
        Some(found)
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
        let good: Vec<Vec<(f32, Beside)>> = (0..99)
            .map(|at| vec![(1.0, cell(usual(at), near(at)))])
            .collect();
        let differences = Differences::of(&good).unwrap();
        let told = |cell: Beside| differences.tell(vec![(1.0, cell); 4], Cells::Most).unwrap();
        // colour, distances to the same place and to any, what it differs in most
        let table = [
            (3.0, (12.0, 9.0), None),
            (200.0, (12.0, 9.0), Some(Group::Colour)),
            (3.0, (90.0, 9.0), Some(Group::Position)),
            // What is in the wrong place may look somewhat unusual, too.
            (60.0, (90.0, 9.0), Some(Group::Position)),
            // What is as far from all good patches is not in the wrong place.
            (3.0, (90.0, 90.0), None),
            (3.0, (190.0, 120.0), None),
            (60.0, (190.0, 120.0), Some(Group::Colour)),
        ];
        for (colour, place, most) in table {
            let found = told(cell(colour, Some(place)));
            assert_eq!(found.most, most, "{colour} {place:?}: {found:?}");
            let looks = [found.colour, found.texture, found.shape];
            let looks = looks.into_iter().any(|value| value >= UNUSUAL);
            let placed = most == Some(Group::Position);
            assert_eq!(looks || placed, most.is_some(), "{found:?}");
        }
    }
}
