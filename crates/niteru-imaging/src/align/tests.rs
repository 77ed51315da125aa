use super::*;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

/// A part on a ground with some texture, in coordinates from the picture's centre, in pixels of 640.
fn part(x: f64, y: f64) -> f64 {
    let soft = |inside: f64| 1.0 / (1.0 + (-inside).exp());
    let plate = soft(150.0 - x.abs()) * soft(95.0 - y.abs());
    let hole = |cx: f64, cy: f64, r: f64| soft(r - (x - cx).hypot(y - cy));
    let holes = hole(-100.0, -50.0, 22.0) + hole(90.0, -40.0, 14.0) + hole(60.0, 55.0, 26.0);
    let slot = soft(60.0 - (x + 40.0).abs()) * soft(6.0 - (y - 50.0).abs());
    let texture = (x * 0.21).sin() * (y * 0.17 + x * 0.03).cos() + (x * 0.07 - y * 0.11).sin();
    60.0 + 5.0 * texture + 110.0 * plate - 90.0 * holes.min(1.0) - 60.0 * slot
}

/// What a camera sees once the thing is turned and shifted (pixels of 640 × 480).
fn photo(size: (u32, u32), motion: [f64; 3], light: impl Fn(f64, f64, f64) -> f64) -> Picture {
    let (width, height) = size;
    let scale = f64::from(HEIGHT) / f64::from(height);
    let mut pixels = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let x = (f64::from(column) + 0.5 - f64::from(width) / 2.0) * scale;
            let y = (f64::from(row) + 0.5 - f64::from(height) / 2.0) * scale;
            let back = Motion::turn(-motion[2].to_radians(), x - motion[0], y - motion[1]);
            let value = light(part(back.0, back.1), x, y) as u8;
            pixels.extend([value; 3]);
        }
    }
    Picture::from_rgb(width, height, pixels).unwrap()
}

fn plain(value: f64, _: f64, _: f64) -> f64 {
    value
}

