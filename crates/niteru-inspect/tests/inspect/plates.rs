//! Made-up parts: brushed plates with a printed ring, a little brighter or darker each, and defects.

use niteru_imaging::{Picture, Rect};

pub(crate) const WIDTH: u32 = 200;
pub(crate) const HEIGHT: u32 = 160;

/// Where the ring is printed, give or take a pixel.
const RING: (f32, f32) = (70.0, 80.0);
const RADIUS: f32 = 30.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Defect {
    Scratch,
    Blob,
    /// The ring is not printed.
    Missing,
    /// A square of another grain.
    Rough,
    /// A dark dot of this radius, in pixels, with its centre at x, y.
    Dot(f32, f32, f32),
}

impl Defect {
    pub(crate) const LARGE: [Defect; 4] = [
        Defect::Scratch,
        Defect::Blob,
        Defect::Missing,
        Defect::Rough,
    ];

    /// Where it lies.
    pub(crate) fn place(self) -> Rect {
        let (x, y, width, height) = match self {
            Defect::Scratch => (120, 30, 55, 45),
            Defect::Blob => (141, 101, 18, 18),
            Defect::Missing => (36, 46, 68, 68),
            Defect::Rough => (130, 90, 30, 30),
            Defect::Dot(x, y, radius) => {
                let side = (2.0 * radius).ceil() as u32;
                ((x - radius) as i64, (y - radius) as i64, side, side)
            }
        };
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    /// What it makes of the grey value of a pixel.
    fn paint(self, x: f32, y: f32, grey: f32, noise: f32) -> f32 {
        match self {
            Defect::Scratch => {
                let across = (y - 30.0) - (x - 120.0) * 0.8;
                let on = (120.0..175.0).contains(&x) && across.abs() < 1.6;
                if on { grey + 70.0 } else { grey }
            }
            Defect::Blob if distance(x, y, 150.0, 110.0) < 9.0 => grey - 60.0,
            Defect::Rough if (130.0..160.0).contains(&x) && (90.0..120.0).contains(&y) => {
                grey + 50.0 * noise
            }
            Defect::Dot(at_x, at_y, radius) if distance(x, y, at_x, at_y) < radius => grey - 80.0,
            _ => grey,
        }
    }
}

fn distance(x: f32, y: f32, to_x: f32, to_y: f32) -> f32 {
    (x - to_x).hypot(y - to_y)
}

/// xorshift64* (Vigna, 2016): −1…1.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn next(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

pub(crate) fn good(seed: u64) -> Picture {
    plate(seed, &[], WIDTH, HEIGHT)
}

pub(crate) fn bad(seed: u64, defect: Defect) -> Picture {
    plate(seed, &[defect], WIDTH, HEIGHT)
}

/// A plate of another size is another cut of the same.
pub(crate) fn plate(seed: u64, defects: &[Defect], width: u32, height: u32) -> Picture {
    let mut noise = Noise::new(seed);
    // The first numbers of near seeds are alike.
    for _ in 0..16 {
        noise.bits();
    }
    let light = 140.0 + 6.0 * noise.next();
    let ring = (RING.0 + noise.next(), RING.1 + noise.next());
    let printed = !defects.contains(&Defect::Missing);
    let mut grey = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height {
        let mut brushed = 0.0;
        for x in 0..width {
            let (x, y) = (x as f32, y as f32);
            brushed = 0.9 * brushed + 4.0 * noise.next();
            let off = (distance(x, y, ring.0, ring.1) - RADIUS).abs();
            let ink = if printed {
                (4.5 - off).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let value = light + brushed + 3.0 * noise.next() - 70.0 * ink;
            let own = noise.next();
            let value = defects.iter().fold(value, |v, d| d.paint(x, y, v, own));
            grey.push(value.round().clamp(0.0, 255.0) as u8);
        }
    }
    from_grey(width, height, &grey)
}

pub(crate) fn from_grey(width: u32, height: u32, grey: &[u8]) -> Picture {
    let pixels = grey.iter().flat_map(|&value| [value; 3]).collect();
    Picture::from_rgb(width, height, pixels).unwrap()
}

pub(crate) fn flat(width: u32, height: u32, value: u8) -> Picture {
    from_grey(
        width,
        height,
        &vec![value; width as usize * height as usize],
    )
}

/// White where `counts` says so of a pixel's column and row, else black.
pub(crate) fn painted(width: u32, height: u32, counts: impl Fn(u32, u32) -> bool) -> Picture {
    let white = |at: u32| {
        if counts(at % width, at / width) {
            255
        } else {
            0
        }
    };
    let grey: Vec<u8> = (0..width * height).map(white).collect();
    from_grey(width, height, &grey)
}

/// Squares of black and white.
pub(crate) fn checkerboard() -> Picture {
    painted(WIDTH, HEIGHT, |x, y| (x / 20 + y / 20) % 2 == 0)
}

/// Colours that run into each other, as of a sky above a hill.
pub(crate) fn landscape() -> Picture {
    let pixel = |at: u32| {
        let (x, y) = ((at % WIDTH) as f32, (at / WIDTH) as f32);
        let hill = 90.0 + 25.0 * (x * 0.03).sin() + 12.0 * (x * 0.11).sin();
        match y < hill {
            true => [(90.0 + y) as u8, (140.0 + 0.8 * y) as u8, 230],
            false => [60, (170.0 - 0.9 * (y - hill)) as u8, (40.0 + 0.2 * x) as u8],
        }
    };
    let pixels = (0..WIDTH * HEIGHT).flat_map(pixel).collect();
    Picture::from_rgb(WIDTH, HEIGHT, pixels).unwrap()
}
