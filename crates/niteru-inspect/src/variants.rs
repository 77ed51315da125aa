//! Pictures that a single good picture stands for.

use niteru_imaging::{Filter, Picture};

/// Shifts, as shares of the sides: how far a part may lie from where it lay.
const SHIFTS: [(f64, f64); 4] = [(0.03, 0.0), (-0.03, 0.02), (0.02, -0.03), (-0.02, -0.02)];

/// Factors of brightness.
const LIGHT: [f64; 4] = [0.94, 0.97, 1.03, 1.06];

/// The picture a little shifted, brighter and darker: what else would be good, for want of more.
///
/// These stand in for held-out pictures when there is only one. They vary less than other parts would,
/// so what is learnt from them promises little.
pub(crate) fn of(picture: &Picture) -> Vec<Picture> {
    let mut all: Vec<Picture> = SHIFTS
        .iter()
        .map(|&shift| shifted(picture, shift))
        .collect();
    all.extend(LIGHT.iter().map(|&factor| lit(picture, factor)));
    let both = SHIFTS.iter().zip(LIGHT);
    all.extend(both.map(|(&shift, factor)| lit(&shifted(picture, shift), factor)));
    all
}

/// Cut by the shift on one side and stretched again.
fn shifted(picture: &Picture, (x, y): (f64, f64)) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let cut = |side: u32, share: f64| (f64::from(side) * share.abs()).round() as u32;
    let (dx, dy) = (cut(width, x), cut(height, y));
    let corner = |share: f64, pixels: u32| if share > 0.0 { i64::from(pixels) } else { 0 };
    let part = picture.crop(
        corner(x, dx),
        corner(y, dy),
        width.saturating_sub(dx).max(1),
        height.saturating_sub(dy).max(1),
    );
    part.resize(width, height, Filter::Bicubic)
}

/// All values by a factor.
pub(crate) fn lit(picture: &Picture, factor: f64) -> Picture {
    let table: Vec<u8> = (0..=255u32)
        .map(|value| (f64::from(value) * factor).round().min(255.0) as u8)
        .collect();
    let pixels: Vec<u8> = picture
        .pixels()
        .iter()
        .map(|&value| table[usize::from(value)])
        .collect();
    Picture::from_rgb(picture.width(), picture.height(), pixels).unwrap_or_else(|_| picture.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_keep_the_size_and_differ() {
        let pixels = (0..40 * 30).flat_map(|at| [(at % 40 * 6) as u8, (at / 40 * 8) as u8, 99]);
        let picture = Picture::from_rgb(40, 30, pixels.collect()).unwrap();
        let variants = of(&picture);
        assert_eq!(variants.len(), 12);
        for (at, variant) in variants.iter().enumerate() {
            assert_eq!((variant.width(), variant.height()), (40, 30));
            assert_ne!(variant.pixels(), picture.pixels(), "variant {at}");
        }
        assert_eq!(
            of(&Picture::from_rgb(1, 1, vec![9, 9, 9]).unwrap()).len(),
            12
        );
    }
}
