//! `niteru models check`: what each precision costs in accuracy and brings in speed, on one's own
//! photos.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Result, bail};
use niteru_store::{ModelCheck, ModelCheckError, check_model, image_files};

use super::{Context, kernels, use_threads};
use crate::args::ModelsCheckArgs;
use crate::output::Outcome;

pub(super) fn run(context: &Context, args: &ModelsCheckArgs) -> Result<Outcome> {
    use_threads(args.threads)?;
    let cache = context.models();
    // A model that is not there comes before photos that are not.
    cache.open(&args.name)?;
    let mut unreadable = Vec::new();
    let mut photos: Vec<PathBuf> = Vec::new();
    for found in image_files([args.images.clone()]) {
        match found {
            Ok(photo) if photos.len() < args.limit.get() => photos.push(photo),
            Ok(_) => break,
            Err(skipped) => {
                context.output.warn(format!("skipped: {}", skipped.reason));
                unreadable.push(skipped);
            }
        }
    }
    if photos.is_empty() {
        bail!("no image below {}", args.images.display());
    }
    let bar = context.output.images_bar();
    let steps = ModelCheck::PASSES * photos.len();
    context.output.show_total(&bar, steps as u64);
    let checked = check_model(
        &cache,
        &args.name,
        kernels()?,
        &photos,
        args.threads,
        &mut |error| {
            bar.inc(1);
            if let Some(error) = error {
                bar.suspend(|| context.output.warn(format!("skipped: {error}")));
            }
            ControlFlow::Continue(())
        },
    );
    bar.finish_and_clear();
    let mut checked = match checked {
        Err(ModelCheckError::NoPhotos) => {
            bail!("no usable image below {}", args.images.display())
        }
        checked => checked?,
    };
    checked.skipped.splice(0..0, unreadable);
    if context.output.is_json() {
        context.output.json(&checked)?;
    } else {
        context.output.text(describe(&checked))?;
    }
    Ok(Outcome::skipped(!checked.skipped.is_empty()))
}

fn describe(checked: &ModelCheck) -> String {
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
