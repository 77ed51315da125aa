//! Made-up boards: a brushed surface with things in their places, a pixel or so aside on each board.

#![allow(clippy::unwrap_used)]

use niteru_imaging::{Picture, Rect};

use niteru_testkit::Random;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// A rectangle of another colour.
#[derive(Clone, Copy)]
struct Thing {
    centre: (f64, f64),
    size: (f64, f64),
    colour: [f64; 3],
}

const THINGS: [Thing; 4] = [
    thing((200.0, 60.0), (50.0, 24.0), [60.0, 20.0, -40.0]),
    thing((260.0, 150.0), (22.0, 60.0), [-60.0, -50.0, 10.0]),
    thing((190.0, 190.0), (40.0, 20.0), [-50.0, 30.0, -20.0]),
    thing((40.0, 40.0), (24.0, 24.0), [50.0, 50.0, 50.0]),
];

/// Where they lie when they lie wrong: beside other things, not on them.
const MOVED: [(f64, f64); 4] = [
    (200.0, 115.0),
    (210.0, 140.0),
    (100.0, 205.0),
    (110.0, 40.0),
];

const fn thing(centre: (f64, f64), size: (f64, f64), colour: [f64; 3]) -> Thing {
    Thing {
        centre,
        size,
        colour,
    }
}

pub(crate) fn good(seed: u64) -> Picture {
    board(seed, &THINGS)
}

/// A thing in another place, or missing, by turns; and where that can be seen.
pub(crate) fn displaced(seed: u64) -> (Picture, Vec<Rect>) {
    let at = seed as usize % THINGS.len();
    let mut things = THINGS.to_vec();
    let mut places = vec![place(&things[at])];
    match (seed as usize / THINGS.len()).is_multiple_of(2) {
        true => {
            things[at].centre = MOVED[at];
            places.push(place(&things[at]));
        }
        false => {
            things.remove(at);
        }
    }
    (board(seed, &things), places)
}

fn place(thing: &Thing) -> Rect {
    let edge = |centre: f64, side: f64| (centre - side / 2.0) as i64;
    Rect {
        x: edge(thing.centre.0, thing.size.0),
        y: edge(thing.centre.1, thing.size.1),
        width: thing.size.0 as u32,
        height: thing.size.1 as u32,
    }
}

fn board(seed: u64, things: &[Thing]) -> Picture {
    let mut random = Random::new(seed);
    let mut around = move || random.number() + random.number() + random.number() - 1.5;
    let light = 140.0 + 10.0 * around();
    let (left, down) = (2.0 * around(), 2.0 * around());
    let mut pixels = Vec::new();
    for y in 0..HEIGHT {
        let mut brushed = 0.0;
        for x in 0..WIDTH {
            brushed = 0.9 * brushed + 8.0 * around();
            let mut colour = [light + brushed + 6.0 * around(); 3];
            let (x, y) = (f64::from(x) - left, f64::from(y) - down);
            if ((x - 100.0).hypot(y - 120.0) - 45.0).abs() < 4.0 {
                colour = [colour[0] - 70.0, colour[1] - 40.0, colour[2] - 20.0];
            }
            let on = |thing: &&Thing| {
                (x - thing.centre.0).abs() < thing.size.0 / 2.0
                    && (y - thing.centre.1).abs() < thing.size.1 / 2.0
            };
            for thing in things.iter().filter(on) {
                let mixed = colour.iter_mut().zip(thing.colour);
                mixed.for_each(|(value, more)| *value += more);
            }
            pixels.extend(colour.map(|value| value.round().clamp(0.0, 255.0) as u8));
        }
    }
    Picture::from_rgb(WIDTH, HEIGHT, pixels).unwrap()
}
