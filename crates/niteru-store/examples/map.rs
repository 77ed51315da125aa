//! How long maps take, and how well they keep neighbours: `cargo run --release -p niteru-store --example map`.
//!
//! - `made IMAGES` lays out so many made-up embeddings of 512 values in clusters of about a hundred, with
//!   neighbours from an HNSW index: time of each stage and most memory; of up to 5000, also the quality;
//! - `home FOLDER COLLECTION` draws the map of a collection and compares it with the plane of the first two
//!   principal components.

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use std::{env, fs, thread};

use niteru_index::synthetic::Clusters;
use niteru_index::{BuildOptions, Changes, HnswIndex, Search, VectorIndex, from_f16, to_f16};
use niteru_kernels::Kernels;
use niteru_learn::{LayoutOptions, Neighbours, Plane, layout, layout_quality};
use niteru_store::{Home, MapOptions};

const DIMENSIONS: usize = 512;
const NEIGHBOURS: usize = 15;
/// Above this, comparing all pairs takes too long.
const JUDGED: usize = 5000;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["made", images] => made(images.parse()?),
        ["home", folder, collection] => home(Path::new(folder), collection),
        _ => Err("use: map made IMAGES | home FOLDER COLLECTION".into()),
    }
}

fn made(images: usize) -> Result<(), Box<dyn Error>> {
    let kernels = Kernels::detect();
    let clusters = Clusters::new(images, DIMENSIONS, 1);
    let index = HnswIndex::new(DIMENSIONS, kernels);
    for first in (0..images).step_by(1000) {
        let ids: Vec<u64> = (first..images.min(first + 1000))
            .map(|id| id as u64)
            .collect();
        let vectors: Vec<_> = ids
            .iter()
            .flat_map(|&id| to_f16(&clusters.vector(id)))
            .collect();
        let version = first as u64 + 1;
        index.apply(&Changes {
            version,
            ids: &ids,
            vectors: &vectors,
            ..Changes::default()
        })?;
    }
    println!(
        "{images} × {DIMENSIONS}, {} cores, {}",
        cores(),
        kernels.name()
    );
    let mut time = Instant::now();
    let mut lap = |what: &str| {
        println!(
            "{what:<12} {:>7.1} s, at most {:>4} MB",
            time.elapsed().as_secs_f64(),
            most_memory()
        );
        time = Instant::now();
    };
    index.build(BuildOptions::default())?;
    lap("index");
    let row = |id: u64| from_f16(&to_f16(&clusters.vector(id)));
    let every = images.div_ceil(4096).max(1);
    let sample: Vec<f32> = (0..images as u64).step_by(every).flat_map(row).collect();
    let plane = Plane::fit(kernels, &sample, DIMENSIONS)?;
    let start: Vec<[f64; 2]> = (0..images as u64)
        .map(|id| plane.project(&row(id)))
        .collect();
    lap("plane");
    let neighbours = neighbours(&index, images, &row)?;
    lap("neighbours");
    let places = layout(&start, &neighbours, LayoutOptions::default())?;
    lap("layout");
    if images <= JUDGED {
        let rows: Vec<f32> = (0..images as u64).flat_map(row).collect();
        judge("plane", &rows, DIMENSIONS, &narrow(&start));
        judge("layout", &rows, DIMENSIONS, &places);
    }
    Ok(())
}

fn neighbours(
    index: &HnswIndex,
    images: usize,
    row: &(impl Fn(u64) -> Vec<f32> + Sync),
) -> Result<Neighbours, Box<dyn Error>> {
    let part = images.div_ceil(cores()).max(1);
    let search = |first: usize| {
        let ids = first..images.min(first + part);
        let lists = ids.map(|id| index.search(&row(id as u64), &Search::top(NEIGHBOURS + 1)));
        lists.collect::<Result<Vec<_>, _>>()
    };
    let parts = thread::scope(|scope| {
        let firsts = (0..images).step_by(part);
        let threads: Vec<_> = firsts
            .map(|first| scope.spawn(move || search(first)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Vec<_>>()
    });
    let mut all = Neighbours::new();
    for part in parts {
        for hits in part.map_err(|_| "a thread panicked")?? {
            all.push(hits.iter().map(|hit| (hit.id as u32, 1.0 - hit.similarity)));
        }
    }
    Ok(all)
}

fn home(folder: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let home = Home::open(folder)?;
    let collection = home.collection(name)?;
    let report = collection.draw_map(MapOptions::default())?;
    println!("{} images in {:.2} s", report.images, report.seconds);
    let points = collection.map_points()?;
    let dimensions = collection.identity().dimensions;
    let mut rows = Vec::with_capacity(points.ids.len() * dimensions);
    for &id in &points.ids {
        rows.extend(collection.embedding(id)?);
    }
    let plane = Plane::fit(Kernels::detect(), &rows, dimensions)?;
    let flat: Vec<[f64; 2]> = rows
        .chunks_exact(dimensions)
        .map(|row| plane.project(row))
        .collect();
    judge("plane", &rows, dimensions, &narrow(&flat));
    let places: Vec<[f32; 2]> = points
        .places
        .iter()
        .map(|place| place.map(f32::from))
        .collect();
    judge("map", &rows, dimensions, &places);
    Ok(())
}

fn judge(name: &str, rows: &[f32], dimensions: usize, places: &[[f32; 2]]) {
    let found = layout_quality(Kernels::detect(), rows, dimensions, places, NEIGHBOURS);
    println!(
        "{name:<8} trustworthiness {:.4}, neighbours kept {:.3}",
        found.trustworthiness, found.kept
    );
}

fn narrow(places: &[[f64; 2]]) -> Vec<[f32; 2]> {
    places.iter().map(|place| place.map(|x| x as f32)).collect()
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The most memory that this process has had, in MB; 0 where the system does not tell.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1000
}
