//! From many distances to one heat map.
//!
//! Each place's distance is divided by what is usual there: what the first picture taken again has, and
//! what most of this pair has, which knows the noise of the second picture. The pixels say where; the
//! network's features weigh that, as they tell things from grain.

use niteru_imaging::{HeatError, HeatMap, Mask};

use super::fit::median;
use super::plane::Plane;

/// Grey levels that always count as usual.
const LEAST_USUAL: f32 = 4.0;

/// Grey levels of most of a pair that count as usual at most: a picture of something else must not make
/// itself usual.
const MOST_COMMON: f32 = 4.0;

/// Pixels around a place whose largest distance is usual, and passes of smoothing after that.
const AROUND: usize = 2;
const SMOOTHED: usize = 8;

/// The same of the network's cells.
const AROUND_CELLS: usize = 1;

/// Of features, what always counts as usual and what most of a pair counts for at most, in what all
/// places have that are taken again (root mean square).
const LEAST_USUAL_CELLS: f32 = 0.5;
const MOST_COMMON_CELLS: f32 = 2.0;

/// Features weigh nothing at this distance, within these bounds beside it, and by this power.
const NEUTRAL: f32 = 0.8;
const WEIGHED: (f32, f32) = (0.4, 3.0);
const POWER: f32 = 0.3;

/// Heat beyond this says no more.
const MOST_HEAT: f32 = 1e6;

/// Distances of one kind.
pub(super) struct Distances {
    /// Of the two pictures.
    pair: Plane,
    /// Root mean square of those of the first picture taken again.
    again: Plane,
}

impl Distances {
    /// The pair's distances, followed by those of the pictures taken again.
    pub(super) fn of(all: Vec<Plane>) -> Distances {
        let mut all = all.into_iter();
        let pair = all.next().unwrap_or_else(|| Plane::of(1, 1, vec![0.0]));
        let takes = all.len().max(1) as f32;
        let mut sums = vec![0.0f32; pair.data.len()];
        for take in all {
            let pairs = sums.iter_mut().zip(&take.data);
            pairs.for_each(|(sum, distance)| *sum += distance * distance);
        }
        let root = |sum: &f32| (sum / takes).sqrt();
        Distances {
            again: Plane::of(pair.width, pair.height, sums.iter().map(root).collect()),
            pair,
        }
    }

    /// Root mean square over all places of the pictures taken again.
    fn overall(&self) -> f32 {
        let squares: f64 = self.again.data.iter().map(|&d| f64::from(d).powi(2)).sum();
        (squares / self.again.data.len() as f64).sqrt() as f32
    }

    /// What most of the pair has, of the places that count.
    fn common(&self, counts: &[bool]) -> f32 {
        let counted = self
            .pair
            .data
            .iter()
            .zip(counts)
            .filter(|(_, counts)| **counts);
        median(counted.map(|(&distance, _)| distance).collect()).unwrap_or(0.0)
    }

    /// The pair's distances in what is usual: that of the place, `least`, and what most have.
    fn in_usual(&self, usual: &Plane, least: f32, common: f32) -> Plane {
        let always = least * least + common * common;
        let share = |(&distance, &usual): (&f32, &f32)| {
            let usual = (usual * usual + always).sqrt();
            match usual > 0.0 {
                true => distance / usual,
                // Features of a picture that nothing changes: it is the same, or has nothing in common.
                false => MOST_HEAT * f32::from(u8::from(distance > 0.0)),
            }
        };
        let data = self.pair.data.iter().zip(&usual.data).map(share).collect();
        Plane::of(self.pair.width, self.pair.height, data)
    }
}

/// The heat map: 1 is what is usual. 0 for pixels that do not count.
pub(super) fn fused(
    pixels: &Distances,
    cells: &[Distances],
    counts: &Mask,
) -> Result<HeatMap, HeatError> {
    let (width, height) = (counts.width(), counts.height());
    let usual = pixels.again.widened(AROUND).smoothed(SMOOTHED);
    let common = pixels.common(counts.cells()).min(MOST_COMMON);
    let mut heat = pixels.in_usual(&usual, LEAST_USUAL, common).data;
    let mut squares = vec![0.0f32; heat.len()];
    for kind in cells {
        let overall = kind.overall();
        let (columns, rows) = (kind.pair.width as u32, kind.pair.height as u32);
        let counting = counts.for_size(columns, rows);
        let common = kind
            .common(counting.cells())
            .min(MOST_COMMON_CELLS * overall);
        let usual = kind.again.widened(AROUND_CELLS);
        let z = kind.in_usual(&usual, LEAST_USUAL_CELLS * overall, common);
        let map = HeatMap::new(columns, rows, z.data)?.resized(width, height);
        let share = 1.0 / cells.len() as f32;
        let pairs = squares.iter_mut().zip(map.data());
        pairs.for_each(|(square, z)| *square += share * z * z);
    }
    for ((heat, square), &counts) in heat.iter_mut().zip(&squares).zip(counts.cells()) {
        let weight = (square.sqrt() / NEUTRAL).clamp(WEIGHED.0, WEIGHED.1);
        *heat = match counts {
            true => (*heat * weight.powf(POWER)).min(MOST_HEAT),
            false => 0.0,
        };
    }
    HeatMap::new(width, height, heat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(value: f32, special: &[(usize, f32)]) -> Plane {
        let mut data = vec![value; 40 * 30];
        special.iter().for_each(|&(at, value)| data[at] = value);
        Plane::of(40, 30, data)
    }

    fn all() -> Mask {
        Mask::new(40, 30, vec![true; 40 * 30]).unwrap()
    }

    fn cells(pair: f32) -> Distances {
        let plane = |value: f32| Plane::of(4, 3, vec![value; 12]);
        Distances::of(vec![plane(pair), plane(1.0)])
    }

    #[test]
    fn heat_is_in_what_is_usual() {
        let at = 15 * 40 + 20;
        let pixels = |usual: f32| Distances::of(vec![plane(0.0, &[(at, 20.0)]), plane(usual, &[])]);
        let neutral = cells(1.0);
        let heat = |usual: f32, cells: &[Distances], counts: &Mask| {
            fused(&pixels(usual), cells, counts).unwrap().into_data()[at]
        };
        // The square root of 3 and 4 squared is 5.
        let plain = heat(3.0, std::slice::from_ref(&neutral), &all());
        assert!((3.0..=4.5).contains(&plain), "{plain}");
        assert!(heat(12.0, std::slice::from_ref(&neutral), &all()) < 0.6 * plain);
        // Features say more, or less, but never nothing.
        let more = heat(3.0, &[cells(9.0)], &all());
        let less = heat(3.0, &[cells(0.0)], &all());
        assert!(
            less < plain && plain < more && more < 2.0 * less,
            "{less} {plain} {more}"
        );
        let mut counts = all().cells().to_vec();
        counts[at] = false;
        assert_eq!(
            heat(3.0, &[neutral], &Mask::new(40, 30, counts).unwrap()),
            0.0
        );
    }

    #[test]
    fn what_most_of_a_pair_has_is_usual_but_not_without_end() {
        let most = |value: f32| {
            let pixels = Distances::of(vec![plane(value, &[]), plane(0.0, &[])]);
            fused(&pixels, &[], &all()).unwrap().into_data()[0]
        };
        assert!(most(3.0) < 1.0, "{}", most(3.0));
        assert!(most(60.0) > 6.0, "{}", most(60.0));
        assert_eq!(most(0.0), 0.0);
    }
}
