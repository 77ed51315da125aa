//! Damaged files: an error or a picture, never a panic, never more memory than the limits allow.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use niteru_imaging::{Limits, Picture};

/// Counts the bytes in use and the most there were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What decoders use beside pixels: tables, line buffers, a copy of the file.
const SLACK: usize = 16 << 20;

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }
}

/// Seconds that these bytes take: the least of some times, as other work on this computer holds up the others.
fn seconds_for(bytes: &[u8], limits: &Limits) -> f64 {
    let once = |_| {
        let clock = Instant::now();
        let _ = Picture::size_in_file(bytes, limits);
        let _ = Picture::decode(bytes, limits);
        clock.elapsed().as_secs_f64()
    };
    (0..3).map(once).fold(f64::INFINITY, f64::min)
}

/// Most seconds that a damaged file may take: two; on a slow computer, forty times what a sound one of a quarter of
/// the most pixels takes.
fn most_seconds(limits: &Limits) -> f64 {
    let (width, height) = (1000u32, 1000u32);
    let pixels = (0..3 * width * height).map(|at| (at * 31 / 8) as u8);
    let sound = Picture::from_rgb(width, height, pixels.collect()).unwrap();
    let sound = sound.to_png().unwrap();
    assert!(Picture::decode(&sound, limits).is_ok());
    (40.0 * seconds_for(&sound, limits)).max(2.0)
}

fn damaged(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = file.to_vec();
    match random.below(5) {
        0 => bytes.truncate(random.below(file.len())),
        1 => {
            let from = random.below(file.len());
            let to = (from + random.below(40)).min(file.len());
            bytes.drain(from..to);
        }
        kind => {
            // Half of the changes hit the header, where sizes and offsets are.
            let reach = if kind == 2 {
                file.len()
            } else {
                file.len().min(300)
            };
            for _ in 0..1 + random.below(6) {
                let at = random.below(reach);
                bytes[at] = match random.below(4) {
                    0 => 0xff,
                    1 => 0,
                    2 => bytes[at] ^ (1 << random.below(8)),
                    _ => random.below(256) as u8,
                };
            }
        }
    }
    bytes
}

#[test]
fn damaged_files_cost_an_error_at_most() {
    let limits = Limits {
        max_pixels: 4_000_000,
        max_alloc: 32 << 20,
        ..Default::default()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.retain(|path| niteru_imaging::is_image_path(path));
    files.sort();
    assert!(files.len() > 40, "{} files", files.len());
    let rounds = std::env::var("NITERU_FUZZ_ROUNDS").map_or(600, |text| text.parse().unwrap());
    let most_seconds = most_seconds(&limits);
    let started = Instant::now();
    let (mut decoded, mut refused, mut caught) = (0, 0, 0);
    let mut wrong = vec![];
    for path in files {
        let file = std::fs::read(&path).unwrap();
        if file.is_empty() {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut random = Random(
            name.bytes()
                .fold(7, |seed: u64, b| seed.wrapping_mul(31) + u64::from(b)),
        );
        for round in 0..rounds {
            let bytes = damaged(&file, &mut random);
            let before = IN_USE.load(Relaxed);
            MOST.store(before, Relaxed);
            let clock = Instant::now();
            let size = Picture::size_in_file(&bytes, &limits).ok();
            match Picture::decode(&bytes, &limits) {
                Ok(picture) => {
                    if size != Some(picture.full_size()) {
                        wrong.push(format!("{name} round {round}: {size:?}, not {picture:?}"));
                    }
                    let pixels = u64::from(picture.width()) * u64::from(picture.height());
                    if pixels > limits.max_pixels || picture.pixels().len() as u64 != 3 * pixels {
                        wrong.push(format!("{name} round {round}: {picture:?}"));
                    }
                    decoded += 1;
                }
                Err(error) => {
                    caught += usize::from(error.to_string().contains("could not cope"));
                    refused += 1;
                }
            }
            let used = MOST.load(Relaxed) - before;
            if used > limits.max_alloc as usize + SLACK {
                wrong.push(format!("{name} round {round}: {used} bytes of memory"));
            }
            let seconds = clock.elapsed().as_secs_f64();
            if seconds > most_seconds && seconds_for(&bytes, &limits) > most_seconds {
                wrong.push(format!("{name} round {round}: {seconds:.1} s"));
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{decoded} decoded, {refused} refused, {caught} panics caught, {seconds:.1} s");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(decoded > 100 && refused > 1000, "{decoded} {refused}");
}
