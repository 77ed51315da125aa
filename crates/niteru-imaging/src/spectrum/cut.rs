//! What the full decoder cuts off at black and white.
//!
//! It takes each pixel to 0 to 255, and a mean of such pixels is not the mean of what they were. By how
//! much follows from how the luma of a block spreads, were it normally distributed.

use super::plane::{Layout, Plane};

/// Channels, each with what a blue and a red difference of 1 add to it.
const CHANNELS: [(f32, f32); 3] = [(0.0, 1.402), (-0.344_136, -0.714_136), (1.772, 0.0)];

/// No value is farther from the mean than so many times the spread.
const FARTHEST: f32 = 3.5;

/// For red, green and blue: what cutting off adds to the mean of each block of luma; `None` where that
/// is nothing anywhere.
pub(super) fn cuts(luma: &Plane, blue: &Plane, red: &Plane) -> Option<[Plane; 3]> {
    let (across, down) = luma.blocks();
    let mut cuts: Option<[Vec<f32>; 3]> = None;
    let (mut cb, mut cr) = (vec![0f32; across], vec![0f32; across]);
    let mut beyond = vec![false; across];
    for y in 0..down {
        let (means, variances) = (luma.means_of(y), luma.variances_of(y));
        blue.spread_means(y, &mut cb);
        red.spread_means(y, &mut cr);
        // Few blocks reach beyond the bounds: to find them vectorises.
        let blocks = means.iter().zip(variances).zip(&cb).zip(&cr);
        for (beyond, (((&mean, &variance), &cb), &cr)) in beyond.iter_mut().zip(blocks) {
            let mean = mean + 128.0;
            let room = mean.min(255.0 - mean) - 1.772 * cb.abs().max(cr.abs());
            *beyond = !((room > 0.0) & (room * room > FARTHEST * FARTHEST * variance));
        }
        for x in (0..across).filter(|&x| beyond[x]) {
            let spread = variances[x].sqrt();
            let all = cuts.get_or_insert_with(|| std::array::from_fn(|_| vec![0.0; across * down]));
            for (cuts, (of_blue, of_red)) in all.iter_mut().zip(CHANNELS) {
                let colour = of_blue * cb[x] + of_red * cr[x];
                cuts[y * across + x] = cut(means[x] + 128.0, colour, spread);
            }
        }
    }
    let layout = Layout {
        stretch: (1, 1),
        ..luma.layout
    };
    cuts.map(|cuts| cuts.map(|cuts| Plane::of_means(layout, cuts)))
}

/// What cutting off adds to the mean of a channel that differs from luma by `colour`.
///
/// Luma itself lies within the bounds, though its normal distribution may not: what of that lies
/// outside is subtracted.
fn cut(mean: f32, colour: f32, spread: f32) -> f32 {
    let of_channel = |room: f32, step: f32| match step < 0.0 {
        true if room + step < FARTHEST * spread => {
            (below(room + step, spread) - below(room, spread)).max(0.0)
        }
        _ => 0.0,
    };
    of_channel(mean, colour) - of_channel(255.0 - mean, -colour)
}

/// The mean of how far normally distributed values lie below 0, where they do.
fn below(mean: f32, spread: f32) -> f32 {
    if mean >= FARTHEST * spread {
        return 0.0;
    }
    if mean <= -FARTHEST * spread {
        return -mean;
    }
    // φ(z) − z·Q(z), the loss of the standard normal distribution, to 0.005.
    let left = 1.0 - mean.abs() / (FARTHEST * spread);
    let square = left * left;
    let loss = 0.398_942_3 * square * square * (0.1634 * square + 0.4129 * left + 0.4237);
    spread * loss + (-mean).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::{below, cut};

    #[test]
    fn what_lies_below_zero() {
        // φ(z) − z·Q(z) at z = 0, 1, 2 and, with z added, −1.
        let cases = [
            (0.0, 0.398_942),
            (1.0, 0.083_315),
            (2.0, 0.008_491),
            (-1.0, 1.083_315),
            (-9.0, 9.0),
            (9.0, 0.0),
        ];
        for (mean, expected) in cases {
            let found = below(mean, 1.0);
            assert!((found - expected).abs() < 0.005, "{mean}: {found}");
        }
        assert_eq!(below(-3.0, 0.0), 3.0);
        assert_eq!(below(3.0, 0.0), 0.0);
    }

    #[test]
    fn only_colours_beyond_the_bounds_are_cut() {
        // Black and white letters spread from bound to bound, and nothing is cut off.
        assert_eq!(cut(128.0, 0.0, 127.0), 0.0);
        assert_eq!(cut(10.0, -15.0, 0.0), 5.0);
        assert_eq!(cut(250.0, 15.0, 0.0), -10.0);
        assert!(cut(3.0, -2.0, 3.0) > 0.4);
        assert!(cut(252.0, 2.0, 3.0) < -0.4);
    }
}
