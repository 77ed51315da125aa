//! `niteru compare`: the cosine similarity of every pair of images.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Result, bail};
use niteru_encoder::EmbedOptions;
use niteru_imaging::{MatrixPlot, Picture};
use niteru_store::similarity_matrix;
use serde::Serialize;

use super::{Context, shown};
use crate::args::CompareArgs;
use crate::output::Outcome;
use crate::report::write_whole;

/// Longest side of a thumbnail in a plot, in pixels.
const THUMBNAIL: u32 = 160;

/// Most images whose plot has thumbnails.
const MAX_THUMBNAILS: usize = 40;

/// The contract of `--json`.
#[derive(Serialize)]
struct Compared<'a> {
    model: &'a str,
    images: Vec<String>,
    /// Row by row, images down and across.
    matrix: Vec<Vec<f32>>,
    skipped: Vec<SkippedImage>,
}

#[derive(Clone, Serialize)]
pub(crate) struct SkippedImage {
    pub(crate) path: String,
    pub(crate) reason: String,
}

pub(super) fn run(context: &Context, args: &CompareArgs) -> Result<Outcome> {
    let encoder = context.encoder(None, &args.model)?;
    let mut paths = Vec::new();
    let mut embeddings = Vec::new();
    let mut skipped = Vec::new();
    let options = EmbedOptions {
        threads: args.model.threads,
        ..EmbedOptions::default()
    };
    encoder.embed_files(args.images.iter(), &options, &mut |path, result| {
        match result {
            Ok(embedded) => {
                paths.push(path.as_path());
                embeddings.push(embedded.embedding);
            }
            Err(error) => {
                context.output.warn(format!("skipped: {error}"));
                skipped.push(SkippedImage {
                    path: shown(path),
                    reason: error.to_string(),
                });
            }
        }
        ControlFlow::Continue(())
    });
    if embeddings.len() < 2 {
        bail!("fewer than two images could be read; nothing to compare");
    }
    let matrix = similarity_matrix(encoder.kernels(), &embeddings);
    let labels = short_labels(&paths);
    if let Some(file) = &args.csv {
        write_whole(file, csv(&labels, &matrix)?.as_slice())?;
        context.output.note(format!("wrote {}", file.display()));
    }
    if let Some(file) = &args.plot {
        plot(file, &labels, &paths, &matrix, encoder.model())?;
        context.output.note(format!("wrote {}", file.display()));
    }
    let any = !skipped.is_empty();
    if context.output.is_json() {
        let images = paths.iter().map(|path| shown(path)).collect();
        context.output.json(&Compared {
            model: encoder.model(),
            images,
            matrix,
            skipped,
        })?;
    } else {
        context.output.text(table(&labels, &matrix))?;
    }
    Ok(Outcome::skipped(any))
}

/// File names, or whole paths where two files share a name.
pub(super) fn short_labels(paths: &[&Path]) -> Vec<String> {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    paths
        .iter()
        .map(|path| match name(path) {
            Some(short)
                if paths
                    .iter()
                    .filter(|other| name(other).as_ref() == Some(&short))
                    .count()
                    == 1 =>
            {
                short
            }
            _ => shown(path),
        })
        .collect()
}

/// The matrix with 3 decimals, images down and across.
pub(super) fn table(labels: &[String], matrix: &[Vec<f32>]) -> String {
    use unicode_width::UnicodeWidthStr;
    let pad = |text: &str, width: usize| {
        format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
    };
    let widest = labels.iter().map(|label| label.width()).max().unwrap_or(0);
    let mut text = " ".repeat(widest);
    for label in labels {
        let _ = write!(text, "  {}", pad(label, 6));
    }
    for (label, row) in labels.iter().zip(matrix) {
        let _ = write!(text, "\n{}", pad(label, widest));
        for (label, value) in labels.iter().zip(row) {
            let _ = write!(
                text,
                "  {}",
                pad(&format!("{value:.3}"), label.width().max(6))
            );
        }
    }
    text
}

fn csv(labels: &[String], matrix: &[Vec<f32>]) -> Result<Vec<u8>> {
    // A byte order mark, so that spreadsheet programs read Japanese names as UTF-8.
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(std::iter::once("").chain(labels.iter().map(String::as_str)))?;
    for (label, row) in labels.iter().zip(matrix) {
        let values = row.iter().map(|value| format!("{value:.6}"));
        writer.write_record(std::iter::once(label.clone()).chain(values))?;
    }
    Ok(writer.into_inner()?)
}

fn plot(
    file: &Path,
    labels: &[String],
    paths: &[&Path],
    matrix: &[Vec<f32>],
    model: &str,
) -> Result<()> {
    let limits = niteru_imaging::Limits::default();
    let thumbnails: Vec<Picture> = match paths.len() {
        // More thumbnails would be too small to see and large to store.
        0..=MAX_THUMBNAILS => paths
            .iter()
            .map(|path| Ok(Picture::open(path, &limits)?.thumbnail(THUMBNAIL)))
            .collect::<Result<_>>()?,
        _ => Vec::new(),
    };
    let plot = MatrixPlot {
        title: model.to_string(),
        labels_across: labels.to_vec(),
        labels_down: labels.to_vec(),
        values: matrix.concat(),
        thumbnails_across: thumbnails.clone(),
        thumbnails_down: thumbnails,
        ..MatrixPlot::default()
    };
    let extension = file
        .extension()
        .and_then(|e| e.to_str())
        .map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("svg") => write_whole(file, plot.to_svg()?.as_bytes()),
        Some("png") => write_whole(file, &plot.to_png()?),
        _ => bail!("cannot draw {}: name it .png or .svg", file.display()),
    }
}
