//! `niteru bench embed`: how fast this computer embeds.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use niteru_encoder::{EmbedOptions, Encoder, LoadOptions, Pixels, PrecisionChoice};
use niteru_imaging::{Limits, Picture};
use niteru_kernels::Precision;
use niteru_store::image_files;
use serde::Serialize;

use super::{Context, kernels, use_threads};
use crate::args::{BenchEmbedArgs, ModelArgs};
use crate::output::Outcome;

/// Rounds that are measured at the least, whatever the time.
const MIN_ROUNDS: usize = 5;

/// Photos that a measurement reads at the most; more would only measure the disk.
const MAX_IMAGES: usize = 256;

/// Most bytes of photos, encoded and decoded, that wait in memory for the stages to be measured
/// alone. At least one photo does, whatever its size.
const MAX_BYTES: usize = 256 << 20;

/// The contract of `--json`. Times are medians; those of stages are for one image on one thread.
#[derive(Serialize)]
struct Measured {
    model: String,
    precision: &'static str,
    kernels: &'static str,
    threads: usize,
    batch: usize,
    images: usize,
    /// Files to embeddings, all stages overlapped on all threads.
    images_per_second: f64,
    /// The network alone on all threads.
    forward_images_per_second: f64,
    milliseconds: Milliseconds,
}

#[derive(Serialize)]
struct Milliseconds {
    decode: f64,
    preprocess: f64,
    /// One image's share of a batch on all threads.
    forward: f64,
    /// A whole batch on all threads: at batch 1 the latency.
    forward_batch: f64,
}

pub(super) fn embed(context: &Context, args: &BenchEmbedArgs) -> Result<Outcome> {
    let encoder = match args.random {
        Some(_) => {
            use_threads(args.threads)?;
            let options = LoadOptions::new(kernels()?);
            let precision = match args.numbers.precision.unwrap_or_default() {
                PrecisionChoice::Exactly(precision) => precision,
                PrecisionChoice::Auto if options.kernels.prefers_bf16() => Precision::Bf16,
                PrecisionChoice::Auto => Precision::F32,
            };
            Encoder::random_clip_vit_b_32(&options.with_precision(precision))?
        }
        None => {
            let model = ModelArgs {
                model: args.model.clone(),
                numbers: args.numbers.clone(),
                threads: args.threads,
            };
            context.encoder(None, &model)?
        }
    };
    // Dropped, and so removed, at the end.
    let made_up = tempfile::tempdir().context("cannot make a temporary folder")?;
    let files = match &args.images {
        Some(folder) => photos(folder)?,
        None => made_up_photos(made_up.path(), args.batch.get())?,
    };
    let measured = measure(&encoder, &files, args)?;
    if context.output.is_json() {
        context.output.json(&measured)?;
    } else {
        context.output.text(describe(&measured))?;
    }
    Ok(Outcome::Done)
}

fn measure(encoder: &Encoder, files: &[PathBuf], args: &BenchEmbedArgs) -> Result<Measured> {
    let limits = Limits::default();
    let photos = load(files, &limits, MAX_BYTES)?;
    let batch = args.batch.get();
    let pixels: Vec<Pixels> = (0..batch)
        .map(|i| {
            encoder
                .preprocess()
                .apply(&photos[i % photos.len()].picture)
        })
        .collect();

    // Each stage gets a share of the time; the network, which varies most between peers, half.
    let total = Duration::from_secs_f64(args.seconds);
    let forward = median(total / 2, || drop(encoder.embed_pixels(&pixels)));
    let mut next = (0..photos.len()).cycle();
    let mut index = || next.next().unwrap_or_default();
    let decode = median(total / 8, || {
        drop(
            encoder
                .preprocess()
                .decode(&photos[index()].encoded, &limits),
        )
    });
    let preprocess = median(total / 8, || {
        drop(encoder.preprocess().apply(&photos[index()].picture))
    });
    let options = EmbedOptions {
        batch: args.batch,
        threads: args.threads,
        limits,
    };
    let whole = median(total / 4, || {
        encoder.embed_files(
            files.iter(),
            &options,
            &mut |_, _| ControlFlow::Continue(()),
        );
    });

    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    Ok(Measured {
        model: encoder.model().to_string(),
        precision: encoder.precision().name(),
        kernels: encoder.kernels().name(),
        threads: args
            .threads
            .map_or_else(rayon::current_num_threads, |threads| threads.get()),
        batch,
        images: files.len(),
        images_per_second: files.len() as f64 / whole.as_secs_f64(),
        forward_images_per_second: batch as f64 / forward.as_secs_f64(),
        milliseconds: Milliseconds {
            decode: milliseconds(decode),
            preprocess: milliseconds(preprocess),
            forward: milliseconds(forward) / batch as f64,
            forward_batch: milliseconds(forward),
        },
    })
}

