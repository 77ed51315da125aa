//! JPEG at reduced scale: close to the full picture, and as strict about damage.

mod writer;

use std::path::Path;

use niteru_imaging::{Filter, Limits, Picture};
use writer::Layout;

/// How many times smaller the sides become in these tests, of which five is the least at which waves
/// are enough.
const SHRINKS: [u32; 4] = [5, 8, 12, 25];

/// Largest mean difference, in levels, after both are resized.
const MEAN_DIFFERENCE: f64 = 0.5;
/// The same for the fixtures, small pictures of which few pixels remain.
const TINY_DIFFERENCE: f64 = 2.5;
/// The same for each channel of [`waves`] and [`detail`].
const CHANNEL_DIFFERENCE: f64 = 0.5;

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "jpg"))
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.to_owned();
            Some((name, std::fs::read(&path).ok()?))
        })
        .collect();
    files.sort();
    files
}

fn mean_difference(a: &Picture, b: &Picture) -> f64 {
    let sum: u64 = a
        .pixels()
        .iter()
        .zip(b.pixels())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.pixels().len() as f64
}

/// What differs between the picture in full and by its waves, `shrink` times smaller.
fn compare(bytes: &[u8], shrink: u32, most: f64) -> Result<(), String> {
    let limits = Limits::default();
    let full = Picture::decode(bytes, &limits).map_err(|e| e.to_string())?;
    let (width, height) = (full.width(), full.height());
    let to = ((width / shrink).max(1), (height / shrink).max(1));
    let least = width.min(height) / shrink;
    let reduced = Picture::decode_at_least(bytes, &limits, least).map_err(|e| e.to_string())?;
    if reduced.full_size() != (width, height) {
        return Err(format!("full size {:?}", reduced.full_size()));
    }
    let size = (width.div_ceil(8), height.div_ceil(8));
    if (reduced.width(), reduced.height()) != size {
        return Err(format!("expected {size:?}, got {reduced:?}"));
    }
    let resize = |picture: &Picture| picture.resize(to.0, to.1, Filter::Bicubic);
    let difference = mean_difference(&resize(&full), &resize(&reduced));
    if difference > most {
        return Err(format!("differs by {difference:.2} on average"));
    }
    Ok(())
}

