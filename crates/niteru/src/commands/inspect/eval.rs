//! `niteru inspect eval`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use niteru_imaging::Limits;
use niteru_inspect::{Inspector, Known, Quality, Rate, evaluate};
use niteru_store::Evaluation;

use super::{open, photos};
use crate::args::InspectEvalArgs;
use crate::commands::{Context, count};
use crate::commands::add::described;
use crate::output::Outcome;

pub(super) fn run(context: &Context, args: &InspectEvalArgs) -> Result<Outcome> {
    let home = context.home()?;
    let (file, encoder) = open(context, &home, (&args.name, args.version), args.threads)?;
    let inspector = Inspector::from_bytes(&file.bytes, &encoder)?;
    let (good, good_skipped) = photos(context, &args.good);
    let (bad, bad_skipped) = photos(context, &args.bad);
    if good.is_empty() || bad.is_empty() {
        bail!(
            "an evaluation needs good and bad photos: found {} and {}",
            good.len(),
            bad.len()
        );
    }
    let masks = match &args.masks {
        Some(folder) => masks(context, folder)?,
        None => HashMap::new(),
    };
    let known: Vec<Known> = good
        .into_iter()
        .map(|path| (path, true))
        .chain(bad.into_iter().map(|path| (path, false)))
        .map(|(path, good)| Known {
            mask: path
                .file_stem()
                .filter(|_| !good)
                .and_then(|stem| masks.get(stem).cloned()),
            path,
            good,
        })
        .collect();
    let bar = context.output.steps_bar();
    bar.set_length(known.len() as u64);
    let quality = evaluate(&inspector, &known, &Limits::default(), &|| {
        bar.inc(1);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let quality = quality?;
    for skipped in &quality.skipped {
        context
            .output
            .warn(format!("skipped: {}", described(skipped)));
    }
    for mask in &quality.stretched {
        context.output.warn(format!(
            "{} has another shape than its photo and was stretched: pixel AUROC and PRO may be wrong",
            mask.display()
        ));
    }
    if quality.learnt > 0 {
        context.output.warn(format!(
            "{} of the {} were trained with: the figures are brighter than the line will be; use photos of \
             other good parts",
            quality.learnt,
            count(quality.good, "good photo")
        ));
    }
    if let Some(report) = &args.html {
        let lang = args.report.language();
        let (name, model) = (&file.inspector.name, inspector.model());
        crate::report::evaluation::evaluation(lang, name, model, &quality, report)?;
        context.output.note(format!("wrote {}", report.display()));
    }
    let evaluation = Evaluation {
        inspector: file.inspector.name,
        version: file.inspector.version,
        quality,
    };
    if context.output.is_json() {
        context.output.json(&evaluation)?;
    } else {
        context.output.text(told(&evaluation.quality))?;
    }
    let quality = &evaluation.quality;
    let any_skipped = good_skipped || bad_skipped || !quality.skipped.is_empty();
    Ok(Outcome::skipped(any_skipped))
}

/// The masks of a folder by the names of their photos.
fn masks(context: &Context, folder: &Path) -> Result<HashMap<OsString, PathBuf>> {
    let (files, _) = photos(context, &[folder.to_path_buf()]);
    if files.is_empty() {
        bail!("{}: no masks there", folder.display());
    }
    let mut named: HashMap<OsString, PathBuf> = HashMap::new();
    for file in files {
        let Some(stem) = file.file_stem() else {
            continue;
        };
        if let Some(other) = named.insert(stem.to_os_string(), file.clone()) {
            bail!(
                "{} and {} are masks of one name; give photos names of their own",
                other.display(),
                file.display()
            );
        }
    }
    Ok(named)
}

fn told(quality: &Quality) -> String {
    let figure =
        |value: Option<f64>| value.map_or("–".to_string(), |value| format!("{value:.4}"));
    let rate = |rate: &Rate| match rate.value {
        Some(value) => format!(
            "{:.1} % (95 %: {:.1} to {:.1})",
            100.0 * value,
            100.0 * rate.interval.low,
            100.0 * rate.interval.high
        ),
        None => "–".to_string(),
    };
    format!(
        "{} good, {} bad\n\
         AUROC         {}\n\
         AUPR          {}\n\
         F1            {}\n\
         false alarms  {}\n\
         missed        {}\n\
         pixel AUROC   {}\n\
         PRO           {}\n\
         a photo       {:.1} ms",
        quality.good,
        quality.bad,
        figure(quality.auroc),
        figure(quality.aupr),
        figure(quality.f1),
        rate(&quality.false_alarm),
        rate(&quality.miss),
        figure(quality.pixel_auroc),
        figure(quality.pro),
        quality.milliseconds_per_image.unwrap_or(0.0),
    )
}
