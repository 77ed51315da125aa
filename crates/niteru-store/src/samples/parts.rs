//! Drawn photos of a part, good and bad, to try an inspection with before there are photos of one's own: they
//! need no network.

use niteru_imaging::Picture;
use niteru_kernels::SplitMix64;

/// Width and height of a photo, in pixels.
pub const PART_SIZE: (u32, u32) = (256, 192);

/// What is wrong with a drawn part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartDefect {
    /// A long bright line across the plate.
    Scratch,
    /// One of the holes is not drilled.
    MissingHole,
    /// A dark spot with a soft edge.
    Stain,
    /// A piece of the edge is gone.
    Chip,
}

impl PartDefect {
    /// All there are.
    pub const ALL: [PartDefect; 4] = [
        PartDefect::Scratch,
        PartDefect::MissingHole,
        PartDefect::Stain,
        PartDefect::Chip,
    ];
}

/// Half of the plate's width and height, about its centre, and the radius of its corners.
const PLATE: (f32, f32, f32) = (104.0, 72.0, 14.0);

/// Centres of the holes from the plate's, and their radius.
const HOLES: [(f32, f32); 4] = [(-80.0, -48.0), (80.0, -48.0), (-80.0, 48.0), (80.0, 48.0)];
const HOLE: f32 = 9.0;

/// A plate with four holes, a boss and a print, as a camera over a belt sees it: each number is another piece,
/// which lies and shines a little differently.
pub fn sample_part(number: u64, defect: Option<PartDefect>) -> Picture {
    let (width, height) = PART_SIZE;
    let mut chance = SplitMix64::new(number);
    let centre = (
        width as f32 / 2.0 + 1.5 * chance.signed(),
        height as f32 / 2.0 + 1.5 * chance.signed(),
    );
    let light = 1.0 + 0.04 * chance.signed();
    let slope = 0.03 * chance.signed();
    let spot = Spot::by_chance(&mut chance);
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    let mut streak = 0.0;
    for row in 0..height {
        // Brushed metal: grain that goes along the rows.
        streak = 0.5 * streak + 5.0 * chance.signed();
        for column in 0..width {
            let place = (column as f32 + 0.5 - centre.0, row as f32 + 0.5 - centre.1);
            let light = light + slope * place.0 / PLATE.0;
            let [red, green, blue] = colour(place, streak, defect, &spot);
            let grain = 3.0 * chance.signed();
            let shown = |value: f32| (value * light + grain).round().clamp(0.0, 255.0) as u8;
            pixels.extend([red, green, blue].map(shown));
        }
    }
    #[expect(clippy::expect_used, reason = "the pixels were counted above")]
    Picture::from_rgb(width, height, pixels).expect("as many pixels as the size says")
}

/// Where a defect lies, and how it is turned.
struct Spot {
    x: f32,
    y: f32,
    angle: f32,
    hole: usize,
}

impl Spot {
    fn by_chance(chance: &mut SplitMix64) -> Spot {
        Spot {
            x: 55.0 * chance.signed(),
            y: 40.0 * chance.signed(),
            angle: 1.2 * chance.signed(),
            hole: (chance.bits() >> 62) as usize,
        }
    }
}

/// The colour at a place, in pixels from the plate's centre.
fn colour((x, y): (f32, f32), streak: f32, defect: Option<PartDefect>, spot: &Spot) -> [f32; 3] {
    const BELT: [f32; 3] = [48.0, 52.0, 56.0];
    let (half_width, half_height, corner) = PLATE;
    let outside = |at: f32, half: f32| (at.abs() - half + corner).max(0.0);
    let edge = outside(x, half_width).hypot(outside(y, half_height)) - corner;
    let mut colour = BELT;
    let plate = [168.0 + streak, 172.0 + streak, 178.0 + streak];
    lay(&mut colour, plate, edge);
    // A bright rim where the light meets the edge.
    lay(&mut colour, [206.0, 210.0, 214.0], (edge + 2.0).abs() - 1.2);
    let boss = x.hypot(y);
    lay(
        &mut colour,
        [150.0 + streak, 154.0 + streak, 160.0 + streak],
        boss - 26.0,
    );
    lay(
        &mut colour,
        [188.0, 192.0, 198.0],
        (boss - 26.0).abs() - 1.2,
    );
    for line in 0..3 {
        let (along, across) = (
            (x + 6.0).abs() - 40.0 + 9.0 * line as f32,
            y - 44.0 - 8.0 * line as f32,
        );
        lay(
            &mut colour,
            [44.0, 70.0, 112.0],
            along.max(across.abs() - 2.0),
        );
    }
    for (at, hole) in HOLES.iter().enumerate() {
        if defect == Some(PartDefect::MissingHole) && at == spot.hole {
            continue;
        }
        let far = (x - hole.0).hypot(y - hole.1);
        lay(&mut colour, [26.0, 28.0, 30.0], far - HOLE);
        lay(&mut colour, [198.0, 202.0, 206.0], (far - HOLE).abs() - 1.0);
    }
    let (from_x, from_y) = (x - spot.x, y - spot.y);
    match defect {
        Some(PartDefect::Scratch) => {
            let (sin, cos) = spot.angle.sin_cos();
            let (along, across) = (from_x * cos + from_y * sin, from_y * cos - from_x * sin);
            let line = (along.abs() - 34.0).max(across.abs() - 0.8);
            lay(&mut colour, [232.0, 234.0, 236.0], line);
        }
        Some(PartDefect::Stain) => {
            let dark = (1.0 - from_x.hypot(1.3 * from_y) / 15.0).clamp(0.0, 1.0);
            let towards = [84.0, 66.0, 44.0];
            colour
                .iter_mut()
                .zip(towards)
                .for_each(|(own, stain)| *own += dark.sqrt() * (stain - *own));
        }
        Some(PartDefect::Chip) => {
            let side = if spot.y < 0.0 {
                -half_height
            } else {
                half_height
            };
            lay(&mut colour, BELT, from_x.hypot(y - side) - 11.0);
        }
        Some(PartDefect::MissingHole) | None => {}
    }
    colour
}

/// Lays a colour over another, where the distance from its edge is below 0; in the pixel of the edge in part.
fn lay(colour: &mut [f32; 3], over: [f32; 3], distance: f32) {
    let share = (0.5 - distance).clamp(0.0, 1.0);
    colour
        .iter_mut()
        .zip(over)
        .for_each(|(own, over)| *own += share * (over - *own));
}
