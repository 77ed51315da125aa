//! `niteru models check`: what each precision costs in accuracy and brings in speed, on one's own
//! photos.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Result, bail};
use niteru_encoder::{
    EmbedOptions, LEAST_COSINE, PrecisionChoice, PrecisionReport, check_precisions,
};
use niteru_kernels::Precision;
use niteru_store::image_files;
use serde::Serialize;

use super::{Context, kernels, shown, use_threads};
use crate::args::ModelsCheckArgs;
use crate::output::Outcome;

/// The contract of `--json`.
#[derive(Serialize)]
struct Checked {
    model: String,
    kernels: &'static str,
    images: usize,
    precisions: Vec<Row>,
    /// What `--precision auto` takes on this computer.
    auto: &'static str,
    /// The least cosine that it accepts.
    least_cosine: f64,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct Row {
    precision: &'static str,
    mean_cosine: f64,
    worst_cosine: f64,
    worst: Option<String>,
    images_per_second: f64,
}

#[derive(Serialize)]
struct Skipped {
    path: String,
    reason: String,
}

pub(super) fn run(context: &Context, args: &ModelsCheckArgs) -> Result<Outcome> {
    use_threads(args.threads)?;
    let kernels = kernels()?;
    let files = context.models().open(&args.name)?;
    let mut skipped = Vec::new();
    let mut skip = |path: String, reason: String| {
        context.output.warn(format!("skipped: {reason}"));
        skipped.push(Skipped { path, reason });
    };
    let mut photos: Vec<PathBuf> = Vec::new();
    for found in image_files([args.images.clone()]) {
        match found {
            Ok(photo) if photos.len() < args.limit.get() => photos.push(photo),
            Ok(_) => break,
            Err(unreadable) => skip(shown(&unreadable.path), unreadable.reason),
        }
    }
    if photos.is_empty() {
        bail!("no image below {}", args.images.display());
    }
    let bar = context.output.images_bar();
    let passes = Precision::ALL.len() as u64;
    context
        .output
        .show_total(&bar, passes * photos.len() as u64);
    let options = EmbedOptions {
        threads: args.threads,
        ..EmbedOptions::default()
    };
    let mut unusable = 0;
    let reports = check_precisions(
        &files,
        kernels,
        &photos,
        &options,
        &mut |_, photo, error| {
            bar.inc(1);
            if let Some(error) = error {
                unusable += 1;
                bar.suspend(|| skip(shown(photo), error.to_string()));
            }
            ControlFlow::Continue(())
        },
    )?;
    bar.finish_and_clear();
    // Those that fail do so in the first precision and are not tried again.
    let usable = photos.len().saturating_sub(unusable);
    if usable == 0 {
        bail!("no usable image below {}", args.images.display());
    }
    let any_skipped = !skipped.is_empty();
    let checked = Checked {
        model: args.name.clone(),
        kernels: kernels.name(),
        images: usable,
        precisions: reports.into_iter().map(row).collect(),
        auto: PrecisionChoice::Auto.resolve(&files, kernels)?.name(),
        least_cosine: LEAST_COSINE,
        skipped,
    };
    if context.output.is_json() {
        context.output.json(&checked)?;
    } else {
        context.output.text(describe(&checked))?;
    }
    Ok(Outcome::skipped(any_skipped))
}

fn row(report: PrecisionReport) -> Row {
    Row {
        precision: report.precision.name(),
        mean_cosine: report.mean_cosine,
        worst_cosine: report.worst_cosine,
        worst: report.worst.as_deref().map(shown),
        images_per_second: report.images_per_second,
    }
}

fn describe(checked: &Checked) -> String {
    let mut lines = vec![
        format!(
            "{} on {} images ({} kernels)",
            checked.model, checked.images, checked.kernels
        ),
        "precision  images/s  mean cosine  worst cosine to f32".to_string(),
    ];
    for row in &checked.precisions {
        let worst = row.worst.as_deref().unwrap_or_default();
        let worst = if row.precision == "f32" { "" } else { worst };
        let line = format!(
            "{:<9}  {:>8.1}  {:>11.6}  {:.6}  {worst}",
            row.precision, row.images_per_second, row.mean_cosine, row.worst_cosine
        );
        lines.push(line.trim_end().to_string());
    }
    lines.push(format!("--precision auto takes {} here", checked.auto));
    lines.join("\n")
}
