//! A picture as it would be if it were taken again: what differs then is no difference.

use niteru_imaging::{Alignment, Limits, Picture};

use crate::random::Random;
use crate::variants::lit;

/// How a picture is taken again.
struct Take {
    /// How far it lies off once it is aligned, in pixels to the right and down and in degrees.
    off: [f64; 3],
    /// How it lies before, which costs it sharpness.
    moved: [f64; 3],
    /// Factor of brightness.
    light: f64,
    /// Standard deviation of noise, in grey levels.
    noise: f64,
    /// Quality of the JPEG file that it is kept in; 100 is as good as none.
    jpeg: u8,
}

const TAKES: [Take; 4] = [
    Take {
        off: [0.3, 0.3, 0.15],
        moved: [0.1, 0.0, 1.85],
        light: 1.0,
        noise: 0.0,
        jpeg: 60,
    },
    Take {
        off: [-0.4, 0.2, -0.15],
        moved: [0.0, 0.0, 0.0],
        light: 1.0,
        noise: 4.0,
        jpeg: 50,
    },
    Take {
        off: [0.3, -0.3, 0.0],
        moved: [0.2, -0.2, -3.0],
        light: 1.1,
        noise: 4.0,
        jpeg: 100,
    },
    Take {
        off: [0.2, -0.4, 0.1],
        moved: [0.0, 0.0, 0.0],
        light: 0.9,
        noise: 0.0,
        jpeg: 60,
    },
];

/// The picture taken again in some ways, each as large.
pub(super) fn all(picture: &Picture) -> Vec<Picture> {
    let taken = TAKES.iter().zip(1..);
    taken.map(|(take, seed)| take.of(picture, seed)).collect()
}

impl Take {
    fn of(&self, picture: &Picture, seed: u64) -> Picture {
        let [dx, dy, rotation] = self.moved;
        let there = moved(picture, [dx, dy, rotation]);
        let [off_x, off_y, off_rotation] = self.off;
        let back = match self.moved == [0.0; 3] {
            true => moved(picture, self.off),
            false => moved(&there, [off_x - dx, off_y - dy, off_rotation - rotation]),
        };
        let noisy = with_noise(&lit(&back, self.light), self.noise, seed);
        if self.jpeg == 100 {
            return noisy;
        }
        let again = with_coarse_colour(&noisy).to_jpeg(self.jpeg).ok();
        let again = again.and_then(|file| Picture::decode(&file, &Limits::default()).ok());
        again.unwrap_or(noisy)
    }
}

fn moved(picture: &Picture, [dx, dy, rotation]: [f64; 3]) -> Picture {
    let motion = Alignment {
        dx,
        dy,
        rotation,
        correlation: 1.0,
        certain: true,
    };
    motion.apply(picture, picture.width(), picture.height()).0
}

/// With one colour for each two by two pixels, as most cameras keep it in JPEG files; brightness stays.
fn with_coarse_colour(picture: &Picture) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    let luma =
        |[r, g, b]: [u8; 3]| (299 * i32::from(r) + 587 * i32::from(g) + 114 * i32::from(b)) / 1000;
    let mut out = Vec::with_capacity(3 * pixels.len());
    for at in 0..pixels.len() {
        let (x, y) = (at % width, at / width);
        let (right, below) = ((x | 1).min(width - 1), (y | 1).min(height - 1));
        let (left, above) = (x & !1, y & !1);
        let block = [(left, above), (right, above), (left, below), (right, below)];
        let block = block.map(|(x, y)| pixels[y * width + x]);
        let own = luma(pixels[at]);
        for channel in 0..3 {
            let more: i32 = block
                .iter()
                .map(|&rgb| i32::from(rgb[channel]) - luma(rgb))
                .sum();
            out.push((own + more / 4).clamp(0, 255) as u8);
        }
    }
    Picture::from_rgb(picture.width(), picture.height(), out).unwrap_or_else(|_| picture.clone())
}

/// With noise of this standard deviation, the same for the same seed: the sum of three uniform numbers.
fn with_noise(picture: &Picture, deviation: f64, seed: u64) -> Picture {
    if deviation <= 0.0 {
        return picture.clone();
    }
    const STEPS: usize = 1 << 12;
    let mut random = Random::new(seed);
    // Three uniform numbers of −1…1 have a variance of 1.
    let mut noise = || {
        let sum: usize = (0..3).map(|_| random.below(STEPS)).sum();
        (2.0 * sum as f64 / (STEPS - 1) as f64 - 3.0) * deviation
    };
    let pixels = picture
        .pixels()
        .iter()
        .map(|&value| (f64::from(value) + noise()).round().clamp(0.0, 255.0) as u8);
    let pixels = pixels.collect();
    Picture::from_rgb(picture.width(), picture.height(), pixels).unwrap_or_else(|_| picture.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_taken_again_is_as_large_and_nearly_the_same() {
        let pixels = (0..90 * 60).flat_map(|at| {
            let (x, y) = ((at % 90) as f32, (at / 90) as f32);
            let wave = 120.0 + 60.0 * (x * 0.15).sin() * (y * 0.11).cos();
            [wave as u8, (wave * 0.8) as u8, 90]
        });
        let picture = Picture::from_rgb(90, 60, pixels.collect()).unwrap();
        let again = all(&picture);
        assert_eq!(again.len(), TAKES.len());
        for (at, take) in again.iter().enumerate() {
            assert_eq!((take.width(), take.height()), (90, 60));
            let apart = picture.pixels().iter().zip(take.pixels());
            let apart: f64 = apart.map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
            let mean = apart / picture.pixels().len() as f64;
            assert!((0.3..15.0).contains(&mean), "{at}: {mean}");
        }
        assert_eq!(again, all(&picture));
        assert_eq!(
            all(&Picture::from_rgb(1, 1, vec![9; 3]).unwrap()).len(),
            TAKES.len()
        );
    }

    #[test]
    fn coarse_colour_keeps_brightness() {
        let pixels = [
            [200, 0, 0],
            [0, 200, 0],
            [100, 100, 100],
            [0, 0, 200],
            [10, 20, 30],
            [9, 9, 9],
        ];
        let picture = Picture::from_rgb(3, 2, pixels.concat()).unwrap();
        let coarse = with_coarse_colour(&picture);
        let colour = |at: usize| {
            let pixel = &coarse.pixels()[3 * at..][..3];
            i32::from(pixel[0]) - i32::from(pixel[2])
        };
        // Two by two pixels share their colour where nothing is cut off.
        assert!(
            (colour(0) - colour(4)).abs() <= 60,
            "{} {}",
            colour(0),
            colour(4)
        );
        assert_eq!(colour(2), colour(5));
    }

    #[test]
    fn noise_is_as_strong_as_asked() {
        let grey = Picture::from_rgb(100, 100, vec![128; 30_000]).unwrap();
        let noisy = with_noise(&grey, 4.0, 1);
        let squares = noisy
            .pixels()
            .iter()
            .map(|&value| (f64::from(value) - 128.0).powi(2));
        let deviation = (squares.sum::<f64>() / 30_000.0).sqrt();
        assert!((3.8..4.2).contains(&deviation), "{deviation}");
    }
}
