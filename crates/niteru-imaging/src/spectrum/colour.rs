//! From luma and colour differences to red, green and blue.

use super::plane::whole;

/// The sample that stands for no colour, and the middle of luma.
const MIDDLE: f32 = 128.0;

/// A row of luma and, where there are colours, blue and red differences (all less 128), as RGB pixels.
/// `cuts` is what is added to red, green and blue, where there is something. The rows are used up.
#[inline(always)]
pub(super) fn pixels(rows: &mut [Vec<f32>], cuts: &[Vec<f32>], to: &mut [u8]) {
    let (to, _) = to.as_chunks_mut::<3>();
    let [luma, blue, red] = rows else {
        for (to, &y) in to.iter_mut().zip(&rows[0]) {
            *to = [level(y); 3];
        }
        return;
    };
    // Row by row, and only then pixel by pixel: the first part vectorises.
    for ((y, cb), cr) in luma.iter_mut().zip(&mut *blue).zip(&mut *red) {
        [*y, *cb, *cr] = colour(*y, *cb, *cr);
    }
    for (row, cuts) in [&mut *luma, &mut *blue, &mut *red].into_iter().zip(cuts) {
        for (value, cut) in row.iter_mut().zip(cuts) {
            *value += cut;
        }
    }
    for (((to, &r), &g), &b) in to.iter_mut().zip(&*luma).zip(&*blue).zip(&*red) {
        *to = [level(r), level(g), level(b)];
    }
}

/// JFIF's conversion, with the means of the full decoder's rounding: it rounds what whole levels of
/// colour add, so that in smooth parts of a picture all pixels are off alike. The farther a mean is
/// from a whole level, the more its pixels differ, and the less of that is left.
#[inline(always)]
fn colour(y: f32, cb: f32, cr: f32) -> [f32; 3] {
    let (whole_cb, whole_cr) = (whole(cb), whole(cr));
    let alike = |value: f32, whole: f32| 1.0 - 2.0 * (value - whole).abs();
    let (alike_cb, alike_cr) = (alike(cb, whole_cb), alike(cr, whole_cr));
    let off = |sum: f32| whole(sum) - sum;
    let green = |cb: f32, cr: f32| -0.344_136 * cb - 0.714_136 * cr;
    [
        y + 1.402 * cr + alike_cr * off(1.402 * whole_cr),
        y + green(cb, cr) + alike_cb * alike_cr * off(green(whole_cb, whole_cr)),
        y + 1.772 * cb + alike_cb * off(1.772 * whole_cb),
    ]
}

/// The nearest level of a value less 128.
#[inline(always)]
fn level(value: f32) -> u8 {
    // `as` takes what is outside to 0 and 255.
    (value + (MIDDLE + 0.5)) as u8
}
