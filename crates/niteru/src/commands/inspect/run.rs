//! `niteru inspect run`.

mod origin;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use niteru_encoder::with_causes;
use niteru_imaging::Limits;
use niteru_inspect::Inspector;
use niteru_store::{
    DriftBasis, InspectError, InspectedFile, LOOK_BACK, NewInspection, ToldInspection, inspect_file,
};
use rayon::prelude::*;

use self::origin::Origin;
use super::heat_maps::HeatMaps;
use super::{open, photos};
use crate::args::{InspectRunArgs, Language};
use crate::commands::{Context, shown};
use crate::output::Outcome;
use crate::report::inspection::{InspectionReport, told_of_drift};

/// Photos that are judged before their decisions are written down and told.
const PART: usize = 16;

pub(super) fn run(context: &Context, args: &InspectRunArgs) -> Result<Outcome> {
    let home = context.home()?;
    let (file, encoder) = open(context, &home, (&args.name, args.version), args.threads)?;
    let inspector = Inspector::from_bytes(&file.bytes, &encoder)?;
    let (files, mut any_skipped) = photos(context, &args.paths);
    if files.is_empty() && !any_skipped {
        bail!("no photos there");
    }
    let mut heatmaps = args
        .heatmaps
        .as_deref()
        .map(HeatMaps::in_folder)
        .transpose()?;
    let scale = inspector.heat_scale()?;
    let origin = Origin::of(context, args, &files)?;
    any_skipped |= origin.any_skipped();
    let bar = context.output.steps_bar();
    bar.set_length(files.len() as u64);
    let mut report = args.html.as_ref().map(|_| {
        let lang = args.report.language();
        let (name, version) = (&file.inspector.name, Some(file.inspector.version));
        let promise = inspector.promise();
        InspectionReport::new(lang, name, version, inspector.model(), promise)
    });
    for part in files.chunks(PART) {
        let inspected: Vec<Result<InspectedFile, InspectError>> = part
            .par_iter()
            .map(|path| {
                let inspected = inspect_file(&inspector, path, &Limits::default());
                bar.inc(1);
                inspected
            })
            .collect();
        let mut done: Vec<(&Path, InspectedFile)> = Vec::new();
        for (path, inspected) in part.iter().zip(inspected) {
            match inspected {
                Ok(inspected) => done.push((path, inspected)),
                Err(InspectError::Decode(error)) => {
                    any_skipped = true;
                    let reason = with_causes(error.reason());
                    context
                        .output
                        .warn(format!("skipped: {}: {reason}", path.display()));
                }
                Err(error) => return Err(error).context(path.display().to_string()),
            }
        }
        let records: Vec<NewInspection> = done
            .iter()
            .map(|(path, inspected)| origin.record(path, inspected, encoder.kernels().name()))
            .collect();
        let ids = home.record_inspections(file.inspector.id, &records)?;
        for (id, (path, inspected)) in ids.into_iter().zip(&done) {
            let heat = &inspected.inspection.heat;
            let heatmap = match &mut heatmaps {
                Some(folder) => Some(folder.write(path, heat, &inspected.picture, scale)?),
                None => None,
            };
            if let Some(report) = &mut report {
                report.add(path, &inspected.picture, &inspected.inspection, scale);
            }
            tell(context, id, path, inspected, heatmap)?;
        }
    }
    bar.finish_and_clear();
    let basis = DriftBasis::of(&inspector);
    let drift = home.drift(&basis.query(file.inspector.id, LOOK_BACK))?;
    if let Some(told) = told_of_drift(Language::En, &drift) {
        context.output.warn(told.sentences.join("\n"));
    }
    if let (Some(report), Some(file)) = (&mut report, &args.html) {
        report.warn_of(&drift);
        report.write(file)?;
        context.output.note(format!("wrote {}", file.display()));
    }
    Ok(Outcome::skipped(any_skipped))
}

fn tell(
    context: &Context,
    id: u64,
    path: &Path,
    inspected: &InspectedFile,
    heatmap: Option<PathBuf>,
) -> Result<()> {
    let heatmap = heatmap.as_deref().map(shown);
    let told = inspected.told(id, path.to_path_buf(), heatmap);
    match context.output.is_json() {
        true => Ok(context.output.json(&told)?),
        false => tell_found(context, &told),
    }
}

/// Tells people of an inspection, in a line.
pub(super) fn tell_found(context: &Context, found: &ToldInspection) -> Result<()> {
    let place = found.regions.first().map_or_else(String::new, |worst| {
        let (x, y) = (worst.x + worst.w / 2, worst.y + worst.h / 2);
        format!("  worst at {x}, {y} ({} × {})", worst.w, worst.h)
    });
    Ok(context.output.text(format!(
        "{:<6}  {:>7.3} / {:.3}  p {:.3}  #{}  {}{place}{}",
        found.verdict.name(),
        found.score,
        found.threshold,
        found.p_value,
        found.id,
        found.path.display(),
        match found.alignment {
            Some(alignment) if !alignment.certain =>
                "  (compared as it lies: how it lies is not certain)",
            _ => "",
        }
    ))?)
}