/// A photo in memory.
struct Photo {
    encoded: Vec<u8>,
    picture: Picture,
}

/// The first files, as many as `max_bytes` hold together, and at least one.
fn load(files: &[PathBuf], limits: &Limits, max_bytes: usize) -> Result<Vec<Photo>> {
    let mut photos = Vec::new();
    let mut bytes = 0;
    for file in files {
        let encoded = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let picture = Picture::decode(&encoded, limits)?;
        bytes += encoded.len() + picture.pixels().len();
        if bytes > max_bytes && !photos.is_empty() {
            break;
        }
        photos.push(Photo { encoded, picture });
    }
    Ok(photos)
}

/// The median time of a call, after one that is not counted.
fn median(total: Duration, mut call: impl FnMut()) -> Duration {
    call();
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < MIN_ROUNDS || started.elapsed() < total {
        let start = Instant::now();
        call();
        times.push(start.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

/// The first readable photos below a folder.
fn photos(folder: &Path) -> Result<Vec<PathBuf>> {
    let files: Vec<PathBuf> = image_files([folder.to_path_buf()])
        .filter_map(Result::ok)
        .filter(|file| Picture::open(file, &Limits::default()).is_ok())
        .take(MAX_IMAGES)
        .collect();
    if files.is_empty() {
        bail!("no readable image below {}", folder.display());
    }
    Ok(files)
}

/// Photo-like JPEG files of 640 × 480 pixels: smooth shapes with some noise, a few for each thread.
fn made_up_photos(folder: &Path, batch: usize) -> Result<Vec<PathBuf>> {
    let (width, height) = (640u32, 480u32);
    let mut noise = 1u32;
    let pixels = (0..width * height)
        .flat_map(|i| {
            let (x, y) = ((i % width) as f32 / 90.0, (i / width) as f32 / 70.0);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 24) as f32 / 32.0;
            [x.sin() + y.cos(), (x * 0.7 + y).sin(), (x - y * 1.3).cos()]
                .map(|v| (128.0 + 50.0 * v + grain) as u8)
        })
        .collect();
    let jpeg = Picture::from_rgb(width, height, pixels)?.to_jpeg(90)?;
    let count = (batch * rayon::current_num_threads() * 2).clamp(16, MAX_IMAGES);
    (0..count)
        .map(|i| {
            let file = folder.join(format!("{i}.jpg"));
            fs::write(&file, &jpeg).with_context(|| format!("cannot write {}", file.display()))?;
            Ok(file)
        })
        .collect()
}

fn describe(m: &Measured) -> String {
    let ms = &m.milliseconds;
    format!(
        "{} ({}, {} kernels, {} threads, batch {})\n\
         files to embeddings  {:8.1} images/s\n\
         network alone        {:8.1} images/s\n\
         decode               {:8.2} ms an image on one thread\n\
         preprocess           {:8.2} ms an image on one thread\n\
         forward              {:8.2} ms an image, {:.2} ms a batch",
        m.model,
        m.precision,
        m.kernels,
        m.threads,
        m.batch,
        m.images_per_second,
        m.forward_images_per_second,
        ms.decode,
        ms.preprocess,
        ms.forward,
        ms.forward_batch
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_in_memory_are_bounded_by_their_bytes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = made_up_photos(folder.path(), 1).expect("photos");
        let one = fs::metadata(&files[0]).expect("a photo").len() as usize + 640 * 480 * 3;
        let cases = [
            (0, 1),
            (one, 1),
            (2 * one - 1, 1),
            (2 * one, 2),
            (5 * one, 5),
        ];
        for (max_bytes, expected) in cases {
            let photos = load(&files, &Limits::default(), max_bytes).expect("photos");
            assert_eq!(photos.len(), expected, "{max_bytes} bytes, one has {one}");
        }
    }
}