#[test]
fn every_kind_of_file_is_close_to_the_full_picture() {
    let usual = ["sampling-", "progressive.", "grey.", "restart.", "exif-"];
    let mut wrong = vec![];
    let mut cases = 0;
    for (name, bytes) in fixtures() {
        if !usual.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        for shrink in SHRINKS {
            cases += 1;
            if let Err(why) = compare(&bytes, shrink, TINY_DIFFERENCE) {
                wrong.push(format!("{name} at 1/{shrink}: {why}"));
            }
        }
    }
    assert_eq!(cases, 14 * SHRINKS.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn odd_sides_keep_the_image_in_place() {
    let mut wrong = vec![];
    for (width, height) in [
        (641, 483),
        (96, 97),
        (127, 255),
        (64, 64),
        (1000, 33),
        (8, 9),
    ] {
        let wave = |at: u32, period: f32| (128.0 + 100.0 * (at as f32 / period).sin()) as u8;
        let pixels = (0..width * height)
            .flat_map(|at| {
                let (x, y) = (at % width, at / width);
                [wave(x, 37.0), wave(y, 29.0), wave(x + 2 * y, 61.0)]
            })
            .collect();
        let picture = Picture::from_rgb(width, height, pixels).unwrap();
        let bytes = picture.to_jpeg(92).unwrap();
        for shrink in SHRINKS {
            if let Err(why) = compare(&bytes, shrink, MEAN_DIFFERENCE) {
                wrong.push(format!("{width} x {height} at 1/{shrink}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A colour picture of 640 × 480, smooth but with waves: at its steepest a channel changes by 4 levels
/// from pixel to pixel, so that colours out of their place show.
fn waves(sampling: (usize, usize)) -> Vec<u8> {
    let wave = |at: usize, period: f32| 128.0 + 75.0 * (at as f32 / period).sin();
    let layout = Layout {
        width: 640,
        height: 480,
        sampling: &[sampling, (1, 1), (1, 1)],
        restart: 0,
        step: 2,
        wide_step: false,
    };
    writer::picture(&layout, |x, y| {
        [wave(x, 17.0), wave(y, 19.0), wave(x + 2 * y, 41.0)]
    })
}

/// A colour picture of 640 × 480 full of what a small picture must not show: waves of 2 to 4 pixels, and
/// noise. Half of it lies near black, where colours are cut off.
fn detail(sampling: (usize, usize)) -> Vec<u8> {
    let layout = Layout {
        width: 640,
        height: 480,
        sampling: &[sampling, (1, 1), (1, 1)],
        restart: 0,
        step: 6,
        wide_step: false,
    };
    writer::picture(&layout, |x, y| {
        let noise = ((x * 7919 + y * 104_729) ^ (x * y)) % 32;
        let fine = (x as f32 * 1.9).sin() * (y as f32 * 2.7).cos() + (x as f32 * 3.0).cos();
        let slow = ((x as f32 / 90.0).sin() + (y as f32 / 70.0).cos()) * 40.0;
        let middle = if y < 240 { 120.0 } else { 8.0 };
        [0.0, 6.0, -6.0].map(|tint| {
            let level = middle + slow + tint + 25.0 * fine + noise as f32 - 16.0;
            level.clamp(0.0, 255.0)
        })
    })
}

/// A file of a certain sampling of luma.
type Drawing = fn((usize, usize)) -> Vec<u8>;

#[test]
fn every_sampling_is_as_the_full_picture() {
    let limits = Limits::default();
    let mut wrong = vec![];
    let samplings = [(1, 1), (2, 1), (1, 2), (2, 2)];
    let pictures: [(&str, Drawing); 2] = [("waves", waves), ("detail", detail)];
    for (name, picture) in pictures {
        for sampling in samplings {
            let bytes = picture(sampling);
            let full = Picture::decode(&bytes, &limits).unwrap();
            for shrink in SHRINKS {
                let (width, height) = (640 / shrink, 480 / shrink);
                let small = Picture::decode_at_least(&bytes, &limits, height).unwrap();
                assert_eq!((small.width(), small.height()), (80, 60));
                let resize = |picture: &Picture| picture.resize(width, height, Filter::Bicubic);
                let found = channel_differences(&resize(&full), &resize(&small));
                println!("{name} {sampling:?} at 1/{shrink}: {found:.2?}");
                if found.iter().any(|&found| found > CHANNEL_DIFFERENCE) {
                    wrong.push(format!("{name} {sampling:?} at 1/{shrink}: {found:.2?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn crops_of_turned_pictures_are_those_of_the_full_picture() {
    let mut wrong = vec![];
    for (name, bytes) in fixtures() {
        if !name.starts_with("exif-") {
            continue;
        }
        let full = Picture::decode(&bytes, &Limits::default()).unwrap();
        let (width, height) = (full.width() / 5, full.height() / 5);
        let crop = |picture: &Picture| {
            picture.resize_crop(width, height, 1, 2, width / 2, height / 2, Filter::Bicubic)
        };
        let small =
            Picture::decode_at_least(&bytes, &Limits::default(), width.min(height)).unwrap();
        let difference = mean_difference(&crop(&full), &crop(&small));
        if difference > TINY_DIFFERENCE {
            wrong.push(format!("{name}: {difference:.2}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn colour_of_a_quarter_of_the_samples_is_decoded_in_full() {
    for sampling in [(4, 1), (4, 2), (1, 4), (4, 4)] {
        let bytes = waves(sampling);
        let full = Picture::decode(&bytes, &Limits::default()).unwrap();
        let same = Picture::decode_at_least(&bytes, &Limits::default(), 1).unwrap();
        assert!(same == full, "{sampling:?}");
    }
}

/// The mean differences of red, green and blue.
fn channel_differences(a: &Picture, b: &Picture) -> [f64; 3] {
    let mut sums = [0; 3];
    for (a, b) in a.pixels().chunks_exact(3).zip(b.pixels().chunks_exact(3)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += u64::from(a.abs_diff(*b));
        }
    }
    sums.map(|sum| sum as f64 / (a.pixels().len() / 3) as f64)
}

#[test]
fn more_than_256_restart_intervals() {
    let layout = Layout {
        width: 192,
        height: 192,
        sampling: &[(1, 1)],
        restart: 1,
        step: 8,
        wide_step: false,
    };
    // 576 blocks, each an interval of its own.
    let bytes = writer::write(&layout, |_, x, y| {
        let mut block = [0; 64];
        block[0] = 4 * (x as i32 + y as i32) - 92;
        block
    });
    for shrink in SHRINKS {
        compare(&bytes, shrink, MEAN_DIFFERENCE).unwrap();
    }
}

#[test]
fn coefficients_out_of_all_bounds_overflow_nothing() {
    let limits = Limits::default();
    for (step, wide_step, sampling) in [
        (65_535, true, &[(1, 1)][..]),
        (255, true, &[(1, 1)]),
        (255, false, &[(1, 1)]),
        (255, false, &[(2, 2), (1, 1), (1, 1)]),
    ] {
        let layout = Layout {
            width: 512,
            height: 512,
            sampling,
            restart: 0,
            step,
            wide_step,
        };
        let bytes = writer::write(&layout, |_, x, y| {
            // The means climb to the bound, and down to the other, by the largest difference there is.
            let mut block = [[1023, -1023][y % 2]; 64];
            block[0] = 2047 * ((x as i32 + 16) % 64 - 32).abs() - 2047 * 16;
            block
        });
        let full = Picture::decode(&bytes, &limits).unwrap();
        for least in [1, 20, 60, 100] {
            let small = Picture::decode_at_least(&bytes, &limits, least).unwrap();
            assert_eq!(small.full_size(), (512, 512), "step {step} for {least}");
            match wide_step {
                true => assert!(small == full, "step {step} for {least}"),
                false => assert_eq!(small.width(), 64, "step {step} for {least}"),
            }
            let tiny = small.resize(20, 20, Filter::Bicubic);
            assert_eq!(tiny.pixels().len(), 20 * 20 * 3);
        }
    }
}

#[test]
fn unusual_kinds_are_decoded_in_full() {
    for (name, bytes) in fixtures() {
        if ["cmyk.jpg", "ycck.jpg"].contains(&name.as_str()) {
            let full = Picture::decode(&bytes, &Limits::default()).unwrap();
            let same = Picture::decode_at_least(&bytes, &Limits::default(), 1).unwrap();
            assert!(same == full, "{name}");
        }
    }
}

#[test]
fn only_much_smaller_pictures_are_made_of_waves() {
    let picture = Picture::from_rgb(800, 640, vec![77; 800 * 640 * 3]).unwrap();
    let bytes = picture.to_jpeg(90).unwrap();
    for (least, height) in [(0, 80), (1, 80), (128, 80), (129, 640), (5000, 640)] {
        let found = Picture::decode_at_least(&bytes, &Limits::default(), least).unwrap();
        assert_eq!(found.height(), height, "at least {least}");
    }
}

/// The file with some of its bytes changed, dropped or cut off.
fn damaged(file: &[u8], state: &mut u64) -> Vec<u8> {
    let mut below = |end: usize| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((*state >> 33) as usize) % end.max(1)
    };
    let mut bytes = file.to_vec();
    match below(6) {
        0 => bytes.truncate(below(file.len())),
        1 => {
            let from = below(file.len());
            bytes.drain(from..(from + below(40)).min(file.len()));
        }
        _ => {
            for _ in 0..1 + below(4) {
                let at = below(file.len());
                bytes[at] = match below(4) {
                    0 => 0xff,
                    1 => 0,
                    2 => bytes[at] ^ (1 << below(8)),
                    _ => below(256) as u8,
                };
            }
        }
    }
    bytes
}

#[test]
fn damage_is_refused_as_in_full() {
    let limits = Limits {
        max_pixels: 1_000_000,
        ..Limits::default()
    };
    let rounds = std::env::var("NITERU_FUZZ_ROUNDS").map_or(1500, |text| text.parse().unwrap());
    let mut wrong = vec![];
    let (mut decoded, mut refused, mut reduced) = (0, 0, 0);
    for (name, file) in fixtures() {
        if file.len() < 100 {
            continue;
        }
        let mut state = file.len() as u64;
        for round in 0..rounds {
            let bytes = damaged(&file, &mut state);
            let full = Picture::decode(&bytes, &limits).map_err(|e| e.to_string());
            // All waves that can be asked for, or few.
            let least = [1, 12][round % 2];
            let small = Picture::decode_at_least(&bytes, &limits, least);
            let small = small.map_err(|e| e.to_string());
            match (full, small) {
                (Ok(full), Ok(small)) => {
                    decoded += 1;
                    reduced += usize::from(full.width() != small.width());
                    if (full.width(), full.height()) != small.full_size() {
                        wrong.push(format!("{name} round {round}: {full:?}, {small:?}"));
                    }
                }
                (Err(full), Err(small)) if full == small => refused += 1,
                other => wrong.push(format!("{name} round {round}: {other:?}")),
            }
        }
    }
    println!("{decoded} decoded, {reduced} of them reduced, {refused} refused");
    assert!(
        wrong.is_empty(),
        "{} {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    assert!(reduced > 1000 && refused > 1000, "{reduced} {refused}");
}
