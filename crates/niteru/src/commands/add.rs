//! `niteru add`: images into a collection.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use niteru_encoder::{EmbedOptions, Encoder};
use niteru_store::{AddOptions, AddProgress, AddReport, DuplicateKind, FileEncoder, Home, Skipped};

use super::{Context, count, index, shown, watch};
use crate::args::AddArgs;
use crate::output::Outcome;

/// Most vanished files that are listed for people; JSON lists all.
const LISTED: usize = 20;

pub(super) fn run(context: &Context, args: &AddArgs) -> Result<Outcome> {
    let home = context.home()?;
    let encoder = context.encoder_of(&home, &args.collection, &args.model)?;
    if args.watch.watch {
        return watch::run(context, &home, args, &encoder);
    }
    let report = add(
        context,
        &home,
        &args.collection,
        &args.paths,
        args.metadata.as_deref(),
        args.skip_duplicates,
        &encoder,
        args.model.threads,
    )?;
    // Before the result is printed: who reads it may stop reading, and us with it.
    if !report.cancelled && report.added + report.updated + report.unchanged > 0 {
        index::after_add(context, &home, &args.collection, None)?;
    }
    if context.output.is_json() {
        context.output.json(&report)?;
    } else {
        context.output.text(summary(&report))?;
    }
    let csv_skipped = report
        .metadata
        .as_ref()
        .is_some_and(|csv| csv.applied < csv.rows);
    Ok(Outcome::skipped(!report.skipped.is_empty() || csv_skipped))
}

/// Adds with a progress bar, and tells of every input that was skipped.
// As many plain words as there are things to add with.
#[allow(clippy::too_many_arguments)]
pub(super) fn add(
    context: &Context,
    home: &Home,
    collection: &str,
    paths: &[PathBuf],
    metadata: Option<&Path>,
    skip_duplicates: bool,
    encoder: &Encoder,
    threads: Option<NonZeroUsize>,
) -> Result<AddReport> {
    let bar = context.output.images_bar();
    let show = context.output.on_bar(&bar);
    let progress = |progress: &AddProgress| show(progress.done, progress.total);
    let mut options = AddOptions::default();
    options.metadata = metadata;
    options.skip_duplicates = skip_duplicates;
    options.progress = Some(&progress);
    let options_for_files = EmbedOptions {
        threads,
        ..EmbedOptions::default()
    };
    let encoder = FileEncoder {
        encoder,
        options: options_for_files,
    };
    let report = home.add(collection, paths, &encoder, options);
    bar.finish_and_clear();
    let report = report?;
    for skipped in &report.skipped {
        context
            .output
            .warn(format!("skipped: {}", described(skipped)));
    }
    for duplicate in &report.duplicates {
        let how = match duplicate.kind {
            DuplicateKind::Exact => "has the contents of".to_owned(),
            DuplicateKind::Near => format!("looks the same ({:.3}) as", duplicate.similarity),
        };
        context.output.note(format!(
            "not added: {} {how} {}",
            shown(&duplicate.path),
            shown(&duplicate.image_path)
        ));
    }
    Ok(report)
}

/// The reason with its path, which some reasons begin with already.
pub(super) fn described(skipped: &Skipped) -> String {
    let path = shown(&skipped.path);
    match skipped.reason.starts_with(&path) {
        true => skipped.reason.clone(),
        false => format!("{path}: {}", skipped.reason),
    }
}

pub(super) fn summary(report: &AddReport) -> String {
    let mut text = format!(
        "{}: {} added, {} updated, {} unchanged, {} skipped in {:.1} s ({})",
        report.collection,
        report.added,
        report.updated,
        report.unchanged,
        report.skipped.len(),
        report.seconds,
        report.model,
    );
    if !report.duplicates.is_empty() {
        let files = count(report.duplicates.len(), "duplicate");
        text += &format!("\n{files} not added: the collection has them already");
    }
    if !report.missing.is_empty() {
        let files = count(report.missing.len(), "file");
        text += &format!(
            "\n{files} of the collection vanished and will not be found until they are back:"
        );
        for path in report.missing.iter().take(LISTED) {
            text += &format!("\n  {}", path.display());
        }
    }
    if let Some(csv) = &report.metadata {
        text += &format!(
            "\nmetadata: {} of {} applied from {} ({})",
            csv.applied,
            count(csv.rows as usize, "row"),
            csv.path.display(),
            csv.encoding
        );
    }
    text
}
