//! How a picture lies relative to another one of the same thing.

mod apply;
mod coarse;
mod fine;
mod plane;

use serde::{Deserialize, Serialize};

use crate::Picture;
use fine::Motion;
use plane::{Pair, Sizes};

/// Longer sides, in pixels, of the small pictures that are compared. All motions are tried on the
/// first; the best of them are refined on the second, and the best of these on the others.
const TRIED_ON: f64 = 64.0;
const CHOSEN_ON: f64 = 96.0;
const REFINED_ON: [f64; 2] = [160.0, 320.0];

/// Steps of refinement on the picture of [`CHOSEN_ON`], and on the others.
const CHOOSING_STEPS: usize = 20;
const REFINING_STEPS: usize = 5;

/// A shorter side of fewer pixels, in the largest picture that is compared, is no picture to align.
const LEAST_SIDE: usize = 16;

/// Standard deviation in grey levels that a picture with structure has.
const LEAST_CONTRAST: f64 = 1.5;

/// A correlation below this is found between any two pictures.
const LEAST_CORRELATION: f64 = 0.5;

/// Of what is missing to a correlation of 1, a motion leaves at most this share.
const MOST_LEFT: f64 = 0.9;

/// Another motion that correlates by this share of the best one makes it doubtful.
const RIVAL: f64 = 0.9;

/// Pixels, of the picture of [`CHOSEN_ON`], between a motion and another one.
const APART: f64 = 2.5;

/// A motion by fewer pixels, in the largest picture that is compared, is none.
const STILL: f64 = 0.5;

/// How far [`align`] searches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignOptions {
    /// Largest shift as a share of the shorter side, held within 0…0.5.
    pub max_shift: f64,
    /// Largest rotation in degrees either way, held within 0…180.
    pub max_rotation: f64,
}

impl Default for AlignOptions {
    /// 0.15 of the shorter side and 15 degrees.
    fn default() -> AlignOptions {
        AlignOptions {
            max_shift: 0.15,
            max_rotation: 15.0,
        }
    }
}

impl AlignOptions {
    /// Numbers that can be searched; what is no number counts as 0.
    fn held(self) -> AlignOptions {
        let hold = |value: f64, most: f64| if value > 0.0 { value.min(most) } else { 0.0 };
        AlignOptions {
            max_shift: hold(self.max_shift, 0.5),
            max_rotation: hold(self.max_rotation, 180.0),
        }
    }
}

/// How the moving picture's content lies relative to the reference's: turned around the picture's
/// centre, then shifted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// Shift to the right, in pixels of the moving picture.
    pub dx: f64,
    /// Shift down, in pixels of the moving picture.
    pub dy: f64,
    /// Degrees, counter-clockwise.
    pub rotation: f64,
    /// Correlation of the brightness on what both show, once aligned, 0…1. Slow changes of the
    /// brightness across the picture, as lamps make them, are taken out before.
    pub correlation: f64,
    /// Whether to believe it. If not, the picture is to be used as it lies.
    pub certain: bool,
}

impl Alignment {
    /// Of pictures of which nothing is known.
    const UNKNOWN: Alignment = Alignment {
        dx: 0.0,
        dy: 0.0,
        rotation: 0.0,
        correlation: 0.0,
        certain: false,
    };
}

/// Finds the shift and rotation of `moving` relative to `reference`. The two may differ in size: the
/// shorter sides are taken to show the same length.
///
/// On pictures of 64 pixels all shifts and rotations are tried by the normalised correlation of their
/// gradients. The best are refined to parts of a pixel on up to 320 pixels, by the enhanced
/// correlation coefficient (G. Evangelidis, E. Psarakis, "Parametric Image Alignment Using Enhanced
/// Correlation Coefficient Maximization", 2008), which does not see brightness and contrast.
///
/// The result is not certain where a picture has no structure or hardly any pixels, where the sides'
/// ratios are more than a quarter apart, where the correlation is below 0.5 or not clearly better than
/// as the pictures lie, where another motion does nearly as well (a round thing, a regular pattern),
/// or where the motion is larger than `options` allow.
pub fn align(reference: &Picture, moving: &Picture, options: AlignOptions) -> Alignment {
    let Some(sizes) = Sizes::new(reference, moving, REFINED_ON[1]) else {
        return Alignment::UNKNOWN;
    };
    let options = options.held();
    let reference = reference.resize(
        sizes.reference.0,
        sizes.reference.1,
        crate::Filter::Bilinear,
    );
    let moving_small = moving.resize(sizes.moving.0, sizes.moving.1, crate::Filter::Bilinear);
    let pair = |side: f64| Pair::new(&reference, &moving_small, side);

    let tried = pair(TRIED_ON);
    let starts = coarse::search(&tried, &options);
    let chosen_on = pair(CHOSEN_ON);
    let Some((motion, rivalled)) = choose(&tried, &chosen_on, &starts) else {
        return Alignment::UNKNOWN;
    };
    let (mut motion, mut level) = (motion, chosen_on);
    for side in REFINED_ON {
        let finer = pair(side);
        motion = fine::refine(&finer, motion.scaled(finer.ratio(&level)), REFINING_STEPS);
        level = finer;
    }
    let (Some(aligned), as_it_lies) = (fine::fit(&level, motion), fine::fit(&level, Motion::NONE))
    else {
        return Alignment::UNKNOWN;
    };
    let full = f64::from(moving.width()) / level.moving.width as f64;
    let before = as_it_lies.map_or(0.0, |fit| fit.correlation());
    let after = aligned.correlation();
    let moved = motion.distance(Motion::NONE, level.radius());
    let better = moved < STILL || 1.0 - after < MOST_LEFT * (1.0 - before);
    let side = level.shorter_side();
    let allowed = motion.x.hypot(motion.y) <= options.max_shift * side + 1.0
        && motion.angle.to_degrees().abs() <= options.max_rotation + 0.5;
    Alignment {
        dx: motion.x * full,
        dy: motion.y * full,
        rotation: motion.angle.to_degrees(),
        correlation: after.clamp(0.0, 1.0),
        certain: after >= LEAST_CORRELATION
            && aligned.contrast() >= LEAST_CONTRAST
            && better
            && allowed
            && !rivalled,
    }
}

/// The best of the starts, refined, and whether another one comes near it.
fn choose(tried: &Pair, on: &Pair, starts: &[Motion]) -> Option<(Motion, bool)> {
    let mut refined: Vec<(f64, Motion)> = starts
        .iter()
        .filter_map(|start| {
            let motion = fine::refine(on, start.scaled(on.ratio(tried)), CHOOSING_STEPS);
            Some((fine::fit(on, motion)?.correlation(), motion))
        })
        .collect();
    refined.sort_by(|a, b| b.0.total_cmp(&a.0));
    let &(best, motion) = refined.first()?;
    let rival = |&(correlation, other): &(f64, Motion)| {
        correlation > RIVAL * best && motion.distance(other, on.radius()) > APART
    };
    Some((motion, refined.iter().any(rival)))
}

#[cfg(test)]
mod tests;
