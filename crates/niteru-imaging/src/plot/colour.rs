//! The colour scale of every similarity Niteru draws.

/// The viridis colour map (matplotlib, CC0) at 33 even steps; between them colours are
/// interpolated, at most 3 levels off the original.
#[rustfmt::skip]
const VIRIDIS: [[u8; 3]; 33] = [
    [68, 1, 84], [71, 13, 96], [72, 24, 106], [72, 35, 116], [71, 45, 123], [69, 55, 129],
    [66, 64, 134], [62, 73, 137], [59, 82, 139], [55, 91, 141], [51, 99, 141], [47, 107, 142],
    [44, 114, 142], [41, 122, 142], [38, 130, 142], [35, 137, 142], [33, 145, 140],
    [31, 152, 139], [31, 160, 136], [34, 167, 133], [40, 174, 128], [50, 182, 122],
    [63, 188, 115], [78, 195, 107], [94, 201, 98], [112, 207, 87], [132, 212, 75],
    [152, 216, 62], [173, 220, 48], [194, 223, 35], [216, 226, 25], [236, 229, 27],
    [253, 231, 37],
];

/// What a value that is not a number looks like: no colour of the scale.
const NO_VALUE: [u8; 3] = [208, 208, 208];

/// The colour of a cosine similarity, as red, green, blue.
///
/// The scale is fixed, so that the same colour means the same similarity in every plot and
/// report: 0 and below is dark violet, 1 is yellow, in between it is viridis, whose lightness
/// rises evenly. A value that is not a number is grey.
///
/// ```
/// assert_eq!(niteru_imaging::colour(1.0), [253, 231, 37]);
/// assert_eq!(niteru_imaging::colour(-0.3), niteru_imaging::colour(0.0));
/// ```
pub fn colour(similarity: f32) -> [u8; 3] {
    if similarity.is_nan() {
        return NO_VALUE;
    }
    let last = VIRIDIS.len() - 1;
    let at = similarity.clamp(0.0, 1.0) * last as f32;
    let left = (at as usize).min(last - 1);
    let part = at - left as f32;
    let mix = |channel: usize| {
        let (a, b) = (
            f32::from(VIRIDIS[left][channel]),
            f32::from(VIRIDIS[left + 1][channel]),
        );
        (a + (b - a) * part).round() as u8
    };
    [mix(0), mix(1), mix(2)]
}

/// Black or white, whichever reads better on the background: the larger contrast ratio of
/// WCAG 2.2.
pub fn text_colour(background: [u8; 3]) -> [u8; 3] {
    let luminance = luminance(background);
    // (1 + 0.05) / (l + 0.05) for white, (l + 0.05) / 0.05 for black.
    if 1.05 * 0.05 > (luminance + 0.05) * (luminance + 0.05) {
        [255; 3]
    } else {
        [0; 3]
    }
}

fn luminance(colour: [u8; 3]) -> f32 {
    let [r, g, b] = colour.map(|channel| {
        let channel = f32::from(channel) / 255.0;
        if channel <= 0.04045 {
            channel / 12.92
        } else {
            ((channel + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_rises_along_the_scale() {
        let steps: Vec<f32> = (0..=200)
            .map(|i| luminance(colour(i as f32 / 200.0)))
            .collect();
        for (at, pair) in steps.windows(2).enumerate() {
            assert!(
                pair[0] < pair[1] + 1e-3,
                "at {at}: {} then {}",
                pair[0],
                pair[1]
            );
        }
        assert!(
            steps[0] < 0.03 && steps[200] > 0.75,
            "{} {}",
            steps[0],
            steps[200]
        );
    }

    #[test]
    fn text_is_readable_on_every_colour() {
        for i in 0..=200 {
            let background = colour(i as f32 / 200.0);
            let (a, b) = (luminance(background), luminance(text_colour(background)));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{background:?}: {contrast}");
        }
    }

    #[test]
    fn odd_values_have_a_colour() {
        assert_eq!(colour(f32::NAN), NO_VALUE);
        assert_eq!(colour(f32::INFINITY), colour(1.0));
        assert_eq!(colour(f32::NEG_INFINITY), colour(0.0));
    }
}