#[test]
fn known_motions_are_found() {
    type Light = fn(f64, f64, f64) -> f64;
    let darker: Light = |value, _, _| value * 0.6 + 10.0;
    let brighter: Light = |value, _, _| value * 1.2 + 30.0;
    let from_the_side: Light = |value, x, _| value * (1.0 + x / 900.0);
    let full = (WIDTH, HEIGHT);
    let table: &[([f64; 3], (u32, u32), Light)] = &[
        ([0.0, 0.0, 0.0], full, plain),
        ([12.3, -7.6, 0.0], full, plain),
        ([0.0, 0.0, 7.4], full, plain),
        ([-31.0, 22.5, -4.2], full, darker),
        ([50.0, 40.0, 13.0], full, brighter),
        ([5.5, -48.0, -14.0], full, from_the_side),
        ([20.0, 10.0, 3.0], (660, 495), plain),
        ([20.0, 10.0, 3.0], (620, 465), darker),
    ];
    let reference = photo(full, [0.0; 3], plain);
    let mut wrong = Vec::new();
    for (motion, size, light) in table {
        let moving = photo(*size, *motion, light);
        let got = align(&reference, &moving, AlignOptions::default());
        let scale = f64::from(size.1) / f64::from(HEIGHT);
        let off = (got.dx / scale - motion[0]).hypot(got.dy / scale - motion[1]);
        let turned = (got.rotation - motion[2]).abs();
        if !(got.certain && off < 0.5 && turned < 0.3 && got.correlation > 0.9) {
            wrong.push(format!("{motion:?} {size:?}: {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_was_moved_is_moved_back() {
    let reference = photo((WIDTH, HEIGHT), [0.0; 3], plain);
    let moving = photo((660, 495), [18.0, -9.0, 6.0], plain);
    let got = align(&reference, &moving, AlignOptions::default());
    let (back, inside) = got.apply(&moving, WIDTH, HEIGHT);
    assert!((0.85..0.99).contains(&inside.share()), "{}", inside.share());
    let (reference, _) = reference.pixels().as_chunks::<3>();
    let (back, _) = back.pixels().as_chunks::<3>();
    let apart = reference.iter().zip(back).zip(inside.cells());
    let apart = apart
        .filter(|(_, inside)| **inside)
        .map(|((a, b), _)| a[0].abs_diff(b[0]));
    let sum: f64 = apart.map(f64::from).sum();
    let mean = sum / (inside.share() * f64::from(WIDTH * HEIGHT));
    assert!(mean < 1.0, "{mean} grey levels apart");
}

#[test]
fn points_go_where_pixels_go() {
    let motion = Alignment {
        dx: 21.0,
        dy: -13.0,
        rotation: 8.0,
        ..Alignment::UNKNOWN
    };
    let (reference, size) = ((320, 240), (WIDTH, HEIGHT));
    let mut pixels = vec![0; (WIDTH * HEIGHT * 3) as usize];
    let (x, y) = (400, 150);
    for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let at = ((y + dy) * WIDTH + x + dx) as usize * 3;
        pixels[at..at + 3].fill(255);
    }
    // The middle of the four bright pixels.
    let spot = (f64::from(x) + 1.0, f64::from(y) + 1.0);
    let moving = Picture::from_rgb(WIDTH, HEIGHT, pixels).unwrap();
    let (back, _) = motion.apply(&moving, reference.0, reference.1);
    let brightest = back.luminance().into_iter().enumerate();
    let (at, _) = brightest.max_by_key(|(_, value)| *value).unwrap();
    let got = (at as f64 % 320.0 + 0.5, (at / 320) as f64 + 0.5);
    let expected = motion.to_reference(spot, reference, size);
    let off = (got.0 - expected.0).hypot(got.1 - expected.1);
    assert!(off < 0.8, "{got:?} instead of {expected:?}");
    let (x, y) = motion.to_moving(expected, reference, size);
    assert!((x - spot.0).hypot(y - spot.1) < 1e-9, "{x}, {y}");
}

#[test]
fn no_motion_changes_no_byte() {
    let moving = photo((64, 48), [0.0; 3], plain);
    let (same, inside) = Alignment::UNKNOWN.apply(&moving, 64, 48);
    assert_eq!((same, inside.share()), (moving, 1.0));
}

/// Random but the same in each run.
fn noise(width: u32, height: u32, mut seed: u32) -> Picture {
    let pixels = (0..width * height).flat_map(|_| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        [(seed >> 8) as u8; 3]
    });
    Picture::from_rgb(width, height, pixels.collect()).unwrap()
}

#[test]
fn what_cannot_be_aligned_is_not_certain() {
    let flat = |width: u32, height: u32| {
        Picture::from_rgb(width, height, vec![90; (width * height * 3) as usize]).unwrap()
    };
    let pattern = |shift: f64| {
        let pixels = (0..320 * 240).flat_map(|i| {
            let (x, y) = (f64::from(i % 320) - shift, f64::from(i / 320));
            [(128.0 + 60.0 * ((x * 0.4).sin() + (y * 0.4).sin())) as u8; 3]
        });
        Picture::from_rgb(320, 240, pixels.collect()).unwrap()
    };
    let thing = photo((320, 240), [0.0; 3], plain);
    let pairs = [
        ("one pixel", flat(1, 1), flat(1, 1)),
        ("one pixel and a picture", flat(1, 1), thing.clone()),
        ("flat", flat(320, 240), flat(320, 240)),
        ("flat and a picture", flat(320, 240), thing.clone()),
        ("a picture and flat", thing.clone(), flat(320, 240)),
        ("thin", flat(9000, 1), flat(1, 9000)),
        ("thin noise", noise(3000, 20, 7), noise(3000, 20, 7)),
        ("another shape", thing.clone(), noise(240, 320, 3)),
        ("texture", noise(320, 240, 1), noise(320, 240, 2)),
        ("noise and a picture", thing, noise(320, 240, 2)),
        ("regular pattern", pattern(0.0), pattern(7.0)),
    ];
    for (name, reference, moving) in pairs {
        let got = align(&reference, &moving, AlignOptions::default());
        assert!(!got.certain, "{name}: {got:?}");
        assert!((0.0..=1.0).contains(&got.correlation), "{name}: {got:?}");
        let (out, mask) = got.apply(&moving, 3, 0);
        assert_eq!((out.width(), out.height(), mask.height()), (3, 1, 1));
    }
}

#[test]
fn options_hold_the_search() {
    let reference = photo((320, 240), [0.0; 3], plain);
    let moving = photo((320, 240), [60.0, 0.0, 0.0], plain);
    let small = AlignOptions {
        max_shift: 0.05,
        max_rotation: f64::NAN,
    };
    assert!(!align(&reference, &moving, small).certain);
    let large = AlignOptions {
        max_shift: f64::INFINITY,
        max_rotation: -3.0,
    };
    let got = align(&reference, &moving, large);
    assert!(got.certain && (got.dx - 30.0).abs() < 0.5, "{got:?}");
}
