//! What a patch looks like to the eye, in numbers: its colour, its texture, the edges in it.

use niteru_imaging::Picture;

/// Numbers of a group of what is seen.
const COLOUR: usize = 3;
const TEXTURE: usize = 8;
const SHAPE: usize = 5;

/// Numbers of a patch.
pub(crate) const LOOKS: usize = COLOUR + TEXTURE + SHAPE;

/// Which numbers belong to colour, texture and shape.
pub(crate) const GROUPS: [std::ops::Range<usize>; 3] =
    [0..COLOUR, COLOUR..COLOUR + TEXTURE, COLOUR + TEXTURE..LOOKS];

/// What a patch looks like: means of luminance and of the two differences of colour (YCbCr, 0…255);
/// logarithms of usual differences between neighbouring pixels, in four directions one and two pixels
/// apart; logarithms of the strength of edges in four directions, and of the strongest.
pub(crate) type Look = [f32; LOOKS];

/// Pixels down and right from a pixel to its neighbours.
const LAGS: [(usize, isize); TEXTURE] = [
    (0, 1),
    (1, 0),
    (1, 1),
    (1, -1),
    (0, 2),
    (2, 0),
    (2, 2),
    (2, -2),
];

/// Of differences between neighbours, the usual is the mean of this share, the smaller ones: edges, which
/// are few and strong, are none of a texture.
const USUAL: f64 = 0.75;

/// Pixels around one that are averaged before edges are looked for, and from a pixel to those whose
/// difference is its edge: fine texture has none.
const SMOOTHED: usize = 2;
const EDGE: usize = 2;

/// Share of a patch's pixels that are its strongest edge.
const STRONGEST: f64 = 0.05;

/// The looks of `rows × columns` equal parts of a picture.
pub(crate) fn of(picture: &Picture, rows: usize, columns: usize) -> Vec<Look> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let planes = Planes::of(picture);
    let smooth = smoothed(&planes.y, width, height);
    let part = |at: usize, cells: usize, side: usize| {
        let first = (at * side / cells).min(side - 1);
        first..((at + 1) * side / cells).clamp(first + 1, side)
    };
    let look = |at: usize| {
        let window = Window {
            rows: part(at / columns, rows, height),
            columns: part(at % columns, columns, width),
            width,
            height,
        };
        let mut look = [0.0; LOOKS];
        for (to, plane) in look.iter_mut().zip([&planes.y, &planes.cb, &planes.cr]) {
            *to = window.mean(plane);
        }
        for (to, lag) in look[GROUPS[1].clone()].iter_mut().zip(LAGS) {
            *to = window.usual_difference(&planes.y, lag);
        }
        look[GROUPS[2].clone()].copy_from_slice(&window.edges(&smooth));
        look
    };
    (0..rows * columns).map(look).collect()
}

/// A picture as YCbCr (ITU-R BT.601, full range), 0…255.
struct Planes {
    y: Vec<f32>,
    cb: Vec<f32>,
    cr: Vec<f32>,
}

impl Planes {
    fn of(picture: &Picture) -> Planes {
        let pixels = picture.pixels().as_chunks::<3>().0;
        let plane = |[r, g, b]: [f32; 3], offset: f32| {
            let mix = |p: &[u8; 3]| {
                r * f32::from(p[0]) + g * f32::from(p[1]) + b * f32::from(p[2]) + offset
            };
            pixels.iter().map(mix).collect()
        };
        Planes {
            y: plane([0.299, 0.587, 0.114], 0.0),
            cb: plane([-0.168_736, -0.331_264, 0.5], 128.0),
            cr: plane([0.5, -0.418_688, -0.081_312], 128.0),
        }
    }
}

/// Means over squares of [`SMOOTHED`] pixels to each side, fewer at the edges.
fn smoothed(plane: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut across = Vec::with_capacity(plane.len());
    for row in plane.chunks_exact(width) {
        across.extend((0..width).map(|x| {
            let near = &row[x.saturating_sub(SMOOTHED)..(x + SMOOTHED + 1).min(width)];
            near.iter().sum::<f32>() / near.len() as f32
        }));
    }
    let mut out = vec![0.0; plane.len()];
    for (y, to) in out.chunks_exact_mut(width).enumerate() {
        let near = y.saturating_sub(SMOOTHED)..(y + SMOOTHED + 1).min(height);
        let share = 1.0 / near.len() as f32;
        for row in near {
            let from = &across[row * width..][..width];
            to.iter_mut().zip(from).for_each(|(to, v)| *to += share * v);
        }
    }
    out
}

/// A part of a picture of `width × height` pixels.
struct Window {
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    width: usize,
    height: usize,
}

impl Window {
    fn mean(&self, plane: &[f32]) -> f32 {
        let rows = self.rows.clone();
        let sum: f32 = rows
            .map(|y| {
                plane[y * self.width..][self.columns.clone()]
                    .iter()
                    .sum::<f32>()
            })
            .sum();
        sum / (self.rows.len() * self.columns.len()) as f32
    }

    /// Logarithm of one more than the mean of the smaller differences.
    fn usual_difference(&self, plane: &[f32], (down, right): (usize, isize)) -> f32 {
        let mut differences = Vec::with_capacity(self.rows.len() * self.columns.len());
        for y in self.rows.clone().take_while(|y| y + down < self.height) {
            for x in self.columns.clone() {
                let Some(x2) = x.checked_add_signed(right).filter(|x| *x < self.width) else {
                    continue;
                };
                let (a, b) = (
                    plane[y * self.width + x],
                    plane[(y + down) * self.width + x2],
                );
                differences.push((a - b).abs());
            }
        }
        let usual = (differences.len() as f64 * USUAL).ceil() as usize;
        if usual == 0 {
            return 0.0;
        }
        differences.select_nth_unstable_by(usual - 1, f32::total_cmp);
        let sum: f32 = differences[..usual].iter().sum();
        (1.0 + sum / usual as f32).ln()
    }

    /// Logarithms of one more than the root mean square of gradients in four directions, and than the
    /// strongest gradients.
    fn edges(&self, smooth: &[f32]) -> [f32; SHAPE] {
        let mut sums = [0.0f32; SHAPE - 1];
        let mut strengths = Vec::with_capacity(self.rows.len() * self.columns.len());
        for y in self.rows.clone() {
            let (above, below) = (y.saturating_sub(EDGE), (y + EDGE).min(self.height - 1));
            for x in self.columns.clone() {
                let (left, right) = (x.saturating_sub(EDGE), (x + EDGE).min(self.width - 1));
                let at = |y: usize, x: usize| smooth[y * self.width + x];
                let (dx, dy) = (at(y, right) - at(y, left), at(below, x) - at(above, x));
                // Directions of a line: half a turn apart is the same.
                let angle = dy.atan2(dx).rem_euclid(std::f32::consts::PI);
                let bin = (angle / std::f32::consts::FRAC_PI_4 + 0.5) as usize % (SHAPE - 1);
                let square = dx * dx + dy * dy;
                sums[bin] += square;
                strengths.push(square);
            }
        }
        let count = strengths.len();
        let place = ((count as f64 * (1.0 - STRONGEST)) as usize).min(count.saturating_sub(1));
        strengths.select_nth_unstable_by(place, f32::total_cmp);
        let strength = |square: f32| (1.0 + square.sqrt()).ln();
        let [a, b, c, d] = sums.map(|sum| strength(sum / count.max(1) as f32));
        [a, b, c, d, strength(strengths[place])]
    }
}
