//! `niteru inspect compare`.

use std::path::Path;

use anyhow::{Error, Result};
use niteru_imaging::{Limits, Picture};
use niteru_inspect::{CompareError, CompareOptions, Comparison, DifferentPlace, compare};
use niteru_store::ComparedPhotos;

use super::heat_maps::HeatMaps;
use super::train::area;
use crate::args::InspectCompareArgs;
use crate::commands::{Context, shown};
use crate::output::Outcome;
use crate::report::comparison::{Compared, comparison};

pub(super) fn run(context: &Context, args: &InspectCompareArgs) -> Result<Outcome> {
    let open = |path: &Path| Picture::open(path, &Limits::default());
    let (first, second) = (open(&args.first)?, open(&args.second)?);
    let options = CompareOptions {
        align: !args.no_align,
        tiles: args.tiles.0,
        area: args.area.as_deref().map(area).transpose()?,
    };
    let encoder = context.encoder(None, &args.model)?;
    let found = compare(&encoder, &first, &second, &options).map_err(|error| named(error, args))?;
    if found.alignment.is_some_and(|found| !found.certain) {
        context.output.warn(
            "it is not certain how the second photo lies relative to the first; they are compared as they lie",
        );
    }
    let scale = Comparison::heat_scale()?;
    let heatmap = match &args.heatmaps {
        None => None,
        Some(folder) => {
            let path = std::path::absolute(&args.second).unwrap_or_else(|_| args.second.clone());
            let heat = found.heat_of_second()?;
            Some(HeatMaps::in_folder(folder)?.write(&path, &heat, &second, scale)?)
        }
    };
    if let Some(file) = &args.html {
        let compared = Compared {
            paths: [&args.first, &args.second],
            first: &first,
            second: &second,
            found: &found,
            scale,
        };
        comparison(args.report.language(), encoder.model(), &compared, file)?;
        context.output.note(format!("wrote {}", file.display()));
    }
    if context.output.is_json() {
        let names = [shown(&args.first), shown(&args.second)];
        let size = [second.width(), second.height()];
        let heatmap = heatmap.as_deref().map(shown);
        let told = ComparedPhotos::new(names, size, &found, heatmap);
        context.output.json(&told)?;
    } else {
        context.output.text(told(&found.differences))?;
    }
    Ok(Outcome::Done)
}

/// The error with the file that it is about.
fn named(error: CompareError, args: &InspectCompareArgs) -> Error {
    let about = match (&error, &args.area) {
        (CompareError::EmptyArea, Some(area)) => area.display().to_string(),
        _ => format!("{} and {}", args.first.display(), args.second.display()),
    };
    Error::new(error).context(about)
}

/// One line for each place.
fn told(differences: &[DifferentPlace]) -> String {
    let line = |place: &DifferentPlace| {
        let other = place.other;
        format!(
            "{:>7.2}  at {}, {} ({} × {}), in the first photo at {}, {} ({} × {})",
            place.score, place.x, place.y, place.w, place.h, other.x, other.y, other.w, other.h
        )
    };
    match differences.is_empty() {
        true => "no difference found".to_string(),
        false => differences.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}
