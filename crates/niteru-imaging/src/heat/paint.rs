use super::{HeatMap, HeatScale, share};
use crate::Picture;
use crate::likeness::luma;

/// From weak to strong, equally spaced: violet, magenta, red, orange, pale yellow. Brightness only
/// rises, so that the order can be seen by those who see fewer colours, and in a grey print.
const RAMP: [[f64; 3]; 5] = [
    [92.0, 44.0, 168.0],
    [162.0, 38.0, 134.0],
    [226.0, 68.0, 78.0],
    [252.0, 148.0, 38.0],
    [254.0, 236.0, 120.0],
];

/// How much of the strongest colour hides the picture.
const STRONGEST: f64 = 0.85;

/// How much of a picture's own colours and contrast stays under a map, and how bright its black gets.
const COLOUR_KEPT: f64 = 0.2;
const CONTRAST_KEPT: f64 = 0.75;
const BLACK: f64 = 22.0;

impl HeatMap {
    /// The picture in muted tones under the map in colours: none below `scale.visible()`, from there
    /// to `scale.high()` from violet over red to yellow, stronger and stronger. The map is stretched
    /// to the picture's size.
    ///
    /// Of a reduced picture ([`Picture::decode_at_least`]) it takes the pixels that are there.
    pub fn overlay(&self, picture: &Picture, scale: HeatScale) -> Picture {
        let (width, height) = (picture.width(), picture.height());
        let heat = self.resized(width, height);
        let (pixels, _) = picture.pixels().as_chunks::<3>();
        let painted = pixels
            .iter()
            .zip(heat.data())
            .flat_map(|(&pixel, &value)| paint(muted(pixel), value, scale))
            .collect();
        Picture::new(width, height, painted)
    }
}

fn muted(pixel: [u8; 3]) -> [f64; 3] {
    let grey = f64::from(luma(pixel));
    pixel.map(|value| {
        let paler = grey + COLOUR_KEPT * (f64::from(value) - grey);
        BLACK + CONTRAST_KEPT * paler
    })
}

fn paint(below: [f64; 3], value: f32, scale: HeatScale) -> [u8; 3] {
    let strength = share(value, scale.visible, scale.high);
    // The root: what is just visible is to be seen, not guessed.
    let cover = STRONGEST * strength.sqrt();
    let colour = ramp(strength);
    std::array::from_fn(|i| (below[i] + cover * (colour[i] - below[i])).round() as u8)
}

fn ramp(strength: f64) -> [f64; 3] {
    let at = strength * (RAMP.len() - 1) as f64;
    let first = (at as usize).min(RAMP.len() - 2);
    let share = at - first as f64;
    std::array::from_fn(|i| RAMP[first][i] + share * (RAMP[first + 1][i] - RAMP[first][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripes() -> Picture {
        let pixels = (0..64 * 48).flat_map(|i| [(i % 64 * 4) as u8, (i / 64) as u8, 90]);
        Picture::from_rgb(64, 48, pixels.collect()).unwrap()
    }

    #[test]
    fn the_ramp_gets_brighter() {
        let brightness: Vec<f32> = (0..=20)
            .map(|i| luma(ramp(f64::from(i) / 20.0).map(|value| value as u8)))
            .collect();
        assert!(brightness.is_sorted(), "{brightness:?}");
    }

    #[test]
    fn below_what_is_visible_the_picture_stays() {
        let picture = stripes();
        let scale = HeatScale::new(0.0, 1.0).unwrap();
        let scale = scale.visible_from(0.5).unwrap();
        let map = HeatMap::new(2, 1, vec![0.49, -7.0]).unwrap();
        let painted = map.overlay(&picture, scale);
        assert_eq!((painted.width(), painted.height()), (64, 48));
        let grey = |picture: &Picture| -> Vec<f32> {
            picture
                .pixels()
                .as_chunks::<3>()
                .0
                .iter()
                .map(|&pixel| luma(pixel))
                .collect()
        };
        for (before, after) in grey(&picture).iter().zip(grey(&painted)) {
            let expected = BLACK as f32 + CONTRAST_KEPT as f32 * before;
            assert!((after - expected).abs() <= 1.0, "{before}: {after}");
        }
    }

    #[test]
    fn what_is_stronger_shows_more() {
        let picture = Picture::from_rgb(5, 1, vec![128; 15]).unwrap();
        let map = HeatMap::new(5, 1, vec![0.0, 0.25, 0.5, 0.75, 9.0]).unwrap();
        let painted = map.overlay(&picture, HeatScale::new(0.0, 1.0).unwrap());
        let (pixels, _) = painted.pixels().as_chunks::<3>();
        let ground = pixels[0];
        let apart = |pixel: &[u8; 3]| -> u32 {
            (0..3)
                .map(|i| u32::from(pixel[i].abs_diff(ground[i])))
                .sum()
        };
        let apart: Vec<u32> = pixels.iter().map(apart).collect();
        assert!(apart.is_sorted() && apart[1] > 40, "{apart:?}");
    }
}
